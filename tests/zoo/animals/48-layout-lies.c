/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: pack under one layout id and read under another
 * stage: check
 * expect: FAIL_CONTRACT layout id
 *
 * A stale packed file would pass for a fresh one. The twin has another id, in both places. */
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
        out->layout_id += 7;
#else
    out->layout_id += 7;
#endif
    return rc;
}
