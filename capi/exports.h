/* SPDX-License-Identifier: MIT
 *
 * What the C side and the Go side of this package share. Only types of fixed width cross
 * between them. The Go functions that C calls are declared by the header that cgo
 * generates (_cgo_export.h), so that no declaration is written twice.
 */
#ifndef HERMES_EXPORTS_H
#define HERMES_EXPORTS_H

#include "fast/waiter.h"
#include "hermes.h"

#include <stddef.h>

/* const char by a name of its own: cgo would drop the const. */
typedef const char hermes_text;

/* A received envelope. Its texts are behind it in the same allocation, each with a NUL
 * behind it; offsets count from the envelope. hermes_batch_memory() promises the layout of this and
 * of hermes_batch: it must not change. */
struct hermes_envelope {
    uint64_t topic_at, topic_len;
    uint64_t origin_at, origin_len;
    uint64_t data_at, data_len;
    double ts, received;
    uint64_t lost;
    uint64_t flags; /* CAPI_... */
};

#define CAPI_IN_BATCH 1        /* a batch owns it; otherwise it is an allocation of its own */
#define CAPI_HAS_TRACEPARENT 2 /* CAPI_TRACEPARENT bytes of text, and a NUL, are behind its data */
#define CAPI_TRACEPARENT 55

/* A batch: one allocation with its envelopes, and behind them their texts. */
struct hermes_batch {
    uint64_t size;
    struct hermes_envelope at[];
};
_Static_assert(sizeof(struct hermes_envelope) == 80 && offsetof(struct hermes_batch, at) == 8,
               "the layout that hermes_batch_memory() promises");

/* Memory that Go fills: room that C provides, or an allocation that Go makes if the room
 * is too small. */
struct capi_block {
    void *start;
    uint64_t size;  /* in: bytes of room; out: bytes used */
    uint64_t count; /* out, of a JSON text: envelopes in it */
};

/* gate.c: Enters the library: HERMES_OK, or why not. The first call of all starts the Go
 * runtime. */
int capi_enter(const char *function);

/* gate.c: Calls capi_hook(), if that has not been done. */
void capi_prepare(void);

/* start_linux.c, start_darwin.c, start_windows.c: Whether the Go runtime cannot start now, and in
 * text what is missing and which limit is behind it. */
int capi_cannot_start(char *text, size_t size);

/* The same files: Starts the runtime, unless that has been done, and waits until it is up. Called
 * once; the caller locks. */
void capi_start(void);

/* The same files: Has in_child called in each forked child, where there are any, and at_exit when
 * the process exits. 0 if memory is short. */
int capi_hook(void (*in_child)(void), void (*at_exit)(void));

/* The same files: Closes in a forked child what it cannot use. */
void capi_forked(void);

/* errortext.c: Sets the text that hermes_last_error() returns on this thread. */
void capi_set_error(hermes_text *text, size_t len);

/* errortext.c: Sets such a text by a printf format, and returns the code. */
int capi_refuse(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* errortext.c: Copies a text into a buffer of the caller: always NUL-terminated, never cut
 * inside a character. */
void capi_copy_text(char *buf, size_t cap, hermes_text *text, size_t len);

/* envelope.c: malloc() for Go, which must get NULL rather than crash. */
void *capi_alloc(size_t size);

/* envelope.c: Copies envelope i of a batch into an allocation of its own; NULL if memory is
 * short. A fast_copy_function. */
void *capi_copy_envelope(const void *batch, uint64_t i);

#endif /* HERMES_EXPORTS_H */
