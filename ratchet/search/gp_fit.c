/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/gp.h"

#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

enum { STARTS = 2, EVALUATIONS = 60, THETA_MOST = SPACE_MOST + 2 };

/* A normal distribution of each parameter (a logarithm), cut off far outside. */
struct prior {
    double centre, width, low, high;
};

struct fit {
    const struct gp_data *d;
    double shortest;
    size_t n; /* parameters */
    struct prior prior[THETA_MOST];
};

static double spread(const struct gp_data *d)
{
    double mean = 0, sum = 0;

    for (size_t i = 0; i < d->n; i++)
        mean += d->y[i] / (double)d->n;
    for (size_t i = 0; i < d->n; i++)
        sum += (d->y[i] - mean) * (d->y[i] - mean);
    return sqrt(sum / (double)d->n);
}

/* Lengths grow with the root of the number of dimensions, as distances do: else a process over many
 * dimensions begins as white noise and learns nothing (Hvarfner, Hellsten and Nardi, Vanilla
 * Bayesian optimization performs great in high dimensions, 2024). */
static void choose_priors(struct fit *f)
{
    double sd = fmax(spread(f->d), 1e-3), dims = (double)f->d->dims;

    for (size_t i = 0; i < f->d->dims; i++)
        f->prior[i] = (struct prior){log(0.4 * sqrt(dims)), 1.0, log(f->shortest), log(30)};
    f->prior[f->d->dims] = (struct prior){log(sd), 1.0, log(sd) - 3, log(sd) + 4};
    f->prior[f->d->dims + 1] = (struct prior){log(0.01 * sd), 1.5, log(1e-3 * sd), log(sd)};
}

static struct gp_parameters unpack(const struct fit *f, const double *theta)
{
    struct gp_parameters p = {.signal = theta[f->n - 2], .noise = theta[f->n - 1]};

    memcpy(p.length, theta, f->d->dims * sizeof *theta);
    return p;
}

/* ln (likelihood x prior), as NLopt calls it. */
static double objective(unsigned n, const double *theta, double *gradient, void *ctx)
{
    const struct fit *f = ctx;
    const struct gp_parameters p = unpack(f, theta);
    struct gp *g = NULL;
    double value;

    if (gp_open(f->d, &p, &g) < 0) {
        if (gradient)
            memset(gradient, 0, n * sizeof *gradient);
        return -1e10;
    }
    value = gp_likelihood(g);
    if (gradient)
        gp_gradient(g, gradient);
    gp_close(&g);
    for (unsigned i = 0; i < n; i++) {
        double z = (theta[i] - f->prior[i].centre) / f->prior[i].width;

        value -= z * z / 2;
        if (gradient)
            gradient[i] -= z / f->prior[i].width;
    }
    return value;
}

static nlopt_opt optimiser(struct fit *f)
{
    double low[THETA_MOST], high[THETA_MOST];
    nlopt_opt o = nlopt_create(NLOPT_LD_LBFGS, (unsigned)f->n);

    if (!o)
        abort();
    for (size_t i = 0; i < f->n; i++) {
        low[i] = f->prior[i].low;
        high[i] = f->prior[i].high;
    }
    nlopt_set_lower_bounds(o, low);
    nlopt_set_upper_bounds(o, high);
    nlopt_set_max_objective(o, objective, f);
    nlopt_set_ftol_abs(o, 1e-2);
    nlopt_set_maxeval(o, EVALUATIONS);
    return o;
}

int gp_fit(const struct gp_data *d, double shortest, uint64_t seed, struct gp_parameters *out)
{
    struct fit f = {.d = d, .shortest = shortest, .n = d->dims + 2};
    double theta[THETA_MOST], value, best = -1e9;
    struct rng rng;
    nlopt_opt o;

    rng_init(&rng, seed);
    choose_priors(&f);
    o = optimiser(&f);
    for (int start = 0; start < STARTS; start++) {
        for (size_t i = 0; i < f.n; i++) {
            const struct prior *p = &f.prior[i];
            double at = p->centre + (start ? p->width * rng_normal(&rng) : 0);

            theta[i] = fmin(fmax(at, p->low), p->high);
        }
        value = -INFINITY;
        nlopt_optimize(o, theta, &value); /* one that ran out of steps is a result too */
        if (value > best) {
            best = value;
            *out = unpack(&f, theta);
        }
    }
    nlopt_destroy(o);
    return best > -1e9 ? 0 : err_set(ERR_RANGE, "gp: no parameters fit %zu points", d->n);
}
