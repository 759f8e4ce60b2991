/* SPDX-License-Identifier: Apache-2.0
 *
 * kernel.c: the mutable unit, the one file set that `ratchet try` judges: this file and kernel/*.inc.
 * kernel/kernel.h says what a kernel may do and must keep. This one is written to be understood;
 * making it faster is what the ratchet is for. */
#include "kernel/kernel.h"

#include <string.h>

const char kernel_name[] = "@NAME@";
const char problem_description[] = "@NAME@, row by row";

/* Numbers to be found by trying, by hand or by `ratchet search bayes`: a line each, with the range in
 * which the kernel is correct. */
#define TUNABLE(name, value, low, high)                                                            \
    enum { name = (value) };                                                                       \
    _Static_assert((value) >= (low) && (value) <= (high), #name " is out of its range")

TUNABLE(ROWS_TOGETHER, 1, 1, 64); /* rows, one beneath the other, that a thread takes at a time */

/* row: begin */
/* y = x / (1 + |x|) */
static void own_row(const float *x, float *y, size_t k)
{
    for (size_t j = 0; j < k; j++) {
        double v = x[j];

        y[j] = (float)(v / (1.0 + (v < 0.0 ? -v : v)));
    }
}
/* row: end */

/* Thread `rank` of `size` computes every size-th group of ROWS_TOGETHER rows. */
int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    const struct kernel_tensor *x = &call->in[0], *y = &call->out[0];

    for (size_t r = 0; r < (size_t)x->ne[1]; r++)
        if (r / ROWS_TOGETHER % team->size == team->rank)
            own_row((const void *)((const char *)x->data + r * x->nb[1]),
                    (void *)((char *)y->data + r * y->nb[1]), (size_t)x->ne[0]);
    return KERNEL_OK;
}

/* Scratch memory, tiles: none. */
int get_tiling_meta(const struct kernel_call *call, uint32_t n_threads, uint64_t features,
                    struct kernel_tiling *out)
{
    (void)call;
    (void)n_threads;
    (void)features;
    memset(out, 0, sizeof *out);
    return KERNEL_OK;
}
