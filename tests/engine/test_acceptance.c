/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/speculate/acceptance.h"

#include <criterion/criterion.h>
#include <math.h>

enum { N_IDS = 8, N_DRAWS = 200000 };

struct pair {
    double p[N_IDS], q[N_IDS]; /* by id; 0: not listed */
};

static const struct pair pairs[] = {
    {{.5, .5}, {1}},
    {{1}, {.5, .5}},
    {{.25, .25, .25, .25}, {.25, .25, .25, .25}},
    {{.5, .5}, {0, 0, .5, .5}},
    {{.6, .2, .1, .05, .05}, {.1, .1, .2, .3, .3}},
    {{.01, .9, .09}, {.34, .33, .33}},
    {{.3, 0, .3, 0, .2, .1, .1}, {.1, .4, .1, .1, .1, .1, .1}},
};

static size_t list(const double *p, struct sampler_candidate *out)
{
    size_t n = 0;

    for (int32_t id = N_IDS; id-- > 0;)
        if (p[id] > 0)
            out[n++] = (struct sampler_candidate){.id = id, .p = p[id]};
    return n;
}

/* The outcomes of N_DRAWS rounds have frequencies p: Pearson's statistic. Seven degrees of freedom
 * pass 45 with probability 1.4e-7; the seed is fixed. */
Test(acceptance, gives_the_targets_distribution_whatever_was_guessed)
{
    for (size_t c = 0; c < sizeof pairs / sizeof *pairs; c++) {
        struct sampler_candidate p[N_IDS], q[N_IDS];
        size_t n_p = list(pairs[c].p, p), n_q = list(pairs[c].q, q);
        uint32_t seen[N_IDS] = {0};
        double chi2 = 0;
        struct rng rng;

        rng_init(&rng, 1 + c);
        for (int i = 0; i < N_DRAWS; i++)
            seen[acceptance_pick(p, n_p, q, n_q, acceptance_draw(q, n_q, &rng), &rng)]++;
        for (int id = 0; id < N_IDS; id++) {
            double want = N_DRAWS * pairs[c].p[id], d = seen[id] - want;

            if (want > 0)
                chi2 += d * d / want;
            else
                cr_expect_eq(seen[id], 0, "pair %zu: id %d is impossible", c, id);
        }
        cr_expect_lt(chi2, 45, "pair %zu: chi-square %.1f", c, chi2);
    }
}

/* As often as Leviathan et al. say: sum of min(p, q). */
Test(acceptance, takes_as_many_guesses_as_the_distributions_share)
{
    for (size_t c = 0; c < sizeof pairs / sizeof *pairs; c++) {
        struct sampler_candidate p[N_IDS], q[N_IDS];
        size_t n_p = list(pairs[c].p, p), n_q = list(pairs[c].q, q);
        double shared = 0, taken = 0;
        struct rng rng;

        rng_init(&rng, 100 + c);
        for (int id = 0; id < N_IDS; id++)
            shared += fmin(pairs[c].p[id], pairs[c].q[id]);
        for (int i = 0; i < N_DRAWS; i++) {
            int32_t guess = acceptance_draw(q, n_q, &rng);

            taken += acceptance_pick(p, n_p, q, n_q, guess, &rng) == guess;
        }
        /* Five standard deviations of a share of N_DRAWS. */
        cr_expect_leq(fabs(taken / N_DRAWS - shared), 5 * sqrt(0.25 / N_DRAWS), "pair %zu", c);
    }
}
