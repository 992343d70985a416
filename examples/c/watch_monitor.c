/* Watches the machine and its devices, with a metric of the program's own: says after each step whether the next one may be taken.
 *
 *   cc watch_monitor.c $(pkg-config --cflags --libs dsmil) -o watch_monitor
 *   ./watch_monitor STATE_DIR [DEVICE [STEPS]]   a path or sim:; default: $DSMIL_DEVICE or /dev/dsmil-72dev, and 10 steps
 */
#include <dsmil.h>
#include <stdio.h>
#include <stdlib.h>

/* Jobs that wait in this program: more than 100 of them, and nothing new is begun. */
static const char *const GATES = "version = 1\n"
                                 "[[rule]]\n"
                                 "name = \"backlog\"\n"
                                 "metric = \"jobs_waiting\"\n"
                                 "require = \"<= 100\"\n"
                                 "unit = \"jobs\"\n"
                                 "on_fail = \"hold\"\n"
                                 "on_no_data = \"hold\"\n"
                                 "[[gate]]\n"
                                 "name = \"begin\"\n"
                                 "kind = \"all\"\n"
                                 "rules = [\"backlog\"]\n";

static int fail(const char *what, dsmil_status status) {
    fprintf(stderr, "%s: %s (%s)\n", what, dsmil_last_error_message(), dsmil_status_name(status));
    return EXIT_FAILURE;
}

/* Called on a thread of the library, once a second. */
static void count_jobs(dsmil_metrics *metrics, void *context) {
    const dsmil_label queue = {"queue", "night"};
    const int *waiting = (const int *)context;
    if (*waiting < 0) {
        dsmil_metrics_fail(metrics, "the queue can't be read");
        return;
    }
    dsmil_metrics_add(metrics, "jobs_waiting", &queue, 1, DSMIL_NOW, *waiting);
}

static void show(const dsmil_step *step) {
    dsmil_verdict *verdict = NULL;
    if (dsmil_step_verdict(step, &verdict) != DSMIL_OK) {
        return;
    }
    printf("%lld %s\n", (long long)dsmil_step_at(step), dsmil_decision_name(dsmil_verdict_of(verdict)));
    for (size_t i = 0; i < dsmil_verdict_reason_count(verdict); i++) {
        printf("  %s\n", dsmil_verdict_reason(verdict, i));
    }
    fflush(stdout);
    dsmil_verdict_free(verdict);
}

static dsmil_status watch(const dsmil_monitor *monitor, long steps) {
    dsmil_subscription *subscription = NULL;
    dsmil_status status = dsmil_monitor_subscribe(monitor, &subscription);
    for (long i = 0; i < steps && status == DSMIL_OK; i++) {
        dsmil_step *step = NULL;
        status = dsmil_subscription_next(subscription, 60000, &step);
        if (status == DSMIL_OK) {
            show(step);
            dsmil_step_free(step);
        }
    }
    dsmil_subscription_free(subscription);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s STATE_DIR [DEVICE [STEPS]]\n", argv[0]);
        return 2;
    }
    static const int waiting = 7;
    const long steps = argc > 3 ? strtol(argv[3], NULL, 10) : 10;
    dsmil_monitor_options *options = dsmil_monitor_options_new();
    dsmil_gate *gate = NULL;
    dsmil_monitor *monitor = NULL;
    dsmil_status status = dsmil_gate_parse(GATES, "jobs.toml", &gate);
    if (status == DSMIL_OK) {
        status = dsmil_monitor_options_add_gate(options, "jobs.toml", gate);
    }
    if (status == DSMIL_OK) {
        status = dsmil_monitor_options_set_config_text(options, "version = 1\nevaluate_every = \"1s\"\n", NULL);
    }
    if (status == DSMIL_OK) {
        status = dsmil_monitor_options_set_state_dir(options, argv[1]);
    }
    if (status == DSMIL_OK && argc > 2) {
        status = dsmil_monitor_options_set_device(options, argv[2]);
    }
    if (status == DSMIL_OK) {
        status = dsmil_monitor_add_sampler(options, "jobs", 1000, 500, count_jobs, (void *)&waiting);
    }
    if (status == DSMIL_OK) {
        status = dsmil_monitor_start(options, &monitor);
    }
    if (status == DSMIL_OK) {
        status = watch(monitor, steps);
    }
    const int result = status == DSMIL_OK ? EXIT_SUCCESS : fail("monitor", status);
    /* No callback runs any more when this returns. */
    dsmil_monitor_free(monitor);
    dsmil_gate_free(gate);
    dsmil_monitor_options_free(options);
    return result;
}
