/* SPDX-License-Identifier: MIT
 *
 * The start of the Go runtime on macOS: it starts its threads when the library is loaded, from
 * the initializers of the library (__mod_init_func), as every library of Go does there. So a child
 * that is forked later has no runtime, whether the library was used before or not.
 *
 * No locks of its own: gate.c calls with its lock held.
 */
#include "exports.h"

#include "_cgo_export.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

static struct rlimit chosen; /* of open files, before Go raises it */
static int known;

/* build.sh links this file before Go, so that this initializer is the earlier one. */
__attribute__((constructor)) static void loaded(void) {
    known = getrlimit(RLIMIT_NOFILE, &chosen) == 0;
    capi_prepare();
}

int capi_cannot_start(char *text, size_t size) {
    (void)text, (void)size;
    return 0; /* it has started */
}

/* The limit is that of the host, for select() or for its children, so it is restored. */
void capi_start(void) {
    struct rlimit now;
    hermesgo_started();
    if (known && getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur != chosen.rlim_cur)
        setrlimit(RLIMIT_NOFILE, &chosen);
}

int capi_hook(void (*in_child)(void), void (*at_exit)(void)) {
    return pthread_atfork(NULL, NULL, in_child) == 0 && atexit(at_exit) == 0;
}

/* The child keeps the descriptors of its parent: they are not noted here. */
void capi_forked(void) {}
