/* SPDX-License-Identifier: MIT
 *
 * Counts, in a library built for tests (tag hermestest), the calls that needed no call
 * into Go, so that tests can tell that they tried these ways.
 */
#ifndef HERMES_FAST_COUNT_H
#define HERMES_FAST_COUNT_H

#include <stdint.h>

enum {
    FAST_COUNT_PUBLISH,
    FAST_COUNT_TRY,
    FAST_COUNT_MARSHAL,
    FAST_COUNT_RECV,
    FAST_COUNT_QUIET,   /* of those, what was published while Go slept */
    FAST_COUNT_HANDOFF, /* of hermes_recv, besides those of the prefetch buffer */
    FAST_COUNTERS
};

#ifdef FAST_COUNT
int fast_count(int which); /* returns 1 */
uint64_t fast_counted(int which);
#else
#define fast_count(which) 1
#endif

#endif /* HERMES_FAST_COUNT_H */
