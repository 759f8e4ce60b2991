/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/inference/rounding.h"

#include "reference/base/half.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Codes of one block; returns its f32 scale. Blocks under 2^-100 count as zero because 127 / amax
 * and products with it would leave the range where f32 is exact to the last bit. */
static float round_block(const float *x, size_t n, int8_t *q)
{
    float amax = 0.0f, inverse;

    for (size_t i = 0; i < n; i++)
        amax = fmaxf(amax, fabsf(x[i]));
    if (amax < 0x1p-100f) {
        memset(q, 0, n);
        return 0.0f;
    }
    inverse = 127.0f / amax;
    for (size_t i = 0; i < n; i++)
        q[i] = (int8_t)rintf(x[i] * inverse);
    return amax / 127.0f;
}

static int sum_codes(const int8_t *q, int n)
{
    int sum = 0;

    for (int i = 0; i < n; i++)
        sum += q[i];
    return sum;
}

void rounding_activations(uint32_t type, const float *x, size_t k, void *out)
{
    if (type == KERNEL_Q8_K) {
        struct q8_k_block *b = out;
        for (size_t j = 0; j < k; j += 256, b++) {
            b->d = round_block(x + j, 256, b->qs);
            for (int s = 0; s < 16; s++)
                b->bsums[s] = (int16_t)sum_codes(b->qs + 16 * s, 16);
        }
    } else if (type == KERNEL_Q8_32) {
        struct q8_32_block *b = out;
        for (size_t j = 0; j < k; j += 32, b++) {
            b->d = round_block(x + j, 32, b->qs);
            b->sum = (int16_t)sum_codes(b->qs, 32);
            b->zero = 0;
        }
    } else {
        assert(type == KERNEL_F32);
        memcpy(out, x, k * sizeof *x);
    }
}

void rounding_kv_row(uint32_t type, const float *x, size_t head_dim, float *out)
{
    int8_t q[32];

    if (type == KERNEL_F16) {
        for (size_t i = 0; i < head_dim; i++)
            out[i] = half_to_float(half_from_float(x[i]));
        return;
    }
    assert(type == KERNEL_Q8_0);
    for (size_t j = 0; j < head_dim; j += 32) {
        size_t n = head_dim - j < 32 ? head_dim - j : 32;
        float d = half_to_float(half_from_float(round_block(x + j, n, q)));
        for (size_t i = 0; i < n; i++)
            out[j + i] = d * (float)q[i];
    }
}

void rounding_query_row(uint32_t type, const float *x, size_t head_dim, double *out)
{
    int8_t q[32];

    if (type == KERNEL_F16) {
        for (size_t i = 0; i < head_dim; i++)
            out[i] = x[i];
        return;
    }
    assert(type == KERNEL_Q8_0);
    for (size_t j = 0; j < head_dim; j += 32) {
        size_t n = head_dim - j < 32 ? head_dim - j : 32;
        double d = round_block(x + j, n, q);
        for (size_t i = 0; i < n; i++)
            out[j + i] = d * q[i];
    }
}

size_t rounding_kv_row_bytes(uint32_t type, size_t head_dim)
{
    if (type == KERNEL_F16)
        return head_dim * sizeof(uint16_t);
    return head_dim + (head_dim + 31) / 32 * sizeof(uint16_t);
}
