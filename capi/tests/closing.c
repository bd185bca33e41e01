/* SPDX-License-Identifier: MIT
 *
 * Closing wakes every thread that waits on the object, however many close it at
 * once, and is harmless afterwards.
 */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_int waiting;

struct waiter {
    int (*wait)(uint64_t);
    uint64_t handle;
    int code;
    char text[256];
};

static void *run_waiter(void *argument) {
    struct waiter *w = argument;
    atomic_fetch_add(&waiting, 1);
    w->code = w->wait(w->handle);
    hermes_last_error(w->text, sizeof w->text);
    return NULL;
}

static int in_recv(uint64_t h) {
    hermes_envelope *envelope;
    return hermes_recv(h, HERMES_FOREVER, &envelope);
}
static int in_recv_negative(uint64_t h) {
    hermes_envelope *envelope;
    return hermes_recv(h, INT32_MIN, &envelope);
}
static int in_recv_batch(uint64_t h) {
    hermes_batch *batch;
    return hermes_recv_batch(h, 10, PATIENCE_MS, &batch);
}
static int in_recv_json(uint64_t h) {
    char *text;
    return hermes_recv_json(h, 10, HERMES_FOREVER, &text, NULL, NULL);
}
static int in_recv_marshal(uint64_t h) {
    char *values;
    size_t len;
    return hermes_recv_marshal(h, 10, HERMES_FOREVER, &values, &len);
}
static int in_wait(uint64_t h) {
    return hermes_wait(h, HERMES_FOREVER);
}
static int in_wait_ready(uint64_t h) {
    return hermes_wait_ready(h, HERMES_FOREVER);
}
static int in_next_event(uint64_t h) {
    for (;;) {
        char *json;
        int code = hermes_next_event(h, HERMES_FOREVER, &json, NULL);
        if (code != HERMES_OK) return code;
        hermes_free(json);
    }
}
static int in_node_recv(uint64_t h) {
    hermes_envelope *envelope;
    return hermes_node_recv(h, HERMES_FOREVER, &envelope);
}
static int in_node_run(uint64_t h) {
    return hermes_node_run(h);
}

/* Lets threads wait on an object, closes it, and checks how each of them woke. */
static void close_wakes(uint64_t handle, int count, struct waiter waiters[], const int want[]) {
    pthread_t threads[8];
    atomic_store(&waiting, 0);
    for (int i = 0; i < count; i++) {
        waiters[i].handle = handle;
        CHECK(pthread_create(&threads[i], NULL, run_waiter, &waiters[i]) == 0);
    }
    while (atomic_load(&waiting) < count) sleep_ms(1);
    sleep_ms(50); /* most are inside by now; those that are not find it closed */
    OK(hermes_close(handle));
    for (int i = 0; i < count; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        if (waiters[i].code != want[i] && waiters[i].code != HERMES_EBADHANDLE) {
            fprintf(stderr, "waiter %d: %d, not %d: %s\n", i, waiters[i].code, want[i],
                    waiters[i].text);
            abort();
        }
    }
    OK(hermes_close(handle));
}

static void close_wakes_receivers(void) {
    struct cluster c;
    start_cluster(&c);
    struct waiter waiters[] = {{in_recv, 0, 0, ""},        {in_recv_negative, 0, 0, ""},
                               {in_recv_batch, 0, 0, ""},  {in_recv_json, 0, 0, ""},
                               {in_wait, 0, 0, ""},        {in_next_event, 0, 0, ""},
                               {in_recv_marshal, 0, 0, ""}};
    const int want[] = {HERMES_ESTOPPED, HERMES_ESTOPPED, HERMES_ESTOPPED, HERMES_ESTOPPED,
                        HERMES_OK,       HERMES_ESTOPPED, HERMES_ESTOPPED};
    close_wakes(c.receiver, 7, waiters, want);
    close_cluster(&c);
}

static void close_wakes_publishers_that_wait_to_be_ready(void) {
    uint64_t publisher;
    OK(hermes_publisher_new("tcp://127.0.0.1:9", "p", &publisher));
    OK(hermes_start(publisher));
    struct waiter waiters[] = {{in_wait_ready, 0, 0, ""}, {in_wait, 0, 0, ""}};
    const int want[] = {HERMES_ESTOPPED, HERMES_OK};
    close_wakes(publisher, 2, waiters, want);
}

static void close_wakes_nodes(void) {
    struct cluster c;
    start_office(&c);
    uint64_t node;
    OK(hermes_receiver_new(c.out, "r", &c.receiver));
    OK(hermes_publisher_new(c.in, "p", &c.publisher));
    OK(hermes_node_new("n", c.receiver, c.publisher, &node));
    OK(hermes_start(node));
    struct waiter waiters[] = {{in_node_recv, 0, 0, ""}, {in_node_run, 0, 0, ""}};
    const int want[] = {HERMES_ESTOPPED, HERMES_OK};
    close_wakes(node, 2, waiters, want);
    close_cluster(&c);
}

static int in_recv_something(uint64_t h) {
    hermes_envelope *envelope;
    int code = hermes_recv(h, PATIENCE_MS, &envelope);
    hermes_envelope_free(envelope);
    return code;
}

/* A receiver that was not started by its node runs on without it, also where a thread
 * waited for it by way of the node. */
static void closing_a_node_leaves_alone_what_it_has_not_started(void) {
    struct cluster c;
    start_cluster(&c);
    uint64_t node;
    OK(hermes_node_new("n", c.receiver, 0, &node));
    struct waiter waiters[] = {{in_node_recv, 0, 0, ""}};
    const int want[] = {HERMES_ESTOPPED};
    close_wakes(node, 1, waiters, want);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        struct waiter w = {in_recv_something, c.receiver, 0, ""};
        atomic_store(&waiting, 0);
        CHECK(pthread_create(&thread, NULL, run_waiter, &w) == 0);
        while (!atomic_load(&waiting)) sleep_ms(1);
        sleep_ms(50); /* it waits by now, as a rule */
        OK(publish(c.publisher, "t", "1"));
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(w.code == HERMES_OK);
    }
    close_cluster(&c);
}

static void stop_wakes_too_and_start_begins_again(void) {
    struct cluster c;
    start_cluster(&c);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        struct waiter w = {in_recv, c.receiver, 0, ""};
        atomic_store(&waiting, 0);
        CHECK(pthread_create(&thread, NULL, run_waiter, &w) == 0);
        while (!atomic_load(&waiting)) sleep_ms(1);
        OK(hermes_stop(c.receiver, PATIENCE_MS));
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(w.code == HERMES_ESTOPPED);
        OK(hermes_start(c.receiver));
        OK(hermes_wait_ready(c.receiver, PATIENCE_MS));
    }
    close_cluster(&c);
}

static void *close_it(void *handle) {
    return (void *)(intptr_t)hermes_close(*(uint64_t *)handle);
}

static void many_close_at_once(void) {
    for (int round = 0; round < 20; round++) {
        pthread_t threads[4];
        uint64_t receiver;
        OK(hermes_receiver_new("tcp://127.0.0.1:9", "r", &receiver));
        OK(hermes_start(receiver));
        for (int i = 0; i < 4; i++)
            CHECK(pthread_create(&threads[i], NULL, close_it, &receiver) == 0);
        for (int i = 0; i < 4; i++) {
            void *code;
            CHECK(pthread_join(threads[i], &code) == 0);
            CHECK((intptr_t)code == HERMES_OK);
        }
    }
}

/* What was received belongs to the caller, and outlives the receiver. */
static void envelopes_outlive_their_receiver(void) {
    struct cluster c;
    start_cluster(&c);
    OK(publish(c.publisher, "t", "\"kept\""));
    OK(publish(c.publisher, "t", "\"kept\""));
    hermes_envelope *envelope;
    hermes_batch *batch;
    OK(hermes_recv(c.receiver, PATIENCE_MS, &envelope));
    OK(hermes_recv_batch(c.receiver, 5, PATIENCE_MS, &batch));
    close_cluster(&c);
    CHECK(strcmp(hermes_envelope_data(envelope, NULL), "\"kept\"") == 0);
    CHECK(strcmp(hermes_envelope_data(hermes_batch_at(batch, 0), NULL), "\"kept\"") == 0);
    hermes_envelope_free((hermes_envelope *)hermes_batch_at(batch, 0)); /* the batch's: harmless */
    hermes_batch_free(batch);
    hermes_envelope_free(envelope);
}

int main(void) {
    close_wakes_receivers();
    close_wakes_publishers_that_wait_to_be_ready();
    close_wakes_nodes();
    closing_a_node_leaves_alone_what_it_has_not_started();
    stop_wakes_too_and_start_begins_again();
    many_close_at_once();
    envelopes_outlive_their_receiver();
    return 0;
}
