/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "race.h"

#include <endian.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* ---- Arguments ------------------------------------------------------------ */

static char **pairs;

void fail(const char *format, ...) {
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    exit(1);
}

const char *arguments(int argc, char **argv) {
    if (argc < 2) fail("usage: %s ROLE key=value ...", argv[0]);
    pairs = argv + 2;
    return argv[1];
}

const char *text_of(const char *key, const char *otherwise) {
    size_t len = strlen(key);
    for (char **p = pairs; *p; p++)
        if (strncmp(*p, key, len) == 0 && (*p)[len] == '=') return *p + len + 1;
    return otherwise;
}

int64_t number_of(const char *key, int64_t otherwise) {
    const char *text = text_of(key, NULL);
    return text ? strtoll(text, NULL, 10) : otherwise;
}

/* ---- Time ------------------------------------------------------------------ */

static int64_t clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t monotonic_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}
int64_t wall_ns(void) {
    return clock_ns(CLOCK_REALTIME);
}

static void sleep_until(int64_t ns) {
    struct timespec t = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0);
}

void sleep_ms(int ms) {
    sleep_until(monotonic_ns() + (int64_t)ms * 1000000);
}

void pace_begin(struct pace *p, int64_t rate) {
    p->start = monotonic_ns();
    p->rate = rate;
    p->every = rate > 20000 ? (uint64_t)rate / 1000 : 1;
    /* The kernel would let the sleeps of this thread end 50 us late. Threads inherit it from the one
     * that starts them, and what a library does in its own is its own affair: so only now. */
    if (rate > 0) prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

void pace_wait(const struct pace *p, uint64_t number) {
    if (p->rate == 0 || number % p->every != 0) return;
    int64_t due = p->start + (int64_t)((double)number * 1e9 / (double)p->rate);
    if (monotonic_ns() < due) sleep_until(due);
}

/* ---- Ticks ----------------------------------------------------------------- */

/* The last eight digits of a number at once: halves of it, quarters, and digits, each in a
 * part of the word. The cost of writing a tick is part of the figures of all programs. */
static inline void eight_digits(char *at, uint64_t value) {
    uint64_t v = value % 100000000;
    v = v / 10000 | v % 10000 << 32;
    uint64_t hundreds = v * 10486 >> 20 & 0x0000007f0000007f;
    v = hundreds | (v - 100 * hundreds) << 16;
    uint64_t tens = v * 103 >> 10 & 0x000f000f000f000f;
    v = tens | (v - 10 * tens) << 8;
    v = htole64(v + 0x3030303030303030);
    memcpy(at, &v, sizeof v);
}

/* Writes value with exactly so many digits. */
static inline __attribute__((always_inline)) void digits(char *at, uint64_t value, int count) {
    if (count < 8) {
        char last[8];
        eight_digits(last, value);
        memcpy(at, last + 8 - count, (size_t)count);
        return;
    }
    eight_digits(at + count - 8, value);
    value /= 100000000;
    for (char *p = at + count - 8; p > at; value /= 10) *--p = (char)('0' + value % 10);
}

#define BEGINNING 1763800000 /* of time, in ticks that are not timed */
#define FIRST 1000000000u    /* what tick 0 calls itself: numbers of one width are quick to write */

void tick_init(struct tick *t) {
    t->topics = (uint64_t)number_of("topics", 10);
    t->payload = (size_t)number_of("payload", 0);
    t->timed = number_of("timed", 0) != 0;
    t->topic_number = t->number = 0;
    t->topic_len = (size_t)snprintf(t->topic, sizeof t->topic, "\"ticks/%06d\"", 0);
    if (t->payload == 0) {
        const char *form = t->timed ? "[\"Tick\",%10d.000000000,\"BTCUSD\",42000.00,%010u]"
                                    : "[\"Tick\",%10d.000000,\"BTCUSD\",42000.00,%010u]";
        if (asprintf(&t->data, form, BEGINNING, FIRST) < 0) fail("out of memory");
        t->data_len = strlen(t->data);
        return;
    }
    if (t->payload < 16) fail("payload=%zu: the least is 16", t->payload);
    t->data = malloc(t->payload + 1);
    memset(t->data, 'x', t->payload);
    t->data[0] = t->data[t->payload - 1] = '"';
    t->data[t->payload] = 0;
    t->data_len = t->payload;
}

static void tick_put(struct tick *t, uint64_t number) {
    if (t->topics > 1) {
        /* As a rule the next one, and there is nothing to divide. */
        bool next = number == t->number + 1;
        uint64_t topic = next ? t->topic_number + 1 : number % t->topics;
        t->topic_number = topic < t->topics ? topic : 0;
        digits(t->topic + 7, t->topic_number, 6);
    }
    t->number = number;
    if (t->payload) {
        digits(t->data + 1, FIRST + number, 10);
        return;
    }
    char *time = t->data + 8, *rest = time + (t->timed ? 20 : 17), *own = rest + 19;
    digits(own, FIRST + number, 10);
    if (t->timed) {
        uint64_t now = (uint64_t)wall_ns();
        digits(time, now / 1000000000, 10);
        digits(time + 11, now % 1000000000, 9);
    } else {
        memcpy(time + 11, own + 4, 6);
    }
    memcpy(rest + 13, own + 8, 2); /* 42000 to 42099 */
    memcpy(rest + 16, &"00255075"[number % 4 * 2], 2);
}

void tick_make(struct tick *t, uint64_t number) {
    t->data[t->payload ? 11 : 2] = t->payload ? 'x' : 'T';
    tick_put(t, number);
}

void tick_probe(struct tick *t, uint64_t number) {
    tick_put(t, number);
    t->data[t->payload ? 11 : 2] = 'P';
}

bool tick_is_probe(const struct tick *t) {
    return t->data[t->payload ? 11 : 2] == 'P';
}

struct values values_of(uint64_t number) {
    return (struct values){
        .ts = BEGINNING + (double)(number % 1000000) / 1e6,
        .price = 42000 + (double)(number % 100) + (double)(number % 4) / 4,
        .number = FIRST + number,
    };
}

size_t now_text(char *buf) {
    uint64_t now = (uint64_t)wall_ns() / 1000;
    digits(buf, now / 1000000, 10);
    buf[10] = '.';
    digits(buf + 11, now % 1000000, 6);
    return 17;
}

/* ---- Checking -------------------------------------------------------------- */

struct check {
    struct tick want;
    uint64_t count, taken, wrong; /* of envelopes: wanted, taken, not as they should be */
    uint64_t publishers, *next;   /* the number that each publisher's next tick must have */
    bool *open, ready;            /* whether each has been heard */
    uint64_t opened;
    int64_t first, last; /* when they came */
    int64_t *delay;      /* of timed ticks */
    char complaint[200]; /* about the first that was wrong */
};

struct check *check_new(void) {
    struct check *c = calloc(1, sizeof *c);
    tick_init(&c->want);
    c->count = (uint64_t)number_of("count", 100000);
    c->publishers = (uint64_t)number_of("publishers", 1);
    c->next = calloc(c->publishers, sizeof *c->next);
    c->open = calloc(c->publishers, sizeof *c->open);
    if (c->want.timed) c->delay = calloc(c->count, sizeof *c->delay);
    return c;
}

static bool is_probe(const struct check *c, const char *data, size_t len) {
    size_t at = c->want.payload ? 11 : 2;
    return len > at && data[at] == 'P';
}

/* Publishers are called p000, p001, ... */
static uint64_t publisher_of(const struct check *c, const char *origin, size_t len) {
    if (len != 4 || origin[0] != 'p') fail("an envelope from %.*s", (int)len, origin);
    uint64_t n = (uint64_t)((origin[1] - '0') * 100 + (origin[2] - '0') * 10 + (origin[3] - '0'));
    if (n >= c->publishers) fail("an envelope from %.*s", (int)len, origin);
    return n;
}

static void note_probe(struct check *c, uint64_t publisher) {
    if (!c->open[publisher]) {
        c->open[publisher] = true;
        c->opened++;
    }
    if (!c->ready && c->opened == c->publishers) {
        c->ready = true;
        say("ready");
    }
}

static void note_delay(struct check *c, const char *data, size_t len) {
    if (len != c->want.data_len) return;
    int64_t sent = 0;
    for (int i = 8; i < 28; i++)
        if (i != 18) sent = sent * 10 + (data[i] - '0');
    c->delay[c->taken - 1] = wall_ns() - sent;
    memcpy(c->want.data + 8, data + 8, 20);
}

/* Counts an envelope, and gives the number that it must have. */
static uint64_t begin_take(struct check *c, uint64_t publisher) {
    if (c->taken++ == 0) c->first = monotonic_ns();
    return c->next[publisher]++;
}

/* True when all are there. */
static bool end_take(struct check *c) {
    if (c->taken < c->count) return false;
    c->last = monotonic_ns();
    return true;
}

bool check_take(struct check *c, const char *topic, size_t topic_len, const char *origin,
                size_t origin_len, const char *data, size_t data_len) {
    uint64_t publisher = publisher_of(c, origin, origin_len);
    if (is_probe(c, data, data_len)) {
        note_probe(c, publisher);
        return false;
    }
    struct tick *want = &c->want;
    tick_make(want, begin_take(c, publisher));
    if (want->timed) note_delay(c, data, data_len);
    if (topic_len != want->topic_len - 2 || memcmp(topic, want->topic + 1, topic_len) != 0 ||
        data_len != want->data_len || memcmp(data, want->data, data_len) != 0) {
        if (c->wrong++ == 0)
            snprintf(c->complaint, sizeof c->complaint, "%.*s %.*s instead of %.*s %.*s",
                     (int)topic_len, topic, (int)(data_len < 60 ? data_len : 60), data,
                     (int)want->topic_len - 2, want->topic + 1,
                     (int)(want->data_len < 60 ? want->data_len : 60), want->data);
    }
    return end_take(c);
}

bool check_values(struct check *c, const char *topic, size_t topic_len, const char *origin,
                  size_t origin_len, const struct values *tick, const char *symbol) {
    uint64_t publisher = publisher_of(c, origin, origin_len);
    if (tick == NULL) {
        note_probe(c, publisher);
        return false;
    }
    uint64_t number = begin_take(c, publisher);
    struct values want = values_of(number);
    tick_make(&c->want, number);
    if (topic_len != c->want.topic_len - 2 || memcmp(topic, c->want.topic + 1, topic_len) != 0 ||
        strcmp(symbol, SYMBOL) != 0 || tick->ts != want.ts || tick->price != want.price ||
        tick->number != want.number) {
        if (c->wrong++ == 0)
            snprintf(c->complaint, sizeof c->complaint, "%.*s %s %.17g %.17g %lu at %lu",
                     (int)topic_len, topic, symbol, tick->ts, tick->price,
                     (unsigned long)tick->number, (unsigned long)number);
    }
    return end_take(c);
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void print_delays(int64_t *ns, uint64_t n) {
    qsort(ns, n, sizeof *ns, ascending);
    printf(", \"p50\": %ld, \"p99\": %ld, \"p999\": %ld, \"max\": %ld", (long)ns[n / 2],
           (long)ns[n * 99 / 100], (long)ns[n * 999 / 1000], (long)ns[n - 1]);
}

/* Text that may hold anything, as what goes between the quotation marks of JSON. */
static void print_text(const char *text) {
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') putchar('\\');
        putchar(*text < ' ' ? '?' : *text);
    }
}

void check_print(struct check *c) {
    printf("{\"count\": %lu, \"wrong\": %lu, \"first\": %ld, \"last\": %ld",
           (unsigned long)c->taken, (unsigned long)c->wrong, (long)c->first,
           (long)(c->last ? c->last : monotonic_ns()));
    if (c->delay && c->taken) print_delays(c->delay, c->taken);
    printf(", \"complaint\": \"");
    print_text(c->complaint);
    say("\"}");
}

/* ---- The referee ------------------------------------------------------------ */

void say(const char *format, ...) {
    va_list list;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
    fflush(stdout);
}

bool told_to_go(int ms) {
    struct pollfd p = {.fd = 0, .events = POLLIN};
    if (poll(&p, 1, ms) <= 0) return false;
    char c;
    if (read(0, &c, 1) != 1) exit(0); /* called off */
    return true;
}

void wait_for_end(void) {
    char c;
    while (read(0, &c, 1) > 0);
}

/* ---- Publishing -------------------------------------------------------------- */

static void probe(struct tick *t, send_function *send, void *self) {
    for (uint64_t i = 0; !told_to_go(5); i++) {
        tick_probe(t, i);
        send(self, t);
    }
}

void publish_all(send_function *send, void *self) {
    struct tick t;
    tick_init(&t);
    probe(&t, send, self);
    uint64_t count = (uint64_t)number_of("count", 100000);
    struct pace pace;
    pace_begin(&pace, number_of("rate", 0));
    for (uint64_t i = 0; i < count; i++) {
        pace_wait(&pace, i);
        tick_make(&t, i);
        send(self, &t);
    }
    say("{\"start\": %ld, \"end\": %ld}", (long)pace.start, (long)monotonic_ns());
}

void time_calls(send_function *send, void *self) {
    struct tick t;
    tick_init(&t);
    probe(&t, send, self);
    uint64_t count = (uint64_t)number_of("count", 100000);
    int64_t *ns = calloc(count, sizeof *ns), *clock = calloc(count, sizeof *clock);
    struct pace pace;
    pace_begin(&pace, number_of("rate", 0));
    for (uint64_t i = 0; i < count; i++) {
        pace_wait(&pace, i);
        tick_make(&t, i);
        int64_t before = monotonic_ns();
        send(self, &t);
        int64_t after = monotonic_ns();
        ns[i] = after - before;
        clock[i] = monotonic_ns() - after;
    }
    qsort(clock, count, sizeof *clock, ascending);
    for (uint64_t i = 0; i < count; i++)
        ns[i] -= clock[count / 2]; /* what looking at the clock takes */
    printf("{\"start\": %ld", (long)pace.start);
    print_delays(ns, count);
    say("}");
    free(ns);
    free(clock);
}
