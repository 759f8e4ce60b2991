/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: declare another size for another team
 * stage: check
 * expect: FAIL_CONTRACT bytes of layout
 *
 * Packed bytes may depend on types, extents and features alone: whoever packs for one team must be
 * able to read with another. The twin declares more scratch for more threads. */
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
        out->opaque_bytes += 64 * (n_threads - 1);
#else
    out->scratch_bytes += 64 * (n_threads - 1);
#endif
    return rc;
}
