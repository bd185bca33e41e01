/* SPDX-License-Identifier: MIT
 *
 * The start of the Go runtime on Windows: it starts its threads when the DLL is loaded, from the
 * initializers of the DLL. They run with the lock of the loader held, and no new thread runs
 * before that is released: so loading only creates the first thread, and the first call waits for
 * the rest. A call from the DllMain() of another DLL would wait for ever.
 *
 * No locks of its own: gate.c calls with its lock held.
 */
#include "exports.h"

#include "_cgo_export.h"

#include <windows.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

/* Of ucrtbase.dll: what exit() of a program calls that has its C library from there. atexit() in a
 * DLL comes too late: at that time all other threads have ended. */
int __cdecl _crt_atexit(void (*function)(void));

/* Of ntdll.dll. */
BOOLEAN NTAPI RtlDllShutdownInProgress(void);

static void (*leave)(void);

/* A program with a C library of its own comes here when the other threads have ended. */
static void left(void) {
    if (!RtlDllShutdownInProgress()) leave();
}

int capi_cannot_start(char *text, size_t size) {
    (void)text, (void)size;
    return 0; /* it has started */
}

void capi_start(void) {
    hermesgo_started();
}

/* There is no fork. */
int capi_hook(void (*in_child)(void), void (*at_exit)(void)) {
    (void)in_child;
    leave = at_exit;
    return _crt_atexit(left) == 0;
}

void capi_forked(void) {
}
