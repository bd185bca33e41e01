/* SPDX-License-Identifier: MIT
 *
 * Texts: of codes, of each thread's last error, and of options in buffers that are
 * too small.
 */
#include "support.h"

#include <pthread.h>

static void codes_have_texts_of_their_own(void) {
    for (int a = HERMES_OK; a >= HERMES_EAUTH; a--) {
        CHECK(hermes_strerror(a) != NULL && hermes_strerror(a)[0] != '\0');
        for (int b = a - 1; b >= HERMES_EAUTH - 1; b--)
            CHECK(strcmp(hermes_strerror(a), hermes_strerror(b)) != 0);
    }
    CHECK(hermes_strerror(1) == hermes_strerror(-12345));
}

static void nothing_has_failed_yet(void) {
    char text[8] = "before";
    CHECK(hermes_last_error(text, sizeof text) == 0);
    CHECK(text[0] == '\0');
    CHECK(hermes_last_error(NULL, 0) == 0);
}

static void *a_thread_has_its_own_text(void *unused) {
    (void)unused;
    nothing_has_failed_yet();
    FAILS(HERMES_EBADHANDLE, "0x77", hermes_start(0x77));
    CHECK(strstr(last_error(), "hermes_start") != NULL);
    return NULL;
}

static void texts_are_per_thread_and_outlive_success(void) {
    FAILS(HERMES_EBADHANDLE, "0x99", hermes_stop(0x99, 0));
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, a_thread_has_its_own_text, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(strstr(last_error(), "0x99") != NULL);

    uint64_t receiver;
    OK(hermes_receiver_new("tcp://127.0.0.1:9", "r", &receiver));
    CHECK(strstr(last_error(), "0x99") != NULL);
    OK(hermes_close(receiver));
}

static void long_texts_are_kept_whole(void) {
    static char key[3001];
    memset(key, 'k', sizeof key - 1);
    uint64_t receiver;
    OK(hermes_receiver_new("tcp://127.0.0.1:9", "r", &receiver));
    CHECK(hermes_set(receiver, key, "value") == HERMES_EOPTION);
    CHECK(hermes_last_error(NULL, 0) > 3000);
    CHECK(strstr(last_error(), key) != NULL);
    OK(hermes_close(receiver));
}

/* Cut texts end in a NUL, and never inside a character. */
static void small_buffers_hold_the_beginning(void) {
    uint64_t receiver;
    OK(hermes_receiver_new("tcp://127.0.0.1:9", "n\xC3\xA9\xE2\x82\xAC", &receiver));
    const char *beginnings[] = {"", "n", "n", "n\xC3\xA9", "n\xC3\xA9", "n\xC3\xA9"};
    for (size_t cap = 1; cap <= 6; cap++) {
        char buf[16];
        memset(buf, 'x', sizeof buf);
        FAILS(HERMES_ERANGE, "\"name\" needs 7 bytes", hermes_get(receiver, "name", buf, cap));
        CHECK(strcmp(buf, beginnings[cap - 1]) == 0);
        CHECK(buf[cap] == 'x');
    }
    char buf[7], untouched = 'x';
    OK(hermes_get(receiver, "name", buf, sizeof buf));
    CHECK(strcmp(buf, "n\xC3\xA9\xE2\x82\xAC") == 0);
    FAILS(HERMES_ERANGE, "cap is 0", hermes_get(receiver, "name", &untouched, 0));
    CHECK(untouched == 'x');
    OK(hermes_get(receiver, "name", buf, SIZE_MAX));
    OK(hermes_close(receiver));

    FAILS(HERMES_EBADHANDLE, "0x99", hermes_start(0x99));
    char whole[256], cut[256];
    size_t len = hermes_last_error(whole, sizeof whole);
    CHECK(len == strlen(whole));
    for (size_t cap = 1; cap <= len; cap++) {
        CHECK(hermes_last_error(cut, cap) == len);
        CHECK(strlen(cut) == cap - 1 && strncmp(cut, whole, cap - 1) == 0);
    }
    CHECK(hermes_last_error(NULL, 100) == len);
}

int main(void) {
    codes_have_texts_of_their_own();
    nothing_has_failed_yet();
    texts_are_per_thread_and_outlive_success();
    long_texts_are_kept_whole();
    small_buffers_hold_the_beginning();
    return 0;
}
