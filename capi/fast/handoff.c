/* SPDX-License-Identifier: MIT
 *
 * The handoff. A call between C and Go starts the monitor of Go's runtime, which then polls for 10
 * ms. Where envelopes are few, that costs more than everything else. So a thread that calls
 * hermes_recv() after a long wait does not enter Go: it sleeps here, the goroutine that reads the
 * connection writes the next envelope to memory that both share, and wakes it.
 *
 * Where envelopes follow each other quickly, the reader lease is better (waiter.c): one thread
 * is woken for each instead of two. That is where several waits in a row were short.
 *
 * Rules:
 *  1. A thread sleeps here only while the queue is known to be empty: empty == wakes + 1. Go
 *     says so with the lock of the queue held, under which it also increments wakes.
 *  2. One thread at a time waits here; others go to Go. What Go does with the queue is right
 *     whether a thread waits here or not.
 *  3. An envelope that Go has handed off counts as delivered. The thread takes it even where
 *     its time was up meanwhile.
 *  4. The number of the wait in state keeps a thread of a closed receiver from taking what
 *     belongs to the next one with this slot.
 *
 * Lock: slot.lock guards the handle. All else is atomic.
 */
#include "handoff.h"

#include "count.h"
#include "slottable.h"
#include "system.h"

#include <string.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

struct place {
    struct fast_slot slot;
    struct fast_handoff shared;
};

static struct fast_slot_table places = FAST_SLOT_TABLE_OF(struct place);

static uint32_t load(const uint32_t *value) {
    return __atomic_load_n(value, __ATOMIC_SEQ_CST);
}

static int change(uint32_t *value, uint32_t from, uint32_t to) {
    return __atomic_compare_exchange_n(value, &from, to, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static uint32_t step_of(uint32_t state) {
    return state % FAST_HANDOFF_STEPS;
}

/* ---- Life ---------------------------------------------------------------------------- */

struct fast_handoff *fast_handoff_new(uint64_t receiver) {
    struct place *place = (struct place *)fast_slot_claim(&places, receiver);
    if (place == NULL) return NULL;
    struct fast_handoff *shared = &place->shared;
    uint32_t next = load(&shared->state) - step_of(load(&shared->state)) + FAST_HANDOFF_STEPS;
    __atomic_store_n(&shared->state, next, __ATOMIC_SEQ_CST);
    __atomic_store_n(&shared->empty, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&shared->quiet, 0, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&place->slot.lock);
    return shared;
}

/* The place of an open receiver, locked; NULL if it has none. */
static struct place *lock(uint64_t receiver) {
    struct fast_slot *slot = fast_slot_find(&places, receiver);
    return slot != NULL && fast_slot_lock(slot, receiver) ? (struct place *)slot : NULL;
}

void fast_handoff_free(uint64_t receiver) {
    struct place *place = lock(receiver);
    if (place == NULL) return;
    place->slot.handle = 0;
    pthread_mutex_unlock(&place->slot.lock);
}

/* ---- The wait ------------------------------------------------------------------------- */

static void sleep_on(struct fast_handoff *shared, uint32_t seen, const struct timespec *most) {
    fast_futex_wait(&shared->wakes, seen, most);
}

/* Begins a wait, with the lock held; returns its state, or 0. seen is what wakes is while the
 * queue is empty. */
static uint32_t begin(struct fast_handoff *shared, uint32_t *seen) {
    uint32_t state = load(&shared->state);
    uint32_t waiting = state - FAST_HANDOFF_FREE + FAST_HANDOFF_STEPS + FAST_HANDOFF_WAITING;
    *seen = load(&shared->wakes);
    if (!load(&shared->quiet) || load(&shared->empty) != *seen + 1) return 0;
    if (step_of(state) != FAST_HANDOFF_FREE || !change(&shared->state, state, waiting)) return 0;
    return waiting;
}

/* Ends a wait; returns the size of the envelope that has come, and copies it to room; or 0. */
static size_t end(struct fast_handoff *shared, uint32_t waiting, void *room) {
    uint32_t base = waiting - FAST_HANDOFF_WAITING, writing = base + FAST_HANDOFF_WRITING;
    if (change(&shared->state, waiting, base + FAST_HANDOFF_FREE)) return 0;
    for (uint32_t seen = load(&shared->wakes); load(&shared->state) == writing;
         seen = load(&shared->wakes))
        sleep_on(shared, seen, NULL); /* Go increments wakes when it has written */
    if (load(&shared->state) != base + FAST_HANDOFF_FULL) return 0; /* the receiver is another */
    size_t size = shared->size < sizeof shared->room ? shared->size : sizeof shared->room;
    memcpy(room, shared->room, size);
    /* Where that succeeds, the room belonged to this wait all the time. */
    int ours = change(&shared->state, base + FAST_HANDOFF_FULL, base + FAST_HANDOFF_FREE);
    return ours ? size : 0;
}

size_t fast_handoff_take(uint64_t receiver, struct fast_wait *wait, void *room) {
    struct place *place = lock(receiver);
    if (place == NULL) return 0;
    struct fast_handoff *shared = &place->shared;
    uint32_t seen, waiting = begin(shared, &seen);
    pthread_mutex_unlock(&place->slot.lock);
    if (waiting == 0) return 0;
    struct timespec most;
    if (fast_wait_start(wait, &most)) {
        sleep_on(shared, seen, wait->timeout_ms < 0 ? NULL : &most);
        fast_wait_stop(wait);
    }
    uint32_t quiet = load(&shared->quiet); /* only the thread that waits counts down */
    quiet = wait->was_long ? FAST_HANDOFF_QUIET : quiet > 0 ? quiet - 1 : 0;
    __atomic_store_n(&shared->quiet, quiet, __ATOMIC_SEQ_CST);
    size_t size = end(shared, waiting, room);
    return size > 0 && fast_count(FAST_COUNT_HANDOFF) ? size : 0;
}
