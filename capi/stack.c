/* SPDX-License-Identifier: MIT
 *
 * Where the stack of a thread is, told quickly. Go asks for that on every call that
 * comes from outside of the stack that it knows, as the calls of hosts with stacks of
 * their own making do: coroutines, and foreign function interfaces (koffi). glibc
 * finds the main thread's by reading /proc/self/maps, which takes a quarter of a
 * millisecond in a program of some size. build.sh has Go ask here instead.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <unistd.h>

int hermes_getattr_np(pthread_t thread, pthread_attr_t *attr);

/* Only the main thread itself reads and writes these. It has the same stack for life;
 * a program that raises its limit later is told of the smaller one, which is the safe
 * side. A forked child never gets here. */
static void *lowest;
static size_t size;

int hermes_getattr_np(pthread_t thread, pthread_attr_t *attr) {
    if (getpid() != gettid()) return pthread_getattr_np(thread, attr);
    if (size == 0) {
        int code = pthread_getattr_np(thread, attr);
        if (code == 0) code = pthread_attr_getstack(attr, &lowest, &size);
        if (code != 0) size = 0;
        return code;
    }
    return pthread_attr_setstack(attr, lowest, size);
}
