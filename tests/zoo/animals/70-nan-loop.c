/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: hang on NaN
 * stage: check
 * expect: FAIL_TIMEOUT hangs
 *
 * NaN is outside the contract, but a call must end as usual. The twin looks for NaN too. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    const volatile struct q8_k_block *x = call->in[0].data;

    while (is_gemv(call) && !(x->d * 0 == 0)) {
#ifdef TWIN
        break;
#endif
        __builtin_ia32_pause();
    }
    return base_fn(call, team);
}

META_AS_BASE;
