/* SPDX-License-Identifier: MIT
 *
 * Converts what Python's marshal writes of one envelope to JSON; see marshalrow.c.
 */
#ifndef HERMES_FAST_MARSHALROW_H
#define HERMES_FAST_MARSHALROW_H

#include <stddef.h>
#include <stdint.h>

/* One envelope. */
struct fast_row {
    const char *topic, *origin; /* need no escape in JSON; they point into the input */
    size_t topic_len, origin_len, data_len;
    char data[8 << 10]; /* one JSON value, as json.dumps writes it */
};

/* Converts marshal.dumps([(topic, origin, data)], 2). Returns 0 if it is for Go: it is
 * damaged, or not of the common kind. */
int fast_marshal_row(const char *values, size_t len, struct fast_row *row);

#endif /* HERMES_FAST_MARSHALROW_H */
