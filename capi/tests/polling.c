/* SPDX-License-Identifier: MIT
 *
 * hermes_fd(): readable as long as there is something to take or the receiver has
 * stopped, whichever call asks, and however often; of a publisher, as long as there is room.
 */
#include "support.h"

static void take(uint64_t receiver) {
    hermes_envelope *envelope;
    OK(hermes_recv(receiver, 0, &envelope));
    hermes_envelope_free(envelope);
}

static void readable_while_there_is_something_to_take(struct cluster *c) {
    int fd = hermes_fd(c->receiver);
    OK(fd);
    CHECK(hermes_fd(c->receiver) == fd);
    for (int round = 0; round < 100; round++) {
        CHECK(!is_readable(fd, 0));
        OK(publish(c->publisher, "t", "1"));
        OK(publish(c->publisher, "t", "2"));
        CHECK(is_readable(fd, PATIENCE_MS));
        CHECK(is_readable(fd, 0)); /* level-triggered: still */
        take(c->receiver);
        CHECK(is_readable(fd, PATIENCE_MS)); /* for the second */
        take(c->receiver);
    }
    CHECK(!is_readable(fd, 0));
}

static void batches_empty_it_as_well(struct cluster *c) {
    int fd = hermes_fd(c->receiver);
    for (int round = 0, taken = 0; round < 20; round++, taken = 0) {
        for (int i = 0; i < 50; i++) OK(publish(c->publisher, "t", "1"));
        while (taken < 50) {
            hermes_batch *batch;
            CHECK(is_readable(fd, PATIENCE_MS));
            OK(hermes_recv_batch(c->receiver, 7, 0, &batch));
            taken += (int)hermes_batch_size(batch);
            hermes_batch_free(batch);
        }
        CHECK(!is_readable(fd, 0));
    }
}

static void readable_before_the_start_never(void) {
    uint64_t receiver;
    OK(hermes_receiver_new("tcp://127.0.0.1:9", "r", &receiver));
    int fd = hermes_fd(receiver);
    OK(fd);
    CHECK(!is_readable(fd, 0));
    OK(hermes_close(receiver));
}

static void readable_once_stopped(struct cluster *c) {
    int fd = hermes_fd(c->receiver);
    OK(hermes_stop(c->receiver, PATIENCE_MS));
    CHECK(is_readable(fd, PATIENCE_MS));
    hermes_envelope *envelope;
    FAILS(HERMES_ESTOPPED, "stopped", hermes_recv(c->receiver, 0, &envelope));
    CHECK(is_readable(fd, 0));
    OK(hermes_start(c->receiver));
    CHECK(hermes_fd(c->receiver) == fd);
    CHECK(!is_readable(fd, 0));
}

static void a_node_has_its_receivers(struct cluster *c) {
    uint64_t node;
    OK(hermes_node_new("n", c->receiver, 0, &node));
    CHECK(hermes_fd(node) == hermes_fd(c->receiver));
    OK(hermes_close(node));
}

/* A publisher's is readable unless its queue is full, which an attempt has to find out. */
static void a_publisher_has_room(struct cluster *c) {
    const char *row = "[\"room\", null, 1]";
    uint64_t publisher;
    OK(hermes_publisher_new(c->in, "patient", &publisher));
    OK(hermes_set(publisher, "queue.messages", "2"));
    OK(hermes_set(publisher, "ready.hold", "1m"));
    int fd = hermes_fd(publisher);
    OK(fd);
    OK(hermes_start(publisher));
    for (int sent = 0, waited = 0; sent < 1000 || waited == 0;) {
        int code = hermes_publish_try(publisher, row);
        if (code == HERMES_OK) {
            sent++;
            continue;
        }
        FAILS(HERMES_ETIMEOUT, "full for now", code);
        CHECK(is_readable(fd, PATIENCE_MS));
        waited++;
    }
    OK(hermes_stop(publisher, PATIENCE_MS));
    CHECK(is_readable(fd, 0));
    FAILS(HERMES_ESTATE, "patient", hermes_publish_try(publisher, row));
    OK(hermes_close(publisher));
    FAILS(HERMES_EBADHANDLE, "closed", hermes_fd(publisher));
}

int main(void) {
    struct cluster c;
    start_cluster(&c);
    readable_while_there_is_something_to_take(&c);
    batches_empty_it_as_well(&c);
    readable_before_the_start_never();
    readable_once_stopped(&c);
    a_node_has_its_receivers(&c);
    a_publisher_has_room(&c);
    close_cluster(&c);
    return 0;
}
