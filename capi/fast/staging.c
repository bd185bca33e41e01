/* SPDX-License-Identifier: MIT
 *
 * The staging buffer. A call of hermes_publish() that enters Go costs about 100 ns more
 * than what has to be done for one envelope. So while the sender goroutine of a publisher
 * is awake, envelopes of the common kind are written to a buffer in C memory, in the
 * framing that goes onto the wire, and the goroutine takes all of them at once.
 *
 * Rules:
 *  1. Go decides how much may be staged (fast_stager_swap): nothing if the queue is full or
 *     has a policy that evicts; never more than the queue has room for.
 *  2. Order: Go swaps before it puts an envelope into its own queue. So what one thread
 *     publishes is sent in its order, whichever way each envelope took.
 *  3. Room is looked for first, without the lock, so that a publisher whose goroutine
 *     sleeps converts and checks nothing here. It is looked for again with the lock.
 *  4. What is not certainly right, or is big, is left to Go.
 *  5. While the goroutine sleeps, envelopes that come soon one after the other are left to
 *     Go: there the caller's thread sends them, which is quickest. One that comes after a pause
 *     is staged and wakes Go through a descriptor, because a call between C and Go starts the
 *     monitor of Go's runtime, which then polls for 10 ms (docs/design/few-envelopes.md). Only
 *     one envelope is staged so at a time, and Go takes it without a call (struct fast_quiet).
 *
 * A buffer has two sides: one is filled while Go reads the other. A side holds messages of
 * four ZMTP frames without gaps:
 *
 *   offset  size        meaning
 *   0       2 or 9      header of the topic: MORE, length; or MORE|LONG, length (8 bytes)
 *   ..      length      topic, a JSON string
 *   ..      2 or 9, ..  origin, a JSON string: header, body
 *   ..      2 or 9, ..  data, a JSON value: header, body
 *   ..      last_len    time frame, header included, as Go has set it; filled in when sent
 *
 * Lock: slot.lock guards all fields. Those that are atomic are also used without it, and
 * quiet.staged is. Go reads a swapped side only while holding its queue's lock, under which it
 * also calls set, swap and free.
 */
#include "staging.h"

#include "count.h"
#include "entry.h"
#include "jsoncheck.h"
#include "marshalrow.h"
#include "slottable.h"
#include "system.h"
#include "template.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

/* What a pause is for rule 5, in nanoseconds; it begins with the envelope before, or with the sleep
 * of the goroutine. */
#define PAUSE ((int64_t)2 * 1000 * 1000)

/* How many envelopes in a row have to come without one to be left to Go; one alone is chance. */
enum { QUICK = 3 };

enum {
    SIDE_BYTES = 64 << 10,
    SIDE_MESSAGES = 2048,
    DATA_MAX = 8 << 10 /* bytes of data that are worth a copy more */
};

/* ZMTP 3 framing. */
enum { MORE = 1, LONG = 2, SHORT_MAX = 255, LONG_HEADER = 9 };

/* Bytes of the headers of three frames, at most. */
enum { FRAMING_MAX = 3 * LONG_HEADER };

struct side {
    uint8_t messages[SIDE_BYTES];
    uint32_t ends[SIDE_MESSAGES]; /* the offset behind each message */
};

struct stager {
    struct fast_slot slot;
    _Atomic(uint64_t) messages, bytes, each; /* what may still be staged */
    uint32_t size, count;                    /* bytes and messages in the side being filled */
    _Atomic(int) asleep;                     /* rule 5 is in force: the goroutine sleeps */
    _Atomic(int64_t) called;                 /* when it last came into force or was applied */
    _Atomic(int) quick;                      /* envelopes in a row that came without a pause */
    struct fast_quiet quiet;                 /* what was staged by it */
    int wake_fd;                             /* an eventfd; -1: there is none */
    _Atomic(uint32_t) writers;               /* threads that write to it, without the lock */
    int filling;                             /* which side that is */
    _Atomic(int) takes_rows;                 /* whether it takes Python's marshal */
    struct side *sides[2];
    struct fast_templates *templates; /* of data that was staged; NULL: none are remembered */
    uint8_t *origin, *last;
    size_t origin_len, last_len;
};

static struct fast_slot_table stagers = FAST_SLOT_TABLE_OF(struct stager);

static uint64_t get(const _Atomic(uint64_t) *value) {
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void set(_Atomic(uint64_t) *value, uint64_t v) {
    atomic_store_explicit(value, v, memory_order_relaxed);
}

static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void unlock(struct stager *stager) {
    pthread_mutex_unlock(&stager->slot.lock);
}

/* ---- Life -------------------------------------------------------------------- */

/* Frees what a run of the publisher needs, and closes the buffer. The caller locks. */
static void clear(struct stager *stager) {
    set(&stager->messages, 0);
    set(&stager->bytes, 0);
    stager->size = stager->count = 0;
    stager->asleep = 0;
    stager->quiet = (struct fast_quiet){0};
    stager->wake_fd = -1;
    free(stager->sides[0]);
    free(stager->sides[1]);
    free(stager->templates);
    free(stager->origin);
    free(stager->last);
    stager->sides[0] = stager->sides[1] = NULL;
    stager->templates = NULL;
    stager->origin = stager->last = NULL;
}

int fast_stager_new(uint64_t publisher) {
    struct stager *stager = (struct stager *)fast_slot_claim(&stagers, publisher);
    if (stager == NULL) return 0;
    clear(stager);
    unlock(stager);
    return 1;
}

/* The stager of an open publisher, locked; NULL if it has none. */
static struct stager *lock(uint64_t publisher) {
    struct fast_slot *slot = fast_slot_find(&stagers, publisher);
    return slot != NULL && fast_slot_lock(slot, publisher) ? (struct stager *)slot : NULL;
}

static uint8_t *copy(const uint8_t *from, size_t len) {
    uint8_t *to = malloc(len > 0 ? len : 1);
    if (to != NULL && len > 0) memcpy(to, from, len);
    return to;
}

int fast_stager_set(uint64_t publisher, const uint8_t *origin, size_t origin_len,
                    const uint8_t *last, size_t last_len, int wake_fd, int flags) {
    struct stager *stager = origin_len <= SHORT_MAX ? lock(publisher) : NULL;
    if (stager == NULL) return 0;
    clear(stager);
    stager->origin = copy(origin, origin_len);
    stager->last = copy(last, last_len);
    stager->origin_len = origin_len;
    stager->last_len = last_len;
    stager->wake_fd = wake_fd;
    for (int i = 0; i < 2; i++) stager->sides[i] = malloc(sizeof(struct side));
    stager->takes_rows = (flags & FAST_ROWS) != 0;
    if (flags & FAST_TEMPLATES) stager->templates = calloc(1, sizeof *stager->templates);
    int whole = stager->origin && stager->last && stager->sides[0] && stager->sides[1];
    if (!whole) clear(stager);
    unlock(stager);
    return whole;
}

struct fast_quiet *fast_stager_quiet(uint64_t publisher) {
    struct stager *stager = (struct stager *)fast_slot_find(&stagers, publisher);
    return stager != NULL ? &stager->quiet : NULL;
}

int fast_stager_forget_fd(uint64_t publisher) {
    struct stager *stager = lock(publisher);
    if (stager == NULL) return 1;
    stager->asleep = 0;
    stager->wake_fd = -1;
    int unused = stager->writers == 0;
    unlock(stager);
    return unused;
}

void fast_stager_free(uint64_t publisher) {
    struct stager *stager = lock(publisher);
    if (stager == NULL) return;
    clear(stager);
    stager->slot.handle = 0;
    unlock(stager);
}

/* ---- Go takes ---------------------------------------------------------------- */

/* What is left of an allowance, and fits into a side. */
static uint64_t left_of(uint64_t allowed, uint64_t taken, uint64_t side) {
    uint64_t left = allowed > taken ? allowed - taken : 0;
    return left < side ? left : side;
}

void fast_stager_swap(uint64_t publisher, const struct fast_allowance *allowance,
                      struct fast_staged *staged) {
    memset(staged, 0, sizeof *staged);
    struct stager *stager = lock(publisher);
    if (stager == NULL) return;
    const struct side *full = stager->sides[stager->filling];
    if (full != NULL) {
        if (stager->quiet.staged) { /* then it is the only one */
            stager->size = stager->quiet.size;
            stager->count = 1;
            stager->quiet.staged = 0;
        }
        *staged = (struct fast_staged){full->messages, full->ends, stager->size, stager->count};
        if (stager->count > 0) stager->filling = !stager->filling;
        set(&stager->messages, left_of(allowance->messages, stager->count, SIDE_MESSAGES));
        set(&stager->bytes, left_of(allowance->bytes, stager->size, SIDE_BYTES));
        set(&stager->each, allowance->each);
        int sleeps = allowance->wakes && stager->wake_fd >= 0;
        if (sleeps && !stager->asleep) stager->called = nanoseconds();
        stager->asleep = sleeps;
        stager->size = stager->count = 0;
    }
    unlock(stager);
}

/* ---- C puts ------------------------------------------------------------------ */

/* Whether an envelope may be staged now that has texts of this size, and a last frame. */
static int has_room(const struct stager *stager, size_t texts, size_t last_len) {
    return get(&stager->messages) > 0 && texts <= get(&stager->each) &&
           texts + FRAMING_MAX + last_len <= get(&stager->bytes);
}

/* Whether rule 5 leaves an envelope that comes now to Go. */
static int is_for_go(struct stager *stager) {
    if (!atomic_load_explicit(&stager->asleep, memory_order_relaxed)) return 0;
    int64_t now = nanoseconds();
    if (now - atomic_exchange_explicit(&stager->called, now, memory_order_relaxed) >= PAUSE)
        stager->quick = 0;
    else if (stager->quick < QUICK)
        stager->quick++;
    return stager->quick >= QUICK;
}

/* The stager of a publisher, if it seems to have room (rule 3) and rule 5 does not forbid
 * it; not locked. */
static struct stager *find(uint64_t publisher, size_t texts) {
    struct stager *stager = (struct stager *)fast_slot_find(&stagers, publisher);
    return stager != NULL && has_room(stager, texts, 0) && !is_for_go(stager) ? stager : NULL;
}

static uint8_t *put_header(uint8_t *at, size_t len) {
    if (len <= SHORT_MAX) {
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

/* A frame with a JSON string, of a text that needs no escape. */
static uint8_t *put_string(uint8_t *at, const char *text, size_t len) {
    at = put_header(at, len + 2);
    *at++ = '"';
    if (len > 0) memcpy(at, text, len); /* NULL is an empty text */
    at += len;
    *at++ = '"';
    return at;
}

/* Writes an envelope that has been checked to the side being filled, if there is room, and
 * returns its size; otherwise 0. The caller locks. */
static uint32_t write_message(struct stager *stager, const struct fast_entry *t) {
    size_t origin_len = t->origin != NULL ? t->origin_len + 2 : stager->origin_len;
    size_t texts = t->topic_len + 2 + origin_len + t->data_len;
    if (!has_room(stager, texts, stager->last_len)) return 0;
    struct side *side = stager->sides[stager->filling];
    uint8_t *from = side->messages + stager->size, *at = put_string(from, t->topic, t->topic_len);
    at = t->origin != NULL ? put_string(at, t->origin, t->origin_len)
                           : put_frame(at, stager->origin, stager->origin_len);
    at = put_frame(at, t->data, t->data_len);
    memcpy(at, stager->last, stager->last_len);
    at += stager->last_len;
    side->ends[stager->count] = stager->size + (uint32_t)(at - from);
    return (uint32_t)(at - from);
}

/* Stages an envelope that has been checked. The caller locks. */
static int put(struct stager *stager, const struct fast_entry *t) {
    uint32_t size = write_message(stager, t);
    if (size == 0) return 0;
    stager->size += size;
    stager->count++;
    set(&stager->bytes, get(&stager->bytes) - size);
    set(&stager->messages, get(&stager->messages) - 1);
    return 1;
}

/* Puts an envelope for Go to take without a call, and returns the eventfd to write to; -1: it
 * is for Go. The caller locks. */
static int put_quiet(struct stager *stager, const struct fast_entry *t) {
    struct fast_quiet *quiet = &stager->quiet;
    if (__atomic_load_n(&quiet->staged, __ATOMIC_ACQUIRE)) return -1;
    quiet->size = write_message(stager, t);
    if (quiet->size == 0) return -1;
    quiet->message = stager->sides[stager->filling]->messages;
    __atomic_store_n(&quiet->staged, 1, __ATOMIC_RELEASE);
    stager->writers++;
    return stager->wake_fd;
}

/* Stages an envelope that has been checked, by rule 5 if that is in force, and unlocks. Go is
 * woken without the lock, or it might wake only to wait for that. */
static int put_and_unlock(struct stager *stager, const struct fast_entry *t) {
    if (!stager->asleep) {
        int done = put(stager, t);
        unlock(stager);
        return done;
    }
    int fd = put_quiet(stager, t);
    unlock(stager);
    if (fd < 0) return 0;
    fast_write_wake(fd);
    stager->writers--;
    return fast_count(FAST_COUNT_QUIET);
}

/* Locks, stages an envelope whose data is not yet known to be JSON, and unlocks. It checks
 * the data without the lock, for that may take microseconds. */
static int check_and_put(struct stager *stager, uint64_t publisher, const struct fast_entry *t) {
    if (!fast_slot_lock(&stager->slot, publisher)) return 0;
    int known =
        stager->templates != NULL && fast_template_match(stager->templates, t->data, t->data_len);
    if (!known) {
        unlock(stager);
        if (!fast_is_json(t->data, t->data_len) || !fast_slot_lock(&stager->slot, publisher))
            return 0;
        if (stager->templates != NULL) fast_template_learn(stager->templates, t->data, t->data_len);
    }
    return put_and_unlock(stager, t);
}

/* Whether a text is where its length says. One that is not is for Go to refuse. */
static int is_text(const char *text, size_t len) {
    return text != NULL || len == 0;
}

/* Stages an envelope with the stager that find has given, or NULL. */
static int stage(struct stager *stager, uint64_t publisher, const struct fast_entry *t) {
    if (stager == NULL) return 0;
    if (t->topic_len > SHORT_MAX || t->origin_len > SHORT_MAX || t->data_len > DATA_MAX) return 0;
    if (!is_text(t->topic, t->topic_len) || !is_text(t->origin, t->origin_len) ||
        !is_text(t->data, t->data_len))
        return 0;
    return fast_is_plain(t->topic, t->topic_len) &&
           (t->origin == NULL || fast_is_plain(t->origin, t->origin_len)) &&
           check_and_put(stager, publisher, t);
}

int fast_stage(uint64_t publisher, const char *topic, size_t topic_len, const char *origin,
               size_t origin_len, const char *data, size_t data_len) {
    struct fast_entry t = {topic, origin, data, topic_len, origin_len, data_len};
    struct stager *stager = find(publisher, topic_len + origin_len + data_len);
    return stage(stager, publisher, &t) && fast_count(FAST_COUNT_PUBLISH);
}

int fast_stage_entry(uint64_t publisher, const char *json, size_t len) {
    struct fast_entry entry;
    struct stager *stager = json != NULL ? find(publisher, 0) : NULL;
    return stager != NULL && fast_split_entry(json, len, &entry) &&
           stage(stager, publisher, &entry) && fast_count(FAST_COUNT_TRY);
}

/* What a row holds has been checked as it was converted, so it is not checked again. */
int fast_stage_row(uint64_t publisher, const char *values, size_t len) {
    struct fast_row row;
    struct stager *stager = find(publisher, len);
    if (values == NULL || stager == NULL || !stager->takes_rows ||
        !fast_marshal_row(values, len, &row))
        return 0;
    struct fast_entry t = {row.topic,     row.origin,     row.data,
                           row.topic_len, row.origin_len, row.data_len};
    if (t.topic_len > SHORT_MAX || t.origin_len > SHORT_MAX) return 0;
    if (!fast_slot_lock(&stager->slot, publisher)) return 0;
    return put_and_unlock(stager, &t) && fast_count(FAST_COUNT_MARSHAL);
}
