/* SPDX-License-Identifier: MIT
 *
 * As with publishing (pocket.c), the way into Go costs more than what has to be done for
 * one envelope. So where many wait, Go lays out some of them here, and hermes_recv()
 * hands out copies, one at a time, without asking. To Go, which looks how many are gone,
 * the others are still in the queue.
 */
#include "tray.h"

#include "places.h"
#include "shim.h"

#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

struct shim_tray {
    struct shim_thing thing;
    hermes_batch *batch; /* NULL: empty */
    uint64_t next;       /* the first envelope of it that has not been taken */
};

static struct shim_places trays = SHIM_PLACES_OF(struct shim_tray);

struct shim_tray *shim_tray_new(uint64_t handle) {
    return (struct shim_tray *)shim_places_add(&trays, handle);
}

/* With the lock held. */
static void empty(struct shim_tray *tray) {
    free(tray->batch);
    tray->batch = NULL;
    tray->next = 0;
}

void shim_tray_lay(struct shim_tray *tray, hermes_batch *batch) {
    pthread_mutex_lock(&tray->thing.lock);
    empty(tray);
    tray->batch = batch;
    pthread_mutex_unlock(&tray->thing.lock);
}

uint64_t shim_tray_taken(struct shim_tray *tray) {
    pthread_mutex_lock(&tray->thing.lock);
    uint64_t taken = tray->next;
    pthread_mutex_unlock(&tray->thing.lock);
    return taken;
}

uint64_t shim_tray_clear(struct shim_tray *tray) {
    pthread_mutex_lock(&tray->thing.lock);
    uint64_t taken = tray->next;
    empty(tray);
    pthread_mutex_unlock(&tray->thing.lock);
    return taken;
}

void shim_tray_drop(struct shim_tray *tray) {
    pthread_mutex_lock(&tray->thing.lock);
    empty(tray);
    shim_places_remove(&trays, &tray->thing);
}

/* A copy of an envelope of a batch, as an allocation of its own. */
static hermes_envelope *copy(const hermes_envelope *from) {
    size_t texts = from->data_at + from->data_len + 1 - from->topic_at;
    hermes_envelope *to = malloc(sizeof *to + texts);
    if (to == NULL) return NULL;
    *to = *from;
    to->topic_at = sizeof *to;
    to->origin_at -= from->topic_at - sizeof *to;
    to->data_at -= from->topic_at - sizeof *to;
    to->in_batch = 0;
    memcpy(to + 1, (const char *)from + from->topic_at, texts);
    return to;
}

int shim_tray_take(uint64_t handle, const char *function, hermes_envelope **envelope) {
    if (!shim_places_taken(&trays, handle)) return SHIM_NO_TRAY;
    struct shim_tray *tray = (struct shim_tray *)shim_places_lock(&trays, handle);
    if (tray == NULL) return SHIM_NO_TRAY;
    int lies = tray->batch != NULL && tray->next < tray->batch->size;
    if (lies && (*envelope = copy(&tray->batch->at[tray->next])) != NULL) tray->next++;
    pthread_mutex_unlock(&tray->thing.lock);
    if (!lies) return SHIM_NO_TRAY;
    return *envelope != NULL
               ? HERMES_OK
               : shim_refuse(HERMES_ENOMEM, "%s: no memory for an envelope", function);
}
