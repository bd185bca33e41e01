/* SPDX-License-Identifier: MIT
 *
 * What the pieces take from the operating system: system_linux.h, system_darwin.h and
 * system_windows.h have the same functions.
 *
 *   fast_futex_wait(at, seen, most)   sleeps while *at is seen, until it is woken, or for most
 *                                     (NULL: without an end); it may return early
 *   fast_futex_wake(at)               wakes all threads that sleep there
 *   fast_write_wake(fd)               wakes the goroutine that waits at a descriptor (Linux)
 *
 * None of them is a point of cancellation: a thread that is cancelled in one would keep what it
 * holds.
 */
#ifndef HERMES_FAST_SYSTEM_H
#define HERMES_FAST_SYSTEM_H

#if defined(__linux__)
#include "system_linux.h"
#elif defined(__APPLE__)
#include "system_darwin.h"
#elif defined(_WIN32)
#include "system_windows.h"
#else
#error "capi is for Linux, macOS and Windows"
#endif

#endif /* HERMES_FAST_SYSTEM_H */
