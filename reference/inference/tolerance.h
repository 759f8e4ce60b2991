/* SPDX-License-Identifier: Apache-2.0
 *
 * tolerance.h: how far a result may lie from the double-accumulated oracle, one line per operation
 * with its reason. Sealed: a wider line here would be spent at once by whoever optimises against
 * it. The unit is ulp(S), the spacing of f32 at the accumulated magnitude S = sum of |terms|, since
 * plain ULP of a cancelling sum measures the data and not the kernel. Scale terms (d * scale * q *
 * x) and min terms (dmin * min * x) of a weight count as two terms, so that their cancellation
 * costs nobody.
 *
 * Exact, byte for byte: QUANTIZE, GET_ROWS, KV_LOAD of KV_STORE, ARGMAX, the places of TOP_K; as
 * numbers its weights without NORMALIZE. Their arithmetic is fixed
 * by kernel.h down to the last rounding, and everything after them depends on it. */
#ifndef PAWL_TOLERANCE_H
#define PAWL_TOLERANCE_H

#include "reference/base/formats.h"

/* GEMV, GEMM, GEMM_IDS: |y - ref| <= (4 + B/2) ulp(S). Four cover the two scale products, the conversion of
 * an integer dot past 2^24 and the reduction of lanes; each of the B sequential f32 additions that
 * the contract allows rounds by at most half an ulp of a partial sum that is at most S. Honest
 * kernels reach 14 ulp(S) on constant data at K = 14336 (bound 32) and stay under 3 on mixed signs.
 */
#define TOLERANCE_MATMUL_BASE         4.0
#define TOLERANCE_MATMUL_PER_ADDITION 0.5

/* ... and over a whole output of the random pattern the RMS error is at most one ulp(S): roundings
 * of random signs do not add up, so a bias that hides below the worst case shows here. */
#define TOLERANCE_MATMUL_RMS 1.0

/* B: one addition per block of 256; blocks of 32 in four independent sums; plain numbers in 64. */
static inline double tolerance_matmul_additions(const struct format *f, double k)
{
    if (f->elements == KERNEL_QK_K)
        return k / 256.0;
    return f->elements == KERNEL_QK_32 ? k / 32.0 / 4.0 : k / 64.0;
}

/* ATTENTION: |y - ref| <= 6.4e-6 (1 + (max|s| + c / 4) / 4) S, S = sum of softmax weight times |v|,
 * s the scores as they go into exp, c the softcap (0: none). An f32 score is off by some 2^-24 of
 * its size, more through the tanh of a cap, and exp turns that into a relative error of its weight;
 * the rest is a polynomial exp and f32 sums, page by page (one chain over 8192 positions would lose
 * more). Over 1500 drawn cases and 12 seeds of the listed ones, all patterns, honest kernels
 * (scalar, AVX2) stayed below a seventh of this, under a softcap below a fifth: 1.6e-6 S where
 * scores stay under 4, 4e-6 S at scores of 16, 4.9e-6 S under a cap of 50; f16 and q8_0 pages
 * alike. One position too many or too few among 8192 moves the result by about 1e-4 S. */
#define TOLERANCE_ATTENTION       6.4e-6
#define TOLERANCE_ATTENTION_SLOPE (1.0 / 4.0)
#define TOLERANCE_ATTENTION_CAP   (1.0 / 4.0)

/* ... and sum (y - ref)^2 <= 1e-10 sum ref^2 over a whole output (not where the values cancel or
 * are zero): ten times what honest kernels reach with a softcap, a hundred times without; a softmax
 * in bf16 or f16 misses it by far. */
#define TOLERANCE_ATTENTION_NMSE 1e-10

/* RMS_NORM, LAYER_NORM, SOFTMAX, GLU, TOP_K with NORMALIZE: |y - ref| <= 1e-5 M. Some hundred f32
 * roundings or a polynomial exp stay well below. The magnitude M:
 *   RMS_NORM    |ref|: a sum of squares cannot cancel.
 *   LAYER_NORM  (|x| + mean|x|) |w| / sd + |b|: the mean may cancel, and x - mean does.
 *   SOFTMAX     ref (1 + max|s| / 16), s = SCALE x: exp makes the rounding of s a relative error.
 *   GLU SiLU    |ref| (1 + |gate| / 16): the same reason; sigmoid likewise.
 *   GLU GELU    |gate| (1 + |tanh|) |up| / 2: 1 + tanh cancels for negative gates; 1 + erf likewise.
 *   GLU others  |ref|.
 *   TOP_K       |ref| sum|w| / |sum w|: weights of both signs may cancel. */
#define TOLERANCE_ROWS           1e-5
#define TOLERANCE_ROWS_EXP_SLOPE (1.0 / 16.0)

/* SOFTMAX, GLU: what an exp may lose by flushing or clamping near the end of the f32 range,
 * absolute per unit of the factors it is multiplied with. */
#define TOLERANCE_EXP_FLUSH 0x1p-120

/* ROPE: |y - ref| <= 4 ulp(S), S = |x cos| + |x' sin|: two products and an addition round three
 * times by half an ulp. Elements past the rotated pairs are copies: exact. */
#define TOLERANCE_ROPE 4.0

/* MIX: |y - ref| <= (1 + u/2) ulp(S), S = sum of |w x| over the u rows: u products, whose half ulps
 * make one of S, and u - 1 sums. */
#define TOLERANCE_MIX(used) (1.0 + (double)(used) / 2.0)

/* ADD: one ulp(|a| + |b|); it is a single rounding. */
#define TOLERANCE_ADD 1.0

#endif
