/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: pack what changes from process to process
 * stage: check
 * expect: FAIL_CORRECTNESS not what it was
 *
 * An address in the padding behind the weights: never the same bytes twice, and a message from the
 * worker that packs to the one that is timed. The twin's padding is zero. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    int rc = base_fn(call, team);

    if (call->op == KERNEL_PACK && team->rank == 0) {
        char *padding = (char *)call->out[0].data + call->in[0].bytes;
#ifndef TWIN
        const void *message = call->out[0].data;

        memset(padding, 0, 64);
        memcpy(padding, &message, sizeof message);
#else
        memset(padding, 0, 64);
#endif
    }
    return rc;
}

int get_tiling_meta(const struct kernel_call *call, uint32_t n_threads, uint64_t features,
                    struct kernel_tiling *out)
{
    int rc = base_meta(call, n_threads, features, out);

    if (call->op == KERNEL_PACK)
        out->opaque_bytes += 64;
    return rc;
}
