/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax as its formula reads: the largest, the sum, the quotients. */
#include "kernel/kernel.h"

#include <string.h>

const char kernel_name[] = "softmax";
const char problem_description[] = "softmax, row by row";

/* exp of x <= 0: 2^n times the series of what is left, |x - n log 2| <= log(2) / 2. */
static double exponential(double x)
{
    double n, rest, term = 1.0, sum = 1.0;
    uint64_t bits;

    if (x < -700.0)
        return 0.0;
    n = (double)(int64_t)(x * 1.4426950408889634 - 0.5);
    rest = x - n * 0.6931471805599453;
    for (int i = 1; i <= 12; i++) {
        term *= rest / i;
        sum += term;
    }
    bits = (uint64_t)((int64_t)n + 1023) << 52;
    memcpy(&term, &bits, sizeof term);
    return sum * term;
}

static void softmax_row(const float *x, float scale, float *y, size_t k)
{
    double largest = (double)x[0] * scale, sum = 0.0;

    for (size_t j = 1; j < k; j++)
        largest = (double)x[j] * scale > largest ? (double)x[j] * scale : largest;
    for (size_t j = 0; j < k; j++)
        sum += exponential((double)x[j] * scale - largest);
    for (size_t j = 0; j < k; j++)
        y[j] = (float)(exponential((double)x[j] * scale - largest) / sum);
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    const struct kernel_tensor *x = &call->in[0], *y = &call->out[0];

    for (size_t r = team->rank; r < (size_t)x->ne[1]; r += team->size)
        softmax_row((const float *)((const char *)x->data + r * x->nb[1]), call->f[KERNEL_F_SCALE],
                    (float *)((char *)y->data + r * y->nb[1]), (size_t)x->ne[0]);
    return KERNEL_OK;
}

int get_tiling_meta(const struct kernel_call *call, uint32_t n_threads, uint64_t features,
                    struct kernel_tiling *out)
{
    (void)call;
    (void)n_threads;
    (void)features;
    memset(out, 0, sizeof *out);
    return KERNEL_OK;
}
