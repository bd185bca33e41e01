/* SPDX-License-Identifier: MIT
 *
 * Starts the Go runtime in a process of C at a time of our choice; see start.c.
 */
#ifndef HERMES_GOSTART_H
#define HERMES_GOSTART_H

#include <stddef.h>

/* 0 if the runtime has started by itself, as the library was loaded. */
int gostart_is_deferred(void);

/* Returns 1 if the runtime cannot start now, with what is missing and the limit behind it
 * in text; 0 if it can. */
int gostart_cannot(char *text, size_t size);

/* Starts the runtime, and calls first, which calls a Go function: that waits until the
 * runtime is up. Called once, if the start is deferred; the caller locks. */
void gostart_now(void (*first)(void));

#endif /* HERMES_GOSTART_H */
