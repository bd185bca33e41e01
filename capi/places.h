/* SPDX-License-Identifier: MIT
 *
 * Things that belong to open handles and are found by them, without a step into Go.
 *
 * Their memory is never given back, only used again for other handles, so that a thread
 * that has found one by a handle that is being closed does no harm: with the lock held
 * it sees that the thing is not that handle's any more.
 */
#ifndef HERMES_PLACES_H
#define HERMES_PLACES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { SHIM_PLACES = 1024 }; /* handles that can have a thing at one time; a power of two */

/* What every such thing begins with. */
struct shim_thing {
    pthread_mutex_t lock;
    uint64_t handle;         /* 0: nobody's; guarded by lock */
    struct shim_thing *next; /* of those nobody uses */
};

/* All things of one kind. */
struct shim_places {
    size_t size; /* of a thing */
    pthread_mutex_t lock;
    struct shim_thing *unused;
    _Atomic(struct shim_thing *) at[SHIM_PLACES];
};

#define SHIM_PLACES_OF(type) {.size = sizeof(type), .lock = PTHREAD_MUTEX_INITIALIZER}

/* A thing for the handle; NULL where its place is taken, or memory is short. What is
 * behind its head is zero, or as it was left behind. */
struct shim_thing *shim_places_add(struct shim_places *places, uint64_t handle);

/* Gives a thing back. The caller holds its lock and has emptied it; this unlocks. */
void shim_places_remove(struct shim_places *places, struct shim_thing *thing);

/* What is at the place of the handle, locked; NULL where that is not the handle's. */
static inline struct shim_thing *shim_places_lock(struct shim_places *places, uint64_t handle) {
    struct shim_thing *thing =
        atomic_load_explicit(&places->at[handle % SHIM_PLACES], memory_order_acquire);
    if (thing == NULL) return NULL;
    pthread_mutex_lock(&thing->lock);
    if (thing->handle == handle) return thing;
    pthread_mutex_unlock(&thing->lock);
    return NULL;
}

/* Whether there is something at the place of the handle, most probably the handle's. */
static inline int shim_places_taken(struct shim_places *places, uint64_t handle) {
    return atomic_load_explicit(&places->at[handle % SHIM_PLACES], memory_order_relaxed) != NULL;
}

#endif /* HERMES_PLACES_H */
