/* SPDX-License-Identifier: MIT
 *
 * The shortest use of everything: an envelope goes round, through each of the ways
 * to receive. The script links this file with the shared library, with the static
 * one, and as C++.
 */
#include "support.h"

static void receive_one(uint64_t receiver) {
    hermes_envelope *envelope = NULL;
    size_t len = 0;
    OK(hermes_recv(receiver, PATIENCE_MS, &envelope));
    CHECK(strcmp(hermes_envelope_topic(envelope, &len), "ticks/ABC") == 0 && len == 9);
    CHECK(strcmp(hermes_envelope_origin(envelope, &len), "p") == 0 && len == 1);
    CHECK(strcmp(hermes_envelope_data(envelope, NULL), "[1, 2.5, null]") == 0);
    CHECK(hermes_envelope_ts(envelope) > 1.6e9);
    CHECK(hermes_envelope_received(envelope) > 1.6e9);
    CHECK(hermes_envelope_lost(envelope) == 0);
    hermes_envelope_free(envelope);
}

/* What hermes_batch_memory() promises, by the functions for the same fields. */
static void check_memory(const hermes_batch *batch) {
    size_t size, len;
    const char *memory = hermes_batch_memory(batch, &size);
    CHECK(hermes_batch_memory(batch, NULL) == memory);
    uint64_t count;
    memcpy(&count, memory, sizeof count);
    CHECK(count == hermes_batch_size(batch));
    const char *end = memory + 8 + 80 * count;
    for (size_t i = 0; i < count; i++) {
        const hermes_envelope *e = hermes_batch_at(batch, i);
        const char *at = memory + 8 + 80 * i;
        uint64_t words[10];
        double times[2];
        memcpy(words, at, sizeof words);
        memcpy(times, at + 48, sizeof times);
        CHECK(at + words[0] == hermes_envelope_topic(e, &len) && words[1] == len);
        CHECK(at + words[2] == hermes_envelope_origin(e, &len) && words[3] == len);
        CHECK(at + words[4] == hermes_envelope_data(e, &len) && words[5] == len);
        CHECK(times[0] == hermes_envelope_ts(e) && times[1] == hermes_envelope_received(e));
        CHECK(words[8] == hermes_envelope_lost(e));
        end = at + words[4] + words[5] + 1;
        CHECK(((words[9] & 2) != 0) == (hermes_envelope_traceparent(e) != NULL));
        if ((words[9] & 2) == 0) continue;
        CHECK(end == hermes_envelope_traceparent(e) && strlen(end) == 55);
        end += 56;
    }
    CHECK(end == memory + size);
}

static void receive_batch(uint64_t receiver) {
    hermes_batch *batch = NULL;
    OK(hermes_recv_batch(receiver, 1, PATIENCE_MS, &batch));
    CHECK(hermes_batch_size(batch) == 1);
    const hermes_envelope *envelope = hermes_batch_at(batch, 0);
    CHECK(strcmp(hermes_envelope_topic(envelope, NULL), "ticks/ABC") == 0);
    CHECK(hermes_batch_at(batch, 1) == NULL);
    check_memory(batch);
    hermes_batch_free(batch);
}

static void receive_json(uint64_t receiver) {
    char *text = NULL;
    size_t len = 0, count = 0;
    OK(hermes_recv_json(receiver, 1, PATIENCE_MS, &text, &len, &count));
    CHECK(count == 1 && strlen(text) == len);
    CHECK(strstr(text, "ticks/ABC") != NULL && strstr(text, "[1, 2.5, null]") != NULL);
    hermes_free(text);
}

/* Topics, and sizes of data, that lie in different ways on the wire. */
static const char *const topics[] = {"t", "ticks/ABC", "caf\xc3\xa9", "a \"b\"", ""};
static const size_t sizes[] = {1, 2, 50, 255, 256, 257, 5000, 70000};

/* A string of that size, quotation marks and all; a digit where there is no room for one. */
static const char *text_of(size_t size) {
    static char text[70001];
    memset(text, 'x', size);
    text[0] = text[size - 1] = size > 1 ? '"' : '7';
    text[size] = 0;
    return text;
}

static void is_as_published(const hermes_envelope *envelope, size_t i) {
    const char *topic = topics[i % (sizeof topics / sizeof *topics)];
    size_t size = sizes[i % (sizeof sizes / sizeof *sizes)], topic_len, origin_len, data_len;
    CHECK(strcmp(hermes_envelope_topic(envelope, &topic_len), topic) == 0);
    CHECK(strcmp(hermes_envelope_origin(envelope, &origin_len), "p") == 0);
    CHECK(strcmp(hermes_envelope_data(envelope, &data_len), text_of(size)) == 0);
    CHECK(topic_len == strlen(topic) && origin_len == 1 && data_len == size);
}

static void texts_of_all_kinds(struct cluster *c) {
    const size_t count = 800;
    for (size_t i = 0; i < 2 * count; i++)
        OK(publish(c->publisher, topics[i % (sizeof topics / sizeof *topics)],
                   text_of(sizes[i % (sizeof sizes / sizeof *sizes)])));
    for (size_t i = 0; i < count; i++) {
        hermes_envelope *envelope = NULL;
        OK(hermes_recv(c->receiver, PATIENCE_MS, &envelope));
        is_as_published(envelope, i);
        hermes_envelope_free(envelope);
    }
    for (size_t i = count; i < 2 * count;) {
        hermes_batch *batch = NULL;
        OK(hermes_recv_batch(c->receiver, 100, PATIENCE_MS, &batch));
        for (size_t k = 0; k < hermes_batch_size(batch); k++)
            is_as_published(hermes_batch_at(batch, k), i++);
        hermes_batch_free(batch);
    }
}

/* The trace context of envelope i; NULL: it has none. */
static const char *context_of(size_t i) {
    static char text[64];
    snprintf(text, sizeof text, "00-4bf92f3577b34da6a3ce929d0e0e4736-%016x-01", (unsigned)i + 1);
    return i % 3 == 0 ? text : NULL;
}

static void publish_traced(uint64_t publisher, size_t i) {
    const char *topic = topics[i % (sizeof topics / sizeof *topics)], *context = context_of(i);
    const char *text = text_of(sizes[i % (sizeof sizes / sizeof *sizes)]);
    if (context != NULL)
        OK(hermes_publish_traced(publisher, topic, strlen(topic), NULL, 0, text, strlen(text),
                                 context));
    else
        OK(publish(publisher, topic, text));
}

static void is_traced(const hermes_envelope *envelope, size_t i) {
    is_as_published(envelope, i);
    const char *want = context_of(i), *got = hermes_envelope_traceparent(envelope);
    CHECK(want != NULL ? got != NULL && strcmp(got, want) == 0 : got == NULL);
    CHECK(hermes_envelope_lost(envelope) == 0 && hermes_envelope_ts(envelope) > 1.6e9);
}

/* Among others, taken one by one, from the prefetch buffer too, and many at once. */
static void trace_contexts(struct cluster *c) {
    const size_t count = 800;
    for (size_t i = 0; i < 2 * count; i++) publish_traced(c->publisher, i);
    for (size_t i = 0; i < count; i++) {
        hermes_envelope *envelope = NULL;
        OK(hermes_recv(c->receiver, PATIENCE_MS, &envelope));
        is_traced(envelope, i);
        hermes_envelope_free(envelope);
    }
    for (size_t i = count; i < 2 * count;) {
        hermes_batch *batch = NULL;
        OK(hermes_recv_batch(c->receiver, 100, PATIENCE_MS, &batch));
        check_memory(batch);
        for (size_t k = 0; k < hermes_batch_size(batch); k++)
            is_traced(hermes_batch_at(batch, k), i++);
        hermes_batch_free(batch);
    }
    char *text = NULL, *values = NULL;
    size_t len;
    publish_traced(c->publisher, 3); /* a size of 255: a text */
    OK(hermes_recv_json(c->receiver, 1, PATIENCE_MS, &text, NULL, NULL));
    CHECK(strstr(text, "\n\r") != NULL); /* in front of the time */
    hermes_free(text);
    publish_traced(c->publisher, 3);
    OK(hermes_recv_marshal(c->receiver, 1, PATIENCE_MS, &values, &len));
    CHECK(len > 255 + 100);
    hermes_free(values);

    hermes_envelope *envelope = NULL; /* one that is not sampled, and one with an origin */
    const char *unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    OK(hermes_publish_traced(c->publisher, "t", 1, NULL, 0, "1", 1, unsampled));
    OK(hermes_recv(c->receiver, PATIENCE_MS, &envelope));
    CHECK(hermes_envelope_traceparent(envelope) == NULL);
    hermes_envelope_free(envelope);
    OK(hermes_publish_traced(c->publisher, "t", 1, "", 0, "1", 1, context_of(0)));
    OK(hermes_recv(c->receiver, PATIENCE_MS, &envelope));
    CHECK(strcmp(hermes_envelope_origin(envelope, NULL), "") == 0);
    CHECK(strcmp(hermes_envelope_traceparent(envelope), context_of(0)) == 0);
    hermes_envelope_free(envelope);
    char row[256];
    snprintf(row, sizeof row, "[\"t\", \"o\", 1, null, \"%s\"]", context_of(0));
    OK(hermes_publish_try(c->publisher, row));
    OK(hermes_recv(c->receiver, PATIENCE_MS, &envelope));
    CHECK(strcmp(hermes_envelope_traceparent(envelope), context_of(0)) == 0);
    hermes_envelope_free(envelope);
}

int main(void) {
    struct cluster c;
    start_cluster(&c);
    for (int i = 0; i < 3; i++) OK(publish(c.publisher, "ticks/ABC", "[1, 2.5, null]"));
    receive_one(c.receiver);
    receive_batch(c.receiver);
    receive_json(c.receiver);
    texts_of_all_kinds(&c);
    trace_contexts(&c);
    close_cluster(&c);
    return 0;
}
