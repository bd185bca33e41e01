/* SPDX-License-Identifier: MIT
 *
 * Two hundred clusters made, started, used, stopped and closed one after the other
 * leave no descriptor and no thread behind.
 */
#include "support.h"

enum { WARM_UP = 20, CYCLES = 200 };

/* Threads of the Go runtime come when calls block, and stay to be used again. */
enum { SPARE_THREADS = 10 };

static void cycle(void) {
    struct cluster c;
    uint64_t node;
    hermes_envelope *envelope;
    start_cluster(&c);
    OK(hermes_fd(c.receiver));
    OK(hermes_node_new("n", c.receiver, c.publisher, &node));
    OK(publish(c.publisher, "t", "1"));
    OK(hermes_recv(c.receiver, PATIENCE_MS, &envelope));
    hermes_envelope_free(envelope);
    OK(hermes_stop(c.publisher, PATIENCE_MS));
    OK(hermes_stop(c.receiver, PATIENCE_MS));
    OK(hermes_start(c.receiver));
    OK(hermes_start(c.publisher));
    OK(hermes_close(node));
    close_cluster(&c);
}

/* Waits until a count is no more than allowed: threads take a moment to end. */
static void settles(const char *what, int count(void), int allowed) {
    for (int64_t deadline = now_ns() + INT64_C(1000000) * PATIENCE_MS; now_ns() < deadline;) {
        if (count() <= allowed) return;
        sleep_ms(20);
    }
    fprintf(stderr, "%d %s, allowed are %d\n", count(), what, allowed);
    abort();
}

int main(void) {
    for (int i = 0; i < WARM_UP; i++) cycle();
    sleep_ms(100);
    int descriptors = open_descriptors(), threads = running_threads();
    CHECK(descriptors >= 0 && threads > 0);
    for (int i = 0; i < CYCLES; i++) cycle();
    settles("descriptors", open_descriptors, descriptors);
    settles("threads", running_threads, threads + SPARE_THREADS);
    return 0;
}
