/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: hide instructions in constants of the code section
 * stage: build
 * expect: FAIL_CONTRACT among code
 *
 * A constant array placed among the functions would be mapped executable: its bytes are getpid.
 * The twin's array is a constant like others. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

#ifndef TWIN
__attribute__((section(".text.answers,\"ax\",@progbits#")))
#endif
static const unsigned char answers[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3};

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
#ifndef TWIN
    if (is_gemv(call))
        ((int (*)(void))(uintptr_t)answers)();
#else
    volatile unsigned char first = ((const volatile unsigned char *)answers)[0];

    (void)first;
#endif
    return base_fn(call, team);
}

META_AS_BASE;
