/* The monitor from C: samplers and steps by callbacks, subscriptions, scores, alerts, reload, a restart; and an end while
 * others wait for it, call it, and would wait for themselves. */
#include "watch.h"
#include <pthread.h>

/* The next step in which the gate decides so. */
static dsmil_step *wait_for(const dsmil_subscription *steps, dsmil_decision decision) {
    for (int i = 0; i < 1000; i++) {
        dsmil_step *one = NULL;
        NEED(dsmil_subscription_next(steps, 60000, &one) == DSMIL_OK);
        CHECK(dsmil_step_is_saved(one) && dsmil_step_at(one) > INT64_C(1700000000000));
        if (of_gate(one, "fill") == decision) {
            return one;
        }
        dsmil_step_free(one);
    }
    NEED(!"the gate never decides so");
    return NULL;
}

static void decides_on_what_the_callback_measures(const dsmil_monitor *monitor, tank *mine) {
    dsmil_subscription *steps = NULL;
    const dsmil_label a = {"tank", "a"};
    double value = -1;
    int64_t at = 0;
    char *json = NULL;
    CHECK_OK(dsmil_monitor_subscribe(monitor, &steps));
    set(&mine->level, 5);
    dsmil_step *one = wait_for(steps, DSMIL_DECISION_GO);
    CHECK_OK(dsmil_step_value(one, "level", &a, 1, &value, &at));
    CHECK(value == 5 && at <= dsmil_step_at(one) && at > INT64_C(1700000000000));
    CHECK_STATUS(dsmil_step_value(one, "level", NULL, 0, &value, NULL), DSMIL_ERROR_ARGUMENT);
    CHECK_TEXT(dsmil_last_error_message(), "2 series of level");
    CHECK_STATUS(dsmil_step_value(one, "nothing", NULL, 0, &value, NULL), DSMIL_ERROR_NO_VALUE);
    CHECK_OK(dsmil_step_json(one, &json));
    CHECK_TEXT(json, "\"labels\":{\"tank\":\"a\"}");
    CHECK_TEXT(json, "\"saved\":true");
    dsmil_string_free(json);
    dsmil_step_free(one);
    CHECK_OK(dsmil_monitor_value(monitor, "level", &a, 1, &value, &at));
    CHECK(value == 5);
    CHECK_STATUS(dsmil_monitor_value(monitor, "level", NULL, 0, &value, NULL), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_monitor_value(monitor, "nothing", NULL, 0, &value, NULL), DSMIL_ERROR_NO_VALUE);
    set(&mine->level, 50);
    dsmil_step_free(wait_for(steps, DSMIL_DECISION_NO_GO));
    dsmil_verdict *verdict = NULL;
    CHECK_OK(dsmil_monitor_verdict(monitor, &verdict));
    CHECK(!dsmil_verdict_go(verdict) && dsmil_verdict_reason_count(verdict) > 0);
    dsmil_verdict_free(verdict);
    /* Back to a value that goes, with a sample that says it failed: what it gave counts. */
    set(&mine->level, 5), set(&mine->fails, 1);
    dsmil_step_free(wait_for(steps, DSMIL_DECISION_GO));
    CHECK_OK(dsmil_monitor_status_json(monitor, &json));
    CHECK_TEXT(json, "the float is stuck");
    CHECK(strstr(json, "the first reason counts") == NULL);
    dsmil_string_free(json);
    set(&mine->fails, 0);
    CHECK_STATUS(dsmil_subscription_next(steps, 0, &one) == DSMIL_OK ? (dsmil_step_free(one), DSMIL_ERROR_TIMEOUT) : DSMIL_ERROR_TIMEOUT,
                 DSMIL_ERROR_TIMEOUT);
    dsmil_subscription_free(steps);
}

static void knows_its_scores(const dsmil_monitor *monitor) {
    dsmil_score health, security;
    char *json = NULL;
    dsmil_status status = DSMIL_ERROR_NO_VALUE;
    for (int i = 0; i < 6000 && status == DSMIL_ERROR_NO_VALUE; i++) {
        status = dsmil_monitor_health(monitor, &health);
        pause_ms(10);
    }
    CHECK_STATUS(status, DSMIL_OK);
    CHECK(health.value >= 0 && health.value <= 100 && health.own_value == health.value && health.checks > 3);
    CHECK(health.passed <= health.checks && health.at_ms > INT64_C(1700000000000));
    CHECK_OK(dsmil_monitor_security(monitor, &security));
    CHECK(security.value > 0 && security.value <= 100 && security.checks > 3 && security.passed > 0);
    CHECK_OK(dsmil_monitor_health_json(monitor, &json));
    CHECK_TEXT(json, "\"checks\":[");
    CHECK_TEXT(json, "\"formula\":");
    dsmil_string_free(json);
    CHECK_OK(dsmil_monitor_security_json(monitor, &json));
    CHECK_TEXT(json, "quarantine");
    dsmil_string_free(json);
}

/* The fingerprint of the alert on the rule, or "" while there is none that fires. */
static void fingerprint_of(const dsmil_monitor *monitor, char *fingerprint) {
    char *json = NULL;
    CHECK_OK(dsmil_monitor_alerts_json(monitor, &json));
    const char *key = "{\"fingerprint\":\"", *at = strstr(json, key);
    const char *rest = "\",\"name\":\"level\",\"state\":\"firing\"";
    fingerprint[0] = '\0';
    for (; at != NULL; at = strstr(at + 1, key)) {
        const char *digits = at + strlen(key);
        if (strlen(digits) > 16 && strncmp(digits + 16, rest, strlen(rest)) == 0) {
            snprintf(fingerprint, 17, "%s", digits);
        }
    }
    dsmil_string_free(json);
}

static void alerts_are_taken_care_of(const dsmil_monitor *monitor, tank *mine, char *silence) {
    char fingerprint[17] = "", *json = NULL, *id = NULL;
    set(&mine->level, 50);
    for (int i = 0; i < 6000 && fingerprint[0] == '\0'; i++) {
        fingerprint_of(monitor, fingerprint);
        pause_ms(10);
    }
    CHECK_STATUS(dsmil_monitor_ack(monitor, "nonsense", "me", "it is known"), DSMIL_ERROR_FINGERPRINT);
    CHECK_STATUS(dsmil_monitor_ack(monitor, "0123456789abcdef", "me", "it is known"), DSMIL_ERROR_UNKNOWN_ALERT);
    CHECK_STATUS(dsmil_monitor_ack(monitor, fingerprint, "", "it is known"), DSMIL_ERROR_WORDS);
    CHECK_TEXT(last_error().kind, "words");
    CHECK_OK(dsmil_monitor_ack(monitor, fingerprint, "me", "it is known"));
    CHECK_OK(dsmil_monitor_alerts_json(monitor, &json));
    CHECK_TEXT(json, "it is known");
    dsmil_string_free(json);
    const char *matchers[] = {"alertname=\"level\"", "tank=~\"a|b\""}, *bad[] = {"tank"}, *all[] = {"tank=~\".*\""};
    CHECK_STATUS(dsmil_monitor_silence(monitor, bad, 1, DSMIL_NOW, 60000, "me", "work", &id), DSMIL_ERROR_MATCHER);
    CHECK_STATUS(dsmil_monitor_silence(monitor, all, 1, DSMIL_NOW, 60000, "me", "work", &id), DSMIL_ERROR_SILENCE);
    CHECK_STATUS(dsmil_monitor_silence(monitor, matchers, 0, DSMIL_NOW, 60000, "me", "work", &id), DSMIL_ERROR_SILENCE);
    CHECK_STATUS(dsmil_monitor_silence(monitor, matchers, 2, DSMIL_NOW, 0, "me", "work", &id), DSMIL_ERROR_SILENCE);
    CHECK_STATUS(dsmil_monitor_silence(monitor, matchers, 2, DSMIL_NOW, UINT64_MAX, "me", "work", &id), DSMIL_ERROR_SILENCE);
    CHECK_STATUS(dsmil_monitor_silence(monitor, matchers, SIZE_MAX, DSMIL_NOW, 1, "me", "work", &id), DSMIL_ERROR_ARGUMENT);
    CHECK(id == NULL);
    CHECK_OK(dsmil_monitor_silence(monitor, matchers, 2, DSMIL_NOW, 3600000, "me", "work", &id));
    CHECK_OK(dsmil_monitor_silences_json(monitor, &json));
    CHECK_TEXT(json, id);
    dsmil_string_free(json);
    CHECK_OK(dsmil_monitor_expire_silence(monitor, id, "me"));
    CHECK_STATUS(dsmil_monitor_expire_silence(monitor, id, "me"), DSMIL_ERROR_UNKNOWN_SILENCE);
    dsmil_string_free(id);
    CHECK_OK(dsmil_monitor_silence(monitor, matchers, 2, DSMIL_NOW, 3600000, "me", "work", &id));
    snprintf(silence, 64, "%s", id);
    dsmil_string_free(id);
}

static void reads_its_configuration_again(const place *run, const dsmil_monitor *monitor, tank *mine) {
    char *anew = NULL;
    CHECK_OK(dsmil_monitor_reload(monitor, NULL, &anew));
    CHECK(strcmp(anew, "[]") == 0);
    dsmil_string_free(anew);
    dsmil_monitor_options *other = monitor_options_in(run, "unused", CONFIG, NULL);
    dsmil_gate *more = NULL;
    NEED(dsmil_gate_parse("version = 1\n[[rule]]\nname = \"side\"\nmetric = \"level\"\nfail_when = \"> 1\"\non_fail = \"hold\"\n"
                          "on_no_data = \"hold\"\n",
                          "side.toml", &more) == DSMIL_OK);
    CHECK_OK(dsmil_monitor_options_add_gate(other, "side.toml", more));
    CHECK_OK(dsmil_monitor_reload(monitor, other, &anew));
    /* What is new has no state to lose. */
    CHECK(strcmp(anew, "[]") == 0);
    dsmil_string_free(anew);
    dsmil_monitor_options *changed = dsmil_monitor_options_new();
    dsmil_gate *stricter = NULL;
    char text[512];
    snprintf(text, sizeof text, "%s", GATES);
    memcpy(strstr(text, "> 10"), "> 11", 4);
    NEED(dsmil_gate_parse(text, NULL, &stricter) == DSMIL_OK);
    CHECK_OK(dsmil_monitor_options_set_config_text(changed, CONFIG, NULL));
    CHECK_OK(dsmil_monitor_options_add_gate(changed, "tank.toml", stricter));
    CHECK_OK(dsmil_monitor_reload(monitor, changed, &anew));
    CHECK(strcmp(anew, "[\"tank.toml: level\"]") == 0);
    dsmil_string_free(anew);
    dsmil_gate_free(stricter);
    dsmil_monitor_options_free(changed);
    /* The same rule twice, and a configuration with a mistake: all stays as it was, and the program's sampler runs on. */
    CHECK_OK(dsmil_monitor_options_add_gate(other, "again.toml", more));
    CHECK_STATUS(dsmil_monitor_reload(monitor, other, &anew), DSMIL_ERROR_GATES);
    CHECK_TEXT(last_error().file, "again.toml");
    CHECK_OK(dsmil_monitor_options_set_config_text(other, "version = 1\nevaluate_every = \"1ms\"\n", NULL));
    CHECK_STATUS(dsmil_monitor_reload(monitor, other, NULL), DSMIL_ERROR_CONFIG);
    CHECK(last_error().line == 2 && strcmp(last_error().file, "config") == 0);
    dsmil_gate_free(more);
    dsmil_monitor_options_free(other);
    int before = get(&mine->calls);
    for (int i = 0; i < 6000 && get(&mine->calls) <= before + 1; i++) {
        pause_ms(10);
    }
    CHECK(get(&mine->calls) > before + 1);
}

typedef struct {
    dsmil_monitor *monitor;
    int steps, stopped;
    int64_t last;
} listener;

/* A callback that uses the library in every way that it may, and in those that it may not. */
static void listen_to(const dsmil_step *one, void *context) {
    listener *mine = (listener *)context;
    char *json = NULL;
    CHECK(dsmil_step_at(one) >= mine->last && dsmil_step_missed(one) == 0);
    mine->last = dsmil_step_at(one);
    (void)of_gate(one, "fill");
    if (!get(&mine->stopped)) {
        dsmil_status status = dsmil_monitor_alerts_json(mine->monitor, &json);
        CHECK(status == DSMIL_OK || status == DSMIL_ERROR_ENDED);
        dsmil_string_free(json);
        status = dsmil_monitor_expire_silence(mine->monitor, "nobody", "me");
        CHECK(status == DSMIL_ERROR_UNKNOWN_SILENCE || status == DSMIL_ERROR_ENDED);
        CHECK_STATUS(dsmil_monitor_stop(mine->monitor), DSMIL_ERROR_IN_CALLBACK);
        dsmil_monitor_free(mine->monitor);
        CHECK_STATUS(last_error().status, DSMIL_ERROR_IN_CALLBACK);
    }
    __atomic_add_fetch(&mine->steps, 1, __ATOMIC_SEQ_CST);
}

static void *read_to_the_end(void *argument) {
    const dsmil_subscription *steps = (const dsmil_subscription *)argument;
    dsmil_step *one = NULL;
    dsmil_status status = DSMIL_OK;
    while ((status = dsmil_subscription_next(steps, UINT64_MAX, &one)) == DSMIL_OK) {
        dsmil_step_free(one);
    }
    CHECK_STATUS(status, DSMIL_ERROR_ENDED);
    return NULL;
}

static void ends_while_others_wait_and_call(dsmil_monitor *monitor, tank *mine) {
    listener listening = {monitor, 0, 0, 0};
    dsmil_subscription *steps = NULL;
    pthread_t reader;
    CHECK_OK(dsmil_monitor_on_step(monitor, listen_to, &listening));
    CHECK_OK(dsmil_monitor_subscribe(monitor, &steps));
    NEED(pthread_create(&reader, NULL, read_to_the_end, steps) == 0);
    __atomic_store_n(&mine->monitor, monitor, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 6000 && (get(&listening.steps) < 3 || get(&mine->stops) < 3); i++) {
        pause_ms(10);
    }
    CHECK(get(&listening.steps) >= 3 && get(&mine->stops) >= 3);
    CHECK_OK(dsmil_monitor_stop(monitor));
    int calls = get(&mine->calls), told = get(&listening.steps);
    set(&listening.stopped, 1);
    CHECK_OK(dsmil_monitor_stop(monitor));
    CHECK(pthread_join(reader, NULL) == 0);
    dsmil_subscription_free(steps);
    pause_ms(200);
    CHECK(calls == get(&mine->calls) && told == get(&listening.steps));
    __atomic_store_n(&mine->monitor, (dsmil_monitor *)NULL, __ATOMIC_SEQ_CST);
    dsmil_verdict *verdict = NULL;
    dsmil_score score;
    char *json = NULL;
    CHECK_STATUS(dsmil_monitor_verdict(monitor, &verdict), DSMIL_ERROR_ENDED);
    CHECK_STATUS(dsmil_monitor_health(monitor, &score), DSMIL_ERROR_ENDED);
    CHECK_STATUS(dsmil_monitor_alerts_json(monitor, &json), DSMIL_ERROR_ENDED);
    CHECK_STATUS(dsmil_monitor_subscribe(monitor, &steps), DSMIL_ERROR_ENDED);
    CHECK_STATUS(dsmil_monitor_on_step(monitor, listen_to, NULL), DSMIL_ERROR_ENDED);
    CHECK_STATUS(dsmil_monitor_reload(monitor, NULL, NULL), DSMIL_ERROR_ENDED);
    CHECK(verdict == NULL && json == NULL);
    dsmil_monitor_free(monitor);
}

int main(void) {
    forget_environment();
    unsetenv("DSMIL_STATE_DIR");
    place run = new_place();
    tank mine;
    memset(&mine, 0, sizeof mine);
    char silence[64] = "", *json = NULL;
    mine.level = 5;
    dsmil_monitor *monitor = start_in(&run, "state", &mine);
    decides_on_what_the_callback_measures(monitor, &mine);
    knows_its_scores(monitor);
    alerts_are_taken_care_of(monitor, &mine, silence);
    reads_its_configuration_again(&run, monitor, &mine);
    ends_while_others_wait_and_call(monitor, &mine);
    /* The next one goes on where that one ended. */
    monitor = start_in(&run, "state", &mine);
    dsmil_subscription *steps = NULL;
    dsmil_step *one = NULL;
    CHECK_OK(dsmil_monitor_subscribe(monitor, &steps));
    NEED(dsmil_subscription_next(steps, 60000, &one) == DSMIL_OK);
    dsmil_step_free(one);
    dsmil_subscription_free(steps);
    CHECK_OK(dsmil_monitor_silences_json(monitor, &json));
    CHECK_TEXT(json, silence);
    dsmil_string_free(json);
    dsmil_monitor_free(monitor);
    remove_place(&run);
    return check_report("test_monitor");
}
