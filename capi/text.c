/* SPDX-License-Identifier: MIT
 *
 * Texts: versions, the meaning of codes, and each thread's last error. All of it is
 * plain C, so that it works in a forked child too.
 */
#include "shim.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is defined here is declared in a header, and as it is declared there. */
#pragma GCC diagnostic error "-Wmissing-prototypes"

const char *hermes_version_string(void) {
    return HERMES_VERSION_STRING;
}

int hermes_abi_version(void) {
    return HERMES_ABI_VERSION;
}

const char *hermes_strerror(int code) {
    switch (code) {
    case HERMES_OK:
        return "no error";
    case HERMES_EINVAL:
        return "invalid argument";
    case HERMES_EBADHANDLE:
        return "bad handle";
    case HERMES_ESTATE:
        return "not in this state";
    case HERMES_EADDRESS:
        return "bad address";
    case HERMES_EADDRINUSE:
        return "address in use";
    case HERMES_EOPTION:
        return "bad option";
    case HERMES_EUTF8:
        return "text is not UTF-8";
    case HERMES_EJSON:
        return "data is not one JSON value";
    case HERMES_EFULL:
        return "queue full";
    case HERMES_ETIMEOUT:
        return "timed out";
    case HERMES_ESTOPPED:
        return "stopped";
    case HERMES_EFORKED:
        return "forked after the library's first use";
    case HERMES_EINTERNAL:
        return "internal fault";
    case HERMES_ENOMEM:
        return "out of memory";
    case HERMES_ERANGE:
        return "buffer too small";
    case HERMES_ETOOBIG:
        return "envelope too big";
    case HERMES_ENOTSUP:
        return "not supported by this kind of object";
    case HERMES_EIO:
        return "refused by the operating system";
    default:
        return "unknown error code";
    }
}

/* ---- The last error of a thread ------------------------------------------- */

/* A key rather than __thread: libraries with static TLS cannot always be loaded
 * late, and the key's destructor frees the text when its thread ends. */
struct error {
    size_t len, cap;
    char text[];
};

/* Stands in where there is no memory for a text. Never written, never freed. */
static struct error no_memory = {.len = 0, .cap = 0};

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

void shim_set_error(hermes_text *text, size_t len) {
    struct error *error = room_for(len);
    if (error != NULL) {
        shim_copy(error->text, error->cap, text, len);
        error->len = len;
    } else if (have_key) {
        free_error(pthread_getspecific(key));
        pthread_setspecific(key, &no_memory);
    }
}

int shim_refuse(int code, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (len < 0) len = 0;
    shim_set_error(text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
    return code;
}

void shim_copy(char *buf, size_t cap, hermes_text *text, size_t len) {
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
    if (error == &no_memory) {
        static const char text[] = "out of memory, and none left to say where";
        shim_copy(buf, cap, text, sizeof text - 1);
        return sizeof text - 1;
    }
    if (error == NULL) {
        shim_copy(buf, cap, "", 0);
        return 0;
    }
    shim_copy(buf, cap, error->text, error->len);
    return error->len;
}
