/* SPDX-License-Identifier: MIT
 *
 * system.h for macOS. Its futex is __ulock: libc++ and the Swift runtime sleep on it, on every
 * version since 10.12. Its public form, os_sync_wait_on_address, needs macOS 14.4.
 */
#ifndef HERMES_FAST_SYSTEM_DARWIN_H
#define HERMES_FAST_SYSTEM_DARWIN_H

#include <errno.h>
#include <stdint.h>
#include <time.h>

enum { FAST_ULOCK_COMPARE = 1, FAST_ULOCK_ALL = 0x100, FAST_ULOCK_NO_ERRNO = 0x1000000 };

extern int __ulock_wait(uint32_t operation, void *at, uint64_t seen, uint32_t microseconds);
extern int __ulock_wake(uint32_t operation, void *at, uint64_t unused);

/* A timeout of 0 has no end, so the shortest one is 1 us; a longer one than 32 bits hold ends
 * early. */
static inline void fast_futex_wait(uint32_t *at, uint32_t seen, const struct timespec *most) {
    uint32_t microseconds = 0;
    if (most != NULL) {
        int64_t exact = (int64_t)most->tv_sec * 1000000 + (most->tv_nsec + 999) / 1000;
        microseconds = exact < 1 ? 1 : exact < UINT32_MAX ? (uint32_t)exact : UINT32_MAX;
    }
    __ulock_wait(FAST_ULOCK_COMPARE | FAST_ULOCK_NO_ERRNO, at, seen, microseconds);
}

static inline void fast_futex_wake(uint32_t *at) {
    while (__ulock_wake(FAST_ULOCK_COMPARE | FAST_ULOCK_ALL | FAST_ULOCK_NO_ERRNO, at, 0) ==
           -EINTR) {
    }
}

/* The pieces that need it are for Linux. */
static inline void fast_write_wake(int fd) {
    (void)fd;
}

#endif /* HERMES_FAST_SYSTEM_DARWIN_H */
