/* SPDX-License-Identifier: MIT
 *
 * Splits a JSON array [topic, origin, data]; see entry.c.
 */
#ifndef HERMES_FAST_ENTRY_H
#define HERMES_FAST_ENTRY_H

#include <stddef.h>

/* The texts of one envelope. An origin of NULL stands for the publisher's name. */
struct fast_entry {
    const char *topic, *origin, *data; /* topic and origin without quotation marks */
    size_t topic_len, origin_len, data_len;
};

/* Splits an array. The texts point into it, and have still to be checked: topic and origin
 * by fast_is_plain(), data by fast_is_json(). Returns 0 if it is for Go. */
int fast_split_entry(const char *json, size_t len, struct fast_entry *entry);

#endif /* HERMES_FAST_ENTRY_H */
