/* SPDX-License-Identifier: MIT
 *
 * The slot table: finds what C keeps for an open handle, without a call into Go.
 *
 * A handle contains the number of its slot (internal/handle), and open handles of one kind
 * have different slots. So the number is an index, and each handle of a kind finds a place.
 *
 *   table.chunks[slot / 4096] -> chunk[slot % 4096] -> struct fast_slot, then its data
 *
 * Chunks and slots are allocated at first use, are never freed, and are used again by the
 * next handle with that number. A thread that looks up a handle while it is closed
 * therefore reads valid memory: with the lock of the slot held it sees another handle.
 *
 * Locks: fast_slot.lock guards the handle and all that follows it in the slot.
 * fast_slot_table.growing guards the allocation of chunks and slots. A thread that holds
 * either takes no other lock.
 */
#ifndef HERMES_FAST_SLOTTABLE_H
#define HERMES_FAST_SLOTTABLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FAST_SLOT_BITS = 24, /* of a handle, the lowest ones; as internal/handle has it */
    FAST_CHUNK_BITS = 12,
    FAST_CHUNK = 1 << FAST_CHUNK_BITS,
    FAST_CHUNKS = 1 << (FAST_SLOT_BITS - FAST_CHUNK_BITS)
};

/* What every slot begins with. */
struct fast_slot {
    pthread_mutex_t lock;
    uint64_t handle; /* 0: none */
};

struct fast_chunk {
    _Atomic(struct fast_slot *) slots[FAST_CHUNK];
};

/* The slots of one kind of handle. */
struct fast_slot_table {
    size_t size; /* bytes of a slot, its data included */
    pthread_mutex_t growing;
    _Atomic(struct fast_chunk *) chunks[FAST_CHUNKS];
};

#define FAST_SLOT_TABLE_OF(type) {.size = sizeof(type), .growing = PTHREAD_MUTEX_INITIALIZER}

/* The slot of a new handle, allocated if need be; NULL if memory is short. Returns it
 * locked and with the handle set. The data is zero at first use, and later as the handle
 * before has left it. */
struct fast_slot *fast_slot_claim(struct fast_slot_table *table, uint64_t handle);

/* The slot with the number that the handle contains; NULL if it was never claimed. */
static inline struct fast_slot *fast_slot_find(struct fast_slot_table *table, uint64_t handle) {
    uint32_t number = (uint32_t)handle & ((1u << FAST_SLOT_BITS) - 1);
    struct fast_chunk *chunk =
        atomic_load_explicit(&table->chunks[number >> FAST_CHUNK_BITS], memory_order_acquire);
    if (chunk == NULL) return NULL;
    return atomic_load_explicit(&chunk->slots[number & (FAST_CHUNK - 1)], memory_order_acquire);
}

/* Locks a slot if it is the handle's. */
static inline int fast_slot_lock(struct fast_slot *slot, uint64_t handle) {
    pthread_mutex_lock(&slot->lock);
    if (slot->handle == handle) return 1;
    pthread_mutex_unlock(&slot->lock);
    return 0;
}

#endif /* HERMES_FAST_SLOTTABLE_H */
