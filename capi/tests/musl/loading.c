/* SPDX-License-Identifier: MIT
 *
 * How a program of musl comes by libhermes.so.2. Go's code has thread-local data that must be there
 * when the program starts (the TLS model initial-exec; docs/design/musl.md):
 *
 *   loading LIBRARY refused    dlopen() does not load it later
 *   loading LIBRARY works      it does where LD_PRELOAD has loaded the same file
 *   loading LIBRARY            the program with -DLINKED needs it, and so the loader has loaded it
 */
#include "support.h"

#include <dlfcn.h>

static int (*office_new)(const char *, const char *, const char *, uint64_t *);
static int (*start)(uint64_t);
static int (*get)(uint64_t, const char *, char *, size_t);
static int (*close_handle)(uint64_t);

static void use(void) {
    uint64_t office;
    char endpoint[128];
    CHECK(office_new("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", NULL, &office) == HERMES_OK);
    CHECK(start(office) == HERMES_OK);
    CHECK(get(office, "endpoint.in", endpoint, sizeof endpoint) == HERMES_OK);
    CHECK(strncmp(endpoint, "tcp://127.0.0.1:", 16) == 0);
    CHECK(close_handle(office) == HERMES_OK);
}

static int find(void *library) {
    *(void **)&office_new = dlsym(library, "hermes_postoffice_new");
    *(void **)&start = dlsym(library, "hermes_start");
    *(void **)&get = dlsym(library, "hermes_get");
    *(void **)&close_handle = dlsym(library, "hermes_close");
    return office_new && start && get && close_handle;
}

int main(int count, char **arguments) {
#ifdef LINKED
    struct cluster c;
    start_cluster(&c);
    close_cluster(&c);
#endif
    CHECK(count >= 2);
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (count == 3 && strcmp(arguments[2], "refused") == 0) {
        const char *why = dlerror();
        CHECK(library == NULL && why != NULL && strstr(why, "initial-exec") != NULL);
        return 0;
    }
    CHECK(library != NULL && find(library));
    use();
    return 0;
}
