/* SPDX-License-Identifier: MIT
 *
 * The JSON template cache. Data that is published repeatedly mostly differs in digits
 * only. A template is a text that was found to be JSON, with its digits replaced by
 * wildcards; a text of the same length that matches it is JSON too, and matching costs a
 * fraction of checking. internal/wire/templatecache.go has the same cache for Go; the vectors
 * of testdata hold both to the same answers.
 *
 * One rule keeps it sound: the first of several digits of a number, unless it was a zero,
 * must not match a zero, for JSON has no leading zeros.
 */
#ifndef HERMES_FAST_TEMPLATE_H
#define HERMES_FAST_TEMPLATE_H

#include <stddef.h>
#include <stdint.h>

enum {
    FAST_TEMPLATE_MIN = 16, /* bytes of the shortest and the longest text with a template */
    FAST_TEMPLATE_MAX = 128,
    FAST_TEMPLATE_PLACES = 64 /* places of a cache; a power of two */
};

/* For each byte of a text, what must be there and what may. */
struct fast_template {
    char text[FAST_TEMPLATE_MAX];  /* the byte itself; of a digit its upper half, 0x30 */
    char free[FAST_TEMPLATE_MAX];  /* 0x0f for a digit, whose lower half may differ; else 0 */
    char least[FAST_TEMPLATE_MAX]; /* the least value of that half: 1, or 0 */
    uint32_t size;                 /* of the text in bytes; 0: the place is empty */
    int32_t stays;                 /* misses that this place survives */
};

/* Zeros are an empty cache. Templates with the same hash replace each other. The caller
 * locks. */
struct fast_templates {
    struct fast_template at[FAST_TEMPLATE_PLACES];
};

/* Whether a text matches a template, and so is JSON. */
int fast_template_match(struct fast_templates *templates, const char *text, size_t len);

/* Remembers a text that is JSON and matched nothing. */
void fast_template_learn(struct fast_templates *templates, const char *text, size_t len);

/* Whether a text of the template's size matches it; the second without SSE2. */
int fast_template_fits(const struct fast_template *template, const char *text);
int fast_template_fits_portably(const struct fast_template *template, const char *text);

#endif /* HERMES_FAST_TEMPLATE_H */
