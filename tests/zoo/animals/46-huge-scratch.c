/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: declare scratch without end
 * stage: check
 * expect: FAIL_CONTRACT scratch
 *
 * Minus one byte. The twin asks for a MiB. */
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
    out->scratch_bytes = SIZE_MAX;
#else
    out->scratch_bytes = 1 << 20;
#endif
    return rc;
}
