/* SPDX-License-Identifier: MIT
 *
 * Takes the steps of the conformance scenarios with the C interface.
 *
 * Usage: adapter SCENARIOS.json [NAME]
 *        adapter --cluster IN OUT NAME COUNT PEERS
 */
#define _POSIX_C_SOURCE 200809L
#include <hermes.h>

#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_MS 60000
#define MEETING_MS 300000 /* the same for all members of a cluster to be there */
#define MOST 32           /* objects, and threads, of one scenario */
#define WRONG 1           /* beside the codes: something did not come as expected */
#define FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL)

/* One run of a scenario. */
struct run {
    struct object {
        const char *name;
        uint64_t handle;
    } objects[MOST];
    struct thread {
        const char *name;
        pthread_t id;
        struct run *run;
        json_t *steps;
        char why[1024];
        int code, over;
    } threads[MOST];
    int count, spawned;
};

/* What is known where a step is taken. */
struct place {
    struct run *run;
    json_t *step;
    int index; /* the round of the innermost repeat */
    char *why; /* 1024 bytes for what was wrong */
};

static int take(struct run *run, json_t *steps, int index, char *why);

/* ---- Small things ------------------------------------------------------------ */

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_ms(int64_t ms) {
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* Says what did not come as expected. */
static int wrong(char *why, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, 1024, format, arguments);
    va_end(arguments);
    return WRONG;
}

/* Passes a code on, with the library's text for it. */
static int told(char *why, int code) {
    if (code < 0) hermes_last_error(why, 1024);
    return code < 0 ? code : HERMES_OK;
}

static int code_of(const char *name) {
    static const char *const names[] = {
        "none",   "EINVAL", "EBADHANDLE", "ESTATE",   "EADDRESS", "EADDRINUSE", "EOPTION",
        "EUTF8",  "EJSON",  "EFULL",      "ETIMEOUT", "ESTOPPED", "EFORKED",    "EINTERNAL",
        "ENOMEM", "ERANGE", "ETOOBIG",    "ENOTSUP",  "EIO",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name)) return -(int)i;
    return -1000;
}

static const char *text_of(json_t *step, const char *key) {
    return json_string_value(json_object_get(step, key));
}

static int number_of(json_t *step, const char *key, int otherwise) {
    json_t *number = json_object_get(step, key);
    return number ? (int)json_integer_value(number) : otherwise;
}

static int timeout_of(json_t *step) {
    return number_of(step, "timeout", PATIENCE_MS);
}

static uint64_t handle_of(struct run *run, const char *name) {
    for (int i = 0; name && i < run->count; i++)
        if (!strcmp(run->objects[i].name, name)) return run->objects[i].handle;
    return 0;
}

/* The object that a step is about. */
static uint64_t on(struct place *p) {
    return handle_of(p->run, text_of(p->step, "on"));
}

/* ---- Objects ----------------------------------------------------------------- */

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

/* ---- Envelopes --------------------------------------------------------------- */

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
    int code =
        hermes_publish(on(p), topic, topic_length, origin, origin_length, data, strlen(data));
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

/* Whether a part of an envelope is the text that was expected, if one was. */
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

/* ---- Observing --------------------------------------------------------------- */

/* Whether what is expected is part of what came. */
static int part_of(json_t *want, json_t *got) {
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_object(want) && json_is_object(got)) {
        json_object_foreach(want, key, value) {
            if (!part_of(value, json_object_get(got, key))) return 0;
        }
        return 1;
    }
    if (json_is_array(want) && json_is_array(got)) {
        json_array_foreach(want, i, value) {
            if (!part_of(value, json_array_get(got, i))) return 0;
        }
        return json_array_size(want) == json_array_size(got);
    }
    return json_equal(want, got);
}

static int add_up(json_t *sums, json_t *stats) {
    size_t i, k;
    json_t *sum, *key;
    json_array_foreach(sums, i, sum) {
        json_int_t difference = 0;
        json_array_foreach(sum, k, key) {
            json_int_t counter = json_integer_value(json_object_get(stats, json_string_value(key)));
            difference += k == 0 ? counter : -counter;
        }
        if (difference) return 0;
    }
    return 1;
}

static int do_stats(struct place *p) {
    int64_t end = now_ms() + timeout_of(p->step);
    json_t *want = json_object_get(p->step, "expect");
    for (;;) {
        char *text;
        int code = hermes_stats(on(p), &text, NULL);
        if (code) return told(p->why, code);
        json_t *stats = json_loads(text, FLAGS, NULL);
        if (!stats || !add_up(json_object_get(p->step, "sums"), stats))
            code = wrong(p->why, "the sums are not right: %s", text);
        int fits = !want || part_of(want, stats);
        if (!fits && !code && now_ms() > end) code = wrong(p->why, "the counters are %s", text);
        json_decref(stats);
        hermes_free(text);
        if (code || fits) return code;
        sleep_ms(10);
    }
}

static int do_notice(struct place *p) {
    for (int fits = 0; !fits;) {
        char *text;
        int code = hermes_next_event(on(p), timeout_of(p->step), &text, NULL);
        if (code) return told(p->why, code);
        json_t *notice = json_loads(text, FLAGS, NULL);
        json_t *want = json_object_get(p->step, "expect");
        fits = want && part_of(want, notice);
        json_decref(notice);
        hermes_free(text);
    }
    return HERMES_OK;
}

static int do_readable(struct place *p) {
    struct pollfd fd = {hermes_fd(on(p)), POLLIN, 0};
    if (fd.fd < 0) return told(p->why, fd.fd);
    int found = poll(&fd, 1, timeout_of(p->step)) == 1;
    if (found == json_is_true(json_object_get(p->step, "expect"))) return HERMES_OK;
    return wrong(p->why, found ? "it is readable" : "it is not readable");
}

/* ---- Order ------------------------------------------------------------------- */

static int do_sleep(struct place *p) {
    sleep_ms(number_of(p->step, "ms", 0));
    return HERMES_OK;
}

static int do_repeat(struct place *p) {
    int code = HERMES_OK;
    for (int i = 0; !code && i < number_of(p->step, "times", 0); i++)
        code = take(p->run, json_object_get(p->step, "steps"), i, p->why);
    return code;
}

static int do_until(struct place *p) {
    int64_t end = now_ms() + PATIENCE_MS;
    int code;
    do {
        code = take(p->run, json_object_get(p->step, "steps"), p->index, p->why);
    } while (code && now_ms() < end);
    return code;
}

static int do_try(struct place *p) {
    return take(p->run, json_object_get(p->step, "steps"), p->index, p->why);
}

static void *run_thread(void *argument) {
    struct thread *t = argument;
    t->code = take(t->run, t->steps, 0, t->why);
    return NULL;
}

static int do_spawn(struct place *p) {
    struct thread *t = &p->run->threads[p->run->spawned++];
    *t = (struct thread){
        .name = text_of(p->step, "as"), .run = p->run, .steps = json_object_get(p->step, "steps")};
    return pthread_create(&t->id, NULL, run_thread, t) ? wrong(p->why, "no thread") : HERMES_OK;
}

static int do_join(struct place *p) {
    for (int i = 0; i < p->run->spawned; i++) {
        struct thread *t = &p->run->threads[i];
        if (strcmp(t->name, text_of(p->step, "on"))) continue;
        pthread_join(t->id, NULL);
        t->over = 1;
        return t->code ? wrong(p->why, "code %d: %.900s", t->code, t->why) : HERMES_OK;
    }
    return wrong(p->why, "no such thread");
}

static const struct {
    const char *name;
    int (*take)(struct place *);
} kinds[] = {
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
    {"stats", do_stats},
    {"notice", do_notice},
    {"readable", do_readable},
    {"sleep", do_sleep},
    {"repeat", do_repeat},
    {"until", do_until},
    {"try", do_try},
    {"spawn", do_spawn},
    {"join", do_join},
};

/* Whether a code is among those that a step may end with. */
static int allowed(json_t *error, int code) {
    size_t i;
    json_t *one;
    if (json_is_string(error)) return code_of(json_string_value(error)) == code;
    json_array_foreach(error, i, one) {
        if (code_of(json_string_value(one)) == code) return 1;
    }
    return !error && code == HERMES_OK;
}

static int take_one(struct place *p) {
    const char *kind = text_of(p->step, "do"), *says = text_of(p->step, "says");
    json_t *error = json_object_get(p->step, "error");
    int code = wrong(p->why, "no such step");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kinds[i].name, kind)) {
            p->why[0] = 0;
            code = kinds[i].take(p);
        }
    if (code != WRONG && allowed(error, code))
        return says && code && !strstr(p->why, says) ? WRONG : HERMES_OK;
    return code ? code : wrong(p->why, "did not fail as expected");
}

static int take(struct run *run, json_t *steps, int index, char *why) {
    size_t i;
    json_t *step;
    json_array_foreach(steps, i, step) {
        struct place p = {run, step, index, why};
        int code = take_one(&p);
        if (!code) continue;
        char rest[1024];
        memcpy(rest, why, sizeof rest);
        snprintf(why, 1024, "step %zu (%s): %.900s", i + 1, text_of(step, "do"), rest);
        return code;
    }
    return HERMES_OK;
}

/* ---- Scenarios --------------------------------------------------------------- */

static int report(json_t *line) {
    int well = json_is_true(json_object_get(line, "ok"));
    char *text = json_dumps(line, 0);
    puts(text);
    fflush(stdout);
    free(text);
    json_decref(line);
    return well;
}

static int run_scenario(json_t *document, json_t *scenario) {
    static struct run run;
    memset(&run, 0, sizeof run);
    char why[1024] = "";
    json_t *need;
    size_t n;
    json_array_foreach(json_object_get(scenario, "needs"), n, need) {
        if (strcmp(json_string_value(need), "nul")) continue; /* the only one that C lacks */
        return report(json_pack("{s:s, s:s, s:b, s:s, s:s}", "runtime", "c", "scenario",
                                text_of(scenario, "name"), "ok", 1, "why", "", "lacks", "nul"));
    }
    const char *begin = text_of(scenario, "begin");
    json_t *beginning =
        begin ? json_object_get(json_object_get(document, "beginnings"), begin) : NULL;
    int code = take(&run, beginning, 0, why);
    if (!code) code = take(&run, json_object_get(scenario, "steps"), 0, why);
    while (run.count > 0) hermes_close(run.objects[--run.count].handle);
    for (int i = 0; i < run.spawned; i++)
        if (!run.threads[i].over) pthread_join(run.threads[i].id, NULL);
    json_t *line = json_pack("{s:s, s:s, s:b}", "runtime", "c", "scenario",
                             text_of(scenario, "name"), "ok", code == HERMES_OK);
    json_object_set_new(line, "why", code ? json_sprintf("%s (%d)", why, code) : json_string(""));
    return report(line);
}

static int run_scenarios(const char *path, const char *only) {
    json_error_t error;
    json_t *document = json_load_file(path, FLAGS, &error), *scenario;
    size_t i;
    int well = 1;
    if (!document) {
        fprintf(stderr, "%s: %s\n", path, error.text);
        return 0;
    }
    json_array_foreach(json_object_get(document, "scenarios"), i, scenario) {
        if (!only || !strcmp(only, text_of(scenario, "name")))
            well = run_scenario(document, scenario) && well;
    }
    json_decref(document);
    return well;
}

/* ---- The cluster ------------------------------------------------------------- */

struct member {
    const char *name;
    uint64_t receiver, publisher;
    json_t *heard, *complete; /* who has said hello, and who of them hears everybody */
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

/* Hears a hello, or the number of somebody that comes next. */
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

/* Says hello until everybody hears everybody. */
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

static int join_cluster(char **arguments) {
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

int main(int argc, char **argv) {
    int well = 0;
    if (argc == 7 && !strcmp(argv[1], "--cluster"))
        well = join_cluster(argv + 2);
    else if (argc == 2 || argc == 3)
        well = run_scenarios(argv[1], argv[2]);
    else
        fprintf(stderr, "usage: adapter SCENARIOS.json [NAME]\n");
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
