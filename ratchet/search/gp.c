/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrices are column by column, as LAPACK has them; of symmetric ones the lower half counts. */
#include "ratchet/search/gp.h"

#include "reference/base/err.h"

#include <cblas.h>
#include <dlfcn.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double ROOT5 = 2.23606797749978969641;

struct gp {
    size_t n, dims;
    struct gp_parameters p;
    double *x;         /* [n, dims], each divided by its length */
    double *y, *noise; /* [n]; variance of all noise */
    double *chol;      /* [n, n]: K + noise = L L^T */
    double *alpha;     /* [n]: (K + noise)^-1 (y - mean) */
    double *ones;      /* [n]: (K + noise)^-1 1 */
    double precision;  /* of the mean: their sum */
    double mean, likelihood;
};

static double *doubles(size_t n)
{
    double *a = calloc(n ? n : 1, sizeof *a);

    if (!a)
        abort();
    return a;
}

/* Matern 5/2 of variance 1 at squared distance r2. */
static double matern(double r2)
{
    double r = ROOT5 * sqrt(r2);

    return (1 + r + 5.0 / 3 * r2) * exp(-r);
}

static double distance2(const double *a, const double *b, size_t dims)
{
    double sum = 0;

    for (size_t i = 0; i < dims; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

static void scale_point(const struct gp *g, const double *x, double *out)
{
    for (size_t i = 0; i < g->dims; i++)
        out[i] = x[i] * exp(-g->p.length[i]);
}

static void fill_covariance(struct gp *g)
{
    double signal2 = exp(2 * g->p.signal);

    for (size_t j = 0; j < g->n; j++) {
        for (size_t i = j; i < g->n; i++)
            g->chol[i + j * g->n] =
                signal2 * matern(distance2(g->x + i * g->dims, g->x + j * g->dims, g->dims));
        g->chol[j + j * g->n] += g->noise[j];
    }
}

/* b := (K + noise)^-1 b */
static void solve(const struct gp *g, double *b)
{
    LAPACKE_dpotrs(LAPACK_COL_MAJOR, 'L', (lapack_int)g->n, 1, g->chol, (lapack_int)g->n, b,
                   (lapack_int)g->n);
}

static int condition(struct gp *g)
{
    double weighted = 0, half_log_det = 0, fit = 0;

    fill_covariance(g);
    if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', (lapack_int)g->n, g->chol, (lapack_int)g->n))
        return err_set(ERR_RANGE, "gp: the covariance of %zu points is singular", g->n);
    for (size_t i = 0; i < g->n; i++)
        g->ones[i] = 1;
    solve(g, g->ones);
    g->precision = 0;
    for (size_t i = 0; i < g->n; i++) {
        g->precision += g->ones[i];
        weighted += g->ones[i] * g->y[i];
    }
    g->mean = weighted / g->precision;
    for (size_t i = 0; i < g->n; i++)
        g->alpha[i] = g->y[i] - g->mean;
    solve(g, g->alpha);
    for (size_t i = 0; i < g->n; i++) {
        half_log_det += log(g->chol[i + i * g->n]);
        fit += (g->y[i] - g->mean) * g->alpha[i];
    }
    g->likelihood = -fit / 2 - half_log_det - (double)g->n / 2 * log(2 * M_PI);
    return 0;
}

/* A BLAS with threads of its own (which one is installed is the machine's choice) gains nothing on
 * matrices as small as these, and would take processors from what is measured. */
static void keep_to_one_thread(void)
{
    void (*set)(int);

    *(void **)&set = dlsym(RTLD_DEFAULT, "openblas_set_num_threads");
    if (set)
        set(1);
}

int gp_open(const struct gp_data *d, const struct gp_parameters *p, struct gp **out)
{
    struct gp *g = calloc(1, sizeof *g);
    int rc;

    if (!g)
        abort();
    keep_to_one_thread();
    g->n = d->n;
    g->dims = d->dims;
    g->p = *p;
    g->x = doubles(d->n * d->dims);
    g->y = doubles(d->n);
    g->noise = doubles(d->n);
    g->alpha = doubles(d->n);
    g->ones = doubles(d->n);
    g->chol = doubles(d->n * d->n);
    for (size_t i = 0; i < d->n; i++) {
        scale_point(g, d->x + i * d->dims, g->x + i * d->dims);
        g->y[i] = d->y[i];
        g->noise[i] = d->variance[i] + exp(2 * p->noise);
    }
    rc = condition(g);
    if (rc < 0)
        gp_close(&g);
    *out = g;
    return rc;
}

void gp_close(struct gp **gp)
{
    struct gp *g = *gp;

    if (!g)
        return;
    free(g->x);
    free(g->y);
    free(g->noise);
    free(g->alpha);
    free(g->ones);
    free(g->chol);
    free(g);
    *gp = NULL;
}

/* What the mean's own uncertainty adds to the variance where the covariances with the data are k: R&W
 * (2.42) for a constant mean under a flat prior. */
static double of_mean(const struct gp *g, const double *k)
{
    double left = 1 - cblas_ddot((int)g->n, k, 1, g->ones, 1);

    return left * left / g->precision;
}

void gp_predict(const struct gp *g, const double *x, size_t m, double *mean, double *variance)
{
    double *k = doubles(g->n * m), signal2 = exp(2 * g->p.signal), at[SPACE_MOST];

    for (size_t j = 0; j < m; j++) {
        scale_point(g, x + j * g->dims, at);
        for (size_t i = 0; i < g->n; i++)
            k[i + j * g->n] = signal2 * matern(distance2(g->x + i * g->dims, at, g->dims));
        mean[j] = g->mean + cblas_ddot((int)g->n, k + j * g->n, 1, g->alpha, 1);
        if (variance)
            variance[j] = of_mean(g, k + j * g->n);
    }
    if (variance) {
        cblas_dtrsm(CblasColMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, (int)g->n,
                    (int)m, 1, g->chol, (int)g->n, k, (int)g->n);
        for (size_t j = 0; j < m; j++) {
            const double *v = k + j * g->n;

            variance[j] += fmax(0, signal2 - cblas_ddot((int)g->n, v, 1, v, 1));
        }
    }
    free(k);
}

double gp_likelihood(const struct gp *g)
{
    return g->likelihood;
}

/* (K + noise)^-1, lower half; the caller frees. */
static double *inverse(const struct gp *g)
{
    double *a = doubles(g->n * g->n);

    memcpy(a, g->chol, g->n * g->n * sizeof *a);
    LAPACKE_dpotri(LAPACK_COL_MAJOR, 'L', (lapack_int)g->n, a, (lapack_int)g->n);
    return a;
}

/* R&W (5.9): half the trace of (alpha alpha^T - K^-1) dK. Off the diagonal each pair counts twice. */
void gp_gradient(const struct gp *g, double *gradient)
{
    double *inv = inverse(g), signal2 = exp(2 * g->p.signal), noise2 = exp(2 * g->p.noise);

    memset(gradient, 0, (g->dims + 2) * sizeof *gradient);
    for (size_t j = 0; j < g->n; j++) {
        double diagonal = g->alpha[j] * g->alpha[j] - inv[j + j * g->n];

        gradient[g->dims] += diagonal * signal2;
        gradient[g->dims + 1] += diagonal * noise2;
        for (size_t i = j + 1; i < g->n; i++) {
            const double *a = g->x + i * g->dims, *b = g->x + j * g->dims;
            double weight = g->alpha[i] * g->alpha[j] - inv[i + j * g->n];
            double r2 = distance2(a, b, g->dims), r = ROOT5 * sqrt(r2);
            double slope = weight * signal2 * 5.0 / 3 * (1 + r) * exp(-r);

            gradient[g->dims] += 2 * weight * signal2 * matern(r2);
            for (size_t k = 0; k < g->dims; k++)
                gradient[k] += slope * (a[k] - b[k]) * (a[k] - b[k]);
        }
    }
    free(inv);
}

/* R&W (5.12) with K^-1 - K^-1 1 1^T K^-1 / (1^T K^-1 1) in place of K^-1: so the mean too is fitted to
 * the others alone, and alpha is this matrix times y as it is. */
void gp_leave_one_out(const struct gp *g, double *mean, double *variance)
{
    double *inv = inverse(g);

    for (size_t i = 0; i < g->n; i++) {
        variance[i] = 1 / (inv[i + i * g->n] - g->ones[i] * g->ones[i] / g->precision);
        mean[i] = g->y[i] - g->alpha[i] * variance[i];
    }
    free(inv);
}
