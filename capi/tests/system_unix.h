/* SPDX-License-Identifier: MIT
 *
 * What the tests take from Unix; system_windows.h has the same functions.
 */
#ifndef SYSTEM_UNIX_H
#define SYSTEM_UNIX_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the system says of a port at which no program listens. */
#define CONNECTION_REFUSED "connection refused"

/* The size of small envelopes, of which a test publishes millions. */
enum { FEW_BYTES = 100 };

/* ---- Descriptors: of hermes_fd(), hermes_pipe(), and sockets ---------------------- */

/* As poll(): 1 if it is readable in time, 0 if not. A signal ends no wait: Go preempts with
 * signals. -1: an error. */
static inline int poll_descriptor(int fd, int timeout_ms) {
    struct timespec begun, now;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (int left = timeout_ms;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int n = poll(&p, 1, left);
        if (n > 0 && (p.revents & POLLNVAL)) return -1;
        if (n >= 0) return n > 0;
        if (errno != EINTR) return -1;
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t gone = (now.tv_sec - begun.tv_sec) * 1000 + (now.tv_nsec - begun.tv_nsec) / 1000000;
        left = gone < timeout_ms ? timeout_ms - (int)gone : 0;
    }
}

static inline int read_descriptor(int fd, void *buf, size_t size) {
    return (int)read(fd, buf, size);
}

static inline int write_descriptor(int fd, const void *bytes, size_t size) {
    return (int)write(fd, bytes, size);
}

static inline int close_descriptor(int fd) {
    return close(fd);
}

/* ---- This process ------------------------------------------------------------------- */

static inline int entries_of(const char *directory) {
    int count = 0;
    DIR *d = opendir(directory);
    if (d == NULL) return -1;
    while (readdir(d) != NULL) count++;
    closedir(d);
    return count;
}

static inline int open_descriptors(void) {
    return entries_of("/proc/self/fd");
}

static inline int running_threads(void) {
    return entries_of("/proc/self/task");
}

/* Resident memory, in bytes. */
static inline int64_t resident_memory(void) {
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm == NULL || fscanf(statm, "%*s %ld", &pages) != 1) abort();
    fclose(statm);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

/* ---- Other processes ------------------------------------------------------------------ */

extern char **environ;

typedef pid_t process;

/* Starts this program, which is called so, with a role as its first argument, and another one. */
static inline process start_self(const char *program, const char *role, const char *argument) {
    char *arguments[] = {(char *)program, (char *)role, (char *)argument, NULL};
    pid_t child;
    if (posix_spawn(&child, program, NULL, NULL, arguments, environ) != 0) abort();
    return child;
}

/* Waits for its end; 0 if that was a good one, otherwise its status. */
static inline int end_of(process child) {
    int status;
    return waitpid(child, &status, 0) == child ? status : -1;
}

#endif /* SYSTEM_UNIX_H */
