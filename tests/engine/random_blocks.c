/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/random_blocks.h"

#include "kernel/kernel.h"
#include "reference/base/err.h"
#include "reference/base/half.h"
#include "reference/base/rng.h"
#include "reference/base/formats.h"

#include <math.h>
#include <string.h>

/* What uniform bits decode to when the block's scale is 1: the spread, and the second f16 that makes
 * the mean 0. With scales and mins of 6 (or 4) bits both uniform, as E[sc] = E[min], that is the mean
 * code; a second f16 that is added has the other sign. */
static const struct block_spread {
    uint32_t type;
    double spread; /* standard deviation */
    double second; /* f16 at min_offset, of the first */
} spreads[] = {
    {KERNEL_Q4_0, 4.61, 0},     {KERNEL_Q4_1, 4.61, -7.5}, {KERNEL_Q5_0, 9.23, 0},
    {KERNEL_Q5_1, 9.23, -15.5}, {KERNEL_Q8_0, 73.9, 0},    {KERNEL_Q2_K, 13.9, 1.5},
    {KERNEL_Q3_K, 43.3, 0},     {KERNEL_Q4_K, 258, 7.5},   {KERNEL_Q5_K, 527, 15.5},
    {KERNEL_Q6_K, 1366, 0},     {KERNEL_IQ4_NL, 67.4, 0},  {KERNEL_IQ4_XS, 1246, 0},
    {KERNEL_TQ1_0, 0.82, 0},    {KERNEL_TQ2_0, 0.707, 0},
};

static void bits_fill(struct rng *rng, unsigned char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t r = rng_next(rng);

        memcpy(at + i, &r, bytes - i < 8 ? bytes - i : 8);
    }
}

/* Uniform within sigma * sqrt(3) of 0, four numbers of 16 bits a draw. */
static void plain_fill(struct rng *rng, uint32_t type, double sigma, void *out, size_t n)
{
    double step = 2 * sqrt(3) * sigma / 65536;
    uint64_t r = 0;

    for (size_t i = 0; i < n; i++, r >>= 16) {
        float x;

        if (i % 4 == 0)
            r = rng_next(rng);
        x = (float)(step * ((double)(r & 65535) - 32767.5));
        if (type == KERNEL_F32)
            ((float *)out)[i] = x;
        else
            ((uint16_t *)out)[i] = type == KERNEL_F16 ? half_from_float(x) : bf16_from_float(x);
    }
}

/* Codes 3 do not occur in a TQ2_0 file: they become 1. */
static void tq2_0_tidy(struct tq2_0_block *b)
{
    for (size_t i = 0; i < sizeof b->qs; i++)
        b->qs[i] &= (uint8_t) ~((b->qs[i] & b->qs[i] << 1 & 0xaa));
}

static void half_put(unsigned char *at, double x)
{
    uint16_t h = half_from_float((float)x);

    memcpy(at, &h, sizeof h);
}

/* Scales differ from block to block by up to a quarter, so that no block can pass for another. Where no
 * second f16 makes the mean of a block 0, half of the scales are negative. */
static void block_finish(const struct format *f, const struct block_spread *s, double sigma,
                         unsigned char *block)
{
    unsigned char bits = block[f->bytes / 2];
    double d = sigma / s->spread * (0.75 + bits / 510.0);

    if (!f->min_offset && bits % 2)
        d = -d;
    half_put(block + f->scale_offset, d);
    if (f->min_offset)
        half_put(block + f->min_offset, s->second * d);
    if (f->type == KERNEL_TQ2_0)
        tq2_0_tidy((struct tq2_0_block *)(void *)block);
}

int random_blocks_fill(uint64_t seed, uint32_t type, double sigma, void *blocks, size_t n)
{
    const struct format *f = format_find(type);
    struct rng rng;

    rng_init(&rng, seed);
    if (type == KERNEL_F32 || type == KERNEL_F16 || type == KERNEL_BF16) {
        plain_fill(&rng, type, sigma, blocks, n);
        return 0;
    }
    for (size_t i = 0; f && i < sizeof spreads / sizeof *spreads; i++) {
        if (spreads[i].type != type)
            continue;
        bits_fill(&rng, blocks, n * f->bytes);
        for (size_t b = 0; b < n; b++)
            block_finish(f, &spreads[i], sigma, (unsigned char *)blocks + b * f->bytes);
        return 0;
    }
    return err_set(ERR_UNSUPPORTED, "no random weights of type %u", (unsigned)type);
}
