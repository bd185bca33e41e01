/* SPDX-License-Identifier: MIT
 *
 * What is read of Python's marshal in C (capi/fast/marshalrow.c, compiled into this program) becomes
 * the JSON that Python's json would write, and damaged values do no harm. What is read in
 * Go (internal/marshal) has its own tests; here it only shows that both agree.
 */
#include "support.h"

#include "../fast/jsoncheck.h"
#include "../fast/marshalrow.h"

#include <math.h>

static uint64_t publisher; /* not started, so that all it does is look at the values */
static uint64_t seed = 88172645463325252u;
static struct fast_row row;

/* G. Marsaglia, "Xorshift RNGs", 2003. */
static uint64_t next(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* [("t", "o", ...)], to which the value is added. */
#define BEFORE "[\1\0\0\0(\3\0\0\0u\1\0\0\0tu\1\0\0\0o"
enum { BEFORE_LEN = sizeof BEFORE - 1 };

/* Reads a value in memory of exactly its size, so that a look beyond is noticed. */
static int reads(const void *value, size_t len) {
    char *exact = malloc(BEFORE_LEN + len);
    memcpy(exact, BEFORE, BEFORE_LEN);
    if (len > 0) memcpy(exact + BEFORE_LEN, value, len);
    int yes = fast_marshal_row(exact, BEFORE_LEN + len, &row);
    if (yes) {
        CHECK(row.topic_len == 1 && *row.topic == 't' && row.origin_len == 1 && *row.origin == 'o');
        CHECK(fast_is_json(row.data, row.data_len));
        int code = hermes_publish_marshal(publisher, exact, (int32_t)(BEFORE_LEN + len), NULL);
        CHECK(code == HERMES_ESTATE);
    }
    free(exact);
    return yes;
}

static void becomes(const char *value, size_t len, const char *text) {
    CHECK(reads(value, len));
    if (row.data_len != strlen(text) || memcmp(row.data, text, row.data_len) != 0) {
        fprintf(stderr, "%.*s instead of %s\n", (int)row.data_len, row.data, text);
        abort();
    }
}

#define BECOMES(value, text) becomes(value, sizeof value - 1, text)
#define REFUSES(value) CHECK(!reads(value, sizeof value - 1))

static void known_values(void) {
    BECOMES("N", "null");
    BECOMES("T", "true");
    BECOMES("F", "false");
    BECOMES("i\xff\xff\xff\x7f", "2147483647");
    BECOMES("i\0\0\0\x80", "-2147483648");
    BECOMES("l\xfd\xff\xff\xff\0\0\0\0\0\4", "-1099511627776");
    BECOMES("l\4\0\0\0\xff\x7f\xff\x7f\xff\x7f\xff\x7f", "1152921504606846975");
    BECOMES("u\0\0\0\0", "\"\"");
    BECOMES("[\0\0\0\0", "[]");
    BECOMES("{0", "{}");
    BECOMES("(\2\0\0\0N[\1\0\0\0u\1\0\0\0a", "[null, [\"a\"]]");
    BECOMES("{u\1\0\0\0aTu\1\0\0\0b{u\1\0\0\0cF00", "{\"a\": true, \"b\": {\"c\": false}}");
}

static void what_is_for_go(void) {
    REFUSES("");
    REFUSES("NN");
    REFUSES("?");
    REFUSES("i\1\0\0");
    REFUSES("l\1\0\0");
    REFUSES("l\5\0\0\0\1\0\1\0\1\0\1\0\1\0");
    REFUSES("l\0\0\0\x80\1\0");
    REFUSES("l\1\0\0\0\0\x80");
    REFUSES("g\0\0\0\0\0\0\0");
    REFUSES("u\2\0\0\0a");
    REFUSES("u\1\0\0\0\"");
    REFUSES("u\2\0\0\0\xc3\xa9");
    REFUSES("u\xff\xff\xff\xff");
    REFUSES("[\xff\xff\xff\xff");
    REFUSES("[\2\0\0\0N");
    REFUSES("{");
    REFUSES("{u\1\0\0\0a");
    REFUSES("{i\1\0\0\0N0");
    REFUSES("s\1\0\0\0a");
    char deep[5 * 100 + 1] = "";
    for (int depth = 1; depth <= 100; depth++) {
        memcpy(deep + 5 * (depth - 1), "[\1\0\0\0", 5);
        deep[5 * depth] = 'N';
        int yes = reads(deep, (size_t)(5 * depth + 1));
        CHECK(yes == (depth <= 16));
    }
}

/* As much as fits, and more. */
static void long_values(void) {
    static char values[40 << 10];
    for (uint32_t n = 0; n < 9000; n += 7) {
        values[0] = 'u';
        memcpy(values + 1, &n, 4);
        memset(values + 5, 'x', n);
        CHECK(reads(values, 5 + n) == (n + 64 <= sizeof row.data));
        uint32_t many = n / 2;
        values[0] = '[';
        memcpy(values + 1, &many, 4);
        memset(values + 5, 'F', many);
        CHECK(reads(values, 5 + many) == (row.data_len == (many > 0 ? 7 * many : 2)));
    }
}

/* Whether it is read; if so, it is the decimal next to it, of as few places as will do. */
static int read_double(double v) {
    char value[9] = "g", text[64], other[64];
    memcpy(value + 1, &v, 8);
    if (!reads(value, 9)) return 0;
    CHECK(row.data_len < sizeof text);
    memcpy(text, row.data, row.data_len);
    text[row.data_len] = '\0';
    int places = (int)strlen(strchr(text, '.') + 1);
    snprintf(other, sizeof other, "%.*f", places, v);
    CHECK(strcmp(other, text) == 0);
    CHECK(strtod(text, NULL) == v);
    snprintf(other, sizeof other, "%.*f", places - 1, v);
    CHECK(strtod(other, NULL) != v || (places == 1 && text[strlen(text) - 1] == '0'));
    return 1;
}

static uint64_t power_of_ten(uint64_t n) {
    uint64_t v = 1;
    while (n-- > 0) v *= 10;
    return v;
}

static void doubles(void) {
    CHECK(read_double(0) && read_double(-0.0) && read_double(1) && read_double(-1.5));
    CHECK(read_double(0.1) && read_double(1763800000.000042) && read_double(0.0001));
    CHECK(read_double(42010.25) && read_double(1e14) && read_double(123456789012345));
    CHECK(!read_double(0.1 + 0.2) && !read_double(1e16) && !read_double(1e-5));
    CHECK(!read_double(INFINITY) && !read_double(-INFINITY) && !read_double(NAN));
    int yes = 0;
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = next();
        double any;
        memcpy(&any, &bits, sizeof any);
        read_double(any);
        double common =
            (double)(int64_t)(next() >> (next() % 40 + 13)) / (double)power_of_ten(next() % 20);
        yes += read_double(common);
        read_double(common * (1 + 0x1p-52));
    }
    CHECK(yes > 100000);
}

static void damaged_values(void) {
    static const char whole[] = "{u\1\0\0\0a[\5\0\0\0u\4\0\0\0Tickg\0\0\0\0\0\0\xe0?"
                                "l\3\0\0\0\1\0\2\0\3\0i\1\2\3\4Nu\1\0\0\0b{00";
    CHECK(reads(whole, sizeof whole - 1));
    int yes = 0;
    for (int i = 0; i < 500000; i++) {
        char values[sizeof whole];
        memcpy(values, whole, sizeof whole);
        for (uint64_t n = next() % 3; n > 0; n--)
            values[next() % sizeof whole] =
                next() % 2 ? (char)next() : "NTFugil[({0\0\1"[next() % 14];
        yes += reads(values, next() % 4 == 0 ? next() % sizeof whole : sizeof whole - 1);
    }
    CHECK(yes > 1000);
}

int main(void) {
    OK(hermes_publisher_new("tcp://127.0.0.1:9", "p", &publisher));
    known_values();
    what_is_for_go();
    long_values();
    doubles();
    damaged_values();
    OK(hermes_close(publisher));
    return 0;
}
