/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: include a file whose name a macro makes
 * stage: build
 * expect: FAIL_CONTRACT include
 *
 * Nobody who reads the source sees the name. The twin's macro makes a number. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

#ifndef TWIN
#define NOTES "/etc/hostname"
#include NOTES
#else
#define NOTES 0
#endif

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    return base_fn(call, team);
}

META_AS_BASE;
