/* SPDX-License-Identifier: Apache-2.0
 *
 * decide.h: the decision rule as pure arithmetic on a stream of units, without processes or clocks,
 * so that the same code serves trials, replays and simulations. See rule.h for the constants. */
#ifndef PAWL_DECIDE_H
#define PAWL_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* E = mean over lambda of exp(lambda * sum X - lambda^2 * sum X^2 / 2): an e-process when X is
 * symmetric about a point <= 0 (self-normalised; de la Pena 1999). Updated one X at a time. */
struct eprocess {
    double sum, sum_squares;
    uint32_t n;
};
void eprocess_init(struct eprocess *e);
void eprocess_add(struct eprocess *e, double x);
double eprocess_value(const struct eprocess *e);

enum { DECIDE_MAX_CASES = 32 };

enum decide_outcome {
    DECIDE_MORE = 0, /* measure another unit */
    DECIDE_ACCEPT,
    DECIDE_GIVE_UP, /* shown not to be a gain of m + 1 % */
    DECIDE_VETO,    /* a case is shown to be slower by more than 1 % */
    DECIDE_CAP,     /* the cap was reached */
};

struct decide {
    size_t n_cases;
    double weight[DECIDE_MAX_CASES]; /* sum 1 */
    double margin, alpha, beta;
    uint32_t cap;
    struct eprocess accept, give_up, veto[DECIDE_MAX_CASES];
    double sum[DECIDE_MAX_CASES], sum_squares[DECIDE_MAX_CASES];
    double d_sum, d_sum_squares;
    uint32_t n;
    size_t veto_case; /* set with DECIDE_VETO */
};

/* Stage 1 uses rule.h's alpha; confirmation its own. margin = max(0.3 %, half the calibrated MDE).
 */
void decide_init(struct decide *d, const double *weight, size_t n_cases, double margin,
                 double alpha, double beta, uint32_t cap);

/* Add a unit's per-case d_i (natural log ratios, > 0 faster) and say what follows. */
enum decide_outcome decide_add(struct decide *d, const double *d_case);

/* Mean and 95 % interval (Student t over units) of D, or of one case. */
void decide_estimate(const struct decide *d, double *mean, double *low, double *high);
void decide_case_estimate(const struct decide *d, size_t i, double *mean, double *low,
                          double *high);

#endif
