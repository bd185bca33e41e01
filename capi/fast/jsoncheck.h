/* SPDX-License-Identifier: MIT
 *
 * The fast JSON check. It knows the common part of JSON. A result of 1 is certain; 0 means
 * that Go has to decide (internal/wire).
 */
#ifndef HERMES_FAST_JSONCHECK_H
#define HERMES_FAST_JSONCHECK_H

#include <stddef.h>

/* Whether a text needs no escape in a JSON string: printable ASCII without " and \. */
int fast_is_plain(const char *text, size_t len);

/* Whether a text is one JSON value. */
int fast_is_json(const char *text, size_t len);

#endif /* HERMES_FAST_JSONCHECK_H */
