/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 17
 * attack: keep more than the weights in the packed bytes
 * stage: check
 * expect: FAIL_CONTRACT asks for
 *
 * Room for answers to likely activations beside every row. Packed bytes have a bound, and pack
 * sees no activations. The twin asks for a little padding, within the bound, and clears it. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    int rc = base_fn(call, team);

    if (call->op == KERNEL_PACK && team->rank == 0)
        memset((char *)call->out[0].data + call->in[0].bytes, 0, 64);
    return rc;
}

int get_tiling_meta(const struct kernel_call *call, uint32_t n_threads, uint64_t features,
                    struct kernel_tiling *out)
{
    int rc = base_meta(call, n_threads, features, out);

#ifndef TWIN
    if (call->op == KERNEL_PACK)
        out->opaque_bytes *= 8;
#else
    if (call->op == KERNEL_PACK)
        out->opaque_bytes += 64;
#endif
    return rc;
}
