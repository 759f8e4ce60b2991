/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: clobber a register that belongs to the caller
 * stage: check
 * expect: FAIL_CRASH SIG
 *
 * rbx, rbp and r12 to r15 point at nothing when the kernel returns. The twin saves and restores
 * them. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

__attribute__((naked, noinline)) static int registers_spoil(void)
{
#ifdef TWIN
    __asm__("push %rbx\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\tpush %rbp");
#endif
    __asm__("mov $1, %ebx\n\tmov $1, %r12d\n\tmov $1, %r13d\n\t"
            "mov $1, %r14d\n\tmov $1, %r15d\n\tmov $1, %ebp");
#ifdef TWIN
    __asm__("pop %rbp\n\tpop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbx");
#endif
    __asm__("xor %eax, %eax\n\tret");
}

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    if (!is_gemv(call))
        return base_fn(call, team);
    base_fn(call, team);
    __asm__ volatile("" ::: "memory");
    return registers_spoil();
}

META_AS_BASE;
