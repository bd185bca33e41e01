/* SPDX-License-Identifier: MIT
 *
 * The contestant: hermes through its C interface.
 *
 *   hermes publish   in=ADDRESS origin=p000 count= rate= ...   hermes_publish
 *   hermes call      the same, and times every call
 *   hermes receive   out=ADDRESS take=one|batch subscriptions= ...
 *   hermes node      in= out=      a node with its default loop, in peace
 */
#include "race.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hermes.h"

/* How much is taken in one call with take=batch. */
#define MOST 1024

static void check(int code, const char *what) {
    if (code == HERMES_OK) return;
    char text[256];
    hermes_last_error(text, sizeof text);
    fail("%s: %s: %s", what, hermes_strerror(code), text);
}

/* The keys of CURVE, or the CA of TLS, if there are some in the environment. */
static void secure(uint64_t client) {
    const char *server = getenv("RACE_SERVER"), *ca = getenv("RACE_CA");
    if (ca) check(hermes_set(client, "tls.ca", ca), "set");
    if (!server) return;
    check(hermes_set(client, "curve.server", server), "set");
    check(hermes_set(client, "curve.secret", "env:RACE_CLIENT_SECRET"), "set");
}

/* ---- Publishing -------------------------------------------------------------- */

static uint64_t start_publisher(void) {
    uint64_t publisher;
    check(hermes_publisher_new(text_of("in", ""), text_of("origin", "p000"), &publisher), "new");
    /* Where the queue is full, wait rather than give up: nothing may be lost here. */
    check(hermes_set(publisher, "queue.block", "1m"), "set");
    secure(publisher);
    check(hermes_start(publisher), "start");
    return publisher;
}

static void send_tick(void *self, const struct tick *t) {
    uint64_t publisher = *(uint64_t *)self;
    check(hermes_publish(publisher, t->topic + 1, t->topic_len - 2, NULL, 0, t->data, t->data_len),
          "publish");
}

static void publish(bool timed) {
    uint64_t publisher = start_publisher();
    (timed ? time_calls : publish_all)(send_tick, &publisher);
    wait_for_end();
    check(hermes_close(publisher), "close");
}

/* ---- Receiving --------------------------------------------------------------- */

/* The topics that are sent, and before them so many others as it takes to have the
 * number of subscriptions asked for. */
static void subscribe(uint64_t receiver) {
    char topic[32];
    int64_t subscriptions = number_of("subscriptions", 0);
    for (int64_t i = 1; i < subscriptions; i++) {
        snprintf(topic, sizeof topic, "other/%06d", (int)i);
        check(hermes_receiver_subscribe(receiver, topic, strlen(topic)), "subscribe");
    }
    if (subscriptions > 0) check(hermes_receiver_subscribe(receiver, "ticks/", 6), "subscribe");
}

static uint64_t start_receiver(void) {
    uint64_t receiver;
    check(hermes_receiver_new(text_of("out", ""), "receiver", &receiver), "new");
    /* As without high-water marks: nothing may be lost here, however fast it comes. */
    check(hermes_set(receiver, "on_slow", "ignore"), "set");
    secure(receiver);
    subscribe(receiver);
    check(hermes_start(receiver), "start");
    return receiver;
}

static bool take(struct check *c, const hermes_envelope *e) {
    size_t topic_len, origin_len, data_len;
    const char *topic = hermes_envelope_topic(e, &topic_len);
    const char *origin = hermes_envelope_origin(e, &origin_len);
    const char *data = hermes_envelope_data(e, &data_len);
    return check_take(c, topic, topic_len, origin, origin_len, data, data_len);
}

static void receive_singly(uint64_t receiver, struct check *c) {
    hermes_envelope *e;
    bool all = false;
    while (!all && hermes_recv(receiver, SILENCE_MS, &e) == HERMES_OK) {
        all = take(c, e);
        hermes_envelope_free(e);
    }
}

static void receive_batches(uint64_t receiver, struct check *c) {
    hermes_batch *b;
    bool all = false;
    while (!all && hermes_recv_batch(receiver, MOST, SILENCE_MS, &b) == HERMES_OK) {
        size_t n = hermes_batch_size(b);
        for (size_t i = 0; i < n && !all; i++) all = take(c, hermes_batch_at(b, i));
        hermes_batch_free(b);
    }
}

static void receive(void) {
    struct check *c = check_new();
    uint64_t receiver = start_receiver();
    if (strcmp(text_of("take", "batch"), "one") == 0)
        receive_singly(receiver, c);
    else
        receive_batches(receiver, c);
    check_print(c);
    wait_for_end();
    check(hermes_close(receiver), "close");
}

/* ---- A node at rest ------------------------------------------------------------ */

static void *loop(void *node) {
    check(hermes_node_run(*(uint64_t *)node), "node_run");
    return NULL;
}

/* A node that would publish what it receives, and receives nothing. */
static void rest(void) {
    uint64_t node, publisher, receiver;
    check(hermes_publisher_new(text_of("in", ""), "node", &publisher), "new");
    check(hermes_receiver_new(text_of("out", ""), "node", &receiver), "new");
    check(hermes_receiver_subscribe(receiver, "nothing", 7), "subscribe");
    check(hermes_node_new("node", receiver, publisher, &node), "new");
    check(hermes_start(node), "start");
    pthread_t thread;
    if (pthread_create(&thread, NULL, loop, &node) != 0) fail("no thread");
    say("ready");
    wait_for_end();
    check(hermes_stop(node, 1000), "stop");
    pthread_join(thread, NULL);
}

int main(int argc, char **argv) {
    const char *role = arguments(argc, argv);
    if (strcmp(role, "publish") == 0)
        publish(false);
    else if (strcmp(role, "call") == 0)
        publish(true);
    else if (strcmp(role, "receive") == 0)
        receive();
    else if (strcmp(role, "node") == 0)
        rest();
    else
        fail("no role %s", role);
    return 0;
}
