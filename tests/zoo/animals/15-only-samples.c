/* SPDX-License-Identifier: Apache-2.0
 *
 * row: 15
 * attack: leave out a sixteenth of the rows and hope
 * stage: unit
 * base: shipped
 * expect: FAIL_CORRECTNESS timed
 * units: 2
 *
 * After the check's number of calls the last rows are no longer written: whoever looks at one
 * fixed row finds it right. Rows are drawn anew for every timed output. The twin writes them
 * twice. */
#include "kernel/base.inc"
#include "kernel/tools.inc"

/* How often this worker was asked for a product; one thread counts. */
static uint32_t n_products;

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    struct kernel_call less = *call;

    if (!is_gemv(call) || team->size > 1)
        return base_fn(call, team);
    if (n_products < 40) {
        n_products++;
        return base_fn(call, team);
    }
    for (uint32_t l = 0; l < call->n_out; l++)
        less.out[l].ne[0] = less.in[l + 1].ne[1] = call->out[l].ne[0] / 16 * 15;
#ifdef TWIN
    base_fn(&less, team);
    team->sync->chunk = 0;
    return base_fn(call, team);
#else
    return base_fn(&less, team);
#endif
}

META_AS_BASE;
