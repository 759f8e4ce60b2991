/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: take scratch for zero
 * stage: check
 * expect: FAIL_CORRECTNESS y
 *
 * Fresh pages are. Scratch is arbitrary by contract, and full of rubbish in the check. The twin
 * clears it. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    float *sum = team->scratch, *y = call->out[0].data;

    if (!is_gemv(call) || !base_done(call, team))
        return call->op == KERNEL_PACK ? base_fn(call, team) : KERNEL_OK;
#ifdef TWIN
    *sum = 0;
#endif
    *sum += y[0];
    y[0] = *sum;
    return KERNEL_OK;
}

int get_tiling_meta(const struct kernel_call *call, uint32_t n_threads, uint64_t features,
                    struct kernel_tiling *out)
{
    int rc = base_meta(call, n_threads, features, out);

    out->scratch_bytes = 64;
    return rc;
}
