/* SPDX-License-Identifier: MIT
 *
 * How a thread of C waits for envelopes. It sleeps here, on a futex, and not in Go: a
 * goroutine that becomes ready needs a thread and a processor of Go first, which costs more
 * than everything else that an envelope needs on a quiet way.
 *
 * Rules:
 *  1. Go reads `wakes` before it finds the queue empty (fast_wait.seen). A wake in between
 *     changes the count, so the thread does not fall asleep.
 *  2. One call at a time has the reader lease: it polls the connection and reads what
 *     comes, so that an envelope wakes one thread rather than two. It polls the wake fd as
 *     well (waiter_linux.c). All other calls sleep on the futex. Where there is no lease
 *     (waiter_other.c) they all do.
 *  3. A sleep is no point of cancellation (system.h): a thread that is cancelled in one would
 *     take the lease with it.
 *
 * No locks: all fields are atomic, in the order of the steps written here.
 */
#include "waiter.h"

#include "system.h"

#include <stdlib.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

struct fast_waiter *fast_waiter_new(void) {
    struct fast_waiter *waiter = calloc(1, sizeof *waiter);
    if (waiter != NULL) waiter->holders = 1;
    return waiter;
}

void fast_waiter_release(struct fast_waiter *waiter) {
    if (waiter == NULL || __atomic_sub_fetch(&waiter->holders, 1, __ATOMIC_ACQ_REL) != 0) return;
    fast_waiter_close_fd(waiter);
    free(waiter);
}

/* ---- Sleeping ------------------------------------------------------------------ */

static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Sleeps on the futex; NULL: without an end. */
static void sleep_on(struct fast_waiter *waiter, uint32_t seen, const struct timespec *most) {
    __atomic_add_fetch(&waiter->sleepers, 1, __ATOMIC_SEQ_CST);
    fast_futex_wait(&waiter->wakes, seen, most);
    __atomic_sub_fetch(&waiter->sleepers, 1, __ATOMIC_SEQ_CST);
}

struct fast_wait fast_wait_begin(int32_t timeout_ms) {
    struct fast_wait wait = {.timeout_ms = timeout_ms, .fd = -1};
    wait.may_pause = timeout_ms != 0;
    return wait;
}

int fast_wait_start(struct fast_wait *wait, struct timespec *most) {
    wait->began = nanoseconds();
    if (wait->timeout_ms > 0) {
        if (!wait->paused) wait->until = wait->began + (int64_t)wait->timeout_ms * 1000000;
        int64_t left = wait->until - wait->began;
        wait->may_pause = left > 0; /* else the next call to Go is the last */
        *most = (struct timespec){left / 1000000000, left % 1000000000};
    }
    wait->paused = 1;
    return wait->may_pause != 0;
}

void fast_wait_stop(struct fast_wait *wait) {
    wait->was_long = nanoseconds() - wait->began >= FAST_LONG_WAIT;
}

void fast_wait_pause(struct fast_wait *wait) {
    struct timespec most;
    if (!fast_wait_start(wait, &most)) return;
    const struct timespec *end = wait->timeout_ms < 0 ? NULL : &most;
    if (wait->fd >= 0)
        fast_waiter_poll(wait->waiter, wait->fd, wait->seen, end);
    else
        sleep_on(wait->waiter, wait->seen, end);
    fast_wait_stop(wait);
}
