/* SPDX-License-Identifier: MIT
 *
 * Helpers of the conformance adapter: time, error texts, and the members of steps.
 */
#include "adapter.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void sleep_ms(int64_t ms) {
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* Says what did not come as expected. */
int wrong(char *why, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, 1024, format, arguments);
    va_end(arguments);
    return WRONG;
}

/* Passes a code on, with the library's text for it. */
int told(char *why, int code) {
    if (code < 0) hermes_last_error(why, 1024);
    return code < 0 ? code : HERMES_OK;
}

int code_of(const char *name) {
    static const char *const names[] = {
        "none",   "EINVAL", "EBADHANDLE", "ESTATE",   "EADDRESS", "EADDRINUSE", "EOPTION",
        "EUTF8",  "EJSON",  "EFULL",      "ETIMEOUT", "ESTOPPED", "EFORKED",    "EINTERNAL",
        "ENOMEM", "ERANGE", "ETOOBIG",    "ENOTSUP",  "EIO",      "EACCES",     "EAUTH",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name)) return -(int)i;
    return -1000;
}

const char *text_of(json_t *step, const char *key) {
    return json_string_value(json_object_get(step, key));
}

int number_of(json_t *step, const char *key, int otherwise) {
    json_t *number = json_object_get(step, key);
    return number ? (int)json_integer_value(number) : otherwise;
}

int timeout_of(json_t *step) {
    return number_of(step, "timeout", PATIENCE_MS);
}

uint64_t handle_of(struct run *run, const char *name) {
    for (int i = 0; name && i < run->count; i++)
        if (!strcmp(run->objects[i].name, name)) return run->objects[i].handle;
    return 0;
}

/* The object that a step is about. */
uint64_t on(struct place *p) {
    return handle_of(p->run, text_of(p->step, "on"));
}

int report(json_t *line) {
    int well = json_is_true(json_object_get(line, "ok"));
    char *text = json_dumps(line, 0);
    puts(text);
    fflush(stdout);
    free(text);
    json_decref(line);
    return well;
}
