/* SPDX-License-Identifier: MIT
 *
 * traffic: publishes as fast as it can, or checks what arrives, or both; for tests that
 * meanwhile break what lies between.
 *
 *   traffic in=ADDRESSES out=ADDRESSES [window=N] [rate=N] [topics=N] [set.OPTION=VALUE ...]
 *
 * With "in" it publishes there, with "out" it follows what comes there. With both it never
 * has more than a window under way. Ten times a second it prints a line of JSON: how many
 * were sent and taken, what was wrong with them, and the counters of its parts. When its
 * standard input ends it stops publishing, takes what is still under way, and ends. A
 * line there lets it rest: until the end, when it publishes once more to each topic, so
 * that a receiver that has missed the last ones before the rest detects it.
 *
 * Each envelope carries the process that sent it and a number, counted by topic from 0.
 * "missing" are numbers left out, "backward" those that came once more, or behind others
 * of their topic. A follower of others begins with the first that it sees.
 */
#define _GNU_SOURCE
#include "hermes.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_TOPICS 1000
#define STANDSTILL_NS 2000000000
#define GIVE_UP_NS 60000000000 /* without any progress at the end */

static const char *in, *out;
static long window = 20000, rate, topics = 10;
static uint64_t publisher, receiver;
static atomic_long sent, got, missing;
static long backward;
static atomic_int over, resting;
static atomic_llong progress; /* when something last came */

static void must(int code, const char *what) {
    char text[1024];
    if (code >= 0) return;
    hermes_last_error(text, sizeof text);
    fprintf(stderr, "traffic: %s: %s: %s\n", what, hermes_strerror(code), text);
    exit(1);
}

static long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void pause_us(long us) {
    struct timespec t = {0, us * 1000};
    nanosleep(&t, NULL);
}

/* ---- Publishing -------------------------------------------------------------- */

static int may_send(long long began) {
    /* What is lost shows by what comes behind it: a window that stands still is widened. */
    long most = now_ns() - progress < STANDSTILL_NS ? window : 2 * window;
    if (receiver && sent - got - missing >= most) return 0;
    return rate == 0 || sent < (double)rate * (now_ns() - began) / 1e9;
}

static void publish_one(long t) {
    static long numbers[MAX_TOPICS];
    char topic[32], data[64];
    int topic_len = snprintf(topic, sizeof topic, "traffic/%ld", t);
    int len = snprintf(data, sizeof data, "[%ld,%ld]", (long)getpid(), numbers[t]);
    int code = hermes_publish(publisher, topic, topic_len, NULL, 0, data, len);
    if (code == HERMES_EFULL) return; /* counted */
    must(code, "publish");
    numbers[t]++;
    sent++;
}

static void *publish(void *unused) {
    long long began = progress = now_ns();
    for (long t = 0; !over; t = (t + 1) % topics) {
        while ((resting || !may_send(began)) && !over) pause_us(200);
        if (!over) publish_one(t);
    }
    for (long t = 0; resting && t < topics; t++) publish_one(t);
    return unused;
}

/* ---- Checking ---------------------------------------------------------------- */

static void check(const hermes_envelope *e) {
    static long runs[MAX_TOPICS], due[MAX_TOPICS];
    long topic, run, number;
    if (sscanf(hermes_envelope_topic(e, NULL), "traffic/%ld", &topic) != 1 || topic < 0 ||
        topic >= MAX_TOPICS ||
        sscanf(hermes_envelope_data(e, NULL), "[%ld,%ld]", &run, &number) != 2) {
        fprintf(stderr, "traffic: a strange envelope\n");
        exit(1);
    }
    if (run != runs[topic]) {
        runs[topic] = run;
        due[topic] = in ? 0 : number;
    }
    if (number < due[topic]) {
        backward++;
        return;
    }
    missing += number - due[topic];
    due[topic] = number + 1;
}

static void take(int timeout_ms) {
    hermes_batch *batch;
    int code = hermes_recv_batch(receiver, 4096, timeout_ms, &batch);
    if (code == HERMES_ETIMEOUT) return;
    must(code, "receive");
    size_t n = hermes_batch_size(batch);
    for (size_t i = 0; i < n; i++) check(hermes_batch_at(batch, i));
    hermes_batch_free(batch);
    got += (long)n;
    progress = now_ns();
}

/* ---- Telling ----------------------------------------------------------------- */

static void counters(const char *name, uint64_t part) {
    char *json;
    if (!part) return;
    must(hermes_stats(part, &json, NULL), "stats");
    printf(", \"%s\": %s", name, json);
    hermes_free(json);
}

static void tell(int done) {
    printf("{\"pid\": %ld, \"done\": %s, \"sent\": %ld, \"got\": %ld, \"missing\": %ld, "
           "\"backward\": %ld",
           (long)getpid(), done ? "true" : "false", sent, got, missing, backward);
    counters("publisher", publisher);
    counters("receiver", receiver);
    printf("}\n");
    fflush(stdout);
}

/* ---- Life -------------------------------------------------------------------- */

static void set_options(int argc, char **argv, uint64_t part, const char *prefix) {
    size_t n = strlen(prefix);
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (strncmp(argv[i], prefix, n) != 0 || !value) continue;
        *value = '\0';
        must(hermes_set(part, argv[i] + n, value + 1), argv[i]);
        *value = '=';
    }
}

static void read_arguments(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "in=", 3) == 0) in = argv[i] + 3;
        if (strncmp(argv[i], "out=", 4) == 0) out = argv[i] + 4;
        sscanf(argv[i], "window=%ld", &window);
        sscanf(argv[i], "rate=%ld", &rate);
        sscanf(argv[i], "topics=%ld", &topics);
    }
    if (topics < 1 || topics > MAX_TOPICS) exit(2);
}

static int input_ended(void) {
    struct pollfd p = {0, POLLIN, 0};
    char byte;
    if (poll(&p, 1, 0) <= 0) return 0;
    if (read(0, &byte, 1) <= 0) return 1;
    resting = 1;
    return 0;
}

static void run(void) {
    long long next = 0;
    while (!input_ended()) {
        if (receiver)
            take(20);
        else
            pause_us(20000);
        if (now_ns() < next) continue;
        next = now_ns() + 100000000;
        tell(0);
    }
}

static void take_the_rest(void) {
    long long last = now_ns();
    for (long before = got; publisher && got + missing < sent && now_ns() - last < GIVE_UP_NS;) {
        take(100);
        if (got != before) last = now_ns();
        before = got;
    }
}

int main(int argc, char **argv) {
    pthread_t thread;
    read_arguments(argc, argv);
    if (out) {
        must(hermes_receiver_new(out, "traffic", &receiver), "receiver");
        must(hermes_set(receiver, "on_slow", "ignore"), "on_slow");
        set_options(argc, argv, receiver, "set.");
        set_options(argc, argv, receiver, "receiver.");
        must(hermes_start(receiver), "receiver");
        must(hermes_wait_ready(receiver, 60000), "receiver");
    }
    if (in) {
        must(hermes_publisher_new(in, "traffic", &publisher), "publisher");
        set_options(argc, argv, publisher, "set.");
        set_options(argc, argv, publisher, "publisher.");
        must(hermes_start(publisher), "publisher");
        if (receiver) must(hermes_wait_ready(publisher, 60000), "publisher");
        must(-pthread_create(&thread, NULL, publish, NULL), "thread");
    }
    run();
    over = 1;
    if (in) {
        pthread_join(thread, NULL);
        must(hermes_stop(publisher, 30000), "stop");
    }
    if (receiver) take_the_rest();
    tell(1);
    return 0;
}
