/* SPDX-License-Identifier: MIT
 *
 * Received envelopes and batches. Reading and freeing them needs no call into Go, and so
 * works in a forked child too. Go writes them: envelope.go.
 */
#include "exports.h"

#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

void *capi_alloc(size_t size) {
    return malloc(size);
}

/* Where its texts end, behind the last NUL, in bytes from the envelope. */
static size_t end_of(const hermes_envelope *envelope) {
    size_t end = envelope->data_at + envelope->data_len + 1;
    return envelope->flags & CAPI_HAS_TRACEPARENT ? end + CAPI_TRACEPARENT + 1 : end;
}

void *capi_copy_envelope(const void *batch, uint64_t i) {
    const hermes_envelope *from = &((const hermes_batch *)batch)->at[i];
    size_t texts = end_of(from) - from->topic_at;
    hermes_envelope *to = malloc(sizeof *to + texts);
    if (to == NULL) return NULL;
    *to = *from;
    to->topic_at = sizeof *to;
    to->origin_at -= from->topic_at - sizeof *to;
    to->data_at -= from->topic_at - sizeof *to;
    to->flags &= ~(uint64_t)CAPI_IN_BATCH;
    memcpy(to + 1, (const char *)from + from->topic_at, texts);
    return to;
}

#define TEXT_OF(field)                                                                             \
    const char *hermes_envelope_##field(const hermes_envelope *envelope, size_t *len) {            \
        if (len != NULL) *len = envelope != NULL ? envelope->field##_len : 0;                      \
        return envelope != NULL ? (const char *)envelope + envelope->field##_at : NULL;            \
    }
TEXT_OF(topic)
TEXT_OF(origin)
TEXT_OF(data)

#define NUMBER_OF(field, type)                                                                     \
    type hermes_envelope_##field(const hermes_envelope *envelope) {                                \
        return envelope != NULL ? envelope->field : 0;                                             \
    }
NUMBER_OF(ts, double)
NUMBER_OF(received, double)
NUMBER_OF(lost, uint64_t)

const char *hermes_envelope_traceparent(const hermes_envelope *envelope) {
    if (envelope == NULL || !(envelope->flags & CAPI_HAS_TRACEPARENT)) return NULL;
    return (const char *)envelope + envelope->data_at + envelope->data_len + 1;
}

void hermes_envelope_free(hermes_envelope *envelope) {
    if (envelope != NULL && !(envelope->flags & CAPI_IN_BATCH)) free(envelope);
}

size_t hermes_batch_size(const hermes_batch *batch) {
    return batch != NULL ? batch->size : 0;
}

const hermes_envelope *hermes_batch_at(const hermes_batch *batch, size_t index) {
    return batch != NULL && index < batch->size ? &batch->at[index] : NULL;
}

const void *hermes_batch_memory(const hermes_batch *batch, size_t *len) {
    const hermes_envelope *last =
        batch != NULL && batch->size > 0 ? &batch->at[batch->size - 1] : NULL;
    const char *end = last != NULL ? (const char *)last + end_of(last) : NULL;
    if (len != NULL) *len = last != NULL ? (size_t)(end - (const char *)batch) : 0;
    return last != NULL ? batch : NULL;
}

void hermes_batch_free(hermes_batch *batch) {
    free(batch);
}

void hermes_free(void *text) {
    free(text);
}
