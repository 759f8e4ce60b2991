/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/noise.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 5 };
#define TWO_PI       6.28318530717958647692
#define AR_PART      0.6
#define WAVE         0.02 /* amplitude of the slow wave */
#define WAVE_UNITS   60.0
#define BURST_SHARE  0.02
#define SKEW_SIGMA   0.8
#define SKEW_SD      0.0144
#define PLACEMENT_SD 0.0015

const char *noise_model_name(enum noise_model m)
{
    static const char *const names[NOISE_N_MODELS] = {
        "normal",           "heavy tails", "drift and AR(1)", "bursts",
        "one-sided bursts", "skewed",      "placement",       "replay of this machine"};

    return names[m];
}

void noise_record_deinit(struct noise_record *r)
{
    free(r->d);
    free(r->run);
    memset(r, 0, sizeof *r);
}

void noise_init(struct noise *n, enum noise_model model, size_t n_cases, double sd,
                const struct noise_record *record, uint64_t seed)
{
    memset(n, 0, sizeof *n);
    n->model = model;
    n->n_cases = model == NOISE_REPLAY ? record->n_cases : n_cases;
    n->sd = sd;
    n->record = record;
    rng_init(&n->rng, seed);
    assert(n->n_cases <= DECIDE_MAX_CASES);
}

/* rng_normal without throwing half of each pair away: this is where simulations spend their time.
 */
static double normal(struct noise *n)
{
    double radius, angle, s, c;

    if (n->has_spare) {
        n->has_spare = false;
        return n->spare;
    }
    radius = sqrt(-2 * log(1 - rng_uniform(&n->rng)));
    angle = TWO_PI * rng_uniform(&n->rng);
    sincos(angle, &s, &c);
    n->spare = radius * s;
    n->has_spare = true;
    return radius * c;
}

void noise_open(struct noise *n)
{
    for (size_t i = 0; i < n->n_cases; i++)
        n->carry[i] = n->model == NOISE_DRIFT ? n->sd * normal(n) : 0;
    n->phase = rng_uniform(&n->rng) * WAVE_UNITS;
    n->shift = 0;
    n->left = 0;
    if (n->model == NOISE_PLACED)
        n->shift = PLACEMENT_SD * normal(n);
    else if (n->model == NOISE_REPLAY && n->record->shift_sd > 0)
        n->shift = n->record->shift_sd * normal(n);
}

static void replay_unit(struct noise *n, double *d)
{
    const struct noise_record *r = n->record;

    if (n->left == 0 || n->at >= r->n_units || r->run[n->at] != r->run[n->at - 1]) {
        n->at = (size_t)rng_below(&n->rng, r->n_units);
        n->left = BLOCK;
    }
    for (size_t i = 0; i < n->n_cases; i++)
        d[i] = r->d[n->at * n->n_cases + i] + n->shift;
    n->at++;
    n->left--;
}

static void drift_unit(struct noise *n, double *d)
{
    double wave = WAVE * sin(TWO_PI * (n->phase += 1) / WAVE_UNITS);
    double coin = rng_next(&n->rng) >> 63 ? 1 : -1;

    for (size_t i = 0; i < n->n_cases; i++) {
        n->carry[i] = AR_PART * n->carry[i] + sqrt(1 - AR_PART * AR_PART) * n->sd * normal(n);
        d[i] = coin * (n->carry[i] + wave);
    }
}

/* What all cases of a unit have in common. */
static double unit_shift(struct noise *n)
{
    double size;

    switch (n->model) {
    case NOISE_BURSTS:
    case NOISE_ONE_SIDED:
        if (rng_uniform(&n->rng) >= BURST_SHARE)
            return 0;
        size = 0.1 + 0.2 * rng_uniform(&n->rng);
        return n->model == NOISE_ONE_SIDED || rng_next(&n->rng) >> 63 ? size : -size;
    case NOISE_SKEWED: {
        double s = SKEW_SIGMA * SKEW_SIGMA, sd = sqrt(expm1(s) * exp(s));

        return SKEW_SD * expm1(SKEW_SIGMA * normal(n)) / sd;
    }
    default:
        return n->shift;
    }
}

void noise_unit(struct noise *n, double *d)
{
    double common, scale = n->sd;

    if (n->model == NOISE_REPLAY) {
        replay_unit(n, d);
        return;
    }
    if (n->model == NOISE_DRIFT) {
        drift_unit(n, d);
        return;
    }
    common = unit_shift(n);
    if (n->model == NOISE_SKEWED) /* anything symmetric beside it would move the median */
        scale = 0;
    if (n->model == NOISE_HEAVY) { /* over the root of a chi-square of 3; variance 3 */
        double a = normal(n), b = normal(n), c = normal(n);

        scale /= sqrt(a * a + b * b + c * c);
    }
    for (size_t i = 0; i < n->n_cases; i++)
        d[i] = common + scale * normal(n);
}
