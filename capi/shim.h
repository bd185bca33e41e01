/* SPDX-License-Identifier: MIT
 *
 * What the C side and the Go side of the library share. Only types of fixed width
 * cross between them; the Go functions that the C side calls are declared by the
 * header that cgo generates, so that no declaration is written twice.
 */
#ifndef HERMES_SHIM_H
#define HERMES_SHIM_H

#include "hermes.h"

/* const char by a name of its own: cgo would drop the const. */
typedef const char hermes_text;

/* A received envelope. Its texts lie behind it in the same allocation, each with a
 * NUL behind it; the offsets count from the envelope itself. */
struct hermes_envelope {
    uint64_t topic_at, topic_len;
    uint64_t origin_at, origin_len;
    uint64_t data_at, data_len;
    double ts, received;
    uint64_t lost;
    uint64_t in_batch; /* 1 where a batch owns it, 0 where it is an allocation */
};

/* A batch: one allocation with its envelopes, and behind them their texts. */
struct hermes_batch {
    uint64_t size;
    struct hermes_envelope at[];
};

/* Memory that Go fills: room that the C side provides, or, where that is too
 * small, an allocation that Go made instead. */
struct shim_block {
    void *start;
    uint64_t size; /* in: bytes of room; out: bytes used */
};

/* gate.c: Enters the library: HERMES_OK, or why not. The first call of all starts
 * the Go runtime. */
int shim_enter(const char *function);

/* text.c: Sets the text that hermes_last_error() gives to this thread. */
void shim_set_error(hermes_text *text, size_t len);

/* text.c: Sets such a text by a printf format, and returns the code. */
int shim_refuse(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* text.c: Copies a text as the caller's buffer allows: always NUL-terminated, never
 * cut inside a character. */
void shim_copy(char *buf, size_t cap, hermes_text *text, size_t len);

/* block.c: malloc for Go, which must see failure rather than crash. */
void *shim_alloc(size_t size);

#endif /* HERMES_SHIM_H */
