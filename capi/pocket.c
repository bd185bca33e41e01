/* SPDX-License-Identifier: MIT
 *
 * Most of what a call of hermes_publish() would cost is the way into Go and back. So
 * while a publisher's pump is at work, envelopes of the common kind gather in a pocket
 * here, already in the framing that goes onto the wire, and the pump takes out all that
 * has gathered at once. Go says how much may gather, which is nothing while the pump is
 * asleep: then somebody has to wake it.
 */
#include "pocket.h"

#include "places.h"
#include "shape.h"
#include "values.h"

#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

enum {
    ROOM = 64 << 10,  /* bytes of a side */
    MOST = 2048,      /* messages of a side */
    BIGGEST = 8 << 10 /* data that is worth the copying */
};

/* Framing, as ZMTP has it. */
enum { MORE = 1, LONG = 2, SHORT = 255, LONG_HEADER = 9 };

/* One of the two halves of a pocket: while Go empties one, the other fills. */
struct side {
    uint8_t messages[ROOM];
    uint32_t ends[MOST];
};

struct shim_pocket {
    struct shim_thing thing;
    struct side *sides[2];
    int filling;
    uint32_t size, count;           /* of what has gathered there */
    uint64_t messages, bytes, each; /* what may still come */
    uint8_t *origin, *last;
    size_t origin_len, last_len;
    struct shim_shapes shapes; /* of data that has gathered here */
};

static struct shim_places pockets = SHIM_PLACES_OF(struct shim_pocket);

/* ---- Life ------------------------------------------------------------------ */

struct shim_pocket *shim_pocket_new(uint64_t handle) {
    return (struct shim_pocket *)shim_places_add(&pockets, handle);
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
    pthread_mutex_lock(&pocket->thing.lock);
    empty(pocket);
    pocket->origin = copy(origin, origin_len);
    pocket->last = copy(last, last_len);
    pocket->origin_len = origin_len;
    pocket->last_len = last_len;
    for (int i = 0; i < 2; i++) pocket->sides[i] = malloc(sizeof(struct side));
    int whole = pocket->origin && pocket->last && pocket->sides[0] && pocket->sides[1];
    if (!whole) empty(pocket);
    pthread_mutex_unlock(&pocket->thing.lock);
    return whole;
}

void shim_pocket_drop(struct shim_pocket *pocket) {
    pthread_mutex_lock(&pocket->thing.lock);
    empty(pocket);
    shim_places_remove(&pockets, &pocket->thing);
}

/* ---- Use ------------------------------------------------------------------- */

static uint64_t at_most(uint64_t allowed, uint64_t taken, uint64_t most) {
    uint64_t left = allowed > taken ? allowed - taken : 0;
    return left < most ? left : most;
}

void shim_pocket_turn(struct shim_pocket *pocket, const struct shim_allowance *allowance,
                      struct shim_gathered *gathered) {
    pthread_mutex_lock(&pocket->thing.lock);
    const struct side *full = pocket->sides[pocket->filling];
    gathered->size = pocket->size;
    gathered->count = pocket->count;
    gathered->messages = full != NULL ? full->messages : NULL;
    gathered->ends = full != NULL ? full->ends : NULL;
    if (pocket->count > 0) pocket->filling = !pocket->filling;
    pocket->messages = full != NULL ? at_most(allowance->messages, pocket->count, MOST) : 0;
    pocket->bytes = at_most(allowance->bytes, pocket->size, ROOM);
    pocket->each = allowance->each;
    pocket->size = pocket->count = 0;
    pthread_mutex_unlock(&pocket->thing.lock);
}

static uint8_t *put_header(uint8_t *at, size_t len) {
    if (len <= SHORT) {
        *at++ = MORE;
        *at++ = (uint8_t)len;
        return at;
    }
    *at++ = MORE | LONG;
    for (int shift = 56; shift >= 0; shift -= 8) *at++ = (uint8_t)((uint64_t)len >> shift);
    return at;
}

static uint8_t *put_frame(uint8_t *at, const void *body, size_t len) {
    at = put_header(at, len);
    if (len > 0) memcpy(at, body, len);
    return at + len;
}

/* A frame that is a JSON string, of a text that needs no escape. */
static uint8_t *put_string(uint8_t *at, const char *text, size_t len) {
    at = put_header(at, len + 2);
    *at++ = '"';
    if (len > 0) memcpy(at, text, len); /* NULL is an empty text */
    at += len;
    *at++ = '"';
    return at;
}

/* The pocket of that handle, locked, for data that is surely JSON; NULL where something
 * may not be, or nothing may gather now. A long look is taken without the lock. */
static struct shim_pocket *lock_for(uint64_t handle, const char *data, size_t data_len) {
    struct shim_pocket *pocket = (struct shim_pocket *)shim_places_lock(&pockets, handle);
    if (pocket == NULL || shim_shapes_know(&pocket->shapes, data, data_len)) return pocket;
    int open = pocket->messages > 0;
    pthread_mutex_unlock(&pocket->thing.lock);
    if (!open || !shim_quick_json(data, data_len)) return NULL;
    pocket = (struct shim_pocket *)shim_places_lock(&pockets, handle);
    if (pocket != NULL) shim_shapes_learn(&pocket->shapes, data, data_len);
    return pocket;
}

int shim_pocket_put(uint64_t handle, const char *topic, size_t topic_len, const char *origin,
                    size_t origin_len, const char *data, size_t data_len) {
    if (!shim_places_taken(&pockets, handle)) return 0;
    if (topic_len > SHORT || origin_len > SHORT || data_len > BIGGEST) return 0;
    if (!shim_quick_text(topic, topic_len)) return 0;
    if (origin != NULL && !shim_quick_text(origin, origin_len)) return 0;

    struct shim_pocket *pocket = lock_for(handle, data, data_len);
    if (pocket == NULL) return 0;
    size_t texts =
        topic_len + 2 + (origin != NULL ? origin_len + 2 : pocket->origin_len) + data_len;
    int room = pocket->messages > 0 && texts <= pocket->each &&
               texts + 3 * LONG_HEADER + pocket->last_len <= pocket->bytes;
    if (room) {
        struct side *side = pocket->sides[pocket->filling];
        uint8_t *from = side->messages + pocket->size, *at = put_string(from, topic, topic_len);
        at = origin != NULL ? put_string(at, origin, origin_len)
                            : put_frame(at, pocket->origin, pocket->origin_len);
        at = put_frame(at, data, data_len);
        memcpy(at, pocket->last, pocket->last_len);
        at += pocket->last_len;
        pocket->size += (uint32_t)(at - from);
        pocket->bytes -= (uint64_t)(at - from);
        pocket->messages--;
        side->ends[pocket->count++] = pocket->size;
    }
    pthread_mutex_unlock(&pocket->thing.lock);
    return room;
}

/* The text of a JSON string at p without the quotation marks, as far as the next one;
 * returns what is behind that, or NULL. */
static const char *unquote(const char *p, const char *end, const char **text, size_t *len) {
    if (p == end || *p != '"') return NULL;
    const char *close = memchr(p + 1, '"', (size_t)(end - p - 1));
    if (close == NULL) return NULL;
    *text = p + 1;
    *len = (size_t)(close - *text);
    return close + 1;
}

/* What is behind a comma at p, and behind a blank after it, or NULL. */
static const char *skip_comma(const char *p, const char *end) {
    if (p == NULL || p == end || *p != ',') return NULL;
    p++;
    return p < end && *p == ' ' ? p + 1 : p;
}

int shim_pocket_put_entry(uint64_t handle, const char *json, size_t len) {
    const char *p = json, *end = json + len, *topic, *origin;
    size_t topic_len, origin_len;
    if (len < 2 || *p != '[' || *--end != ']') return 0;
    p = skip_comma(unquote(p + 1, end, &topic, &topic_len), end);
    if (p == NULL) return 0;
    p = skip_comma(unquote(p, end, &origin, &origin_len), end);
    if (p == NULL) return 0;
    return shim_pocket_put(handle, topic, topic_len, origin, origin_len, p, (size_t)(end - p));
}

int shim_pocket_put_values(uint64_t handle, const char *values, size_t len) {
    struct shim_row row;
    return shim_places_taken(&pockets, handle) && shim_values_row(values, len, &row) &&
           shim_pocket_put(handle, row.topic, row.topic_len, row.origin, row.origin_len, row.data,
                           row.data_len);
}
