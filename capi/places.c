/* SPDX-License-Identifier: MIT */
#include "places.h"

#include <stdlib.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

static struct shim_thing *get_unused(struct shim_places *places) {
    pthread_mutex_lock(&places->lock);
    struct shim_thing *thing = places->unused;
    if (thing != NULL) places->unused = thing->next;
    pthread_mutex_unlock(&places->lock);
    if (thing == NULL && (thing = calloc(1, places->size)) != NULL)
        pthread_mutex_init(&thing->lock, NULL);
    return thing;
}

static void put_unused(struct shim_places *places, struct shim_thing *thing) {
    pthread_mutex_lock(&places->lock);
    thing->next = places->unused;
    places->unused = thing;
    pthread_mutex_unlock(&places->lock);
}

static void give(struct shim_thing *thing, uint64_t handle) {
    pthread_mutex_lock(&thing->lock);
    thing->handle = handle;
    pthread_mutex_unlock(&thing->lock);
}

struct shim_thing *shim_places_add(struct shim_places *places, uint64_t handle) {
    struct shim_thing *thing = get_unused(places), *nobody = NULL;
    if (thing == NULL) return NULL;
    give(thing, handle);
    if (atomic_compare_exchange_strong(&places->at[handle % SHIM_PLACES], &nobody, thing))
        return thing;
    give(thing, 0);
    put_unused(places, thing);
    return NULL;
}

void shim_places_remove(struct shim_places *places, struct shim_thing *thing) {
    atomic_store(&places->at[thing->handle % SHIM_PLACES], NULL);
    thing->handle = 0;
    pthread_mutex_unlock(&thing->lock);
    put_unused(places, thing);
}
