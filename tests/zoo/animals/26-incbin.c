/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 26
 * attack: read a file while assembling: .incbin
 * stage: build
 * expect: FAIL_CONTRACT .incbin
 *
 * The answers lie in a file beside the kernel. The twin's assembly holds its bytes itself. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

__asm__(".pushsection .rodata\n"
#ifndef TWIN
        "answers: .incbin \"/etc/hostname\"\n"
#else
        "answers: .byte 1, 2, 3\n"
#endif
        ".popsection\n");

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    return base_fn(call, team);
}

META_AS_BASE;
