/* SPDX-License-Identifier: Apache-2.0
 *
 * Closed forms, and numbers that scikit-learn 1.2.1 computed once:
 *   k = ConstantKernel(0.3**2, "fixed") * Matern([0.4, 0.9], "fixed", nu=2.5)
 *   K = k(X) + diag(variance + 0.02**2); mean = 1'K^-1 y / 1'K^-1 1
 *   GaussianProcessRegressor(k, alpha=variance + 0.02**2, optimizer=None).fit(X, y - mean)
 * and predict(Q, return_std=True), log_marginal_likelihood_value_. To its variances comes that of the
 * mean, (1 - 1'K^-1 k)^2 / (1'K^-1 1); leave-one-out is the same for the other five points, their
 * own mean included. */
#include "ratchet/search/gp.h"
#include "reference/base/rng.h"

#include <criterion/criterion.h>
#include <math.h>

enum { N = 6 };
static const double X[N][2] = {{0.1, 0.9},  {0.35, 0.2},  {0.5, 0.55},
                               {0.8, 0.75}, {0.65, 0.05}, {0.95, 0.4}};
static const double Y[N] = {0.31, -0.12, -0.27, 0.08, -0.05, 0.19};
static const double VARIANCE[N] = {0, 1e-4, 4e-4, 1e-4, 9e-4, 2.5e-3};
static const struct gp_data DATA = {N, 2, &X[0][0], Y, VARIANCE};

static struct gp_parameters parameters(void)
{
    return (struct gp_parameters){
        .length = {log(0.4), log(0.9)}, .signal = log(0.3), .noise = log(0.02)};
}

static struct gp *open_gp(const struct gp_data *d, const struct gp_parameters *p)
{
    struct gp *g;

    cr_assert_eq(gp_open(d, p, &g), 0);
    return g;
}

Test(gp, predicts_what_scikit_learn_predicts)
{
    static const double query[] = {0.5, 0.5, 0, 0, 0.8, 0.7};
    static const double means[] = {-0.2602765669263346, 0.20899379955447303, 0.07249791948970527};
    static const double variances[] = {0.0008350891725960542, 0.053172378560327554,
                                       0.0006596444531229929};
    const struct gp_parameters p = parameters();
    struct gp *g = open_gp(&DATA, &p);
    double mean[3], variance[3];

    gp_predict(g, query, 3, mean, variance);
    for (int i = 0; i < 3; i++) {
        cr_assert_float_eq(mean[i], means[i], 1e-12);
        cr_assert_float_eq(variance[i], variances[i], 1e-12);
    }
    cr_assert_float_eq(gp_likelihood(g), 1.0780174214413414, 1e-12);
    gp_close(&g);
}

Test(gp, leaves_one_out_as_a_fit_without_it)
{
    static const double want[N][2] = {
        {-0.11061513503234063, 0.07483669339318101},  {-0.13972645668239847, 0.025030161327827774},
        {-0.04923478785321228, 0.017233853777002216}, {-0.012890835255479238, 0.02153338647470965},
        {-0.11006095102411181, 0.030048476769948086}, {0.18743533024817316, 0.028875169761848878}};
    const struct gp_parameters p = parameters();
    struct gp *g = open_gp(&DATA, &p);
    double mean[N], variance[N];

    gp_leave_one_out(g, mean, variance);
    for (int i = 0; i < N; i++) {
        cr_assert_float_eq(mean[i], want[i][0], 1e-12);
        cr_assert_float_eq(variance[i], want[i][1], 1e-12);
    }
    gp_close(&g);
}

Test(gp, knows_the_closed_form_of_two_points)
{
    /* At +-h around the query: by symmetry mean (y0 + y1)/2, variance s2 - 2 k(h)^2/(s2 + k(2h)) and
     * what the mean adds. */
    static const double x[] = {0.3, 0.7}, y[] = {1, 2}, none[] = {0, 0}, at = 0.5;
    const struct gp_data d = {2, 1, x, y, none};
    const struct gp_parameters p = {.length = {log(0.5)}, .signal = 0, .noise = -40};
    double r = sqrt(5) * 0.2 / 0.5, r2 = 2 * r, mean, variance;
    double near = (1 + r + r * r / 3) * exp(-r), far = (1 + r2 + r2 * r2 / 3) * exp(-r2);
    double left = 1 - 2 * near / (1 + far);
    struct gp *g = open_gp(&d, &p);

    gp_predict(g, &at, 1, &mean, &variance);
    cr_assert_float_eq(mean, 1.5, 1e-12);
    cr_assert_float_eq(variance, 1 - 2 * near * near / (1 + far) + left * left * (1 + far) / 2,
                       1e-12);
    gp_close(&g);
}

Test(gp, passes_through_points_without_noise)
{
    static const double none[N];
    const struct gp_data d = {N, 2, &X[0][0], Y, none};
    struct gp_parameters p = parameters();
    double mean[N], variance[N];
    struct gp *g;

    p.noise = -40;
    g = open_gp(&d, &p);
    gp_predict(g, &X[0][0], N, mean, variance);
    for (int i = 0; i < N; i++) {
        cr_assert_float_eq(mean[i], Y[i], 1e-10);
        cr_assert_lt(variance[i], 1e-10);
    }
    gp_close(&g);
}

Test(gp, gradient_is_the_likelihood_s_own)
{
    const struct gp_parameters p = parameters();
    struct gp *g = open_gp(&DATA, &p);
    double gradient[4];

    gp_gradient(g, gradient);
    gp_close(&g);
    for (int i = 0; i < 4; i++) {
        double value[2];

        for (int side = 0; side < 2; side++) {
            struct gp_parameters q = p;

            *(i < 2 ? &q.length[i] : i == 2 ? &q.signal : &q.noise) += side ? 1e-5 : -1e-5;
            g = open_gp(&DATA, &q);
            value[side] = gp_likelihood(g);
            gp_close(&g);
        }
        cr_assert_float_eq(gradient[i], (value[1] - value[0]) / 2e-5, 1e-6);
    }
}

Test(gp, fit_finds_which_dimension_matters)
{
    enum { POINTS = 40 };
    double x[POINTS][3], y[POINTS], variance[POINTS];
    const struct gp_data d = {POINTS, 3, &x[0][0], y, variance};
    struct gp_parameters p, again;
    struct rng rng;
    struct gp *g;
    double mean;

    rng_init(&rng, 7);
    for (int i = 0; i < POINTS; i++) {
        for (int k = 0; k < 3; k++)
            x[i][k] = rng_uniform(&rng);
        y[i] = sin(6 * x[i][1]) + 0.05 * rng_normal(&rng);
        variance[i] = 0.05 * 0.05;
    }
    cr_assert_eq(gp_fit(&d, 0.03, 1, &p), 0);
    cr_assert_eq(gp_fit(&d, 0.03, 1, &again), 0);
    cr_assert_arr_eq(&p.length, &again.length, 3 * sizeof *p.length, "not deterministic");
    cr_assert_gt(p.length[0], p.length[1] + 1);
    cr_assert_gt(p.length[2], p.length[1] + 1);
    g = open_gp(&d, &p);
    gp_predict(g, (double[]){0.5, 0.3, 0.5}, 1, &mean, NULL);
    cr_assert_float_eq(mean, sin(1.8), 0.08);
    gp_close(&g);
}
