/* Every id that there can be, times every operation, on a served device (or on the kernel module's, which DSMIL_TEST_DEVICE names): what may not be asked for never is, by the
 * served device's own count. The same with a policy that is missing, empty, malformed, unreadable, and with one that
 * tries to release the seven: then nothing at all is asked for. */
#include "check.h"
#include "kernel.h"

#define SERVED_AND_ALLOWED (DSMIL_DEVICE_COUNT - 5)

/* What the driver itself says that it was asked of the seven, from its own file. */
static long accesses_to_the_seven(const place *served) {
    static char file_text[1 << 20];
    const char *text = file_text;
    if (kernel_node() != NULL) {
        text = kernel_counters();
    } else {
        FILE *file = fopen(in_place(served, "counters.json"), "r");
        NEED(file != NULL);
        size_t length = fread(file_text, 1, sizeof file_text - 1, file);
        file_text[length] = '\0';
        fclose(file);
    }
    const char *field = strstr(text, "\"permanent\":");
    NEED(field != NULL);
    long total = strtol(field + strlen("\"permanent\":"), NULL, 10);
    for (int i = 0; i < 7; i++) {
        char id[16];
        snprintf(id, sizeof id, "\"0x%04X\"", PERMANENT_IDS[i]);
        total += strstr(text, id) != NULL;
    }
    return total;
}

/* In the guest of `make test-kernel`, where each denial takes a millisecond: those that the specification names, and every 64th of
 * the others, unless DSMIL_TEST_EVERY_ID is set. */
static bool is_asked_for(unsigned id) {
    static int is_fast = -1;
    if (is_fast < 0) {
        is_fast = kernel_node() == NULL || getenv("DSMIL_TEST_EVERY_ID") != NULL;
    }
    return is_fast || (id >= 0x7F00 && id <= 0x8600) || id % 64 == 0;
}

static unsigned long answered(dsmil_device *device, const dsmil_quarantine *list, unsigned long *asked_for) {
    static uint8_t data[DSMIL_MAX_READ_BYTES];
    unsigned long answers = 0, listed = 0, wrong = 0, ids = 0;
    for (unsigned id = 0; id <= UINT16_MAX; id++) {
        if (!is_asked_for(id)) {
            continue;
        }
        ids++;
        dsmil_record record;
        size_t length = 0;
        dsmil_status info = dsmil_device_info(device, (uint16_t)id, &record);
        dsmil_status read = dsmil_device_read(device, (uint16_t)id, data, sizeof data, &length);
        answers += (info == DSMIL_OK) + (read == DSMIL_OK);
        wrong += (info != DSMIL_OK && info != DSMIL_ERROR_DENIED) + (read != DSMIL_OK && read != DSMIL_ERROR_DENIED);
        for (int operation = 0; operation <= 1; operation++) {
            listed += dsmil_quarantine_check(list, (uint16_t)id, operation) == DSMIL_OK;
            wrong += dsmil_quarantine_check(list, (uint16_t)id, operation) != dsmil_device_check(device, (uint16_t)id, operation);
        }
    }
    CHECK(wrong == 0 && listed == answers);
    *asked_for = 2 * ids;
    return answers;
}

static void enumerate(const char *name, const char *policy, const place *served, const dsmil_server *server, unsigned long expected) {
    place run = new_place();
    dsmil_options *options = options_in(&run);
    if (policy != NULL) {
        CHECK_OK(dsmil_options_set_policy(options, policy));
    }
    dsmil_device *device = NULL;
    dsmil_quarantine *list = NULL;
    const char *spec = server != NULL ? dsmil_server_device_path(server) : kernel_node();
    NEED(dsmil_device_open(spec, options, &device) == DSMIL_OK);
    NEED(dsmil_quarantine_load(policy, run.path, &list) == DSMIL_OK);
    unsigned long asked_for, answers = answered(device, list, &asked_for);
    long touched = accesses_to_the_seven(served);
    CHECK(answers == expected);
    CHECK(touched == 0);
    printf("%s: %lu of %lu answered, %ld accesses to the seven\n", name, answers, asked_for, touched);
    dsmil_quarantine_free(list);
    dsmil_device_free(device);
    dsmil_options_free(options);
    remove_place(&run);
}

int main(void) {
    forget_environment();
    place served = new_place();
    place files = new_place();
    dsmil_server *server = NULL;
    if (kernel_node() != NULL) {
        kernel_restart("seed=7", "\n");
    } else {
        NEED(dsmil_sim_serve(served.path, "seed=7", NULL, &server) == DSMIL_OK);
    }

    enumerate("no policy", NULL, &served, server, 2 * SERVED_AND_ALLOWED);
    uint64_t reached = 0;
    if (server != NULL) {
        CHECK_OK(dsmil_server_accesses(server, 0x8003, &reached));
    } else {
        reached = kernel_accesses(0x8003);
    }
    CHECK(reached > 0); /* the counter works */

    char path[512];
    snprintf(path, sizeof path, "%s/policy.toml", files.path);
    write_file(path, "version = 1\n[[allow]]\nid = 0x8009\nreason = \"let me\"\n", 0600);
    enumerate("a policy that allows", path, &served, server, 0);
    if (kernel_node() != NULL) {
        /* In the guest, where everything is slow, one policy that can't be used stands for all: what comes of them is the library's. */
        remove_place(&files);
        remove_place(&served);
        return check_report("enumerate");
    }
    remove(path);
    enumerate("a missing policy", path, &served, server, 0);
    write_file(path, "", 0600);
    enumerate("an empty policy", path, &served, server, 0);
    write_file(path, "version = 1\n[[deny]\n", 0600);
    enumerate("a malformed policy", path, &served, server, 0);
    write_file(path, "version = 1\n[[deny]]\nid = 0x8009\nreason = \"r\"\nrelease = true\n", 0600);
    enumerate("a policy that releases", path, &served, server, 0);
    /* Root may read whatever its mode: a directory in the file's place can be read by nobody. */
    remove(path);
    if (geteuid() == 0) {
        mkdir(path, 0700);
    } else {
        write_file(path, "version = 1\n", 0000);
    }
    enumerate("an unreadable policy", path, &served, server, 0);

    dsmil_server_free(server);
    remove_place(&files);
    remove_place(&served);
    return check_report("enumerate");
}
