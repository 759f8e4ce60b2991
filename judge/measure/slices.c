/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/slices.h"

#include "judge/rule/rule.h"
#include "reference/base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_ns(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

void slices_sort(double *x, size_t n)
{
    qsort(x, n, sizeof *x, compare_ns);
}

int slices_collect(const struct judge_unit *units, uint32_t n_units, size_t i,
                   enum slices_side side, struct slices *out)
{
    out->n = 0;
    out->ns = malloc(((size_t)n_units * UNIT_QUADS * UNIT_SLICES + 1) * sizeof *out->ns);
    if (!out->ns)
        return err_set(ERR_NOMEM, "slices of %u units", n_units);
    for (uint32_t u = 0; u < n_units; u++)
        for (size_t k = 0; k < UNIT_QUADS * UNIT_SLICES; k++) {
            const struct judge_unit_case *c = &units[u].cases[i];
            size_t quad = k / UNIT_SLICES, slice = k % UNIT_SLICES;

            if (side == SLICES_BOTH || c->candidate[quad][slice] == (side == SLICES_CANDIDATE))
                out->ns[out->n++] = c->ns[quad][slice];
        }
    slices_sort(out->ns, out->n);
    return 0;
}

void slices_deinit(struct slices *s)
{
    free(s->ns);
    memset(s, 0, sizeof *s);
}

double slices_quantile(const struct slices *s, double q)
{
    double at, part;
    size_t i;

    if (!s->n)
        return 0;
    at = q * (double)(s->n - 1);
    i = (size_t)at;
    part = at - (double)i;
    return i + 1 < s->n ? s->ns[i] * (1 - part) + s->ns[i + 1] * part : s->ns[s->n - 1];
}

double slices_mean(const struct slices *s)
{
    double sum = 0;

    for (size_t i = 0; i < s->n; i++)
        sum += s->ns[i];
    return s->n ? sum / (double)s->n : 0;
}

/* Times of all cases on one scale (over the case's incumbent median), one array per side. */
static int guard_normalise(const struct judge_unit *units, uint32_t n_units, const double *weight,
                           struct slices all[2], double *total_ratio)
{
    *total_ratio = 0;
    for (size_t i = 0; i < units->n_cases; i++) {
        struct slices side[2];
        double median;
        int rc = slices_collect(units, n_units, i, SLICES_INCUMBENT, &side[0]);

        TRY(rc);
        rc = slices_collect(units, n_units, i, SLICES_CANDIDATE, &side[1]);
        if (rc < 0) {
            slices_deinit(&side[0]);
            return rc;
        }
        median = slices_quantile(&side[0], 0.5);
        *total_ratio += weight[i] * slices_mean(&side[1]) / slices_mean(&side[0]);
        for (int s = 0; s < 2; s++) {
            for (size_t k = 0; k < side[s].n; k++)
                all[s].ns[all[s].n++] = side[s].ns[k] / median;
            slices_deinit(&side[s]);
        }
    }
    for (int s = 0; s < 2; s++)
        slices_sort(all[s].ns, all[s].n);
    return 0;
}

static size_t count_above(const struct slices *s, double limit)
{
    size_t n = 0;

    while (n < s->n && s->ns[s->n - 1 - n] > limit)
        n++;
    return n;
}

/* A plain comparison of two 99th percentiles fails honest kernels: each stands on a handful of
 * slices. So the excess must also be beyond chance in the counts of slow slices. */
static void guard_tail(const struct slices all[2], struct slices_guard *out)
{
    double tail = slices_quantile(&all[0], RULE_TAIL_QUANTILE);
    double limit = tail * (1 + RULE_TAIL_EXCESS), excess, chance;

    for (int s = 0; s < 2; s++)
        out->n_tail[s] = count_above(&all[s], limit);
    out->tail_ratio = slices_quantile(&all[1], RULE_TAIL_QUANTILE) / tail;
    excess = (double)out->n_tail[1] - (double)out->n_tail[0];
    chance = sqrt((double)(out->n_tail[0] + out->n_tail[1]));
    out->tail_ok = out->tail_ratio <= 1 + RULE_TAIL_EXCESS || excess <= RULE_TAIL_SIGMAS * chance;
}

int slices_guard_check(const struct judge_unit *units, uint32_t n_units, const double *weight,
                       struct slices_guard *out)
{
    size_t most = (size_t)n_units * UNIT_QUADS * UNIT_SLICES * units->n_cases + 1;
    struct slices all[2] = {{malloc(most * sizeof(double)), 0}, {malloc(most * sizeof(double)), 0}};
    int rc;

    memset(out, 0, sizeof *out);
    if (all[0].ns && all[1].ns)
        rc = guard_normalise(units, n_units, weight, all, &out->total_ratio);
    else
        rc = err_set(ERR_NOMEM, "slices of %u units", n_units);
    if (rc == 0) {
        out->total_ok = out->total_ratio <= 1;
        guard_tail(all, out);
    }
    slices_deinit(&all[0]);
    slices_deinit(&all[1]);
    return rc;
}
