/* SPDX-License-Identifier: MIT
 *
 * Whether there is what the library needs to start. Go's runtime ends the whole process
 * where it cannot reserve addresses or start a thread, so that is tried first.
 */
#include "preflight.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* What is defined here is declared in a header, and as it is declared there. */
#pragma GCC diagnostic error "-Wmissing-prototypes"

/* What starting takes, with some room: the tables of Go's memory, which are reserved and
 * hardly ever used; the stacks of its first threads, and what malloc reserves for each, which
 * comes to 128 MiB for a moment; and how many these are. */
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

struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t over;
    int is_over;
};

static void *attend(void *of) {
    struct meeting *meeting = of;
    pthread_mutex_lock(&meeting->lock);
    while (!meeting->is_over) pthread_cond_wait(&meeting->over, &meeting->lock);
    pthread_mutex_unlock(&meeting->lock);
    return NULL;
}

static int lacks_threads(char *text, size_t size) {
    struct meeting meeting = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    pthread_t threads[THREADS];
    int count = 0, error = 0;
    while (count < THREADS &&
           (error = pthread_create(&threads[count], NULL, attend, &meeting)) == 0)
        count++;
    pthread_mutex_lock(&meeting.lock);
    meeting.is_over = 1;
    pthread_cond_broadcast(&meeting.over);
    pthread_mutex_unlock(&meeting.lock);
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
    pthread_cond_destroy(&meeting.over);
    pthread_mutex_destroy(&meeting.lock);
    if (error == 0) return 0;
    char why[160];
    describe(why, sizeof why, RLIMIT_NPROC, 1, "-u, of all processes of the user");
    snprintf(text, size, "only %d of %d threads could be started (%s): %s", count, THREADS,
             strerror(error), why);
    return 1;
}

int shim_cannot_start(char *text, size_t size) {
    return lacks_addresses(text, size) || lacks_threads(text, size);
}
