/* SPDX-License-Identifier: MIT
 *
 * system.h for Linux. System calls are made by number: the functions of libc are points of
 * cancellation.
 */
#ifndef HERMES_FAST_SYSTEM_LINUX_H
#define HERMES_FAST_SYSTEM_LINUX_H

#include <limits.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline void fast_futex_wait(uint32_t *at, uint32_t seen, const struct timespec *most) {
    syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, seen, most, NULL, 0);
}

static inline void fast_futex_wake(uint32_t *at) {
    syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static inline void fast_write_wake(int fd) {
    uint64_t one = 1;
    syscall(SYS_write, fd, &one, sizeof one);
}

#endif /* HERMES_FAST_SYSTEM_LINUX_H */
