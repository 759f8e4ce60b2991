/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 26
 * attack: ask which files there are: __has_include
 * stage: build
 * expect: FAIL_CONTRACT __has_include
 *
 * Another kernel where the judge's folders are. The twin asks what the compiler is. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

#ifndef TWIN
#if __has_include("../judge/judge.h")
#define AT_HOME 1
#else
#define AT_HOME 0
#endif
#else
#if defined(__GNUC__)
#define AT_HOME 1
#else
#define AT_HOME 0
#endif
#endif

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    volatile int at_home = AT_HOME;

    return base_fn(call, team) + 0 * at_home;
}

META_AS_BASE;
