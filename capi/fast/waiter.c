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
 *     well. All other calls sleep on the futex.
 *  3. The wake fd is closed by the last of its users, which are the receiver and the
 *     threads that poll it or write to it, so that its number stays theirs until then.
 *  4. System calls are made by number: the functions of libc are cancellation points, and
 *     a thread that is cancelled in one would take the lease with it.
 *
 * No locks: all fields are atomic, in the order of the steps written here.
 */
#include "waiter.h"

#include "inherit.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

struct fast_waiter *fast_waiter_new(void) {
    struct fast_waiter *waiter = calloc(1, sizeof *waiter);
    if (waiter != NULL) waiter->holders = 1;
    return waiter;
}

/* ---- The wake fd --------------------------------------------------------------- */

/* Begins to use the wake fd; 0 if there is none. */
static int enter_fd(struct fast_waiter *waiter) {
    uint32_t users = __atomic_load_n(&waiter->fd_users, __ATOMIC_SEQ_CST);
    while (users > 0 && !__atomic_compare_exchange_n(&waiter->fd_users, &users, users + 1, 0,
                                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
    return users > 0;
}

static void leave_fd(struct fast_waiter *waiter) {
    int fd = waiter->wake_fd; /* read first: without users another one may take its place */
    if (__atomic_sub_fetch(&waiter->fd_users, 1, __ATOMIC_SEQ_CST) == 0) {
        inherit_disown(fd);
        close(fd);
    }
}

void fast_waiter_close_fd(struct fast_waiter *waiter) {
    if (__atomic_exchange_n(&waiter->fd_owned, 0, __ATOMIC_SEQ_CST)) leave_fd(waiter);
}

void fast_waiter_release(struct fast_waiter *waiter) {
    if (waiter == NULL || __atomic_sub_fetch(&waiter->holders, 1, __ATOMIC_ACQ_REL) != 0) return;
    fast_waiter_close_fd(waiter);
    free(waiter);
}

/* ---- Waking and sleeping --------------------------------------------------------- */

void fast_waiter_poke(struct fast_waiter *waiter) {
    if (!enter_fd(waiter)) return;
    uint64_t one = 1;
    syscall(SYS_write, waiter->wake_fd, &one, sizeof one);
    leave_fd(waiter);
}

static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Sleeps on the futex; NULL: without an end. */
static void sleep_on(struct fast_waiter *waiter, uint32_t seen, const struct timespec *most) {
    __atomic_add_fetch(&waiter->sleepers, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &waiter->wakes, FUTEX_WAIT_PRIVATE, seen, most, NULL, 0);
    __atomic_sub_fetch(&waiter->sleepers, 1, __ATOMIC_SEQ_CST);
}

/* Polls the leased connection and the wake fd. */
static void poll_on(struct fast_waiter *waiter, int fd, uint32_t seen,
                    const struct timespec *most) {
    if (!enter_fd(waiter)) return; /* the receiver has stopped: the next call will tell */
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = waiter->wake_fd, .events = POLLIN}};
    __atomic_store_n(&waiter->polling, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&waiter->wakes, __ATOMIC_SEQ_CST) == seen)
        syscall(SYS_ppoll, fds, 2, most, NULL, 0);
    __atomic_store_n(&waiter->polling, 0, __ATOMIC_SEQ_CST);
    uint64_t writes;
    if (fds[1].revents != 0) syscall(SYS_read, waiter->wake_fd, &writes, sizeof writes);
    leave_fd(waiter);
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
        poll_on(wait->waiter, wait->fd, wait->seen, end);
    else
        sleep_on(wait->waiter, wait->seen, end);
    fast_wait_stop(wait);
}
