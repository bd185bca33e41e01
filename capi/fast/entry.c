/* SPDX-License-Identifier: MIT
 *
 * Splits [topic, origin, data] as Python's json.dumps and most others write it: strings
 * without escapes, and at most one blank behind a comma before them. A null origin is that
 * of the publisher. The data is without the space around it. The rest is for Go
 * (wire.ParseEntry).
 *
 * A string is taken to end at the next quotation mark. If a backslash before it makes that
 * wrong, the check that follows finds the backslash in the text.
 */
#include "entry.h"

#include <string.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

/* Reads a string at p. Returns what is behind its closing quotation mark, or NULL. */
static const char *unquote(const char *p, const char *end, const char **text, size_t *len) {
    if (p == end || *p != '"') return NULL;
    const char *close = memchr(p + 1, '"', (size_t)(end - p - 1));
    if (close == NULL) return NULL;
    *text = p + 1;
    *len = (size_t)(close - *text);
    return close + 1;
}

/* The same for an origin, which is NULL for null. */
static const char *unquote_origin(const char *p, const char *end, struct fast_entry *entry) {
    if (end - p < 4 || memcmp(p, "null", 4) != 0)
        return unquote(p, end, &entry->origin, &entry->origin_len);
    entry->origin = NULL;
    entry->origin_len = 0;
    return p + 4;
}

/* What is behind a comma at p and a blank after it; NULL if there is no comma. */
static const char *skip_comma(const char *p, const char *end) {
    if (p == NULL || p == end || *p != ',') return NULL;
    p++;
    return p < end && *p == ' ' ? p + 1 : p;
}

static int is_space(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

int fast_split_entry(const char *json, size_t len, struct fast_entry *entry) {
    const char *p = json, *end = json + len;
    if (len < 2 || *p != '[' || *--end != ']') return 0;
    p = skip_comma(unquote(p + 1, end, &entry->topic, &entry->topic_len), end);
    if (p == NULL) return 0;
    p = skip_comma(unquote_origin(p, end, entry), end);
    if (p == NULL) return 0;
    while (p < end && is_space(*p)) p++;
    while (p < end && is_space(end[-1])) end--;
    entry->data = p;
    entry->data_len = (size_t)(end - p);
    return 1;
}
