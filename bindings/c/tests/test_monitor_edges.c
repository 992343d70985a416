/* The monitor at its edges: a child made by fork(), a second monitor, a callback that hangs, one step without a loop,
 * threads that share it until it ends under them, and what is refused. */
#include "watch.h"
#include <pthread.h>

/* The child answers through a pipe: valgrind would speak through its exit status. It frees what it was left, and the parent still
 * has its directory. */
static void a_child_has_none_of_it(const place *run, dsmil_monitor *monitor, const char *state) {
    dsmil_subscription *steps = NULL;
    dsmil_step *one = NULL;
    int answer[2];
    CHECK_OK(dsmil_monitor_subscribe(monitor, &steps));
    NEED(dsmil_subscription_next(steps, 60000, &one) == DSMIL_OK);
    NEED(pipe(answer) == 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dsmil_verdict *verdict = NULL;
        dsmil_step *other = NULL;
        char *json = NULL;
        bool ok = CHECK_STATUS(dsmil_monitor_verdict(monitor, &verdict), DSMIL_ERROR_FORKED);
        ok = CHECK_STATUS(dsmil_monitor_alerts_json(monitor, &json), DSMIL_ERROR_FORKED) && ok;
        ok = CHECK_STATUS(dsmil_monitor_ack(monitor, "0123456789abcdef", "me", ""), DSMIL_ERROR_FORKED) && ok;
        ok = CHECK_STATUS(dsmil_monitor_reload(monitor, NULL, NULL), DSMIL_ERROR_FORKED) && ok;
        ok = CHECK_STATUS(dsmil_monitor_stop(monitor), DSMIL_ERROR_FORKED) && ok;
        ok = CHECK_STATUS(dsmil_subscription_next(steps, UINT64_MAX, &other), DSMIL_ERROR_FORKED) && ok;
        ok = CHECK(dsmil_step_at(one) > 0) && CHECK_OK(dsmil_step_verdict(one, &verdict)) && ok;
        dsmil_verdict_free(verdict);
        dsmil_step_free(one);
        dsmil_subscription_free(steps);
        dsmil_monitor_free(monitor);
        _exit(write(answer[1], ok ? "y" : "n", 1) == 1 ? 0 : 1);
    }
    close(answer[1]);
    char said = 'n';
    CHECK(read(answer[0], &said, 1) == 1 && said == 'y');
    close(answer[0]);
    int ended = -1;
    CHECK(waitpid(child, &ended, 0) == child && WIFEXITED(ended));
    dsmil_step_free(one);
    NEED(dsmil_subscription_next(steps, 60000, &one) == DSMIL_OK);
    dsmil_step_free(one);
    dsmil_subscription_free(steps);
    dsmil_monitor_options *options = monitor_options_in(run, state, CONFIG, NULL);
    dsmil_monitor *second = NULL;
    CHECK_STATUS(dsmil_monitor_start(options, &second), DSMIL_ERROR_HELD);
    CHECK_TEXT(last_error().file, "monitor.lock");
    CHECK(second == NULL);
    dsmil_monitor_options_free(options);
}

/* A callback that never ends by itself: a stop says so, and what the callback uses is safe until it has ended. */
static void waits_for_a_callback_that_hangs(const place *run) {
    tank mine;
    memset(&mine, 0, sizeof mine);
    mine.hangs = 1;
    dsmil_monitor *monitor = start_in(run, "hanging", &mine);
    pause_ms(200);
    CHECK_STATUS(dsmil_monitor_stop(monitor), DSMIL_ERROR_CALLBACK_RUNS);
    CHECK_STATUS(dsmil_monitor_value(monitor, "level", NULL, 0, NULL, NULL), DSMIL_ERROR_NULL);
    set(&mine.hangs, 0);
    CHECK_OK(dsmil_monitor_stop(monitor));
    CHECK(get(&mine.calls) == 1);
    dsmil_monitor_free(monitor);
}

static void takes_one_step(const place *run) {
    tank mine;
    memset(&mine, 0, sizeof mine);
    mine.level = 7;
    dsmil_monitor_options *options = monitor_options_in(run, "once", CONFIG, &mine);
    dsmil_step *one = NULL;
    char *json = NULL;
    CHECK_OK(dsmil_monitor_once(options, &one));
    CHECK(get(&mine.calls) == 1 && of_gate(one, "fill") == DSMIL_DECISION_GO && dsmil_step_missed(one) == 0);
    CHECK_OK(dsmil_step_json(one, &json));
    CHECK_TEXT(json, "\"scores\":{\"health\":");
    dsmil_string_free(json);
    dsmil_step_free(one);
    dsmil_monitor_options_free(options);
}

static void refuses_what_can_t_be(const place *run) {
    dsmil_monitor_options *options = monitor_options_in(run, "none", CONFIG, NULL), *bare = dsmil_monitor_options_new();
    dsmil_monitor *monitor = NULL;
    const char *gates = in_place(run, "bad.toml");
    write_file(gates, "version = 1\n\n[[rule]]\nname = 7\n", 0600);
    char config[1024];
    snprintf(config, sizeof config, "version = 1\ngates = [\"%s\"]\n", gates);
    CHECK_OK(dsmil_monitor_options_set_config_text(options, config, NULL));
    CHECK_STATUS(dsmil_monitor_start(options, &monitor), DSMIL_ERROR_GATES);
    CHECK(strcmp(last_error().file, gates) == 0 && last_error().line == 3);
    CHECK_TEXT(last_error().key, "rule[0].metric");
    CHECK_OK(dsmil_monitor_options_set_config_text(options, "version = 1\nlevel = 3\n", "watch.toml"));
    CHECK_STATUS(dsmil_monitor_start(options, &monitor), DSMIL_ERROR_CONFIG);
    CHECK(strcmp(last_error().file, "watch.toml") == 0 && last_error().line == 2);
    const char *file = in_place(run, "config.toml");
    CHECK_OK(dsmil_monitor_options_set_config(options, file));
    CHECK_STATUS(dsmil_monitor_start(options, &monitor), DSMIL_ERROR_CONFIG);
    write_file(file, CONFIG, 0666);
    CHECK_STATUS(dsmil_monitor_start(options, &monitor), DSMIL_ERROR_CONFIG);
    CHECK_TEXT(last_error().message, "chmod go-w");
    CHECK(chmod(file, 0600) == 0);
    CHECK_OK(dsmil_monitor_start(options, &monitor));
    CHECK_OK(dsmil_monitor_reload(monitor, NULL, NULL));
    dsmil_monitor_free(monitor);
    monitor = NULL;
    CHECK_OK(dsmil_monitor_options_set_state_dir(options, in_place(run, "nowhere/state")));
    CHECK_STATUS(dsmil_monitor_start(options, &monitor), DSMIL_ERROR_IO);
    CHECK(last_error().os_error == ENOENT);
    CHECK_STATUS(dsmil_monitor_options_set_device(options, "nonsense:"), DSMIL_ERROR_SPEC);
    CHECK_OK(dsmil_monitor_options_set_device(bare, "sim:"));
    CHECK_OK(dsmil_monitor_options_set_run_dir(bare, run->path));
    CHECK_STATUS(dsmil_monitor_start(bare, &monitor), DSMIL_ERROR_ARGUMENT);
    CHECK_TEXT(dsmil_last_error_message(), "state_dir");
    CHECK_STATUS(dsmil_monitor_add_sampler(bare, "", 50, 50, measure, NULL), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_monitor_add_sampler(bare, "x", 0, 50, measure, NULL), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_monitor_add_sampler(bare, "x", 50, 86400001, measure, NULL), DSMIL_ERROR_ARGUMENT);
    CHECK_OK(dsmil_monitor_add_sampler(bare, "x", 86400000, 1, measure, NULL));
    CHECK_STATUS(dsmil_monitor_add_sampler(bare, "x", 50, 50, measure, NULL), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_monitor_expect_metric(bare, "y", "level"), DSMIL_ERROR_ARGUMENT);
    CHECK_STATUS(dsmil_monitor_expect_metric(bare, "x", "no name"), DSMIL_ERROR_ARGUMENT);
    CHECK(monitor == NULL);
    dsmil_monitor_options_free(options), dsmil_monitor_options_free(bare);
}

#define THREADS 6

typedef struct {
    dsmil_monitor *monitor;
    int rounds, ended;
} shared_monitor;

static bool goes_or_ended(shared_monitor *mine, dsmil_status status, dsmil_status other) {
    if (status == DSMIL_ERROR_ENDED) {
        set(&mine->ended, 1);
    }
    return CHECK(status == DSMIL_OK || status == DSMIL_ERROR_ENDED || status == other);
}

/* Everything at once from several threads, until the monitor has ended under them. */
static void *use_until_it_ends(void *argument) {
    shared_monitor *mine = (shared_monitor *)argument;
    const dsmil_label a = {"tank", "a"};
    const char *matcher = "alertname=\"level\"";
    for (int round = 0; !get(&mine->ended); round++) {
        dsmil_verdict *verdict = NULL;
        dsmil_subscription *steps = NULL;
        dsmil_step *one = NULL;
        dsmil_score score;
        double value = 0;
        char *json = NULL;
        goes_or_ended(mine, dsmil_monitor_verdict(mine->monitor, &verdict), DSMIL_ERROR_NO_VALUE);
        dsmil_verdict_free(verdict);
        goes_or_ended(mine, dsmil_monitor_value(mine->monitor, "level", &a, 1, &value, NULL), DSMIL_ERROR_NO_VALUE);
        goes_or_ended(mine, dsmil_monitor_security(mine->monitor, &score), DSMIL_ERROR_NO_VALUE);
        goes_or_ended(mine, dsmil_monitor_ack(mine->monitor, "0123456789abcdef", "me", "x"), DSMIL_ERROR_UNKNOWN_ALERT);
        goes_or_ended(mine, dsmil_monitor_status_json(mine->monitor, &json), DSMIL_OK);
        dsmil_string_free(json);
        json = NULL;
        if (round % 10 == 0) {
            goes_or_ended(mine, dsmil_monitor_silence(mine->monitor, &matcher, 1, DSMIL_NOW, 60000, "me", "x", &json), DSMIL_OK);
            dsmil_string_free(json);
            goes_or_ended(mine, dsmil_monitor_reload(mine->monitor, NULL, NULL), DSMIL_OK);
        }
        if (goes_or_ended(mine, dsmil_monitor_subscribe(mine->monitor, &steps), DSMIL_OK) && steps != NULL) {
            goes_or_ended(mine, dsmil_subscription_next(steps, 10, &one), DSMIL_ERROR_TIMEOUT);
            dsmil_step_free(one);
        }
        dsmil_subscription_free(steps);
        __atomic_add_fetch(&mine->rounds, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void is_shared_by_threads_until_it_ends(const place *run) {
    tank measured;
    memset(&measured, 0, sizeof measured);
    shared_monitor mine = {start_in(run, "shared", &measured), 0, 0};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        NEED(pthread_create(&threads[i], NULL, use_until_it_ends, &mine) == 0);
    }
    for (int i = 0; i < 6000 && get(&mine.rounds) < 20 * THREADS; i++) {
        pause_ms(10);
    }
    CHECK(get(&mine.rounds) >= 20 * THREADS && !get(&mine.ended));
    CHECK_OK(dsmil_monitor_stop(mine.monitor));
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    dsmil_monitor_free(mine.monitor);
}

int main(void) {
    forget_environment();
    unsetenv("DSMIL_STATE_DIR");
    place run = new_place();
    tank mine;
    memset(&mine, 0, sizeof mine);
    dsmil_monitor *monitor = start_in(&run, "state", &mine);
    a_child_has_none_of_it(&run, monitor, "state");
    dsmil_monitor_free(monitor);
    waits_for_a_callback_that_hangs(&run);
    is_shared_by_threads_until_it_ends(&run);
    takes_one_step(&run);
    refuses_what_can_t_be(&run);
    remove_place(&run);
    return check_report("test_monitor_edges");
}
