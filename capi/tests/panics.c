/* SPDX-License-Identifier: MIT
 *
 * A panic inside the library, in any of its functions, is an error code with a text.
 * The object has failed; the program and all other objects go on.
 *
 * Needs a library built with the tag hermestest, whose option "test.panic" makes the next
 * call of the function that it names panic, and with --off all, so that the call enters Go.
 */
#include "support.h"

#include <pthread.h>

static struct cluster c; /* the bystanders */

static const char *const constructors[] = {"hermes_publisher_new", "hermes_receiver_new",
                                           "hermes_postoffice_new", "hermes_node_new"};

static int construct(int i, uint64_t *h) {
    switch (i) {
    case 0:
        return hermes_publisher_new("tcp://127.0.0.1:9", "p", h);
    case 1:
        return hermes_receiver_new("tcp://127.0.0.1:9", "r", h);
    case 2:
        return hermes_postoffice_new("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", NULL, h);
    default:
        return hermes_node_new("n", 0, 0, h);
    }
}

static void panics_in_constructors(void) {
    for (int i = 0; i < 4; i++) {
        uint64_t h = 1;
        OK(hermes_set(c.receiver, "test.panic", constructors[i]));
        FAILS(HERMES_EINTERNAL, constructors[i], construct(i, &h));
        CHECK(h == 0);
        OK(construct(i, &h));
        OK(hermes_close(h));
    }
}

static char buf[64], *text;
static hermes_envelope *envelope;
static hermes_batch *batch;

static int p_publish(uint64_t h) {
    return publish(h, "t", "1");
}
static int p_publish_try(uint64_t h) {
    return hermes_publish_try(h, "[\"t\",null,1]");
}
static int p_publish_marshal(uint64_t h) {
    return hermes_publish_marshal(h, "[", 1, NULL);
}

static int p_publish_batch(uint64_t h) {
    return hermes_publish_batch(h, "[]", 2, NULL);
}
static int r_subscribe(uint64_t h) {
    return hermes_receiver_subscribe(h, "t", 1);
}
static int r_unsubscribe(uint64_t h) {
    return hermes_receiver_unsubscribe(h, "t", 1);
}
static int r_accept(uint64_t h) {
    return hermes_receiver_accept(h, "o", 1);
}
static int r_recv(uint64_t h) {
    return hermes_recv(h, 0, &envelope);
}
static int r_recv_batch(uint64_t h) {
    return hermes_recv_batch(h, 1, 0, &batch);
}
static int r_recv_json(uint64_t h) {
    return hermes_recv_json(h, 1, 0, &text, NULL, NULL);
}
static int r_fd(uint64_t h) {
    return hermes_fd(h);
}
static int r_set(uint64_t h) {
    return hermes_set(h, "linger", "1s");
}
static int r_get(uint64_t h) {
    return hermes_get(h, "name", buf, sizeof buf);
}
static int r_start(uint64_t h) {
    return hermes_start(h);
}
static int r_stop(uint64_t h) {
    return hermes_stop(h, 0);
}
static int r_wait(uint64_t h) {
    return hermes_wait(h, 0);
}
static int r_wait_ready(uint64_t h) {
    return hermes_wait_ready(h, 0);
}
static int r_stats(uint64_t h) {
    return hermes_stats(h, &text, NULL);
}
static int r_next_event(uint64_t h) {
    return hermes_next_event(h, 0, &text, NULL);
}
static int n_publish(uint64_t h) {
    return hermes_node_publish(h, "c", 1, "1", 1);
}
static int n_recv(uint64_t h) {
    return hermes_node_recv(h, 0, &envelope);
}
static int n_run(uint64_t h) {
    return hermes_node_run(h);
}
static int r_recv_marshal(uint64_t h) {
    size_t len;
    return hermes_recv_marshal(h, 1, 0, &text, &len);
}
static int r_close(uint64_t h) {
    return hermes_close(h);
}

static const struct function {
    const char *name;
    int constructor;
    int (*call)(uint64_t);
} functions[] = {
    {"hermes_publish", 0, p_publish},
    {"hermes_publish_batch", 0, p_publish_batch},
    {"hermes_publish_try", 0, p_publish_try},
    {"hermes_publish_marshal", 0, p_publish_marshal},
    {"hermes_receiver_subscribe", 1, r_subscribe},
    {"hermes_receiver_unsubscribe", 1, r_unsubscribe},
    {"hermes_receiver_accept", 1, r_accept},
    {"hermes_recv", 1, r_recv},
    {"hermes_recv_batch", 1, r_recv_batch},
    {"hermes_recv_json", 1, r_recv_json},
    {"hermes_recv_marshal", 1, r_recv_marshal},
    {"hermes_fd", 1, r_fd},
    {"hermes_set", 1, r_set},
    {"hermes_get", 2, r_get},
    {"hermes_start", 1, r_start},
    {"hermes_stop", 2, r_stop},
    {"hermes_wait", 1, r_wait},
    {"hermes_wait_ready", 0, r_wait_ready},
    {"hermes_stats", 2, r_stats},
    {"hermes_next_event", 1, r_next_event},
    {"hermes_node_publish", 3, n_publish},
    {"hermes_node_recv", 3, n_recv},
    {"hermes_node_run", 3, n_run},
    {"hermes_close", 1, r_close},
};

static void bystanders_go_on(void) {
    OK(publish(c.publisher, "t", "1"));
    OK(hermes_recv(c.receiver, PATIENCE_MS, &envelope));
    hermes_envelope_free(envelope);
}

static void panics_in_calls(void) {
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        const struct function *f = &functions[i];
        uint64_t h;
        OK(construct(f->constructor, &h));
        int starts = f->call == r_start;
        if (!starts) OK(hermes_start(h));
        OK(hermes_set(c.receiver, "test.panic", f->name));
        int code = f->call(h);
        FAILS(HERMES_EINTERNAL, f->name, code);
        FAILS(HERMES_EINTERNAL, "fault injected by a test", code);
        if (f->call != r_close) FAILS(HERMES_EINTERNAL, f->name, hermes_wait(h, PATIENCE_MS));
        bystanders_go_on();
        OK(hermes_close(h));
        OK(hermes_close(h));
    }
}

/* ---- Panics in the library's own threads ------------------------------------ */

static void *wait_for_the_fault(void *handle) {
    FAILS(HERMES_EINTERNAL, "fault injected by a test",
          hermes_wait(*(uint64_t *)handle, PATIENCE_MS));
    return NULL;
}

/* One of a cluster's three panics as it moves an envelope. Who waits on it learns
 * why; the others can be closed as ever. */
static void panics_in_threads(const char *place) {
    struct cluster other;
    pthread_t waiter;
    start_cluster(&other);
    uint64_t failing = strcmp(place, "publisher") == 0  ? other.publisher
                       : strcmp(place, "receiver") == 0 ? other.receiver
                                                        : other.office;
    CHECK(pthread_create(&waiter, NULL, wait_for_the_fault, &failing) == 0);
    OK(hermes_set(c.receiver, "test.panic", place));
    OK(publish(other.publisher, "t", "1"));
    CHECK(pthread_join(waiter, NULL) == 0);
    OK(hermes_get(failing, "state", buf, sizeof buf));
    CHECK(strcmp(buf, "stopped") == 0);
    if (failing == other.receiver)
        FAILS(HERMES_ESTOPPED, "fault injected by a test", hermes_recv(failing, 0, &envelope));
    bystanders_go_on();
    OK(hermes_close(other.publisher));
    OK(hermes_close(other.receiver));
    OK(hermes_close(other.office));
}

int main(void) {
    start_cluster(&c);
    panics_in_constructors();
    panics_in_calls();
    panics_in_threads("publisher");
    panics_in_threads("receiver");
    panics_in_threads("post office");
    bystanders_go_on();
    close_cluster(&c);
    return 0;
}
