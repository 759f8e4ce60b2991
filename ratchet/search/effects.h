/* SPDX-License-Identifier: Apache-2.0
 *
 * effects.h: what the points of a search teach about the surface: how much of what the TUNABLEs
 * change is due to each alone and to pairs of them (variance-based sensitivity: Sobol 1993; Saltelli
 * et al., Global Sensitivity Analysis, 2008, ch. 4, on the mean of the Gaussian process), where each
 * would be best, and which values are no kernels. The space is the grid, each value as likely as a
 * point drawn from the unit cube comes to it. */
#ifndef PAWL_RATCHET_EFFECTS_H
#define PAWL_RATCHET_EFFECTS_H

#include "ratchet/search/surface.h"

enum { EFFECT_LEVELS = 17, EFFECT_PAIRS = 8, EFFECT_RULES = 8 };

struct effect {
    double share; /* of the variance, by this TUNABLE alone */
    size_t n;     /* levels: all its values, or as many evenly spaced in the unit cube */
    int64_t value[EFFECT_LEVELS]; /* ascending, both ends among them */
    double level[EFFECT_LEVELS];  /* mean ln time there, less the least of them */
    int64_t best;                 /* value at the least */
};

struct effect_pair {
    size_t a, b;
    double share; /* beyond what both do alone */
};

/* No kernel was made of the values from, or up to, a limit, nor of values that divide badly. */
struct effect_rule {
    size_t axis;
    enum { RULE_FROM, RULE_UP_TO, RULE_NOT_MULTIPLE } kind;
    int64_t limit;
    size_t n; /* infeasible points that it explains */
};

struct effects {
    size_t n; /* points measured */
    double
        explained; /* share of the variance of each point that the others predict; NAN: too few */
    double range;  /* 5th to 95th percentile of ln time over the space */
    struct effect axis[SPACE_MOST];
    struct effect_pair pair[EFFECT_PAIRS]; /* largest first */
    size_t n_pairs;
    struct effect_rule rule[EFFECT_RULES];
    size_t n_rules;
};

/* Learn from a surface and what it was learned from. ERR_RANGE when fewer than three points were
 * measured; the rules are there then too. */
int effects_learn(const struct space *s, const struct observed *o, const struct surface *surface,
                  uint64_t seed, struct effects *out);

#endif
