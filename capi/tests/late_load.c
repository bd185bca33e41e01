/* SPDX-License-Identifier: MIT
 *
 * A program that does not link the library loads it late, behind many others that
 * have thread-local data, uses it, closes it twice and still uses it.
 *
 * Arguments: the library, then any number of others to load before it.
 */
#include "hermes.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            const char *why = dlerror();                                                           \
            fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition,            \
                    why ? why : "no error of dlopen");                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static int (*publisher_new)(const char *, const char *, uint64_t *);
static int (*get)(uint64_t, const char *, char *, size_t);
static int (*close_handle)(uint64_t);
static size_t (*last_error)(char *, size_t);

static void find(void *library) {
    *(void **)&publisher_new = dlsym(library, "hermes_publisher_new");
    *(void **)&get = dlsym(library, "hermes_get");
    *(void **)&close_handle = dlsym(library, "hermes_close");
    *(void **)&last_error = dlsym(library, "hermes_last_error");
    CHECK(publisher_new && get && close_handle && last_error);
}

static void use(void) {
    uint64_t publisher;
    char name[16], text[128];
    CHECK(publisher_new("tcp://127.0.0.1:9", "late", &publisher) == HERMES_OK);
    CHECK(get(publisher, "name", name, sizeof name) == HERMES_OK && strcmp(name, "late") == 0);
    CHECK(close_handle(publisher) == HERMES_OK);
    CHECK(get(publisher, "name", name, sizeof name) == HERMES_EBADHANDLE);
    CHECK(last_error(text, sizeof text) > 0 && strstr(text, "closed"));
}

int main(int count, char **arguments) {
    CHECK(count > 2);
    for (int i = 2; i < count; i++) CHECK(dlopen(arguments[i], RTLD_NOW | RTLD_LOCAL));
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    CHECK(dlsym(RTLD_DEFAULT, "hermes_publish") == NULL);
    find(library);
    use();
    void *again = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(again == library);
    CHECK(dlclose(again) == 0 && dlclose(library) == 0);
    use();
    return 0;
}
