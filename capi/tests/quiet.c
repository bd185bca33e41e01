/* SPDX-License-Identifier: MIT
 *
 * Where envelopes are few, no call enters Go (capi/fast/staging.c, rule 5, and handoff.c).
 * Nothing changes by that: order, counters, timeouts and ends are as they always are.
 */
#include "support.h"

#include <pthread.h>

static struct cluster c;

enum { LONG_MS = 3 /* a pause after which an envelope comes alone */ };

static void publish_number(int number, int size) {
    static _Thread_local char data[8192];
    int len = snprintf(data, sizeof data, "%*d", size, number);
    OK(hermes_publish(c.publisher, "t", 1, NULL, 0, data, (size_t)len));
}

static void receive_number(int number) {
    hermes_envelope *e;
    OK(hermes_recv(c.receiver, PATIENCE_MS, &e));
    CHECK(atoi(hermes_envelope_data(e, NULL)) == number && hermes_envelope_lost(e) == 0);
    CHECK(strcmp(hermes_envelope_topic(e, NULL), "t") == 0);
    CHECK(strcmp(hermes_envelope_origin(e, NULL), "p") == 0);
    CHECK(hermes_envelope_ts(e) > 0 && hermes_envelope_received(e) > 0);
    hermes_envelope_free(e);
}

/* All that was published has been sent or delivered. It is counted when it has been passed on: a
 * receiver may have it an instant before. */
static void sum_up(uint64_t handle, const char *total, const char *passed_on, uint64_t want) {
    char *json;
    OK(hermes_stats(handle, &json, NULL));
    for (int i = 0; counter(json, passed_on) < want && i < PATIENCE_MS; i++) {
        hermes_free(json);
        sleep_ms(1);
        OK(hermes_stats(handle, &json, NULL));
    }
    CHECK(counter(json, total) == want && counter(json, passed_on) == want);
    CHECK(accounted(json, passed_on) == want);
    hermes_free(json);
}

static int published;

static void *publish_with_pauses(void *count) {
    for (int n = *(int *)count; n > 0; n--) {
        sleep_ms(LONG_MS);
        publish_number(published++, n % 10 == 5 ? 4000 : 1); /* some are too big for a handoff */
    }
    return NULL;
}

static void few(void) {
    int count = 200;
    pthread_t publisher;
    published = 0;
    CHECK(pthread_create(&publisher, NULL, publish_with_pauses, &count) == 0);
    for (int i = 0; i < count; i++) receive_number(i);
    CHECK(pthread_join(publisher, NULL) == 0);
    sum_up(c.publisher, "accepted", "sent", 200);
    sum_up(c.receiver, "arrived", "delivered", 200);
    calls_were_spared(c.publisher, "quiet");
    calls_were_spared(c.receiver, "handoff");
}

/* Few, then many, then few, in the order in which one thread publishes them. */
static void *publish_in_turns(void *count) {
    for (int i = 0; i < *(int *)count; i++) {
        if (i % 64 == 0) sleep_ms(LONG_MS); /* one alone, and others right behind it */
        if (i % 64 > 40) sleep_ms(i % 3);   /* just about a long pause, or not */
        publish_number(i, 1);
    }
    return NULL;
}

static void few_and_many(void) {
    int count = 2000;
    pthread_t publisher;
    CHECK(pthread_create(&publisher, NULL, publish_in_turns, &count) == 0);
    for (int next = 0; next < count;) {
        hermes_batch *b;
        if (next % 7 != 6) {
            receive_number(next++);
            continue;
        }
        OK(hermes_recv_batch(c.receiver, 3, PATIENCE_MS, &b));
        for (size_t i = 0; i < hermes_batch_size(b); i++)
            CHECK(atoi(hermes_envelope_data(hermes_batch_at(b, i), NULL)) == next++);
        hermes_batch_free(b);
    }
    CHECK(pthread_join(publisher, NULL) == 0);
    sum_up(c.publisher, "accepted", "sent", 2000);
    sum_up(c.receiver, "arrived", "delivered", 2000);
}

/* A wait that ends without an envelope says so, and takes nothing away. */
static void times_up(void) {
    hermes_envelope *e;
    int number = 0;
    for (int i = 0; i < 50; i++) {
        int64_t begun = now_ns();
        FAILS(HERMES_ETIMEOUT, "nothing", hermes_recv(c.receiver, LONG_MS + 1, &e));
        CHECK(now_ns() - begun >= LONG_MS * INT64_C(1000000));
        FAILS(HERMES_ETIMEOUT, "nothing", hermes_recv(c.receiver, 0, &e));
        publish_number(number, 1);
        receive_number(number++);
    }
    sum_up(c.receiver, "arrived", "delivered", 50);
}

/* What is published just before a stop is sent. */
static void stop_at_once(void) {
    for (int i = 0; i < 20; i++) {
        sleep_ms(LONG_MS);
        publish_number(i, 1);
        OK(hermes_stop(c.publisher, PATIENCE_MS));
        receive_number(i);
        OK(hermes_start(c.publisher));
        OK(hermes_wait_ready(c.publisher, PATIENCE_MS));
    }
    sum_up(c.publisher, "accepted", "sent", 20);
}

/* ---- Threads ----------------------------------------------------------------- */

enum { THREADS = 3 };

static struct taker taker;

static void await_taken(int count) {
    for (int i = 0; taken_by(&taker) < count; i++) {
        CHECK(i < PATIENCE_MS);
        sleep_ms(1);
    }
}

/* Threads that wait share what comes, and the end of the receiver ends their waits: the one in
 * the handoff too. The next receiver may have its slot. */
static void many_threads(void) {
    for (int round = 0; round < 5; round++) {
        pthread_t threads[THREADS];
        taker = (struct taker){c.receiver, 0};
        for (int i = 0; i < THREADS; i++)
            CHECK(pthread_create(&threads[i], NULL, take_until_closed, &taker) == 0);
        for (int i = 0; i < 40; i++) {
            sleep_ms(LONG_MS);
            publish_number(i, 1);
            if (i % 8 == 0) publish_number(++i, 1);
            await_taken(i + 1);
        }
        OK(round % 2 == 0 ? hermes_close(c.receiver) : hermes_stop(c.receiver, PATIENCE_MS));
        for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
        if (round % 2 != 0) OK(hermes_close(c.receiver));
        OK(hermes_close(c.publisher));
        OK(hermes_close(c.office));
        start_cluster(&c);
    }
}

static void in_a_cluster(void (*test)(void)) {
    start_cluster(&c);
    test();
    close_cluster(&c);
}

int main(void) {
    in_a_cluster(few);
    in_a_cluster(few_and_many);
    in_a_cluster(times_up);
    in_a_cluster(stop_at_once);
    in_a_cluster(many_threads);
    return 0;
}
