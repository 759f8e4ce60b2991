/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: include a file over two lines
 * stage: build
 * expect: FAIL_CONTRACT hostname
 *
 * A backslash ends the line in the middle of the word. The twin splits a definition. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

/* clang-format off */
#ifndef TWIN
#inc\
lude "/etc/hostname"
#else
#def\
ine NOTHING 0
#endif
/* clang-format on */

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    return base_fn(call, team);
}

META_AS_BASE;
