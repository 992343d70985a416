/* Eight threads on one device, and eight on eight: every scan whole, every answer right. */
#include "check.h"
#include <pthread.h>

#define THREADS 8
#define ROUNDS 5

typedef struct {
    dsmil_device *device;
    const char *spec;
    const place *run;
} task;

static void *use(void *argument) {
    const task *mine = (const task *)argument;
    dsmil_device *device = mine->device != NULL ? mine->device : open_in(mine->spec, mine->run);
    for (int round = 0; round < ROUNDS; round++) {
        dsmil_scan *scan = NULL;
        uint8_t data[DSMIL_MAX_READ_BYTES];
        size_t length = 0;
        dsmil_record record;
        if (CHECK_OK(dsmil_device_scan(device, &scan))) {
            CHECK(dsmil_scan_count(scan) == DSMIL_DEVICE_COUNT);
        }
        dsmil_scan_free(scan);
        uint16_t id = (uint16_t)(DSMIL_FIRST_ID + round % 4);
        CHECK_OK(dsmil_device_info(device, id, &record));
        CHECK(record.id == id);
        CHECK_OK(dsmil_device_read(device, id, data, sizeof data, &length));
        CHECK(length == 512);
        /* The detail is this thread's own, whatever happens on the others. */
        uint16_t forbidden = PERMANENT_IDS[round % 7];
        CHECK_STATUS(dsmil_device_info(device, forbidden, &record), DSMIL_ERROR_DENIED);
        CHECK(last_error().id == forbidden);
    }
    if (mine->device == NULL) {
        dsmil_device_free(device);
    }
    return NULL;
}

static void eight(const char *spec, bool share) {
    place run = new_place();
    dsmil_device *device = share ? open_in(spec, &run) : NULL;
    task mine = {device, spec, &run};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        NEED(pthread_create(&threads[i], NULL, use, &mine) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    dsmil_device_free(device);
    remove_place(&run);
}

int main(void) {
    forget_environment();
    eight("sim:seed=7", true);
    eight("sim:seed=7", false);
    place served = new_place();
    dsmil_server *server = NULL;
    NEED(dsmil_sim_serve(served.path, "seed=7", NULL, &server) == DSMIL_OK);
    eight(dsmil_server_device_path(server), true);
    eight(dsmil_server_device_path(server), false);
    for (int i = 0; i < 7; i++) {
        uint64_t count = 1;
        CHECK_OK(dsmil_server_accesses(server, PERMANENT_IDS[i], &count));
        CHECK(count == 0);
    }
    dsmil_server_free(server);
    remove_place(&served);
    return check_report("test_threads");
}
