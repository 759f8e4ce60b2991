/* SPDX-License-Identifier: Apache-2.0
 *
 * encode.h: from f32 weights to blocks of a weight format, by searching the scales that leave the
 * least squared error after decoding. Used by `engine quantize`; slow beside a kernel, done once
 * per model. The formats are defined in kernel/kernel.h, decoding in reference/base/formats.h. */
#ifndef PAWL_ENCODE_H
#define PAWL_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether there is an encoder of this type: all that hold the weights of a GGUF file. */
bool encode_knows(uint32_t type);

/* One row. x: [k] f32, finite, k a multiple of the type's block. importance: [k], what the squared
 * error of each element counts, positive with a mean near 1; NULL: all alike. blocks: overwritten,
 * any alignment. Deterministic; values beyond what the format can hold become the nearest it holds.
 * Any thread. encode_knows(type) must be true. Error: none. */
void encode_row(uint32_t type, const float *x, const float *importance, size_t k, void *blocks);

#endif
