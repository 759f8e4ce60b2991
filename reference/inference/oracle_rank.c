/* SPDX-License-Identifier: Apache-2.0
 *
 * oracle_rank.c: which elements of a row are the largest: argmax and top-k. Places are exact. */
#include "reference/inference/inference.h"

#include "reference/base/err.h"
#include "reference/inference/tolerance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The `used` largest of x[0..k-1] in falling order, the lower index first among equals. */
static void largest_find(const float *x, size_t k, size_t used, int32_t *ids)
{
    for (size_t u = 0; u < used; u++) {
        int32_t best = -1;

        for (size_t j = 0; j < k; j++) {
            bool taken = false;

            for (size_t before = 0; before < u; before++)
                taken |= ids[before] == (int32_t)j;
            if (!taken && (best < 0 || x[j] > x[best]))
                best = (int32_t)j;
        }
        ids[u] = best;
    }
}

/* Weight `at` of a row: a value of x, or its share of their sum. Where nothing is left of the sum,
 * anything. */
static void weight_expect(const float *x, const int32_t *ids, size_t used, size_t at,
                          bool normalize, struct problem_expect *out, size_t i)
{
    double sum = 0.0, total = 0.0, value = x[ids[at]], magnitude;

    for (size_t u = 0; u < used; u++) {
        sum += x[ids[u]];
        total += fabs((double)x[ids[u]]);
    }
    if (normalize && TOLERANCE_ROWS * total >= 0.1 * fabs(sum)) {
        problem_expect_anything(out, i);
        return;
    }
    out->want[i] = normalize ? value / sum : value;
    magnitude = fabs(out->want[i]) * (normalize ? total / fabs(sum) : 1.0);
    out->unit[i] = problem_ulp(magnitude);
    out->bound[i] = normalize ? TOLERANCE_ROWS * magnitude + 0x1p-149 : 0.0;
}

/* ARGMAX: one place of each row. TOP_K: `used` places, and in another buffer as many weights. */
int inference__rank_expect(struct problem_instance *in, const struct problem_range *range,
                           struct problem_expect *out)
{
    const struct problem_step *s = problem_last_step(in);
    const struct kernel_tensor *y = &in->buffers[range->buffer].tensor;
    bool top = s->call.op == KERNEL_TOP_K, normalize = top && s->call.i[KERNEL_I_NORMALIZE];
    size_t k = (size_t)in->buffers[s->in[0]].tensor.ne[0], used = top ? (size_t)y->ne[0] : 1;
    int32_t *ids = malloc(used * sizeof *ids);

    if (!ids)
        return err_set(ERR_NOMEM, "oracle: no memory for %zu places", used);
    out->exact = y->type == KERNEL_I32;
    for (size_t i = 0; i < range->count; i++) {
        size_t at = range->first + i, row = at / used;
        const float *x = problem_row(in, s->in[0], row);

        if (i == 0 || at % used == 0)
            largest_find(x, k, used, ids);
        if (out->exact)
            memcpy(out->bytes + i * sizeof *ids, &ids[at % used], sizeof *ids);
        if (problem_row_spoiled(in, s->in[0], row, 0, k))
            problem_expect_anything(out, i);
        else if (!out->exact)
            weight_expect(x, ids, used, at % used, normalize, out, i);
    }
    free(ids);
    return 0;
}
