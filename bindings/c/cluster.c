/* SPDX-License-Identifier: MIT
 *
 * A member of the cluster in which all runtimes exchange numbers.
 */
#include "adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct member {
    const char *name;
    uint64_t receiver, publisher;
    json_t *heard, *complete; /* members that said hello, and those that have heard all others */
    json_t *received;         /* how many numbers of each */
    char why[1024];
};

static int say(struct member *m, const char *topic, json_t *data) {
    char *text = json_dumps(data, JSON_ENCODE_ANY);
    int code = hermes_publish(m->publisher, topic, strlen(topic), NULL, 0, text, strlen(text));
    free(text);
    json_decref(data);
    return told(m->why, code);
}

/* Takes a hello, or the next number of a peer. */
static int hear(struct member *m, hermes_envelope *e) {
    const char *topic = hermes_envelope_topic(e, NULL), *origin = hermes_envelope_origin(e, NULL);
    const char *data = hermes_envelope_data(e, NULL);
    json_t *value = json_loads(data, FLAGS, NULL);
    int code = HERMES_OK;
    if (!strcmp(topic, "conformance/hello")) {
        json_object_set(m->heard, text_of(value, "name"), json_true());
        if (json_is_true(json_object_get(value, "complete")))
            json_object_set(m->complete, text_of(value, "name"), json_true());
    } else if (hermes_envelope_lost(e) ||
               json_integer_value(value) != number_of(m->received, origin, -1)) {
        code = wrong(m->why, "number %d of %s is %s, lost %d", number_of(m->received, origin, -1),
                     origin, data, (int)hermes_envelope_lost(e));
    } else {
        json_object_set_new(m->received, origin, json_integer(json_integer_value(value) + 1));
    }
    json_decref(value);
    return code;
}

static int hear_one(struct member *m, int timeout_ms) {
    hermes_envelope *e;
    int code = told(m->why, hermes_recv(m->receiver, timeout_ms, &e));
    if (code) return code;
    code = hear(m, e);
    hermes_envelope_free(e);
    return code;
}

/* Says hello until every member has heard every other. */
static int meet(struct member *m) {
    size_t peers = json_object_size(m->received);
    int64_t end = now_ms() + MEETING_MS;
    int code = HERMES_OK, last = 0;
    while (!code) {
        last = json_object_size(m->complete) == peers;
        code = say(m, "conformance/hello",
                   json_pack("{s:s, s:b}", "name", m->name, "complete",
                             json_object_size(m->heard) == peers));
        if (last || code) return code;
        if (now_ms() > end)
            return wrong(m->why, "heard %zu of %zu", json_object_size(m->heard), peers);
        for (int64_t pause = now_ms() + 50; !code && now_ms() < pause;) {
            code = hear_one(m, (int)(pause - now_ms()));
            if (code == HERMES_ETIMEOUT) code = HERMES_OK;
        }
    }
    return code;
}

static int all_came(struct member *m, int count) {
    const char *name;
    json_t *number;
    json_object_foreach(m->received, name, number) {
        if (json_integer_value(number) < count) return 0;
    }
    return 1;
}

static int exchange(struct member *m, int count) {
    char topic[256];
    snprintf(topic, sizeof topic, "conformance/numbers/%s", m->name);
    int code = meet(m);
    for (int i = 0; !code && i < count; i++) code = say(m, topic, json_integer(i));
    while (!code && !all_came(m, count)) code = hear_one(m, PATIENCE_MS);
    return code;
}

static int open_member(struct member *m, const char *in, const char *out) {
    const char *topics = "conformance/";
    int code = hermes_receiver_new(out, m->name, &m->receiver);
    if (!code) code = hermes_receiver_subscribe(m->receiver, topics, strlen(topics));
    if (!code) code = hermes_set(m->receiver, "on_slow", "ignore");
    if (!code) code = hermes_start(m->receiver);
    if (!code) code = hermes_publisher_new(in, m->name, &m->publisher);
    if (!code) code = hermes_start(m->publisher);
    if (!code) code = hermes_wait_ready(m->receiver, PATIENCE_MS);
    if (!code) code = hermes_wait_ready(m->publisher, PATIENCE_MS);
    return told(m->why, code);
}

int join_cluster(char **arguments) {
    struct member m = {.name = arguments[2], .heard = json_object(), .complete = json_object()};
    m.received = json_object();
    for (char *peer = strtok(arguments[4], ","); peer; peer = strtok(NULL, ","))
        json_object_set_new(m.received, peer, json_integer(0));
    int code = open_member(&m, arguments[0], arguments[1]);
    if (!code) code = exchange(&m, atoi(arguments[3]));
    hermes_close(m.publisher);
    hermes_close(m.receiver);
    json_decref(m.heard);
    json_decref(m.complete);
    return report(json_pack("{s:s, s:s, s:b, s:o, s:s}", "runtime", "c", "name", m.name, "ok",
                            code == HERMES_OK, "received", m.received, "why", m.why));
}
