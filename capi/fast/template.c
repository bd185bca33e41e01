/* SPDX-License-Identifier: MIT */
#include "template.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#pragma GCC diagnostic error "-Wmissing-prototypes"

/* How many texts that do not match pass a template before one of them replaces it. Where no
 * two texts are alike, learning each of them would cost more than checking it. */
enum { STAYS = 4 };

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

static inline uint64_t eight(const void *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The place of a text: a hash of its size and its first eight bytes, with digits equal. */
static struct fast_template *place_of(struct fast_templates *templates, const char *text,
                                      size_t len) {
    uint64_t begin = eight(text) | 0x0f * ONES;
    return &templates->at[(begin + len) * 0x9e3779b97f4a7c15u >> 32 & (FAST_TEMPLATE_PLACES - 1)];
}

int fast_template_fits_portably(const struct fast_template *template, const char *text) {
    uint64_t wrong = 0;
    size_t last = template->size - 8;
    for (size_t i = 0;; i += 8) {
        if (i > last) i = last;
        uint64_t v = eight(text + i), halves = eight(template->free + i);
        wrong |= (v & ~halves) ^ eight(template->text + i); /* another text, or no digit */
        v &= halves;
        wrong |= (v + 0x76 * ONES) & HIGHS; /* by its upper half, or its lower one */
        wrong |= ~((v | HIGHS) - eight(template->least + i)) & HIGHS; /* a zero in front */
        if (i == last) return wrong == 0;
    }
}

#ifdef __SSE2__

static inline __m128i sixteen(const void *p) {
    return _mm_loadu_si128((const __m128i *)p);
}

int fast_template_fits(const struct fast_template *template, const char *text) {
    __m128i wrong = _mm_setzero_si128(), nine = _mm_set1_epi8(9);
    size_t last = template->size - 16;
    for (size_t i = 0;; i += 16) {
        if (i > last) i = last;
        __m128i v = sixteen(text + i), halves = sixteen(template->free + i);
        __m128i other = _mm_xor_si128(_mm_andnot_si128(halves, v), sixteen(template->text + i));
        v = _mm_and_si128(v, halves);
        __m128i less = _mm_cmpgt_epi8(sixteen(template->least + i), v);
        wrong =
            _mm_or_si128(_mm_or_si128(wrong, other), _mm_or_si128(less, _mm_cmpgt_epi8(v, nine)));
        if (i == last) break;
    }
    return _mm_movemask_epi8(_mm_cmpeq_epi8(wrong, _mm_setzero_si128())) == 0xffff;
}

#else

int fast_template_fits(const struct fast_template *template, const char *text) {
    return fast_template_fits_portably(template, text);
}

#endif

int fast_template_match(struct fast_templates *templates, const char *text, size_t len) {
    if (len < FAST_TEMPLATE_MIN || len > FAST_TEMPLATE_MAX) return 0;
    struct fast_template *template = place_of(templates, text, len);
    if (template->size != len || !fast_template_fits(template, text)) return 0;
    template->stays = STAYS;
    return 1;
}

static void learn(struct fast_template *template, const char *text, size_t len) {
    template->size = (uint32_t)len;
    template->stays = STAYS;
    for (size_t i = 0; i < len; i++) {
        int digit = is_digit(text[i]);
        int first = digit && (i == 0 || (!is_digit(text[i - 1]) && text[i - 1] != '.'));
        template->text[i] = digit ? '0' : text[i];
        template->free[i] = digit ? 0x0f : 0;
        template->least[i] = first && text[i] != '0' && i + 1 < len && is_digit(text[i + 1]);
    }
}

void fast_template_learn(struct fast_templates *templates, const char *text, size_t len) {
    if (len < FAST_TEMPLATE_MIN || len > FAST_TEMPLATE_MAX) return;
    struct fast_template *template = place_of(templates, text, len);
    if (template->stays-- <= 0) learn(template, text, len);
}
