/* SPDX-License-Identifier: MIT
 *
 * Starts the Go runtime. Go's linker puts its entry point among the initializers of a
 * library, so that loading would start Go's threads. build.sh takes it out of there and
 * names it hermes_go_start; it is then called here, at the first call into the library. A
 * program that forks before that (a daemon, say) has a library that works in the child.
 *
 * Go ends the whole process if it cannot reserve addresses or start a thread, so that is
 * tried first: with one reservation, and with a few threads that end at once.
 *
 * No locks of its own: gate.c calls with its lock held.
 */
#include "exports.h"

#include "inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

/* Weak, for cgo links the objects of this package alone to look at their symbols. */
typedef void initializer(int, char **, char **);
extern initializer *hermes_go_start __attribute__((weak, visibility("hidden")));

/* ---- What Go reads when it starts -------------------------------------------- */

/* The arguments and the environment. Go looks for the auxiliary vector of the kernel behind them. */
static struct {
    int argc;
    char **argv, **envp;
} process;

#ifdef __GLIBC__
/* glibc passes them to initializers. */
__attribute__((constructor)) static void loaded(int argc, char **argv, char **envp) {
    process.argc = argc;
    process.argv = argv;
    process.envp = envp;
}

static int find_arguments(void) {
    return 1;
}
#else
extern char **environ;

/* musl passes nothing, so Go gets a block like that of the kernel: a name, the environment, and an
 * empty vector, in place of which it reads /proc/self/auxv. The block stays for good. */
static int find_arguments(void) {
    static char name[] = "hermes";
    size_t variables = 0;
    if (process.argv) return 1; /* an attempt to start has failed */
    while (environ && environ[variables]) variables++;
    /* The name, NULL, the variables, NULL, and two of the vector. */
    char **block = calloc(variables + 5, sizeof *block);
    if (!block) return 0;
    block[0] = name;
    for (size_t i = 0; i < variables; i++) block[2 + i] = environ[i];
    process.argc = 1;
    process.argv = block;
    process.envp = block + 2;
    return 1;
}
#endif

/* ---- Whether it can start -------------------------------------------------- */

/* What starting takes, with some room: addresses for the tables of Go's memory, which are
 * reserved and hardly used, for the stacks of its first threads, and for what malloc
 * reserves for each of them, 128 MiB for a moment; and how many threads these are. */
#define ADDRESSES ((size_t)2 << 30)
enum { THREADS = 8 };

static void describe(char *text, size_t size, int resource, rlim_t unit, const char *option) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        snprintf(text, size,
                 "no limit of this process is in the way, so it is the system's or its "
                 "container's");
    else
        snprintf(text, size, "the limit of this process (ulimit %s) is %llu", option,
                 (unsigned long long)(limit.rlim_cur / unit));
}

static int lacks_addresses(char *text, size_t size) {
    void *probe =
        mmap(NULL, ADDRESSES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (probe != MAP_FAILED) {
        munmap(probe, ADDRESSES);
        return 0;
    }
    char why[160];
    describe(why, sizeof why, RLIMIT_AS, 1024, "-v, in KiB");
    snprintf(text, size, "no room for 2 GiB of addresses, which starting takes: %s", why);
    return 1;
}

/* Lasts until the lock is free. */
static void *wait_for(void *lock) {
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    return NULL;
}

static int lacks_threads(char *text, size_t size) {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[THREADS];
    int count = 0, error = 0;
    pthread_mutex_lock(&lock);
    while (count < THREADS && (error = pthread_create(&threads[count], NULL, wait_for, &lock)) == 0)
        count++;
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    if (error == 0) return 0;
    char why[160];
    describe(why, sizeof why, RLIMIT_NPROC, 1, "-u, of all processes of the user");
    snprintf(text, size, "only %d of %d threads could be started (%s): %s", count, THREADS,
             strerror(error), why);
    return 1;
}

int capi_cannot_start(char *text, size_t size) {
    if (!find_arguments()) {
        snprintf(text, size, "no memory for a copy of the environment");
        return 1;
    }
    return lacks_addresses(text, size) || lacks_threads(text, size);
}

/* ---- Starting -------------------------------------------------------------- */

/* Opens the standard streams that the host has closed, or descriptors that the Go runtime
 * opens as it starts (of cgroups) would take their numbers. Without /dev/null, a directory
 * will do. */
static void occupy_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        int got = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (got < 0) got = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (got > STDERR_FILENO) close(got); /* another thread has opened one meanwhile */
    }
}

/* Go raises the limit on open files as it starts, for the whole process. The host may have
 * chosen it, for select() or for its children, so it is restored. */
void capi_start(void) {
    struct rlimit chosen, now;
    int known = getrlimit(RLIMIT_NOFILE, &chosen) == 0;
    occupy_streams();
    hermes_go_start(process.argc, process.argv, process.envp);
    inherit_share(); /* waits until it is up */
    if (known && getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur != chosen.rlim_cur)
        setrlimit(RLIMIT_NOFILE, &chosen);
}

int capi_hook(void (*in_child)(void), void (*at_exit)(void)) {
    return pthread_atfork(NULL, NULL, in_child) == 0 && atexit(at_exit) == 0;
}

void capi_forked(void) {
    inherit_close();
}
