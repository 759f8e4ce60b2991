/* SPDX-License-Identifier: Apache-2.0
 *
 * A kernel that knows one thing, Q4_K weights times a vector, and knows it right, so that it
 * compiles in no time and passes the first case of the shipped problem. Tests define what goes
 * wrong: BEFORE and AFTER are statements around the multiplication, PACKED follows packing, EXTRA is
 * anything at file scope. */
#include "kernel/kernel.h"

#include <string.h>

#ifndef BEFORE
#define BEFORE
#endif
#ifndef AFTER
#define AFTER
#endif
#ifndef PACKED
#define PACKED
#endif
#ifndef META
#define META
#endif
#ifndef EXTRA
#define EXTRA
#endif
EXTRA

const char kernel_name[] = "tiny";
const char problem_description[] = "Q4_K times a vector";

static void scale_min(const uint8_t *s, int i, int *scale, int *min)
{
    *scale = i < 4 ? s[i] & 63 : (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
    *min = i < 4 ? s[i + 4] & 63 : s[i + 4] >> 4 | (s[i] >> 6) << 4;
}

static float half(uint16_t h)
{
    union {
        uint32_t u;
        float f;
    } x = {.u = (uint32_t)(h & 0x7fff) << 13};

    x.f *= 0x1p112f;
    return h & 0x8000 ? -x.f : x.f;
}

static float dot(const struct q4_k_block *w, const struct q8_k_block *x, int64_t n_blocks)
{
    float y = 0;

    for (int64_t b = 0; b < n_blocks; b++, w++, x++) {
        int sum = 0, min_sum = 0;

        for (int i = 0; i < 8; i++) {
            int scale, min, part = 0;

            scale_min(w->scales, i, &scale, &min);
            for (int l = 0; l < 32; l++) {
                int q = w->qs[i / 2 * 32 + l];

                part += (i & 1 ? q >> 4 : q & 15) * x->qs[32 * i + l];
            }
            sum += scale * part;
            min_sum += min * (x->bsums[2 * i] + x->bsums[2 * i + 1]);
        }
        y += half(w->d) * x->d * (float)sum - half(w->dmin) * x->d * (float)min_sum;
    }
    return y;
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    if (call->op == KERNEL_PACK) {
        if (team->rank == 0)
            memcpy(call->out[0].data, call->in[0].data, call->in[0].bytes);
        PACKED;
        return KERNEL_OK;
    }
    BEFORE;
    for (uint32_t l = 0; l < call->n_out; l++) {
        const struct kernel_tensor *w = &call->in[l + 1];
        int64_t blocks = w->ne[0] / KERNEL_QK_K;
        float *y = call->out[l].data;

        for (int64_t r = team->rank; r < w->ne[1]; r += team->size)
            y[r] = dot((const struct q4_k_block *)w->data + r * blocks, call->in[0].data, blocks);
    }
    AFTER;
    return KERNEL_OK;
}

int get_tiling_meta(const struct kernel_call *call, uint32_t n_threads, uint64_t features,
                    struct kernel_tiling *out)
{
    (void)n_threads;
    (void)features;
    memset(out, 0, sizeof *out);
    if (call->in[call->op == KERNEL_GEMV].type != KERNEL_Q4_K)
        return KERNEL_UNSUPPORTED;
    if (call->op == KERNEL_PACK)
        out->opaque_bytes = (size_t)(call->in[0].ne[0] / KERNEL_QK_K * call->in[0].ne[1]) * 144;
    META;
    return KERNEL_OK;
}
