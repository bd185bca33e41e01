/* SPDX-License-Identifier: MIT
 *
 * Texts of the library: its version, the meaning of codes, and the last error of each
 * thread. None of it needs Go, so it works in a forked child too.
 *
 * No locks: each thread has an error text of its own.
 */
#include "exports.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

const char *hermes_version_string(void) {
    return HERMES_VERSION_STRING;
}

int hermes_abi_version(void) {
    return HERMES_ABI_VERSION;
}

/* By code; codes are 0 or negative. */
static const char *const meanings[] = {
    [-HERMES_OK] = "no error",
    [-HERMES_EINVAL] = "invalid argument",
    [-HERMES_EBADHANDLE] = "bad handle",
    [-HERMES_ESTATE] = "not in this state",
    [-HERMES_EADDRESS] = "bad address",
    [-HERMES_EADDRINUSE] = "address in use",
    [-HERMES_EOPTION] = "bad option",
    [-HERMES_EUTF8] = "text is not UTF-8",
    [-HERMES_EJSON] = "data is not one JSON value",
    [-HERMES_EFULL] = "queue full",
    [-HERMES_ETIMEOUT] = "timed out",
    [-HERMES_ESTOPPED] = "stopped",
    [-HERMES_EFORKED] = "forked after the library's first use",
    [-HERMES_EINTERNAL] = "internal fault",
    [-HERMES_ENOMEM] = "out of memory",
    [-HERMES_ERANGE] = "buffer too small",
    [-HERMES_ETOOBIG] = "envelope too big",
    [-HERMES_ENOTSUP] = "not supported by this kind of object",
    [-HERMES_EIO] = "refused by the operating system",
    [-HERMES_EACCES] = "refused by the peer",
    [-HERMES_EAUTH] = "the peer is not authenticated",
};

const char *hermes_strerror(int code) {
    static const int lowest = -(int)(sizeof meanings / sizeof *meanings) + 1;
    const char *meaning = code <= 0 && code >= lowest ? meanings[-code] : NULL;
    return meaning != NULL ? meaning : "unknown error code";
}

/* ---- The last error of a thread ------------------------------------------- */

/* A key rather than __thread: a library with static TLS cannot always be loaded late, and
 * the destructor of the key frees the text when its thread ends. */
struct error {
    size_t len, cap;
    char text[];
};

/* Stands for a text that there was no memory for. Never written, never freed. */
#define NO_MEMORY "out of memory, and none left to say where"
static struct error no_memory = {.len = sizeof NO_MEMORY - 1, .cap = 0, .text = NO_MEMORY};

static pthread_once_t key_made = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int have_key;

static void free_error(void *error) {
    if (error != &no_memory) free(error);
}

static void make_key(void) {
    have_key = pthread_key_create(&key, free_error) == 0;
}

static struct error *current_error(void) {
    pthread_once(&key_made, make_key);
    return have_key ? pthread_getspecific(key) : NULL;
}

/* This thread's text, with room for len bytes and a NUL, or NULL. */
static struct error *room_for(size_t len) {
    struct error *error = current_error();
    if (error != NULL && error->cap > len) return error;
    size_t cap = len < 240 ? 240 : len + 1;
    struct error *bigger = malloc(sizeof *bigger + cap);
    if (bigger == NULL || !have_key || pthread_setspecific(key, bigger) != 0) {
        free(bigger);
        return NULL;
    }
    if (error != NULL) free_error(error);
    bigger->cap = cap;
    return bigger;
}

void capi_set_error(hermes_text *text, size_t len) {
    struct error *error = room_for(len);
    if (error != NULL) {
        capi_copy_text(error->text, error->cap, text, len);
        error->len = len;
    } else if (have_key) {
        free_error(pthread_getspecific(key));
        pthread_setspecific(key, &no_memory);
    }
}

int capi_refuse(int code, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (len < 0) len = 0;
    capi_set_error(text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
    return code;
}

void capi_copy_text(char *buf, size_t cap, hermes_text *text, size_t len) {
    if (cap == 0) return;
    if (len >= cap) {
        len = cap - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) len--;
    }
    if (len > 0) memcpy(buf, text, len); /* of an empty text there may be no address */
    buf[len] = '\0';
}

size_t hermes_last_error(char *buf, size_t cap) {
    if (buf == NULL) cap = 0;
    const struct error *error = current_error();
    size_t len = error != NULL ? error->len : 0;
    capi_copy_text(buf, cap, len > 0 ? error->text : "", len);
    return len;
}
