/* SPDX-License-Identifier: Apache-2.0
 *
 * encode_block.h: what the block encoders share: one block in, one block out, all weights of it
 * with their importance. Only the encoders include this. */
#ifndef PAWL_ENCODE_BLOCK_H
#define PAWL_ENCODE_BLOCK_H

#include "reference/base/half.h"

#include <math.h>

enum { ENCODE_MAX_BLOCK = 256 };

/* x, w: [elements of the block], w positive (NULL for plain numbers). out: the block, overwritten. */
typedef void encode_block_fn(const float *x, const float *w, unsigned char *out);

encode_block_fn encode__q4_0, encode__q5_0, encode__iq4_nl, encode__q3_k, encode__q6_k,
    encode__iq4_xs; /* encode_linear.c */
encode_block_fn encode__q4_1, encode__q5_1, encode__q2_k, encode__q4_k,
    encode__q5_k; /* _affine.c */
encode_block_fn encode__f32, encode__f16, encode__bf16, encode__q8_0, encode__tq1_0,
    encode__tq2_0; /* encode_plain.c */

/* v to the nearest integer of 0..top; 0 for NaN. Without branches, so that loops of it vectorise.
 */
static inline int encode__nearest(float v, int top)
{
    v = v > 0 ? v : 0;
    v = v < (float)top ? v : (float)top;
    return (int)(v + 0.5f);
}

/* Sum of w e^2, n a multiple of 16: sixteen chains, because one waits for every addition. */
static inline float encode__weighted_squares(const float *e, const float *w, int n)
{
    float s[16] = {0}, sum = 0;

    for (int i = 0; i < n; i += 16)
        for (int j = 0; j < 16; j++)
            s[j] += w[i + j] * (e[i + j] * e[i + j]);
    for (int j = 0; j < 16; j++)
        sum += s[j];
    return sum;
}

/* d as the f16 the block will hold, never an infinity. */
static inline float encode__as_half(double d)
{
    return half_to_float(half_from_float((float)fmin(fmax(d, -65504), 65504)));
}

static inline void encode__half_put(unsigned char *out, float d)
{
    unsigned h = half_from_float(d);

    out[0] = (unsigned char)h;
    out[1] = (unsigned char)(h >> 8);
}

/* Codes of 32 weights as the 32-blocks lay them: low nibbles first. */
static inline void encode__nibbles_put(const unsigned char *q, unsigned char *out)
{
    for (int l = 0; l < 16; l++)
        out[l] = (unsigned char)((q[l] & 15) | (q[l + 16] & 15) << 4);
}

/* Their fifth bits, weight 0 lowest. */
static inline void encode__fifth_bits_put(const unsigned char *q, unsigned char *out)
{
    for (int i = 0; i < 4; i++)
        out[i] = 0;
    for (int l = 0; l < 32; l++)
        out[l / 8] |= (unsigned char)((q[l] >> 4) << l % 8);
}

/* The low two bits of 256 codes: those of weights l, l + 32, l + 64, l + 96 of a half in a byte. */
static inline void encode__pairs_put(const unsigned char *q, unsigned char *out)
{
    for (int i = 0; i < 64; i++)
        out[i] = 0;
    for (int j = 0; j < 256; j++)
        out[32 * (j / 128) + j % 32] |= (unsigned char)((q[j] & 3) << 2 * (j % 128 / 32));
}

#endif
