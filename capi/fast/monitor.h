/* SPDX-License-Identifier: MIT */
#ifndef FAST_MONITOR_H
#define FAST_MONITOR_H

#include <pthread.h>

/* pthread_create() of the Go runtime. */
int hermes_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                         void *argument);

/* For tests: starts three threads in this way, and gives their timer slack in nanoseconds, and
 * behind them that of the caller before and afterwards. Works once in a process, in which build.sh
 * has redirected nothing. */
void fast_monitor_slacks(long slack[5]);

#endif
