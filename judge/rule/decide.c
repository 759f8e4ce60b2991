/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/decide.h"

#include "judge/rule/rule.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* E is reported and written to JSON, which has no infinity. */
#define EPROCESS_MAX_LOG 690.0

/* With fewer than two units there is no variance: an interval that says nothing. */
#define ESTIMATE_UNKNOWN 10.0

void eprocess_init(struct eprocess *e)
{
    e->n_up = e->n_down = 0;
}

void eprocess_add(struct eprocess *e, double x)
{
    if (x > 0)
        e->n_up++;
    else
        e->n_down++;
}

double eprocess_value(const struct eprocess *e)
{
    static const double bets[RULE_N_BETS] = {RULE_BETS};
    double sum = 0;

    for (int i = 0; i < RULE_N_BETS; i++)
        sum += exp(fmin(e->n_up * log1p(bets[i]) + e->n_down * log1p(-bets[i]), EPROCESS_MAX_LOG));
    return sum / RULE_N_BETS;
}

/* (1 + b)^up (1 - b)^down <= 2^(up - down), because (1 + b)(1 - b) <= 1. */
bool eprocess_reaches(const struct eprocess *e, double level)
{
    if (e->n_up <= e->n_down || ldexp(1, (int)(e->n_up - e->n_down)) < level)
        return false;
    return eprocess_value(e) >= level;
}

void decide_init(struct decide *d, const double *weight, size_t n_cases, double margin,
                 double alpha, double beta, uint32_t cap)
{
    assert(n_cases >= 1 && n_cases <= DECIDE_MAX_CASES);
    memset(d, 0, sizeof *d);
    d->n_cases = n_cases;
    memcpy(d->weight, weight, n_cases * sizeof *weight);
    d->margin = margin;
    d->alpha = alpha;
    d->beta = beta;
    d->cap = cap;
}

/* Two-sided 95 % quantile of Student's t: the table of the distribution up to 10 degrees of
 * freedom, then its expansion in 1/df around the normal quantile (Abramowitz and Stegun 26.7.5),
 * which is right to 0.001 there. */
static double student_t95(uint32_t df)
{
    static const double table[] = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706,
                                   2.4469,  2.3646, 2.3060, 2.2622, 2.2281};
    double v = df;

    if (df <= sizeof table / sizeof *table)
        return table[df - 1];
    return 1.959964 + 2.372271 / v + 2.822501 / (v * v) + 2.555852 / (v * v * v);
}

static double standard_error(double sum, double sum_squares, uint32_t n)
{
    double variance = (sum_squares - sum * sum / n) / (n - 1);

    return variance > 0 ? sqrt(variance / n) : 0;
}

static void interval(double sum, double sum_squares, uint32_t n, double *mean, double *low,
                     double *high)
{
    double half;

    *mean = n ? sum / n : 0;
    if (n < 2) {
        *low = -ESTIMATE_UNKNOWN;
        *high = ESTIMATE_UNKNOWN;
        return;
    }
    half = student_t95(n - 1) * standard_error(sum, sum_squares, n);
    *low = *mean - half;
    *high = *mean + half;
}

void decide_estimate(const struct decide *d, double *mean, double *low, double *high)
{
    interval(d->seen.d_sum, d->seen.d_squares, d->seen.n, mean, low, high);
}

void decide_case_estimate(const struct decide *d, size_t i, double *mean, double *low, double *high)
{
    assert(i < d->n_cases);
    interval(d->seen.case_sum[i], d->seen.case_squares[i], d->seen.n, mean, low, high);
}

/* A case is clear by its mean or by its median: on a quiet machine the mean is sooner sure, in
 * bursts it never is. A median at the floor has an up - down of mean 0 and deviation sqrt(n). */
static bool case_clear(const struct decide_sums *seen, size_t i)
{
    double mean = seen->case_sum[i] / seen->n;
    double error = standard_error(seen->case_sum[i], seen->case_squares[i], seen->n);
    double surplus = (double)seen->floor[i].n_up - (double)seen->floor[i].n_down;

    return mean - RULE_CASE_SIGMAS * error > RULE_CASE_FLOOR ||
           surplus >= RULE_CASE_COUNT_SIGMAS * sqrt(seen->n);
}

/* No case may look harmed when a win is called. */
static bool cases_clear(const struct decide *d)
{
    if (d->seen.n < RULE_CASE_MIN_UNITS)
        return false;
    for (size_t i = 0; i < d->n_cases; i++)
        if (!case_clear(&d->seen, i))
            return false;
    return true;
}

static void decide_record(struct decide *d, const double *d_case)
{
    struct decide_sums *seen = &d->seen;
    double total = 0;

    for (size_t i = 0; i < d->n_cases; i++) {
        total += d->weight[i] * d_case[i];
        seen->case_sum[i] += d_case[i];
        seen->case_squares[i] += d_case[i] * d_case[i];
        eprocess_add(&seen->veto[i], -(d_case[i] + RULE_VETO_EFFECT));
        eprocess_add(&seen->floor[i], d_case[i] - RULE_CASE_FLOOR);
    }
    seen->d_sum += total;
    seen->d_squares += total * total;
    eprocess_add(&seen->accept, total - d->margin);
    eprocess_add(&seen->give_up, d->margin + RULE_GIVE_UP_ABOVE - total);
    seen->n++;
}

/* Veto first: no gain elsewhere outweighs it. Evidence of acceptance must stand at the unit where
 * the win is called, and a gain that waits for its cases is not given up meanwhile. */
enum decide_outcome decide_add(struct decide *d, const double *d_case)
{
    double threshold = RULE_VETO_EVIDENCE * (double)d->n_cases;
    bool accepted;

    decide_record(d, d_case);
    for (size_t i = 0; i < d->n_cases; i++)
        if (eprocess_reaches(&d->seen.veto[i], threshold)) {
            d->veto_case = i;
            return DECIDE_VETO;
        }
    accepted = eprocess_reaches(&d->seen.accept, 1 / d->alpha);
    if (accepted && cases_clear(d))
        return DECIDE_ACCEPT;
    if (!accepted && eprocess_reaches(&d->seen.give_up, 1 / d->beta))
        return DECIDE_GIVE_UP;
    return d->seen.n >= d->cap ? DECIDE_CAP : DECIDE_MORE;
}
