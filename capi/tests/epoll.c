/* SPDX-License-Identifier: MIT
 *
 * An event loop with epoll sees what hermes_fd() gives: level-triggered, as polling.c has it.
 */
#include "support.h"

#include <sys/epoll.h>

static int wait_for(int loop, struct epoll_event *event, int timeout_ms) {
    int n;
    do n = epoll_wait(loop, event, 1, timeout_ms);
    while (n < 0 && errno == EINTR); /* Go preempts with signals */
    return n;
}

int main(void) {
    struct cluster c;
    start_cluster(&c);
    int loop = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    CHECK(loop >= 0 && epoll_ctl(loop, EPOLL_CTL_ADD, hermes_fd(c.receiver), &event) == 0);
    CHECK(wait_for(loop, &event, 0) == 0);
    OK(publish(c.publisher, "t", "1"));
    CHECK(wait_for(loop, &event, PATIENCE_MS) == 1);
    CHECK(wait_for(loop, &event, 0) == 1);
    hermes_envelope *envelope;
    OK(hermes_recv(c.receiver, 0, &envelope));
    hermes_envelope_free(envelope);
    CHECK(wait_for(loop, &event, 0) == 0);
    close_descriptor(loop);
    close_cluster(&c);
    return 0;
}
