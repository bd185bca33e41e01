/* SPDX-License-Identifier: MIT
 *
 * What was taken from the queue and cannot be handed on for want of memory is an error of that
 * call, and counted as dropped: arrived = delivered + queued + dropped, as ever.
 *
 * This program's malloc, which the library uses too, has no memory for a thread that asks for
 * none. It runs without AddressSanitizer, which has a malloc of its own.
 */
#include "support.h"

#include <errno.h>

static __thread int starved;

void *__libc_malloc(size_t size);

void *malloc(size_t size) {
    if (!starved) return __libc_malloc(size);
    errno = ENOMEM;
    return NULL;
}

static struct cluster c;

/* Whether these are the counters. */
static int counted(uint64_t arrived, uint64_t delivered, uint64_t dropped) {
    char *json;
    OK(hermes_stats(c.receiver, &json, NULL));
    const int all = counter(json, "arrived") == arrived &&
                    counter(json, "delivered") == delivered &&
                    counter(json, "dropped_overflow") == dropped;
    hermes_free(json);
    return all;
}

static void await_arrived(uint64_t arrived, uint64_t delivered, uint64_t dropped) {
    for (int i = 0; i < PATIENCE_MS && !counted(arrived, delivered, dropped); i++) sleep_ms(1);
    CHECK(counted(arrived, delivered, dropped));
}

enum way { ENVELOPE, LARGE, NODE, BATCH, JSON, VALUES, WAYS };

static uint64_t node;

/* Takes in one way; without memory, where that is wanted. */
static int take(enum way way, int without) {
    hermes_envelope *e = NULL;
    hermes_batch *b = NULL;
    char *text = NULL;
    size_t len, count;
    int code;
    starved = without;
    switch (way) {
    case NODE:
        code = hermes_node_recv(node, 0, &e);
        break;
    case BATCH:
        code = hermes_recv_batch(c.receiver, 1, 0, &b);
        break;
    case JSON:
        code = hermes_recv_json(c.receiver, 1, 0, &text, &len, &count);
        break;
    case VALUES:
        code = hermes_recv_marshal(c.receiver, 1, 0, &text, &len);
        break;
    default:
        code = hermes_recv(c.receiver, 0, &e);
    }
    starved = 0;
    CHECK((code == HERMES_OK) == (e != NULL || b != NULL || text != NULL));
    hermes_envelope_free(e);
    hermes_batch_free(b);
    hermes_free(text);
    return code;
}

int main(void) {
    start_cluster(&c);
    OK(hermes_node_new("n", c.receiver, 0, &node));
    static char large[8000];
    memset(large, '1', sizeof large - 1);
    uint64_t arrived = 0, delivered = 0, dropped = 0;
    for (enum way way = ENVELOPE; way < WAYS; way++) {
        for (int i = 0; i < 2; i++) OK(publish(c.publisher, "t", way == LARGE ? large : "1"));
        arrived += 2;
        await_arrived(arrived, delivered, dropped);
        FAILS(HERMES_ENOMEM, "memory", take(way, 1));
        dropped++;
        CHECK(counted(arrived, delivered, dropped));
        OK(take(way, 0)); /* the next is as it should be */
        delivered++;
        CHECK(counted(arrived, delivered, dropped));
    }
    OK(hermes_close(node));
    close_cluster(&c);
    return 0;
}
