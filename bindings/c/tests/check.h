/* What the tests share: counted checks, and places of their own. Everything compiles as C11 and as C++17. */
#ifndef DSMIL_CHECK_H
#define DSMIL_CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <dsmil.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __cplusplus
#define CHECK_THREAD_LOCAL thread_local
#define CHECK_NO_THROW noexcept(true)
#else
#define CHECK_THREAD_LOCAL _Thread_local
#define CHECK_NO_THROW
#endif

static int checks_made;
static int checks_failed;

/* valgrind up to 3.19 dies of readlink("/proc/self/exe") under --sim-hints=fuse-compatible, without which a program that
 * serves a device to itself hangs. Written otherwise, valgrind doesn't know the path. */
ssize_t readlink(const char *path, char *buffer, size_t size) CHECK_NO_THROW {
    const char *asked = strcmp(path, "/proc/self/exe") == 0 ? "/proc/./self/exe" : path;
    return syscall(SYS_readlinkat, -100, asked, buffer, size);
}

static inline bool check_that(bool holds, const char *what, const char *file, int line) {
    __atomic_add_fetch(&checks_made, 1, __ATOMIC_RELAXED);
    if (!holds) {
        __atomic_add_fetch(&checks_failed, 1, __ATOMIC_RELAXED);
        fprintf(stderr, "%s:%d: %s does not hold\n", file, line, what);
    }
    return holds;
}

static inline bool check_status(dsmil_status got, dsmil_status expected, const char *what, const char *file, int line) {
    __atomic_add_fetch(&checks_made, 1, __ATOMIC_RELAXED);
    if (got != expected) {
        __atomic_add_fetch(&checks_failed, 1, __ATOMIC_RELAXED);
        fprintf(stderr, "%s:%d: %s is %s, not %s (last: %s)\n", file, line, what, dsmil_status_name(got),
                dsmil_status_name(expected), dsmil_last_error_message());
    }
    return got == expected;
}

#define CHECK(condition) check_that((condition), #condition, __FILE__, __LINE__)
#define CHECK_STATUS(call, expected) check_status((call), (expected), #call, __FILE__, __LINE__)
#define CHECK_OK(call) CHECK_STATUS(call, DSMIL_OK)
#define CHECK_TEXT(text, part) check_that((text) != NULL && strstr((text), (part)) != NULL, #text " has " #part, __FILE__, __LINE__)

/* Ends the program where going on makes no sense: at once, since other threads may be waiting for a device that this very
 * program serves, and would never let it end otherwise. */
#define NEED(condition)                                                                                                \
    do {                                                                                                               \
        if (!CHECK(condition)) {                                                                                       \
            fprintf(stderr, "last error: %s\n", dsmil_last_error_message());                                           \
            kill(getpid(), SIGKILL);                                                                                   \
        }                                                                                                              \
    } while (0)

static inline int check_report(const char *name) {
    printf("%s: %d checks, %d failed\n", name, checks_made, checks_failed);
    return checks_failed == 0 && checks_made > 0 ? 0 : 1;
}

typedef struct {
    char path[256];
} place;

/* A new directory that only this user may use. On /dev/shm: an audit record that waits for a disk takes long. */
static inline place new_place(void) {
    place made;
    snprintf(made.path, sizeof made.path, "%s/dsmil-c-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(made.path) == NULL) {
        perror("mkdtemp");
        exit(1);
    }
    return made;
}

static inline int remove_one(const char *path, const struct stat *state, int kind, struct FTW *at) {
    (void)state, (void)kind, (void)at;
    return remove(path);
}

static inline void remove_place(const place *made) {
    nftw(made->path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* A path in a place. The text lasts until the fourth next call on this thread. */
static inline const char *in_place(const place *made, const char *name) {
    static CHECK_THREAD_LOCAL char paths[4][512];
    static CHECK_THREAD_LOCAL unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", made->path, name);
    return path;
}

static inline void write_file(const char *path, const char *text, mode_t mode) {
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 || chmod(path, mode) != 0) {
        perror(path);
        exit(1);
    }
}

/* Options with a run directory of the test's own, and with time for valgrind, under which everything is slow. */
static inline dsmil_options *options_in(const place *run) {
    dsmil_options *options = dsmil_options_new();
    CHECK_OK(dsmil_options_set_run_dir(options, run->path));
    CHECK_OK(dsmil_options_set_call_deadline_ms(options, 60000));
    CHECK_OK(dsmil_options_set_transfer_deadline_ms(options, 60000));
    CHECK_OK(dsmil_options_set_turn_timeout_ms(options, 60000));
    return options;
}

static inline dsmil_device *open_in(const char *spec, const place *run) {
    dsmil_options *options = options_in(run);
    dsmil_device *device = NULL;
    CHECK_OK(dsmil_device_open(spec, options, &device));
    dsmil_options_free(options);
    NEED(device != NULL);
    return device;
}

static inline dsmil_error_detail last_error(void) {
    dsmil_error_detail detail;
    memset(&detail, 0, sizeof detail);
    CHECK_OK(dsmil_last_error(&detail));
    return detail;
}

/* Nothing but the test decides what happens. */
static inline void forget_environment(void) {
    unsetenv("DSMIL_DEVICE");
    unsetenv("DSMIL_POLICY");
    unsetenv("DSMIL_RUN_DIR");
}

static const uint16_t PERMANENT_IDS[7] = {0x8009, 0x800A, 0x800B, 0x8019, 0x8029, 0x8100, 0x8101};

#endif
