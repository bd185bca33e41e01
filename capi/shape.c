/* SPDX-License-Identifier: MIT
 *
 * Data that comes one after the other mostly differs in digits only. So of some texts
 * that are JSON the shape is remembered: all that is not a digit, and where digits stand.
 * What has the same shape is JSON as well, and comparing is much quicker than walking
 * over it; but the first of several digits of a number must not become a zero. The
 * receiving side does the same (internal/wire/shape.go).
 */
#include "shape.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#pragma GCC diagnostic error "-Wmissing-prototypes"

/* How many texts of other shapes may pass a place before it is given to one of them:
 * where no two are alike, remembering is in vain. */
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

/* By its size, and how it begins without regard to digits. */
static struct shim_shape *place_of(struct shim_shapes *shapes, const char *text, size_t len) {
    uint64_t begin = eight(text) | 0x0f * ONES;
    return &shapes->at[(begin + len) * 0x9e3779b97f4a7c15u >> 32 & (SHIM_SHAPES - 1)];
}

int shim_shape_fits_slowly(const struct shim_shape *shape, const char *text) {
    uint64_t wrong = 0;
    size_t last = shape->size - 8;
    for (size_t i = 0;; i += 8) {
        if (i > last) i = last;
        uint64_t v = eight(text + i), halves = eight(shape->free + i);
        wrong |= (v & ~halves) ^ eight(shape->text + i); /* another text, or no digit */
        v &= halves;
        wrong |= (v + 0x76 * ONES) & HIGHS; /* by its upper half, or its lower one */
        wrong |= ~((v | HIGHS) - eight(shape->least + i)) & HIGHS; /* a zero in front */
        if (i == last) return wrong == 0;
    }
}

#ifdef __SSE2__

static inline __m128i sixteen(const void *p) {
    return _mm_loadu_si128((const __m128i *)p);
}

int shim_shape_fits(const struct shim_shape *shape, const char *text) {
    __m128i wrong = _mm_setzero_si128(), nine = _mm_set1_epi8(9);
    size_t last = shape->size - 16;
    for (size_t i = 0;; i += 16) {
        if (i > last) i = last;
        __m128i v = sixteen(text + i), halves = sixteen(shape->free + i);
        __m128i other = _mm_xor_si128(_mm_andnot_si128(halves, v), sixteen(shape->text + i));
        v = _mm_and_si128(v, halves);
        __m128i less = _mm_cmpgt_epi8(sixteen(shape->least + i), v);
        wrong =
            _mm_or_si128(_mm_or_si128(wrong, other), _mm_or_si128(less, _mm_cmpgt_epi8(v, nine)));
        if (i == last) break;
    }
    return _mm_movemask_epi8(_mm_cmpeq_epi8(wrong, _mm_setzero_si128())) == 0xffff;
}

#else

int shim_shape_fits(const struct shim_shape *shape, const char *text) {
    return shim_shape_fits_slowly(shape, text);
}

#endif

int shim_shapes_know(struct shim_shapes *shapes, const char *text, size_t len) {
    if (len < SHIM_SHAPE_LEAST || len > SHIM_SHAPE_MOST) return 0;
    struct shim_shape *shape = place_of(shapes, text, len);
    if (shape->size != len || !shim_shape_fits(shape, text)) return 0;
    shape->stays = STAYS;
    return 1;
}

static void learn(struct shim_shape *shape, const char *text, size_t len) {
    shape->size = (uint32_t)len;
    shape->stays = STAYS;
    for (size_t i = 0; i < len; i++) {
        int digit = is_digit(text[i]);
        int first = digit && (i == 0 || (!is_digit(text[i - 1]) && text[i - 1] != '.'));
        shape->text[i] = digit ? '0' : text[i];
        shape->free[i] = digit ? 0x0f : 0;
        shape->least[i] = first && text[i] != '0' && i + 1 < len && is_digit(text[i + 1]);
    }
}

void shim_shapes_learn(struct shim_shapes *shapes, const char *text, size_t len) {
    if (len < SHIM_SHAPE_LEAST || len > SHIM_SHAPE_MOST) return;
    struct shim_shape *shape = place_of(shapes, text, len);
    if (shape->stays-- <= 0) learn(shape, text, len);
}
