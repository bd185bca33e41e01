/* SPDX-License-Identifier: MIT
 *
 * Envelopes that are staged in C (capi/fast/staging.c) and those that go straight to Go
 * keep their order and add up, whatever is asked in between.
 */
#include "support.h"

#include <pthread.h>

enum { THREADS = 3, EACH = 30000 };

static struct cluster c;

static int32_t marshalled(char *to, int thread, int number) {
    static const char before[] = "[\1\0\0\0(\3\0\0\0u\2\0\0\0?/u\1\0\0\0pi";
    memcpy(to, before, sizeof before - 1);
    to[15] = (char)('0' + thread);
    char *at = to + sizeof before - 1;
    for (int shift = 0; shift < 32; shift += 8) *at++ = (char)(number >> shift);
    return (int32_t)(at - to);
}

/* The same, in each of the ways that an envelope can take. */
static void publish_number(int thread, int number) {
    char topic[300], data[9000], name[8];
    snprintf(topic, sizeof topic, "%d/", thread);
    int len = snprintf(data, sizeof data, "%d", number);
    const char *origin = NULL;
    switch (number % 11) {
    case 3: /* a number that is looked at more closely */
        len = snprintf(data, sizeof data, "%de0", number);
        break;
    case 5: /* bigger than what is staged */
        len = snprintf(data, sizeof data, "%-8999d", number);
        break;
    case 7: /* a frame of the long kind */
        len = snprintf(data, sizeof data, "%-600d", number);
        break;
    case 8:
        origin = "p"; /* the name of the publisher, given */
        break;
    case 9: {
        char json[128];
        len = snprintf(json, sizeof json, "[[\"%d/\", null, %d]]", thread, number);
        OK(hermes_publish_batch(c.publisher, json, (size_t)len, NULL));
        return;
    }
    case 1: /* as one text, which is staged */
    case 2: /* and as one that is not */
        snprintf(data, sizeof data, "[\"%d/\", %s, %d]", thread,
                 number % 11 == 1 ? "\"p\"" : "null", number);
        OK(hermes_publish_try(c.publisher, data));
        return;
    case 4: /* as Python's marshal writes it: [("0/", "p", 4)] */
        OK(hermes_publish_marshal(c.publisher, data, marshalled(data, thread, number), NULL));
        return;
    default:
        break;
    }
    snprintf(name, sizeof name, "%s", origin != NULL ? origin : "");
    OK(hermes_publish(c.publisher, topic, strlen(topic), origin, strlen(name), data, (size_t)len));
}

static void *publish_all(void *thread) {
    for (int i = 0; i < EACH; i++) publish_number((int)(intptr_t)thread, i);
    return NULL;
}

static uint64_t number_in(const char *json, const char *key) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(json, quoted);
    CHECK(at != NULL);
    return strtoull(at + strlen(quoted), NULL, 10);
}

static uint64_t sum_up(void) {
    char *json;
    OK(hermes_stats(c.publisher, &json, NULL));
    uint64_t accepted = number_in(json, "accepted");
    uint64_t rest =
        number_in(json, "sent") + number_in(json, "queued") + number_in(json, "unwanted");
    rest += number_in(json, "dropped_no_peer") + number_in(json, "dropped_full");
    rest += number_in(json, "dropped_old") + number_in(json, "dropped_conflated");
    rest += number_in(json, "dropped_stop");
    if (accepted != rest) {
        fprintf(stderr, "the counters do not add up: %s\n", json);
        abort();
    }
    hermes_free(json);
    return accepted;
}

static void receive_in_order(void) {
    int next[THREADS] = {0};
    for (int i = 0; i < THREADS * EACH; i++) {
        hermes_envelope *e;
        OK(hermes_recv(c.receiver, PATIENCE_MS, &e));
        int thread = atoi(hermes_envelope_topic(e, NULL));
        int number = atoi(hermes_envelope_data(e, NULL));
        CHECK(thread >= 0 && thread < THREADS && number == next[thread]++);
        CHECK(hermes_envelope_lost(e) == 0 && strcmp(hermes_envelope_origin(e, NULL), "p") == 0);
        hermes_envelope_free(e);
        if (i % 1000 == 0) sum_up();
    }
}

static void order_and_sums(void) {
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, publish_all, (void *)(intptr_t)i) == 0);
    receive_in_order();
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(sum_up() == THREADS * EACH);
    calls_were_spared(c.publisher, "publish");
    calls_were_spared(c.publisher, "publish_try");
    calls_were_spared(c.publisher, "publish_marshal");
}

/* A stop flushes what has been staged, and after it nothing is accepted. */
static void stop_and_start(void) {
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < 500; i++) OK(publish(c.publisher, "again", "1"));
        OK(hermes_stop(c.publisher, PATIENCE_MS));
        FAILS(HERMES_ESTATE, "stopped", publish(c.publisher, "again", "1"));
        OK(hermes_start(c.publisher));
        OK(hermes_wait_ready(c.publisher, PATIENCE_MS));
        for (int i = 0; i < 500; i++) {
            hermes_envelope *e;
            OK(hermes_recv(c.receiver, PATIENCE_MS, &e));
            hermes_envelope_free(e);
        }
        CHECK(sum_up() == (uint64_t)(THREADS * EACH + 500 * (round + 1)));
    }
}

/* A queue that is full turns away exactly what is too much. */
static void full_queues(void) {
    uint64_t p;
    char *json;
    OK(hermes_publisher_new("tcp://127.0.0.1:9", "p", &p));
    OK(hermes_set(p, "queue.messages", "500"));
    OK(hermes_set(p, "queue.block", "0"));
    OK(hermes_set(p, "ready.hold", "1m"));
    OK(hermes_start(p));
    for (int i = 0; i < 50; i++) OK(publish(p, "t", "1"));
    OK(hermes_set(p, "queue.messages", "100")); /* holds at once */
    for (int i = 0; i < 50; i++) OK(publish(p, "t", "1"));
    for (int i = 0; i < 10; i++) FAILS(HERMES_EFULL, "full", publish(p, "t", "1"));
    OK(hermes_stats(p, &json, NULL));
    CHECK(number_in(json, "queued") == 100 && number_in(json, "dropped_full") == 10);
    hermes_free(json);
    OK(hermes_set(p, "linger", "0"));
    OK(hermes_close(p));
}

static uint64_t spared(void) {
    char count[32];
    OK(hermes_get(c.publisher, "test.spared.publish", count, sizeof count));
    return strtoull(count, NULL, 10);
}

/* Calls of this publisher are spared. How many depends on when its sender wakes, so it goes
 * on until there is one. */
static void is_staged(uint64_t publisher) {
    if (getenv("HERMES_TEST_COUNTS") == NULL) return;
    OK(hermes_start(publisher));
    OK(hermes_wait_ready(publisher, PATIENCE_MS));
    int64_t end = now_ns() + PATIENCE_MS * (int64_t)1000000;
    for (uint64_t before = spared(); spared() == before;) {
        CHECK(now_ns() < end);
        for (int i = 0; i < 1000; i++) OK(publish(publisher, "t", "1"));
    }
}

/* Many publishers, opened, used and closed side by side: each has a staging buffer of its
 * own, the last one too, and one that takes the slot of another. */
static void many_publishers(void) {
    enum { MANY = 1100 };
    static uint64_t handles[MANY];
    for (int i = 0; i < MANY; i++) OK(hermes_publisher_new(c.in, "p", &handles[i]));
    for (int i = 0; i < MANY; i++) FAILS(HERMES_ESTATE, "started", publish(handles[i], "t", "1"));
    is_staged(handles[MANY - 1]);
    uint64_t again;
    OK(hermes_close(handles[7]));
    OK(hermes_publisher_new(c.in, "p", &again));
    FAILS(HERMES_EBADHANDLE, "closed", publish(handles[7], "t", "1"));
    is_staged(again);
    OK(hermes_close(again));
    for (int i = 0; i < MANY; i++) OK(hermes_close(handles[i]));
    for (int i = 0; i < MANY; i++)
        FAILS(HERMES_EBADHANDLE, "closed", publish(handles[i], "t", "1"));
}

int main(void) {
    start_cluster(&c);
    order_and_sums();
    stop_and_start();
    full_queues();
    many_publishers();
    close_cluster(&c);
    return 0;
}
