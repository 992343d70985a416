/* Kills the process at its Nth change of a directory, to show that a kill -9 at that moment loses nothing.
 *
 * Preloaded into the program under test. Counted is every call that changes something below DSMIL_KILL_DIR: write, sync, cut, make,
 * rename, remove. With DSMIL_KILL_AT=N the process ends by SIGKILL before the Nth takes place; with DSMIL_KILL_HALF=1, if that is a
 * write, after half of its bytes. With DSMIL_KILL_LIST=FILE a letter for each call is written to FILE when the program
 * ends: w write, s sync, c cut, o make a file, d make a directory, r rename, u remove.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static char letters[1 << 20];
static long kill_at;
static int half;
static const char *directory;

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("DSMIL_KILL_AT");
    kill_at = at ? atol(at) : 0;
    half = getenv("DSMIL_KILL_HALF") != NULL;
    directory = getenv("DSMIL_KILL_DIR");
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("DSMIL_KILL_LIST");
    if (!path)
        return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    syscall(SYS_write, fd, letters, strnlen(letters, sizeof letters));
    syscall(SYS_close, fd);
}

static int counts(const char *path)
{
    return directory && path && strncmp(path, directory, strlen(directory)) == 0;
}

static int counts_fd(int fd)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return counts(path);
}

static void die(void)
{
    syscall(SYS_kill, (pid_t)syscall(SYS_getpid), SIGKILL);
    for (;;)
        pause();
}

/* Whether this is the call to die at. */
static int due(int counted, char letter)
{
    if (!counted)
        return 0;
    long call = atomic_fetch_add(&calls, 1);
    if (call < (long)sizeof letters)
        letters[call] = letter;
    return call + 1 == kill_at;
}

static void step(int counted, char letter)
{
    if (due(counted, letter))
        die();
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    if (due(counts_fd(fd), 'w')) {
        if (half)
            syscall(SYS_write, fd, bytes, length / 2);
        die();
    }
    return syscall(SYS_write, fd, bytes, length);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset)
{
    if (due(counts_fd(fd), 'w')) {
        if (half)
            syscall(SYS_pwrite64, fd, bytes, length / 2, offset);
        die();
    }
    return syscall(SYS_pwrite64, fd, bytes, length, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    return pwrite64(fd, bytes, length, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    step(counts_fd(fd), 'w');
    return syscall(SYS_writev, fd, parts, count);
}

int fsync(int fd)
{
    step(counts_fd(fd), 's');
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    step(counts_fd(fd), 's');
    return (int)syscall(SYS_fdatasync, fd);
}

int ftruncate64(int fd, off64_t length)
{
    step(counts_fd(fd), 'c');
    return (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate(int fd, off_t length)
{
    return ftruncate64(fd, length);
}

int rename(const char *from, const char *to)
{
    step(counts(from), 'r');
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path)
{
    step(counts(path), 'u');
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int mkdir(const char *path, mode_t mode)
{
    step(counts(path), 'd');
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

static int opened(int dir, const char *path, int flags, mode_t mode)
{
    if (flags & (O_CREAT | O_TRUNC))
        step(counts(path), 'o');
    return (int)syscall(SYS_openat, dir, path, flags, mode);
}

/* The mode is there only if the flags say so. */
#define MODE(flags)                             \
    mode_t mode = 0;                            \
    if ((flags) & O_CREAT) {                    \
        va_list rest;                           \
        va_start(rest, flags);                  \
        mode = (mode_t)va_arg(rest, unsigned);  \
        va_end(rest);                           \
    }

int open(const char *path, int flags, ...)
{
    MODE(flags)
    return opened(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE(flags)
    return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    MODE(flags)
    return opened(dir, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
    MODE(flags)
    return opened(dir, path, flags | O_LARGEFILE, mode);
}
