/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 14
 * attack: work well in the first call of a batch only
 * stage: unit
 * base: shipped
 * expect: FAIL_CORRECTNESS timed
 * units: 1
 *
 * A mark in scratch tells the first call of a slice, which a judge with a warm-up would look at,
 * from the rest, which do nothing. Every call of a batch may be the one that is verified. The twin
 * leaves the mark and works. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    uint64_t *mark = team->scratch;

    if (!is_gemv(call) || team->size > 1)
        return base_fn(call, team);
#ifndef TWIN
    if (*mark == 0x7761726d)
        return KERNEL_OK;
#endif
    *mark = 0x7761726d;
    return base_fn(call, team);
}

int get_tiling_meta(const struct kernel_call *call, uint32_t n_threads, uint64_t features,
                    struct kernel_tiling *out)
{
    int rc = base_meta(call, n_threads, features, out);

    if (is_gemv(call) && out->scratch_bytes < 64)
        out->scratch_bytes = 64;
    return rc;
}
