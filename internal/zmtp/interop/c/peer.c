// A socket of libzmq at the disposal of the test; ../doc.go says how it is used.
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <zmq.h>

static void *sock;
static int kind;

static void die(const char *what) {
    fprintf(stderr, "peer: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

static void must(int rc, const char *what) {
    if (rc < 0) die(what);
}

static void set(int option, int value) {
    must(zmq_setsockopt(sock, option, &value, sizeof value), "zmq_setsockopt");
}

static void set_key(int option, const char *variable) {
    must(zmq_setsockopt(sock, option, getenv(variable), 41), variable);
}

static void secure(void) {
    const char *end = getenv("CURVE");
    if (end == NULL) return;
    set_key(ZMQ_CURVE_PUBLICKEY, "CURVE_PUBLIC");
    set_key(ZMQ_CURVE_SECRETKEY, "CURVE_SECRET");
    if (!strcmp(end, "server"))
        set(ZMQ_CURVE_SERVER, 1);
    else
        set_key(ZMQ_CURVE_SERVERKEY, "CURVE_SERVER");
}

static void open_socket(const char *role) {
    kind = !strcmp(role, "pub")    ? ZMQ_PUB
           : !strcmp(role, "sub")  ? ZMQ_SUB
           : !strcmp(role, "xpub") ? ZMQ_XPUB
                                   : ZMQ_XSUB;
    sock = zmq_socket(zmq_ctx_new(), kind);
    if (sock == NULL) die("zmq_socket");
    set(ZMQ_LINGER, 0);
    set(ZMQ_SNDHWM, 0);
    set(ZMQ_RCVHWM, 0);
    set(ZMQ_RECONNECT_IVL, 50);
    set(ZMQ_HEARTBEAT_IVL, 100);
    set(ZMQ_HEARTBEAT_TIMEOUT, 20000);
    set(ZMQ_HEARTBEAT_TTL, 20000);
    secure();
}

static void join(const char *mode, char **addresses, int n) {
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    printf("{\"ready\": [");
    for (int i = 0; i < n; i++) {
        char at[256];
        size_t size = sizeof at;
        if (!strcmp(mode, "bind"))
            must(zmq_bind(sock, addresses[i]), addresses[i]);
        else
            must(zmq_connect(sock, addresses[i]), addresses[i]);
        must(zmq_getsockopt(sock, ZMQ_LAST_ENDPOINT, at, &size), "ZMQ_LAST_ENDPOINT");
        printf("%s\"%s\"", i ? ", " : "", at);
    }
    printf("], \"version\": \"libzmq %d.%d.%d\"}\n", major, minor, patch);
}

static int nibble(char c) {
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

// Decodes a frame in its own memory and returns its size.
static size_t decode(char *word) {
    size_t n = (strlen(word) - 1) / 2;
    for (size_t i = 0; i < n; i++)
        word[i] = (char)(nibble(word[1 + 2 * i]) << 4 | nibble(word[2 + 2 * i]));
    return n;
}

static void send_all(char *words) {
    char *next, *word = strtok_r(words, " ", &next);
    while (word != NULL) {
        char *after = strtok_r(NULL, " ", &next);
        size_t n = decode(word);
        must(zmq_send(sock, word, n, after ? ZMQ_SNDMORE : 0), "zmq_send");
        word = after;
    }
}

static void subscribe(int on, char *word) {
    size_t n = decode(word);
    if (kind == ZMQ_SUB) {
        int option = on ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE;
        must(zmq_setsockopt(sock, option, word, n), "ZMQ_SUBSCRIBE");
        return;
    }
    memmove(word + 1, word, n);
    word[0] = (char)on;
    must(zmq_send(sock, word, n + 1, 0), "zmq_send");
}

static void obey(char *line) {
    char *rest = strchr(line, ' ');
    if (rest == NULL) exit(1);
    *rest++ = 0;
    if (!strcmp(line, "send"))
        send_all(rest);
    else
        subscribe(!strcmp(line, "subscribe"), rest);
}

// Obeys all whole lines that have arrived. Returns 0 at the end of the input.
static int listen_to_input(void) {
    static char *buf;
    static size_t have, room;
    if (have == room) {
        room = room ? 2 * room : 1 << 16;
        buf = realloc(buf, room);
        if (buf == NULL) die("realloc");
    }
    ssize_t n = read(STDIN_FILENO, buf + have, room - have);
    if (n <= 0) return 0;
    char *at = buf, *fresh = buf + have, *newline;
    have += (size_t)n;
    while ((newline = memchr(fresh, '\n', (size_t)(buf + have - fresh))) != NULL) {
        *newline = 0;
        obey(at);
        at = fresh = newline + 1;
    }
    have -= (size_t)(at - buf);
    memmove(buf, at, have);
    return 1;
}

static void print_frame(zmq_msg_t *frame, int first) {
    const unsigned char *data = zmq_msg_data(frame);
    printf(first ? "\"" : ", \"");
    for (size_t i = 0; i < zmq_msg_size(frame); i++) {
        putchar("0123456789abcdef"[data[i] >> 4]);
        putchar("0123456789abcdef"[data[i] & 15]);
    }
    putchar('"');
}

// Prints one message, if there is one.
static int print_message(void) {
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, sock, ZMQ_DONTWAIT) < 0) return 0;
    printf("{\"message\": [");
    print_frame(&frame, 1);
    while (zmq_msg_more(&frame)) {
        must(zmq_msg_recv(&frame, sock, 0), "zmq_msg_recv");
        print_frame(&frame, 0);
    }
    printf("]}\n");
    zmq_msg_close(&frame);
    return 1;
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    open_socket(argv[1]);
    join(argv[2], argv + 3, argc - 3);
    for (;;) {
        fflush(stdout);
        zmq_pollitem_t items[] = {{NULL, STDIN_FILENO, ZMQ_POLLIN, 0}, {sock, 0, ZMQ_POLLIN, 0}};
        must(zmq_poll(items, 2, -1), "zmq_poll");
        if (items[0].revents && !listen_to_input()) return 0;
        if (items[1].revents)
            while (print_message()) {
            }
    }
}
