/* SPDX-License-Identifier: MIT
 *
 * The handoff: gives an envelope to a thread that waits for one, without a call between C and
 * Go. handoff.c explains it.
 */
#ifndef HERMES_FAST_HANDOFF_H
#define HERMES_FAST_HANDOFF_H

#include "waiter.h"

#include <stddef.h>
#include <stdint.h>

enum {
    FAST_HANDOFF_ROOM = 2048, /* bytes of the largest envelope that is handed off */
    FAST_HANDOFF_QUIET = 3    /* short waits until the lease is better; one alone is chance */
};

/* What Go and C share. All fields but size and room are atomic. */
struct fast_handoff {
    uint32_t wakes; /* how often the receiver was woken; the futex that the thread sleeps on */
    uint32_t
        empty; /* wakes + 1 while the queue is known to be empty; any other number: it may not be */
    uint32_t quiet; /* how many short waits may still follow, for one of the last was a long one */
    uint32_t state; /* a step of the enum below, and above it the number of the thread's wait */
    uint32_t size;  /* of the envelope in the room */
    uint64_t room[FAST_HANDOFF_ROOM / sizeof(uint64_t)];
};

/* The steps of a handoff. A thread takes the first and the last, Go the others. */
enum {
    FAST_HANDOFF_FREE,    /* -> WAITING: no thread waits */
    FAST_HANDOFF_WAITING, /* -> WRITING, or FREE as the thread gives up */
    FAST_HANDOFF_WRITING, /* -> FULL */
    FAST_HANDOFF_FULL,    /* -> FREE */
    FAST_HANDOFF_STEPS
};

/* ---- For C: hermes_recv ---------------------------------------------------------------- */

/* Waits for an envelope where the waits of a receiver are long ones, at most as long as the
 * call may wait. Returns its size, and writes it to room, of FAST_HANDOFF_ROOM bytes; 0: the call
 * goes to Go, whether it has waited here or not. Any thread may call it, with any number as a
 * handle. */
size_t fast_handoff_take(uint64_t receiver, struct fast_wait *wait, void *room);

/* ---- For Go: the owner (handoff.go) ------------------------------------------------------- */

/* The handoff of a new receiver, which is never freed; NULL if memory is short. */
struct fast_handoff *fast_handoff_new(uint64_t receiver);

/* Ends its use by the receiver. */
void fast_handoff_free(uint64_t receiver);

#endif /* HERMES_FAST_HANDOFF_H */
