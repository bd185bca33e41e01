/* SPDX-License-Identifier: MIT
 *
 * Leaving: a program may exit at any moment, from any state, without stopping or
 * closing anything. It ends, and what it has published arrives.
 *
 * The program starts itself again and again with a role as its first argument.
 */
#include "support.h"

#include <pthread.h>
#include <unistd.h>

enum { EXITS = 100, FORGOTTEN = 20000 };

/* ---- Roles ----------------------------------------------------------------- */

static void *publish_for_ever(void *publisher) {
    while (publish(*(uint64_t *)publisher, "t", "1") == HERMES_OK);
    return NULL;
}

static void *receive_for_ever(void *receiver) {
    hermes_batch *batch;
    while (hermes_recv_batch(*(uint64_t *)receiver, 100, HERMES_FOREVER, &batch) == HERMES_OK)
        hermes_batch_free(batch);
    return NULL;
}

static void *close_all(void *argument) {
    struct cluster *c = argument;
    close_cluster(c);
    return NULL;
}

/* Exits while threads publish, receive and close. */
static int race(int delay_us) {
    static struct cluster c;
    pthread_t threads[3];
    start_cluster(&c);
    CHECK(pthread_create(&threads[0], NULL, publish_for_ever, &c.publisher) == 0);
    CHECK(pthread_create(&threads[1], NULL, receive_for_ever, &c.receiver) == 0);
    CHECK(pthread_create(&threads[2], NULL, close_all, &c) == 0);
    usleep((useconds_t)delay_us);
    return 0;
}

/* Publishes, and returns from main without another word. */
static int forget(const char *in) {
    uint64_t publisher;
    OK(hermes_publisher_new(in, "forgetful", &publisher));
    OK(hermes_start(publisher));
    char data[16];
    for (int i = 0; i < FORGOTTEN; i++) {
        snprintf(data, sizeof data, "%d", i);
        OK(publish(publisher, "t", data));
    }
    return 0;
}

/* Publishes to a post office that is not there. */
static int in_vain(void) {
    return forget("tcp://127.0.0.1:9");
}

/* ---- Starting them --------------------------------------------------------- */

static char *program; /* Not /proc/self/exe, which qemu cannot run. */

static void expect_good_end(process child) {
    int status = end_of(child);
    if (status == 0) return;
    fprintf(stderr, "a child ended with status %#x\n", (unsigned)status);
    abort();
}

static void a_hundred_exits_race_with_closing(void) {
    for (int i = 0; i < EXITS; i++) {
        char delay[16];
        snprintf(delay, sizeof delay, "%d", i * 97 % 5000);
        expect_good_end(start_self(program, "race", delay));
    }
}

static void a_program_that_forgets_to_stop_loses_nothing(void) {
    struct cluster c;
    start_office(&c);
    OK(hermes_receiver_new(c.out, "r", &c.receiver));
    OK(hermes_set(c.receiver, "on_slow", "ignore"));
    OK(hermes_start(c.receiver));
    OK(hermes_wait_ready(c.receiver, PATIENCE_MS));
    process child = start_self(program, "forget", c.in);
    for (int i = 0; i < FORGOTTEN; i++) {
        hermes_envelope *envelope;
        OK(hermes_recv(c.receiver, PATIENCE_MS, &envelope));
        CHECK(atoi(hermes_envelope_data(envelope, NULL)) == i);
        hermes_envelope_free(envelope);
    }
    expect_good_end(child);
    OK(hermes_close(c.receiver));
    OK(hermes_close(c.office));
}

int main(int count, char **arguments) {
    alarm(12 * PATIENCE_MS / 1000); /* under qemu a start takes seconds */
    program = arguments[0];
    if (count > 2 && strcmp(arguments[1], "race") == 0) return race(atoi(arguments[2]));
    if (count > 2 && strcmp(arguments[1], "forget") == 0) return forget(arguments[2]);
    if (count > 1 && strcmp(arguments[1], "in_vain") == 0) return in_vain();
    a_hundred_exits_race_with_closing();
    a_program_that_forgets_to_stop_loses_nothing();
    expect_good_end(start_self(program, "in_vain", ""));
    return 0;
}
