/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/divergence.h"

#include <criterion/criterion.h>
#include <math.h>

#define NEAR(a, b)                                                                                 \
    cr_expect(fabs((a) - (b)) < 1e-6, #a " is %.9g, not %.9g", (double)(a), (double)(b))

static void add(struct divergence *d, const double *base, const double *other, int32_t n,
                int32_t id)
{
    float b[4], l[4];

    for (int32_t i = 0; i < n; i++) {
        b[i] = (float)log(base[i]);
        l[i] = (float)log(other[i]) + 5; /* logits are known up to a constant */
    }
    cr_assert_eq(divergence_add(d, b, l, n, id), 0);
}

/* Worked out by hand: KL(1/2, 1/4, 1/4 || 1/4, 1/4, 1/2) = 1/2 ln 2 - 1/4 ln 2 = ln(2) / 4;
 * KL(1/2, 1/2 || 1/4, 3/4) = 1/2 ln 2 + 1/2 ln 2/3 = 1/2 ln 4/3. */
Test(divergence, two_predictions_by_hand)
{
    double first = log(2) / 4, second = log(4.0 / 3) / 2, mean = (first + second) / 2;
    struct divergence_report r;
    struct divergence *d;

    cr_assert_eq(divergence_open(&d), 0);
    add(d, (double[]){0.5, 0.25, 0.25}, (double[]){0.25, 0.25, 0.5}, 3, 0);
    add(d, (double[]){0.5, 0.5}, (double[]){0.25, 0.75}, 2, 1);
    divergence_report(d, &r);
    cr_expect_eq(r.n, 2);
    NEAR(r.kl.value, mean);
    NEAR(r.kl.error, fabs(first - second) / 2); /* sqrt(variance / (n - 1)), variance over n */
    NEAR(r.kl_max, fmax(first, second));
    NEAR(r.kl_min, fmin(first, second));
    NEAR(r.kl_50, mean);
    NEAR(r.kl_99, r.kl_min + 0.99 * (r.kl_max - r.kl_min));
    NEAR(r.perplexity.value, exp(-(log(0.25) + log(0.75)) / 2));
    NEAR(r.base_perplexity.value, 2);
    NEAR(r.log_ratio.value, -(log(0.25) + log(0.75)) / 2 - log(2));
    NEAR(r.log_ratio.error, (log(0.5 / 0.25) - log(0.5 / 0.75)) / 2);
    NEAR(r.dp.value, 0); /* -1/4 and +1/4 */
    NEAR(r.dp.error, 0.25);
    NEAR(r.dp_rms.value, 0.25);
    NEAR(r.dp_rms.error, 0);
    NEAR(r.dp_max, 0.25);
    NEAR(r.same_top.value, 0); /* ties go to the first: 0 and 2, 0 and 1 */
    divergence_close(&d);
}

Test(divergence, of_a_model_from_itself_is_nothing)
{
    const double p[4] = {0.7, 0.1, 0.15, 0.05};
    struct divergence_report r;
    struct divergence *d;

    cr_assert_eq(divergence_open(&d), 0);
    for (int i = 0; i < 3000; i++) /* the lists grow on the way */
        add(d, p, p, 4, i % 4);
    divergence_report(d, &r);
    cr_expect_eq(r.n, 3000);
    NEAR(r.kl.value, 0);
    NEAR(r.kl_max, 0);
    NEAR(r.log_ratio.value, 0);
    NEAR(r.same_top.value, 1);
    NEAR(r.same_top.error, 0);
    divergence_close(&d);
}

Test(divergence, what_the_base_excludes_does_not_count)
{
    const float base[3] = {0, -16.5f, -100}, logits[3] = {0, -30, 30};
    struct divergence_report r;
    struct divergence *d;

    cr_assert_eq(divergence_open(&d), 0);
    cr_assert_eq(divergence_add(d, base, logits, 3, 0), 0);
    divergence_report(d, &r);
    NEAR(r.kl.value, 30); /* 1 * (0 - (0 - 30)) */
    divergence_close(&d);
    NEAR(negative_log_likelihood(logits, 3, 2), log1p(exp(-30) + exp(-60)));
}
