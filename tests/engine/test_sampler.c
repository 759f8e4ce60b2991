/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/sampler.h"

#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <criterion/criterion.h>
#include <math.h>

/* softmax = 0.1, 0.4, 0.2, 0.3 */
static float logits4[4];

static void setup(void)
{
    const double p[4] = {0.1, 0.4, 0.2, 0.3};

    for (int i = 0; i < 4; i++)
        logits4[i] = (float)log(p[i]) + 3;
}

TestSuite(sampler, .init = setup);

static struct sampler *sampler_of(double temperature, uint32_t top_k, double top_p, uint64_t seed,
                                  int32_t n_vocab)
{
    struct sampler_options o = {temperature, top_k, top_p, seed};
    struct sampler *s = NULL;

    cr_assert_eq(sampler_open(&o, n_vocab, &s), 0, "%s", err_message());
    return s;
}

static void keeps(double temperature, uint32_t top_k, double top_p, size_t n, const int32_t *ids,
                  const double *p)
{
    struct sampler *s = sampler_of(temperature, top_k, top_p, 1, 4);
    const struct sampler_candidate *c;

    cr_assert_eq(sampler_distribution(s, logits4, &c), n);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(c[i].id, ids[i]);
        cr_assert_float_eq(c[i].p, p[i], 1e-6, "p[%zu] = %g", i, c[i].p);
    }
    sampler_close(&s);
}

Test(sampler, keeps_everything_without_limits)
{
    keeps(1, 0, 1, 4, (int32_t[]){1, 3, 2, 0}, (double[]){0.4, 0.3, 0.2, 0.1});
}

Test(sampler, flattens_and_sharpens_with_temperature)
{
    /* At 1/2 probabilities are squared: 1, 16, 4, 9 of 30. */
    keeps(0.5, 0, 1, 4, (int32_t[]){1, 3, 2, 0},
          (double[]){16.0 / 30, 9.0 / 30, 4.0 / 30, 1.0 / 30});
}

Test(sampler, keeps_the_k_likeliest)
{
    keeps(1, 2, 1, 2, (int32_t[]){1, 3}, (double[]){4.0 / 7, 3.0 / 7});
}

Test(sampler, keeps_the_fewest_that_hold_the_share_p)
{
    keeps(1, 0, 0.65, 2, (int32_t[]){1, 3}, (double[]){4.0 / 7, 3.0 / 7});
    keeps(1, 0, 0.75, 3, (int32_t[]){1, 3, 2}, (double[]){4.0 / 9, 3.0 / 9, 2.0 / 9});
    keeps(1, 0, 1e-9, 1, (int32_t[]){1}, (double[]){1});
}

Test(sampler, takes_the_share_of_what_top_k_left)
{
    /* Of 0.4, 0.3, 0.2 the first two hold 7/9 = 0.778. */
    keeps(1, 3, 0.77, 2, (int32_t[]){1, 3}, (double[]){4.0 / 7, 3.0 / 7});
    keeps(1, 3, 0.79, 3, (int32_t[]){1, 3, 2}, (double[]){4.0 / 9, 3.0 / 9, 2.0 / 9});
}

Test(sampler, is_greedy_at_temperature_zero_and_takes_the_first_of_equals)
{
    struct sampler *s = sampler_of(0, 0, 1, 1, 4);

    cr_assert_eq(sampler_pick(s, (float[]){1, 7, 7, 2}), 1);
    cr_assert_eq(sampler_pick(s, (float[]){-3, -4, -2, -9}), 2);
    sampler_close(&s);
}

Test(sampler, draws_as_often_as_the_distribution_says)
{
    struct sampler *s = sampler_of(1, 0, 1, 42, 4);
    const double p[4] = {0.1, 0.4, 0.2, 0.3};
    int n[4] = {0};

    for (int i = 0; i < 20000; i++)
        n[sampler_pick(s, logits4)]++;
    /* Four standard deviations of a binomial. */
    for (int i = 0; i < 4; i++)
        cr_assert_float_eq(n[i], 20000 * p[i], 4 * sqrt(20000 * p[i] * (1 - p[i])));
    sampler_close(&s);
}

Test(sampler, repeats_itself_with_the_same_seed_only)
{
    struct sampler *a = sampler_of(1, 0, 1, 9, 4), *b = sampler_of(1, 0, 1, 9, 4);
    struct sampler *other = sampler_of(1, 0, 1, 10, 4);
    int different = 0;

    for (int i = 0; i < 200; i++) {
        int32_t id = sampler_pick(a, logits4);

        cr_assert_eq(id, sampler_pick(b, logits4));
        different += id != sampler_pick(other, logits4);
    }
    cr_assert_gt(different, 0);
    sampler_close(&a);
    sampler_close(&b);
    sampler_close(&other);
}

Test(sampler, orders_random_logits_like_a_sort)
{
    enum { N = 257 };
    float logits[N];
    struct rng rng;

    rng_init(&rng, 11);
    for (int round = 0; round < 200; round++) {
        uint32_t k = 1 + (uint32_t)rng_below(&rng, N);
        struct sampler *s = sampler_of(0.7, k, 1, 1, N);
        const struct sampler_candidate *c;

        for (int i = 0; i < N; i++)
            logits[i] = (float)rng_below(&rng, 40);
        cr_assert_eq(sampler_distribution(s, logits, &c), k);
        for (uint32_t i = 1; i < k; i++) {
            float before = logits[c[i - 1].id], here = logits[c[i].id];

            cr_assert(before > here || (before == here && c[i - 1].id < c[i].id));
        }
        sampler_close(&s);
    }
}

Test(sampler, refuses_impossible_options)
{
    const struct sampler_options wrong[] = {
        {-1, 0, 1, 0}, {1, 0, 0, 0}, {1, 0, 1.5, 0}, {NAN, 0, 1, 0}};
    struct sampler *s = NULL;

    for (int i = 0; i < 4; i++)
        cr_assert_eq(sampler_open(&wrong[i], 4, &s), ERR_RANGE);
    cr_assert(s == NULL);
}
