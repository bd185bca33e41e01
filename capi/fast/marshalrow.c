/* SPDX-License-Identifier: MIT
 *
 * Converts one envelope from Python's marshal format, version 2, to JSON, byte for byte as
 * json.dumps writes it. The format, as far as it is known here:
 *
 *   code  then                            meaning
 *   N T F                                 None, True, False
 *   i     4 bytes                         int, signed, little-endian
 *   l     4 bytes n, |n| * 2 bytes        int of |n| digits of 15 bits, with the sign of n
 *   g     8 bytes                         float, IEEE 754, little-endian
 *   u     4 bytes n, n bytes              str, UTF-8
 *   ( [   4 bytes n, n values             tuple, list
 *   {     keys and values in turn, then 0 dict
 *
 * It converts what is common and leaves the rest to Go (internal/marshal): texts that need
 * escapes, floats that need an exponent or more than 15 digits or so, more than 16 levels,
 * more than 8 KiB of JSON, all other codes, and damaged input. Whatever it converts, Go
 * converts to the same bytes.
 *
 * Each value leaves SPARE bytes of room behind it, so that punctuation needs no checks.
 */
#include "marshalrow.h"

#include "jsoncheck.h"

#include <float.h>
#include <math.h>
#include <string.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

enum {
    DEPTH_MAX = 16,
    SPARE = 64,       /* bytes of a number or a word, with all punctuation behind it */
    LONG_DIGITS = 4,  /* of 15 bits each, which an int64_t holds */
    DECIMALS_MAX = 19 /* of a number from 1e-4 on whose digits make less than 2^51 */
};

struct reader {
    const uint8_t *in, *end;
    char *out, *full;
};

static uint64_t little(const uint8_t *p, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint64_t)p[i] << 8 * i;
    return v;
}

/* Whether n more bytes can be read. */
static int has(const struct reader *r, size_t n) {
    return (size_t)(r->end - r->in) >= n;
}

/* Reads a size; UINT32_MAX, which is never right, at the end of the input. */
static uint32_t size(struct reader *r) {
    if (!has(r, 4)) return UINT32_MAX;
    r->in += 4;
    return (uint32_t)little(r->in - 4, 4);
}

static int put_word(struct reader *r, const char *word, size_t len) {
    memcpy(r->out, word, len);
    r->out += len;
    return 1;
}

static char *put_digits(char *at, uint64_t v) {
    char digits[20];
    int n = 0;
    do digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    while (n > 0) *at++ = digits[--n];
    return at;
}

static int put_integer(struct reader *r, uint64_t v, int negative) {
    if (negative) *r->out++ = '-';
    r->out = put_digits(r->out, v);
    return 1;
}

static const double powers[DECIMALS_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,
                                                1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13,
                                                1e14, 1e15, 1e16, 1e17, 1e18, 1e19};

/* n / 10^decimals as text. */
static char *put_decimal(char *at, uint64_t n, int decimals) {
    uint64_t scale = 1;
    for (int i = 0; i < decimals; i++) scale *= 10;
    at = put_digits(at, n / scale);
    *at++ = '.';
    uint64_t fraction = n % scale;
    if (decimals == 0) *at++ = '0';
    for (int i = decimals - 1; i >= 0; i--, fraction /= 10) at[i] = (char)('0' + fraction % 10);
    return at + decimals;
}

/* Writes the shortest decimal that reads as this number: n / 10^k with the least k, where
 * n < 2^51. Decimals with k places are then further apart than doubles, so there is one at
 * most; the product is less than a half away from n; and n and 10^k are exact doubles, so
 * that their quotient is what a reader makes of the decimal. */
static int put_double(struct reader *r, uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    double positive = fabs(v);
    if (FLT_EVAL_METHOD != 0 || !(positive < 1e15) || (positive < 1e-4 && positive != 0)) return 0;
    for (int k = 0; k <= DECIMALS_MAX; k++) {
        double scaled = positive * powers[k];
        if (scaled >= 0x1p51) return 0;
        uint64_t n = (uint64_t)(scaled + 0.5);
        if (fabs(scaled - (double)n) > scaled * 0x1p-51 || (double)n / powers[k] != positive)
            continue;
        if (signbit(v)) *r->out++ = '-';
        r->out = put_decimal(r->out, n, k);
        return 1;
    }
    return 0;
}

static int put_long(struct reader *r) {
    if (!has(r, 4)) return 0;
    int32_t n = (int32_t)size(r);
    if (n < -LONG_DIGITS || n > LONG_DIGITS) return 0;
    int count = n < 0 ? -n : n;
    if (!has(r, 2 * (size_t)count)) return 0;
    uint64_t v = 0;
    for (int i = 0; i < count; i++, r->in += 2) {
        if (r->in[1] >> 7) return 0; /* a digit has 15 bits */
        v |= little(r->in, 2) << 15 * i;
    }
    return put_integer(r, v, n < 0 && v != 0);
}

/* Reads a str that needs no escape in JSON. */
static int bare(struct reader *r, const char **text, size_t *len) {
    if (!has(r, 1) || *r->in++ != 'u') return 0;
    *len = size(r);
    if (!has(r, *len) || !fast_is_plain((const char *)r->in, *len)) return 0;
    *text = (const char *)r->in;
    r->in += *len;
    return 1;
}

static int put_text(struct reader *r) {
    const char *text;
    size_t len;
    if (!bare(r, &text, &len) || (size_t)(r->full - r->out) < len + SPARE) return 0;
    *r->out++ = '"';
    memcpy(r->out, text, len);
    r->out += len;
    *r->out++ = '"';
    return 1;
}

static int put_value(struct reader *r, int depth);

static int put_array(struct reader *r, int depth) {
    *r->out++ = '[';
    for (uint32_t i = 0, n = size(r); i < n; i++) {
        if (i > 0) put_word(r, ", ", 2);
        if (!put_value(r, depth)) return 0;
    }
    *r->out++ = ']';
    return 1;
}

static int put_object(struct reader *r, int depth) {
    *r->out++ = '{';
    for (int i = 0; has(r, 1) && *r->in != '0'; i++) {
        if (i > 0) put_word(r, ", ", 2);
        if (!put_text(r)) return 0;
        put_word(r, ": ", 2);
        if (!put_value(r, depth)) return 0;
    }
    *r->out++ = '}';
    return has(r, 1) && *r->in++ == '0';
}

static int put_value(struct reader *r, int depth) {
    if (!has(r, 1) || r->full - r->out < SPARE || depth > DEPTH_MAX) return 0;
    switch (*r->in++) {
    case 'N':
        return put_word(r, "null", 4);
    case 'T':
        return put_word(r, "true", 4);
    case 'F':
        return put_word(r, "false", 5);
    case 'u':
        r->in--;
        return put_text(r);
    case 'l':
        return put_long(r);
    case '(':
    case '[':
        return put_array(r, depth + 1);
    case '{':
        return put_object(r, depth + 1);
    case 'i':
        if (!has(r, 4)) return 0;
        r->in += 4;
        int64_t v = (int32_t)little(r->in - 4, 4);
        return put_integer(r, (uint64_t)(v < 0 ? -v : v), v < 0);
    case 'g':
        if (!has(r, 8)) return 0;
        r->in += 8;
        return put_double(r, little(r->in - 8, 8));
    }
    return 0;
}

/* Reads the code and the size of a list or a tuple; 1 if they are these. */
static int opens(struct reader *r, char code, uint32_t n) {
    return has(r, 1) && *r->in++ == code && size(r) == n;
}

int fast_marshal_row(const char *values, size_t len, struct fast_row *row) {
    struct reader r = {(const uint8_t *)values, (const uint8_t *)values + len, row->data,
                       row->data + sizeof row->data};
    if (len > sizeof row->data) return 0;
    if (!opens(&r, '[', 1) || !opens(&r, '(', 3)) return 0;
    if (!bare(&r, &row->topic, &row->topic_len) || !bare(&r, &row->origin, &row->origin_len))
        return 0;
    if (!put_value(&r, 0) || r.in != r.end) return 0;
    row->data_len = (size_t)(r.out - row->data);
    return 1;
}
