/* SPDX-License-Identifier: MIT */
#include "slottable.h"

#include <stdlib.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

/* Allocates the chunk and the slot of a number. The caller holds table->growing. */
static struct fast_slot *grow(struct fast_slot_table *table, uint32_t number) {
    _Atomic(struct fast_chunk *) *chunk_at = &table->chunks[number >> FAST_CHUNK_BITS];
    struct fast_chunk *chunk = atomic_load(chunk_at);
    if (chunk == NULL) {
        chunk = calloc(1, sizeof *chunk);
        if (chunk == NULL) return NULL;
        atomic_store(chunk_at, chunk);
    }
    _Atomic(struct fast_slot *) *slot_at = &chunk->slots[number & (FAST_CHUNK - 1)];
    struct fast_slot *slot = atomic_load(slot_at);
    if (slot == NULL && (slot = calloc(1, table->size)) != NULL) {
        pthread_mutex_init(&slot->lock, NULL);
        atomic_store(slot_at, slot);
    }
    return slot;
}

struct fast_slot *fast_slot_claim(struct fast_slot_table *table, uint64_t handle) {
    pthread_mutex_lock(&table->growing);
    struct fast_slot *slot = grow(table, (uint32_t)handle & ((1u << FAST_SLOT_BITS) - 1));
    pthread_mutex_unlock(&table->growing);
    if (slot == NULL) return NULL;
    pthread_mutex_lock(&slot->lock);
    slot->handle = handle;
    return slot;
}
