/* SPDX-License-Identifier: MIT
 *
 * Steps that publish and receive envelopes.
 */
#include "adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text with its length: a string of the step, or the bytes behind "topic_hex". */
static const char *bytes_of(json_t *step, const char *key, size_t *length, char room[64]) {
    json_t *text = json_object_get(step, key);
    const char *hex = strcmp(key, "topic") ? NULL : text_of(step, "topic_hex");
    *length = json_string_length(text);
    if (!hex) return json_string_value(text);
    for (*length = 0; hex[2 * *length]; ++*length) {
        char digits[3] = {hex[2 * *length], hex[2 * *length + 1], 0};
        room[*length] = (char)strtol(digits, NULL, 16);
    }
    return room;
}

/* The data that a step speaks of, as JSON text; to be freed. */
static char *data_of(json_t *step, int index) {
    json_t *make = json_object_get(step, "make");
    const char *text = text_of(step, "text"), *how = json_string_value(make);
    char *made = NULL;
    if (json_is_array(make)) {
        size_t size = (size_t)json_integer_value(json_array_get(make, 1));
        int beside_nan = !strcmp(json_string_value(json_array_get(make, 0)), "nan");
        const char *before = beside_nan ? "[NaN, \"" : "\"", *after = beside_nan ? "\"]" : "\"";
        size_t begin = strlen(before);
        made = malloc(begin + size + sizeof "\"]");
        strcpy(made, before);
        memset(made + begin, 'x', size);
        strcpy(made + begin + size, after);
        return made;
    }
    if (!make)
        return text ? strdup(text) : json_dumps(json_object_get(step, "data"), JSON_ENCODE_ANY);
    made = malloc(32);
    if (!strcmp(how, "index"))
        snprintf(made, 32, "%d", index);
    else
        strcpy(made, "{nonsense");
    return made;
}

static int do_subscribe(struct place *p) {
    char room[64];
    size_t length;
    const char *topic = bytes_of(p->step, "topic", &length, room);
    return told(p->why, hermes_receiver_subscribe(on(p), topic, length));
}

static int do_unsubscribe(struct place *p) {
    char room[64];
    size_t length;
    const char *topic = bytes_of(p->step, "topic", &length, room);
    return told(p->why, hermes_receiver_unsubscribe(on(p), topic, length));
}

static int do_accept(struct place *p) {
    size_t length;
    const char *origin = bytes_of(p->step, "origin", &length, NULL);
    return told(p->why, hermes_receiver_accept(on(p), origin, length));
}

static int do_publish(struct place *p) {
    char room[64];
    size_t topic_length, origin_length;
    const char *topic = bytes_of(p->step, "topic", &topic_length, room);
    const char *origin = bytes_of(p->step, "origin", &origin_length, NULL);
    char *data = data_of(p->step, p->index);
    json_t *context = json_object_get(p->step, "traceparent");
    int code = context ? hermes_publish_traced(on(p), topic, topic_length, origin, origin_length,
                                               data, strlen(data), json_string_value(context))
                       : hermes_publish(on(p), topic, topic_length, origin, origin_length, data,
                                        strlen(data));
    free(data);
    return told(p->why, code);
}

static int do_publish_many(struct place *p) {
    json_t *given = json_object_get(p->step, "envelopes"), *made = json_array();
    for (int i = 0; i < number_of(p->step, "count", 0); i++)
        json_array_append_new(made, json_pack("[O, n, i]", json_object_get(p->step, "topic"), i));
    char *text = json_dumps(given ? given : made, 0);
    size_t taken, want = json_array_size(given ? given : made);
    int code = told(p->why, hermes_publish_batch(on(p), text, strlen(text), &taken));
    free(text);
    json_decref(made);
    if (!code && taken != want) return wrong(p->why, "took %zu of %zu", taken, want);
    return code;
}

static int do_node_publish(struct place *p) {
    size_t length;
    const char *channel = bytes_of(p->step, "channel", &length, NULL);
    char *data = data_of(p->step, p->index);
    int code = hermes_node_publish(on(p), channel, length, data, strlen(data));
    free(data);
    return told(p->why, code);
}

static int do_node_run(struct place *p) {
    return told(p->why, hermes_node_run(on(p)));
}

/* Whether two JSON texts mean the same. */
static int same(const char *one, const char *other) {
    if (!strcmp(one, other)) return 1; /* NaN is for no parser */
    json_t *a = json_loads(one, FLAGS, NULL), *b = json_loads(other, FLAGS, NULL);
    int equal = a && b && json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return equal;
}

/* Whether a field of an envelope is the expected text, if one is given. */
static int is(json_t *want, const char *key, const char *got, size_t length) {
    json_t *text = json_object_get(want, key);
    return !text ||
           (json_string_length(text) == length && !memcmp(json_string_value(text), got, length));
}

static int compare(struct place *p, hermes_envelope *e) {
    json_t *want = json_object_get(p->step, "expect");
    size_t length;
    const char *topic = hermes_envelope_topic(e, &length);
    if (!is(want, "topic", topic, length)) return wrong(p->why, "topic is '%s'", topic);
    const char *origin = hermes_envelope_origin(e, &length);
    if (!is(want, "origin", origin, length)) return wrong(p->why, "origin is '%s'", origin);
    if (number_of(want, "lost", 0) != (int)hermes_envelope_lost(e))
        return wrong(p->why, "lost is %d", (int)hermes_envelope_lost(e));
    json_t *context = json_object_get(want, "traceparent");
    const char *got = hermes_envelope_traceparent(e);
    if (context && strcmp(json_is_null(context) ? "" : json_string_value(context), got ? got : ""))
        return wrong(p->why, "traceparent is '%s'", got ? got : "");
    const char *data = hermes_envelope_data(e, &length);
    if (!is(want, "text", data, length)) return wrong(p->why, "data is %.200s", data);
    if (!json_object_get(want, "data") && !json_object_get(want, "make")) return HERMES_OK;
    char *expected = data_of(want, p->index);
    int equal = same(expected, data);
    free(expected);
    return equal ? HERMES_OK : wrong(p->why, "data is %.200s", data);
}

static int expect(struct place *p, int (*receive)(uint64_t, int32_t, hermes_envelope **)) {
    hermes_envelope *e;
    int code = told(p->why, receive(on(p), timeout_of(p->step), &e));
    if (code) return code;
    code = compare(p, e);
    hermes_envelope_free(e);
    return code;
}

static int do_recv(struct place *p) {
    return expect(p, hermes_recv);
}

static int do_node_recv(struct place *p) {
    return expect(p, hermes_node_recv);
}

static int do_recv_many(struct place *p) {
    int count = number_of(p->step, "count", 0), took = 0, code = HERMES_OK;
    hermes_batch *batch;
    do {
        code = told(p->why, hermes_recv_batch(on(p), (size_t)number_of(p->step, "max", 0),
                                              timeout_of(p->step), &batch));
        for (size_t i = 0; !code && i < hermes_batch_size(batch); i++, took++) {
            const hermes_envelope *e = hermes_batch_at(batch, i);
            size_t length;
            const char *topic = hermes_envelope_topic(e, &length);
            char number[32];
            snprintf(number, sizeof number, "%d", took);
            if (!is(p->step, "topic", topic, length) ||
                strcmp(number, hermes_envelope_data(e, NULL)))
                code = wrong(p->why, "number %d is '%s', %.200s", took, topic,
                             hermes_envelope_data(e, NULL));
        }
        hermes_batch_free(batch);
    } while (!code && took < count);
    return code;
}

/* A loop in C ends with any code that says so: stopped, or closed before the next call. */
static int do_each(struct place *p) {
    uint64_t receiver = on(p);
    hermes_envelope *e;
    int code;
    while (!(code = hermes_recv(receiver, PATIENCE_MS, &e))) {
        hermes_envelope_free(e);
        code = take(p->run, json_object_get(p->step, "steps"), p->index, p->why);
        if (code) return code;
    }
    return code == HERMES_ESTOPPED || code == HERMES_EBADHANDLE ? HERMES_OK : told(p->why, code);
}

const struct kind envelope_kinds[] = {
    {"subscribe", do_subscribe},
    {"unsubscribe", do_unsubscribe},
    {"accept", do_accept},
    {"publish", do_publish},
    {"publish_many", do_publish_many},
    {"recv", do_recv},
    {"recv_many", do_recv_many},
    {"each", do_each},
    {"node_publish", do_node_publish},
    {"node_recv", do_node_recv},
    {"node_run", do_node_run},
    {NULL, NULL},
};
