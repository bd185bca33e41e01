/* SPDX-License-Identifier: MIT
 *
 * A wait that was in vain says why, in hermes_last_error() and in the statistics, whatever
 * way the call has taken; and so does a stop that had to give something up.
 */
#include "support.h"

/* An address of this machine at which no program listens. */
static const char *closed_port(void) {
    static char text[64];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = (int)socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    close_descriptor(fd);
    snprintf(text, sizeof text, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    return text;
}

/* Waits until the statistics tell of this problem. */
static void await_problem(uint64_t handle, const char *problem) {
    for (int64_t end = now_ns() + PATIENCE_MS * INT64_C(1000000);; sleep_ms(5)) {
        char *text;
        OK(hermes_stats(handle, &text, NULL));
        int told = strstr(text, "\"problem\":") != NULL && strstr(text, problem) != NULL;
        hermes_free(text);
        if (told) return;
        CHECK(now_ns() < end);
    }
}

/* Every way to wait for an envelope. Several times, for the first call does more than later ones. */
static void every_wait_says(uint64_t receiver, const char *why) {
    hermes_envelope *envelope;
    hermes_batch *batch;
    char *text;
    size_t len;
    for (int i = 0; i < 3; i++) {
        FAILS(HERMES_ETIMEOUT, why, hermes_recv(receiver, 10, &envelope));
        FAILS(HERMES_ETIMEOUT, why, hermes_recv_batch(receiver, 10, 10, &batch));
        FAILS(HERMES_ETIMEOUT, why, hermes_recv_json(receiver, 10, 10, &text, &len, NULL));
    }
}

int main(void) {
    uint64_t receiver, publisher, node;
    OK(hermes_receiver_new(closed_port(), "r", &receiver));
    OK(hermes_start(receiver));
    await_problem(receiver, CONNECTION_REFUSED);
    every_wait_says(receiver, CONNECTION_REFUSED);
    FAILS(HERMES_ETIMEOUT, CONNECTION_REFUSED, hermes_wait_ready(receiver, 10));

    OK(hermes_publisher_new(closed_port(), "p", &publisher));
    OK(hermes_set(publisher, "queue.messages", "1"));
    OK(hermes_set(publisher, "queue.block", "1ms"));
    OK(hermes_set(publisher, "ready.hold", "1h"));
    OK(hermes_node_new("n", receiver, publisher, &node));
    OK(hermes_start(publisher));
    await_problem(publisher, CONNECTION_REFUSED);
    FAILS(HERMES_ETIMEOUT, CONNECTION_REFUSED, hermes_wait_ready(publisher, 10));
    OK(publish(publisher, "t", "1"));
    FAILS(HERMES_EFULL, CONNECTION_REFUSED, publish(publisher, "t", "2"));
    FAILS(HERMES_ETIMEOUT, CONNECTION_REFUSED, hermes_stop(publisher, 0));
    OK(hermes_close(node));
    OK(hermes_close(publisher));
    OK(hermes_close(receiver));

    struct cluster c;
    start_office(&c);
    OK(hermes_receiver_new(c.in, "r", &receiver));
    OK(hermes_start(receiver));
    await_problem(receiver, "is the address for publishers; receivers connect to tcp://127.0.0.1:");
    every_wait_says(receiver,
                    "is the address for publishers; receivers connect to tcp://127.0.0.1:");
    OK(hermes_close(receiver));
    OK(hermes_receiver_new(c.out, "r", &receiver));
    OK(hermes_receiver_subscribe(receiver, "some", 4));
    OK(hermes_start(receiver));
    OK(hermes_wait_ready(receiver, PATIENCE_MS));
    every_wait_says(
        receiver,
        "no envelope has arrived for its subscriptions: the topics that begin with \"some\"");
    OK(hermes_close(receiver));
    OK(hermes_close(c.office));
    return 0;
}
