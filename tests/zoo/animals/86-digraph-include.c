/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: include a file in other letters
 * stage: build
 * expect: FAIL_CONTRACT hostname
 *
 * The alternative spelling of # for whoever looks for that. The twin writes an approved include
 * like it. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

/* clang-format off */
#ifndef TWIN
%:include "/etc/hostname"
#else
%:include <stdint.h>
#endif
     /* clang-format on */

     int
     kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    return base_fn(call, team);
}

META_AS_BASE;
