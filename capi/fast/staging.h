/* SPDX-License-Identifier: MIT
 *
 * The staging buffer: publishes an envelope without a call into Go. staging.c explains it.
 */
#ifndef HERMES_FAST_STAGING_H
#define HERMES_FAST_STAGING_H

#include <stddef.h>
#include <stdint.h>

/* ---- For C: the functions of hermes.h ----------------------------------------------- */

/* Each puts one envelope into the staging buffer of a publisher and returns 1, or returns
 * 0 and does nothing: the envelope is then for Go, which accepts or refuses it. Pointers
 * are valid for their lengths, or NULL; a NULL origin stands for the publisher's name. Any thread
 * may call them, with any number as a handle. */

/* For hermes_publish: texts, and data that should be JSON. */
int fast_stage(uint64_t publisher, const char *topic, size_t topic_len, const char *origin,
               size_t origin_len, const char *data, size_t data_len);

/* For hermes_publish_try: one JSON text, [topic, origin, data]. */
int fast_stage_entry(uint64_t publisher, const char *json, size_t len);

/* For hermes_publish_marshal: what Python's marshal.dumps writes of [(topic, origin, data)]. */
int fast_stage_row(uint64_t publisher, const char *row, size_t len);

/* ---- For Go: the owner of the buffer (staging.go) ------------------------------------ */

/* What has been staged: messages in ZMTP framing, and the offset behind each. */
struct fast_staged {
    const uint8_t *messages;
    const uint32_t *ends;
    uint32_t size, count;
};

/* Limits what may be staged until the next swap. What this swap takes counts against messages
 * and bytes. */
struct fast_allowance {
    uint64_t messages, bytes;
    uint64_t each; /* bytes of topic, origin and data of one envelope */
    int wakes;     /* 1: a message has to wake Go; one at a time is staged, in fast_quiet */
};

/* A message that was staged while Go slept, for Go to take without a call. C writes the fields
 * while staged is 0, and then sets it; Go resets it when it has copied the message. */
struct fast_quiet {
    uint32_t staged; /* atomic */
    uint32_t size;
    const uint8_t *message;
};

/* What a staging buffer does beside its purpose. */
enum {
    FAST_TEMPLATES = 1, /* it keeps JSON templates */
    FAST_ROWS = 2       /* it takes Python's marshal */
};

/* Makes a staging buffer for a new publisher, which is closed until the first swap. Returns
 * 0 if memory is short. */
int fast_stager_new(uint64_t publisher);

/* Empties and closes the buffer, and sets what its messages are made of: the origin, a
 * JSON string, of envelopes without one of their own, and the last frame of each, header
 * included. Copies both. wake_fd is an eventfd that wakes Go, or -1; Go owns it. Flags are of the
 * enum above. Returns 0 if the buffer cannot be used: the origin is longer than 255 bytes, or
 * memory is short. */
int fast_stager_set(uint64_t publisher, const uint8_t *origin, size_t origin_len,
                    const uint8_t *last, size_t last_len, int wake_fd, int flags);

/* Takes what has been staged, which is valid until the next swap, and sets what may be staged
 * until then. One caller at a time. */
void fast_stager_swap(uint64_t publisher, const struct fast_allowance *allowance,
                      struct fast_staged *staged);

/* The message for Go. It stays where it is, and is never freed. */
struct fast_quiet *fast_stager_quiet(uint64_t publisher);

/* Forgets the eventfd. Returns 0 while a thread still writes to it. */
int fast_stager_forget_fd(uint64_t publisher);

/* Frees the buffer, which is empty, and gives the slot back. */
void fast_stager_free(uint64_t publisher);

#endif /* HERMES_FAST_STAGING_H */
