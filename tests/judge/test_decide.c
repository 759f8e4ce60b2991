/* SPDX-License-Identifier: Apache-2.0
 *
 * The decision rule on simulated units: a dozen cases of equal weight, each with a noise of 5 %
 * standard deviation per unit, unless said otherwise. Seeds are fixed; what is asserted are the
 * claims that rule.h makes, with room for the size of the simulation. */
#include "judge/rule/decide.h"
#include "judge/rule/rule.h"
#include "reference/base/rng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum noise { NORMAL, STUDENT_T3, LAPLACE, N_NOISES };
static const char *const noise_names[] = {"normal", "t3", "laplace"};
enum { CASES = 12 };

/* One draw with mean 0 and standard deviation 1. */
static double noise_draw(struct rng *r, enum noise kind)
{
    if (kind == NORMAL)
        return rng_normal(r);
    if (kind == LAPLACE) {
        double u = rng_uniform(r) - 0.5;

        return (u < 0 ? 1 : -1) * log(1 - 2 * fabs(u)) / sqrt(2);
    }
    double chi = 0;

    for (int i = 0; i < 3; i++) {
        double z = rng_normal(r);

        chi += z * z;
    }
    return rng_normal(r) / sqrt(chi / 3) / sqrt(3);
}

struct campaign {
    enum noise kind;
    size_t n_cases;
    double sd, effect;
    double odd_effect; /* of case 0, in the place of effect when `odd` */
    bool odd;
    double alpha;
    uint32_t cap;
};

struct tally {
    uint32_t n, outcome[DECIDE_CAP + 1];
    uint32_t units[DECIDE_CAP + 1][4096]; /* length of each run by outcome */
    uint32_t fewest_accept;
};

static struct decide run_once(const struct campaign *c, struct rng *r, enum decide_outcome *outcome)
{
    double weight[DECIDE_MAX_CASES], d_case[DECIDE_MAX_CASES];
    struct decide d;

    for (size_t i = 0; i < c->n_cases; i++)
        weight[i] = 1.0 / (double)c->n_cases;
    decide_init(&d, weight, c->n_cases, RULE_MARGIN_MIN, c->alpha, RULE_BETA, c->cap);
    do {
        for (size_t i = 0; i < c->n_cases; i++)
            d_case[i] =
                (c->odd && i == 0 ? c->odd_effect : c->effect) + c->sd * noise_draw(r, c->kind);
        *outcome = decide_add(&d, d_case);
    } while (*outcome == DECIDE_MORE);
    return d;
}

static void run_campaign(const struct campaign *c, uint32_t n, uint64_t seed, struct tally *t)
{
    struct rng r;

    rng_init(&r, seed);
    *t = (struct tally){.n = n, .fewest_accept = UINT32_MAX};
    for (uint32_t i = 0; i < n; i++) {
        enum decide_outcome o;
        struct decide d = run_once(c, &r, &o);

        t->units[o][t->outcome[o]++] = d.seen.n;
        if (o == DECIDE_ACCEPT && d.seen.n < t->fewest_accept)
            t->fewest_accept = d.seen.n;
    }
}

static int compare_units(const void *a, const void *b)
{
    return (int)*(const uint32_t *)a - (int)*(const uint32_t *)b;
}

static uint32_t median_units(struct tally *t, enum decide_outcome o)
{
    if (!t->outcome[o])
        return 0;
    qsort(t->units[o], t->outcome[o], sizeof(uint32_t), compare_units);
    return t->units[o][t->outcome[o] / 2];
}

static void report(const char *what, struct tally *t)
{
    fprintf(
        stderr,
        "decide: %-34s %4u runs: %4u accepted (median %3u units), %4u given up (%3u), %4u vetoed "
        "(%3u), %4u at the cap\n",
        what, t->n, t->outcome[DECIDE_ACCEPT], median_units(t, DECIDE_ACCEPT),
        t->outcome[DECIDE_GIVE_UP], median_units(t, DECIDE_GIVE_UP), t->outcome[DECIDE_VETO],
        median_units(t, DECIDE_VETO), t->outcome[DECIDE_CAP]);
}

static struct campaign plain(double effect)
{
    return (struct campaign){.kind = NORMAL,
                             .n_cases = CASES,
                             .sd = 0.05,
                             .effect = effect,
                             .alpha = RULE_ALPHA,
                             .cap = RULE_CAP_UNITS};
}

static struct tally tally; /* large: kept off the stack */

/* A fair coin never raises the capital on average, wherever it stands. */
Test(decide, a_fair_coin_gains_nothing)
{
    for (uint32_t up = 0; up < 120; up++)
        for (uint32_t down = 0; down < 120; down++) {
            struct eprocess now = {up, down}, won = now, lost = now;

            eprocess_add(&won, 1e-9);
            eprocess_add(&lost, -7);
            cr_assert((eprocess_value(&won) + eprocess_value(&lost)) / 2 <=
                          eprocess_value(&now) * (1 + 1e-12),
                      "%u up, %u down", up, down);
        }
}

Test(decide, evidence_is_the_mean_over_the_stakes)
{
    static const double bets[] = {RULE_BETS};
    double capital[RULE_N_BETS] = {1, 1, 1, 1};
    struct eprocess e;
    struct rng r;

    rng_init(&r, 1);
    eprocess_init(&e);
    cr_assert_float_eq(eprocess_value(&e), 1, 1e-12);
    for (int i = 0; i < 200; i++) {
        double x = 0.01 + 0.02 * rng_normal(&r), sum = 0;

        eprocess_add(&e, x);
        for (int k = 0; k < RULE_N_BETS; k++)
            sum += capital[k] *= x > 0 ? 1 + bets[k] : 1 - bets[k];
        cr_assert_float_eq(eprocess_value(&e) / (sum / RULE_N_BETS), 1, 1e-9);
    }
}

/* No effect at all is no gain. */
Test(decide, a_unit_of_exactly_zero_counts_against)
{
    struct eprocess e;

    eprocess_init(&e);
    eprocess_add(&e, 0);
    cr_assert_eq(e.n_down, 1);
}

Test(decide, reaching_a_level_is_what_the_value_says)
{
    static const double levels[] = {2, 20, 100, 240, 1000};

    for (uint32_t up = 0; up < 60; up++)
        for (uint32_t down = 0; down < 60; down++)
            for (size_t k = 0; k < sizeof levels / sizeof *levels; k++) {
                struct eprocess e = {up, down};

                cr_assert_eq(eprocess_reaches(&e, levels[k]), eprocess_value(&e) >= levels[k]);
            }
}

Test(decide, evidence_stays_finite_in_both_directions)
{
    struct eprocess up, down;

    eprocess_init(&up);
    eprocess_init(&down);
    for (int i = 0; i < 2000; i++) {
        eprocess_add(&up, 5);
        eprocess_add(&down, -5);
    }
    for (int i = 0; i < 100000; i++)
        eprocess_add(&up, 1);
    cr_assert(isfinite(eprocess_value(&up)) && eprocess_value(&up) > 1e100);
    cr_assert(isfinite(eprocess_value(&down)) && eprocess_value(&down) < 1);
}

/* Noise without a gain: stage one accepts with probability <= 1e-3, in truth far less. */
Test(decide, null_campaigns_do_not_win)
{
    for (int kind = 0; kind < N_NOISES; kind++) {
        struct campaign c = plain(0);

        c.kind = (enum noise)kind;
        run_campaign(&c, 2000, 100 + (uint64_t)kind, &tally);
        report(noise_names[kind], &tally);
        cr_expect_leq(tally.outcome[DECIDE_ACCEPT], 2, "%s", noise_names[kind]);
        cr_expect_leq(median_units(&tally, DECIDE_GIVE_UP), 19, "%s", noise_names[kind]);
        cr_expect_geq(tally.outcome[DECIDE_GIVE_UP], 1900, "%s", noise_names[kind]);
    }
}

/* The margin is a boundary: a true gain of exactly m is still a null, the hardest one. */
Test(decide, a_gain_of_the_margin_alone_does_not_win)
{
    struct campaign c = plain(RULE_MARGIN_MIN);

    run_campaign(&c, 1000, 200, &tally);
    report("gain = margin", &tally);
    cr_expect_leq(tally.outcome[DECIDE_ACCEPT], 1);
}

Test(decide, two_percent_wins_in_about_thirty_units_or_fewer)
{
    struct campaign c = plain(0.02);

    run_campaign(&c, 500, 300, &tally);
    report("+2 %", &tally);
    cr_expect_geq(tally.outcome[DECIDE_ACCEPT], 400);
    cr_expect_leq(median_units(&tally, DECIDE_ACCEPT), 35);
    cr_expect_eq(tally.outcome[DECIDE_VETO], 0);
}

Test(decide, nothing_is_accepted_in_fewer_than_eleven_units)
{
    static const double gains[] = {0.05, 0.1, 0.25, 0.5, 0.7, 1, 1.4, 2.8};

    for (size_t i = 0; i < sizeof gains / sizeof *gains; i++)
        for (int quiet = 0; quiet < 2; quiet++) {
            struct campaign c = plain(gains[i]);

            c.sd = quiet ? 0.001 : 0.05;
            run_campaign(&c, 40, 400 + i, &tally);
            cr_expect_eq(tally.outcome[DECIDE_ACCEPT], 40, "gain %g", gains[i]);
            cr_expect_geq(tally.fewest_accept, 11, "gain %g", gains[i]);
            cr_expect_leq(median_units(&tally, DECIDE_ACCEPT), 20, "gain %g", gains[i]);
        }
}

/* A neighbour that halves one case in every tenth unit keeps its mean below the floor for ever; its
 * median is what the change did. */
Test(decide, bursts_in_one_case_do_not_hold_up_a_win)
{
    const double weight[2] = {1, 0};
    enum decide_outcome outcome = DECIDE_MORE;
    struct decide d;
    int units = 0;

    decide_init(&d, weight, 2, RULE_MARGIN_MIN, RULE_ALPHA, RULE_BETA, RULE_CAP_UNITS);
    for (; outcome == DECIDE_MORE; units++)
        outcome = decide_add(&d, (double[]){0.1, units % 10 == 5 ? -0.7 : 0.001});
    cr_expect_eq(outcome, DECIDE_ACCEPT);
    cr_expect_leq(units, 30, "%d", units);
}

Test(decide, a_case_at_minus_five_percent_never_slips_through)
{
    struct campaign c = plain(0.04);

    c.odd = true;
    c.odd_effect = log(0.95);
    run_campaign(&c, 500, 500, &tally);
    report("+4 %, one case at -5 %", &tally);
    cr_expect_eq(tally.outcome[DECIDE_ACCEPT], 0);
    cr_expect_gt(tally.outcome[DECIDE_VETO], 300);
    c.odd_effect = log(0.97);
    run_campaign(&c, 500, 501, &tally);
    report("+4 %, one case at -3 %", &tally);
    cr_expect_leq(tally.outcome[DECIDE_ACCEPT], 25);
}

Test(decide, a_slow_down_of_five_percent_loses)
{
    struct campaign c = plain(log(0.95));

    run_campaign(&c, 300, 600, &tally);
    report("-5 % everywhere", &tally);
    cr_expect_eq(tally.outcome[DECIDE_GIVE_UP] + tally.outcome[DECIDE_VETO], 300);
}

/* One unit in fifty is off by a fifth, either way: what a quiet machine shows in thirty units is
 * not lost. */
Test(decide, bursts_neither_win_nor_void_a_gain)
{
    uint32_t accepted = 0, units = 0;
    struct rng r;

    rng_init(&r, 1000);
    for (int run = 0; run < 400; run++) {
        double weight = 1;
        enum decide_outcome o;
        struct decide d;

        decide_init(&d, &weight, 1, RULE_MARGIN_MIN, RULE_ALPHA, RULE_BETA, RULE_CAP_UNITS);
        do {
            double x = 0.015 + 0.01 * rng_normal(&r), u = rng_uniform(&r);

            x += u < 0.01 ? 0.2 : u < 0.02 ? -0.2 : 0;
            o = decide_add(&d, &x);
        } while (o == DECIDE_MORE);
        accepted += o == DECIDE_ACCEPT;
        units += d.seen.n;
    }
    fprintf(stderr, "decide: bursts, +1.5 %% at 1 %%: %u of 400 accepted, %u units each\n",
            accepted, units / 400);
    cr_expect_geq(accepted, 360);
    cr_expect_leq(units / 400, 50);
}

Test(decide, a_single_quiet_case_works_too)
{
    struct campaign c = plain(0.02);

    c.n_cases = 1;
    c.sd = 0.01;
    run_campaign(&c, 200, 700, &tally);
    report("one case of 1 %, +2 %", &tally);
    cr_expect_eq(tally.outcome[DECIDE_ACCEPT], 200);
}

Test(decide, the_cap_ends_what_cannot_be_told)
{
    struct campaign c = plain(0);
    struct rng r;
    enum decide_outcome o;
    struct decide d;

    c.cap = 5;
    rng_init(&r, 800);
    d = run_once(&c, &r, &o);
    cr_assert_eq(o, DECIDE_CAP);
    cr_assert_eq(d.seen.n, 5);
}

Test(decide, veto_names_the_case)
{
    double weight[] = {0.4, 0.4, 0.2}, d_case[] = {0.1, 0.1, -0.2};
    enum decide_outcome o = DECIDE_MORE;
    struct decide d;

    decide_init(&d, weight, 3, RULE_MARGIN_MIN, RULE_ALPHA, RULE_BETA, RULE_CAP_UNITS);
    while (o == DECIDE_MORE)
        o = decide_add(&d, d_case);
    cr_assert_eq(o, DECIDE_VETO);
    cr_assert_eq(d.veto_case, 2);
}

/* Student's t: 95 % intervals cover the truth 95 times in a hundred, for few units and many. */
Test(decide, intervals_cover_the_truth)
{
    static const uint32_t lengths[] = {2, 3, 5, 12, 30};
    struct rng r;

    rng_init(&r, 900);
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        uint32_t covered = 0;
        const uint32_t runs = 4000;

        for (uint32_t run = 0; run < runs; run++) {
            struct decide d;
            double weight = 1, mean, low, high;

            decide_init(&d, &weight, 1, RULE_MARGIN_MIN, 1e-12, 1e-12, UINT32_MAX);
            for (uint32_t i = 0; i < lengths[k]; i++) {
                double x = 0.03 + 0.05 * rng_normal(&r);

                decide_add(&d, &x);
            }
            decide_estimate(&d, &mean, &low, &high);
            covered += low <= 0.03 && 0.03 <= high;
        }
        cr_expect(covered > runs * 0.938 && covered < runs * 0.962, "%u units: %u of %u",
                  lengths[k], covered, runs);
    }
}

Test(decide, one_unit_gives_no_interval)
{
    double weight = 1, x = 0.1, mean, low, high;
    struct decide d;

    decide_init(&d, &weight, 1, RULE_MARGIN_MIN, RULE_ALPHA, RULE_BETA, 10);
    decide_add(&d, &x);
    decide_estimate(&d, &mean, &low, &high);
    cr_assert_float_eq(mean, 0.1, 1e-15);
    cr_assert(low < -1 && high > 1 && isfinite(low) && isfinite(high));
}
