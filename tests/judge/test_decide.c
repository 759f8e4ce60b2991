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

        t->units[o][t->outcome[o]++] = d.n;
        if (o == DECIDE_ACCEPT && d.n < t->fewest_accept)
            t->fewest_accept = d.n;
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

/* Each summand of the e-process is f(x) = exp(x - x^2 / 2) of a symmetric x; the claim is that f
 * averages to at most 1 around every centre <= 0. */
Test(decide, wager_never_gains_from_a_symmetric_x_around_zero_or_less)
{
    for (double centre = -3; centre <= 0; centre += 0.01)
        for (double z = 0; z <= 6; z += 0.01) {
            double up = centre + z, down = centre - z;
            double mean = (exp(up - up * up / 2) + exp(down - down * down / 2)) / 2;

            cr_assert(mean <= 1 + 1e-12, "centre %g, z %g: %g", centre, z, mean);
        }
}

Test(decide, evidence_equals_the_plain_sum_where_that_does_not_overflow)
{
    struct eprocess e;
    struct rng r;

    rng_init(&r, 1);
    eprocess_init(&e);
    cr_assert_float_eq(eprocess_value(&e), 1, 1e-12);
    for (int i = 0; i < 200; i++) {
        double plain_sum = 0;

        eprocess_add(&e, 0.02 * rng_normal(&r));
        for (int k = RULE_LAMBDA_MIN_LOG2; k <= RULE_LAMBDA_MAX_LOG2; k++)
            plain_sum += exp(ldexp(e.sum, k) - ldexp(e.sum_squares, 2 * k) / 2);
        plain_sum /= RULE_LAMBDA_MAX_LOG2 - RULE_LAMBDA_MIN_LOG2 + 1;
        cr_assert_float_eq(eprocess_value(&e) / plain_sum, 1, 1e-9);
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
        cr_expect_leq(median_units(&tally, DECIDE_GIVE_UP), 24, "%s", noise_names[kind]);
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

Test(decide, two_percent_wins_in_about_thirty_units)
{
    struct campaign c = plain(0.02);

    run_campaign(&c, 500, 300, &tally);
    report("+2 %", &tally);
    cr_expect_geq(tally.outcome[DECIDE_ACCEPT], 400);
    cr_expect_leq(median_units(&tally, DECIDE_ACCEPT), 60);
    cr_expect_geq(median_units(&tally, DECIDE_ACCEPT), 20);
    cr_expect_eq(tally.outcome[DECIDE_VETO], 0);
}

Test(decide, nothing_is_accepted_in_fewer_than_eighteen_units)
{
    static const double gains[] = {0.05, 0.1, 0.25, 0.5, 0.7, 1, 1.4, 2.8};

    for (size_t i = 0; i < sizeof gains / sizeof *gains; i++)
        for (int quiet = 0; quiet < 2; quiet++) {
            struct campaign c = plain(gains[i]);

            c.sd = quiet ? 0.001 : 0.05;
            run_campaign(&c, 40, 400 + i, &tally);
            cr_expect_eq(tally.outcome[DECIDE_ACCEPT], 40, "gain %g", gains[i]);
            cr_expect_geq(tally.fewest_accept, 18, "gain %g", gains[i]);
            cr_expect_leq(median_units(&tally, DECIDE_ACCEPT), 40, "gain %g", gains[i]);
        }
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
    cr_assert_eq(d.n, 5);
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
