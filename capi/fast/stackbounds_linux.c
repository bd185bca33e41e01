/* SPDX-License-Identifier: MIT
 *
 * The bounds of a thread's stack, remembered. Go asks for them on every call that comes
 * from outside the stack that it knows, as calls of hosts with stacks of their own do:
 * coroutines, and some foreign function interfaces. glibc finds those of the main thread
 * by reading /proc/self/maps, which takes a quarter of a millisecond in a large program.
 * build.sh redirects Go's calls of pthread_getattr_np() to this function.
 *
 * No lock: only the main thread reads and writes the variables. Its stack stays where it
 * is; a program that raises its limit later gets the smaller bounds, which is the safe
 * side. A forked child does not get here (gate.c).
 */
#define _GNU_SOURCE
#include "stackbounds.h"

#include <sys/syscall.h>
#include <unistd.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

int fast_stack_bounds_kept = 1;

static void *lowest;
static size_t size; /* 0: not known yet */

int hermes_getattr_np(pthread_t thread, pthread_attr_t *attr) {
    if (!fast_stack_bounds_kept || getpid() != syscall(SYS_gettid))
        return pthread_getattr_np(thread, attr);
    if (size == 0) {
        int code = pthread_getattr_np(thread, attr);
        if (code == 0) code = pthread_attr_getstack(attr, &lowest, &size);
        if (code != 0) size = 0;
        return code;
    }
    return pthread_attr_setstack(attr, lowest, size);
}
