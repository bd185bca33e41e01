/* SPDX-License-Identifier: MIT
 *
 * system.h for Windows 8 and later. ntdll has the functions behind WaitOnAddress() under the
 * same names in each version, and every process has ntdll.
 */
#ifndef HERMES_FAST_SYSTEM_WINDOWS_H
#define HERMES_FAST_SYSTEM_WINDOWS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* By types of C: <windows.h> defines names that others have. */
extern int32_t __stdcall RtlWaitOnAddress(const void *at, const void *seen, size_t size,
                                          const int64_t *timeout);
extern void __stdcall RtlWakeAddressAll(const void *at);

/* A negative time is one from now on, in units of 100 ns. */
static inline void fast_futex_wait(uint32_t *at, uint32_t seen, const struct timespec *most) {
    int64_t timeout = 0;
    if (most != NULL) timeout = -((int64_t)most->tv_sec * 10000000 + (most->tv_nsec + 99) / 100);
    RtlWaitOnAddress(at, &seen, sizeof seen, most != NULL ? &timeout : NULL);
}

static inline void fast_futex_wake(uint32_t *at) {
    RtlWakeAddressAll(at);
}

/* The pieces that need it are for Linux. */
static inline void fast_write_wake(int fd) {
    (void)fd;
}

#endif /* HERMES_FAST_SYSTEM_WINDOWS_H */
