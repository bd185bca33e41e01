/* SPDX-License-Identifier: MIT
 *
 * Most of what a call of hermes_publish() would cost is the way into Go and back. So
 * while a publisher's pump is at work, envelopes of the common kind gather in a pocket
 * here, already in the framing that goes onto the wire, and the pump takes out all that
 * has gathered at once. Go says how much may gather, which is nothing while the pump is
 * asleep: then somebody has to wake it.
 *
 * A pocket's memory is never given back, only used again for another publisher, so that
 * a thread that has found it by a handle that is being closed does no harm: it sees,
 * with the lock held, that the pocket is not that handle's any more.
 */
#include "pocket.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

enum {
    PLACES = 1024,    /* publishers that can have a pocket at one time, and a power of two */
    ROOM = 64 << 10,  /* bytes of a side */
    MOST = 2048,      /* messages of a side */
    BIGGEST = 8 << 10 /* data that is worth the copying */
};

enum { MORE = 1, HEADER = 2, LONG_HEADER = 9, SHORT = 255 }; /* framing, as ZMTP has it */

/* One of the two halves of a pocket: while Go empties one, the other fills. */
struct side {
    uint8_t messages[ROOM];
    uint32_t ends[MOST];
};

struct shim_pocket {
    pthread_mutex_t lock;
    uint64_t handle; /* 0: nobody's */
    struct side *sides[2];
    int filling;
    uint32_t size, count;           /* of what has gathered there */
    uint64_t messages, bytes, each; /* what may still come */
    uint8_t *origin, *last;
    size_t origin_len, last_len;
    struct shim_pocket *next; /* of those nobody uses */
};

static _Atomic(struct shim_pocket *) places[PLACES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the list of unused ones */
static struct shim_pocket *unused;

static _Atomic(struct shim_pocket *) *place_of(uint64_t handle) {
    return &places[handle % PLACES];
}

/* ---- Life ------------------------------------------------------------------ */

static struct shim_pocket *get_unused(void) {
    pthread_mutex_lock(&lock);
    struct shim_pocket *pocket = unused;
    if (pocket != NULL) unused = pocket->next;
    pthread_mutex_unlock(&lock);
    if (pocket == NULL && (pocket = calloc(1, sizeof *pocket)) != NULL)
        pthread_mutex_init(&pocket->lock, NULL);
    return pocket;
}

static void put_unused(struct shim_pocket *pocket) {
    pthread_mutex_lock(&lock);
    pocket->next = unused;
    unused = pocket;
    pthread_mutex_unlock(&lock);
}

struct shim_pocket *shim_pocket_new(uint64_t handle) {
    struct shim_pocket *pocket = get_unused(), *nobody = NULL;
    if (pocket == NULL) return NULL;
    pthread_mutex_lock(&pocket->lock);
    pocket->handle = handle;
    pthread_mutex_unlock(&pocket->lock);
    if (atomic_compare_exchange_strong(place_of(handle), &nobody, pocket)) return pocket;
    pthread_mutex_lock(&pocket->lock);
    pocket->handle = 0;
    pthread_mutex_unlock(&pocket->lock);
    put_unused(pocket);
    return NULL;
}

static uint8_t *copy(const uint8_t *from, size_t len) {
    uint8_t *to = malloc(len > 0 ? len : 1);
    if (to != NULL) memcpy(to, from, len);
    return to;
}

/* With the lock held. */
static void empty(struct shim_pocket *pocket) {
    free(pocket->sides[0]);
    free(pocket->sides[1]);
    free(pocket->origin);
    free(pocket->last);
    pocket->sides[0] = pocket->sides[1] = NULL;
    pocket->origin = pocket->last = NULL;
    pocket->size = pocket->count = 0;
    pocket->messages = pocket->bytes = 0;
}

int shim_pocket_set(struct shim_pocket *pocket, const uint8_t *origin, size_t origin_len,
                    const uint8_t *last, size_t last_len) {
    if (origin_len > SHORT) return 0;
    pthread_mutex_lock(&pocket->lock);
    empty(pocket);
    pocket->origin = copy(origin, origin_len);
    pocket->last = copy(last, last_len);
    pocket->origin_len = origin_len;
    pocket->last_len = last_len;
    for (int i = 0; i < 2; i++) pocket->sides[i] = malloc(sizeof(struct side));
    int whole = pocket->origin && pocket->last && pocket->sides[0] && pocket->sides[1];
    if (!whole) empty(pocket);
    pthread_mutex_unlock(&pocket->lock);
    return whole;
}

void shim_pocket_drop(struct shim_pocket *pocket) {
    pthread_mutex_lock(&pocket->lock);
    atomic_store(place_of(pocket->handle), NULL);
    pocket->handle = 0;
    empty(pocket);
    pthread_mutex_unlock(&pocket->lock);
    put_unused(pocket);
}

/* ---- Use ------------------------------------------------------------------- */

void shim_pocket_turn(struct shim_pocket *pocket, const struct shim_allowance *allowance,
                      struct shim_gathered *gathered) {
    pthread_mutex_lock(&pocket->lock);
    const struct side *full = pocket->sides[pocket->filling];
    gathered->size = pocket->size;
    gathered->count = pocket->count;
    gathered->messages = full != NULL ? full->messages : NULL;
    gathered->ends = full != NULL ? full->ends : NULL;
    if (pocket->count > 0) pocket->filling = !pocket->filling;
    uint64_t messages = allowance->messages, bytes = allowance->bytes;
    messages = messages > pocket->count ? messages - pocket->count : 0;
    bytes = bytes > pocket->size ? bytes - pocket->size : 0;
    pocket->messages = messages < MOST ? messages : MOST;
    pocket->bytes = bytes < ROOM ? bytes : ROOM;
    pocket->each = allowance->each;
    if (full == NULL) pocket->messages = 0;
    pocket->size = pocket->count = 0;
    pthread_mutex_unlock(&pocket->lock);
}

/* Writes a frame that is not the last; what is around the body is put there in text. */
static uint8_t *put_frame(uint8_t *at, const char *around, const char *body, size_t len) {
    size_t whole = len + 2 * strlen(around);
    if (whole <= SHORT) {
        *at++ = MORE;
        *at++ = (uint8_t)whole;
    } else {
        *at++ = MORE | 2;
        for (int shift = 56; shift >= 0; shift -= 8) *at++ = (uint8_t)((uint64_t)whole >> shift);
    }
    if (*around != '\0') *at++ = (uint8_t)*around;
    memcpy(at, body, len);
    at += len;
    if (*around != '\0') *at++ = (uint8_t)*around;
    return at;
}

int shim_pocket_put(uint64_t handle, const char *topic, size_t topic_len, const char *origin,
                    size_t origin_len, const char *data, size_t data_len) {
    struct shim_pocket *pocket = atomic_load_explicit(place_of(handle), memory_order_acquire);
    if (pocket == NULL || topic_len > SHORT || origin_len > SHORT || data_len > BIGGEST) return 0;
    if (!shim_quick_text(topic, topic_len) || !shim_quick_json(data, data_len)) return 0;
    if (origin != NULL && !shim_quick_text(origin, origin_len)) return 0;

    int done = 0;
    pthread_mutex_lock(&pocket->lock);
    size_t most = topic_len + 2 + origin_len + 2 + pocket->origin_len + data_len + 3 * LONG_HEADER +
                  pocket->last_len;
    if (pocket->handle == handle && pocket->messages > 0 && most <= pocket->bytes &&
        topic_len + origin_len + pocket->origin_len + data_len <= pocket->each) {
        struct side *side = pocket->sides[pocket->filling];
        uint8_t *from = side->messages + pocket->size, *at = from;
        at = put_frame(at, "\"", topic, topic_len);
        at = origin != NULL ? put_frame(at, "\"", origin, origin_len)
                            : put_frame(at, "", (const char *)pocket->origin, pocket->origin_len);
        at = put_frame(at, "", data, data_len);
        memcpy(at, pocket->last, pocket->last_len);
        at += pocket->last_len;
        pocket->size += (uint32_t)(at - from);
        pocket->bytes -= (uint64_t)(at - from);
        pocket->messages--;
        side->ends[pocket->count++] = pocket->size;
        done = 1;
    }
    pthread_mutex_unlock(&pocket->lock);
    return done;
}
