/* SPDX-License-Identifier: MIT
 *
 * The contestant: libzmq, used as its guide says, and so that it loses nothing.
 *
 *   zeromq publish   in=ADDRESS origin=p000 count= rate= ...
 *   zeromq call      the same, and times every call
 *   zeromq receive   out=ADDRESS subscriptions= ...
 *   zeromq proxy     in= out=      zmq_proxy
 */
#include "race.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static void check(int result, const char *what) {
    if (result < 0) fail("%s: %s", what, zmq_strerror(zmq_errno()));
}

static void set(void *socket, int option, int value) {
    check(zmq_setsockopt(socket, option, &value, sizeof value), "zmq_setsockopt");
}

static void set_key(void *socket, int option, const char *variable) {
    check(zmq_setsockopt(socket, option, getenv(variable), 41), variable);
}

static void secure(void *socket, bool server) {
    if (!getenv("RACE_SERVER")) return;
    if (server) {
        set(socket, ZMQ_CURVE_SERVER, 1);
        set_key(socket, ZMQ_CURVE_SECRETKEY, "RACE_SERVER_SECRET");
        return;
    }
    set_key(socket, ZMQ_CURVE_SERVERKEY, "RACE_SERVER");
    set_key(socket, ZMQ_CURVE_PUBLICKEY, "RACE_CLIENT");
    set_key(socket, ZMQ_CURVE_SECRETKEY, "RACE_CLIENT_SECRET");
}

/* A socket without high-water marks; with the keys of CURVE, if there are some in the environment. */
static void *new_socket(void *context, int type, bool server) {
    void *socket = zmq_socket(context, type);
    if (!socket) fail("zmq_socket: %s", zmq_strerror(zmq_errno()));
    set(socket, ZMQ_SNDHWM, 0);
    set(socket, ZMQ_RCVHWM, 0);
    set(socket, ZMQ_LINGER, 1000);
    secure(socket, server);
    return socket;
}

/* ---- Publishing -------------------------------------------------------------- */

struct publisher {
    void *socket;
    char origin[16]; /* a JSON string */
    size_t origin_len;
};

static void send_frame(void *socket, const void *data, size_t len, int more) {
    check(zmq_send(socket, data, len, more), "zmq_send");
}

static void send_tick(void *self, const struct tick *t) {
    const struct publisher *p = self;
    char now[24];
    size_t now_len = now_text(now);
    send_frame(p->socket, t->topic, t->topic_len, ZMQ_SNDMORE);
    send_frame(p->socket, p->origin, p->origin_len, ZMQ_SNDMORE);
    send_frame(p->socket, t->data, t->data_len, ZMQ_SNDMORE);
    send_frame(p->socket, now, now_len, 0);
}

static void publish(bool timed) {
    void *context = zmq_ctx_new();
    struct publisher p = {.socket = new_socket(context, ZMQ_XPUB, false)};
    /* Some room, and waiting where there is none: the fastest way that loses nothing. */
    set(p.socket, ZMQ_SNDHWM, (int)number_of("hwm", 100000));
    set(p.socket, ZMQ_XPUB_NODROP, 1);
    p.origin_len = (size_t)snprintf(p.origin, sizeof p.origin, "\"%s\"", text_of("origin", "p000"));
    check(zmq_connect(p.socket, text_of("in", "")), "zmq_connect");
    char subscription[64];
    check(zmq_recv(p.socket, subscription, sizeof subscription, 0), "zmq_recv");
    (timed ? time_calls : publish_all)(send_tick, &p);
    wait_for_end();
    zmq_close(p.socket);
    zmq_ctx_term(context);
}

/* ---- Receiving --------------------------------------------------------------- */

static void subscribe(void *socket) {
    char topic[32];
    int64_t subscriptions = number_of("subscriptions", 0);
    for (int64_t i = 1; i < subscriptions; i++) {
        int len = snprintf(topic, sizeof topic, "\"other/%06d", (int)i);
        check(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, (size_t)len), "subscribe");
    }
    const char *last = subscriptions > 0 ? "\"ticks/" : "";
    check(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, last, strlen(last)), "subscribe");
}

/* The four frames of one message; false when none comes. */
static bool receive_frames(void *socket, zmq_msg_t frame[4]) {
    if (zmq_msg_recv(&frame[0], socket, 0) < 0) return false;
    for (int i = 1; i < 4; i++) {
        if (!zmq_msg_more(&frame[i - 1])) fail("a message of %d frames", i);
        check(zmq_msg_recv(&frame[i], socket, 0), "zmq_msg_recv");
    }
    if (zmq_msg_more(&frame[3])) fail("a message of more than 4 frames");
    return true;
}

/* What is between the quotation marks of a JSON string without escapes. */
static const char *unquoted(zmq_msg_t *frame, size_t *len) {
    *len = zmq_msg_size(frame) - 2;
    return (const char *)zmq_msg_data(frame) + 1;
}

static bool take(struct check *c, zmq_msg_t frame[4]) {
    size_t topic_len, origin_len;
    const char *topic = unquoted(&frame[0], &topic_len), *origin = unquoted(&frame[1], &origin_len);
    return check_take(c, topic, topic_len, origin, origin_len, zmq_msg_data(&frame[2]),
                      zmq_msg_size(&frame[2]));
}

static void receive(void) {
    struct check *c = check_new();
    void *context = zmq_ctx_new(), *socket = new_socket(context, ZMQ_SUB, false);
    set(socket, ZMQ_RCVTIMEO, SILENCE_MS);
    subscribe(socket);
    check(zmq_connect(socket, text_of("out", "")), "zmq_connect");
    zmq_msg_t frame[4];
    for (int i = 0; i < 4; i++) zmq_msg_init(&frame[i]);
    while (receive_frames(socket, frame) && !take(c, frame));
    check_print(c);
    wait_for_end();
    zmq_close(socket);
    zmq_ctx_term(context);
}

/* ---- Between them ------------------------------------------------------------- */

static void *end(void *context) {
    wait_for_end();
    zmq_ctx_shutdown(context);
    return NULL;
}

static void proxy(void) {
    void *context = zmq_ctx_new();
    void *in = new_socket(context, ZMQ_XSUB, true), *out = new_socket(context, ZMQ_XPUB, true);
    check(zmq_bind(in, text_of("in", "")), "zmq_bind");
    check(zmq_bind(out, text_of("out", "")), "zmq_bind");
    pthread_t thread;
    if (pthread_create(&thread, NULL, end, context) != 0) fail("no thread");
    zmq_proxy(in, out, NULL);
    pthread_join(thread, NULL);
    zmq_close(in);
    zmq_close(out);
    zmq_ctx_term(context);
}

int main(int argc, char **argv) {
    const char *role = arguments(argc, argv);
    if (strcmp(role, "publish") == 0)
        publish(false);
    else if (strcmp(role, "call") == 0)
        publish(true);
    else if (strcmp(role, "receive") == 0)
        receive();
    else if (strcmp(role, "proxy") == 0)
        proxy();
    else
        fail("no role %s", role);
    return 0;
}
