/* SPDX-License-Identifier: Apache-2.0
 *
 * Every stage on a distribution small enough to work out by hand; the working is beside it. */
#include "engine/sample/vocabulary.h"
#include "tests/engine/sampling.h"

#include <math.h>

enum { MAX = 8 };

struct expected {
    size_t n;
    int32_t ids[MAX];
    double p[MAX];
};

#define EXPECTED(...) ((struct expected){__VA_ARGS__})

static void is(struct sampler *s, const float *logits, struct expected want)
{
    const struct sampler_candidate *c;
    size_t n;

    cr_assert_eq(sampler_distribution(s, logits, MAX, &c, &n), 0, "%s", err_message());
    cr_assert_eq(n, want.n, "%zu candidates, want %zu", n, want.n);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(c[i].id, want.ids[i], "rank %zu: id %d", i, c[i].id);
        cr_assert_float_eq(c[i].p, want.p[i], 1e-5, "p[%zu] = %.7f", i, c[i].p);
    }
}

static void gives(struct sampler_options o, const float *logits, int32_t n, struct expected want)
{
    struct sampler *s = sampler_of(&o, n, NULL);

    is(s, logits, want);
    sampler_close(&s);
}

/* Tokens 0..3 with p = 0.1, 0.4, 0.2, 0.3; the likeliest first: 1, 3, 2, 0. */
static float tenths[4];

static void setup(void)
{
    const double p[4] = {0.1, 0.4, 0.2, 0.3};

    for (int i = 0; i < 4; i++)
        tenths[i] = (float)log(p[i]) + 3;
}

TestSuite(stages, .init = setup);

Test(stages, top_k)
{
    gives(OPTIONS(.top_k = 2), tenths, 4, EXPECTED(2, {1, 3}, {4.0 / 7, 3.0 / 7}));
    gives(OPTIONS(.top_k = 9), tenths, 4, EXPECTED(4, {1, 3, 2, 0}, {0.4, 0.3, 0.2, 0.1}));
}

Test(stages, top_p)
{
    gives(OPTIONS(.top_p = 0.65), tenths, 4, EXPECTED(2, {1, 3}, {4.0 / 7, 3.0 / 7}));
    gives(OPTIONS(.top_p = 0.75), tenths, 4, EXPECTED(3, {1, 3, 2}, {4.0 / 9, 3.0 / 9, 2.0 / 9}));
    gives(OPTIONS(.top_p = 1e-9), tenths, 4, EXPECTED(1, {1}, {1}));
    /* A share that is held exactly is enough. */
    gives(OPTIONS(.top_p = 0.5), (float[]){3, 3}, 2, EXPECTED(1, {0}, {1}));
}

Test(stages, top_p_takes_more_than_it_sorts_at_once)
{
    enum { N = 1000 };
    float logits[N];
    struct sampler_options o = OPTIONS(.top_p = 0.5);
    struct sampler *s = sampler_of(&o, N, NULL);
    const struct sampler_candidate *c;
    size_t n;

    /* All but alike and rising with the id: half of the mass is half of the tokens, from the end. */
    for (int i = 0; i < N; i++)
        logits[i] = 1e-6F * (float)i;
    cr_assert_eq(sampler_distribution(s, logits, 0, &c, &n), 0);
    cr_assert_eq(n, 500);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(c[i].id, N - 1 - (int32_t)i);
    sampler_close(&s);
}

Test(stages, min_p)
{
    /* 0.6 of 0.4 is 0.24. */
    gives(OPTIONS(.min_p = 0.6), tenths, 4, EXPECTED(2, {1, 3}, {4.0 / 7, 3.0 / 7}));
    gives(OPTIONS(.min_p = 1), tenths, 4, EXPECTED(1, {1}, {1}));
}

Test(stages, typical)
{
    /* Entropy 1.27985; surprises 0.91629, 1.20397, 1.60944, 2.30259 of the ranks are 0.36356,
     * 0.07588, 0.32959, 1.02274 away: tokens come in the order 3, 2, 1, 0. */
    gives(OPTIONS(.typical_p = 0.45), tenths, 4, EXPECTED(2, {3, 2}, {0.6, 0.4}));
    gives(OPTIONS(.typical_p = 0.55), tenths, 4,
          EXPECTED(3, {1, 3, 2}, {4.0 / 9, 3.0 / 9, 2.0 / 9}));
}

Test(stages, tail_free)
{
    const double p[5] = {0.5, 0.25, 0.15, 0.07, 0.03};
    float logits[5];

    for (int i = 0; i < 5; i++)
        logits[i] = (float)log(p[i]);
    /* Differences 0.25, 0.1, 0.08, 0.04, of these 0.15, 0.02, 0.04; as shares of their sum 0.714,
     * 0.095, 0.190, added up 0.714, 0.810, 1. */
    gives(OPTIONS(.tail_free = 0.5), logits, 5, EXPECTED(1, {0}, {1}));
    gives(OPTIONS(.tail_free = 0.75), logits, 5, EXPECTED(1, {0}, {1}));
    gives(OPTIONS(.tail_free = 0.9), logits, 5, EXPECTED(2, {0, 1}, {2.0 / 3, 1.0 / 3}));
    /* Equal steps have no curvature, and no tail. */
    gives(OPTIONS(.tail_free = 0.9), (float[]){1, 1, 1}, 3,
          EXPECTED(3, {0, 1, 2}, {1.0 / 3, 1.0 / 3, 1.0 / 3}));
}

Test(stages, top_n_sigma)
{
    /* Mean 2, variance (4 + 0 + 0 + 4) / 4 = 2: bounds 4 - 1.41421 n. */
    const float logits[4] = {2, 4, 0, 2};

    gives(OPTIONS(.top_n_sigma = 1), logits, 4, EXPECTED(1, {1}, {1}));
    /* e^2 : 1 : 1 */
    gives(OPTIONS(.top_n_sigma = 1.5), logits, 4,
          EXPECTED(3, {1, 0, 3}, {0.786986, 0.106507, 0.106507}));
}

Test(stages, eta)
{
    /* exp(-entropy) = 0.278078; times sqrt(0.2) it is 0.12436, times sqrt(0.6) 0.21540. */
    gives(OPTIONS(.eta = 0.2), tenths, 4, EXPECTED(3, {1, 3, 2}, {4.0 / 9, 3.0 / 9, 2.0 / 9}));
    gives(OPTIONS(.eta = 0.6), tenths, 4, EXPECTED(2, {1, 3}, {4.0 / 7, 3.0 / 7}));
    gives(OPTIONS(.eta = 0.01), tenths, 4, EXPECTED(4, {1, 3, 2, 0}, {0.4, 0.3, 0.2, 0.1}));
}

Test(stages, xtc)
{
    /* From 0.25 on: tokens 1 and 3; from 0.15 on token 2 too; from 0.35 on one alone, which stays. */
    gives(OPTIONS(.xtc_probability = 1, .xtc_threshold = 0.25), tenths, 4,
          EXPECTED(3, {3, 2, 0}, {3.0 / 6, 2.0 / 6, 1.0 / 6}));
    gives(OPTIONS(.xtc_probability = 1, .xtc_threshold = 0.15), tenths, 4,
          EXPECTED(2, {2, 0}, {2.0 / 3, 1.0 / 3}));
    gives(OPTIONS(.xtc_probability = 1, .xtc_threshold = 0.35), tenths, 4,
          EXPECTED(4, {1, 3, 2, 0}, {0.4, 0.3, 0.2, 0.1}));
}

Test(stages, xtc_acts_as_often_as_asked)
{
    struct sampler_options o = OPTIONS(.xtc_probability = 0.25, .xtc_threshold = 0.25, .seed = 3);
    struct sampler *s = sampler_of(&o, 4, NULL);
    int acted = 0;

    for (int i = 0; i < 10000; i++) {
        const struct sampler_candidate *c;
        size_t n;

        cr_assert_eq(sampler_distribution(s, tenths, 1, &c, &n), 0);
        acted += c[0].id == 3;
    }
    cr_assert_float_eq(acted, 2500, 4 * sqrt(10000 * 0.25 * 0.75));
    sampler_close(&s);
}

Test(stages, temperature)
{
    /* At 1/2 shares are squared: 1, 16, 4, 9 of 30. */
    gives(OPTIONS(.temperature = 0.5), tenths, 4,
          EXPECTED(4, {1, 3, 2, 0}, {16.0 / 30, 9.0 / 30, 4.0 / 30, 1.0 / 30}));
    gives(OPTIONS(.temperature = 1e-9), tenths, 4, EXPECTED(1, {1}, {1}));
}

Test(stages, temperature_moves_with_the_entropy)
{
    /* 1.27985 of ln 4 = 1.38629 is 0.92322: temperature 0.5 + 0.92322 = 1.42322; p ^ 0.702632 =
     * 0.525284, 0.429149, 0.322762, 0.198320, sum 1.475515. */
    gives(OPTIONS(.dynamic_range = 0.5), tenths, 4,
          EXPECTED(4, {1, 3, 2, 0}, {0.356000, 0.290847, 0.218746, 0.134407}));
    /* Exponent 0: the highest, 1 + 1; p ^ 0.5 = 0.632456, 0.547723, 0.447214, 0.316228. */
    gives(OPTIONS(.dynamic_range = 1, .dynamic_exponent = 0), tenths, 4,
          EXPECTED(4, {1, 3, 2, 0}, {0.325401, 0.281806, 0.230093, 0.162700}));
    /* All alike: the entropy is all there can be. */
    gives(OPTIONS(.dynamic_range = 1), (float[]){5, 5}, 2, EXPECTED(2, {0, 1}, {0.5, 0.5}));
}

Test(stages, logit_bias)
{
    const struct sampler_bias bias[2] = {{0, 0.6931472F}, {1, -INFINITY}};
    const struct sampler_bias all[4] = {
        {0, -INFINITY}, {1, -INFINITY}, {2, -INFINITY}, {3, -INFINITY}};
    struct sampler_options none = OPTIONS(.bias = all, .n_bias = 4);
    const struct sampler_candidate *c;
    struct sampler *s;
    size_t n;

    /* Token 0 twice as likely, token 1 never: 2, 2, 3 of 7. */
    gives(OPTIONS(.bias = bias, .n_bias = 2), tenths, 4,
          EXPECTED(3, {3, 0, 2}, {3.0 / 7, 2.0 / 7, 2.0 / 7}));
    s = sampler_of(&none, 4, NULL);
    cr_assert_eq(sampler_distribution(s, tenths, 0, &c, &n), ERR_UNSUPPORTED);
    sampler_close(&s);
}

Test(stages, penalties)
{
    const float logits[4] = {2, -1, 1, 0};
    struct sampler_options o = OPTIONS(.penalty_last_n = 8, .repeat_penalty = 2,
                                       .presence_penalty = 0.5, .frequency_penalty = 0.25);
    struct sampler *s = sampler_of(&o, 4, NULL);

    sampler_prompt(s, (int32_t[]){0, 0, 1}, 3);
    /* Logits 2/2 - 0.5 - 2*0.25 = 0, -1*2 - 0.5 - 0.25 = -2.75, 1, 0; e^x = 1, 0.063928, 2.718282,
     * 1 of 4.782210. */
    is(s, logits, EXPECTED(4, {2, 0, 3, 1}, {0.568415, 0.209108, 0.209108, 0.013368}));
    /* A token more, and the eight tokens before it, no 0 among them, are all that counts. */
    for (int i = 0; i < 8; i++)
        cr_assert_eq(sampler_accept(s, 1), 0);
    /* 2, -2 - 0.5 - 2 = -4.5, 1, 0; e^x = 7.389056, 0.011109, 2.718282, 1 of 11.118447. */
    is(s, logits, EXPECTED(4, {0, 2, 3, 1}, {0.664576, 0.244484, 0.089941, 0.000999}));
    sampler_close(&s);
}

Test(stages, mirostat_v2)
{
    struct sampler_options o =
        OPTIONS(.chain = "mirostat-v2", .mirostat_tau = 0.75, .mirostat_rate = 0.5);
    struct sampler *s = sampler_of(&o, 4, NULL);

    /* The bound begins at 2 tau = 1.5 bits: p >= 0.35355. */
    is(s, tenths, EXPECTED(1, {1}, {1}));
    /* Surprise 0 was 0.75 too little: 1.875 bits, p >= 0.27263. */
    cr_assert_eq(sampler_accept(s, 1), 0);
    is(s, tenths, EXPECTED(2, {1, 3}, {4.0 / 7, 3.0 / 7}));
    /* -log2(3/7) = 1.22239: 1.875 - 0.5 * 0.47239 = 1.63880 bits, p >= 0.32113. */
    cr_assert_eq(sampler_accept(s, 3), 0);
    is(s, tenths, EXPECTED(1, {1}, {1}));
    sampler_close(&s);
}

Test(stages, mirostat)
{
    struct sampler_options o =
        OPTIONS(.chain = "mirostat", .mirostat_tau = 1, .mirostat_rate = 0.5);
    struct sampler *s = sampler_of(&o, 5, NULL);
    float logits[5];

    /* Zipf with the exponent 2: k = sqrt(2^mu / (1 - 1/5)). */
    for (int i = 0; i < 5; i++)
        logits[i] = -2 * (float)log(i + 1);
    /* mu = 2: sqrt(5) = 2.24; shares 1 and 1/4. */
    is(s, logits, EXPECTED(2, {0, 1}, {0.8, 0.2}));
    /* Three times -log2(0.8) = 0.32193: mu = 2 + 1.5 * 0.67807 = 3.01711, k = 3.18; shares 1, 1/4,
     * 1/9. */
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(sampler_accept(s, 0), 0);
        if (i < 2)
            is(s, logits, EXPECTED(2, {0, 1}, {0.8, 0.2}));
    }
    is(s, logits, EXPECTED(3, {0, 1, 2}, {36.0 / 49, 9.0 / 49, 4.0 / 49}));
    sampler_close(&s);
}

/* DRY on equal logits after 0 1 2 3 0 1 2: only token 3 would make a repetition longer. The token
 * that pays is e^-cost as likely as each of the others. */
static void dry_costs(struct sampler_options o, const char *const *pieces, double cost)
{
    struct vocabulary *v = NULL;
    struct sampler *s;
    double q = exp(-cost), sum = 3 + q;

    cr_assert_eq(vocabulary_open_pieces(pieces, NULL, 4, &v), 0);
    s = sampler_of(&o, 4, v);
    sampler_prompt(s, (int32_t[]){0, 1, 2, 3, 0, 1, 2}, 7);
    is(s, (float[]){1, 1, 1, 1}, EXPECTED(4, {0, 1, 2, 3}, {1 / sum, 1 / sum, 1 / sum, q / sum}));
    sampler_close(&s);
    vocabulary_close(&v);
}

Test(stages, dry)
{
    static const char *const plain[4] = {"a", "b", "c", "d"}, *const line[4] = {"a", "b\n", "c",
                                                                                "d"};
    struct sampler_options o =
        OPTIONS(.dry_multiplier = 1.5, .dry_base = 2, .dry_allowed = 2, .dry_last_n = 16);

    dry_costs(o, plain, 1.5 * 2); /* three tokens repeated: 2 ^ (3 - 2) */
    o.dry_allowed = 3;
    dry_costs(o, plain, 1.5);
    o.dry_allowed = 4;
    dry_costs(o, plain, 0);
    /* Token 1 ends a line: only token 2 after it counts. */
    o.dry_allowed = 2;
    dry_costs(o, line, 0);
    o.dry_allowed = 1;
    dry_costs(o, line, 1.5);
    o.dry_breakers = "x";
    dry_costs(o, line, 1.5 * 4);
    /* The first of the two 0 1 2 is out of sight. */
    o.dry_last_n = 4;
    dry_costs(o, plain, 0);
}

Test(stages, dry_needs_the_texts)
{
    struct sampler_options o = OPTIONS(.dry_multiplier = 1, .dry_last_n = 4);
    struct sampler *s = NULL;

    cr_assert_eq(sampler_open(&o, 4, NULL, &s), ERR_USAGE);
    cr_assert(s == NULL);
}
