/* A library to preload: makes a chosen file operation below a chosen directory fail.
 *
 * Every operation that changes files there is counted: creating and truncating opens, writes,
 * copies, fsyncs, links, renames, unlinks, mkdirs. The n-th does what the mode says; 0 only counts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NO_SPACE = 1, INPUT_OUTPUT = 2, SHORT = 3, SHORT_THEN_FULL = 4, KILL = 5, READ_ONLY = 6 };

static char prefix[PATH_MAX];
static size_t prefix_size;
static atomic_long seen, target;
static atomic_int mode, full;

void faults_arm(const char *directory, long number, int what) {
    atomic_store(&mode, 0);
    strncpy(prefix, directory, sizeof prefix - 1);
    prefix_size = strlen(prefix);
    atomic_store(&seen, 0);
    atomic_store(&full, 0);
    atomic_store(&target, number);
    atomic_store(&mode, what);
}

long faults_disarm(void) {
    atomic_store(&mode, 0);
    return atomic_load(&seen);
}

static int below(const char *path) {
    return path && strncmp(path, prefix, prefix_size) == 0;
}

static int below_fd(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return below(path);
}

/* 0: go on. -1: fail, errno is set. 1: write half. */
static int decide(int is_write) {
    int what = atomic_load(&mode);
    if (what == READ_ONLY) {
        atomic_fetch_add(&seen, 1);
        errno = EROFS;
        return -1;
    }
    if (is_write && atomic_load(&full)) {
        errno = ENOSPC;
        return -1;
    }
    if ((what == SHORT || what == SHORT_THEN_FULL) && !is_write) return 0;
    if (atomic_fetch_add(&seen, 1) + 1 != atomic_load(&target)) return 0;
    switch (what) {
    case NO_SPACE: errno = ENOSPC; return -1;
    case INPUT_OUTPUT: errno = EIO; return -1;
    case SHORT: return 1;
    case SHORT_THEN_FULL: atomic_store(&full, 1); return 1;
    case KILL: kill(getpid(), SIGKILL); pause();
    }
    return 0;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define ARMED (atomic_load(&mode) != 0)
#define CHANGES(flags) ((flags) & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR))

#define OPEN(name)                                                            \
    int name(const char *path, int flags, ...) {                              \
        va_list list;                                                         \
        va_start(list, flags);                                                \
        mode_t bits = va_arg(list, mode_t);                                   \
        va_end(list);                                                         \
        if (ARMED && CHANGES(flags) && below(path) && decide(0)) return -1;   \
        return NEXT(name)(path, flags, bits);                                 \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                          \
    int name(int folder, const char *path, int flags, ...) {                  \
        va_list list;                                                         \
        va_start(list, flags);                                                \
        mode_t bits = va_arg(list, mode_t);                                   \
        va_end(list);                                                         \
        if (ARMED && CHANGES(flags) && below(path) && decide(0)) return -1;   \
        return NEXT(name)(folder, path, flags, bits);                         \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *data, size_t size) {
    if (ARMED && below_fd(fd)) {
        int what = decide(1);
        if (what < 0) return -1;
        if (what > 0) size = size / 2 + size % 2;
    }
    return NEXT(write)(fd, data, size);
}

#define PWRITE(name, offset_type)                                             \
    ssize_t name(int fd, const void *data, size_t size, offset_type offset) { \
        if (ARMED && below_fd(fd)) {                                          \
            int what = decide(1);                                             \
            if (what < 0) return -1;                                          \
            if (what > 0) size = size / 2 + size % 2;                         \
        }                                                                     \
        return NEXT(name)(fd, data, size, offset);                            \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define SENDFILE(name, offset_type)                                           \
    ssize_t name(int to, int from, offset_type *offset, size_t size) {        \
        if (ARMED && below_fd(to)) {                                          \
            int what = decide(1);                                             \
            if (what < 0) return -1;                                          \
            if (what > 0) {                                                   \
                struct stat state;                                            \
                if (fstat(from, &state) == 0 && (off_t)size > state.st_size)  \
                    size = state.st_size;                                     \
                size = size / 2 + size % 2;                                   \
            }                                                                 \
        }                                                                     \
        return NEXT(name)(to, from, offset, size);                            \
    }
SENDFILE(sendfile, off_t)
SENDFILE(sendfile64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (ARMED && below_fd(fd)) {
        int what = decide(1);
        if (what < 0) return -1;
        if (what > 0) count = count / 2 + count % 2;
    }
    return NEXT(writev)(fd, parts, count);
}

#define ON_FD(name)                                                           \
    int name(int fd) {                                                        \
        if (ARMED && below_fd(fd) && decide(0)) return -1;                    \
        return NEXT(name)(fd);                                                \
    }
ON_FD(fsync)
ON_FD(fdatasync)

#define ON_PATH(name)                                                         \
    int name(const char *path) {                                              \
        if (ARMED && below(path) && decide(0)) return -1;                     \
        return NEXT(name)(path);                                              \
    }
ON_PATH(unlink)

int unlinkat(int folder, const char *path, int flags) {
    if (ARMED && below(path) && decide(0)) return -1;
    return NEXT(unlinkat)(folder, path, flags);
}

int mkdir(const char *path, mode_t bits) {
    if (ARMED && below(path) && decide(0)) return -1;
    return NEXT(mkdir)(path, bits);
}

#define PAIR(name)                                                            \
    int name(const char *from, const char *to) {                              \
        if (ARMED && below(to) && decide(0)) return -1;                       \
        return NEXT(name)(from, to);                                          \
    }
PAIR(link)
PAIR(rename)

int linkat(int old, const char *from, int new, const char *to, int flags) {
    if (ARMED && below(to) && decide(0)) return -1;
    return NEXT(linkat)(old, from, new, to, flags);
}

int renameat(int old, const char *from, int new, const char *to) {
    if (ARMED && below(to) && decide(0)) return -1;
    return NEXT(renameat)(old, from, new, to);
}

int ftruncate(int fd, off_t size) {
    if (ARMED && below_fd(fd) && decide(0)) return -1;
    return NEXT(ftruncate)(fd, size);
}

int ftruncate64(int fd, off64_t size) {
    if (ARMED && below_fd(fd) && decide(0)) return -1;
    return NEXT(ftruncate64)(fd, size);
}
