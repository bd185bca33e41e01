/* SPDX-License-Identifier: MIT */
#ifndef HERMES_FAST_STACKBOUNDS_H
#define HERMES_FAST_STACKBOUNDS_H

#include <pthread.h>

/* 0 passes every call on to pthread_getattr_np(). */
extern int fast_stack_bounds_kept;

/* pthread_getattr_np(), which remembers the answer for the main thread. */
int hermes_getattr_np(pthread_t thread, pthread_attr_t *attr);

#endif /* HERMES_FAST_STACKBOUNDS_H */
