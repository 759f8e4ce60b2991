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
    REPEATS = 3,      /* the least of them counts */
    STEP_REPEATS = 5, /* the median counts */
    ROUNDS = 6,       /* the same; even, for both copies */
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
                          struct judge_fault *fault)
{
    const struct pool_case *c = &p->pool.cases[i];
    double want = c->n_threads > 1 ? SLICE_TEAM_NS : SLICE_NS, least;
    uint32_t count = 1;

    for (;;) {
        bool last = count == c->n;

        least = HUGE_VAL;
        for (int k = 0; k < REPEATS && !fault->found; k++)
            if (k == 0 || last || least * count >= CALIBRATE_NS)
                TRY(batch_try(p, s, i, count, r, &least, fault));
        if (fault->found || last || least * count >= CALIBRATE_NS)
            break;
        count = 2 * count < c->n ? 2 * count : c->n;
    }
    p->requests[i] = (uint32_t)fmax(1, fmin(c->n, ceil(want / least)));
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

/* Slices of a case as units time them: a warm-up, then as many as a seat has in a unit. The first of
 * them may be slower, so the median counts, as it does over quads. */
static int slices_measure(struct judge_pair *p, struct seat *s, size_t i, struct rng *r,
                          double *request_ns, struct judge_fault *fault)
{
    double ns[1 + UNIT_QUADS];

    for (int k = 0; k < 1 + UNIT_QUADS && !fault->found; k++) {
        ns[k] = HUGE_VAL;
        TRY(batch_try(p, s, i, k == 0 ? 1 : p->requests[i], r, &ns[k], fault));
    }
    if (fault->found)
        return 0;
    slices_sort(&ns[1], UNIT_QUADS);
    *request_ns = ns[1 + UNIT_QUADS / 2];
    return 0;
}

/* Every case in a fresh worker, its layout and places drawn as in a unit. */
static int round_measure(struct judge_pair *p, int copy, struct rng *r, double ns[UNIT_MAX_CASES],
                         struct judge_fault *fault)
{
    struct seat s = {0};
    int rc = seat_open(p, PAIR_INCUMBENT, pair__copy(p, PAIR_INCUMBENT, copy), rng_next(r) | 1,
                       rng_next(r) | 1, 0, &s);

    for (size_t i = 0; i < p->pool.n_cases && rc == 0 && !fault->found; i++)
        rc = slices_measure(p, &s, i, r, &ns[i], fault);
    seat_close(&s);
    return rc;
}

/* Steps that make a request longer by the control's effect, a logarithm of times. Of its time the
 * median over rounds counts: the least would be that of a machine that nobody else uses, on the
 * better copy and in the luckiest place, and the steps too few. */
static int control_calibrate(struct judge_pair *p, double step_ns, struct rng *r,
                             struct judge_fault *fault)
{
    const struct judge_control *control = &p->o->control;
    int side = control->kind == JUDGE_CONTROL_SLOWED ? PAIR_CANDIDATE : PAIR_INCUMBENT;
    double ns[ROUNDS][UNIT_MAX_CASES];

    for (int k = 0; k < ROUNDS && !fault->found; k++)
        TRY(round_measure(p, k & 1, r, ns[k], fault));
    for (size_t i = 0; i < p->pool.n_cases && !fault->found; i++) {
        double one[ROUNDS], request_ns;

        for (int k = 0; k < ROUNDS; k++)
            one[k] = ns[k][i];
        slices_sort(one, ROUNDS);
        request_ns = (one[ROUNDS / 2 - 1] + one[ROUNDS / 2]) / 2;
        p->extra_steps[side][i] = (uint64_t)llround(expm1(control->effect) * request_ns / step_ns);
    }
    return 0;
}

int pair__calibrate(struct judge_pair *p, struct judge_fault *fault)
{
    enum judge_control_kind kind = p->o->control.kind;
    bool extra = kind == JUDGE_CONTROL_SLOWED || kind == JUDGE_CONTROL_SPED;
    double step_ns = 0;
    struct seat s = {0};
    struct rng r;
    int rc = seat_open(p, PAIR_INCUMBENT, pair__copy(p, PAIR_INCUMBENT, 0), 0, 0, 0, &s);

    rng_init(&r, rng_seed_system());
    for (size_t i = 0; i < p->pool.n_cases && rc == 0 && !fault->found; i++) {
        rc = verify_affordable(&p->pool.cases[i], &p->looks[i]);
        if (rc == 0)
            rc = case_calibrate(p, &s, i, &r, fault);
    }
    if (rc == 0 && !fault->found && extra)
        rc = step_calibrate(&s, &step_ns);
    seat_close(&s);
    if (rc == 0 && !fault->found && extra)
        rc = control_calibrate(p, step_ns, &r, fault);
    return rc;
}
