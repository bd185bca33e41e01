/* SPDX-License-Identifier: MIT
 *
 * hermes_pipe(): a byte whenever there may be something to take, and an object that goes
 * with its socket; hermes_stop_begin(): a stop that does not hold up the caller.
 */
#include "support.h"

/* Waits for bytes and reads them: how many, or 0 at the end of the stream. */
static int bytes(int fd, int timeout_ms) {
    char some[64];
    if (!poll_descriptor(fd, timeout_ms)) return -1;
    return read_descriptor(fd, some, sizeof some);
}

/* Takes until there is nothing. */
static int drain(uint64_t receiver) {
    hermes_batch *batch;
    int taken = 0, code;
    while (!(code = hermes_recv_batch(receiver, 7, 0, &batch))) {
        taken += (int)hermes_batch_size(batch);
        hermes_batch_free(batch);
    }
    CHECK(code == HERMES_ETIMEOUT);
    return taken;
}

static void a_byte_says_that_there_may_be_something(struct cluster *c) {
    int fd = hermes_pipe(c->receiver), taken = 0;
    OK(fd);
    FAILS(HERMES_ESTATE, "a pipe already", hermes_pipe(c->receiver));
    CHECK(bytes(fd, PATIENCE_MS) == 1); /* the first look */
    CHECK(drain(c->receiver) == 0);
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 20; i++) OK(publish(c->publisher, "t", "1"));
        for (; taken < 20 * (round + 1); taken += drain(c->receiver))
            CHECK(bytes(fd, PATIENCE_MS) > 0);
    }
    CHECK(drain(c->receiver) == 0);
    while (bytes(fd, 0) > 0) CHECK(drain(c->receiver) == 0);

    /* One byte until it has been looked: an arrival costs no call where none is awaited. */
    OK(publish(c->publisher, "t", "1"));
    CHECK(bytes(fd, PATIENCE_MS) == 1);
    OK(publish(c->publisher, "t", "2"));
    while (drain(c->receiver) == 0) {
    }
    CHECK(write_descriptor(fd, "ignored", 7) == 7);

    OK(hermes_stop(c->receiver, PATIENCE_MS));
    CHECK(bytes(fd, PATIENCE_MS) > 0);
    OK(hermes_start(c->receiver));
    OK(hermes_wait_ready(c->receiver, PATIENCE_MS));
    drain(c->receiver);
    for (int heard = -1; heard < 0;) { /* until its subscription has arrived again */
        OK(publish(c->publisher, "t", "1"));
        heard = bytes(fd, 10);
    }
    uint64_t receiver = c->receiver;
    OK(hermes_close(receiver));
    int end;
    do end = bytes(fd, PATIENCE_MS);
    while (end > 0);
    CHECK(end == 0);
    CHECK(close_descriptor(fd) == 0);
    FAILS(HERMES_EBADHANDLE, "closed", hermes_pipe(receiver));
}

/* Closing the socket closes the object, whatever it is: of what ends without a word. */
static void an_object_goes_with_its_socket(void) {
    struct cluster c;
    start_cluster(&c);
    uint64_t node, left[4], again;
    OK(hermes_node_new("n", c.receiver, 0, &node));
    memcpy(left, (uint64_t[]){node, c.publisher, c.receiver, c.office}, sizeof left);
    for (int i = 0; i < 4; i++) {
        int fd = hermes_pipe(left[i]);
        OK(fd);
        if (left[i] == c.publisher) OK(publish(c.publisher, "t", "\"the last word\""));
        CHECK(close_descriptor(fd) == 0);
        while (hermes_wait(left[i], 0) != HERMES_EBADHANDLE) sleep_ms(1);
        if (left[i] != c.publisher) continue;
        hermes_envelope *e;
        OK(hermes_recv(c.receiver, PATIENCE_MS, &e)); /* flushed, as by hermes_close() */
        hermes_envelope_free(e);
    }
    int code;
    do { /* its address is free again, as soon as it has closed */
        OK(hermes_postoffice_new(c.in, c.out, NULL, &again));
        code = hermes_start(again);
        CHECK(code == HERMES_OK || code == HERMES_EADDRINUSE);
        OK(hermes_close(again));
    } while (code != HERMES_OK);
}

static void a_stop_that_is_only_begun(void) {
    uint64_t p;
    char text[256];
    OK(hermes_publisher_new("tcp://127.0.0.1:9", "slow", &p));
    OK(hermes_set(p, "ready.hold", "1h"));
    OK(hermes_stop_begin(p, HERMES_FOREVER)); /* does not run, and may be started */
    for (int round = 0; round < 20; round++) {
        OK(hermes_start(p));
        OK(publish(p, "t", "1"));
        OK(hermes_stop_begin(p, HERMES_FOREVER));
        FAILS(HERMES_ETIMEOUT, "running", hermes_wait(p, 1));
        OK(hermes_stop_begin(p, 0)); /* in less time */
        OK(hermes_wait(p, PATIENCE_MS));
        OK(hermes_get(p, "stop_error", text, sizeof text));
        CHECK(strstr(text, "\"slow\"") && strstr(text, "1 envelopes"));
    }
    OK(hermes_start(p));
    OK(hermes_get(p, "stop_error", text, sizeof text));
    CHECK(text[0] == 0);
    OK(hermes_stop_begin(p, 0));
    OK(hermes_wait(p, PATIENCE_MS));
    OK(hermes_get(p, "stop_error", text, sizeof text));
    CHECK(text[0] == 0);
    OK(hermes_get(p, "stop_reason", text, sizeof text));
    CHECK(!strcmp(text, "stop"));
    OK(hermes_close(p));
}

int main(void) {
    struct cluster c;
    start_cluster(&c);
    a_byte_says_that_there_may_be_something(&c);
    close_cluster(&c);
    an_object_goes_with_its_socket();
    a_stop_that_is_only_begun();
    return 0;
}
