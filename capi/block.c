/* SPDX-License-Identifier: MIT
 *
 * Envelopes and batches: reading and freeing them is plain C, without a step into
 * Go, and so works in a forked child too.
 */
#include "shim.h"

#include <stdlib.h>

/* What is defined here is declared in a header, and as it is declared there. */
#pragma GCC diagnostic error "-Wmissing-prototypes"

void *shim_alloc(size_t size) {
    return malloc(size);
}

static const char *text_of(const hermes_envelope *envelope, uint64_t at) {
    return (const char *)envelope + at;
}

const char *hermes_envelope_topic(const hermes_envelope *envelope, size_t *len) {
    if (len != NULL) *len = envelope != NULL ? envelope->topic_len : 0;
    return envelope != NULL ? text_of(envelope, envelope->topic_at) : NULL;
}

const char *hermes_envelope_origin(const hermes_envelope *envelope, size_t *len) {
    if (len != NULL) *len = envelope != NULL ? envelope->origin_len : 0;
    return envelope != NULL ? text_of(envelope, envelope->origin_at) : NULL;
}

const char *hermes_envelope_data(const hermes_envelope *envelope, size_t *len) {
    if (len != NULL) *len = envelope != NULL ? envelope->data_len : 0;
    return envelope != NULL ? text_of(envelope, envelope->data_at) : NULL;
}

double hermes_envelope_ts(const hermes_envelope *envelope) {
    return envelope != NULL ? envelope->ts : 0;
}

double hermes_envelope_received(const hermes_envelope *envelope) {
    return envelope != NULL ? envelope->received : 0;
}

uint64_t hermes_envelope_lost(const hermes_envelope *envelope) {
    return envelope != NULL ? envelope->lost : 0;
}

void hermes_envelope_free(hermes_envelope *envelope) {
    if (envelope != NULL && !envelope->in_batch) free(envelope);
}

size_t hermes_batch_size(const hermes_batch *batch) {
    return batch != NULL ? batch->size : 0;
}

const hermes_envelope *hermes_batch_at(const hermes_batch *batch, size_t index) {
    return batch != NULL && index < batch->size ? &batch->at[index] : NULL;
}

void hermes_batch_free(hermes_batch *batch) {
    free(batch);
}

void hermes_free(void *text) {
    free(text);
}
