/* SPDX-License-Identifier: Apache-2.0
 *
 * row: own
 * attack: make scratch executable
 * stage: check
 * expect: CHEAT system call
 *
 * Code that no inspection of the object has seen. mprotect is not among the calls that are left.
 * The twin fills its scratch with the same bytes as data. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    unsigned char *code = team->scratch;

    memcpy(code, "\xb8\x27\0\0\0\xc3", 6);
#ifndef TWIN
    if (is_gemv(call))
        hidden_call(CALL_MPROTECT, (long)code & ~4095L, 4096, 7, 0);
#endif
    return base_fn(call, team);
}

int get_tiling_meta(const struct kernel_call *call, uint32_t n_threads, uint64_t features,
                    struct kernel_tiling *out)
{
    int rc = base_meta(call, n_threads, features, out);

    out->scratch_bytes = 64;
    return rc;
}
