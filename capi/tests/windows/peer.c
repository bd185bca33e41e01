/* SPDX-License-Identifier: MIT
 *
 * One process of exchange.py, on Windows or on Linux:
 *
 *   peer office              a post office; prints its two addresses, and ends with its input
 *   peer send ADDRESS N      publishes N envelopes as "peer", and ends
 *   peer receive ADDRESS N   prints "ready", and "heard" when some have come; takes N, in their
 *                            order, and before them any with the number -1
 *   peer rate N              sends N envelopes to itself through a post office, and prints how many
 *                            that were each second
 */
#include "../support.h"

#include <pthread.h>

static const char *words[] = {"plain", "caf\\u00e9", "\xe2\x82\xac"};

/* 1.x takes the first element of data for the name of a class, if there is one of that name. */
static int text_of(char *text, size_t size, int number) {
    return snprintf(text, size, "[\"exchange\", %d, \"%s\"]", number, words[number % 3]);
}

static void office(void) {
    struct cluster c;
    start_office(&c);
    printf("%s %s\n", c.in, c.out);
    fflush(stdout);
    while (getchar() != EOF) {
    }
    OK(hermes_close(c.office));
}

static void send_to(const char *address, int count) {
    uint64_t publisher;
    char data[64];
    OK(hermes_publisher_new(address, "peer", &publisher));
    OK(hermes_start(publisher));
    OK(hermes_wait_ready(publisher, PATIENCE_MS));
    for (int i = 0; i < count; i++) {
        text_of(data, sizeof data, i);
        OK(publish(publisher, "exchange/\xc3\xa9", data));
    }
    OK(hermes_stop(publisher, PATIENCE_MS));
    OK(hermes_close(publisher));
}

static void receive_from(const char *address, int count) {
    uint64_t receiver;
    OK(hermes_receiver_new(address, "peer", &receiver));
    OK(hermes_receiver_subscribe(receiver, "exchange/", 9));
    OK(hermes_start(receiver));
    OK(hermes_wait_ready(receiver, PATIENCE_MS));
    puts("ready");
    fflush(stdout);
    for (int i = 0, heard = 0; i < count; heard = 1) {
        hermes_envelope *e;
        OK(hermes_recv(receiver, PATIENCE_MS, &e));
        if (!heard) puts("heard");
        fflush(stdout);
        CHECK(strcmp(hermes_envelope_topic(e, NULL), "exchange/\xc3\xa9") == 0);
        int n = -2;
        CHECK(sscanf(hermes_envelope_data(e, NULL), "[\"exchange\", %d,", &n) == 1);
        if (n != -1) CHECK(n == i++);
        hermes_envelope_free(e);
    }
    OK(hermes_close(receiver));
}

static struct cluster c;

static void *publish_many(void *count) {
    char data[64];
    for (int i = 0; i < *(int *)count; i++) {
        text_of(data, sizeof data, i);
        OK(publish(c.publisher, "t", data));
    }
    return NULL;
}

static void rate(int count) {
    pthread_t publisher;
    start_cluster(&c);
    int64_t begun = now_ns();
    CHECK(pthread_create(&publisher, NULL, publish_many, &count) == 0);
    for (int taken = 0; taken < count;) {
        hermes_batch *b;
        OK(hermes_recv_batch(c.receiver, 1000, PATIENCE_MS, &b));
        taken += (int)hermes_batch_size(b);
        hermes_batch_free(b);
    }
    CHECK(pthread_join(publisher, NULL) == 0);
    printf("%.0f\n", count / ((double)(now_ns() - begun) / 1e9));
    close_cluster(&c);
}

int main(int count, char **arguments) {
    if (count == 2 && !strcmp(arguments[1], "office"))
        office();
    else if (count == 4 && !strcmp(arguments[1], "send"))
        send_to(arguments[2], atoi(arguments[3]));
    else if (count == 4 && !strcmp(arguments[1], "receive"))
        receive_from(arguments[2], atoi(arguments[3]));
    else if (count == 3 && !strcmp(arguments[1], "rate"))
        rate(atoi(arguments[2]));
    else
        return 2;
    return 0;
}
