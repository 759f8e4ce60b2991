/* SPDX-License-Identifier: Apache-2.0
 *
 * formats.h: what the bytes of a GGUF tensor mean, in scalar code that agrees bit for bit with the
 * format's definition. One table keyed by enum kernel_type holds block sizes, names and the
 * dequantiser; the oracle, the generators, the engine and the tests all read block sizes from here.
 */
#ifndef PAWL_FORMATS_H
#define PAWL_FORMATS_H

#include "kernel/kernel.h"

#include <stddef.h>
#include <stdint.h>

struct format {
    uint32_t type;       /* enum kernel_type */
    uint32_t activation; /* enum kernel_type of the activations that multiply it (matrix weights) */
    const char *name;    /* "Q4_K" */
    uint32_t elements;   /* values in one block; 1 for plain numbers */
    uint32_t bytes;      /* bytes of one block */
    uint32_t scale_offset; /* block types: byte offset of the f16 scale d */
    uint32_t min_offset;   /* byte offset of the f16 scale of the mins, 0 = the format has none */
    /* One block to `elements` f32; NULL for plain integers and f64, which have sizes only. */
    void (*dequantize_block)(const unsigned char *block, float *out);
};

/* The entry of `type`, or NULL when we do not know it. Static, any thread. */
const struct format *format_find(uint32_t type);

/* Bytes of a row of k values; k must be a multiple of f->elements. */
size_t format_row_bytes(const struct format *f, size_t k);

/* The f32 values of a row. blocks: k / f->elements blocks, aligned as the block's widest field.
 * out: [k], overwritten. The order of f32 operations is the format's, unfused. f->dequantize_block
 * must not be NULL. Any thread. Error: none. */
void format_row_dequantize(const struct format *f, const void *blocks, size_t k, float *out);

/* The row split into its scale terms and its min terms: value = scale_part - min_part. Both parts
 * have at most 24 significant bits, so they are exact in f32 while their difference need not be.
 * scale_part, min_part: [k], overwritten; min_part is all zero for formats without mins. */
void format_row_split(const struct format *f, const void *blocks, size_t k, float *scale_part,
                      float *min_part);

#endif
