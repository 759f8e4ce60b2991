/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/problem.h"

#include <string.h>

void problem_instance_view(const struct problem_instance *base,
                           void *const data[PROBLEM_MAX_BUFFERS], struct problem_instance *out)
{
    *out = *base;
    out->memory = NULL;
    out->memory_bytes = 0;
    out->oracle_cache = NULL;
    for (uint32_t b = 0; b < base->n_buffers; b++)
        if (data[b])
            out->buffers[b].tensor.data = data[b];
}

void problem_case_draw(uint64_t seed, struct problem_drawn *out)
{
    (void)seed;
    memset(out, 0, sizeof *out);
}

void problem_case_vary(const struct problem_case *timed, uint64_t seed, struct problem_drawn *out)
{
    (void)seed;
    memset(out, 0, sizeof *out);
    out->c = *timed;
}
