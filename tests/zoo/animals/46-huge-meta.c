/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: declare packed bytes without end
 * stage: check
 * expect: FAIL_CONTRACT asks for
 *
 * SIZE_MAX, so that the judge's sums overflow and its buffers are small. The twin declares what it
 * needs. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    return base_fn(call, team);
}

int get_tiling_meta(const struct kernel_call *call, uint32_t n_threads, uint64_t features,
                    struct kernel_tiling *out)
{
    int rc = base_meta(call, n_threads, features, out);

#ifndef TWIN
    if (call->op == KERNEL_PACK)
        out->opaque_bytes = SIZE_MAX;
#endif
    return rc;
}
