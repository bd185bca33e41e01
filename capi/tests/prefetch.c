/* SPDX-License-Identifier: MIT
 *
 * Envelopes in the prefetch buffer (capi/fast/prefetch.c) are handed out in order, once, and
 * count as queued until then, whichever function asks, from however many threads.
 */
#include "support.h"

#include <pthread.h>

static struct cluster c;

static void publish_numbers(int count) {
    for (int i = 0; i < count; i++) {
        char data[16];
        snprintf(data, sizeof data, "%d", i);
        OK(publish(c.publisher, "t", data));
    }
}

static uint64_t number_in(const char *json, const char *key) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(json, quoted);
    CHECK(at != NULL);
    return strtoull(at + strlen(quoted), NULL, 10);
}

static void read_counters(uint64_t *arrived, uint64_t *delivered, uint64_t *queued) {
    char *json;
    OK(hermes_stats(c.receiver, &json, NULL));
    *arrived = number_in(json, "arrived");
    *delivered = number_in(json, "delivered");
    *queued = number_in(json, "queued");
    hermes_free(json);
}

static void await_queued(uint64_t count) {
    uint64_t arrived, delivered, queued;
    for (int i = 0; i < PATIENCE_MS; i++) {
        read_counters(&arrived, &delivered, &queued);
        if (queued == count) return;
        sleep_ms(1);
    }
    CHECK(queued == count);
}

static int take_one(int next) {
    hermes_envelope *e;
    OK(hermes_recv(c.receiver, 0, &e));
    CHECK(atoi(hermes_envelope_data(e, NULL)) == next);
    CHECK(strcmp(hermes_envelope_topic(e, NULL), "t") == 0);
    CHECK(strcmp(hermes_envelope_origin(e, NULL), "p") == 0);
    hermes_envelope_free(e);
    return next + 1;
}

static int take_batch(int next) {
    hermes_batch *b;
    OK(hermes_recv_batch(c.receiver, 7, 0, &b));
    for (size_t i = 0; i < hermes_batch_size(b); i++)
        CHECK(atoi(hermes_envelope_data(hermes_batch_at(b, i), NULL)) == next++);
    hermes_batch_free(b);
    return next;
}

static int take_json(int next) {
    char *text;
    size_t count;
    OK(hermes_recv_json(c.receiver, 5, 0, &text, NULL, &count));
    CHECK(atoi(strstr(text, "\"p\",") + 4) == next);
    hermes_free(text);
    return next + (int)count;
}

static int take_from_node(uint64_t node, int next) {
    hermes_envelope *e;
    OK(hermes_node_recv(node, 0, &e));
    CHECK(atoi(hermes_envelope_data(e, NULL)) == next);
    hermes_envelope_free(e);
    return next + 1;
}

/* In all ways in turn, with a look at the counters after each. */
static void every_way(void) {
    enum { COUNT = 20000 };
    uint64_t node, before, arrived, delivered, queued;
    OK(hermes_node_new("n", c.receiver, 0, &node));
    read_counters(&arrived, &before, &queued);
    publish_numbers(COUNT);
    await_queued(COUNT);
    for (int next = 0, turn = 0; next < COUNT; turn++) {
        switch (turn % 100) {
        case 20:
            next = take_batch(next);
            break;
        case 50:
            next = take_json(next);
            break;
        case 70:
            next = take_from_node(node, next);
            break;
        default:
            next = take_one(next);
            break;
        }
        read_counters(&arrived, &delivered, &queued);
        CHECK(delivered == before + (uint64_t)next && queued == (uint64_t)(COUNT - next));
        CHECK(arrived == delivered + queued);
    }
    hermes_envelope *e;
    FAILS(HERMES_ETIMEOUT, "nothing", hermes_recv(c.receiver, 0, &e));
    OK(hermes_close(node));
    calls_were_spared(c.receiver, "recv");
}

/* ---- A full queue ---------------------------------------------------------- */

/* Replaces the receiver by one whose queue is soon full, and holds back the post office. */
static void bound_queue(const char *messages) {
    OK(hermes_close(c.receiver));
    OK(hermes_receiver_new(c.out, "r", &c.receiver));
    OK(hermes_set(c.receiver, "on_slow", "ignore"));
    OK(hermes_set(c.receiver, "queue.messages", messages));
    OK(hermes_set(c.receiver, "queue.block", "1h"));
    OK(hermes_start(c.receiver));
    /* Its subscription is there once something arrives. */
    uint64_t arrived = 0, delivered, queued;
    for (int i = 0; arrived == 0; i++) {
        CHECK(i < PATIENCE_MS);
        OK(publish(c.publisher, "t", "-1"));
        sleep_ms(1);
        read_counters(&arrived, &delivered, &queued);
    }
    hermes_envelope *e;
    while (hermes_recv(c.receiver, 100, &e) == HERMES_OK) hermes_envelope_free(e);
}

static void *publish_many(void *count) {
    publish_numbers(*(int *)count);
    return NULL;
}

/* A program that takes, in whatever way and however slowly, gets everything in order: what has been
 * taken from the buffer makes room, though the library hears of it late. */
static void full(const char *messages) {
    int count = 20000;
    pthread_t publisher;
    bound_queue(messages);
    CHECK(pthread_create(&publisher, NULL, publish_many, &count) == 0);
    for (int next = 0, turn = 0; next < count; turn++) {
        hermes_envelope *e;
        hermes_batch *b;
        if (turn % 500 == 0) sleep_ms(2);
        if (turn % 100 != 50) {
            OK(hermes_recv(c.receiver, PATIENCE_MS, &e));
            CHECK(atoi(hermes_envelope_data(e, NULL)) == next++);
            hermes_envelope_free(e);
            continue;
        }
        OK(hermes_recv_batch(c.receiver, 300, PATIENCE_MS, &b));
        for (size_t i = 0; i < hermes_batch_size(b); i++)
            CHECK(atoi(hermes_envelope_data(hermes_batch_at(b, i), NULL)) == next++);
        hermes_batch_free(b);
    }
    CHECK(pthread_join(publisher, NULL) == 0);
    uint64_t arrived, delivered, queued;
    read_counters(&arrived, &delivered, &queued);
    CHECK(arrived == delivered && queued == 0);
}

static void a_full_queue(void) {
    full("200");
    calls_were_spared(c.receiver, "recv");
}

static void a_queue_that_the_buffer_empties(void) {
    full("7");
}

/* ---- Threads --------------------------------------------------------------- */

enum { THREADS = 4 };
static struct taker taker;

/* No thread sleeps while there is something to take. */
static void many_threads(void) {
    pthread_t threads[THREADS];
    int published = 0;
    taker = (struct taker){c.receiver, 0};
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, take_until_closed, &taker) == 0);
    for (int burst = 1; burst < 300; burst += 7) {
        for (int i = 0; i < burst; i++) {
            char data[16];
            snprintf(data, sizeof data, "%d", published++);
            OK(publish(c.publisher, "t", data));
        }
        for (int i = 0; taken_by(&taker) < published; i++) {
            CHECK(i < PATIENCE_MS);
            sleep_ms(1);
        }
    }
    OK(hermes_close(c.receiver));
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

static void many_threads_and_a_full_queue(void) {
    bound_queue("20");
    many_threads();
}

/* ---- Descriptors and ends -------------------------------------------------- */

static int readable(int fd) {
    return is_readable(fd, 0);
}

/* A descriptor that is made while envelopes are prefetched tells of them. */
static void descriptor(void) {
    publish_numbers(50);
    await_queued(50);
    int next = take_one(0);
    int fd = hermes_fd(c.receiver);
    CHECK(fd >= 0);
    while (next < 50) {
        CHECK(readable(fd));
        next = take_one(next);
    }
    CHECK(!readable(fd));
}

/* What is prefetched can be taken after a stop, and not after a close. */
static void ends(void) {
    hermes_envelope *e;
    publish_numbers(100);
    await_queued(100);
    int next = take_one(0);
    OK(hermes_stop(c.receiver, PATIENCE_MS));
    while (next < 60) next = take_one(next);
    OK(hermes_start(c.receiver));
    while (next < 90) next = take_one(next);
    OK(hermes_close(c.receiver));
    FAILS(HERMES_EBADHANDLE, "closed", hermes_recv(c.receiver, 0, &e));
}

static void in_a_cluster(void (*test)(void)) {
    start_cluster(&c);
    test();
    close_cluster(&c);
}

int main(void) {
    in_a_cluster(every_way);
    in_a_cluster(a_full_queue);
    in_a_cluster(a_queue_that_the_buffer_empties);
    in_a_cluster(many_threads);
    in_a_cluster(many_threads_and_a_full_queue);
    in_a_cluster(descriptor);
    in_a_cluster(ends);
    return 0;
}
