/* SPDX-License-Identifier: MIT
 *
 * The fork gate: every function of hermes.h that needs Go passes it first.
 *
 *   state   until                        a call then
 *   ASLEEP  the first call               starts the Go runtime
 *   AWAKE   a fork, in the child         passes
 *   FORKED  the end of the process       fails with HERMES_EFORKED
 *   BROKEN  the end of the process       fails with HERMES_ENOMEM
 *
 * Loading the library starts no threads. In a child that was forked before the first call
 * everything works; in one forked later the threads of the Go runtime do not exist, so no
 * call may reach it. At exit the gate has the publishers of this process flush. start_linux.c,
 * start_darwin.c and start_windows.c say what of this each system has.
 *
 * Locks: starting guards the step from ASLEEP to AWAKE. The state itself is atomic, so that
 * a call takes no lock once the library is awake.
 */
#include "exports.h"

#include "_cgo_export.h"

#include <pthread.h>
#include <stdatomic.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

enum { ASLEEP, AWAKE, FORKED, BROKEN };

enum { REASON_SIZE = 512 }; /* bytes of a text that says why the runtime cannot start */

static atomic_int state = ASLEEP;
static pthread_once_t prepared = PTHREAD_ONCE_INIT;
static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER; /* locked only once prepared */

/* Runs in the child, on its only thread. */
static void in_child(void) {
    if (atomic_exchange(&state, FORKED) != FORKED) capi_forked();
}

static void *flush(void *unused) {
    (void)unused;
    hermesgo_flush();
    return NULL;
}

/* On a thread of its own: Go needs a stack for signals, and the host may have removed that
 * of the thread that exits (Python's faulthandler does). */
static void at_exit(void) {
    pthread_t thread;
    if (atomic_load(&state) != AWAKE) return;
    if (pthread_create(&thread, NULL, flush, NULL) == 0) pthread_join(thread, NULL);
}

static void prepare(void) {
    if (!capi_hook(in_child, at_exit)) atomic_store(&state, BROKEN);
}

void capi_prepare(void) {
    pthread_once(&prepared, prepare);
}

/* Starts the runtime, if it has not started. If that cannot be done now, reason says why,
 * and a later call tries again; otherwise it is empty. */
static void start(char *reason, size_t size) {
    reason[0] = '\0';
    capi_prepare();
    if (atomic_load(&state) != ASLEEP) return;
    pthread_mutex_lock(&starting);
    if (atomic_load(&state) == ASLEEP && !capi_cannot_start(reason, size)) {
        capi_start();
        atomic_store(&state, AWAKE);
    }
    pthread_mutex_unlock(&starting);
}

static int enter_slowly(const char *function) {
    char reason[REASON_SIZE] = "";
    if (atomic_load(&state) == ASLEEP) start(reason, sizeof reason);
    switch (atomic_load(&state)) {
    case AWAKE:
        return HERMES_OK;
    case FORKED:
        return capi_refuse(HERMES_EFORKED,
                           "%s: process forked after the library's first use; "
                           "fork before it, exec, or load a private copy",
                           function);
    case ASLEEP:
        return capi_refuse(HERMES_ENOMEM, "%s: the library cannot start: %s", function, reason);
    default:
        return capi_refuse(HERMES_ENOMEM, "%s: no memory to start the library", function);
    }
}

int capi_enter(const char *function) {
    if (__builtin_expect(atomic_load_explicit(&state, memory_order_acquire) == AWAKE, 1))
        return HERMES_OK;
    return enter_slowly(function);
}
