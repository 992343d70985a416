/* Gates from C: load, check, verdict, reasons; states that are carried on, saved and restored; what is refused, with its place. */
#include "check.h"
#include <math.h>
#include <pthread.h>

static const char *const TWO_RULES = "version = 1\n"
                                     "[[rule]]\n"
                                     "name = \"cpu\"\n"
                                     "metric = \"cpu_percent\"\n"
                                     "require = \"< 75\"\n"
                                     "for = \"60s\"\n"
                                     "unit = \"percent\"\n"
                                     "on_fail = \"no-go\"\n"
                                     "on_no_data = \"hold\"\n"
                                     "[[rule]]\n"
                                     "name = \"disk\"\n"
                                     "metric = \"disk_free_bytes\"\n"
                                     "labels = { path = \"/\" }\n"
                                     "fail_when = \"< 1000\"\n"
                                     "on_fail = \"roll-back\"\n"
                                     "on_no_data = \"hold\"\n"
                                     "[[zone]]\n"
                                     "name = \"load\"\n"
                                     "[[zone.band]]\n"
                                     "name = \"green\"\n"
                                     "verdict = \"go\"\n"
                                     "[[zone.band]]\n"
                                     "name = \"red\"\n"
                                     "verdict = \"hold\"\n"
                                     "rules = [\"cpu\"]\n"
                                     "[[gate]]\n"
                                     "name = \"deploy\"\n"
                                     "kind = \"all\"\n"
                                     "rules = [\"cpu\", \"disk\"]\n"
                                     "zones = [\"load\"]\n"
                                     "recheck = \"5m\"\n"
                                     "justification = \"a full disk loses samples\"\n"
                                     "[[gate]]\n"
                                     "name = \"share\"\n"
                                     "kind = \"score\"\n"
                                     "threshold = 0.5\n"
                                     "rules = [\"cpu\", \"disk\"]\n";
static const dsmil_label ROOT = {"path", "/"};

static dsmil_gate *parsed(const char *text) {
    dsmil_gate *gate = NULL;
    NEED(dsmil_gate_parse(text, "two.toml", &gate) == DSMIL_OK);
    return gate;
}

static dsmil_decision decided(const dsmil_gate *gate, int64_t at_ms) {
    dsmil_verdict *verdict = NULL;
    CHECK_OK(dsmil_gate_evaluate(gate, at_ms, &verdict));
    CHECK(verdict != NULL && dsmil_verdict_at(verdict) == at_ms);
    dsmil_decision decision = dsmil_verdict_of(verdict);
    dsmil_verdict_free(verdict);
    return decision;
}

static void is_loaded_and_checked_in_four_lines(void) {
    dsmil_gate *gate = NULL;
    dsmil_verdict *verdict = NULL;
    CHECK_OK(dsmil_gate_load("examples/gates/deploy.toml", &gate));
    CHECK(strlen(dsmil_gate_fingerprint(gate)) == 64);
    CHECK_OK(dsmil_gate_check_json(gate, "{\"cpu_percent\": 40.0, \"memory_percent\": 50, \"active_workers\": 2}", DSMIL_NOW, &verdict));
    CHECK(dsmil_verdict_go(verdict) && dsmil_verdict_reason_count(verdict) == 0 && dsmil_verdict_reason(verdict, 0) == NULL);
    CHECK(dsmil_verdict_at(verdict) > INT64_C(1700000000000));
    dsmil_verdict_free(verdict);
    CHECK_OK(dsmil_gate_check_json(gate, "{\"cpu_percent\": 99}", 5000, &verdict));
    CHECK(!dsmil_verdict_go(verdict) && dsmil_verdict_reason_count(verdict) > 0);
    CHECK_TEXT(dsmil_verdict_reason(verdict, 0), "rule ");
    CHECK(dsmil_verdict_reason(verdict, dsmil_verdict_reason_count(verdict)) == NULL);
    dsmil_verdict_free(verdict);
    dsmil_gate_free(gate);
}

static void a_verdict_tells_all_of_it(void) {
    dsmil_gate *gate = parsed(TWO_RULES);
    dsmil_verdict *verdict = NULL, *again = NULL;
    const char *metrics = "{\"cpu_percent\": 80.5, \"disk_free_bytes\": [{\"labels\": {\"path\": \"/\"}, \"value\": 1e9}]}";
    CHECK_OK(dsmil_gate_check_json(gate, metrics, 60000, &verdict));
    /* The gate is gone, the verdict is not. */
    CHECK_OK(dsmil_gate_check_json(gate, metrics, 60000, &again));
    dsmil_gate_free(gate);
    CHECK(dsmil_verdict_of(verdict) == DSMIL_DECISION_HOLD && dsmil_verdict_at(verdict) == 60000);
    CHECK(dsmil_verdict_gate_count(verdict) == 2);
    dsmil_gate_verdict deploy, share, untouched;
    CHECK_OK(dsmil_verdict_gate(verdict, "deploy", &deploy));
    CHECK(strcmp(deploy.name, "deploy") == 0 && deploy.decision == DSMIL_DECISION_HOLD && !deploy.has_score && !deploy.must_escalate);
    CHECK_TEXT(deploy.justification, "full disk");
    CHECK(deploy.has_look_again && deploy.look_again_at_ms == 360000);
    /* The rule, which is pending, and the zone over it. */
    CHECK(deploy.reasons == 2 && dsmil_verdict_reason_count(verdict) == 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK(strcmp(dsmil_verdict_gate_reason(verdict, 0, i), dsmil_verdict_reason(verdict, i)) == 0);
    }
    CHECK(dsmil_verdict_gate_reason(verdict, 0, 2) == NULL && dsmil_verdict_gate_reason(verdict, 2, 0) == NULL);
    CHECK_OK(dsmil_verdict_gate_get(verdict, 1, &share));
    CHECK(share.decision == DSMIL_DECISION_GO && share.has_score && share.score == 0.5 && share.threshold == 0.5);
    CHECK(share.justification == NULL && !share.has_look_again);
    memset(&untouched, 0x55, sizeof untouched);
    share = untouched;
    CHECK_STATUS(dsmil_verdict_gate_get(verdict, 2, &share), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_verdict_gate(verdict, "nobody", &share), DSMIL_ERROR_ARGUMENT);
    CHECK(memcmp(&share, &untouched, sizeof share) == 0);
    dsmil_rule_verdict rule;
    CHECK_OK(dsmil_verdict_rule(verdict, "cpu", &rule));
    CHECK(rule.phase == DSMIL_PHASE_PENDING && rule.decision == DSMIL_DECISION_HOLD && !rule.is_missing && rule.error == NULL);
    CHECK_STATUS(dsmil_verdict_rule(verdict, "none", &rule), DSMIL_ERROR_ARGUMENT);
    dsmil_zone_verdict zone;
    CHECK_OK(dsmil_verdict_zone(verdict, "load", &zone));
    CHECK(strcmp(zone.name, "load") == 0 && strcmp(zone.band, "green") == 0 && zone.decision == DSMIL_DECISION_HOLD);
    CHECK_STATUS(dsmil_verdict_zone(verdict, "none", &zone), DSMIL_ERROR_ARGUMENT);
    char *json = NULL, *same = NULL, *words = NULL;
    CHECK_OK(dsmil_verdict_json(verdict, &json));
    CHECK_OK(dsmil_verdict_json(again, &same));
    CHECK(strcmp(json, same) == 0);
    CHECK_TEXT(json, "\"verdict\":\"hold\"");
    CHECK_TEXT(json, "\"value\":80.5");
    CHECK_OK(dsmil_verdict_text(verdict, &words));
    CHECK_TEXT(words, "gate deploy: hold");
    dsmil_string_free(json), dsmil_string_free(same), dsmil_string_free(words);
    dsmil_verdict_free(verdict), dsmil_verdict_free(again);
    const char *const names[] = {"go", "hold", "no-go", "roll-back"};
    for (int32_t i = 0; i < 4; i++) {
        CHECK(strcmp(dsmil_decision_name(i), names[i]) == 0);
    }
    CHECK(strcmp(dsmil_decision_name(4), "unknown") == 0 && strcmp(dsmil_decision_name(INT32_MIN), "unknown") == 0);
}

static void carries_its_states_on(void) {
    dsmil_gate *gate = parsed(TWO_RULES);
    CHECK(decided(gate, 0) == DSMIL_DECISION_HOLD);
    CHECK_OK(dsmil_gate_record(gate, "disk_free_bytes", &ROOT, 1, 1000, 5e9));
    CHECK_OK(dsmil_gate_record(gate, "cpu_percent", NULL, 0, 1000, 80));
    CHECK(decided(gate, 1000) == DSMIL_DECISION_HOLD);
    CHECK_OK(dsmil_gate_record(gate, "cpu_percent", NULL, 0, 61000, 81));
    CHECK(decided(gate, 61000) == DSMIL_DECISION_NO_GO);
    CHECK_OK(dsmil_gate_record(gate, "cpu_percent", NULL, 0, 62000, 20));
    CHECK(decided(gate, 62000) == DSMIL_DECISION_GO);
    /* The same again is the same; another value for that time is refused, and the first stays. */
    CHECK_OK(dsmil_gate_record(gate, "cpu_percent", NULL, 0, 62000, 20));
    CHECK_STATUS(dsmil_gate_record(gate, "cpu_percent", NULL, 0, 62000, 99), DSMIL_ERROR_CONFLICT);
    CHECK(decided(gate, 62001) == DSMIL_DECISION_GO);
    CHECK_OK(dsmil_gate_record_unreadable(gate, "disk_free_bytes", "the disk is gone"));
    dsmil_verdict *verdict = NULL;
    dsmil_rule_verdict rule;
    CHECK_OK(dsmil_gate_evaluate(gate, 62002, &verdict));
    CHECK(dsmil_verdict_of(verdict) == DSMIL_DECISION_ROLL_BACK);
    CHECK_OK(dsmil_verdict_rule(verdict, "disk", &rule));
    CHECK_TEXT(rule.error, "the disk is gone");
    CHECK(rule.is_missing);
    dsmil_verdict_free(verdict);
    CHECK_OK(dsmil_gate_record_unreadable(gate, "disk_free_bytes", NULL));
    CHECK(decided(gate, 62003) == DSMIL_DECISION_GO);
    /* Of two paths one ends: it is not missed. One that falls silent is. */
    CHECK_OK(dsmil_gate_record(gate, "cpu_percent", &ROOT, 1, 62003, NAN));
    CHECK(decided(gate, 62003) == DSMIL_DECISION_HOLD);
    CHECK_OK(dsmil_gate_record_end(gate, "cpu_percent", &ROOT, 1, 62004));
    CHECK(decided(gate, 62004) == DSMIL_DECISION_GO);
    CHECK_OK(dsmil_gate_forget(gate, 62004));
    CHECK(decided(gate, 62004) == DSMIL_DECISION_GO);
    CHECK(decided(gate, 700000) == DSMIL_DECISION_HOLD);
    dsmil_gate_free(gate);
}

/* A restart changes nothing, and what was saved fits its own gate alone. */
static void goes_on_from_what_was_saved(void) {
    dsmil_gate *gate = parsed(TWO_RULES), *other = NULL;
    char *saved = NULL, *again = NULL;
    CHECK_OK(dsmil_gate_record(gate, "cpu_percent", NULL, 0, 1000, 80));
    CHECK(decided(gate, 1000) == DSMIL_DECISION_HOLD);
    CHECK_OK(dsmil_gate_save(gate, &saved));
    dsmil_gate_free(gate);
    gate = parsed(TWO_RULES);
    CHECK_OK(dsmil_gate_restore(gate, saved));
    CHECK_OK(dsmil_gate_record(gate, "cpu_percent", NULL, 0, 61000, 80));
    CHECK(decided(gate, 61000) == DSMIL_DECISION_NO_GO);
    CHECK_OK(dsmil_gate_restore(gate, saved));
    CHECK_OK(dsmil_gate_save(gate, &again));
    CHECK(strcmp(saved, again) == 0);
    CHECK_STATUS(dsmil_gate_restore(gate, "{}"), DSMIL_ERROR_GATE_STATE);
    CHECK_STATUS(dsmil_gate_restore(gate, "no JSON"), DSMIL_ERROR_GATE_STATE);
    CHECK_OK(dsmil_gate_load("examples/gates/deploy.toml", &other));
    CHECK_STATUS(dsmil_gate_restore(other, saved), DSMIL_ERROR_GATE_STATE);
    CHECK_TEXT(last_error().kind, "gate-state");
    dsmil_string_free(saved), dsmil_string_free(again);
    dsmil_gate_free(gate), dsmil_gate_free(other);
}

static void refuses_with_file_line_and_key(const place *made) {
    dsmil_gate *gate = NULL;
    CHECK_STATUS(dsmil_gate_parse("version = 1\n[[rule]]\nname = \"cpu\"\nmetric = \"cpu_percent\"\nrequire = 75\n", "bad.toml", &gate),
                 DSMIL_ERROR_GATES);
    dsmil_error_detail detail = last_error();
    CHECK_TEXT(detail.kind, "gates");
    CHECK_TEXT(detail.file, "bad.toml");
    CHECK_TEXT(detail.key, "rule[0]");
    CHECK(detail.line == 2 || detail.line == 5);
    CHECK(detail.column > 0);
    /* All that is wrong is in the message, one line each. */
    CHECK_TEXT(detail.message, "on_fail");
    CHECK_TEXT(detail.message, "on_no_data");
    CHECK_TEXT(detail.message, "require");
    const char *none = in_place(made, "none.toml");
    CHECK_STATUS(dsmil_gate_load(none, &gate), DSMIL_ERROR_FILE);
    detail = last_error();
    CHECK(detail.os_error == ENOENT && strcmp(detail.file, none) == 0 && detail.line == 0 && detail.key == NULL);
    CHECK_STATUS(dsmil_gate_load(made->path, &gate), DSMIL_ERROR_FILE);
    CHECK(last_error().os_error == EISDIR);
    write_file(none, "\xff\xfe", 0600);
    CHECK_STATUS(dsmil_gate_load(none, &gate), DSMIL_ERROR_FILE);
    CHECK_STATUS(dsmil_gate_parse("", NULL, &gate), DSMIL_ERROR_GATES);
    CHECK_TEXT(last_error().file, "gates");
    CHECK(gate == NULL);
    gate = parsed(TWO_RULES);
    dsmil_verdict *verdict = NULL;
    const char *const bad[] = {"", "[]", "{\"cpu_percent\": true}", "{\"cpu percent\": 1}", "{\"a\": {\"value\": 1, \"x\": 2}}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_STATUS(dsmil_gate_check_json(gate, bad[i], 0, &verdict), DSMIL_ERROR_METRICS);
        CHECK_TEXT(dsmil_last_error_message(), "metrics: ");
        CHECK(last_error().file == NULL && last_error().line == 0);
    }
    CHECK(verdict == NULL);
    const dsmil_label twice[2] = {ROOT, ROOT}, nameless = {"9a", "x"}, valueless = {"path", NULL};
    CHECK_STATUS(dsmil_gate_record(gate, "m", twice, 2, 0, 1), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_gate_record(gate, "m", &nameless, 1, 0, 1), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_gate_record(gate, "m", &valueless, 1, 0, 1), DSMIL_ERROR_NULL);
    CHECK_STATUS(dsmil_gate_record(gate, "m", NULL, 1, 0, 1), DSMIL_ERROR_NULL);
    CHECK_STATUS(dsmil_gate_record(gate, "m", &ROOT, SIZE_MAX, 0, 1), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_gate_record(gate, "", NULL, 0, 0, 1), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_gate_record(gate, "cpu-percent", NULL, 0, 0, 1), DSMIL_ERROR_ARGUMENT);
    CHECK_OK(dsmil_gate_record(gate, "node:cpu_percent", &ROOT, 1, INT64_MAX, INFINITY));
    CHECK(decided(gate, INT64_MAX) != DSMIL_DECISION_GO);
    CHECK(decided(gate, INT64_MIN + 1) != DSMIL_DECISION_GO);
    dsmil_gate_free(gate);
}

static void lints_exports_and_tests(const place *made) {
    dsmil_gate *gate = parsed(TWO_RULES);
    dsmil_lint lint;
    size_t lints = dsmil_gate_lint_count(gate), without_unit = 0;
    for (size_t i = 0; i < lints; i++) {
        CHECK_OK(dsmil_gate_lint(gate, i, &lint));
        CHECK(lint.line > 0 && strlen(lint.subject) > 0);
        if (strstr(lint.what, "no unit") != NULL) {
            CHECK(lint.line == 10 && strcmp(lint.subject, "rule disk") == 0);
            CHECK_TEXT(lint.remedy, "write unit");
            without_unit++;
        }
    }
    CHECK(without_unit == 1);
    CHECK_STATUS(dsmil_gate_lint(gate, lints, &lint), DSMIL_ERROR_ARGUMENT);
    char *yaml = NULL, *report = NULL;
    size_t not_expressed = 0, held = 0, failed = 99;
    CHECK_OK(dsmil_gate_export_prometheus(gate, "mine", &yaml, &not_expressed));
    CHECK_TEXT(yaml, "name: \"mine\"");
    CHECK_TEXT(yaml, "disk_free_bytes{path=\\\"/\\\"} < 1000");
    CHECK_TEXT(yaml, "# Not expressed: gate deploy");
    CHECK(not_expressed == 5);
    dsmil_string_free(yaml);
    CHECK_OK(dsmil_gate_export_prometheus(gate, "mine", &yaml, NULL));
    dsmil_string_free(yaml);
    dsmil_gate_free(gate);
    CHECK_OK(dsmil_gate_test_file("examples/gates/deploy.test.toml", &held, &failed, &report));
    CHECK(held > 10 && failed == 0);
    CHECK_TEXT(report, "0 failed");
    dsmil_string_free(report);
    const char *test = in_place(made, "wrong.test.toml");
    write_file(in_place(made, "two.toml"), TWO_RULES, 0600);
    write_file(test,
               "version = 1\ngates = \"two.toml\"\n[[test]]\nname = \"t\"\n[[test.expect]]\nat = \"1m\"\nverdict = \"go\"\n"
               "[[test.expect]]\nat = \"2m\"\nverdict = \"hold\"\n",
               0600);
    CHECK_OK(dsmil_gate_test_file(test, &held, &failed, &report));
    CHECK(held == 1 && failed == 1);
    CHECK_TEXT(report, "line 5");
    dsmil_string_free(report);
    report = NULL;
    CHECK_OK(dsmil_gate_test_file(test, &held, &failed, NULL));
    write_file(test, "version = 1\ngates = \"nowhere.toml\"\n[[test]]\nname = \"t\"\n[[test.expect]]\nat = \"1m\"\nverdict = \"go\"\n", 0600);
    CHECK_STATUS(dsmil_gate_test_file(test, &held, &failed, &report), DSMIL_ERROR_FILE);
    CHECK_TEXT(last_error().file, "nowhere.toml");
    write_file(test, "version = 1\ngates = 7\n", 0600);
    CHECK_STATUS(dsmil_gate_test_file(test, &held, &failed, &report), DSMIL_ERROR_GATES);
    CHECK(last_error().line == 2 && report == NULL && held == 1);
}

#define THREADS 8
#define ROUNDS 200

typedef struct {
    const dsmil_gate *gate;
    int number;
} share;

static void *use(void *argument) {
    const share *mine = (const share *)argument;
    char name[16];
    snprintf(name, sizeof name, "%d", mine->number);
    const dsmil_label own = {"host", name};
    for (int64_t round = 1; round <= ROUNDS; round++) {
        dsmil_verdict *verdict = NULL;
        CHECK_OK(dsmil_gate_record(mine->gate, "cpu_percent", &own, 1, round * 1000, 20));
        CHECK_STATUS(dsmil_gate_record(mine->gate, "cpu_percent", &own, 1, round * 1000, 21), DSMIL_ERROR_CONFLICT);
        CHECK_TEXT(dsmil_last_error_message(), name);
        if (round % 20 == 0) {
            CHECK_OK(dsmil_gate_evaluate(mine->gate, round * 1000, &verdict));
            CHECK(dsmil_verdict_of(verdict) == DSMIL_DECISION_HOLD);
            dsmil_verdict_free(verdict);
            CHECK_OK(dsmil_gate_check_json(mine->gate, "{\"cpu_percent\": 1, \"disk_free_bytes\": {\"labels\": {\"path\": \"/\"}, \"value\": 9e9}}", 0, &verdict));
            CHECK(dsmil_verdict_go(verdict));
            dsmil_verdict_free(verdict);
        }
    }
    return NULL;
}

static void is_shared_by_threads(void) {
    dsmil_gate *gate = parsed(TWO_RULES);
    pthread_t threads[THREADS];
    share shares[THREADS];
    for (int i = 0; i < THREADS; i++) {
        shares[i].gate = gate;
        shares[i].number = i;
        NEED(pthread_create(&threads[i], NULL, use, &shares[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_OK(dsmil_gate_record(gate, "disk_free_bytes", &ROOT, 1, ROUNDS * 1000, 9e9));
    CHECK(decided(gate, ROUNDS * 1000) == DSMIL_DECISION_GO);
    dsmil_gate_free(gate);
}

/* A child goes on with a copy of its own. What it does there the parent doesn't see. */
static void a_child_goes_on_with_its_copy(void) {
    dsmil_gate *gate = parsed(TWO_RULES);
    int answer[2];
    CHECK_OK(dsmil_gate_record(gate, "disk_free_bytes", &ROOT, 1, 1000, 5e9));
    CHECK_OK(dsmil_gate_record(gate, "cpu_percent", NULL, 0, 1000, 20));
    NEED(pipe(answer) == 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        bool ok = CHECK(decided(gate, 1000) == DSMIL_DECISION_GO);
        ok = CHECK_OK(dsmil_gate_record(gate, "disk_free_bytes", &ROOT, 1, 2000, 5)) && ok;
        ok = CHECK(decided(gate, 2000) == DSMIL_DECISION_ROLL_BACK) && ok;
        dsmil_gate_free(gate);
        _exit(write(answer[1], ok ? "y" : "n", 1) == 1 ? 0 : 1);
    }
    close(answer[1]);
    char said = 'n';
    CHECK(read(answer[0], &said, 1) == 1 && said == 'y');
    close(answer[0]);
    int ended = -1;
    CHECK(waitpid(child, &ended, 0) == child && WIFEXITED(ended));
    CHECK(decided(gate, 2000) == DSMIL_DECISION_GO);
    dsmil_gate_free(gate);
}

int main(void) {
    forget_environment();
    place made = new_place();
    is_loaded_and_checked_in_four_lines();
    a_verdict_tells_all_of_it();
    carries_its_states_on();
    goes_on_from_what_was_saved();
    refuses_with_file_line_and_key(&made);
    lints_exports_and_tests(&made);
    is_shared_by_threads();
    a_child_goes_on_with_its_copy();
    remove_place(&made);
    return check_report("test_gate");
}
