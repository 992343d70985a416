/* One device, in the process and served: what each function gives, and what it says when it can't. */
#include "check.h"

static void gives_what_the_driver_has(dsmil_device *device, const char *spec) {
    uint32_t version = 0;
    CHECK_OK(dsmil_device_version(device, &version));
    CHECK(version == 0x010000);
    CHECK_TEXT(dsmil_device_name(device), spec);

    dsmil_system_status status;
    CHECK_OK(dsmil_device_status(device, &status));
    CHECK(status.kernel_module_loaded && status.thermal_safe);
    CHECK(status.safe_device_count == 98 && status.quarantined_count == 5);

    int32_t celsius = 0;
    CHECK_OK(dsmil_device_thermal(device, &celsius));
    CHECK(celsius >= 30 && celsius <= 70);

    dsmil_scan *scan = NULL;
    CHECK_OK(dsmil_device_scan(device, &scan));
    NEED(scan != NULL);
    CHECK(dsmil_scan_count(scan) == DSMIL_DEVICE_COUNT);
    const dsmil_record *records = dsmil_scan_records(scan);
    dsmil_record one, found;
    for (size_t i = 0; i < dsmil_scan_count(scan); i++) {
        CHECK_OK(dsmil_scan_get(scan, i, &one));
        CHECK(one.id == records[i].id && one.id == DSMIL_FIRST_ID + i);
        CHECK_OK(dsmil_scan_find(scan, records[i].id, &found));
        CHECK(found.id == records[i].id && found.state == records[i].state);
    }
    for (size_t i = 0; i < 5; i++) {
        CHECK_OK(dsmil_scan_find(scan, PERMANENT_IDS[i], &found));
        CHECK(found.is_quarantined && found.state == DSMIL_STATE_QUARANTINED);
    }
    CHECK_STATUS(dsmil_scan_get(scan, DSMIL_DEVICE_COUNT, &one), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_scan_find(scan, 0x8100, &one), DSMIL_ERROR_ARGUMENT);
    dsmil_scan_free(scan);

    dsmil_record record;
    CHECK_OK(dsmil_device_info(device, 0x8003, &record));
    CHECK(record.id == 0x8003 && record.state == DSMIL_STATE_SAFE && record.access == DSMIL_ACCESS_READ);
    CHECK(record.has_response && record.has_thermal && !record.is_quarantined);

    uint8_t data[DSMIL_MAX_READ_BYTES];
    size_t length = 0;
    CHECK_OK(dsmil_device_read(device, 0x8003, data, sizeof data, &length));
    CHECK(length == 512);
}

static void measures_and_probes(dsmil_device *device) {
    dsmil_probe probe;
    CHECK_OK(dsmil_device_probe(device, &probe));
    CHECK(probe.is_chunked);
    for (int i = 0; i < DSMIL_REQUEST_COUNT; i++) {
        CHECK(probe.entries[i].request == i + 1);
        bool is_refused = i + 1 == DSMIL_REQUEST_SCAN_DEVICES;
        CHECK(probe.entries[i].outcome == (is_refused ? DSMIL_OUTCOME_REFUSED : DSMIL_OUTCOME_WORKS));
        CHECK((probe.entries[i].os_error != 0) == is_refused);
    }
    dsmil_latency latency;
    CHECK_OK(dsmil_device_latency(device, &latency));
    dsmil_latency_summary chunks = latency.requests[DSMIL_REQUEST_SCAN_CHUNK - 1];
    CHECK(chunks.count == 23 && chunks.min_ns > 0);
    CHECK(chunks.min_ns <= chunks.p50_ns && chunks.p50_ns <= chunks.p95_ns && chunks.p99_ns <= chunks.max_ns);
    CHECK(latency.devices[3].count == 2 && latency.devices[4].count == 0);
    uint16_t slow[DSMIL_DEVICE_COUNT];
    size_t count = 99;
    CHECK_OK(dsmil_latency_slow(&latency, 0, slow, DSMIL_DEVICE_COUNT, &count));
    CHECK(count == 1 && slow[0] == 0x8003);
    CHECK_STATUS(dsmil_latency_slow(&latency, 0, slow, 0, &count), DSMIL_ERROR_BUFFER);
    CHECK_OK(dsmil_latency_slow(&latency, UINT64_MAX, slow, 0, &count));
    CHECK(count == 0);
}

static void denies_with_its_reason(dsmil_device *device) {
    dsmil_record record;
    memset(&record, 0x55, sizeof record);
    dsmil_record untouched = record;
    uint8_t data[DSMIL_MAX_READ_BYTES];
    size_t length = 7;
    for (size_t i = 0; i < 7; i++) {
        char key[32];
        snprintf(key, sizeof key, "permanent/0x%04X", PERMANENT_IDS[i]);
        CHECK_STATUS(dsmil_device_info(device, PERMANENT_IDS[i], &record), DSMIL_ERROR_DENIED);
        CHECK_STATUS(dsmil_device_read(device, PERMANENT_IDS[i], data, sizeof data, &length), DSMIL_ERROR_DENIED);
        CHECK_STATUS(dsmil_device_check(device, PERMANENT_IDS[i], DSMIL_OPERATION_READ), DSMIL_ERROR_DENIED);
        dsmil_error_detail detail = last_error();
        CHECK(detail.status == DSMIL_ERROR_DENIED && detail.has_id && detail.id == PERMANENT_IDS[i]);
        CHECK(detail.is_explicit && strcmp(detail.rule_key, key) == 0 && strcmp(detail.kind, "denied") == 0);
        CHECK(detail.os_error == EACCES && detail.fault == NULL);
        CHECK_TEXT(detail.message, dsmil_permanent_what(PERMANENT_IDS[i]));
    }
    CHECK(length == 7 && memcmp(&record, &untouched, sizeof record) == 0);
    CHECK_OK(dsmil_device_check(device, 0x8003, DSMIL_OPERATION_INFO));
    CHECK_STATUS(dsmil_device_check(device, 0x8003, 2), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_device_info(device, 0x806C, &record), DSMIL_ERROR_DENIED);
    CHECK(!last_error().is_explicit && strcmp(last_error().rule_key, "not-served") == 0);
}

static void refuses_a_small_buffer_before_asking(dsmil_device *device, uint64_t asked_before, const dsmil_server *server) {
    uint8_t small[DSMIL_MAX_READ_BYTES - 1];
    size_t length = 7;
    CHECK_STATUS(dsmil_device_read(device, 0x8003, small, sizeof small, &length), DSMIL_ERROR_BUFFER);
    CHECK_STATUS(dsmil_device_read(device, 0x8003, small, 0, &length), DSMIL_ERROR_BUFFER);
    CHECK_STATUS(dsmil_device_read(device, 0x8003, NULL, sizeof small, &length), DSMIL_ERROR_NULL);
    CHECK(length == 7);
    uint64_t asked = 0;
    CHECK_OK(server != NULL ? dsmil_server_accesses(server, 0x8003, &asked) : dsmil_device_sim_accesses(device, 0x8003, &asked));
    CHECK(asked == asked_before);
}

static void is_closed_after_closing(dsmil_device *device) {
    uint32_t number = 0;
    int32_t celsius = 0;
    int fd = 0;
    dsmil_record record;
    dsmil_scan *scan = NULL;
    dsmil_latency latency;
    dsmil_probe probe;
    CHECK_OK(dsmil_device_close(device));
    CHECK_OK(dsmil_device_close(device));
    CHECK_STATUS(dsmil_device_version(device, &number), DSMIL_ERROR_CLOSED);
    CHECK_STATUS(dsmil_device_thermal(device, &celsius), DSMIL_ERROR_CLOSED);
    CHECK_STATUS(dsmil_device_info(device, 0x8003, &record), DSMIL_ERROR_CLOSED);
    CHECK_STATUS(dsmil_device_scan(device, &scan), DSMIL_ERROR_CLOSED);
    CHECK_STATUS(dsmil_device_probe(device, &probe), DSMIL_ERROR_CLOSED);
    CHECK_STATUS(dsmil_device_latency(device, &latency), DSMIL_ERROR_CLOSED);
    CHECK_STATUS(dsmil_device_check(device, 0x8003, 0), DSMIL_ERROR_CLOSED);
    CHECK_STATUS(dsmil_device_fd(device, &fd), DSMIL_ERROR_CLOSED);
    CHECK(scan == NULL && last_error().os_error == EBADF);
}

/* The child answers through a pipe: valgrind counts what the parent's other threads own as lost in it, and would speak
 * through its exit status. */
static void a_child_has_to_open_anew(dsmil_device *device, const char *spec, const place *run) {
    int answer[2];
    NEED(pipe(answer) == 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        uint32_t version = 0;
        bool ok = CHECK_STATUS(dsmil_device_version(device, &version), DSMIL_ERROR_FORKED);
        ok = CHECK(strcmp(last_error().kind, "forked") == 0) && ok;
        ok = CHECK_OK(dsmil_device_close(device)) && ok;
        dsmil_device_free(device);
        dsmil_device *own = open_in(spec, run);
        ok = CHECK_OK(dsmil_device_version(own, &version)) && ok;
        dsmil_device_free(own);
        _exit(write(answer[1], ok ? "y" : "n", 1) == 1 ? 0 : 1);
    }
    close(answer[1]);
    char said = 'n';
    CHECK(read(answer[0], &said, 1) == 1 && said == 'y');
    close(answer[0]);
    int ended = -1;
    CHECK(waitpid(child, &ended, 0) == child && WIFEXITED(ended));
    uint32_t version = 0;
    CHECK_OK(dsmil_device_version(device, &version));
}

static void whole_life(const char *spec, const dsmil_server *server) {
    place run = new_place();
    dsmil_device *device = open_in(spec, &run);
    gives_what_the_driver_has(device, spec);
    measures_and_probes(device);
    denies_with_its_reason(device);
    uint64_t before = 0;
    CHECK_OK(server != NULL ? dsmil_server_accesses(server, 0x8003, &before) : dsmil_device_sim_accesses(device, 0x8003, &before));
    refuses_a_small_buffer_before_asking(device, before, server);
    int fd = -2;
    CHECK_OK(dsmil_device_fd(device, &fd));
    CHECK(server != NULL ? fd >= 0 : fd == -1);
    a_child_has_to_open_anew(device, spec, &run);
    is_closed_after_closing(device);
    dsmil_device_free(device);
    remove_place(&run);
}

static void faults_come_with_their_place(void) {
    place run = new_place();
    dsmil_device *device = open_in("sim:seed=7", &run);
    dsmil_scan *scan = NULL;
    CHECK_OK(dsmil_device_sim_set_faults(device, "[[fault]]\non = \"SCAN_CHUNK\"\nskip = 3\ndo = \"set\"\nfield = \"total_chunks\"\nvalue = 99\n"));
    CHECK_STATUS(dsmil_device_scan(device, &scan), DSMIL_ERROR_TOTAL_CHUNKS_TOO_LARGE);
    dsmil_error_detail detail = last_error();
    CHECK(strcmp(detail.kind, "protocol") == 0 && strcmp(detail.fault, "total-chunks-too-large") == 0);
    CHECK(detail.has_chunk && detail.chunk == 3 && detail.bytes_done == 3 * 5 * 40 && detail.os_error == EPROTO);
    CHECK(scan == NULL);

    CHECK_OK(dsmil_device_sim_set_faults(device, "[[fault]]\non = \"READ_DEVICE\"\ndo = \"thermal-limit\"\ncelsius = 100\n"));
    dsmil_record record;
    dsmil_status refused = dsmil_device_info(device, 0x8003, &record);
    CHECK_STATUS(refused, DSMIL_ERROR_REQUEST);
    detail = last_error();
    CHECK(detail.has_device_state && detail.device_state == DSMIL_STATE_THERMAL_LIMIT && detail.os_error != 0);

    CHECK_STATUS(dsmil_device_sim_set_faults(device, "[[fault]]\non = 3\n"), DSMIL_ERROR_SIM_FAULTS);
    CHECK_OK(dsmil_device_sim_set_faults(device, ""));
    CHECK_OK(dsmil_device_scan(device, &scan));
    dsmil_scan_free(scan);
    dsmil_device_free(device);
    remove_place(&run);
}

static bool wants_out(void *context) {
    ++*(int *)context;
    return true;
}

static void a_long_call_can_be_broken_off(void) {
    place run = new_place();
    int asked = 0;
    dsmil_options *options = options_in(&run);
    CHECK_OK(dsmil_options_set_interrupt(options, wants_out, &asked));
    dsmil_device *device = NULL;
    CHECK_OK(dsmil_device_open("sim:seed=7", options, &device));
    dsmil_options_free(options);
    CHECK_OK(dsmil_device_sim_set_faults(device, "[[fault]]\non = \"GET_STATUS\"\ndo = \"delay\"\nms = 50\n"));
    dsmil_system_status status;
    CHECK_STATUS(dsmil_device_status(device, &status), DSMIL_ERROR_INTERRUPTED);
    CHECK(asked == 1);
    dsmil_device_free(device);
    remove_place(&run);
}

static void says_why_it_does_not_open(void) {
    place run = new_place();
    dsmil_options *options = options_in(&run);
    dsmil_device *device = NULL;
    CHECK_STATUS(dsmil_device_open("tcp:1", options, &device), DSMIL_ERROR_SPEC);
    CHECK_STATUS(dsmil_device_open(in_place(&run, "none"), options, &device), DSMIL_ERROR_OPEN_MISSING);
    write_file(in_place(&run, "file"), "text", 0600);
    CHECK_STATUS(dsmil_device_open(in_place(&run, "file"), options, &device), DSMIL_ERROR_NOT_A_DEVICE);
    CHECK_STATUS(dsmil_device_open("sim:initialised=no", options, &device), DSMIL_ERROR_NOT_INITIALISED);
    CHECK_STATUS(dsmil_device_open("sim:nonsense=1", options, &device), DSMIL_ERROR_SPEC);
    CHECK_STATUS(dsmil_device_open("replay:/nonexistent", options, &device), DSMIL_ERROR_TRACE);
    CHECK_OK(dsmil_options_set_tries(options, 0));
    CHECK_STATUS(dsmil_device_open("sim:", options, &device), DSMIL_ERROR_ARGUMENT);
    CHECK_OK(dsmil_options_set_tries(options, 4));
    CHECK_OK(dsmil_options_set_run_dir(options, in_place(&run, "missing")));
    CHECK_STATUS(dsmil_device_open("sim:", options, &device), DSMIL_ERROR_RUN_DIRECTORY);
    CHECK(device == NULL);
    setenv("DSMIL_DEVICE", "sim:seed=9", 1);
    CHECK_OK(dsmil_options_set_run_dir(options, run.path));
    CHECK_OK(dsmil_options_set_dry_run(options, true));
    CHECK_OK(dsmil_device_open(NULL, options, &device));
    CHECK_TEXT(dsmil_device_name(device), "sim:seed=9");
    uint32_t version = 0;
    CHECK_STATUS(dsmil_device_version(device, &version), DSMIL_ERROR_DRY_RUN);
    forget_environment();
    dsmil_device_free(device);
    dsmil_options_free(options);
    remove_place(&run);
}

int main(void) {
    forget_environment();
    CHECK(strcmp(dsmil_last_error_message(), "") == 0 && last_error().status == DSMIL_OK);
    whole_life("sim:seed=7", NULL);
    place served = new_place();
    dsmil_server *server = NULL;
    NEED(dsmil_sim_serve(served.path, "seed=7", NULL, &server) == DSMIL_OK);
    whole_life(dsmil_server_device_path(server), server);
    CHECK_OK(dsmil_server_stop(server));
    dsmil_server_free(server);
    remove_place(&served);
    faults_come_with_their_place();
    a_long_call_can_be_broken_off();
    says_why_it_does_not_open();
    return check_report("test_device");
}
