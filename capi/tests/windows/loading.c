/* SPDX-License-Identifier: MIT
 *
 * Loading hermes.dll at run time starts no thread; the first call does; and unloading it does
 * nothing, for it stays. Several threads load it and make the first call at the same time.
 */
#include "../support.h"

#include <pthread.h>

enum { THREADS = 8 };

typedef int publisher_new(const char *, const char *, uint64_t *);
typedef int close_handle(uint64_t);

static void *load_and_use(void *unused) {
    (void)unused;
    HMODULE library = LoadLibraryA("hermes.dll");
    CHECK(library != NULL);
    publisher_new *new = (publisher_new *)(void *)GetProcAddress(library, "hermes_publisher_new");
    close_handle *close = (close_handle *)(void *)GetProcAddress(library, "hermes_close");
    CHECK(new != NULL && close != NULL);
    uint64_t publisher;
    CHECK(new("tcp://127.0.0.1:9", "p", &publisher) == HERMES_OK);
    CHECK(close(publisher) == HERMES_OK);
    CHECK(FreeLibrary(library));
    return NULL;
}

int main(void) {
    CHECK(GetModuleHandleA("hermes.dll") == NULL);
    int before = running_threads();
    HMODULE library = LoadLibraryA("hermes.dll");
    CHECK(library != NULL && running_threads() == before);
    CHECK(FreeLibrary(library) && GetModuleHandleA("hermes.dll") == NULL); /* not used yet */
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, load_and_use, NULL) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(GetModuleHandleA("hermes.dll") != NULL && running_threads() > before);
    load_and_use(NULL);
    return 0;
}
