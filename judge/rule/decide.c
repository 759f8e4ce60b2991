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
    memset(e, 0, sizeof *e);
}

void eprocess_add(struct eprocess *e, double x)
{
    e->sum += x;
    e->sum_squares += x * x;
    e->n++;
}

/* exp(lambda * S - lambda^2 * Q / 2) leaves the range of a double in either direction within a
 * stage (lambda = 256, S = 10), so the mean over lambda is taken as a log-sum-exp. */
double eprocess_value(const struct eprocess *e)
{
    enum { N = RULE_LAMBDA_MAX_LOG2 - RULE_LAMBDA_MIN_LOG2 + 1 };
    double exponent[N], largest = -HUGE_VAL, sum = 0, log_e;

    for (int i = 0; i < N; i++) {
        double lambda = ldexp(1, RULE_LAMBDA_MIN_LOG2 + i);

        exponent[i] = lambda * e->sum - lambda * lambda * e->sum_squares / 2;
        largest = fmax(largest, exponent[i]);
    }
    for (int i = 0; i < N; i++)
        sum += exp(exponent[i] - largest);
    log_e = largest + log(sum / N);
    return exp(fmin(log_e, EPROCESS_MAX_LOG));
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
    interval(d->d_sum, d->d_sum_squares, d->n, mean, low, high);
}

void decide_case_estimate(const struct decide *d, size_t i, double *mean, double *low, double *high)
{
    assert(i < d->n_cases);
    interval(d->sum[i], d->sum_squares[i], d->n, mean, low, high);
}

/* No case may look harmed when a win is called. */
static bool cases_clear(const struct decide *d)
{
    if (d->n < RULE_CASE_MIN_UNITS)
        return false;
    for (size_t i = 0; i < d->n_cases; i++) {
        double mean = d->sum[i] / d->n;

        if (mean - 2 * standard_error(d->sum[i], d->sum_squares[i], d->n) <= RULE_CASE_FLOOR)
            return false;
    }
    return true;
}

static void decide_record(struct decide *d, const double *d_case)
{
    double total = 0;

    for (size_t i = 0; i < d->n_cases; i++) {
        total += d->weight[i] * d_case[i];
        d->sum[i] += d_case[i];
        d->sum_squares[i] += d_case[i] * d_case[i];
        eprocess_add(&d->veto[i], -(d_case[i] + RULE_VETO_EFFECT));
    }
    d->d_sum += total;
    d->d_sum_squares += total * total;
    eprocess_add(&d->accept, total - d->margin);
    eprocess_add(&d->give_up, d->margin + RULE_GIVE_UP_ABOVE - total);
    d->n++;
}

/* Veto first: no gain elsewhere outweighs it. Evidence of acceptance must stand at the unit where
 * the win is called, and a gain that waits for its cases is not given up meanwhile. */
enum decide_outcome decide_add(struct decide *d, const double *d_case)
{
    double threshold = RULE_VETO_EVIDENCE * (double)d->n_cases, worst = 0;
    bool accepted;

    decide_record(d, d_case);
    for (size_t i = 0; i < d->n_cases; i++) {
        double e = eprocess_value(&d->veto[i]);

        if (e > worst) {
            worst = e;
            d->veto_case = i;
        }
    }
    if (worst >= threshold)
        return DECIDE_VETO;
    accepted = eprocess_value(&d->accept) >= 1 / d->alpha;
    if (accepted && cases_clear(d))
        return DECIDE_ACCEPT;
    if (!accepted && eprocess_value(&d->give_up) >= 1 / d->beta)
        return DECIDE_GIVE_UP;
    return d->n >= d->cap ? DECIDE_CAP : DECIDE_MORE;
}
