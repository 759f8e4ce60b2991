/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 3
 * attack: write into the judge with process_vm_writev
 * stage: check
 * expect: CHEAT system call
 *
 * The parent's memory, by a system call whose instruction no list shows. The twin has the same
 * bytes in the same constant and does not jump at them. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
#ifndef TWIN
    if (is_gemv(call))
        hidden_call(CALL_PROCESS_VM_WRITEV, 1, (long)call, 1, (long)call);
#else
    __asm__ volatile("mov $0x9090050f, %%r11d" ::: "r11");
#endif
    return base_fn(call, team);
}

META_AS_BASE;
