/* SPDX-License-Identifier: Apache-2.0
 *
 * pair_calibrate.c: how many requests of a case fill a slice, how many of them the oracle can look
 * at, and what a control's extra work is worth; all before the first unit, on the incumbent. */
#include "judge/measure/pair.h"

#include "judge/measure/seat.h"
#include "judge/measure/slices.h"
#include "judge/measure/verify.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <math.h>

#define SLICE_NS      5e6  /* a slice takes at least this or one call, if the pool lasts */
#define SLICE_TEAM_NS 10e6 /* with two threads and more */
#define CALIBRATE_NS  2e6
#define STEP_LEAST_NS 0.1 /* no processor multiplies in less */
enum {
    REPEATS = 3, /* the least of them counts */
    STEP_REPEATS = 5
};

/* One verified batch; *least becomes the least time of a request. */
static int batch_try(struct judge_pair *p, struct seat *s, size_t i, uint32_t count, struct rng *r,
                     double *least, struct judge_fault *fault)
{
    uint32_t n_verified = 0;
    double ns = HUGE_VAL;

    batch_draw(&p->batch, &p->pool.cases[i], count, r);
    TRY(batch_lay(&p->batch, s, 0, fault));
    if (!fault->found)
        TRY(batch_run(&p->batch, s, &ns, fault));
    if (!fault->found)
        TRY(verify_batch(&p->batch, s, p->looks[i], r, &n_verified, fault));
    *least = fmin(*least, ns);
    return 0;
}

/* Doubled until the time can be told from a doorbell's; only a run that is too short is believed at
 * once, because a neighbour's interruption must not make slices shorter. */
static int case_calibrate(struct judge_pair *p, struct seat *s, size_t i, struct rng *r,
                          double *least, struct judge_fault *fault)
{
    const struct pool_case *c = &p->pool.cases[i];
    double want = c->n_threads > 1 ? SLICE_TEAM_NS : SLICE_NS;
    uint32_t count = 1;

    for (;;) {
        bool last = count == c->n;

        *least = HUGE_VAL;
        for (int k = 0; k < REPEATS && !fault->found; k++)
            if (k == 0 || last || *least * count >= CALIBRATE_NS)
                TRY(batch_try(p, s, i, count, r, least, fault));
        if (fault->found || last || *least * count >= CALIBRATE_NS)
            break;
        count = 2 * count < c->n ? 2 * count : c->n;
    }
    p->requests[i] = (uint32_t)fmax(1, fmin(c->n, ceil(want / *least)));
    return 0;
}

/* The median of some measurements: on a busy machine one may be far off in either direction. */
static int step_calibrate(struct seat *s, double *step_ns)
{
    double ns[STEP_REPEATS];

    for (int k = 0; k < STEP_REPEATS; k++)
        TRY(side_step_ns(s->worker, &ns[k]));
    slices_sort(ns, STEP_REPEATS);
    *step_ns = ns[STEP_REPEATS / 2];
    if (*step_ns < STEP_LEAST_NS)
        return err_set(ERR_CONFLICT,
                       "a step of a control's extra work seems to take %.2g ns; try again when the "
                       "machine is less busy",
                       *step_ns);
    return 0;
}

/* Steps that make a request of `request_ns` longer by the control's effect, a logarithm of times. */
static int control_calibrate(struct judge_pair *p, struct seat *s, const double *request_ns)
{
    const struct judge_control *control = &p->o->control;
    int side = control->kind == JUDGE_CONTROL_SLOWED ? PAIR_CANDIDATE : PAIR_INCUMBENT;
    double step_ns;

    if (control->kind != JUDGE_CONTROL_SLOWED && control->kind != JUDGE_CONTROL_SPED)
        return 0;
    TRY(step_calibrate(s, &step_ns));
    for (size_t i = 0; i < p->pool.n_cases; i++)
        p->extra_steps[side][i] =
            (uint64_t)llround(expm1(control->effect) * request_ns[i] / step_ns);
    return 0;
}

int pair__calibrate(struct judge_pair *p, struct judge_fault *fault)
{
    double request_ns[UNIT_MAX_CASES];
    struct seat s = {0};
    struct rng r;
    int rc = seat_open(p, PAIR_INCUMBENT, 0, 0, 0, 0, &s);

    rng_init(&r, rng_seed_system());
    for (size_t i = 0; i < p->pool.n_cases && rc == 0 && !fault->found; i++) {
        rc = verify_affordable(&p->pool.cases[i], &p->looks[i]);
        if (rc == 0)
            rc = case_calibrate(p, &s, i, &r, &request_ns[i], fault);
    }
    if (rc == 0 && !fault->found)
        rc = control_calibrate(p, &s, request_ns);
    seat_close(&s);
    return rc;
}
