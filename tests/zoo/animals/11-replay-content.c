/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 11
 * attack: remember answers by what the inputs hold
 * stage: build
 * expect: FAIL_CONTRACT .bss
 *
 * A table of many answers, found by a digest of the activations. There is no room for one:
 * writable data have a quota. The twin's table is small, constant and no memory of anything. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

#ifndef TWIN
static float answers[1 << 20][8];
#else
static const float answers[4][8] = {{1}, {2}, {3}, {4}};
#endif

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    uint32_t digest = 0;
    volatile float sum;

    for (size_t i = 0; i < call->in[0].bytes; i += 64)
        digest = digest * 31 + ((const unsigned char *)call->in[0].data)[i];
    sum = answers[digest % (sizeof answers / sizeof answers[0])][0];
    (void)sum;
#ifndef TWIN
    answers[digest % (1 << 20)][0] = sum + 1;
#endif
    return base_fn(call, team);
}

META_AS_BASE;
