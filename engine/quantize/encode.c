/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quantize/encode.h"

#include "kernel/kernel.h"
#include "reference/base/half.h"

#include <math.h>
#include <string.h>

static void f32_encode(const float *x, size_t k, void *blocks)
{
    memcpy(blocks, x, k * sizeof *x);
}

static void f16_encode(const float *x, size_t k, void *blocks)
{
    for (size_t i = 0; i < k; i++) {
        uint16_t h = half_from_float(fminf(fmaxf(x[i], -65504), 65504));

        memcpy((unsigned char *)blocks + 2 * i, &h, sizeof h);
    }
}

static void bf16_encode(const float *x, size_t k, void *blocks)
{
    for (size_t i = 0; i < k; i++) {
        uint16_t h = bf16_from_float(x[i]);

        memcpy((unsigned char *)blocks + 2 * i, &h, sizeof h);
    }
}

/* d = amax / 127 in f16; codes are nearest under the d that the reader will see. */
static void q8_0_block_encode(const float *x, struct q8_0_block *out)
{
    float amax = 0, d;

    for (int i = 0; i < KERNEL_QK_32; i++)
        amax = fmaxf(amax, fabsf(x[i]));
    out->d = half_from_float(fminf(amax / 127, 65504));
    d = half_to_float(out->d);
    for (int i = 0; i < KERNEL_QK_32; i++)
        out->qs[i] = d > 0 ? (int8_t)rintf(fminf(fmaxf(x[i] / d, -127), 127)) : 0;
}

static void q8_0_encode(const float *x, size_t k, void *blocks)
{
    struct q8_0_block b;

    for (size_t i = 0; i < k / KERNEL_QK_32; i++) {
        q8_0_block_encode(x + i * KERNEL_QK_32, &b);
        memcpy((unsigned char *)blocks + i * sizeof b, &b, sizeof b);
    }
}

static void q4_k_encode(const float *x, size_t k, void *blocks)
{
    struct q4_k_block b;

    for (size_t i = 0; i < k / KERNEL_QK_K; i++) {
        encode__q4_k(x + i * KERNEL_QK_K, &b);
        memcpy((unsigned char *)blocks + i * sizeof b, &b, sizeof b);
    }
}

static void q5_k_encode(const float *x, size_t k, void *blocks)
{
    struct q5_k_block b;

    for (size_t i = 0; i < k / KERNEL_QK_K; i++) {
        encode__q5_k(x + i * KERNEL_QK_K, &b);
        memcpy((unsigned char *)blocks + i * sizeof b, &b, sizeof b);
    }
}

static void q6_k_encode(const float *x, size_t k, void *blocks)
{
    struct q6_k_block b;

    for (size_t i = 0; i < k / KERNEL_QK_K; i++) {
        encode__q6_k(x + i * KERNEL_QK_K, &b);
        memcpy((unsigned char *)blocks + i * sizeof b, &b, sizeof b);
    }
}

encode_fn encode_find(uint32_t type)
{
    switch (type) {
    case KERNEL_F32:
        return f32_encode;
    case KERNEL_F16:
        return f16_encode;
    case KERNEL_BF16:
        return bf16_encode;
    case KERNEL_Q8_0:
        return q8_0_encode;
    case KERNEL_Q4_K:
        return q4_k_encode;
    case KERNEL_Q5_K:
        return q5_k_encode;
    case KERNEL_Q6_K:
        return q6_k_encode;
    default:
        return NULL;
    }
}
