/* The cases of tests/conformance, each on a simulated device in the process and on the same one served as a file.
 * With the argument `kernel` each is carried out on the kernel module's device alone, which DSMIL_TEST_DEVICE names.
 * With the argument `untimed` the cases that are about time are left out, and the rest has as much of it as it needs: under
 * valgrind everything is slow. */
#include "check.h"
#include "kernel.h"
#include "sha256.h"

#define ABSENT INT64_MIN

enum { OP_VERSION, OP_STATUS, OP_THERMAL, OP_SCAN, OP_INFO, OP_READ, OP_PROBE };

/* The fields are written by conformance_cases.py, in this order. */
typedef struct {
    const char *file, *name, *problem, *device, *faults, *fault_lines, *policy;
    int64_t stop, dry_run, isolate, op, id, repeat;
    int64_t limits[4];
    int64_t ok;
    const char *error, *key, *fault, *sha256;
    int64_t is_explicit, chunk, bytes_done, os_error, state, interrupted, records, length, version, coolest, warmest;
    int64_t record[5], status[4], probe[DSMIL_REQUEST_COUNT];
    int64_t accesses;
    int64_t asked[DSMIL_REQUEST_COUNT];
} conformance_case;

#include "cases.h"

/* What came of a case. */
typedef struct {
    dsmil_status status;
    dsmil_error_detail detail;
    uint32_t version;
    dsmil_system_status system;
    int32_t celsius;
    size_t records;
    bool has_record;
    dsmil_record record;
    uint8_t data[DSMIL_MAX_READ_BYTES];
    size_t length;
    dsmil_probe probe;
    bool has_counts;
    int64_t accesses;
    int64_t asked[DSMIL_REQUEST_COUNT];
} outcome;

static bool is_right;
static const conformance_case *running;
static const char *running_on;

static void expect(bool holds, const char *what, long long expected, long long got) {
    if (!holds) {
        is_right = false;
        fprintf(stderr, "%s: %s (%s): %s: expected %lld, got %lld\n", running->file, running->name, running_on, what, expected, got);
    }
}

static void expect_number(const char *what, int64_t expected, int64_t got) {
    expect(expected == ABSENT || expected == got, what, expected, got);
}

static void expect_text(const char *what, const char *expected, const char *got) {
    if (expected != NULL && (got == NULL || strcmp(expected, got) != 0)) {
        is_right = false;
        fprintf(stderr, "%s: %s (%s): %s: expected %s, got %s\n", running->file, running->name, running_on, what, expected,
                got == NULL ? "nothing" : got);
    }
}

static void carry_out(dsmil_device *device, const conformance_case *one, outcome *out) {
    uint16_t id = one->id == ABSENT ? 0 : (uint16_t)one->id;
    dsmil_scan *scan = NULL;
    switch (one->op) {
    case OP_VERSION: out->status = dsmil_device_version(device, &out->version); break;
    case OP_STATUS: out->status = dsmil_device_status(device, &out->system); break;
    case OP_THERMAL: out->status = dsmil_device_thermal(device, &out->celsius); break;
    case OP_INFO:
        out->status = dsmil_device_info(device, id, &out->record);
        out->has_record = out->status == DSMIL_OK;
        break;
    case OP_READ: out->status = dsmil_device_read(device, id, out->data, sizeof out->data, &out->length); break;
    case OP_PROBE: out->status = dsmil_device_probe(device, &out->probe); break;
    default:
        out->status = dsmil_device_scan(device, &scan);
        out->records = dsmil_scan_count(scan);
        if (scan != NULL && one->id != ABSENT) {
            out->has_record = dsmil_scan_find(scan, id, &out->record) == DSMIL_OK;
        }
        dsmil_scan_free(scan);
    }
}

typedef enum { IN_PROCESS, SERVED, IN_KERNEL } where;

static const char *const PLACES[] = {"sim:", "served", "kernel"};

/* What is asked for the driver's own counts. */
typedef struct {
    where place;
    dsmil_device *device;
    dsmil_server *server;
} counted_driver;

static int64_t requests_of(const counted_driver *driver, int32_t request) {
    uint64_t number = 0;
    switch (driver->place) {
    case IN_PROCESS: NEED(dsmil_device_sim_requests(driver->device, request, &number) == DSMIL_OK); break;
    case SERVED: NEED(dsmil_server_requests(driver->server, request, &number) == DSMIL_OK); break;
    case IN_KERNEL: number = kernel_requests(request); break;
    }
    return (int64_t)number;
}

static int64_t accesses_of(const counted_driver *driver, uint16_t id) {
    uint64_t number = 0;
    switch (driver->place) {
    case IN_PROCESS: NEED(dsmil_device_sim_accesses(driver->device, id, &number) == DSMIL_OK); break;
    case SERVED: NEED(dsmil_server_accesses(driver->server, id, &number) == DSMIL_OK); break;
    case IN_KERNEL: number = kernel_accesses(id); break;
    }
    return (int64_t)number;
}

/* False where nobody can tell: a simulated device in the process that was never opened. */
static bool count(const counted_driver *driver, int64_t id, int64_t *accesses, int64_t asked[]) {
    if (driver->place == IN_PROCESS && driver->device == NULL) {
        return false;
    }
    for (int i = 0; i < DSMIL_REQUEST_COUNT; i++) {
        asked[i] = requests_of(driver, i + 1);
    }
    *accesses = accesses_of(driver, id == ABSENT ? 0 : (uint16_t)id);
    return true;
}

static bool is_untimed;

static bool is_about_time(const conformance_case *one) {
    return one->limits[0] != ABSENT || one->limits[1] != ABSENT || (one->error != NULL && strcmp(one->error, "deadline") == 0);
}

static dsmil_options *options_of(const conformance_case *one, const place *run, const char *policy) {
    dsmil_options *options = is_untimed ? options_in(run) : dsmil_options_new();
    NEED(dsmil_options_set_run_dir(options, run->path) == DSMIL_OK);
    if (one->policy != NULL) {
        write_file(policy, one->policy, 0600);
        NEED(dsmil_options_set_policy(options, policy) == DSMIL_OK);
    }
    NEED(dsmil_options_set_dry_run(options, one->dry_run == 1) == DSMIL_OK);
    if (one->limits[0] != ABSENT) NEED(dsmil_options_set_call_deadline_ms(options, (uint64_t)one->limits[0]) == DSMIL_OK);
    if (one->limits[1] != ABSENT) NEED(dsmil_options_set_transfer_deadline_ms(options, (uint64_t)one->limits[1]) == DSMIL_OK);
    if (one->limits[2] != ABSENT) NEED(dsmil_options_set_tries(options, (uint32_t)one->limits[2]) == DSMIL_OK);
    if (one->limits[3] != ABSENT) NEED(dsmil_options_set_attempts(options, (uint32_t)one->limits[3]) == DSMIL_OK);
    return options;
}

static void judge_failure(const conformance_case *one, const outcome *out, const char *policy) {
    char key[1024];
    const char *mark = one->key != NULL ? strstr(one->key, "{policy}") : NULL;
    if (mark != NULL) {
        snprintf(key, sizeof key, "%.*s%s%s", (int)(mark - one->key), one->key, policy, mark + strlen("{policy}"));
    } else {
        snprintf(key, sizeof key, "%s", one->key != NULL ? one->key : "");
    }
    expect_text("error", one->error, out->detail.kind);
    expect_text("key", one->key != NULL ? key : NULL, out->detail.rule_key);
    expect_text("fault", one->fault, out->detail.fault);
    expect_number("explicit", one->is_explicit, out->detail.is_explicit);
    expect_number("chunk", one->chunk, out->detail.has_chunk ? (int64_t)out->detail.chunk : -1);
    expect_number("bytes_done", one->bytes_done, out->detail.has_chunk ? (int64_t)out->detail.bytes_done : -1);
    expect_number("errno", one->os_error, out->detail.os_error);
    expect_number("state", one->state, out->detail.has_device_state ? (int64_t)out->detail.device_state : -1);
    expect_number("interrupted", one->interrupted, out->detail.was_interrupted);
}

static void judge_success(const conformance_case *one, const outcome *out) {
    char hash[65];
    sha256_text(out->data, out->length, hash);
    expect_number("records", one->records, (int64_t)out->records);
    expect_number("length", one->length, (int64_t)out->length);
    expect_text("sha256", one->sha256, hash);
    expect_number("version", one->version, out->version);
    expect(one->coolest == ABSENT || out->celsius >= one->coolest, "celsius", one->coolest, out->celsius);
    expect(one->warmest == ABSENT || out->celsius <= one->warmest, "celsius", one->warmest, out->celsius);
    const int64_t record[] = {out->record.state, out->record.access, out->record.is_quarantined, out->record.has_response,
                              out->record.has_thermal};
    for (int i = 0; i < 5; i++) {
        expect_number("record", one->record[i], out->has_record ? record[i] : -1);
    }
    const int64_t status[] = {out->system.safe_device_count, out->system.quarantined_count, out->system.kernel_module_loaded,
                              out->system.thermal_safe};
    for (int i = 0; i < 4; i++) {
        expect_number("status", one->status[i], status[i]);
    }
    for (int i = 0; i < DSMIL_REQUEST_COUNT; i++) {
        expect_number(dsmil_request_name(i + 1), one->probe[i], one->op == OP_PROBE ? (int64_t)out->probe.entries[i].outcome : -1);
    }
}

static void judge(const conformance_case *one, const outcome *out, const char *policy) {
    expect(one->ok == (out->status == DSMIL_OK), "ok", one->ok, out->status == DSMIL_OK);
    if (out->status == DSMIL_OK) {
        judge_success(one, out);
    } else {
        judge_failure(one, out, policy);
    }
    if (out->has_counts) {
        expect_number("accesses", one->accesses, out->accesses);
        for (int i = 0; i < DSMIL_REQUEST_COUNT; i++) {
            expect_number(dsmil_request_name(i + 1), one->asked[i], out->asked[i]);
        }
    }
}

/* After opening: what the case asks for before its operation, then the operation. */
static void use(dsmil_device *device, const conformance_case *one, const place *run, outcome *out) {
    if (one->stop == 1) {
        NEED(dsmil_emergency_stop(run->path, "conformance", NULL) == DSMIL_OK);
    }
    if (one->isolate != ABSENT) {
        NEED(dsmil_isolate(run->path, (uint16_t)one->isolate, "conformance", "conformance", 0) == DSMIL_OK);
    }
    for (int64_t i = 0; i < one->repeat; i++) {
        carry_out(device, one, out);
    }
}

static void run_case(const conformance_case *one, where where_it_runs) {
    static outcome out;
    memset(&out, 0, sizeof out);
    running = one;
    running_on = PLACES[where_it_runs];
    is_right = one->problem == NULL;
    if (one->problem != NULL) {
        fprintf(stderr, "%s: %s: %s\n", one->file, one->name, one->problem);
    }
    place run = new_place(), served = new_place(), files = new_place();
    char policy[512], spec[1024], faults[512];
    snprintf(policy, sizeof policy, "%s/policy.toml", files.path);
    snprintf(faults, sizeof faults, "%s/faults.toml", files.path);
    dsmil_options *options = options_of(one, &run, policy);
    counted_driver driver = {where_it_runs, NULL, NULL};
    if (where_it_runs == SERVED) {
        NEED(dsmil_sim_serve(served.path, one->device, one->faults, &driver.server) == DSMIL_OK);
        snprintf(spec, sizeof spec, "%s", dsmil_server_device_path(driver.server));
    } else if (where_it_runs == IN_KERNEL) {
        kernel_restart(one->device, one->fault_lines);
        snprintf(spec, sizeof spec, "%s", kernel_node());
    } else {
        write_file(faults, one->faults != NULL ? one->faults : "", 0600);
        snprintf(spec, sizeof spec, "sim:%s,faults=%s", one->device, faults);
    }
    int64_t before[DSMIL_REQUEST_COUNT] = {0}, accesses_before = 0;
    out.status = dsmil_device_open(spec, options, &driver.device);
    if (driver.device != NULL) {
        count(&driver, one->id, &accesses_before, before);
        use(driver.device, one, &run, &out);
    }
    if (out.status != DSMIL_OK) {
        NEED(dsmil_last_error(&out.detail) == DSMIL_OK);
    }
    out.has_counts = count(&driver, one->id, &out.accesses, out.asked);
    for (int i = 0; i < DSMIL_REQUEST_COUNT; i++) {
        out.asked[i] -= before[i];
    }
    out.accesses -= accesses_before;
    judge(one, &out, policy);
    CHECK(is_right);
    dsmil_device_free(driver.device);
    dsmil_server_free(driver.server);
    dsmil_options_free(options);
    remove_place(&run), remove_place(&served), remove_place(&files);
}

int main(int argc, char **argv) {
    bool is_in_kernel = argc > 1 && strcmp(argv[1], "kernel") == 0;
    is_untimed = argc > 1 && strcmp(argv[1], "untimed") == 0;
    NEED(argc == 1 || is_untimed || (is_in_kernel && kernel_node() != NULL));
    forget_environment();
    size_t cases = sizeof CASES / sizeof CASES[0], ran = 0;
    for (size_t i = 0; i < cases; i++) {
        if (!is_untimed || !is_about_time(&CASES[i])) {
            if (is_in_kernel) {
                run_case(&CASES[i], IN_KERNEL);
            } else {
                run_case(&CASES[i], IN_PROCESS);
                run_case(&CASES[i], SERVED);
            }
            ran++;
        }
    }
    printf("conformance: %zu of %zu cases, %s\n", ran, cases, is_in_kernel ? "in the kernel" : "each twice");
    return check_report("conformance");
}
