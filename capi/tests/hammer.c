/* SPDX-License-Identifier: MIT
 *
 * Threads that use the same handles for everything at once, while others stop,
 * start and close them: no crash, no hang, and no code that the header does not
 * list. Also run against a library with Go's race detector.
 */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 6, SPAN_MS = 3000 };

static struct cluster c;
static atomic_uint_fast64_t node, closing_receiver;
static atomic_int over;

static void one_of(const char *function, int code, const int codes[], int count) {
    if (code >= 0) return;
    for (int i = 0; i < count; i++)
        if (codes[i] == code) return;
    fprintf(stderr, "%s gave %d: %s\n", function, code, last_error());
    abort();
}

#define ONE_OF(call, ...)                                                                          \
    do {                                                                                           \
        const int codes[] = {__VA_ARGS__};                                                         \
        one_of(#call, (call), codes, sizeof codes / sizeof codes[0]);                              \
    } while (0)

static void publish_some(void) {
    ONE_OF(publish(c.publisher, "t", "[1,2,3]"), HERMES_ESTATE, HERMES_EFULL);
    static const char two[] = "[[\"a\",null,1],[\"b\",\"o\",2]]";
    ONE_OF(hermes_publish_batch(c.publisher, two, sizeof two - 1, NULL), HERMES_ESTATE,
           HERMES_EFULL);
    ONE_OF(hermes_publish_try(c.publisher, "[\"t\",null,1]"), HERMES_ESTATE, HERMES_ETIMEOUT);
    static const char row[] = "[\1\0\0\0(\3\0\0\0u\1\0\0\0tu\1\0\0\0oi\1\0\0\0";
    ONE_OF(hermes_publish_marshal(c.publisher, row, sizeof row - 1, NULL), HERMES_ESTATE,
           HERMES_ETIMEOUT);
    ONE_OF(hermes_node_publish(node, "c", 1, "1", 1), HERMES_ESTATE, HERMES_EFULL,
           HERMES_EBADHANDLE);
}

static void receive_some(uint64_t receiver) {
    hermes_envelope *envelope;
    hermes_batch *batch;
    char *text;
    ONE_OF(hermes_recv(receiver, 1, &envelope), HERMES_ETIMEOUT, HERMES_ESTOPPED, HERMES_ESTATE,
           HERMES_EBADHANDLE);
    if (envelope != NULL) CHECK(hermes_envelope_data(envelope, NULL)[0] != '\0');
    hermes_envelope_free(envelope);
    ONE_OF(hermes_recv_batch(receiver, 64, 0, &batch), HERMES_ETIMEOUT, HERMES_ESTOPPED,
           HERMES_ESTATE, HERMES_EBADHANDLE);
    for (size_t i = 0; i < hermes_batch_size(batch); i++)
        CHECK(hermes_envelope_topic(hermes_batch_at(batch, i), NULL) != NULL);
    hermes_batch_free(batch);
    ONE_OF(hermes_recv_json(receiver, 64, 0, &text, NULL, NULL), HERMES_ETIMEOUT, HERMES_ESTOPPED,
           HERMES_ESTATE, HERMES_EBADHANDLE);
    hermes_free(text);
    size_t len;
    ONE_OF(hermes_recv_marshal(receiver, 64, 0, &text, &len), HERMES_ETIMEOUT, HERMES_ESTOPPED,
           HERMES_ESTATE, HERMES_EBADHANDLE);
    CHECK((text != NULL) == (len > 0));
    hermes_free(text);
    ONE_OF(hermes_node_recv(node, 0, &envelope), HERMES_ETIMEOUT, HERMES_ESTOPPED, HERMES_ESTATE,
           HERMES_EBADHANDLE);
    hermes_envelope_free(envelope);
}

static void ask_some(uint64_t handle) {
    char buf[256], *text;
    ONE_OF(hermes_get(handle, "state", buf, sizeof buf), HERMES_EBADHANDLE);
    ONE_OF(hermes_set(handle, "linger", "100ms"), HERMES_EBADHANDLE);
    ONE_OF(hermes_stats(handle, &text, NULL), HERMES_EBADHANDLE);
    hermes_free(text);
    ONE_OF(hermes_next_event(handle, 0, &text, NULL), HERMES_ETIMEOUT, HERMES_ESTOPPED,
           HERMES_EBADHANDLE);
    hermes_free(text);
    ONE_OF(hermes_wait(handle, 0), HERMES_ETIMEOUT, HERMES_EBADHANDLE);
    ONE_OF(hermes_wait_ready(handle, 0), HERMES_ETIMEOUT, HERMES_ESTATE, HERMES_ESTOPPED,
           HERMES_EBADHANDLE);
}

static void follow_some(uint64_t receiver) {
    ONE_OF(hermes_receiver_subscribe(receiver, "t", 1), HERMES_EBADHANDLE);
    ONE_OF(hermes_receiver_unsubscribe(receiver, "t", 1), HERMES_EBADHANDLE, HERMES_EINVAL);
    ONE_OF(hermes_fd(receiver), HERMES_EBADHANDLE);
}

static void *use(void *number) {
    int turn = (int)(intptr_t)number;
    while (!atomic_load(&over)) switch (turn++ % 4) {
        case 0:
            publish_some();
            break;
        case 1:
            receive_some(c.receiver);
            receive_some(closing_receiver);
            break;
        case 2:
            ask_some(c.publisher);
            ask_some(c.receiver);
            ask_some(c.office);
            ask_some(closing_receiver);
            break;
        default:
            follow_some(c.receiver);
            follow_some(closing_receiver);
        }
    return NULL;
}

/* Stops and starts the publisher, and replaces a receiver and the node. */
static void *disturb(void *unused) {
    (void)unused;
    while (!atomic_load(&over)) {
        uint64_t fresh;
        OK(hermes_receiver_new(c.out, "closing", &fresh));
        OK(hermes_start(fresh));
        OK(hermes_close(atomic_exchange(&closing_receiver, fresh)));
        OK(hermes_node_new("n", c.receiver, c.publisher, &fresh));
        OK(hermes_close(atomic_exchange(&node, fresh)));
        ONE_OF(hermes_stop(c.publisher, 10), HERMES_ETIMEOUT);
        OK(hermes_start(c.publisher));
        sleep_ms(5);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS + 1];
    uint64_t first;
    start_cluster(&c);
    OK(hermes_receiver_new(c.out, "closing", &first));
    closing_receiver = first;
    OK(hermes_node_new("n", c.receiver, c.publisher, &first));
    node = first;
    CHECK(pthread_create(&threads[THREADS], NULL, disturb, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, use, (void *)(intptr_t)i) == 0);
    sleep_ms(SPAN_MS);
    atomic_store(&over, 1);
    for (int i = 0; i <= THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    OK(hermes_close(node));
    OK(hermes_close(closing_receiver));
    /* What a second is too short for, or waits for a receiver that has only just left. */
    ONE_OF(hermes_close(c.publisher), HERMES_ETIMEOUT);
    OK(hermes_close(c.receiver));
    ONE_OF(hermes_close(c.office), HERMES_ETIMEOUT);
    return 0;
}
