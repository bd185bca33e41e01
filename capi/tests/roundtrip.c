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

static void receive_batch(uint64_t receiver) {
    hermes_batch *batch = NULL;
    OK(hermes_recv_batch(receiver, 1, PATIENCE_MS, &batch));
    CHECK(hermes_batch_size(batch) == 1);
    const hermes_envelope *envelope = hermes_batch_at(batch, 0);
    CHECK(strcmp(hermes_envelope_topic(envelope, NULL), "ticks/ABC") == 0);
    CHECK(hermes_batch_at(batch, 1) == NULL);
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

int main(void) {
    struct cluster c;
    start_cluster(&c);
    for (int i = 0; i < 3; i++) OK(publish(c.publisher, "ticks/ABC", "[1, 2.5, null]"));
    receive_one(c.receiver);
    receive_batch(c.receiver);
    receive_json(c.receiver);
    close_cluster(&c);
    return 0;
}
