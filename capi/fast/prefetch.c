/* SPDX-License-Identifier: MIT
 *
 * The prefetch buffer. A call of hermes_recv() that enters Go costs more than what has to
 * be done for one envelope. So if many envelopes are queued, Go packs some of them into a
 * batch here, and the next calls copy one envelope each without entering Go.
 *
 * Rules:
 *  1. Envelopes in the buffer still count as queued. Whenever Go looks at its queue it
 *     asks first how many of them have been taken.
 *  2. Order: they are the oldest of the queue. Before Go hands out envelopes in any other
 *     way it clears the buffer, and goes on with what had not been taken.
 *
 * Lock: slot.lock guards all fields. Go holds the lock of its queue when it calls.
 */
#include "prefetch.h"

#include "count.h"
#include "slottable.h"

#include <stdlib.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

struct buffer {
    struct fast_slot slot;
    void *batch; /* NULL: empty */
    uint64_t count;
    uint64_t next; /* the first envelope of the batch that has not been taken */
};

static struct fast_slot_table buffers = FAST_SLOT_TABLE_OF(struct buffer);

/* The buffer of an open receiver, locked; NULL if it has none. */
static struct buffer *lock(uint64_t receiver) {
    struct fast_slot *slot = fast_slot_find(&buffers, receiver);
    return slot != NULL && fast_slot_lock(slot, receiver) ? (struct buffer *)slot : NULL;
}

static void unlock(struct buffer *buffer) {
    pthread_mutex_unlock(&buffer->slot.lock);
}

/* Replaces the batch, and returns how many of the one before have been taken. The caller
 * locks. */
static uint64_t replace(struct buffer *buffer, void *batch, uint64_t count) {
    uint64_t taken = buffer->next;
    free(buffer->batch);
    buffer->batch = batch;
    buffer->count = count;
    buffer->next = 0;
    return taken;
}

int fast_prefetch_new(uint64_t receiver) {
    struct buffer *buffer = (struct buffer *)fast_slot_claim(&buffers, receiver);
    if (buffer == NULL) return 0;
    replace(buffer, NULL, 0);
    unlock(buffer);
    return 1;
}

void fast_prefetch_fill(uint64_t receiver, void *batch, uint64_t count) {
    struct buffer *buffer = lock(receiver);
    if (buffer == NULL) {
        free(batch);
        return;
    }
    replace(buffer, batch, count);
    unlock(buffer);
}

uint64_t fast_prefetch_taken(uint64_t receiver) {
    struct buffer *buffer = lock(receiver);
    if (buffer == NULL) return 0;
    uint64_t taken = buffer->next;
    unlock(buffer);
    return taken;
}

uint64_t fast_prefetch_clear(uint64_t receiver) {
    struct buffer *buffer = lock(receiver);
    if (buffer == NULL) return 0;
    uint64_t taken = replace(buffer, NULL, 0);
    unlock(buffer);
    return taken;
}

void fast_prefetch_free(uint64_t receiver) {
    struct buffer *buffer = lock(receiver);
    if (buffer == NULL) return;
    replace(buffer, NULL, 0);
    buffer->slot.handle = 0;
    unlock(buffer);
}

int fast_prefetch_take(uint64_t receiver, fast_copy_function *copy, void **envelope) {
    struct buffer *buffer = lock(receiver);
    if (buffer == NULL) return 0;
    int some = buffer->next < buffer->count;
    if (some && (*envelope = copy(buffer->batch, buffer->next)) != NULL) buffer->next++;
    unlock(buffer);
    return some && fast_count(FAST_COUNT_RECV);
}
