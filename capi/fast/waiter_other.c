//go:build !linux
/* SPDX-License-Identifier: MIT
 *
 * Without the reader lease there is no wake fd: all threads sleep on the futex.
 */
#include "system.h"
#include "waiter.h"

#pragma GCC diagnostic error "-Wmissing-prototypes"

void fast_waiter_poke(struct fast_waiter *waiter) {
    (void)waiter;
}

void fast_waiter_close_fd(struct fast_waiter *waiter) {
    (void)waiter;
}

void fast_waiter_poll(struct fast_waiter *waiter, int fd, uint32_t seen,
                      const struct timespec *most) {
    (void)waiter, (void)fd, (void)seen, (void)most;
}

void fast_wake(uint32_t *wakes) {
    fast_futex_wake(wakes);
}
