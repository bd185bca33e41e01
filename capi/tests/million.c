/* SPDX-License-Identifier: MIT
 *
 * A million envelopes, published flat out through our own post office, arrive: all
 * of them, in order. Once through hermes_recv_batch(), once through hermes_recv().
 * An argument sets another number.
 */
#include "support.h"

#include <pthread.h>

static int total = 1000000;

static void *publish_all(void *publisher) {
    int64_t began = now_ns();
    for (int i = 0; i < total; i++) {
        char data[64];
        int len = snprintf(data, sizeof data, "[\"tick\", %d, 1.25]", i);
        OK(hermes_publish(*(uint64_t *)publisher, "ticks/ABC", 9, NULL, 0, data, (size_t)len));
    }
    printf("  published %d, %.0f ns each\n", total, (double)(now_ns() - began) / total);
    return NULL;
}

static void is_number(const hermes_envelope *envelope, int want) {
    int number = atoi(hermes_envelope_data(envelope, NULL) + strlen("[\"tick\", "));
    if (number == want && hermes_envelope_lost(envelope) == 0) return;
    fprintf(stderr, "envelope %d came where %d was due\n", number, want);
    abort();
}

static int receive_batch(uint64_t receiver, int next) {
    hermes_batch *batch;
    OK(hermes_recv_batch(receiver, 256, PATIENCE_MS, &batch));
    for (size_t i = 0; i < hermes_batch_size(batch); i++)
        is_number(hermes_batch_at(batch, i), next++);
    hermes_batch_free(batch);
    return next;
}

static int receive_one(uint64_t receiver, int next) {
    hermes_envelope *envelope;
    OK(hermes_recv(receiver, PATIENCE_MS, &envelope));
    is_number(envelope, next);
    hermes_envelope_free(envelope);
    return next + 1;
}

static void all_arrive(const char *how, int (*receive)(uint64_t, int)) {
    struct cluster c;
    pthread_t thread;
    hermes_envelope *envelope;
    start_cluster(&c);
    int64_t began = now_ns();
    CHECK(pthread_create(&thread, NULL, publish_all, &c.publisher) == 0);
    for (int next = 0; next < total;) next = receive(c.receiver, next);
    printf("  received %d with %s, %.0f ns each\n", total, how, (double)(now_ns() - began) / total);
    CHECK(pthread_join(thread, NULL) == 0);
    OK(hermes_stop(c.publisher, PATIENCE_MS));
    FAILS(HERMES_ETIMEOUT, "hermes_recv", hermes_recv(c.receiver, 100, &envelope));
    close_cluster(&c);
}

int main(int count, char **arguments) {
    if (count > 1) total = atoi(arguments[1]);
    all_arrive("hermes_recv_batch", receive_batch);
    all_arrive("hermes_recv", receive_one);
    return 0;
}
