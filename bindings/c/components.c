/* SPDX-License-Identifier: MIT
 *
 * Steps that make, set, start, stop and close components.
 */
#include "adapter.h"

#include <string.h>

static void add(struct place *p, uint64_t handle) {
    p->run->objects[p->run->count++] = (struct object){text_of(p->step, "as"), handle};
}

/* An address is a string, or what an object says. */
static const char *address_of(struct place *p, const char *key, char room[256]) {
    json_t *given = json_object_get(p->step, key);
    if (!json_is_array(given)) return json_string_value(given);
    hermes_get(handle_of(p->run, json_string_value(json_array_get(given, 0))),
               json_string_value(json_array_get(given, 1)), room, 256);
    return room;
}

static int do_postoffice(struct place *p) {
    char in[256], out[256], debug[256];
    uint64_t office;
    int code = hermes_postoffice_new(address_of(p, "in", in), address_of(p, "out", out),
                                     address_of(p, "debug", debug), &office);
    if (!code) add(p, office);
    return told(p->why, code);
}

static int do_publisher(struct place *p) {
    char room[256];
    uint64_t publisher;
    int code =
        hermes_publisher_new(address_of(p, "address", room), text_of(p->step, "name"), &publisher);
    if (!code) add(p, publisher);
    return told(p->why, code);
}

static int do_receiver(struct place *p) {
    char room[256];
    uint64_t receiver;
    int code =
        hermes_receiver_new(address_of(p, "address", room), text_of(p->step, "name"), &receiver);
    if (!code) add(p, receiver);
    return told(p->why, code);
}

static int do_node(struct place *p) {
    uint64_t node;
    int code =
        hermes_node_new(text_of(p->step, "name"), handle_of(p->run, text_of(p->step, "receiver")),
                        handle_of(p->run, text_of(p->step, "publisher")), &node);
    if (!code) add(p, node);
    return told(p->why, code);
}

static int do_set(struct place *p) {
    return told(p->why, hermes_set(on(p), text_of(p->step, "key"), text_of(p->step, "value")));
}

static int do_get(struct place *p) {
    char value[256];
    int code = hermes_get(on(p), text_of(p->step, "key"), value, sizeof value);
    if (code) return told(p->why, code);
    if (strcmp(value, text_of(p->step, "expect"))) return wrong(p->why, "it is '%s'", value);
    return HERMES_OK;
}

static int do_start(struct place *p) {
    return told(p->why, hermes_start(on(p)));
}

static int do_stop(struct place *p) {
    return told(p->why, hermes_stop(on(p), timeout_of(p->step)));
}

static int do_close(struct place *p) {
    return told(p->why, hermes_close(on(p)));
}

static int do_wait(struct place *p) {
    return told(p->why, hermes_wait(on(p), timeout_of(p->step)));
}

static int do_wait_ready(struct place *p) {
    return told(p->why, hermes_wait_ready(on(p), timeout_of(p->step)));
}

const struct kind component_kinds[] = {
    {"postoffice", do_postoffice},
    {"publisher", do_publisher},
    {"receiver", do_receiver},
    {"node", do_node},
    {"set", do_set},
    {"get", do_get},
    {"start", do_start},
    {"stop", do_stop},
    {"close", do_close},
    {"wait", do_wait},
    {"wait_ready", do_wait_ready},
    {NULL, NULL},
};
