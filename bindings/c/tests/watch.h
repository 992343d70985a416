/* What the tests of the monitor share: a gate, a configuration, and a sampler of the program whose values any thread changes. */
#ifndef DSMIL_TEST_WATCH_H
#define DSMIL_TEST_WATCH_H

#include "check.h"
#include <time.h>


static const char *const GATES = "version = 1\n"
                                 "[[rule]]\n"
                                 "name = \"level\"\n"
                                 "metric = \"level\"\n"
                                 "labels = { tank = \"a\" }\n"
                                 "fail_when = \"> 10\"\n"
                                 "on_fail = \"no-go\"\n"
                                 "on_no_data = \"hold\"\n"
                                 "[[gate]]\n"
                                 "name = \"fill\"\n"
                                 "kind = \"all\"\n"
                                 "rules = [\"level\"]\n";

/* Everything that isn't looked at is left out: valgrind is slow. */
#define QUIET                                                                                                          \
    "[samplers]\n"                                                                                                     \
    "cpu = { enabled = false }\nmemory = { enabled = false }\nload = { enabled = false }\n"                           \
    "temperature = { enabled = false }\nworkers = { enabled = false }\nquarantine = { enabled = false }\n"           \
    "disks = { enabled = false }\ndevices = { ids = [\"0x8003\"], answer_within = \"30s\" }\n"

static const char *const CONFIG = "version = 1\nevaluate_every = \"100ms\"\nscore_every = \"200ms\"\n" QUIET;

/* What the program's sampler gives; any thread changes it. */
typedef struct {
    int level, calls, fails, hangs, stops;
    dsmil_monitor *monitor;
} tank;

static inline int get(const int *number) { return __atomic_load_n(number, __ATOMIC_SEQ_CST); }
static inline void set(int *number, int value) { __atomic_store_n(number, value, __ATOMIC_SEQ_CST); }

static inline void pause_ms(long ms) {
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static inline void measure(dsmil_metrics *metrics, void *context) {
    tank *mine = (tank *)context;
    const dsmil_label a = {"tank", "a"}, b[2] = {{"tank", "b"}, {"side", "left"}}, wrong = {"no name", "x"};
    CHECK(dsmil_metrics_remaining_ms(metrics) <= 60000);
    CHECK_OK(dsmil_metrics_add(metrics, "level", &a, 1, DSMIL_NOW, get(&mine->level)));
    CHECK_OK(dsmil_metrics_add(metrics, "level", b, 2, DSMIL_NOW, 3));
    CHECK_STATUS(dsmil_metrics_add(metrics, "no name", NULL, 0, DSMIL_NOW, 3), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_metrics_add(metrics, "level", &wrong, 1, DSMIL_NOW, 3), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_metrics_add(metrics, NULL, NULL, 0, DSMIL_NOW, 3), DSMIL_ERROR_NULL);
    CHECK_STATUS(dsmil_metrics_add(NULL, "level", NULL, 0, DSMIL_NOW, 3), DSMIL_ERROR_NULL);
    CHECK_STATUS(dsmil_metrics_fail(metrics, NULL), DSMIL_ERROR_NULL);
    if (get(&mine->fails)) {
        CHECK_OK(dsmil_metrics_fail(metrics, "the float is stuck"));
        CHECK_OK(dsmil_metrics_fail(metrics, "the first reason counts"));
    }
    dsmil_monitor *monitor = __atomic_load_n(&mine->monitor, __ATOMIC_SEQ_CST);
    if (monitor != NULL) {
        double value = 0;
        dsmil_status status = dsmil_monitor_value(monitor, "level", &a, 1, &value, NULL);
        CHECK(status == DSMIL_OK || status == DSMIL_ERROR_NO_VALUE || status == DSMIL_ERROR_ENDED);
        status = dsmil_monitor_ack(monitor, "0123456789abcdef", "me", "");
        CHECK(status == DSMIL_ERROR_UNKNOWN_ALERT || status == DSMIL_ERROR_ENDED);
        CHECK_STATUS(dsmil_monitor_stop(monitor), DSMIL_ERROR_IN_CALLBACK);
        dsmil_monitor_free(monitor);
        CHECK(last_error().status == DSMIL_ERROR_IN_CALLBACK);
        __atomic_add_fetch(&mine->stops, 1, __ATOMIC_SEQ_CST);
    }
    while (get(&mine->hangs)) {
        pause_ms(5);
    }
    __atomic_add_fetch(&mine->calls, 1, __ATOMIC_SEQ_CST);
}

static inline dsmil_monitor_options *monitor_options_in(const place *run, const char *state, const char *config, tank *mine) {
    dsmil_monitor_options *options = dsmil_monitor_options_new();
    dsmil_options *device = options_in(run);
    dsmil_gate *gate = NULL;
    NEED(dsmil_gate_parse(GATES, "tank.toml", &gate) == DSMIL_OK);
    CHECK_OK(dsmil_monitor_options_set_config_text(options, config, "watch.toml"));
    CHECK_OK(dsmil_monitor_options_set_device(options, "sim:seed=7"));
    CHECK_OK(dsmil_monitor_options_set_device_options(options, device));
    CHECK_OK(dsmil_monitor_options_set_run_dir(options, run->path));
    CHECK_OK(dsmil_monitor_options_set_state_dir(options, in_place(run, state)));
    CHECK_OK(dsmil_monitor_options_add_gate(options, "tank.toml", gate));
    if (mine != NULL) {
        CHECK_OK(dsmil_monitor_add_sampler(options, "tank", 50, 60000, measure, mine));
        CHECK_OK(dsmil_monitor_expect_metric(options, "tank", "level"));
    }
    dsmil_gate_free(gate);
    dsmil_options_free(device);
    return options;
}

static inline dsmil_monitor *start_in(const place *run, const char *state, tank *mine) {
    dsmil_monitor_options *options = monitor_options_in(run, state, CONFIG, mine);
    dsmil_monitor *monitor = NULL;
    NEED(dsmil_monitor_start(options, &monitor) == DSMIL_OK);
    dsmil_monitor_options_free(options);
    return monitor;
}

static inline dsmil_decision of_gate(const dsmil_step *one, const char *name) {
    dsmil_verdict *verdict = NULL;
    dsmil_gate_verdict gate;
    CHECK_OK(dsmil_step_verdict(one, &verdict));
    NEED(dsmil_verdict_gate(verdict, name, &gate) == DSMIL_OK);
    dsmil_verdict_free(verdict);
    return gate.decision;
}

#endif
