/* SPDX-License-Identifier: MIT
 *
 * How often Go's monitor thread (sysmon) looks around. While a processor of Go belongs to a
 * thread of C, as it does for 10 ms after each call, the monitor sleeps for 20 us at a time,
 * and the kernel lets a sleep end 50 us late. That is up to 14,000 switches of threads a second
 * in a receiver that has little to do; with many of them on one machine it is more work than
 * everything else. The kernel lets every sleep end late by the timer slack of a thread, so the
 * monitor gets one of 5 ms: then it looks around 200 times a second.
 *
 * What it looks for can wait that long: goroutines that have run for 10 ms, processors that
 * belong to a thread in a system call (processors.go adds some, so that others do not wait for
 * them), and the network, if nothing else has polled it for 10 ms. What wakes the monitor itself
 * is a futex, and is not late.
 *
 * A thread inherits the slack of the one that starts it. So the slack is set around
 * pthread_create(), for which build.sh redirects the Go runtime to this function, and reset
 * for threads that the monitor starts. The monitor is the second thread that the runtime starts:
 * the first runs runtime.main(), which starts the monitor before anything else (a test reads
 * there that this is so).
 *
 * No lock: the first two threads start one after the other, and what they write is constant
 * from then on.
 */
#include "monitor.h"

#include <sys/prctl.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

enum { MONITOR = 1, SLACK_NS = 5000000 };

static _Atomic int started; /* threads so far */
static long usual;          /* timer slack of the others: of the thread that started the runtime */

static long slack(void) {
    return prctl(PR_GET_TIMERSLACK, 0L, 0L, 0L, 0L);
}

static void set_slack(long ns) {
    prctl(PR_SET_TIMERSLACK, (unsigned long)ns, 0L, 0L, 0L);
}

int hermes_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                         void *argument) {
    long own = slack();
    int number = started;
    if (usual <= 0) usual = own;
    long wanted = number == MONITOR ? SLACK_NS : usual;
    /* It is 0 if unknown, or that of a real-time thread, which is always exact. */
    int changes = own > 0 && wanted > 0 && wanted != own;
    if (changes) set_slack(wanted);
    int code = pthread_create(thread, attributes, run, argument);
    if (changes) set_slack(own);
    if (code == 0) started++;
    return code;
}

static void *note_slack(void *at) {
    *(long *)at = slack();
    return NULL;
}

void fast_monitor_slacks(long at[5]) {
    at[3] = slack();
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        if (hermes_thread_create(&thread, NULL, note_slack, &at[i]) == 0)
            pthread_join(thread, NULL);
    }
    at[4] = slack();
}
