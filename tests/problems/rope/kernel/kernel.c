/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary embedding as its formula reads, element by element, in double. */
#include "kernel/kernel.h"

#include <string.h>

const char kernel_name[] = "rope";
const char problem_description[] = "rotary embedding of pairs, head by head";

static void rope_row(const float *x, const float *table, float *y, size_t k)
{
    for (size_t j = 0; j < k; j++) {
        double a = x[j / 2 * 2], b = x[j / 2 * 2 + 1];
        double cosine = table[j / 2 * 2], sine = table[j / 2 * 2 + 1];

        y[j] = (float)(j % 2 ? a * sine + b * cosine : a * cosine - b * sine);
    }
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    const struct kernel_tensor *x = &call->in[0], *table = &call->in[1], *y = &call->out[0];
    size_t heads = (size_t)x->ne[1];

    for (size_t r = team->rank; r < heads * (size_t)x->ne[2]; r += team->size)
        rope_row((const float *)((const char *)x->data + r * x->nb[1]),
                 (const float *)((const char *)table->data + r / heads * table->nb[1]),
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
