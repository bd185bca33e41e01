/* SPDX-License-Identifier: MIT
 *
 * What the tests take from Windows; system_unix.h has the same functions.
 */
#ifndef SYSTEM_WINDOWS_H
#define SYSTEM_WINDOWS_H

#include <winsock2.h>
#include <ws2tcpip.h>
/* After winsock2.h, or it includes an older one. */
#include <psapi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <tlhelp32.h>
#include <windows.h>

/* What is said of a port at which no program listens: Windows tries it for two seconds, during which
 * there is no answer, and refuses the connection then. */
#define CONNECTION_REFUSED "tcp://127.0.0.1:"

/* The size of small envelopes, of which a test publishes many: Wine would take minutes for millions. */
enum { FEW_BYTES = 2000 };

/* ---- Descriptors: of hermes_fd(), hermes_pipe(), and sockets ---------------------- */

/* As WSAPoll(): 1 if it is readable in time, 0 if not, -1: an error. */
static inline int poll_descriptor(int fd, int timeout_ms) {
    WSAPOLLFD p = {.fd = (SOCKET)fd, .events = POLLIN};
    int n = WSAPoll(&p, 1, timeout_ms);
    return n > 0 && (p.revents & POLLNVAL) ? -1 : n;
}

static inline int read_descriptor(int fd, void *buf, size_t size) {
    return recv((SOCKET)fd, buf, (int)size, 0);
}

static inline int write_descriptor(int fd, const void *bytes, size_t size) {
    return send((SOCKET)fd, bytes, (int)size, 0);
}

static inline int close_descriptor(int fd) {
    return closesocket((SOCKET)fd);
}

/* ---- This process ------------------------------------------------------------------- */

/* A program without a socket of its own that calls the library has no need of this. */
__attribute__((constructor)) static inline void start_sockets(void) {
    WSADATA data;
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) abort();
}

/* Wine 8 counts none, so there it is the threads that would tell of a leak. */
static inline int open_descriptors(void) {
    DWORD count;
    return GetProcessHandleCount(GetCurrentProcess(), &count) ? (int)count : -1;
}

static inline int running_threads(void) {
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 thread = {.dwSize = sizeof thread};
    int count = 0;
    for (BOOL some = Thread32First(all, &thread); some; some = Thread32Next(all, &thread))
        count += thread.th32OwnerProcessID == GetCurrentProcessId();
    CloseHandle(all);
    return count;
}

/* Resident memory, in bytes. */
static inline int64_t resident_memory(void) {
    PROCESS_MEMORY_COUNTERS counters = {.cb = sizeof counters};
    if (!GetProcessMemoryInfo(GetCurrentProcess(), &counters, sizeof counters)) abort();
    return (int64_t)counters.WorkingSetSize;
}

/* A test that waits for others gives up when they hang; run_windows.sh does that for all. */
static inline void alarm(unsigned seconds) {
    (void)seconds;
}

/* ---- Other processes ------------------------------------------------------------------ */

typedef HANDLE process;

/* Starts this program, which is called so, with a role as its first argument, and another one. */
static inline process start_self(const char *program, const char *role, const char *argument) {
    char self[MAX_PATH], line[2 * MAX_PATH];
    (void)program; /* as it was called, perhaps without .exe */
    GetModuleFileNameA(NULL, self, sizeof self);
    snprintf(line, sizeof line, "test %s \"%s\"", role, argument);
    STARTUPINFOA how = {.cb = sizeof how};
    PROCESS_INFORMATION child;
    if (!CreateProcessA(self, line, NULL, NULL, FALSE, 0, NULL, NULL, &how, &child)) abort();
    CloseHandle(child.hThread);
    return child.hProcess;
}

/* Waits for its end; 0 if that was a good one, otherwise its status. */
static inline int end_of(process child) {
    DWORD status;
    if (WaitForSingleObject(child, INFINITE) != WAIT_OBJECT_0) return -1;
    if (!GetExitCodeProcess(child, &status)) return -1;
    CloseHandle(child);
    return (int)status;
}

#endif /* SYSTEM_WINDOWS_H */
