/* SPDX-License-Identifier: MIT
 *
 * Many receivers of one broker, and a publisher, in one process, without a library: what they
 * cost is the same for all brokers, and little. The time from a publication to its arrival at the
 * last receiver is that of the broker, then.
 *
 *   crowd publish in=HOST:PORT out=HOST:PORT speaks=zmtp|nats receivers= rounds=
 *
 * Each receiver subscribes to everything. In each round one envelope is published, and the next
 * 10 ms after all receivers have it.
 */
#include "race.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATA "[\"Tick\",1763800000.000042,\"@TCUSD\",42010.50,1000000042]"
#define MARK '@' /* once in each envelope, and in nothing else that arrives */

static int dial(const char *address) {
    char host[64];
    int port;
    if (sscanf(address, "%*[a-z]://%63[^:]:%d", host, &port) != 2) fail("no address: %s", address);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1) fail("no address: %s", address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        fail("cannot connect to %s: %m", address);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void put(int fd, const void *bytes, size_t len) {
    if (send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len) fail("cannot send: %m");
}

static void get(int fd, void *bytes, size_t len) {
    if (recv(fd, bytes, len, MSG_WAITALL) != (ssize_t)len) fail("the broker hung up");
}

/* ---- ZMTP 3.0 ------------------------------------------------------------------- */

/* A frame of fewer than 256 bytes. */
static size_t frame(char *at, int flags, const char *body, size_t len) {
    at[0] = (char)flags;
    at[1] = (char)len;
    memcpy(at + 2, body, len);
    return len + 2;
}

static void get_frame(int fd) {
    unsigned char head[2], body[255];
    get(fd, head, sizeof head);
    if (head[0] & 2) fail("the broker sends a big frame");
    get(fd, body, head[1]);
}

static void shake_hands(int fd, const char *type) {
    char greeting[64] = "\xff\0\0\0\0\0\0\0\0\x7f\3\0NULL", ready[64], text[300];
    char body[64] = "\5READY\13Socket-Type\0\0\0\3";
    memcpy(body + 22, type, 3);
    put(fd, greeting, sizeof greeting);
    put(fd, ready, frame(ready, 4, body, 25));
    get(fd, text, sizeof greeting);
    get_frame(fd);
}

static int zmtp_receiver(const char *address) {
    int fd = dial(address);
    shake_hands(fd, "SUB");
    put(fd, "\0\1\1", 3); /* subscribes to everything */
    return fd;
}

static int zmtp_publisher(const char *address) {
    int fd = dial(address);
    shake_hands(fd, "PUB");
    get_frame(fd); /* a subscription */
    return fd;
}

static size_t zmtp_envelope(char *at) {
    size_t n = frame(at, 1, "\"ticks\"", 7);
    n += frame(at + n, 1, "\"p000\"", 6);
    n += frame(at + n, 1, DATA, strlen(DATA));
    return n + frame(at + n, 0, "1763800000.000042", 17);
}

/* ---- NATS ----------------------------------------------------------------------- */

static int nats(const char *address, const char *more) {
    int fd = dial(address);
    char text[4096] = "";
    snprintf(text, sizeof text, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n%sPING\r\n",
             more);
    put(fd, text, strlen(text));
    for (size_t n = 0; !strstr(text, "PONG\r\n"); text[n] = 0) {
        ssize_t got = n < sizeof text - 1 ? recv(fd, text + n, sizeof text - 1 - n, 0) : 0;
        if (got <= 0) fail("the broker hung up");
        n += (size_t)got;
    }
    return fd;
}

static int nats_receiver(const char *address) {
    return nats(address, "SUB ticks 1\r\n");
}

static int nats_publisher(const char *address) {
    return nats(address, "");
}

static size_t nats_envelope(char *at) {
    static const char all[] = "[\"p000\"," DATA ",1763800000.000042]";
    return (size_t)sprintf(at, "PUB ticks %zu\r\n%s\r\n", strlen(all), all);
}

/* ---- Rounds ---------------------------------------------------------------------- */

static const struct protocol {
    const char *name;
    int (*receiver)(const char *address), (*publisher)(const char *address);
    size_t (*envelope)(char *at);
} protocols[] = {{"zmtp", zmtp_receiver, zmtp_publisher, zmtp_envelope},
                 {"nats", nats_receiver, nats_publisher, nats_envelope}};

/* Reads what has come until all receivers together have so many envelopes. */
static void await(int poller, int64_t count) {
    struct epoll_event events[512];
    char text[4096];
    while (count > 0) {
        int n = epoll_wait(poller, events, 512, SILENCE_MS);
        if (n <= 0) fail("%ld envelopes have not arrived", (long)count);
        for (int i = 0; i < n; i++) {
            ssize_t got = recv(events[i].data.fd, text, sizeof text, MSG_DONTWAIT);
            if (got <= 0) fail("the broker hung up");
            for (const char *p = text; (p = memchr(p, MARK, (size_t)(text + got - p))); p++)
                count--;
        }
    }
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    arguments(argc, argv);
    const struct protocol *p = &protocols[strcmp(text_of("speaks", "zmtp"), "nats") == 0];
    int64_t receivers = number_of("receivers", 1000), rounds = number_of("rounds", 100);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    for (int64_t i = 0; i < receivers; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = p->receiver(text_of("out", ""))};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, event.data.fd, &event) != 0) fail("epoll: %m");
    }
    int publisher = p->publisher(text_of("in", ""));
    char envelope[512];
    size_t len = p->envelope(envelope);
    sleep_ms(500); /* the last subscriptions reach the broker */
    say("ready");
    while (!told_to_go(1000));
    int64_t *ns = calloc((size_t)rounds, sizeof *ns);
    for (int64_t i = 0; i < rounds; i++) {
        int64_t begin = monotonic_ns();
        put(publisher, envelope, len);
        await(poller, receivers);
        ns[i] = monotonic_ns() - begin;
        sleep_ms(10);
    }
    qsort(ns, (size_t)rounds, sizeof *ns, ascending);
    say("{\"p50\": %ld, \"p90\": %ld, \"max\": %ld}", (long)ns[rounds / 2],
        (long)ns[rounds * 9 / 10], (long)ns[rounds - 1]);
    wait_for_end();
    return 0;
}
