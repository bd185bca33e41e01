/* SPDX-License-Identifier: MIT
 *
 * One side of `make bench-cpp`: what a call costs the thread that makes it, in C. side.cpp does
 * the same in C++. side COUNT prints three figures in nanoseconds of processor time an envelope:
 * publishing, receiving one by one, receiving in batches.
 */
#define _POSIX_C_SOURCE 200809L
#include <hermes.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 1000 };

static const char topic[] = "ticks/BTCUSD", data[] = "[\"Tick\", 1763800000.25, \"BTCUSD\", 42000]";

static void check(int code) {
    char text[256];
    if (code >= 0) return;
    hermes_last_error(text, sizeof text);
    fprintf(stderr, "side: %s\n", text);
    exit(1);
}

static double processor_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t bytes; /* of what came, so that it is looked at */

static void look(const hermes_envelope *e) {
    size_t topic_len, data_len;
    hermes_envelope_topic(e, &topic_len);
    hermes_envelope_data(e, &data_len);
    bytes += topic_len + data_len;
}

static double publish(uint64_t publisher, long count) {
    const double begun = processor_ns();
    for (long i = 0; i < count; i++)
        check(hermes_publish(publisher, topic, strlen(topic), NULL, 0, data, strlen(data)));
    return (processor_ns() - begun) / (double)count;
}

static double receive(uint64_t receiver, long count) {
    const double begun = processor_ns();
    for (long i = 0; i < count; i++) {
        hermes_envelope *e;
        check(hermes_recv(receiver, HERMES_FOREVER, &e));
        look(e);
        hermes_envelope_free(e);
    }
    return (processor_ns() - begun) / (double)count;
}

static double receive_batches(uint64_t receiver, long count) {
    const double begun = processor_ns();
    for (long got = 0; got < count;) {
        hermes_batch *batch;
        check(hermes_recv_batch(receiver, BATCH, HERMES_FOREVER, &batch));
        const size_t size = hermes_batch_size(batch);
        for (size_t i = 0; i < size; i++) look(hermes_batch_at(batch, i));
        got += (long)size;
        hermes_batch_free(batch);
    }
    return (processor_ns() - begun) / (double)count;
}

/* Waits until all has arrived, so that taking it never waits. */
static void settle(uint64_t receiver, long count) {
    const struct timespec pause = {0, 10000000};
    char want[64];
    int all = 0;
    snprintf(want, sizeof want, "\"received\":%ld,", count);
    while (!all) {
        char *json;
        nanosleep(&pause, NULL);
        check(hermes_stats(receiver, &json, NULL));
        all = strstr(json, want) != NULL;
        hermes_free(json);
    }
}

int main(int argc, char **argv) {
    const long count = argc > 1 ? atol(argv[1]) : 100000;
    char in[128], out[128];
    uint64_t office, receiver, publisher;
    check(hermes_postoffice_new("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", NULL, &office));
    check(hermes_start(office));
    check(hermes_get(office, "endpoint.in", in, sizeof in));
    check(hermes_get(office, "endpoint.out", out, sizeof out));
    check(hermes_receiver_new(out, "r", &receiver));
    check(hermes_set(receiver, "on_slow", "ignore"));
    check(hermes_start(receiver));
    check(hermes_wait_ready(receiver, HERMES_FOREVER));
    check(hermes_publisher_new(in, "p", &publisher));
    check(hermes_start(publisher));
    check(hermes_wait_ready(publisher, HERMES_FOREVER));

    publish(publisher, 1000); /* to warm up */
    receive(receiver, 1000);
    const double publishing = publish(publisher, 2 * count);
    settle(receiver, 1000 + 2 * count);
    const double one = receive(receiver, count), many = receive_batches(receiver, count);
    if (bytes != (size_t)(1000 + 2 * count) * (strlen(topic) + strlen(data))) return 2;
    printf("%.1f %.1f %.1f\n", publishing, one, many);
    hermes_close(publisher);
    hermes_close(receiver);
    hermes_close(office);
    return 0;
}
