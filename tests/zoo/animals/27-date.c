/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 27
 * attack: another kernel at another time of day
 * stage: build
 * expect: FAIL_BUILD date
 *
 * What was checked is not what will run tomorrow. The twin's date was written by hand. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

#ifndef TWIN
static const char built[] = __DATE__ " " __TIME__;
#else
static const char built[] = "Jan  1 2026 00:00:00";
#endif

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    volatile char second = built[sizeof built - 2];

    return base_fn(call, team) + 0 * second;
}

META_AS_BASE;
