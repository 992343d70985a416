/* Every function with NULL in each place, and with texts that are none: a status and never a crash. */
#include "check.h"

#define IS_NULL(call) CHECK_STATUS(call, DSMIL_ERROR_NULL)

static const char NOT_UTF8[] = {'a', (char)0xFF, 'b', 0};

static void functions_of_a_device(dsmil_device *device) {
    uint32_t version = 0;
    int32_t number = 0;
    uint64_t count = 0;
    dsmil_record record;
    dsmil_system_status status;
    dsmil_scan *scan = NULL;
    dsmil_probe probe;
    dsmil_latency latency;
    uint8_t data[DSMIL_MAX_READ_BYTES];
    size_t length = 0;
    char *json = NULL;
    IS_NULL(dsmil_device_version(NULL, &version));
    IS_NULL(dsmil_device_version(device, NULL));
    IS_NULL(dsmil_device_status(NULL, &status));
    IS_NULL(dsmil_device_status(device, NULL));
    IS_NULL(dsmil_device_thermal(NULL, &number));
    IS_NULL(dsmil_device_thermal(device, NULL));
    IS_NULL(dsmil_device_info(NULL, 0x8003, &record));
    IS_NULL(dsmil_device_info(device, 0x8003, NULL));
    IS_NULL(dsmil_device_read(NULL, 0x8003, data, sizeof data, &length));
    IS_NULL(dsmil_device_read(device, 0x8003, NULL, sizeof data, &length));
    IS_NULL(dsmil_device_read(device, 0x8003, data, sizeof data, NULL));
    IS_NULL(dsmil_device_scan(NULL, &scan));
    IS_NULL(dsmil_device_scan(device, NULL));
    IS_NULL(dsmil_device_probe(NULL, &probe));
    IS_NULL(dsmil_device_probe(device, NULL));
    IS_NULL(dsmil_device_latency(NULL, &latency));
    IS_NULL(dsmil_device_latency(device, NULL));
    IS_NULL(dsmil_device_check(NULL, 0x8003, DSMIL_OPERATION_INFO));
    IS_NULL(dsmil_device_fd(NULL, &number));
    IS_NULL(dsmil_device_fd(device, NULL));
    IS_NULL(dsmil_device_close(NULL));
    IS_NULL(dsmil_device_sim_set_faults(NULL, ""));
    IS_NULL(dsmil_device_sim_set_faults(device, NULL));
    IS_NULL(dsmil_device_sim_counters(NULL, &json));
    IS_NULL(dsmil_device_sim_counters(device, NULL));
    IS_NULL(dsmil_device_sim_accesses(NULL, 0x8003, &count));
    IS_NULL(dsmil_device_sim_accesses(device, 0x8003, NULL));
    IS_NULL(dsmil_device_sim_requests(NULL, 1, &count));
    IS_NULL(dsmil_device_sim_requests(device, 1, NULL));
    CHECK(dsmil_device_name(NULL) == NULL);
    CHECK_STATUS(dsmil_device_sim_set_faults(device, NOT_UTF8), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_device_sim_requests(device, 0, &count), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_device_sim_requests(device, 12, &count), DSMIL_ERROR_ARGUMENT);
    CHECK_OK(dsmil_device_sim_requests(device, DSMIL_REQUEST_GET_VERSION, &count));
    /* Nothing but the question at opening has reached the driver. */
    CHECK(count == 1);
    CHECK_OK(dsmil_device_sim_requests(device, DSMIL_REQUEST_SCAN_START, &count));
    CHECK(count == 0);
}

static void functions_of_results(dsmil_device *device) {
    dsmil_scan *scan = NULL;
    dsmil_record record;
    dsmil_latency latency;
    uint16_t ids[DSMIL_DEVICE_COUNT];
    size_t count = 0;
    CHECK_OK(dsmil_device_scan(device, &scan));
    IS_NULL(dsmil_scan_get(NULL, 0, &record));
    IS_NULL(dsmil_scan_get(scan, 0, NULL));
    IS_NULL(dsmil_scan_find(NULL, 0x8003, &record));
    IS_NULL(dsmil_scan_find(scan, 0x8003, NULL));
    CHECK(dsmil_scan_count(NULL) == 0 && dsmil_scan_records(NULL) == NULL);
    CHECK_STATUS(dsmil_scan_get(scan, SIZE_MAX, &record), DSMIL_ERROR_ARGUMENT);
    dsmil_scan_free(scan);
    CHECK_OK(dsmil_device_latency(device, &latency));
    IS_NULL(dsmil_latency_slow(NULL, 0, ids, DSMIL_DEVICE_COUNT, &count));
    IS_NULL(dsmil_latency_slow(&latency, 0, NULL, DSMIL_DEVICE_COUNT, &count));
    IS_NULL(dsmil_latency_slow(&latency, 0, ids, DSMIL_DEVICE_COUNT, NULL));
}

static void options_and_opening(const place *run) {
    dsmil_options *options = options_in(run);
    dsmil_device *device = NULL;
    dsmil_self_check result;
    IS_NULL(dsmil_options_set_run_dir(NULL, run->path));
    IS_NULL(dsmil_options_set_run_dir(options, NULL));
    IS_NULL(dsmil_options_set_policy(NULL, run->path));
    IS_NULL(dsmil_options_set_policy(options, NULL));
    IS_NULL(dsmil_options_set_call_deadline_ms(NULL, 1));
    IS_NULL(dsmil_options_set_transfer_deadline_ms(NULL, 1));
    IS_NULL(dsmil_options_set_turn_timeout_ms(NULL, 1));
    IS_NULL(dsmil_options_set_tries(NULL, 1));
    IS_NULL(dsmil_options_set_attempts(NULL, 1));
    IS_NULL(dsmil_options_set_back_off_us(NULL, 1));
    IS_NULL(dsmil_options_set_dry_run(NULL, true));
    IS_NULL(dsmil_options_set_interrupt(NULL, NULL, NULL));
    IS_NULL(dsmil_options_set_interrupt(options, NULL, NULL));
    IS_NULL(dsmil_device_open("sim:", options, NULL));
    IS_NULL(dsmil_self_check_run(options, NULL));
    CHECK_STATUS(dsmil_device_open(NOT_UTF8, options, &device), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_device_open("", options, &device), DSMIL_ERROR_SPEC);
    CHECK_OK(dsmil_options_set_call_deadline_ms(options, 0));
    CHECK_STATUS(dsmil_device_open("sim:", options, &device), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_self_check_run(options, &result), DSMIL_ERROR_ARGUMENT);
    CHECK_OK(dsmil_options_set_call_deadline_ms(options, UINT64_MAX));
    CHECK_STATUS(dsmil_device_open("sim:", options, &device), DSMIL_ERROR_ARGUMENT);
    CHECK_OK(dsmil_options_set_call_deadline_ms(options, 100));
    CHECK_OK(dsmil_options_set_back_off_us(options, UINT64_MAX));
    CHECK_STATUS(dsmil_device_open("sim:", options, &device), DSMIL_ERROR_ARGUMENT);
    CHECK(device == NULL);
    dsmil_options_free(options);
}

static void rules_and_reports(const place *run) {
    bool truth = false;
    dsmil_quarantine *list = NULL;
    dsmil_isolations *isolations = NULL;
    dsmil_isolation isolation;
    dsmil_audit_report *report = NULL;
    dsmil_audit_summary summary;
    dsmil_audit_finding finding;
    IS_NULL(dsmil_quarantine_load(NULL, run->path, NULL));
    IS_NULL(dsmil_quarantine_check(NULL, 0x8003, DSMIL_OPERATION_READ));
    IS_NULL(dsmil_quarantine_check(NULL, 0x8009, 99));
    IS_NULL(dsmil_quarantine_permanent(NULL));
    CHECK_STATUS(dsmil_quarantine_load(NULL, in_place(run, "none"), &list), DSMIL_ERROR_RUN_DIRECTORY);
    IS_NULL(dsmil_isolate(run->path, 0x8003, NULL, "author", 0));
    IS_NULL(dsmil_isolate(run->path, 0x8003, "reason", NULL, 0));
    CHECK_STATUS(dsmil_isolate(run->path, 0x8003, NOT_UTF8, "author", 0), DSMIL_ERROR_ARGUMENT);
    IS_NULL(dsmil_release(run->path, 0x8003, NULL, &truth));
    IS_NULL(dsmil_release(run->path, 0x8003, "author", NULL));
    IS_NULL(dsmil_isolations_load(run->path, NULL));
    IS_NULL(dsmil_isolations_get(NULL, 0, &isolation));
    CHECK_OK(dsmil_isolations_load(run->path, &isolations));
    CHECK(dsmil_isolations_count(isolations) == 0 && dsmil_isolations_count(NULL) == 0);
    IS_NULL(dsmil_isolations_get(isolations, 0, NULL));
    dsmil_isolations_free(isolations);
    IS_NULL(dsmil_emergency_stop(run->path, NULL, NULL));
    CHECK_STATUS(dsmil_emergency_stop(run->path, NOT_UTF8, NULL), DSMIL_ERROR_ARGUMENT);
    IS_NULL(dsmil_stop_clear(run->path, NULL, &truth));
    IS_NULL(dsmil_stop_clear(run->path, "reason", NULL));
    IS_NULL(dsmil_stop_state(run->path, NULL, NULL));
    CHECK_OK(dsmil_stop_state(run->path, &truth, NULL));
    CHECK(!truth);
    IS_NULL(dsmil_audit_verify(NULL, &report));
    IS_NULL(dsmil_audit_verify(run->path, NULL));
    IS_NULL(dsmil_audit_report_summary(NULL, &summary));
    IS_NULL(dsmil_audit_report_finding(NULL, 0, &finding));
    CHECK_OK(dsmil_isolate(run->path, 0x8004, "so that there is a log", "test", 1));
    CHECK_OK(dsmil_audit_verify(in_place(run, "audit"), &report));
    IS_NULL(dsmil_audit_report_summary(report, NULL));
    IS_NULL(dsmil_audit_report_finding(report, 0, NULL));
    dsmil_audit_report_free(report);
    CHECK(list == NULL);
}

static void a_server(const place *run) {
    dsmil_server *server = NULL;
    uint64_t count = 0;
    char *json = NULL;
    IS_NULL(dsmil_sim_serve(NULL, NULL, NULL, &server));
    IS_NULL(dsmil_sim_serve(run->path, NULL, NULL, NULL));
    IS_NULL(dsmil_server_set_faults(NULL, ""));
    IS_NULL(dsmil_server_counters(NULL, &json));
    IS_NULL(dsmil_server_accesses(NULL, 0x8003, &count));
    IS_NULL(dsmil_server_requests(NULL, 1, &count));
    IS_NULL(dsmil_server_stop(NULL));
    CHECK(dsmil_server_device_path(NULL) == NULL);
    CHECK_STATUS(dsmil_sim_serve(in_place(run, "served"), "nonsense=1", NULL, &server), DSMIL_ERROR_SIM_OPTION);
    CHECK_STATUS(dsmil_sim_serve(in_place(run, "served"), NULL, "nonsense", &server), DSMIL_ERROR_SIM_FAULTS);
    CHECK_STATUS(dsmil_sim_serve(in_place(run, "served"), NOT_UTF8, NULL, &server), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_sim_serve(run->path, NULL, NULL, &server), DSMIL_ERROR_SIM_PLACE);
    CHECK(server == NULL);
    CHECK_OK(dsmil_sim_serve(in_place(run, "served"), NULL, NULL, &server));
    IS_NULL(dsmil_server_set_faults(server, NULL));
    IS_NULL(dsmil_server_counters(server, NULL));
    IS_NULL(dsmil_server_accesses(server, 0x8003, NULL));
    IS_NULL(dsmil_server_requests(server, 1, NULL));
    CHECK_STATUS(dsmil_server_requests(server, 12, &count), DSMIL_ERROR_ARGUMENT);
    dsmil_server_free(server);
}

static void gates_and_verdicts(const place *run) {
    dsmil_gate *gate = NULL;
    dsmil_verdict *verdict = NULL;
    dsmil_gate_verdict of_gate;
    dsmil_rule_verdict of_rule;
    dsmil_zone_verdict of_zone;
    dsmil_lint lint;
    char *words = NULL;
    size_t held = 0, failed = 0;
    const char *text = "version = 1\n[[rule]]\nname = \"r\"\nmetric = \"m\"\nfail_when = \"> 1\"\non_fail = \"hold\"\non_no_data = \"hold\"\n";
    IS_NULL(dsmil_gate_load(NULL, &gate));
    IS_NULL(dsmil_gate_load(run->path, NULL));
    IS_NULL(dsmil_gate_parse(NULL, "name", &gate));
    IS_NULL(dsmil_gate_parse(text, "name", NULL));
    CHECK_STATUS(dsmil_gate_parse(NOT_UTF8, NULL, &gate), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_gate_parse(text, NOT_UTF8, &gate), DSMIL_ERROR_ARGUMENT);
    CHECK(gate == NULL);
    CHECK_OK(dsmil_gate_parse(text, NULL, &gate));
    IS_NULL(dsmil_gate_check_json(NULL, "{}", DSMIL_NOW, &verdict));
    IS_NULL(dsmil_gate_check_json(gate, NULL, DSMIL_NOW, &verdict));
    IS_NULL(dsmil_gate_check_json(gate, "{}", DSMIL_NOW, NULL));
    CHECK_STATUS(dsmil_gate_check_json(gate, NOT_UTF8, DSMIL_NOW, &verdict), DSMIL_ERROR_ARGUMENT);
    IS_NULL(dsmil_gate_record(NULL, "m", NULL, 0, 0, 1));
    IS_NULL(dsmil_gate_record(gate, NULL, NULL, 0, 0, 1));
    IS_NULL(dsmil_gate_record(gate, "m", NULL, 1, 0, 1));
    IS_NULL(dsmil_gate_record_end(NULL, "m", NULL, 0, 0));
    IS_NULL(dsmil_gate_record_end(gate, NULL, NULL, 0, 0));
    IS_NULL(dsmil_gate_record_end(gate, "m", NULL, 1, 0));
    IS_NULL(dsmil_gate_record_unreadable(NULL, "m", "why"));
    IS_NULL(dsmil_gate_record_unreadable(gate, NULL, "why"));
    CHECK_STATUS(dsmil_gate_record_unreadable(gate, "m", NOT_UTF8), DSMIL_ERROR_ARGUMENT);
    IS_NULL(dsmil_gate_forget(NULL, 0));
    IS_NULL(dsmil_gate_evaluate(NULL, 0, &verdict));
    IS_NULL(dsmil_gate_evaluate(gate, 0, NULL));
    IS_NULL(dsmil_gate_save(NULL, &words));
    IS_NULL(dsmil_gate_save(gate, NULL));
    IS_NULL(dsmil_gate_restore(NULL, "{}"));
    IS_NULL(dsmil_gate_restore(gate, NULL));
    IS_NULL(dsmil_gate_lint(NULL, 0, &lint));
    IS_NULL(dsmil_gate_lint(gate, 0, NULL));
    IS_NULL(dsmil_gate_export_prometheus(NULL, "group", &words, NULL));
    IS_NULL(dsmil_gate_export_prometheus(gate, NULL, &words, NULL));
    IS_NULL(dsmil_gate_export_prometheus(gate, "group", NULL, NULL));
    IS_NULL(dsmil_gate_test_file(NULL, &held, &failed, &words));
    IS_NULL(dsmil_gate_test_file(run->path, NULL, &failed, &words));
    IS_NULL(dsmil_gate_test_file(run->path, &held, NULL, &words));
    CHECK(dsmil_gate_lint_count(NULL) == 0 && dsmil_gate_fingerprint(NULL) == NULL && verdict == NULL);
    CHECK_OK(dsmil_gate_evaluate(gate, 0, &verdict));
    IS_NULL(dsmil_verdict_gate(NULL, "g", &of_gate));
    IS_NULL(dsmil_verdict_gate(verdict, NULL, &of_gate));
    IS_NULL(dsmil_verdict_gate(verdict, "g", NULL));
    IS_NULL(dsmil_verdict_gate_get(NULL, 0, &of_gate));
    IS_NULL(dsmil_verdict_gate_get(verdict, 0, NULL));
    IS_NULL(dsmil_verdict_rule(NULL, "r", &of_rule));
    IS_NULL(dsmil_verdict_rule(verdict, NULL, &of_rule));
    IS_NULL(dsmil_verdict_rule(verdict, "r", NULL));
    IS_NULL(dsmil_verdict_zone(NULL, "z", &of_zone));
    IS_NULL(dsmil_verdict_zone(verdict, NULL, &of_zone));
    IS_NULL(dsmil_verdict_zone(verdict, "z", NULL));
    IS_NULL(dsmil_verdict_json(NULL, &words));
    IS_NULL(dsmil_verdict_json(verdict, NULL));
    IS_NULL(dsmil_verdict_text(NULL, &words));
    IS_NULL(dsmil_verdict_text(verdict, NULL));
    /* A verdict that isn't there lets nothing go. */
    CHECK(!dsmil_verdict_go(NULL) && dsmil_verdict_of(NULL) == DSMIL_DECISION_NO_GO && dsmil_verdict_at(NULL) == 0);
    CHECK(dsmil_verdict_reason_count(NULL) == 0 && dsmil_verdict_reason(NULL, 0) == NULL);
    CHECK(dsmil_verdict_gate_count(NULL) == 0 && dsmil_verdict_gate_reason(NULL, 0, 0) == NULL);
    /* Without a gate the rules' own reasons count. */
    CHECK(dsmil_verdict_reason_count(verdict) == 1 && dsmil_verdict_gate_count(verdict) == 0);
    dsmil_verdict_free(verdict);
    dsmil_gate_free(gate);
}

static void measure_nothing(dsmil_metrics *metrics, void *context) { (void)metrics, (void)context; }

static void options_of_a_monitor(const place *run) {
    dsmil_monitor_options *options = dsmil_monitor_options_new();
    dsmil_options *device = options_in(run);
    dsmil_gate *gate = NULL;
    dsmil_monitor *monitor = NULL;
    dsmil_step *step = NULL;
    IS_NULL(dsmil_monitor_options_set_config(NULL, run->path));
    IS_NULL(dsmil_monitor_options_set_config(options, NULL));
    IS_NULL(dsmil_monitor_options_set_config_text(NULL, "", NULL));
    IS_NULL(dsmil_monitor_options_set_config_text(options, NULL, NULL));
    CHECK_STATUS(dsmil_monitor_options_set_config_text(options, NOT_UTF8, NULL), DSMIL_ERROR_ARGUMENT);
    IS_NULL(dsmil_monitor_options_add_gate(NULL, "name", gate));
    IS_NULL(dsmil_monitor_options_add_gate(options, NULL, gate));
    IS_NULL(dsmil_monitor_options_add_gate(options, "name", NULL));
    IS_NULL(dsmil_monitor_options_set_device(NULL, "sim:"));
    IS_NULL(dsmil_monitor_options_set_device(options, NULL));
    IS_NULL(dsmil_monitor_options_set_device_options(NULL, device));
    IS_NULL(dsmil_monitor_options_set_device_options(options, NULL));
    IS_NULL(dsmil_monitor_options_set_run_dir(NULL, run->path));
    IS_NULL(dsmil_monitor_options_set_run_dir(options, NULL));
    IS_NULL(dsmil_monitor_options_set_policy(NULL, run->path));
    IS_NULL(dsmil_monitor_options_set_policy(options, NULL));
    IS_NULL(dsmil_monitor_options_set_state_dir(NULL, run->path));
    IS_NULL(dsmil_monitor_options_set_state_dir(options, NULL));
    IS_NULL(dsmil_monitor_add_sampler(NULL, "s", 1, 1, measure_nothing, NULL));
    IS_NULL(dsmil_monitor_add_sampler(options, NULL, 1, 1, measure_nothing, NULL));
    IS_NULL(dsmil_monitor_add_sampler(options, "s", 1, 1, NULL, NULL));
    IS_NULL(dsmil_monitor_expect_metric(NULL, "s", "m"));
    IS_NULL(dsmil_monitor_expect_metric(options, NULL, "m"));
    IS_NULL(dsmil_monitor_expect_metric(options, "s", NULL));
    IS_NULL(dsmil_monitor_start(NULL, &monitor));
    IS_NULL(dsmil_monitor_start(options, NULL));
    IS_NULL(dsmil_monitor_once(NULL, &step));
    IS_NULL(dsmil_monitor_once(options, NULL));
    IS_NULL(dsmil_metrics_add(NULL, "m", NULL, 0, 0, 1));
    IS_NULL(dsmil_metrics_fail(NULL, "why"));
    CHECK(dsmil_metrics_remaining_ms(NULL) == 0 && monitor == NULL && step == NULL);
    dsmil_monitor_options_free(options);
    dsmil_options_free(device);
}

static void without_a_monitor(void) {
    dsmil_monitor *none = NULL;
    dsmil_verdict *verdict = NULL;
    dsmil_subscription *steps = NULL;
    dsmil_step *step = NULL;
    dsmil_score score;
    double value = 0;
    char *json = NULL;
    const char *matcher = "a=\"b\"";
    IS_NULL(dsmil_monitor_subscribe(none, &steps));
    IS_NULL(dsmil_monitor_on_step(none, NULL, NULL));
    IS_NULL(dsmil_monitor_verdict(none, &verdict));
    IS_NULL(dsmil_monitor_verdict(none, NULL));
    IS_NULL(dsmil_monitor_value(none, "m", NULL, 0, &value, NULL));
    IS_NULL(dsmil_monitor_health(none, &score));
    IS_NULL(dsmil_monitor_security(none, &score));
    IS_NULL(dsmil_monitor_health_json(none, &json));
    IS_NULL(dsmil_monitor_security_json(none, &json));
    IS_NULL(dsmil_monitor_alerts_json(none, &json));
    IS_NULL(dsmil_monitor_silences_json(none, &json));
    IS_NULL(dsmil_monitor_status_json(none, &json));
    IS_NULL(dsmil_monitor_ack(none, "0123456789abcdef", "by", "comment"));
    IS_NULL(dsmil_monitor_silence(none, &matcher, 1, DSMIL_NOW, 1, "by", "comment", &json));
    IS_NULL(dsmil_monitor_expire_silence(none, "id", "by"));
    IS_NULL(dsmil_monitor_reload(none, NULL, NULL));
    IS_NULL(dsmil_monitor_stop(none));
    IS_NULL(dsmil_subscription_next(NULL, 0, &step));
    IS_NULL(dsmil_step_verdict(NULL, &verdict));
    IS_NULL(dsmil_step_value(NULL, "m", NULL, 0, &value, NULL));
    IS_NULL(dsmil_step_json(NULL, &json));
    CHECK(dsmil_step_at(NULL) == 0 && dsmil_step_missed(NULL) == 0 && !dsmil_step_is_saved(NULL));
    CHECK(json == NULL && steps == NULL && step == NULL && verdict == NULL);
}

/* What is left to be given to a monitor that runs. */
static void with_a_monitor(const place *run) {
    dsmil_monitor_options *options = dsmil_monitor_options_new();
    dsmil_monitor *monitor = NULL;
    dsmil_subscription *steps = NULL;
    dsmil_step *step = NULL;
    double value = 0;
    char *json = NULL;
    const char *matcher = "a=\"b\"", *none = NULL;
    CHECK_OK(dsmil_monitor_options_set_device(options, "sim:seed=7"));
    CHECK_OK(dsmil_monitor_options_set_run_dir(options, run->path));
    CHECK_OK(dsmil_monitor_options_set_state_dir(options, in_place(run, "state")));
    CHECK_OK(dsmil_monitor_start(options, &monitor));
    dsmil_monitor_options_free(options);
    IS_NULL(dsmil_monitor_subscribe(monitor, NULL));
    IS_NULL(dsmil_monitor_on_step(monitor, NULL, NULL));
    IS_NULL(dsmil_monitor_value(monitor, NULL, NULL, 0, &value, NULL));
    IS_NULL(dsmil_monitor_value(monitor, "m", NULL, 1, &value, NULL));
    IS_NULL(dsmil_monitor_value(monitor, "m", NULL, 0, NULL, NULL));
    IS_NULL(dsmil_monitor_health(monitor, NULL));
    IS_NULL(dsmil_monitor_security(monitor, NULL));
    IS_NULL(dsmil_monitor_health_json(monitor, NULL));
    IS_NULL(dsmil_monitor_alerts_json(monitor, NULL));
    IS_NULL(dsmil_monitor_ack(monitor, NULL, "by", "comment"));
    IS_NULL(dsmil_monitor_ack(monitor, "0123456789abcdef", NULL, "comment"));
    IS_NULL(dsmil_monitor_ack(monitor, "0123456789abcdef", "by", NULL));
    IS_NULL(dsmil_monitor_silence(monitor, NULL, 1, DSMIL_NOW, 1, "by", "comment", &json));
    IS_NULL(dsmil_monitor_silence(monitor, &none, 1, DSMIL_NOW, 1, "by", "comment", &json));
    IS_NULL(dsmil_monitor_silence(monitor, &matcher, 1, DSMIL_NOW, 1, NULL, "comment", &json));
    IS_NULL(dsmil_monitor_silence(monitor, &matcher, 1, DSMIL_NOW, 1, "by", NULL, &json));
    IS_NULL(dsmil_monitor_silence(monitor, &matcher, 1, DSMIL_NOW, 1, "by", "comment", NULL));
    IS_NULL(dsmil_monitor_expire_silence(monitor, NULL, "by"));
    IS_NULL(dsmil_monitor_expire_silence(monitor, "id", NULL));
    CHECK_OK(dsmil_monitor_subscribe(monitor, &steps));
    IS_NULL(dsmil_subscription_next(steps, 0, NULL));
    NEED(dsmil_subscription_next(steps, 60000, &step) == DSMIL_OK);
    IS_NULL(dsmil_step_verdict(step, NULL));
    IS_NULL(dsmil_step_value(step, NULL, NULL, 0, &value, NULL));
    IS_NULL(dsmil_step_value(step, "m", NULL, 1, &value, NULL));
    IS_NULL(dsmil_step_value(step, "m", NULL, 0, NULL, NULL));
    IS_NULL(dsmil_step_json(step, NULL));
    dsmil_step_free(step);
    dsmil_monitor_free(monitor);
    /* The subscription outlives it. */
    dsmil_status status = DSMIL_OK;
    while ((status = dsmil_subscription_next(steps, 60000, &step)) == DSMIL_OK) {
        dsmil_step_free(step);
    }
    CHECK_STATUS(status, DSMIL_ERROR_ENDED);
    dsmil_subscription_free(steps);
}

static void nothing_is_freed(void) {
    dsmil_gate_free(NULL);
    dsmil_verdict_free(NULL);
    dsmil_monitor_options_free(NULL);
    dsmil_monitor_free(NULL);
    dsmil_subscription_free(NULL);
    dsmil_step_free(NULL);
    dsmil_device_free(NULL);
    dsmil_options_free(NULL);
    dsmil_scan_free(NULL);
    dsmil_quarantine_free(NULL);
    dsmil_isolations_free(NULL);
    dsmil_audit_report_free(NULL);
    dsmil_server_free(NULL);
    dsmil_string_free(NULL);
    IS_NULL(dsmil_last_error(NULL));
}

static void texts_of_any_number(void) {
    CHECK(strcmp(dsmil_status_name(DSMIL_OK), "ok") == 0);
    CHECK(strcmp(dsmil_status_name(DSMIL_ERROR_NULL), "null") == 0);
    CHECK(strcmp(dsmil_status_name(-1), "unknown") == 0 && strcmp(dsmil_status_name(INT32_MAX), "unknown") == 0);
    for (int32_t number = -2; number < 1500; number++) {
        CHECK(dsmil_status_name(number) != NULL && strlen(dsmil_status_text(number)) > 3);
    }
    CHECK(strcmp(dsmil_state_name(2), "safe") == 0 && strcmp(dsmil_state_name(77), "unnamed") == 0);
    CHECK(strcmp(dsmil_request_name(6), "SCAN_START") == 0 && strcmp(dsmil_request_name(0), "unnamed") == 0);
    CHECK(strchr(dsmil_library_version(), '.') != NULL);
}

int main(void) {
    forget_environment();
    place run = new_place();
    dsmil_device *device = open_in("sim:seed=7", &run);
    functions_of_a_device(device);
    functions_of_results(device);
    dsmil_device_free(device);
    options_and_opening(&run);
    rules_and_reports(&run);
    a_server(&run);
    gates_and_verdicts(&run);
    options_of_a_monitor(&run);
    without_a_monitor();
    with_a_monitor(&run);
    nothing_is_freed();
    texts_of_any_number();
    remove_place(&run);
    return check_report("test_null");
}
