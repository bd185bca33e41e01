/* SPDX-License-Identifier: MIT
 *
 * The start of the Go runtime on Windows. cross.sh takes it out of the initializers of the DLL, as
 * build.sh does on Linux, so that loading starts no threads: the first call does. That call must
 * not come from the DllMain() of another DLL: a new thread runs only when that has returned.
 *
 * The DLL is never unloaded, because the threads of Go would go on without their code.
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

/* Weak, for cgo links the objects of this package alone to look at their symbols. */
extern void _rt0_amd64_windows_lib(void) __attribute__((weak));

static void (*leave)(void);

/* A program with a C library of its own comes here when the other threads have ended. */
static void left(void) {
    if (!RtlDllShutdownInProgress()) leave();
}

/* No limit of a process is in the way. */
int capi_cannot_start(char *text, size_t size) {
    (void)text, (void)size;
    return 0;
}

void capi_start(void) {
    HMODULE self;
    GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                       (LPCSTR)(void *)capi_start, &self);
    _rt0_amd64_windows_lib();
    hermesgo_started(); /* waits until it is up */
}

/* There is no fork. */
int capi_hook(void (*in_child)(void), void (*at_exit)(void)) {
    (void)in_child;
    leave = at_exit;
    return _crt_atexit(left) == 0;
}

void capi_forked(void) {}
