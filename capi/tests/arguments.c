/* SPDX-License-Identifier: MIT
 *
 * Wrong arguments, for every function: the code is right, the text names the
 * culprit, and the outputs are zero.
 */
#include "support.h"

#define NOWHERE "tcp://127.0.0.1:9"
#define NOT_UTF8 "\xFF\xFE"

/* ---- Handles --------------------------------------------------------------- */

enum { PUBLISHER = 1, RECEIVER = 2, OFFICE = 4, NODE = 8, ANY = 15 };

static int call_set(uint64_t h) {
    return hermes_set(h, "linger", "1s");
}
static int call_get(uint64_t h) {
    char buf[64] = "x";
    int code = hermes_get(h, "name", buf, sizeof buf);
    CHECK(code == HERMES_OK || buf[0] == '\0');
    return code;
}
static int call_start(uint64_t h) {
    return hermes_start(h);
}
static int call_stop(uint64_t h) {
    return hermes_stop(h, 0);
}
static int call_stop_begin(uint64_t h) {
    return hermes_stop_begin(h, 0);
}
static int call_pipe(uint64_t h) {
    return hermes_pipe(h);
}
static int call_wait(uint64_t h) {
    return hermes_wait(h, 0);
}
static int call_wait_ready(uint64_t h) {
    return hermes_wait_ready(h, 0);
}
static int call_stats(uint64_t h) {
    char *json = (char *)"x";
    size_t len = 1;
    int code = hermes_stats(h, &json, &len);
    CHECK(code == HERMES_OK || (json == NULL && len == 0));
    hermes_free(json);
    return code;
}
static int call_next_event(uint64_t h) {
    char *json = (char *)"x";
    size_t len = 1;
    int code = hermes_next_event(h, 0, &json, &len);
    CHECK(code == HERMES_OK || (json == NULL && len == 0));
    hermes_free(json);
    return code;
}
static int call_fd(uint64_t h) {
    return hermes_fd(h);
}
static int call_publish(uint64_t h) {
    return hermes_publish(h, "t", 1, NULL, 0, "1", 1);
}
static int call_publish_traced(uint64_t h) {
    return hermes_publish_traced(h, "t", 1, NULL, 0, "1", 1,
                                 "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
}
static int call_publish_try(uint64_t h) {
    return hermes_publish_try(h, "[\"t\",null,1]");
}

static int call_publish_marshal(uint64_t h) {
    size_t count = 1;
    int code = hermes_publish_marshal(h, "[", 1, &count);
    CHECK(count == 0);
    return code;
}
static int call_publish_batch(uint64_t h) {
    size_t count = 1;
    int code = hermes_publish_batch(h, "[]", 2, &count);
    CHECK(count == 0);
    return code;
}
static int call_subscribe(uint64_t h) {
    return hermes_receiver_subscribe(h, "t", 1);
}
static int call_unsubscribe(uint64_t h) {
    return hermes_receiver_unsubscribe(h, "t", 1);
}
static int call_accept(uint64_t h) {
    return hermes_receiver_accept(h, "o", 1);
}
static int call_recv(uint64_t h) {
    hermes_envelope *envelope = (hermes_envelope *)&envelope;
    int code = hermes_recv(h, 0, &envelope);
    CHECK(envelope == NULL);
    return code;
}
static int call_recv_batch(uint64_t h) {
    hermes_batch *batch = (hermes_batch *)&batch;
    int code = hermes_recv_batch(h, 1, 0, &batch);
    CHECK(batch == NULL);
    return code;
}
static int call_recv_json(uint64_t h) {
    char *text = (char *)"x";
    size_t len = 1, count = 1;
    int code = hermes_recv_json(h, 1, 0, &text, &len, &count);
    CHECK(text == NULL && len == 0 && count == 0);
    return code;
}
static int call_recv_marshal(uint64_t h) {
    char *values = (char *)"x";
    size_t len = 1;
    int code = hermes_recv_marshal(h, 1, 0, &values, &len);
    CHECK(values == NULL && len == 0);
    return code;
}
static int call_node_publish(uint64_t h) {
    return hermes_node_publish(h, "c", 1, "1", 1);
}
static int call_node_recv(uint64_t h) {
    hermes_envelope *envelope = (hermes_envelope *)&envelope;
    int code = hermes_node_recv(h, 0, &envelope);
    CHECK(envelope == NULL);
    return code;
}
static int call_node_run(uint64_t h) {
    return hermes_node_run(h);
}
static int call_node_new_receiver(uint64_t h) {
    uint64_t node = 1;
    int code = hermes_node_new("n", h, 0, &node);
    CHECK(node == 0);
    return code;
}
static int call_node_new_publisher(uint64_t h) {
    uint64_t node = 1;
    int code = hermes_node_new("n", 0, h, &node);
    CHECK(node == 0);
    return code;
}

/* Every function that takes a handle, and the kinds that it takes. */
static const struct function {
    const char *name;
    int kinds;
    int (*call)(uint64_t);
} functions[] = {
    {"hermes_set", ANY, call_set},
    {"hermes_get", ANY, call_get},
    {"hermes_start", ANY, call_start},
    {"hermes_stop", ANY, call_stop},
    {"hermes_stop_begin", ANY, call_stop_begin},
    {"hermes_wait", ANY, call_wait},
    {"hermes_wait_ready", ANY, call_wait_ready},
    {"hermes_stats", ANY, call_stats},
    {"hermes_next_event", ANY, call_next_event},
    {"hermes_fd", ANY, call_fd},
    {"hermes_pipe", ANY, call_pipe},
    {"hermes_publish", PUBLISHER, call_publish},
    {"hermes_publish_traced", PUBLISHER, call_publish_traced},
    {"hermes_publish_batch", PUBLISHER, call_publish_batch},
    {"hermes_publish_try", PUBLISHER, call_publish_try},
    {"hermes_publish_marshal", PUBLISHER, call_publish_marshal},
    {"hermes_receiver_subscribe", RECEIVER, call_subscribe},
    {"hermes_receiver_unsubscribe", RECEIVER, call_unsubscribe},
    {"hermes_receiver_accept", RECEIVER, call_accept},
    {"hermes_recv", RECEIVER, call_recv},
    {"hermes_recv_batch", RECEIVER, call_recv_batch},
    {"hermes_recv_json", RECEIVER, call_recv_json},
    {"hermes_recv_marshal", RECEIVER, call_recv_marshal},
    {"hermes_node_publish", NODE, call_node_publish},
    {"hermes_node_recv", NODE, call_node_recv},
    {"hermes_node_run", NODE, call_node_run},
    {"hermes_node_new", RECEIVER, call_node_new_receiver},
    {"hermes_node_new", PUBLISHER, call_node_new_publisher},
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

static const struct kind {
    int kind;
    const char *name;
} kinds[] = {
    {PUBLISHER, "publisher"}, {RECEIVER, "receiver"}, {OFFICE, "post office"}, {NODE, "node"}};

static const char *kind_name(int kind) {
    for (size_t i = 0; i < 4; i++)
        if (kinds[i].kind == kind) return kinds[i].name;
    return "";
}

static uint64_t new_object(int kind) {
    uint64_t handle = 0;
    switch (kind) {
    case PUBLISHER:
        OK(hermes_publisher_new(NOWHERE, "p", &handle));
        break;
    case RECEIVER:
        OK(hermes_receiver_new(NOWHERE, "r", &handle));
        break;
    case OFFICE:
        OK(hermes_postoffice_new("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", NULL, &handle));
        break;
    default:
        OK(hermes_node_new("n", 0, 0, &handle));
    }
    CHECK(handle != 0 && handle < (UINT64_C(1) << 53));
    return handle;
}

/* The function refuses the handle, by its own name and the handle's. */
static void refuses(const struct function *f, uint64_t handle, const char *why) {
    char hex[32];
    snprintf(hex, sizeof hex, handle ? "0x%llx" : "%llu", (unsigned long long)handle);
    int code = f->call(handle);
    FAILS(HERMES_EBADHANDLE, f->name, code);
    FAILS(HERMES_EBADHANDLE, hex, code);
    FAILS(HERMES_EBADHANDLE, why, code);
}

static void handles_that_never_were(void) {
    uint64_t newest = new_object(RECEIVER);
    const uint64_t wrong[] = {1, 42, newest + 1, newest << 4, UINT64_C(1) << 53, UINT64_MAX};
    for (size_t i = 0; i < FUNCTIONS; i++) {
        int may_be_zero = functions[i].call == call_node_new_receiver ||
                          functions[i].call == call_node_new_publisher;
        if (!may_be_zero) refuses(&functions[i], 0, "is no object");
        for (size_t w = 0; w < sizeof wrong / sizeof wrong[0]; w++)
            refuses(&functions[i], wrong[w], "never issued");
    }
    FAILS(HERMES_EBADHANDLE, "hermes_close: handle is 0", hermes_close(0));
    for (size_t w = 0; w < sizeof wrong / sizeof wrong[0]; w++)
        FAILS(HERMES_EBADHANDLE, "never issued", hermes_close(wrong[w]));
    OK(hermes_close(newest));
}

static void handles_of_another_kind(void) {
    for (size_t k = 0; k < 4; k++) {
        uint64_t handle = new_object(kinds[k].kind);
        for (size_t i = 0; i < FUNCTIONS; i++)
            if (!(functions[i].kinds & kinds[k].kind)) {
                refuses(&functions[i], handle, kinds[k].name);
                refuses(&functions[i], handle, kind_name(functions[i].kinds));
            }
        OK(hermes_close(handle));
    }
}

static void handles_that_are_closed(void) {
    for (size_t k = 0; k < 4; k++) {
        uint64_t handle = new_object(kinds[k].kind);
        OK(hermes_close(handle));
        OK(hermes_close(handle));
        for (size_t i = 0; i < FUNCTIONS; i++)
            if (functions[i].kinds & kinds[k].kind) refuses(&functions[i], handle, "closed");
        CHECK(new_object(kinds[k].kind) != handle);
    }
}

/* ---- NULL, ranges, lengths ------------------------------------------------- */

static void null_arguments_of_constructors(void) {
    uint64_t h = 1;
    FAILS(HERMES_EINVAL, "address is NULL", hermes_publisher_new(NULL, "p", &h));
    CHECK(h == 0);
    FAILS(HERMES_EINVAL, "name is NULL", hermes_publisher_new(NOWHERE, NULL, &h));
    FAILS(HERMES_EINVAL, "publisher is NULL", hermes_publisher_new(NOWHERE, "p", NULL));
    FAILS(HERMES_EINVAL, "address is NULL", hermes_receiver_new(NULL, "r", &h));
    FAILS(HERMES_EINVAL, "name is NULL", hermes_receiver_new(NOWHERE, NULL, &h));
    FAILS(HERMES_EINVAL, "receiver is NULL", hermes_receiver_new(NOWHERE, "r", NULL));
    FAILS(HERMES_EINVAL, "in is NULL", hermes_postoffice_new(NULL, NOWHERE, NULL, &h));
    FAILS(HERMES_EINVAL, "out is NULL", hermes_postoffice_new(NOWHERE, NULL, NULL, &h));
    FAILS(HERMES_EINVAL, "postoffice is NULL", hermes_postoffice_new(NOWHERE, NOWHERE, NULL, NULL));
    FAILS(HERMES_EINVAL, "name is NULL", hermes_node_new(NULL, 0, 0, &h));
    FAILS(HERMES_EINVAL, "node is NULL", hermes_node_new("n", 0, 0, NULL));
}

static void null_arguments_of_calls(void) {
    uint64_t p = new_object(PUBLISHER), r = new_object(RECEIVER), n = new_object(NODE);
    char buf[8];
    size_t len;
    FAILS(HERMES_EINVAL, "key is NULL", hermes_set(p, NULL, "1s"));
    FAILS(HERMES_EINVAL, "value is NULL", hermes_set(p, "linger", NULL));
    FAILS(HERMES_EINVAL, "key is NULL", hermes_get(p, NULL, buf, sizeof buf));
    FAILS(HERMES_EINVAL, "buf is NULL", hermes_get(p, "name", NULL, 8));
    FAILS(HERMES_EINVAL, "json is NULL", hermes_stats(p, NULL, &len));
    FAILS(HERMES_EINVAL, "json is NULL", hermes_next_event(p, 0, NULL, &len));
    FAILS(HERMES_EINVAL, "topic is NULL", hermes_publish(p, NULL, 1, NULL, 0, "1", 1));
    FAILS(HERMES_EINVAL, "origin is NULL", hermes_publish(p, "t", 1, NULL, 1, "1", 1));
    FAILS(HERMES_EINVAL, "data is NULL", hermes_publish(p, "t", 1, NULL, 0, NULL, 1));
    FAILS(HERMES_EINVAL, "topic is NULL", hermes_publish_traced(p, NULL, 1, NULL, 0, "1", 1, "x"));
    FAILS(HERMES_EINVAL, "data is NULL", hermes_publish_traced(p, "t", 1, NULL, 0, NULL, 1, "x"));
    FAILS(HERMES_EINVAL, "traceparent is NULL",
          hermes_publish_traced(p, "t", 1, NULL, 0, "1", 1, NULL));
    FAILS(HERMES_EINVAL, "not a traceparent",
          hermes_publish_traced(p, "t", 1, NULL, 0, "1", 1, "00-\xff"));
    FAILS(HERMES_EINVAL, "json is NULL", hermes_publish_batch(p, NULL, 2, &len));
    FAILS(HERMES_EINVAL, "json is NULL", hermes_publish_try(p, NULL));
    FAILS(HERMES_EINVAL, "values is NULL", hermes_publish_marshal(p, NULL, 1, &len));
    FAILS(HERMES_EINVAL, "len is -1", hermes_publish_marshal(p, "[", -1, &len));
    FAILS(HERMES_EJSON, "list of envelopes", hermes_publish_marshal(p, "[", 1, &len));
    static const char behind[] = "[\1\0\0\0(\3\0\0\0u\1\0\0\0tu\1\0\0\0oN?";
    FAILS(HERMES_EJSON, "behind", hermes_publish_marshal(p, behind, sizeof behind - 1, &len));
    FAILS(HERMES_EINVAL, "topic is NULL", hermes_receiver_subscribe(r, NULL, 1));
    FAILS(HERMES_EINVAL, "topic is NULL", hermes_receiver_unsubscribe(r, NULL, 1));
    FAILS(HERMES_EINVAL, "origin is NULL", hermes_receiver_accept(r, NULL, 1));
    FAILS(HERMES_EINVAL, "envelope is NULL", hermes_recv(r, 0, NULL));
    FAILS(HERMES_EINVAL, "batch is NULL", hermes_recv_batch(r, 1, 0, NULL));
    FAILS(HERMES_EINVAL, "text is NULL", hermes_recv_json(r, 1, 0, NULL, &len, &len));
    FAILS(HERMES_EINVAL, "values is NULL", hermes_recv_marshal(r, 1, 0, NULL, &len));
    char *values;
    FAILS(HERMES_EINVAL, "len is NULL", hermes_recv_marshal(r, 1, 0, &values, NULL));
    FAILS(HERMES_EINVAL, "channel is NULL", hermes_node_publish(n, NULL, 1, "1", 1));
    FAILS(HERMES_EINVAL, "data is NULL", hermes_node_publish(n, "c", 1, NULL, 1));
    FAILS(HERMES_EINVAL, "envelope is NULL", hermes_node_recv(n, 0, NULL));
    OK(hermes_close(n));
    OK(hermes_close(r));
    OK(hermes_close(p));
}

static void null_objects_of_accessors(void) {
    size_t len = 1;
    CHECK(hermes_envelope_topic(NULL, &len) == NULL && len == 0);
    CHECK(hermes_envelope_origin(NULL, NULL) == NULL);
    CHECK(hermes_envelope_data(NULL, NULL) == NULL);
    CHECK(hermes_envelope_ts(NULL) == 0 && hermes_envelope_received(NULL) == 0);
    CHECK(hermes_envelope_lost(NULL) == 0 && hermes_envelope_traceparent(NULL) == NULL);
    CHECK(hermes_batch_size(NULL) == 0 && hermes_batch_at(NULL, 0) == NULL);
    CHECK(hermes_batch_memory(NULL, NULL) == NULL);
    hermes_envelope_free(NULL);
    hermes_batch_free(NULL);
    hermes_free(NULL);
}

/* Lengths that cannot be, as a negative number that became a size_t. */
static void lengths_beyond_memory(void) {
    uint64_t p = new_object(PUBLISHER), r = new_object(RECEIVER), n = new_object(NODE);
    const size_t huge[] = {SIZE_MAX, (size_t)PTRDIFF_MAX + 1, PTRDIFF_MAX};
    for (size_t i = 0; i < 3; i++) {
        size_t l = huge[i];
        FAILS(HERMES_EINVAL, "topic_len", hermes_publish(p, "t", l, NULL, 0, "1", 1));
        FAILS(HERMES_EINVAL, "origin_len", hermes_publish(p, "t", 1, "o", l, "1", 1));
        FAILS(HERMES_EINVAL, "data_len", hermes_publish(p, "t", 1, NULL, 0, "1", l));
        FAILS(HERMES_EINVAL, "len", hermes_publish_batch(p, "[]", l, NULL));
        FAILS(HERMES_EINVAL, "topic_len", hermes_receiver_subscribe(r, "t", l));
        FAILS(HERMES_EINVAL, "topic_len", hermes_receiver_unsubscribe(r, "t", l));
        FAILS(HERMES_EINVAL, "origin_len", hermes_receiver_accept(r, "o", l));
        FAILS(HERMES_EINVAL, "channel_len", hermes_node_publish(n, "c", l, "1", 1));
        FAILS(HERMES_EINVAL, "data_len", hermes_node_publish(n, "c", 1, "1", l));
    }
    hermes_batch *batch;
    char *text;
    FAILS(HERMES_EINVAL, "max is 0", hermes_recv_batch(r, 0, 0, &batch));
    FAILS(HERMES_EINVAL, "max is 0", hermes_recv_json(r, 0, 0, &text, NULL, NULL));
    size_t len;
    FAILS(HERMES_EINVAL, "max is 0", hermes_recv_marshal(r, 0, 0, &text, &len));
    OK(hermes_close(n));
    OK(hermes_close(r));
    OK(hermes_close(p));
}

/* ---- Names, addresses, options --------------------------------------------- */

static void names(void) {
    uint64_t h;
    FAILS(HERMES_EINVAL, "name", hermes_publisher_new(NOWHERE, "", &h));
    FAILS(HERMES_EINVAL, "name", hermes_receiver_new(NOWHERE, "", &h));
    FAILS(HERMES_EINVAL, "name", hermes_node_new("", 0, 0, &h));
    FAILS(HERMES_EUTF8, "name \"\\xff\\xfe\"", hermes_publisher_new(NOWHERE, NOT_UTF8, &h));
    FAILS(HERMES_EUTF8, "name \"\\xff\\xfe\"", hermes_receiver_new(NOWHERE, NOT_UTF8, &h));
    FAILS(HERMES_EUTF8, "name \"\\xff\\xfe\"", hermes_node_new(NOT_UTF8, 0, 0, &h));
    CHECK(h == 0);
}

static void addresses(void) {
    const char *wrong[] = {"",
                           "nonsense",
                           "tcp://",
                           "://",
                           "tcp:/127.0.0.1:1",
                           "morse://dot",
                           ",",
                           "tcp://127.0.0.1:9,nonsense",
                           "@",
                           "tcp://127.0.0.1:9,"};
    uint64_t h;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        FAILS(HERMES_EADDRESS, "hermes_publisher_new: ", hermes_publisher_new(wrong[i], "p", &h));
        FAILS(HERMES_EADDRESS, "hermes_receiver_new: ", hermes_receiver_new(wrong[i], "r", &h));
        FAILS(HERMES_EADDRESS, "", hermes_postoffice_new(wrong[i], NOWHERE, NULL, &h));
        FAILS(HERMES_EADDRESS, "", hermes_postoffice_new(NOWHERE, wrong[i], NULL, &h));
        CHECK(h == 0);
    }
    FAILS(HERMES_EADDRESS, "nonsense", hermes_publisher_new("nonsense", "p", &h));
    FAILS(HERMES_EADDRESS, "nonsense", hermes_publisher_new(NOWHERE ",nonsense", "p", &h));
    FAILS(HERMES_EADDRESS, "morse", hermes_receiver_new("morse://dot", "p", &h));
    FAILS(HERMES_EADDRESS, "nonsense", hermes_postoffice_new(NOWHERE, NOWHERE, "nonsense", &h));
    FAILS(HERMES_EUTF8, "\\xff", hermes_publisher_new("tcp://" NOT_UTF8, "p", &h));
    FAILS(HERMES_EUTF8, "\\xff", hermes_receiver_new("tcp://" NOT_UTF8, "p", &h));
    FAILS(HERMES_EUTF8, "\\xff", hermes_postoffice_new("tcp://" NOT_UTF8, NOWHERE, NULL, &h));
    FAILS(HERMES_EUTF8, "\\xff", hermes_postoffice_new(NOWHERE, "tcp://" NOT_UTF8, NULL, &h));
    FAILS(HERMES_EUTF8, "\\xff", hermes_postoffice_new(NOWHERE, NOWHERE, "tcp://" NOT_UTF8, &h));
    CHECK(h == 0);
}

static void an_address_in_use(void) {
    struct cluster c;
    start_office(&c);
    uint64_t other;
    OK(hermes_postoffice_new(c.in, "tcp://127.0.0.1:*", NULL, &other));
    FAILS(HERMES_EADDRINUSE, c.in, hermes_start(other));
    OK(hermes_close(other));
    OK(hermes_postoffice_new("tcp://127.0.0.1:*", c.out, NULL, &other));
    FAILS(HERMES_EADDRINUSE, c.out, hermes_start(other));
    OK(hermes_close(other));
    OK(hermes_close(c.office));
}

static void options(void) {
    char buf[64] = "x";
    for (size_t k = 0; k < 4; k++) {
        uint64_t h = new_object(kinds[k].kind);
        FAILS(HERMES_EOPTION, "\"no.such.key\"", hermes_set(h, "no.such.key", "1"));
        FAILS(HERMES_EOPTION, "\"no.such.key\"", hermes_get(h, "no.such.key", buf, sizeof buf));
        CHECK(buf[0] == '\0');
        FAILS(HERMES_EOPTION, "\"\"", hermes_set(h, "", "1"));
        FAILS(HERMES_EUTF8, "key", hermes_set(h, NOT_UTF8, "1"));
        FAILS(HERMES_EUTF8, "value", hermes_set(h, "linger", NOT_UTF8));
        FAILS(HERMES_EUTF8, "key", hermes_get(h, NOT_UTF8, buf, sizeof buf));
        OK(hermes_get(h, "state", buf, sizeof buf));
        CHECK(strcmp(buf, "new") == 0);
        OK(hermes_close(h));
    }
    const struct {
        int kind;
        const char *key, *value;
    } wrong[] = {
        {PUBLISHER, "linger", "soon"},      {PUBLISHER, "linger", "-1s"},
        {PUBLISHER, "queue.messages", "0"}, {PUBLISHER, "queue.bytes", "much"},
        {PUBLISHER, "sequence", "perhaps"}, {PUBLISHER, "engine", "steam"},
        {RECEIVER, "on_slow", "weep"},      {RECEIVER, "timeout", "late"},
        {OFFICE, "queue.messages", "-5"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint64_t h = new_object(wrong[i].kind);
        FAILS(HERMES_EOPTION, wrong[i].key, hermes_set(h, wrong[i].key, wrong[i].value));
        FAILS(HERMES_EOPTION, wrong[i].value, hermes_set(h, wrong[i].key, wrong[i].value));
        OK(hermes_close(h));
    }
}

/* ---- Text and data --------------------------------------------------------- */

static void texts_that_are_not_utf8(void) {
    struct cluster c;
    uint64_t n;
    start_cluster(&c);
    OK(hermes_node_new("n", c.receiver, c.publisher, &n));
    FAILS(HERMES_EUTF8, "topic", hermes_publish(c.publisher, NOT_UTF8, 2, NULL, 0, "1", 1));
    FAILS(HERMES_EUTF8, "origin", hermes_publish(c.publisher, "t", 1, NOT_UTF8, 2, "1", 1));
    FAILS(HERMES_EUTF8, "topic", hermes_receiver_subscribe(c.receiver, NOT_UTF8, 2));
    FAILS(HERMES_EUTF8, "topic", hermes_receiver_unsubscribe(c.receiver, NOT_UTF8, 2));
    FAILS(HERMES_EUTF8, "origin", hermes_receiver_accept(c.receiver, NOT_UTF8, 2));
    FAILS(HERMES_EUTF8, "channel", hermes_node_publish(n, NOT_UTF8, 2, "1", 1));
    FAILS(HERMES_EINVAL, "never", hermes_receiver_unsubscribe(c.receiver, "never", 5));
    OK(hermes_close(n));
    close_cluster(&c);
}

static void data_that_is_not_json(void) {
    struct cluster c;
    uint64_t n;
    start_cluster(&c);
    OK(hermes_node_new("n", c.receiver, c.publisher, &n));
    const char *wrong[] = {"",    " ",        "nonsense", "{",   "[1,]",
                           "1 2", "\"\xFF\"", "{\"a\":}", "'a'", "nan"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size_t len = strlen(wrong[i]);
        FAILS(HERMES_EJSON, "data", hermes_publish(c.publisher, "t", 1, NULL, 0, wrong[i], len));
        FAILS(HERMES_EJSON, "data", hermes_node_publish(n, "c", 1, wrong[i], len));
    }
    FAILS(HERMES_EJSON, "nonsense", publish(c.publisher, "t", "nonsense"));
    FAILS(HERMES_EJSON, "data", hermes_publish(c.publisher, "t", 1, NULL, 0, NULL, 0));
    OK(hermes_close(n));
    close_cluster(&c);
}

static void batches_that_are_wrong_queue_nothing(void) {
    struct cluster c;
    start_cluster(&c);
    const struct {
        int code;
        const char *json;
    } wrong[] = {
        {HERMES_EJSON, ""},
        {HERMES_EJSON, "nonsense"},
        {HERMES_EJSON, "[[\"t\",null,1]"},
        {HERMES_EINVAL, "{}"},
        {HERMES_EINVAL, "[[\"t\",null,1],1]"},
        {HERMES_EINVAL, "[[\"t\",null,1],[\"t\",null]]"},
        {HERMES_EINVAL, "[[\"t\",null,1],[\"t\",null,1,2,3]]"},
        {HERMES_EINVAL, "[[\"t\",null,1],[\"t\",null,1,\"soon\"]]"},
        {HERMES_EINVAL, "[[\"t\",null,1],[\"t\",null,1,[2]]]"},
        {HERMES_EJSON, "[[\"t\",null,1],[\"t,null,1]]"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size_t count = 7;
        FAILS(wrong[i].code, "hermes_publish_batch: ",
              hermes_publish_batch(c.publisher, wrong[i].json, strlen(wrong[i].json), &count));
        CHECK(count == 0);
    }
    FAILS(HERMES_EINVAL, "its time", hermes_publish_try(c.publisher, "[\"t\",null,1,{\"s\":1}]"));
    hermes_envelope *envelope;
    OK(publish(c.publisher, "last", "1"));
    OK(hermes_recv(c.receiver, PATIENCE_MS, &envelope));
    CHECK(strcmp(hermes_envelope_topic(envelope, NULL), "last") == 0);
    hermes_envelope_free(envelope);
    close_cluster(&c);
}

static void an_envelope_above_the_limit(void) {
    struct cluster c;
    start_office(&c);
    OK(hermes_publisher_new(c.in, "p", &c.publisher));
    OK(hermes_set(c.publisher, "message.bytes", "100"));
    OK(hermes_start(c.publisher));
    char data[202] = "\"";
    memset(data + 1, 'x', 199);
    data[200] = '"';
    FAILS(HERMES_ETOOBIG, "message.bytes", publish(c.publisher, "t", data));
    size_t absurd = UINT32_MAX; /* is refused before anything is read */
    FAILS(HERMES_ETOOBIG, "message.bytes",
          hermes_publish(c.publisher, "t", 1, NULL, 0, "1", absurd));
    FAILS(HERMES_ETOOBIG, "message.bytes",
          hermes_publish(c.publisher, "t", absurd, NULL, 0, "1", 1));
    FAILS(HERMES_ETOOBIG, "message.bytes",
          hermes_publish(c.publisher, "t", 1, "o", absurd, "1", 1));
    OK(hermes_close(c.publisher));
    OK(hermes_close(c.office));
}

/* ---- State ----------------------------------------------------------------- */

static void calls_in_the_wrong_state(void) {
    uint64_t p = new_object(PUBLISHER), r = new_object(RECEIVER), n;
    hermes_envelope *e;
    hermes_batch *b;
    char *json;
    OK(hermes_node_new("n", r, p, &n));
    FAILS(HERMES_ESTATE, "not been started", publish(p, "t", "1"));
    FAILS(HERMES_ESTATE, "not been started", hermes_publish_batch(p, "[[\"t\",null,1]]", 14, NULL));
    FAILS(HERMES_ESTATE, "not been started", hermes_publish_try(p, "[\"t\",null,1]"));
    static const char row[] = "[\1\0\0\0(\3\0\0\0u\1\0\0\0tu\1\0\0\0oN";
    FAILS(HERMES_ESTATE, "not been started", hermes_publish_marshal(p, row, sizeof row - 1, NULL));
    size_t len;
    FAILS(HERMES_ESTATE, "not been started", hermes_recv_marshal(r, 1, 0, &json, &len));
    FAILS(HERMES_ESTATE, "not been started", hermes_recv(r, 0, &e));
    FAILS(HERMES_ESTATE, "not been started", hermes_recv_batch(r, 1, 0, &b));
    FAILS(HERMES_ESTATE, "not been started", hermes_recv_json(r, 1, 0, &json, NULL, NULL));
    FAILS(HERMES_ESTATE, "not been started", hermes_wait_ready(p, 0));
    FAILS(HERMES_ESTATE, "not been started", hermes_wait_ready(r, 0));
    FAILS(HERMES_ESTATE, "not been started", hermes_node_publish(n, "c", 1, "1", 1));
    FAILS(HERMES_ESTATE, "not been started", hermes_node_recv(n, 0, &e));
    FAILS(HERMES_ESTATE, "not been started", hermes_node_run(n));
    FAILS(HERMES_ESTOPPED, "", hermes_next_event(p, 0, &json, NULL));
    OK(hermes_wait(p, 0));
    OK(hermes_stop(p, 0));

    OK(hermes_start(p));
    FAILS(HERMES_ESTATE, "started already", hermes_start(p));
    FAILS(HERMES_ESTATE, "engine", hermes_set(p, "engine", "libzmq"));
    OK(hermes_set(p, "linger", "10ms"));
    FAILS(HERMES_ETIMEOUT, "running", hermes_wait(p, 0));
    FAILS(HERMES_ETIMEOUT, "not ready", hermes_wait_ready(p, 0));
    OK(hermes_stop(p, 0));
    FAILS(HERMES_ESTATE, "stopped", publish(p, "t", "1"));

    OK(hermes_start(r));
    FAILS(HERMES_ETIMEOUT, "hermes_recv: ", hermes_recv(r, 0, &e));
    OK(hermes_stop(r, 0));
    FAILS(HERMES_ESTOPPED, "stopped", hermes_recv(r, 0, &e));
    FAILS(HERMES_ESTOPPED, "stopped", hermes_recv_batch(r, 1, HERMES_FOREVER, &b));
    OK(hermes_close(n));
    OK(hermes_close(r));
    OK(hermes_close(p));
}

static void what_a_kind_cannot_do(void) {
    uint64_t p = new_object(PUBLISHER), r = new_object(RECEIVER), o = new_object(OFFICE);
    uint64_t only_publishes, only_receives;
    hermes_envelope *e;
    OK(hermes_node_new("out", 0, p, &only_publishes));
    OK(hermes_node_new("in", r, 0, &only_receives));
    FAILS(HERMES_ENOTSUP, "post office", hermes_fd(o));
    FAILS(HERMES_ENOTSUP, "node", hermes_fd(only_publishes));
    FAILS(HERMES_ENOTSUP, "out", hermes_node_recv(only_publishes, 0, &e));
    FAILS(HERMES_ENOTSUP, "in", hermes_node_publish(only_receives, "c", 1, "1", 1));
    OK(hermes_start(only_publishes));
    FAILS(HERMES_ENOTSUP, "out", hermes_node_run(only_publishes));
    OK(hermes_close(only_publishes));
    OK(hermes_close(only_receives));
    OK(hermes_close(o));
    OK(hermes_close(r));
    OK(hermes_close(p));
}

int main(void) {
    handles_that_never_were();
    handles_of_another_kind();
    handles_that_are_closed();
    null_arguments_of_constructors();
    null_arguments_of_calls();
    null_objects_of_accessors();
    lengths_beyond_memory();
    names();
    addresses();
    an_address_in_use();
    options();
    texts_that_are_not_utf8();
    data_that_is_not_json();
    batches_that_are_wrong_queue_nothing();
    an_envelope_above_the_limit();
    calls_in_the_wrong_state();
    what_a_kind_cannot_do();
    return 0;
}
