/* SPDX-License-Identifier: MIT
 *
 * Steps that observe and order, and the loop that takes all steps.
 */
#include "adapter.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

/* ---- Observing --------------------------------------------------------------- */

/* Whether what is expected is contained in what came. */
static int contains(json_t *want, json_t *got) {
    const char *key;
    json_t *value;
    size_t i;
    if (json_is_object(want) && json_is_object(got)) {
        json_object_foreach(want, key, value) {
            if (!contains(value, json_object_get(got, key))) return 0;
        }
        return 1;
    }
    if (json_is_array(want) && json_is_array(got)) {
        json_array_foreach(want, i, value) {
            if (!contains(value, json_array_get(got, i))) return 0;
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
        int fits = !want || contains(want, stats);
        if (!fits && !code && now_ms() > end) code = wrong(p->why, "the counters are %s", text);
        json_decref(stats);
        hermes_free(text);
        if (code || fits) return code;
        sleep_ms(10);
    }
}

static int do_event(struct place *p) {
    for (int fits = 0; !fits;) {
        char *text;
        int code = hermes_next_event(on(p), timeout_of(p->step), &text, NULL);
        if (code) return told(p->why, code);
        json_t *event = json_loads(text, FLAGS, NULL);
        json_t *want = json_object_get(p->step, "expect");
        const char *said = json_string_value(json_object_get(event, "text"));
        const char *says = text_of(p->step, "says");
        fits = want && contains(want, event) && (!says || (said && strstr(said, says)));
        json_decref(event);
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

static const struct kind own_kinds[] = {
    {"stats", do_stats},   {"event", do_event}, {"readable", do_readable}, {"sleep", do_sleep},
    {"repeat", do_repeat}, {"until", do_until}, {"try", do_try},           {"spawn", do_spawn},
    {"join", do_join},     {NULL, NULL},
};

/* The function for a kind of step; NULL for an unknown one. */
static int (*find(const char *name))(struct place *) {
    const struct kind *const tables[] = {component_kinds, envelope_kinds, own_kinds};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct kind *k = tables[t]; k->name; k++)
            if (!strcmp(k->name, name)) return k->take;
    return NULL;
}

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
    const char *hides = text_of(p->step, "hides");
    json_t *error = json_object_get(p->step, "error");
    int code = wrong(p->why, "no such step");
    int (*taker)(struct place *) = find(kind);
    if (taker) {
        p->why[0] = 0;
        code = taker(p);
    }
    if (code != WRONG && allowed(error, code)) {
        if (code && hides && strstr(p->why, hides))
            return wrong(p->why, "its text does not hide it");
        return says && code && !strstr(p->why, says) ? WRONG : HERMES_OK;
    }
    return code ? code : wrong(p->why, "did not fail as expected");
}

int take(struct run *run, json_t *steps, int index, char *why) {
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
