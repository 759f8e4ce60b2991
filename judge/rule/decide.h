/* SPDX-License-Identifier: Apache-2.0
 *
 * decide.h: the decision rule as pure arithmetic on a stream of units, without processes or clocks,
 * so that the same code serves trials, replays and simulations. See rule.h for the constants. */
#ifndef PAWL_DECIDE_H
#define PAWL_DECIDE_H

#include "judge/rule/rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* E = mean over stakes b of (1 + b)^n_up (1 - b)^n_down: the capital of a gambler who starts with 1
 * and bets on X > 0 in every unit. When X > 0 has a probability <= 1/2 in each unit, whatever came
 * before, E is a nonnegative supermartingale, and by Ville's inequality passes 1/alpha with
 * probability <= alpha, however long and however often one looks. Sizes do not count: no moment, no
 * shape and no scale of the noise is assumed, a unit that a neighbour disturbed says no more than
 * any other, and rare large gains cannot outvote the many units that show none.
 *
 * So a WIN claims: in most units the candidate is faster by more than the margin m. When is the
 * probability of D > m at most 1/2 for a change that gains m or less? A coin in each unit swaps the
 * labels of the sides. Where the change multiplies every time by exp(-effect) and the noise does
 * not know whose slice it disturbs, D = effect + (+1 or -1) x V with a fresh fair sign: symmetric
 * about effect given everything before, for any V, be it drifting, autocorrelated, bursting or
 * skewed. A/A with layouts drawn for both sides is effect = 0. Noise that knows the label (one side
 * alone suffers or is spared) is part of what the change does: then the claim is about the median
 * unit and not about the mean, and the guards of a confirmation look at totals and tails. What the
 * coin cannot swap is whatever stays with one side for a whole stage: the margin has to be larger
 * than that. Memory is not among it: the sides take turns (judge/measure/pair.h).
 *
 * Sources: Ville 1939; test martingales, Shafer, Shen, Vereshchagin and Vovk 2011; betting,
 * Waudby-Smith and Ramdas 2023. de la Pena's exp(cX - c^2 X^2 / 2) (1999) assumes symmetry, which a
 * skewed noise breaks, and a single unit off by 20 % voids what forty others had shown. */
struct eprocess {
    uint32_t n_up, n_down; /* units with X > 0, and the others */
};
void eprocess_init(struct eprocess *e);
void eprocess_add(struct eprocess *e, double x);
double eprocess_value(const struct eprocess *e);

/* eprocess_value(e) >= level, level > 1, at the price of a comparison for most. */
bool eprocess_reaches(const struct eprocess *e, double level);

enum { DECIDE_MAX_CASES = 32 };

enum decide_outcome {
    DECIDE_MORE = 0, /* measure another unit */
    DECIDE_ACCEPT,
    DECIDE_GIVE_UP, /* shown not to be a gain of m + 1 % */
    DECIDE_VETO,    /* a case is shown to be slower by more than 1 % */
    DECIDE_CAP,     /* the cap was reached */
};

/* All that the rule keeps of the units it has seen. */
struct decide_sums {
    uint32_t n; /* units */
    struct eprocess accept, give_up, veto[DECIDE_MAX_CASES];
    struct eprocess floor[DECIDE_MAX_CASES]; /* up: units of the case above RULE_CASE_FLOOR */
    double case_sum[DECIDE_MAX_CASES], case_squares[DECIDE_MAX_CASES]; /* of d_i */
    double d_sum, d_squares;                                           /* of D */
};

struct decide {
    size_t n_cases;
    double weight[DECIDE_MAX_CASES]; /* sum 1 */
    double margin, alpha, beta;
    uint32_t cap; /* of seen.n */
    struct decide_sums seen;
    size_t veto_case; /* set with DECIDE_VETO */
};

/* A rule that has seen nothing. The first stage and the confirmation have an alpha of their own. To
 * go on where an earlier trial of the same code ended, set `seen` to what that one had. */
void decide_init(struct decide *d, const double *weight, size_t n_cases, double margin,
                 double alpha, double beta, uint32_t cap);

/* Add a unit's per-case d_i (natural log ratios, > 0 faster) and say what follows. */
enum decide_outcome decide_add(struct decide *d, const double *d_case);

/* Mean and 95 % interval (Student t over units) of D, or of one case. */
void decide_estimate(const struct decide *d, double *mean, double *low, double *high);
void decide_case_estimate(const struct decide *d, size_t i, double *mean, double *low,
                          double *high);

#endif
