/* SPDX-License-Identifier: MIT
 *
 * The fast JSON check: one pass over the text, eight bytes of a string at a time.
 *
 * It accepts what is common and leaves the rest to Go (internal/wire), which has all the
 * rules: escapes, characters beyond ASCII, more than 63 levels, and everything that is wrong. Whatever it accepts, Go accepts too; the vectors and the fuzzer of
 * internal/wire hold both to that.
 */
#include "jsoncheck.h"

#include <stdint.h>
#include <string.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

/* Levels that are followed: a bit for each tells objects from arrays. */
enum { DEPTH_MAX = 63 };

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

/* Marks bytes that are zero. The lowest mark is exact, those above may be wrong. */
static inline uint64_t zeros(uint64_t v) {
    return (v - ONES) & ~v & HIGHS;
}

/* Marks bytes that need a closer look in a JSON string: all but 0x20 to 0x7e, and of these
 * the quotation mark and the backslash. */
static inline uint64_t specials(uint64_t v) {
    return ((v & HIGHS) | ((v - 0x20 * ONES) & ~v & HIGHS) | zeros(v ^ '"' * ONES) |
            zeros(v ^ '\\' * ONES) | zeros(v ^ 0x7f * ONES));
}

static inline int is_plain(unsigned char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static inline uint64_t eight(const char *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

/* The first byte from p on that is not plain. */
static inline const char *skip_plain(const char *p, const char *end) {
    for (; end - p >= 8; p += 8) {
        uint64_t stop = specials(eight(p));
        if (stop != 0) return p + __builtin_ctzll(stop) / 8;
    }
    while (p < end && is_plain((unsigned char)*p)) p++;
    return p;
}

static inline int is_digit(char c) {
    return (unsigned char)(c - '0') <= 9;
}

static inline const char *skip_digits(const char *p, const char *end) {
    while (p < end && is_digit(*p)) p++;
    return p;
}

static inline const char *skip_space(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
    return p;
}

/* The functions below return the place behind what they skip; NULL: it is for Go. */

static inline const char *skip_string(const char *p, const char *end) {
    p = skip_plain(p + 1, end);
    return p < end && *p == '"' ? p + 1 : NULL;
}

static inline const char *skip_number(const char *p, const char *end) {
    if (*p == '-') p++;
    const char *from = p;
    p = skip_digits(p, end);
    if (p == from || (*from == '0' && p - from > 1)) return NULL;
    if (p < end && *p == '.') {
        from = p + 1;
        p = skip_digits(from, end);
        if (p == from) return NULL;
    }
    if (p == end || (*p | 0x20) != 'e') return p;
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    from = p;
    p = skip_digits(p, end);
    return p == from ? NULL : p;
}

static const char *skip_word(const char *p, const char *end, const char *word, size_t len) {
    return (size_t)(end - p) >= len && memcmp(p, word, len) == 0 ? p + len : NULL;
}

static inline const char *skip_scalar(const char *p, const char *end) {
    switch (*p) {
    case '"':
        return skip_string(p, end);
    case 't':
        return skip_word(p, end, "true", 4);
    case 'f':
        return skip_word(p, end, "false", 5);
    case 'n':
        return skip_word(p, end, "null", 4);
    default:
        return *p == '-' || is_digit(*p) ? skip_number(p, end) : NULL;
    }
}

/* From a key to the value behind it. */
static inline const char *skip_key(const char *p, const char *end) {
    if (p == end || *p != '"' || (p = skip_string(p, end)) == NULL) return NULL;
    p = skip_space(p, end);
    return p < end && *p == ':' ? skip_space(p + 1, end) : NULL;
}

int fast_is_plain(const char *text, size_t len) {
    if (len < 8) return skip_plain(text, text + len) == text + len;
    uint64_t stop = specials(eight(text + len - 8)); /* the last eight, some of them twice */
    for (size_t i = 0; i + 8 < len; i += 8) stop |= specials(eight(text + i));
    return stop == 0;
}

int fast_is_json(const char *text, size_t len) {
    const char *p = text, *end = text + len;
    uint64_t objects = 0; /* the lowest bit is the innermost level: 1 for an object */
    int depth = 0;
    p = skip_space(p, end);
    for (;;) {
        if (p == end) return 0;
        if (*p == '[' || *p == '{') {
            int object = *p == '{';
            p = skip_space(p + 1, end);
            if (p == end || depth == DEPTH_MAX) return 0;
            if (*p != (object ? '}' : ']')) {
                objects = objects << 1 | (uint64_t)object;
                depth++;
                if (object && (p = skip_key(p, end)) == NULL) return 0;
                continue;
            }
            p++;
        } else if ((p = skip_scalar(p, end)) == NULL) {
            return 0;
        }
        /* A value is complete: what it ends ends here, or another one follows. */
        for (;;) {
            p = skip_space(p, end);
            if (depth == 0) return p == end;
            if (p == end) return 0;
            if (*p == ',') {
                p = skip_space(p + 1, end);
                if ((objects & 1) && (p = skip_key(p, end)) == NULL) return 0;
                break;
            }
            if (*p != ((objects & 1) ? '}' : ']')) return 0;
            objects >>= 1;
            depth--;
            p++;
        }
    }
}
