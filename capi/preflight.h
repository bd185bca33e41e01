/* SPDX-License-Identifier: MIT
 *
 * Whether there is what the library needs to start; see preflight.c.
 */
#ifndef HERMES_PREFLIGHT_H
#define HERMES_PREFLIGHT_H

#include <stddef.h>

/* Returns 1, with the reason and the limit behind it in text, where the library cannot
 * start now; and 0 where it can. */
int shim_cannot_start(char *text, size_t size);

#endif
