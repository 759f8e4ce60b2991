/* SPDX-License-Identifier: Apache-2.0
 *
 * rounding.h: how activations, KV rows and queries are rounded, exactly as kernel.h states under
 * QUANTIZE, KV_STORE and ATTENTION. The scalar truth for the oracle, the generators and the tests.
 */
#ifndef PAWL_ROUNDING_H
#define PAWL_ROUNDING_H

#include "kernel/kernel.h"

#include <stddef.h>
#include <stdint.h>

/* Round x[0..k) to activation blocks of `type` (KERNEL_Q8_K: k % 256 == 0; KERNEL_Q8_32: k % 32 ==
 * 0; KERNEL_F32: copied). out: k / block elements blocks, 4-byte aligned, every byte overwritten.
 * x is finite. Any thread. Error: none. */
void rounding_activations(uint32_t type, const float *x, size_t k, void *out);

/* What KV_LOAD returns for a stored row. type: KERNEL_F16 or KERNEL_Q8_0 (blocks of 32 along the
 * head, the last may be short). x, out: [head_dim]; they may be the same. */
void rounding_kv_row(uint32_t type, const float *x, size_t head_dim, float *out);

/* A query as ATTENTION over pages of `type` uses it: unchanged for F16; for Q8_0 rounded per block
 * of 32 with an f32 scale. In double because scale x code needs 31 bits. x, out: [head_dim]. */
void rounding_query_row(uint32_t type, const float *x, size_t head_dim, double *out);

/* Canonical bytes of one KV row of one head: what a dense store of the format takes. */
size_t rounding_kv_row_bytes(uint32_t type, size_t head_dim);

#endif
