/* SPDX-License-Identifier: MIT
 *
 * Two hundred clusters made, started, used, stopped and closed one after the other
 * leave no descriptor and no thread behind.
 */
#include "support.h"

#include <dirent.h>

enum { WARM_UP = 20, CYCLES = 200 };

/* Threads of the Go runtime come when calls block, and stay to be used again. */
enum { SPARE_THREADS = 10 };

static int entries(const char *directory) {
    int count = 0;
    DIR *d = opendir(directory);
    CHECK(d != NULL);
    while (readdir(d) != NULL) count++;
    closedir(d);
    return count;
}

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
static void settles(const char *directory, int allowed) {
    for (int64_t deadline = now_ns() + INT64_C(1000000) * PATIENCE_MS; now_ns() < deadline;) {
        if (entries(directory) <= allowed) return;
        sleep_ms(20);
    }
    fprintf(stderr, "%s: %d entries, allowed are %d\n", directory, entries(directory), allowed);
    abort();
}

int main(void) {
    for (int i = 0; i < WARM_UP; i++) cycle();
    sleep_ms(100);
    int descriptors = entries("/proc/self/fd"), threads = entries("/proc/self/task");
    for (int i = 0; i < CYCLES; i++) cycle();
    settles("/proc/self/fd", descriptors);
    settles("/proc/self/task", threads + SPARE_THREADS);
    return 0;
}
