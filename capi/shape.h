/* SPDX-License-Identifier: MIT */
#ifndef HERMES_SHAPE_H
#define HERMES_SHAPE_H

#include <stddef.h>
#include <stdint.h>

enum {
    SHIM_SHAPE_LEAST = 16, /* bytes of the shortest and the longest text with a shape */
    SHIM_SHAPE_MOST = 128,
    SHIM_SHAPES = 64 /* a power of two */
};

/* For each byte of a text, what must be there and what may. */
struct shim_shape {
    char text[SHIM_SHAPE_MOST];  /* itself; of a digit the upper half */
    char free[SHIM_SHAPE_MOST];  /* of a digit 0x0f: the half that may be another */
    char least[SHIM_SHAPE_MOST]; /* how much that is at least: 1, or 0 */
    uint32_t size;               /* of the text; 0: none */
    int32_t stays;
};

/* The shapes seen last; zeros are none. Those that share a place displace each other. */
struct shim_shapes {
    struct shim_shape at[SHIM_SHAPES];
};

/* shape.c: Whether a text is JSON because one was that was like it. */
int shim_shapes_know(struct shim_shapes *shapes, const char *text, size_t len);

/* Takes note of a text that is JSON. */
void shim_shapes_learn(struct shim_shapes *shapes, const char *text, size_t len);

/* Whether a text of the shape's size has it; the second is for machines without SSE2. */
int shim_shape_fits(const struct shim_shape *shape, const char *text);
int shim_shape_fits_slowly(const struct shim_shape *shape, const char *text);

#endif /* HERMES_SHAPE_H */
