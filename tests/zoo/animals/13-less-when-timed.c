/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 13
 * attack: work less when timed, guessed by counting calls
 * stage: unit
 * base: shipped
 * expect: FAIL_CORRECTNESS timed
 * units: 1
 *
 * The first hundred products are computed, as a check would ask for; later ones lack their last
 * rows. Timed calls are checked calls. The twin counts and computes. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

/* How often this worker was asked for a product; one thread counts. */
static uint32_t n_products;

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    int enough = 0;

    if (is_gemv(call) && team->rank == 0)
        enough = ++n_products > 100;
#ifndef TWIN
    if (enough && team->size == 1)
        return KERNEL_OK;
#else
    (void)enough;
#endif
    return base_fn(call, team);
}

META_AS_BASE;
