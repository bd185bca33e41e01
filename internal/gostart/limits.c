/* SPDX-License-Identifier: MIT
 *
 * Whether the Go runtime can start. It ends the whole process if it cannot reserve
 * addresses or start a thread, so that is tried first: with one reservation, and with a
 * few threads that end at once.
 */
#include "gostart.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

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

struct barrier {
    pthread_mutex_t lock;
    pthread_cond_t end;
    int ended;
};

static void *wait_for_end(void *of) {
    struct barrier *barrier = of;
    pthread_mutex_lock(&barrier->lock);
    while (!barrier->ended) pthread_cond_wait(&barrier->end, &barrier->lock);
    pthread_mutex_unlock(&barrier->lock);
    return NULL;
}

static int lacks_threads(char *text, size_t size) {
    struct barrier barrier = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    pthread_t threads[THREADS];
    int count = 0, error = 0;
    while (count < THREADS &&
           (error = pthread_create(&threads[count], NULL, wait_for_end, &barrier)) == 0)
        count++;
    pthread_mutex_lock(&barrier.lock);
    barrier.ended = 1;
    pthread_cond_broadcast(&barrier.end);
    pthread_mutex_unlock(&barrier.lock);
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    pthread_cond_destroy(&barrier.end);
    pthread_mutex_destroy(&barrier.lock);
    if (error == 0) return 0;
    char why[160];
    describe(why, sizeof why, RLIMIT_NPROC, 1, "-u, of all processes of the user");
    snprintf(text, size, "only %d of %d threads could be started (%s): %s", count, THREADS,
             strerror(error), why);
    return 1;
}

int gostart_cannot(char *text, size_t size) {
    return lacks_addresses(text, size) || lacks_threads(text, size);
}
