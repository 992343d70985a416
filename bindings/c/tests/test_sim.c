/* The served device: its faults, its counters, its end. */
#include "check.h"

int main(void) {
    forget_environment();
    place run = new_place();
    place served = new_place();
    dsmil_server *server = NULL;
    NEED(dsmil_sim_serve(served.path, "seed=7,data=0x8003:4928", "[[fault]]\non = \"GET_THERMAL\"\ndo = \"no-sensor\"\n", &server) ==
         DSMIL_OK);
    dsmil_device *device = open_in(dsmil_server_device_path(server), &run);

    int32_t celsius = 0;
    CHECK_STATUS(dsmil_device_thermal(device, &celsius), DSMIL_ERROR_REQUEST);
    CHECK(last_error().os_error == EIO);
    CHECK_STATUS(dsmil_server_set_faults(server, "nonsense"), DSMIL_ERROR_SIM_FAULTS);
    CHECK_OK(dsmil_server_set_faults(server, ""));
    CHECK_OK(dsmil_device_thermal(device, &celsius));

    static uint8_t data[DSMIL_MAX_READ_BYTES];
    size_t length = 0;
    CHECK_OK(dsmil_device_read(device, 0x8003, data, sizeof data, &length));
    CHECK(length == DSMIL_MAX_READ_BYTES);
    uint64_t count = 0;
    CHECK_OK(dsmil_server_accesses(server, 0x8003, &count));
    CHECK(count == 1 + 22);
    CHECK_OK(dsmil_server_requests(server, DSMIL_REQUEST_READ_CHUNK, &count));
    CHECK(count == 22);
    char *json = NULL;
    CHECK_OK(dsmil_server_counters(server, &json));
    CHECK_TEXT(json, "\"READ_CHUNK\":22");
    dsmil_string_free(json);
    json = NULL;
    CHECK_STATUS(dsmil_device_sim_counters(device, &json), DSMIL_ERROR_NOT_SIMULATED);
    CHECK(json == NULL);

    place second_run = new_place();
    dsmil_device *in_process = open_in("sim:seed=7", &second_run);
    CHECK_OK(dsmil_device_thermal(in_process, &celsius));
    CHECK_OK(dsmil_device_sim_counters(in_process, &json));
    CHECK_TEXT(json, "\"GET_THERMAL\":1");
    dsmil_string_free(json);
    dsmil_device_free(in_process);
    remove_place(&second_run);

    CHECK_OK(dsmil_server_stop(server));
    CHECK_OK(dsmil_server_stop(server));
    CHECK_STATUS(dsmil_server_accesses(server, 0x8003, &count), DSMIL_ERROR_NOT_SIMULATED);
    CHECK_STATUS(dsmil_server_set_faults(server, ""), DSMIL_ERROR_NOT_SIMULATED);
    CHECK_STATUS(dsmil_device_thermal(device, &celsius), DSMIL_ERROR_VANISHED);
    CHECK(access(dsmil_server_device_path(server), F_OK) != 0);
    dsmil_device_free(device);
    dsmil_server_free(server);
    remove_place(&served);
    remove_place(&run);
    return check_report("test_sim");
}
