/* SPDX-License-Identifier: MIT
 *
 * Full queues: what the option "queue.full" says is what happens, the sums agree at every
 * step, and memory stays within the bound in bytes while nothing is taken.
 */
#include "support.h"

/* What each rule makes of 15 envelopes too many, on topics of which each comes again. */
static const struct {
    const char *name;
    int refuses;
    uint64_t dropped_full, dropped_old, dropped_conflated;
} rules[] = {
    {"auto", 1, 15, 0, 0},     {"block", 1, 15, 0, 0}, {"drop_new", 0, 15, 0, 0},
    {"drop_old", 0, 0, 15, 0}, {"error", 1, 15, 0, 0}, {"latest_per_topic", 0, 0, 0, 20},
};
enum { RULES = sizeof rules / sizeof *rules };

static void agree(uint64_t object, const char *taken_in, const char *passed_on) {
    char *json;
    OK(hermes_stats(object, &json, NULL));
    CHECK(counter(json, taken_in) == accounted(json, passed_on));
    hermes_free(json);
}

static uint64_t stat_of(uint64_t object, const char *key) {
    char *json;
    OK(hermes_stats(object, &json, NULL));
    uint64_t n = counter(json, key);
    hermes_free(json);
    return n;
}

static uint64_t publisher_that_holds(const char *rule, const char *messages) {
    uint64_t publisher;
    OK(hermes_publisher_new("tcp://127.0.0.1:1", "p", &publisher)); /* nothing listens there */
    OK(hermes_set(publisher, "ready.hold", "1h"));
    OK(hermes_set(publisher, "queue.block", "1ms"));
    OK(hermes_set(publisher, "queue.full", rule));
    OK(hermes_set(publisher, "queue.messages", messages));
    OK(hermes_start(publisher));
    return publisher;
}

/* Closes it without waiting for envelopes that will not be taken. */
static void give_up(uint64_t publisher) {
    FAILS(HERMES_ETIMEOUT, "not sent", hermes_stop(publisher, 0));
    agree(publisher, "accepted", "sent");
    OK(hermes_close(publisher));
}

static void a_publisher_does_as_it_is_told(int rule) {
    uint64_t publisher = publisher_that_holds(rules[rule].name, "10");
    for (int i = 0; i < 25; i++) {
        char topic[] = {'t', (char)('0' + i % 5), '\0'}, data[8];
        snprintf(data, sizeof data, "%d", i);
        if (i >= 10 && rules[rule].refuses)
            FAILS(HERMES_EFULL, "10 envelopes", publish(publisher, topic, data));
        else
            OK(publish(publisher, topic, data));
        agree(publisher, "accepted", "sent");
    }
    FAILS(HERMES_ESTATE, "queue.full", hermes_set(publisher, "queue.full", "block"));
    CHECK(stat_of(publisher, "dropped_full") == rules[rule].dropped_full);
    CHECK(stat_of(publisher, "dropped_old") == rules[rule].dropped_old);
    CHECK(stat_of(publisher, "dropped_conflated") == rules[rule].dropped_conflated);
    give_up(publisher);
}

static void a_receiver_does_as_it_is_told(struct cluster *c, const char *rule) {
    uint64_t receiver, got = 0;
    OK(hermes_receiver_new(c->out, "r", &receiver));
    OK(hermes_set(receiver, "on_slow", "ignore"));
    OK(hermes_set(receiver, "queue.messages", "10"));
    OK(hermes_set(receiver, "queue.block", "1ms"));
    OK(hermes_set(receiver, "queue.full", rule));
    OK(hermes_start(receiver));
    OK(hermes_wait_ready(receiver, PATIENCE_MS));
    uint64_t publisher;
    OK(hermes_publisher_new(c->in, "p", &publisher));
    OK(hermes_start(publisher));
    OK(hermes_wait_ready(publisher, PATIENCE_MS));
    sleep_ms(100); /* for the subscription to come through: the other receiver's is there */
    for (int i = 0; i < 1000; i++) OK(publish(publisher, "t", "1"));
    for (int code = HERMES_OK; code != HERMES_ESTOPPED && got < 10;) {
        hermes_batch *batch;
        agree(receiver, "arrived", "delivered");
        code = hermes_recv_batch(receiver, 3, 100, &batch);
        if (code == HERMES_OK) got += hermes_batch_size(batch);
        hermes_batch_free(batch);
        if (code == HERMES_ETIMEOUT && stat_of(receiver, "arrived") == 1000) break;
    }
    CHECK(got > 0);
    agree(receiver, "arrived", "delivered");
    OK(hermes_close(publisher));
    OK(hermes_close(receiver));
}

static void await(uint64_t object, const char *key, uint64_t count) {
    for (int i = 0; stat_of(object, key) != count; i++) {
        CHECK(i < PATIENCE_MS);
        sleep_ms(1);
    }
}

/* By default the receiver is full, and waits, while its application takes; where that stalls,
 * what comes is dropped until half of the queue has been taken. */
static void an_application_that_stalls(struct cluster *c) {
    hermes_batch *batch;
    char text[64];
    uint64_t receiver, publisher;
    OK(hermes_receiver_new(c->out, "r", &receiver));
    OK(hermes_get(receiver, "queue.full", text, sizeof text));
    CHECK(strcmp(text, "auto") == 0);
    OK(hermes_set(receiver, "on_slow", "ignore"));
    OK(hermes_set(receiver, "queue.messages", "10"));
    OK(hermes_set(receiver, "queue.block", "20ms"));
    OK(hermes_start(receiver));
    OK(hermes_wait_ready(receiver, PATIENCE_MS));
    OK(hermes_publisher_new(c->in, "p", &publisher));
    OK(hermes_start(publisher));
    OK(hermes_wait_ready(publisher, PATIENCE_MS));
    sleep_ms(100); /* for the subscription to come through: the other receiver's is there */
    for (int i = 0; i < 1000; i++) OK(publish(publisher, "t", "1"));
    await(receiver, "arrived", 1000);
    CHECK(stat_of(receiver, "dropped_overflow") == 990);
    OK(hermes_recv_batch(receiver, 4, 0, &batch));
    CHECK(hermes_batch_size(batch) == 4);
    hermes_batch_free(batch);
    OK(publish(publisher, "t", "2"));
    await(receiver, "arrived", 1001);
    CHECK(stat_of(receiver, "dropped_overflow") == 991);
    OK(hermes_recv_batch(receiver, 1, 0, &batch));
    hermes_batch_free(batch);
    OK(publish(publisher, "t", "3"));
    await(receiver, "arrived", 1002);
    CHECK(stat_of(receiver, "dropped_overflow") == 991);
    OK(hermes_recv_batch(receiver, 100, 0, &batch));
    CHECK(hermes_batch_size(batch) == 6);
    CHECK(strcmp(hermes_envelope_data(hermes_batch_at(batch, 5), NULL), "3") == 0);
    hermes_batch_free(batch);
    agree(receiver, "arrived", "delivered");
    OK(hermes_close(publisher));
    OK(hermes_close(receiver));
}

/* Publishes eight times the bound and takes none of it. Go's garbage collector lets
 * memory grow to about twice of what is in use, and further where it comes late. */
static void memory_has_a_bound(const char *rule, size_t size) {
    enum { BOUND = 16 << 20 };
    uint64_t publisher = publisher_that_holds(rule, "1000000000");
    char bound[32], topic[32], *data = malloc(size + 2);
    CHECK(data != NULL);
    memset(data, 'x', size + 2);
    data[0] = data[size + 1] = '"';
    snprintf(bound, sizeof bound, "%d", BOUND);
    OK(hermes_set(publisher, "queue.bytes", bound));
    OK(hermes_set(publisher, "queue.block", "0"));
    int64_t before = resident_memory();
    for (size_t i = 0; i * size < 8 * (size_t)BOUND; i++) {
        int len = snprintf(topic, sizeof topic, "topic/%zu", i % 100000);
        int code = hermes_publish(publisher, topic, (size_t)len, NULL, 0, data, size + 2);
        CHECK(code == HERMES_OK || code == HERMES_EFULL);
    }
    int64_t grown = resident_memory() - before;
    uint64_t queued = stat_of(publisher, "queued_bytes");
    printf("%s, %zu bytes: %.1f MiB queued, %.1f MiB more resident\n", rule, size,
           (double)queued / (1 << 20), (double)grown / (1 << 20));
    fflush(stdout);
    CHECK(queued <= BOUND && queued > BOUND / 4);
    CHECK(grown < 3 * BOUND + (32 << 20));
    give_up(publisher);
    free(data);
}

static char *program;

/* In a process of its own, which has no memory yet that others have left behind. */
static void alone(const char *rule, size_t size) {
    char decimal[32];
    snprintf(decimal, sizeof decimal, "%zu", size);
    CHECK(end_of(start_self(program, rule, decimal)) == 0);
}

int main(int count, char **arguments) {
    program = arguments[0];
    if (count > 2) {
        memory_has_a_bound(arguments[1], (size_t)atoi(arguments[2]));
        return 0;
    }
    for (int i = 0; i < RULES; i++) {
        alone(rules[i].name, FEW_BYTES);
        alone(rules[i].name, 1 << 20);
    }
    for (int i = 0; i < RULES; i++) a_publisher_does_as_it_is_told(i);
    struct cluster c;
    start_cluster(&c);
    for (int i = 0; i < RULES; i++) a_receiver_does_as_it_is_told(&c, rules[i].name);
    an_application_that_stalls(&c);
    close_cluster(&c);
    return 0;
}
