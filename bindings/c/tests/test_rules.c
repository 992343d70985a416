/* What stands before every access: the list of the quarantine, isolations, the emergency stop, the audit log. */
#include "check.h"

static void the_list_answers_for_every_id(void) {
    place run = new_place();
    dsmil_quarantine *list = NULL;
    NEED(dsmil_quarantine_load(NULL, run.path, &list) == DSMIL_OK);
    for (unsigned id = 0; id <= UINT16_MAX; id++) {
        bool is_permanent = dsmil_permanent_what((uint16_t)id) != NULL;
        bool is_served = id >= DSMIL_FIRST_ID && id < DSMIL_FIRST_ID + DSMIL_DEVICE_COUNT;
        dsmil_status expected = is_served && !is_permanent ? DSMIL_OK : DSMIL_ERROR_DENIED;
        for (int operation = DSMIL_OPERATION_INFO; operation <= DSMIL_OPERATION_READ; operation++) {
            dsmil_status got = dsmil_quarantine_check(list, (uint16_t)id, operation);
            if (got != expected) {
                fprintf(stderr, "0x%04X\n", id);
            }
            CHECK_STATUS(got, expected);
        }
        if (is_permanent || !is_served) {
            CHECK(last_error().is_explicit == is_permanent);
        }
    }
    CHECK_STATUS(dsmil_quarantine_check(list, 0x8003, 2), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_quarantine_check(list, 0x8003, -1), DSMIL_ERROR_ARGUMENT);
    dsmil_quarantine_free(list);
    remove_place(&run);
}

static void a_policy_adds_and_never_takes_away(void) {
    place run = new_place();
    const char *path = in_place(&run, "policy.toml");
    dsmil_quarantine *list = NULL;
    write_file(path, "version = 1\n[[deny]]\nid = 0x8003\nreason = \"in repair\"\n", 0600);
    NEED(dsmil_quarantine_load(path, run.path, &list) == DSMIL_OK);
    CHECK_STATUS(dsmil_quarantine_check(list, 0x8003, DSMIL_OPERATION_READ), DSMIL_ERROR_DENIED);
    CHECK_TEXT(last_error().rule_key, "/deny[0]");
    CHECK_TEXT(last_error().message, "in repair");
    CHECK_OK(dsmil_quarantine_check(list, 0x8004, DSMIL_OPERATION_READ));
    dsmil_quarantine_free(list);
    write_file(path, "version = 1\n[[allow]]\nid = 0x8009\n", 0600);
    NEED(dsmil_quarantine_load(path, run.path, &list) == DSMIL_OK);
    CHECK_STATUS(dsmil_quarantine_check(list, 0x8009, DSMIL_OPERATION_READ), DSMIL_ERROR_DENIED);
    CHECK_STATUS(dsmil_quarantine_check(list, 0x8004, DSMIL_OPERATION_READ), DSMIL_ERROR_DENIED);
    CHECK(strcmp(last_error().rule_key, "policy-unusable") == 0);
    dsmil_quarantine_free(list);
    remove_place(&run);
}

static void isolations_hold_until_they_end(void) {
    place run = new_place();
    dsmil_device *device = open_in("sim:seed=7", &run);
    dsmil_record record;
    bool was = true;
    CHECK_OK(dsmil_device_info(device, 0x8004, &record));
    CHECK_OK(dsmil_isolate(run.path, 0x8004, "smoke", "warden", 0));
    CHECK_STATUS(dsmil_device_info(device, 0x8004, &record), DSMIL_ERROR_DENIED);
    CHECK(strcmp(last_error().rule_key, "isolation/0x8004") == 0);
    CHECK_OK(dsmil_isolate(run.path, 0x8005, "for a moment", "warden", 300));

    dsmil_isolations *list = NULL;
    CHECK_OK(dsmil_isolations_load(run.path, &list));
    CHECK(dsmil_isolations_count(list) == 2);
    dsmil_isolation one;
    CHECK_OK(dsmil_isolations_get(list, 0, &one));
    CHECK(one.id == 0x8004 && !one.has_end && strcmp(one.reason, "smoke") == 0 && strcmp(one.author, "warden") == 0);
    CHECK_OK(dsmil_isolations_get(list, 1, &one));
    CHECK(one.id == 0x8005 && one.has_end && one.until_ms - one.since_ms == 300);
    CHECK_STATUS(dsmil_isolations_get(list, 2, &one), DSMIL_ERROR_ARGUMENT);
    dsmil_isolations_free(list);

    /* A list that was taken before the end of an isolation finds that end by itself. */
    dsmil_quarantine *rules = NULL;
    NEED(dsmil_quarantine_load(NULL, run.path, &rules) == DSMIL_OK);
    CHECK_STATUS(dsmil_quarantine_check(rules, 0x8004, 0), DSMIL_ERROR_DENIED);
    usleep(310 * 1000);
    CHECK_OK(dsmil_quarantine_check(rules, 0x8005, 0));
    CHECK_OK(dsmil_device_info(device, 0x8005, &record));
    dsmil_quarantine_free(rules);

    CHECK_OK(dsmil_release(run.path, 0x8004, "warden", &was));
    CHECK(was);
    CHECK_OK(dsmil_release(run.path, 0x8004, "warden", &was));
    CHECK(!was);
    CHECK_OK(dsmil_device_info(device, 0x8004, &record));
    CHECK_STATUS(dsmil_release(run.path, 0x8009, "warden", &was), DSMIL_ERROR_DENIED);
    CHECK_STATUS(dsmil_isolate(run.path, 0x8004, "", "warden", 0), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_isolate(run.path, 0x9000, "no such", "warden", 0), DSMIL_ERROR_ARGUMENT);
    dsmil_device_free(device);
    remove_place(&run);
}

static void the_stop_stops(void) {
    place run = new_place();
    dsmil_device *device = open_in("sim:seed=7", &run);
    dsmil_stop_record record;
    bool is_pulled = true;
    uint32_t version = 0;
    CHECK_OK(dsmil_stop_state(run.path, &is_pulled, &record));
    CHECK(!is_pulled);
    CHECK_OK(dsmil_emergency_stop(run.path, "smoke in the rack", &record));
    CHECK(strcmp(record.reason, "smoke in the rack") == 0 && record.pid == (uint32_t)getpid() && record.uid == getuid());
    CHECK(record.is_audited && record.took_ns > 0 && record.since_ms > 0 && record.program[0] != '\0');
    CHECK_STATUS(dsmil_device_version(device, &version), DSMIL_ERROR_STOPPED);
    CHECK_TEXT(dsmil_last_error_message(), "smoke in the rack");
    CHECK_OK(dsmil_emergency_stop(run.path, "again", NULL));
    CHECK_OK(dsmil_stop_state(run.path, &is_pulled, &record));
    CHECK(is_pulled && strcmp(record.reason, "smoke in the rack") == 0);
    CHECK_OK(dsmil_stop_clear(run.path, "aired", &is_pulled));
    CHECK(is_pulled);
    CHECK_OK(dsmil_stop_clear(run.path, "aired", &is_pulled));
    CHECK(!is_pulled);
    CHECK_OK(dsmil_device_version(device, &version));
    CHECK_STATUS(dsmil_emergency_stop(in_place(&run, "none"), "r", NULL), DSMIL_ERROR_RUN_DIRECTORY);
    dsmil_device_free(device);
    remove_place(&run);
}

static void the_audit_log_tells_of_a_change(void) {
    place run = new_place();
    dsmil_device *device = open_in("sim:seed=7", &run);
    dsmil_record record;
    dsmil_audit_report *report = NULL;
    CHECK_STATUS(dsmil_audit_verify(in_place(&run, "audit"), &report), DSMIL_ERROR_AUDIT);
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(dsmil_device_info(device, 0x8009, &record), DSMIL_ERROR_DENIED);
    }
    NEED(dsmil_audit_verify(in_place(&run, "audit"), &report) == DSMIL_OK);
    dsmil_audit_summary summary;
    CHECK_OK(dsmil_audit_report_summary(report, &summary));
    CHECK(summary.is_clean && summary.records == 3 && summary.last_seq == 3 && summary.findings == 0);
    CHECK(strlen(summary.head_hash) == 64);
    dsmil_audit_finding finding;
    CHECK_STATUS(dsmil_audit_report_finding(report, 0, &finding), DSMIL_ERROR_ARGUMENT);
    dsmil_audit_report_free(report);

    FILE *log = fopen(in_place(&run, "audit/audit.jsonl"), "r+");
    NEED(log != NULL);
    char line[4096];
    NEED(fgets(line, sizeof line, log) != NULL);
    char *target = strstr(line, "0x8009");
    NEED(target != NULL);
    fseek(log, target - line, SEEK_SET);
    fputs("0x8003", log);
    fclose(log);
    NEED(dsmil_audit_verify(in_place(&run, "audit"), &report) == DSMIL_OK);
    CHECK_OK(dsmil_audit_report_summary(report, &summary));
    CHECK(!summary.is_clean && summary.findings > 0);
    CHECK_OK(dsmil_audit_report_finding(report, 0, &finding));
    CHECK(strcmp(finding.kind, "changed") == 0 && finding.line == 1 && strcmp(finding.file, "audit.jsonl") == 0);
    dsmil_audit_report_free(report);
    dsmil_device_free(device);
    remove_place(&run);
}

static void the_self_check_is_passed(void) {
    place run = new_place();
    dsmil_options *options = options_in(&run);
    dsmil_self_check result;
    CHECK_OK(dsmil_self_check_run(options, &result));
    CHECK(result.is_ok);
    for (int i = 0; i < DSMIL_PERMANENT_COUNT; i++) {
        CHECK(result.entries[i].id == PERMANENT_IDS[i] && result.entries[i].is_enforced && result.entries[i].was_denied);
        CHECK(result.entries[i].accesses == 0 && result.entries[i].control > 0);
    }
    dsmil_options_free(options);
    remove_place(&run);
}

int main(void) {
    forget_environment();
    uint16_t ids[DSMIL_PERMANENT_COUNT];
    CHECK_OK(dsmil_quarantine_permanent(ids));
    CHECK(memcmp(ids, PERMANENT_IDS, sizeof ids) == 0);
    the_list_answers_for_every_id();
    a_policy_adds_and_never_takes_away();
    isolations_hold_until_they_end();
    the_stop_stops();
    the_audit_log_tells_of_a_change();
    the_self_check_is_passed();
    return check_report("test_rules");
}
