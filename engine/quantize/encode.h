/* SPDX-License-Identifier: Apache-2.0
 *
 * encode.h: from f32 weights to blocks of a weight format, by searching the scales that leave the
 * least squared error after decoding. Used by `engine quantize`; slow beside a kernel, done once
 * per model. The formats are defined in kernel/kernel.h, decoding in reference/formats.h. */
#ifndef PAWL_ENCODE_H
#define PAWL_ENCODE_H

#include <stddef.h>
#include <stdint.h>

/* x: [k] f32, finite, k a multiple of the type's block. blocks: overwritten, any alignment.
 * Deterministic; values beyond what the format can hold become the nearest it holds. Any thread. */
typedef void (*encode_fn)(const float *x, size_t k, void *blocks);

/* The encoder of F32, F16, BF16, Q8_0, Q4_K, Q5_K or Q6_K; NULL for others. */
encode_fn encode_find(uint32_t type);

/* The K-quants of encode_kquant.c, one block of 256 at a time. */
struct q4_k_block;
struct q5_k_block;
struct q6_k_block;
void encode__q4_k(const float *x, struct q4_k_block *out);
void encode__q5_k(const float *x, struct q5_k_block *out);
void encode__q6_k(const float *x, struct q6_k_block *out);

#endif
