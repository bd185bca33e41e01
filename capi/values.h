/* SPDX-License-Identifier: MIT */
#ifndef HERMES_VALUES_H
#define HERMES_VALUES_H

#include <stddef.h>
#include <stdint.h>

/* values.c: an envelope that was read from what Python's marshal writes. */
struct shim_row {
    const char *topic, *origin; /* which need no escape in JSON; in what was read */
    size_t topic_len, origin_len, data_len;
    char data[8 << 10]; /* one JSON value */
};

/* Reads a list of one tuple (topic, origin, data). 0 where it is for Go. */
int shim_values_row(const char *values, size_t len, struct shim_row *row);

#endif /* HERMES_VALUES_H */
