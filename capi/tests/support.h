/* SPDX-License-Identifier: MIT
 *
 * What the tests in C share: checks that end the program, and a small cluster on
 * ports that the system chooses.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include "hermes.h"

#ifdef _WIN32
#include "system_windows.h"
#else
#include "system_unix.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long anything may take before a test calls it dead. Never a measure of speed. */
#define PATIENCE_MS 60000

/* ---- Checks ---------------------------------------------------------------- */

#define CHECK(condition) ((condition) ? (void)0 : broken(__FILE__, __LINE__, #condition))

/* The call succeeds. */
#define OK(call) succeeds(__FILE__, __LINE__, #call, (call))

/* The call fails with this code, and the text names the culprit. */
#define FAILS(code, culprit, call) fails(__FILE__, __LINE__, #call, (call), (code), (culprit))

static inline void broken(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    abort();
}

static inline const char *last_error(void) {
    static _Thread_local char text[4096];
    hermes_last_error(text, sizeof text);
    return text;
}

static inline void succeeds(const char *file, int line, const char *call, int code) {
    if (code >= 0) return;
    fprintf(stderr, "%s:%d: %s gave %d (%s): %s\n", file, line, call, code, hermes_strerror(code),
            last_error());
    abort();
}

static inline void fails(const char *file, int line, const char *call, int code, int want,
                         const char *culprit) {
    const char *text = last_error();
    if (code == want && strstr(text, culprit) != NULL) return;
    fprintf(stderr, "%s:%d: %s gave %d with the text '%s', not %d with '%s' in it\n", file, line,
            call, code, text, want, culprit);
    abort();
}

/* ---- A cluster ------------------------------------------------------------- */

struct cluster {
    uint64_t office, publisher, receiver;
    char in[128], out[128]; /* where the post office listens */
};

static inline void start_office(struct cluster *c) {
    OK(hermes_postoffice_new("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", NULL, &c->office));
    OK(hermes_start(c->office));
    OK(hermes_get(c->office, "endpoint.in", c->in, sizeof c->in));
    OK(hermes_get(c->office, "endpoint.out", c->out, sizeof c->out));
}

/* A post office, a publisher "p" and a receiver "r", ready. */
static inline void start_cluster(struct cluster *c) {
    start_office(c);
    OK(hermes_receiver_new(c->out, "r", &c->receiver));
    OK(hermes_set(c->receiver, "on_slow", "ignore"));
    OK(hermes_start(c->receiver));
    OK(hermes_wait_ready(c->receiver, PATIENCE_MS));
    OK(hermes_publisher_new(c->in, "p", &c->publisher));
    OK(hermes_start(c->publisher));
    OK(hermes_wait_ready(c->publisher, PATIENCE_MS));
}

static inline void close_cluster(struct cluster *c) {
    OK(hermes_close(c->publisher));
    OK(hermes_close(c->receiver));
    OK(hermes_close(c->office));
}

/* Publishes topic and data, both NUL-terminated, under the publisher's name. */
static inline int publish(uint64_t publisher, const char *topic, const char *data) {
    return hermes_publish(publisher, topic, strlen(topic), NULL, 0, data, strlen(data));
}

/* ---- Counters -------------------------------------------------------------- */

/* One number of the statistics, 0 where there is no such thing. */
static inline uint64_t counter_or_0(const char *json, const char *key) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(json, quoted);
    return at == NULL ? 0 : strtoull(at + strlen(quoted), NULL, 10);
}

/* One number of the statistics, which must be there. */
static inline uint64_t counter(const char *json, const char *key) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    CHECK(strstr(json, quoted) != NULL);
    return counter_or_0(json, key);
}

/* What has become of all envelopes: sent or delivered, queued, unwanted, or dropped for
 * whatever reason. Nothing else may happen to one. */
static inline uint64_t accounted(const char *json, const char *passed_on) {
    uint64_t sum = counter(json, passed_on) + counter(json, "queued");
    sum += counter_or_0(json, "unwanted");
    for (const char *at = json; (at = strstr(at, "\"dropped_")) != NULL;) {
        sum += strtoull(strchr(at, ':') + 1, NULL, 10);
        at++;
    }
    return sum;
}

/* ---- Time ------------------------------------------------------------------ */

static inline int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void sleep_ms(int ms) {
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) /* Go preempts with signals */
        continue;
}

/* Whether a descriptor is readable, within a time. */
static inline int is_readable(int fd, int timeout_ms) {
    int is = poll_descriptor(fd, timeout_ms);
    CHECK(is >= 0);
    return is;
}

/* In a library that counts them, some calls of a function did not enter Go: run.sh says
 * which library it is. */
static inline void calls_were_spared(uint64_t handle, const char *function) {
    if (getenv("HERMES_TEST_COUNTS") == NULL) return;
    char key[64], count[32];
    snprintf(key, sizeof key, "test.spared.%s", function);
    OK(hermes_get(handle, key, count, sizeof count));
    printf("  %s: %s calls did not enter Go\n", function, count);
    CHECK(strtoull(count, NULL, 10) > 0);
}

/* What several threads have taken from one receiver. */
struct taker {
    uint64_t receiver;
    int taken; /* atomic */
};

/* A thread that takes numbers, which grow, until the receiver is closed. */
static inline void *take_until_closed(void *of) {
    struct taker *taker = (struct taker *)of;
    int code, last = -1;
    hermes_envelope *e;
    while ((code = hermes_recv(taker->receiver, HERMES_FOREVER, &e)) == HERMES_OK) {
        int number = atoi(hermes_envelope_data(e, NULL));
        CHECK(number > last);
        last = number;
        hermes_envelope_free(e);
        __atomic_add_fetch(&taker->taken, 1, __ATOMIC_SEQ_CST);
    }
    CHECK(code == HERMES_ESTOPPED || code == HERMES_EBADHANDLE);
    return NULL;
}

static inline int taken_by(struct taker *taker) {
    return __atomic_load_n(&taker->taken, __ATOMIC_SEQ_CST);
}

#endif /* SUPPORT_H */
