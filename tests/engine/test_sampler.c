/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/rng.h"
#include "tests/engine/sampling.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/* softmax = 0.1, 0.4, 0.2, 0.3 */
static float logits4[4];

static void setup(void)
{
    const double p[4] = {0.1, 0.4, 0.2, 0.3};

    for (int i = 0; i < 4; i++)
        logits4[i] = (float)log(p[i]) + 3;
}

TestSuite(sampler, .init = setup);

static void keeps(struct sampler_options o, size_t n, const int32_t *ids, const double *p)
{
    struct sampler *s = sampler_of(&o, 4, NULL);
    const struct sampler_candidate *c;
    size_t got;

    cr_assert_eq(sampler_distribution(s, logits4, 4, &c, &got), 0, "%s", err_message());
    cr_assert_eq(got, n, "%zu candidates, want %zu", got, n);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(c[i].id, ids[i]);
        cr_assert_float_eq(c[i].p, p[i], 1e-6, "p[%zu] = %g", i, c[i].p);
    }
    sampler_close(&s);
}

Test(sampler, keeps_everything_without_limits)
{
    keeps(OPTIONS(.seed = 1), 4, (int32_t[]){1, 3, 2, 0}, (double[]){0.4, 0.3, 0.2, 0.1});
    keeps(OPTIONS(.chain = "", .top_k = 1), 4, (int32_t[]){1, 3, 2, 0},
          (double[]){0.4, 0.3, 0.2, 0.1});
}

Test(sampler, has_neutral_options_that_change_nothing)
{
    keeps(sampler_neutral, 4, (int32_t[]){1, 3, 2, 0}, (double[]){0.4, 0.3, 0.2, 0.1});
}

Test(sampler, applies_stages_in_the_order_given)
{
    /* Squared after the cut: 4/7, 3/7 hold 0.7; squared before it: 16, 9, 4, 1 of 30, where the
     * first two hold 25/30. */
    keeps(OPTIONS(.chain = "top-p;temperature", .top_p = 0.75, .temperature = 0.5), 3,
          (int32_t[]){1, 3, 2}, (double[]){16.0 / 29, 9.0 / 29, 4.0 / 29});
    keeps(OPTIONS(.chain = "temperature;top-p", .top_p = 0.75, .temperature = 0.5), 2,
          (int32_t[]){1, 3}, (double[]){16.0 / 25, 9.0 / 25});
}

Test(sampler, takes_the_share_of_what_top_k_left)
{
    /* Of 0.4, 0.3, 0.2 the first two hold 7/9 = 0.778. */
    keeps(OPTIONS(.top_k = 3, .top_p = 0.77), 2, (int32_t[]){1, 3}, (double[]){4.0 / 7, 3.0 / 7});
    keeps(OPTIONS(.top_k = 3, .top_p = 0.79), 3, (int32_t[]){1, 3, 2},
          (double[]){4.0 / 9, 3.0 / 9, 2.0 / 9});
}

Test(sampler, is_greedy_at_temperature_zero_and_takes_the_first_of_equals)
{
    struct sampler_options o = OPTIONS(.temperature = 0, .top_k = 40, .top_p = 0.9);
    struct sampler *s = sampler_of(&o, 4, NULL);

    cr_assert_eq(sampler_picked(s, (float[]){1, 7, 7, 2}), 1);
    cr_assert_eq(sampler_picked(s, (float[]){-3, -4, -2, -9}), 2);
    sampler_close(&s);
    o = OPTIONS(.temperature = 0, .repeat_penalty = 8, .penalty_last_n = 4);
    s = sampler_of(&o, 4, NULL);
    cr_assert_eq(sampler_picked(s, (float[]){1, 7, 7, 2}), 1);
    sampler_prompt(s, (int32_t[]){1}, 1);
    cr_assert_eq(sampler_picked(s, (float[]){1, 7, 7, 2}), 2);
    sampler_close(&s);
}

Test(sampler, is_greedy_with_a_stage_of_that_name)
{
    keeps(OPTIONS(.chain = "greedy"), 1, (int32_t[]){1}, (double[]){1});
    keeps(OPTIONS(.chain = "xtc;greedy", .xtc_probability = 1, .xtc_threshold = 0.25), 1,
          (int32_t[]){3}, (double[]){1});
}

Test(sampler, draws_as_often_as_the_distribution_says)
{
    struct sampler_options o = OPTIONS(.seed = 42);
    struct sampler *s = sampler_of(&o, 4, NULL);
    const double p[4] = {0.1, 0.4, 0.2, 0.3};
    int n[4] = {0};

    for (int i = 0; i < 20000; i++)
        n[sampler_picked(s, logits4)]++;
    /* Four standard deviations of a binomial. */
    for (int i = 0; i < 4; i++)
        cr_assert_float_eq(n[i], 20000 * p[i], 4 * sqrt(20000 * p[i] * (1 - p[i])));
    sampler_close(&s);
}

Test(sampler, repeats_itself_with_the_same_seed_only)
{
    struct sampler_options o = OPTIONS(.seed = 9), o2 = OPTIONS(.seed = 10);
    struct sampler *a = sampler_of(&o, 4, NULL), *b = sampler_of(&o, 4, NULL),
                   *other = sampler_of(&o2, 4, NULL);
    int different = 0;

    for (int i = 0; i < 200; i++) {
        int32_t id = sampler_picked(a, logits4);

        cr_assert_eq(id, sampler_picked(b, logits4));
        different += id != sampler_picked(other, logits4);
    }
    cr_assert_gt(different, 0);
    sampler_close(&a);
    sampler_close(&b);
    sampler_close(&other);
}

Test(sampler, goes_on_like_the_one_it_was_forked_from)
{
    struct sampler_options o = OPTIONS(.seed = 5, .frequency_penalty = 0.3, .penalty_last_n = 8);
    struct sampler *a = sampler_of(&o, 4, NULL), *b = NULL;
    int32_t first[50];

    sampler_prompt(a, (int32_t[]){1, 1, 3}, 3);
    cr_assert_eq(sampler_fork(a, &b), 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 50; i++) {
            int32_t id = sampler_picked(round ? b : a, logits4);

            cr_assert_eq(sampler_accept(round ? b : a, id), 0);
            first[i] = round ? first[i] : id;
            cr_assert_eq(id, first[i]);
        }
    }
    cr_assert_eq(sampler_assign(b, a), 0);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(sampler_picked(a, logits4), sampler_picked(b, logits4));
    sampler_close(&a);
    sampler_close(&b);
}

Test(sampler, orders_random_logits_like_a_sort)
{
    enum { N = 257 };
    float logits[N];
    struct rng rng;

    rng_init(&rng, 11);
    for (int round = 0; round < 200; round++) {
        uint32_t k = 1 + (uint32_t)rng_below(&rng, N);
        struct sampler_options o = OPTIONS(.top_k = k, .temperature = 0.7);
        struct sampler *s = sampler_of(&o, N, NULL);
        const struct sampler_candidate *c;
        size_t n;

        for (int i = 0; i < N; i++)
            logits[i] = (float)rng_below(&rng, 40);
        cr_assert_eq(sampler_distribution(s, logits, N, &c, &n), 0);
        cr_assert_eq(n, k);
        for (uint32_t i = 1; i < k; i++) {
            float before = logits[c[i - 1].id], here = logits[c[i].id];

            cr_assert(before > here || (before == here && c[i - 1].id < c[i].id));
        }
        sampler_close(&s);
    }
}

Test(sampler, refuses_impossible_options)
{
    const struct sampler_options wrong[] = {OPTIONS(.temperature = -1), OPTIONS(.top_p = 0),
                                            OPTIONS(.top_p = 1.5),      OPTIONS(.temperature = NAN),
                                            OPTIONS(.min_p = 2),        OPTIONS(.dry_base = 0.5)};
    struct sampler_options o = OPTIONS(.chain = "top-k;warmth");
    struct sampler *s = NULL;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_eq(sampler_open(&wrong[i], 4, NULL, &s), ERR_RANGE);
    cr_assert_eq(sampler_open(&o, 4, NULL, &s), ERR_USAGE);
    cr_assert(strstr(err_message(), "\"warmth\"") && strstr(err_message(), "top-n-sigma"));
    o = OPTIONS(.bias = &(struct sampler_bias){4, 1}, .n_bias = 1);
    cr_assert_eq(sampler_open(&o, 4, NULL, &s), ERR_RANGE);
    cr_assert(s == NULL);
}
