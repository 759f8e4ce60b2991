/* SPDX-License-Identifier: Apache-2.0
 *
 * RMS norm as its formula reads. */
#include "kernel/kernel.h"

#include <string.h>

const char kernel_name[] = "rms_norm";
const char problem_description[] = "RMS norm, row by row";

/* Newton's steps from a guess in the exponent: there is no libm here. */
static double square_root(double x)
{
    uint64_t bits;
    double y;

    memcpy(&bits, &x, sizeof bits);
    bits = (bits >> 1) + ((uint64_t)511 << 52) + ((uint64_t)1 << 51);
    memcpy(&y, &bits, sizeof y);
    for (int i = 0; i < 5; i++)
        y = 0.5 * (y + x / y);
    return y;
}

static void norm_row(const float *x, const float *w, float eps, float *y, size_t k)
{
    double squares = 0.0, factor;

    for (size_t j = 0; j < k; j++)
        squares += (double)x[j] * x[j];
    factor = 1.0 / square_root(squares / (double)k + eps);
    for (size_t j = 0; j < k; j++)
        y[j] = (float)(x[j] * factor * w[j]);
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    const struct kernel_tensor *x = &call->in[0], *y = &call->out[0];

    for (size_t r = team->rank; r < (size_t)x->ne[1]; r += team->size)
        norm_row((const float *)((const char *)x->data + r * x->nb[1]), call->in[1].data,
                 call->f[KERNEL_F_EPS], (float *)((char *)y->data + r * y->nb[1]),
                 (size_t)x->ne[0]);
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
