/* SPDX-License-Identifier: MIT */
#ifndef HERMES_POCKET_H
#define HERMES_POCKET_H

#include <stddef.h>
#include <stdint.h>

/* pocket.c: where envelopes gather on the C side. */
struct shim_pocket;

/* What has gathered: messages in ZMTP framing, and where each ends. Good until the
 * next turn. */
struct shim_gathered {
    const uint8_t *messages;
    const uint32_t *ends;
    uint32_t size, count;
};

/* What may gather until the next turn, what this turn takes counted in. */
struct shim_allowance {
    uint64_t messages, bytes;
    uint64_t each; /* bytes of topic, origin and data of one envelope */
};

/* A pocket for the publisher of that handle, or NULL: it can do without. Nothing may
 * gather before its first turn. */
struct shim_pocket *shim_pocket_new(uint64_t handle);

/* What every envelope without an origin of its own is sent with, a JSON string, and
 * the frame, header included, that ends every message. Copies; 0 for no memory. */
int shim_pocket_set(struct shim_pocket *pocket, const uint8_t *origin, size_t origin_len,
                    const uint8_t *last, size_t last_len);

/* Takes what has gathered, and says what may come next. One caller at a time. */
void shim_pocket_turn(struct shim_pocket *pocket, const struct shim_allowance *allowance,
                      struct shim_gathered *gathered);

/* Gives the pocket back; nothing is in it. */
void shim_pocket_drop(struct shim_pocket *pocket);

/* Puts an envelope into the pocket of that handle. 0 where this one is for Go: there is
 * no room, or something about it asks for a closer look. */
int shim_pocket_put(uint64_t handle, const char *topic, size_t topic_len, const char *origin,
                    size_t origin_len, const char *data, size_t data_len);

/* The same for one JSON text, [topic, origin, data]. */
int shim_pocket_put_entry(uint64_t handle, const char *json, size_t len);

/* The same for what Python's marshal writes of a list of one tuple. */
int shim_pocket_put_values(uint64_t handle, const char *values, size_t len);

/* quick.c: Whether a text is surely what it should be. 0 means: look closer. */
int shim_quick_text(const char *text, size_t len); /* needs no escape in a JSON string */
int shim_quick_json(const char *text, size_t len); /* one JSON value */

#endif /* HERMES_POCKET_H */
