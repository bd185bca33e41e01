/* SPDX-License-Identifier: MIT
 *
 * The prefetch buffer: hands out received envelopes one by one without a call into Go.
 * prefetch.c explains it.
 */
#ifndef HERMES_FAST_PREFETCH_H
#define HERMES_FAST_PREFETCH_H

#include <stdint.h>

/* ---- For C: hermes_recv ---------------------------------------------------------------- */

/* Copies envelope i of a batch into an allocation of its own; NULL if memory is short. */
typedef void *fast_copy_function(const void *batch, uint64_t i);

/* Takes the next envelope of a receiver from its prefetch buffer, as copy returns it: NULL
 * if memory is short, and then it stays in the buffer. Returns 0 if the buffer is empty. Any
 * thread may call it, with any number as a handle. */
int fast_prefetch_take(uint64_t receiver, fast_copy_function *copy, void **envelope);

/* ---- For Go: the owner of the buffer (prefetch.go) --------------------------------------- */

/* Makes a prefetch buffer for a new receiver; 0 if memory is short. */
int fast_prefetch_new(uint64_t receiver);

/* Puts a batch of so many envelopes into the buffer, which is empty and now owns it: it
 * frees the batch with free(). */
void fast_prefetch_fill(uint64_t receiver, void *batch, uint64_t count);

/* How many of the batch have been taken. */
uint64_t fast_prefetch_taken(uint64_t receiver);

/* Frees the batch. Returns how many of it have been taken. */
uint64_t fast_prefetch_clear(uint64_t receiver);

/* Frees the batch and gives the slot back. */
void fast_prefetch_free(uint64_t receiver);

#endif /* HERMES_FAST_PREFETCH_H */
