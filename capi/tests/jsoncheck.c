/* SPDX-License-Identifier: MIT
 *
 * What the fast JSON check and the template cache accept (capi/fast, compiled into this
 * program) is JSON by the rules of the library too; and they do accept what is common.
 */
#include "support.h"

#include "../fast/jsoncheck.h"
#include "../fast/template.h"

static uint64_t publisher; /* not started, so that all it does is look at the text */
static uint64_t seed = 88172645463325252u;

/* G. Marsaglia, "Xorshift RNGs", 2003. */
static unsigned below(unsigned n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % n;
}

static int rules(const char *text, size_t len) {
    int code = hermes_publish(publisher, "t", 1, NULL, 0, text, len);
    CHECK(code == HERMES_ESTATE || code == HERMES_EJSON);
    return code == HERMES_ESTATE;
}

/* The text lies in memory of exactly its size, so that a look beyond is noticed. */
static int accepts(const char *text, size_t len) {
    char *exact = malloc(len > 0 ? len : 1);
    memcpy(exact, text, len);
    int yes = fast_is_json(exact, len);
    if (yes && !rules(text, len)) {
        fprintf(stderr, "taken for JSON: %.*s\n", (int)len, text);
        abort();
    }
    free(exact);
    return yes;
}

static const char *const common[] = {"0",
                                     "-1",
                                     "42000.50",
                                     "0.5",
                                     "-0.25",
                                     "1e5",
                                     "1.763800000000042E9", /* as Java writes a time */
                                     "-2.5e-07",
                                     "0E+1",
                                     "true",
                                     "false",
                                     "null",
                                     "\"\"",
                                     "\"text\"",
                                     "[]",
                                     "{}",
                                     "[1,2,3]",
                                     " [ 1 , \"two\" , [3.5, null] ] ",
                                     "{\"price\": 42000, \"side\": \"buy\"}",
                                     "{\"a\":{\"b\":[{}, {\"c\":[[[]]]}]},\"d\":false}\n",
                                     "[\"Tick\",1763800000.000042,\"BTCUSD\",42010.50,1000000042]"};

static const char *const closer[] = {
    "",      " ",         "[",        "]",        "{",      "}",       ",",        ":",
    "[1,]",  "[,1]",      "[1 2]",    "[1",       "1]",     "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
    "{1:2}", "{\"a\" 1}", "[}",       "{]",       "01",     "-",       "-01",      "1.",
    ".5",    "+1",        "1..2",     "1.2.3",    "1e",     "1e+",     "1E-",      "1e5.2",
    "e5",    "1e5e5",     "-e1",      "tru",      "nul",    "truex",   "\"",       "\"a",
    "\"\\",  "\"\\x\"",   "\"\x01\"", "\"\xff\"", "\"a\"b", "1 2",     "[1]]",     "{\"a\":1}}",
    "[1]x",  "\"a\nb\""};

static void known_texts(void) {
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        CHECK(accepts(common[i], strlen(common[i])));
    for (size_t i = 0; i < sizeof closer / sizeof *closer; i++) {
        CHECK(!fast_is_json(closer[i], strlen(closer[i])));
        CHECK(!rules(closer[i], strlen(closer[i])));
    }
}

/* Pieces of JSON one after the other, now and then with a byte of it changed. */
static size_t scribble(char *text, size_t room) {
    static const char *const pieces[] = {"[",      "]",           "{",
                                         "}",      ",",           ":",
                                         "\"a\":", "\"text\"",    "1",
                                         "0",      "-7.25",       "1e5",
                                         "true",   "null",        " ",
                                         "NaN",    "\"\\u00e9\"", "\"\xc3\xa9\"",
                                         "[1,2]",  "{\"k\":[]}",  "12345678901234567890"};
    size_t len = 0;
    for (unsigned n = below(9); n > 0; n--) {
        const char *piece = pieces[below(sizeof pieces / sizeof *pieces)];
        if (len + strlen(piece) > room) break;
        memcpy(text + len, piece, strlen(piece));
        len += strlen(piece);
    }
    return len;
}

/* A common text, of which some bytes have been changed. */
static size_t damage(char *text) {
    const char *whole = common[below(sizeof common / sizeof *common)];
    size_t len = strlen(whole);
    memcpy(text, whole, len);
    for (unsigned n = below(3); n > 0; n--)
        text[below((unsigned)len)] =
            (char)(below(2) ? below(256) : (unsigned)"[]{},:\"\\0-. e"[below(13)]);
    return below(4) == 0 ? below((unsigned)len + 1) : len;
}

static void random_texts(int count) {
    int yes = 0;
    for (int i = 0; i < count; i++) {
        char text[512];
        size_t len = below(2) ? scribble(text, sizeof text) : damage(text);
        yes += accepts(text, len);
    }
    CHECK(yes > count / 50); /* or this would show nothing */
}

static void deep_texts(void) {
    char text[2001];
    for (int depth = 1; depth <= 1000; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        int yes = accepts(text, 2 * (size_t)depth);
        CHECK(yes == (depth <= 63));
    }
}

static void plain_texts(void) {
    for (int c = 0; c < 256; c++) {
        char text[20] = "0123456789abcdefghi";
        for (size_t at = 0; at < 19; at++) {
            char before = text[at];
            text[at] = (char)c;
            int plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
            for (size_t len = 0; len <= 19; len++)
                CHECK(fast_is_plain(text, len) == (plain || len <= at));
            text[at] = before;
        }
    }
}

/* Whether a text, which lies in memory of exactly its size, is known to be JSON. */
static int matches(struct fast_templates *templates, const char *text, size_t len) {
    char *exact = malloc(len > 0 ? len : 1);
    memcpy(exact, text, len);
    int yes = fast_template_match(templates, exact, len);
    for (size_t i = 0; i < FAST_TEMPLATE_PLACES; i++) {
        const struct fast_template *template = &templates->at[i];
        if (template->size == len && len > 0)
            CHECK(fast_template_fits(template, exact) ==
                  fast_template_fits_portably(template, exact));
    }
    free(exact);
    return yes;
}

static void templates_of_random_texts(int count) {
    struct fast_templates *templates = calloc(1, sizeof *templates);
    int yes = 0;
    for (int i = 0; i < count; i++) {
        char text[512];
        size_t len = below(2) ? scribble(text, sizeof text) : damage(text);
        for (size_t at = 0; at < len; at++)
            if (text[at] >= '0' && text[at] <= '9' && below(3)) text[at] = (char)('0' + below(10));
        if (matches(templates, text, len)) {
            CHECK(rules(text, len));
            yes++;
        } else if (fast_is_json(text, len)) {
            fast_template_learn(templates, text, len);
        }
    }
    CHECK(yes > count / 50);
    free(templates);
}

static void templates_and_zeros(void) {
    struct fast_templates *templates = calloc(1, sizeof *templates);
    const char *text = "[\"Tick\",42010.50,-7.25]";
    fast_template_learn(templates, text, strlen(text));
    CHECK(matches(templates, "[\"Tick\",99999.99,-0.00]", strlen(text)));
    CHECK(!matches(templates, "[\"Tick\",09999.99,-0.00]", strlen(text)));
    CHECK(!matches(templates, "[\"Tick\",9999:.99,-0.00]", strlen(text)));
    CHECK(!matches(templates, "[\"Tick\",9999/.99,-0.00]", strlen(text)));
    CHECK(!matches(templates, "[\"tick\",99999.99,-0.00]", strlen(text)));
    CHECK(!matches(templates, "[\"Tick\",99999.99,-0.00", strlen(text) - 1));
    free(templates);
}

int main(void) {
    OK(hermes_publisher_new("tcp://127.0.0.1:9", "p", &publisher));
    known_texts();
    random_texts(500000);
    deep_texts();
    plain_texts();
    templates_of_random_texts(500000);
    templates_and_zeros();
    OK(hermes_close(publisher));
    return 0;
}
