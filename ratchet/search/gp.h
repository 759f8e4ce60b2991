/* SPDX-License-Identifier: Apache-2.0
 *
 * gp.h: Gaussian process regression over the unit cube: a constant mean, a Matern 5/2 covariance
 * with a length for each dimension, and noise that is known point by point plus some that is not.
 * Rasmussen and Williams, Gaussian Processes for Machine Learning (2006): chapter 2 for the
 * posterior (algorithm 2.1), 4.2 for the covariance, 5.4 for fitting its parameters. */
#ifndef PAWL_RATCHET_GP_H
#define PAWL_RATCHET_GP_H

#include "ratchet/search/space.h"

/* Borrowed by every call. */
struct gp_data {
    size_t n, dims;         /* n >= 1, 1 <= dims <= SPACE_MOST */
    const double *x;        /* [n, dims], one point a row */
    const double *y;        /* [n] */
    const double *variance; /* [n]: of y's known noise; may be 0 */
};

/* Natural logarithms. */
struct gp_parameters {
    double
        length[SPACE_MOST]; /* in units of the cube: how far one value says something of another */
    double signal;          /* standard deviation of the function */
    double noise;           /* standard deviation of what the known noise leaves out */
};

struct gp; /* a posterior */

/* Condition on the data; the mean is the one that generalised least squares finds (R&W 2.7). Error:
 * ERR_RANGE when the covariance is not positive definite in double precision. */
int gp_open(const struct gp_data *d, const struct gp_parameters *p, struct gp **out);
void gp_close(struct gp **g);

/* Mean and variance (without noise; that the mean is only estimated counts: R&W 2.42) of the function
 * at m points, x: [m, dims]. `variance` may be NULL. */
void gp_predict(const struct gp *g, const double *x, size_t m, double *mean, double *variance);

/* ln p(y | x, parameters) at that mean. */
double gp_likelihood(const struct gp *g);

/* Its derivative by each parameter: gradient[dims + 2], lengths, then signal, then noise. */
void gp_gradient(const struct gp *g, double *gradient);

/* What each y would have been predicted to be from all the others with the same parameters (R&W
 * 5.4.2): mean[n] and variance[n], noise included. n >= 2. */
void gp_leave_one_out(const struct gp *g, double *mean, double *variance);

/* The parameters that explain the data best: the maximum of likelihood x prior, searched by L-BFGS
 * (NLopt) from the prior's centre and from points drawn from it. The prior is broad; it keeps
 * lengths and noise sane while there are fewer data than parameters. No length becomes shorter than
 * `shortest`. Errors: ERR_RANGE. */
int gp_fit(const struct gp_data *d, double shortest, uint64_t seed, struct gp_parameters *out);

#endif
