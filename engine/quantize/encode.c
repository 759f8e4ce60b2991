/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quantize/encode.h"

#include "engine/quantize/encode_block.h"
#include "reference/base/formats.h"

#include <assert.h>

/* Past what any of the block formats holds; squares stay finite in f32. */
#define LARGEST 3e8f

static const struct encoder {
    uint32_t type;
    encode_block_fn *encode;
} encoders[] = {
    {KERNEL_F32, encode__f32},     {KERNEL_F16, encode__f16},       {KERNEL_BF16, encode__bf16},
    {KERNEL_Q4_0, encode__q4_0},   {KERNEL_Q4_1, encode__q4_1},     {KERNEL_Q5_0, encode__q5_0},
    {KERNEL_Q5_1, encode__q5_1},   {KERNEL_Q8_0, encode__q8_0},     {KERNEL_Q2_K, encode__q2_k},
    {KERNEL_Q3_K, encode__q3_k},   {KERNEL_Q4_K, encode__q4_k},     {KERNEL_Q5_K, encode__q5_k},
    {KERNEL_Q6_K, encode__q6_k},   {KERNEL_IQ4_NL, encode__iq4_nl}, {KERNEL_IQ4_XS, encode__iq4_xs},
    {KERNEL_TQ1_0, encode__tq1_0}, {KERNEL_TQ2_0, encode__tq2_0},
};

static const struct encoder *encoder_find(uint32_t type)
{
    for (size_t i = 0; i < sizeof encoders / sizeof *encoders; i++)
        if (encoders[i].type == type)
            return &encoders[i];
    return NULL;
}

bool encode_knows(uint32_t type)
{
    return encoder_find(type);
}

void encode_row(uint32_t type, const float *x, const float *importance, size_t k, void *blocks)
{
    const struct encoder *encoder = encoder_find(type);
    const struct format *f = format_find(type);
    float block[ENCODE_MAX_BLOCK], w[ENCODE_MAX_BLOCK];
    unsigned char *out = blocks;

    assert(encoder && k % f->elements == 0);
    for (size_t i = 0; i < k; i += f->elements, out += f->bytes) {
        if (f->elements == 1) {
            encoder->encode(x + i, NULL, out);
            continue;
        }
        for (size_t j = 0; j < f->elements; j++) {
            block[j] = fminf(fmaxf(x[i + j], -LARGEST), LARGEST);
            w[j] = importance ? importance[i + j] : 1;
        }
        encoder->encode(block, w, out);
    }
}
