/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/unit.h"

#include "judge/measure/batch.h"
#include "judge/measure/load.h"
#include "judge/measure/pair.h"
#include "judge/measure/seat.h"
#include "judge/measure/verify.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Private bytes looked over at the end of each unit: a tenth of a millisecond. */
#define LOOK_OVER_BYTES ((size_t)1 << 20)

/* A unit under way. Each side has a worker on either copy, and in every quad each side is timed
 * once on each: where a copy lies in memory (one may be a tenth slower than the other for as long
 * as it lives) cancels within the quad instead of becoming the noise between units. */
struct measure {
    struct judge_pair *p;
    struct rng rng;
    struct seat seats[2][2]; /* [side][copy] */
    const struct seat *last; /* whose slice was the last one */
    struct judge_fault fault;
    int guilty; /* side of the fault */
    uint32_t n_verified;
};

/* One slice of `count` requests: laid, timed, looked at. */
static int slice_measure(struct measure *m, int side, int copy, size_t i, uint32_t count,
                         double *ns)
{
    struct judge_pair *p = m->p;
    struct seat *s = &m->seats[side][copy];
    struct batch *b = &p->batch;

    m->last = s;
    batch_draw(b, &p->pool.cases[i], count, &m->rng);
    TRY(batch_lay(b, s, p->extra_steps[side][i], &m->fault));
    if (!m->fault.found)
        TRY(batch_run(b, s, ns, &m->fault));
    if (!m->fault.found)
        TRY(verify_batch(b, s, p->looks[i], &m->rng, &m->n_verified, &m->fault));
    if (m->fault.found)
        m->guilty = side;
    return 0;
}

static double median3(double a, double b, double c)
{
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

/* (1/2) ln(incumbent 1 * incumbent 2 / (candidate 1 * candidate 2)) */
static double quad_ratio(const bool candidate[UNIT_SLICES], const double ns[UNIT_SLICES])
{
    double sum = 0;

    for (int k = 0; k < UNIT_SLICES; k++)
        sum += candidate[k] ? -log(ns[k]) : log(ns[k]);
    return sum / 2;
}

/* One untimed request of every worker that can run now: it looks like any slice. */
static int case_warm(struct measure *m, size_t i)
{
    int n = m->p->alike ? 4 : 2;

    for (int k = 0; k < n && !m->fault.found; k++) {
        int side = (k & 1) ^ m->p->swapped;
        double ns;

        TRY(slice_measure(m, side, pair__copy(m->p, side, k >> 1), i, 1, &ns));
    }
    return 0;
}

/* Slices first..last-1 of every quad of a case. The copies are taken in the order first, other,
 * first, other: with ABBA each side meets each copy once. */
static int case_measure(struct measure *m, size_t i, int first, int last,
                        struct judge_unit_case *out)
{
    int copy = (int)rng_below(&m->rng, 2);

    TRY(case_warm(m, i));
    for (int q = 0; q < UNIT_QUADS; q++)
        for (int k = first; k < last && !m->fault.found; k++) {
            int side = out->candidate[q][k] ? PAIR_CANDIDATE : PAIR_INCUMBENT;

            TRY(slice_measure(m, side, pair__copy(m->p, side, (copy + k) & 1), i, m->p->requests[i],
                              &out->ns[q][k]));
        }
    return 0;
}

/* ABBA BAAB ABBA, or its mirror. */
static void case_plan(const struct judge_pair *p, size_t i, struct judge_unit_case *out)
{
    out->c = p->pool.cases[i].reported;
    out->requests = p->requests[i];
    for (int q = 0; q < UNIT_QUADS; q++)
        for (int k = 0; k < UNIT_SLICES; k++)
            out->candidate[q][k] = ((k == 0 || k == 3) ^ (q & 1) ^ p->swapped) != 0;
}

static void case_conclude(struct judge_unit_case *out)
{
    double d[UNIT_QUADS];

    _Static_assert(UNIT_QUADS == 3 && UNIT_SLICES == 4, "median3 and the ABBA pattern");
    for (int q = 0; q < UNIT_QUADS; q++)
        d[q] = quad_ratio(out->candidate[q], out->ns[q]);
    out->d = median3(d[0], d[1], d[2]);
}

/* Fresh processes, layouts and offsets, all drawn from the unit's seed. Layout seeds have 63 bits,
 * so units with different seeds, those of a confirmation among them, never meet a layout again. */
static int unit_start(struct measure *m, struct judge_unit *out)
{
    struct judge_pair *p = m->p;
    enum judge_control_kind kind = p->o->control.kind;
    uint32_t first_core = (uint32_t)rng_below(&m->rng, p->n_cores ? p->n_cores : 1);

    if (kind == JUDGE_CONTROL_REALLOCATED)
        TRY(pair__opaque_move(p, p->n_units & 1));
    for (int k = 0; k < 2; k++) {
        int side = out->swapped ? 1 - k : k;

        out->layout[side] = rng_next(&m->rng) | 1; /* never 0, the compiler's own order */
        if (kind == JUDGE_CONTROL_IDENTICAL && k)
            out->layout[side] = out->layout[1 - side];
        for (int copy = 0; copy < 2; copy++)
            TRY(seat_open(p, side, copy, out->layout[side], rng_next(&m->rng) | 1, first_core,
                          &m->seats[side][copy]));
    }
    p->n_units++;
    return 0;
}

static int cases_measure(struct measure *m, int first, int last, struct judge_unit *out)
{
    size_t order[UNIT_MAX_CASES];

    for (size_t i = 0; i < out->n_cases; i++)
        order[i] = i;
    for (size_t i = out->n_cases; i > 1; i--) {
        size_t k = rng_below(&m->rng, i), t = order[k];

        order[k] = order[i - 1];
        order[i - 1] = t;
    }
    for (size_t i = 0; i < out->n_cases && !m->fault.found; i++)
        TRY(case_measure(m, order[i], first, last, &out->cases[order[i]]));
    return 0;
}

/* Where both sides read the same bytes, quad after quad. Else the first half of every quad, then the
 * sides change memories, then the second half: again each side meets each memory once in a quad. The
 * coin says who has which one first. */
static int unit_cases(struct measure *m, struct judge_unit *out)
{
    struct judge_pair *p = m->p;

    for (size_t i = 0; i < out->n_cases; i++)
        case_plan(p, i, &out->cases[i]);
    if (p->alike) {
        TRY(cases_measure(m, 0, UNIT_SLICES, out));
    } else {
        if (p->turned != p->swapped)
            pair__turn(p);
        TRY(cases_measure(m, 0, UNIT_SLICES / 2, out));
        pair__turn(p);
        TRY(cases_measure(m, UNIT_SLICES / 2, UNIT_SLICES, out));
    }
    for (size_t i = 0; i < out->n_cases && !m->fault.found; i++)
        case_conclude(&out->cases[i]);
    return 0;
}

/* Nothing a worker could see may have changed but its outputs: the system forbids it, and here the
 * judge looks whether it did. Of the private bytes a drawn part, where both copies are the same. */
static int unit_look_over(struct measure *m)
{
    const struct judge_pair *p = m->p;
    bool intact = batch_intact(&p->batch, m->last);

    for (size_t i = 0; i < p->pool.n_cases; i++) {
        const struct pool_case *c = &p->pool.cases[i];

        intact = intact && memcmp(p->input[0].data + c->input.base,
                                  p->input[1].data + c->input.base, c->input.stride * c->n) == 0;
    }
    if (p->alike) {
        const struct segment *a = &p->opaque[0], *b = &p->opaque[1];
        size_t n = a->bytes < LOOK_OVER_BYTES ? a->bytes : LOOK_OVER_BYTES;
        size_t at = rng_below(&m->rng, a->bytes - n + 1);

        intact = intact && memcmp(a->data + at, b->data + at, n) == 0;
    }
    return intact ? 0 : err_set(ERR_INTEGRITY, "read-only memory of a worker has changed");
}

static int unit_run(struct measure *m, struct judge_unit *out)
{
    int rc = unit_start(m, out);

    if (rc == 0)
        rc = unit_cases(m, out);
    if (rc == 0 && !m->fault.found)
        rc = unit_look_over(m);
    for (int k = 0; k < 4; k++)
        seat_close(&m->seats[k & 1][k >> 1]);
    out->n_verified = m->n_verified;
    return rc;
}

int judge_pair_unit(struct judge_pair *p, uint64_t seed, struct judge_unit *out,
                    enum judge_verdict *verdict, char *message)
{
    struct measure m = {.p = p, .fault = p->fault};
    struct load before, after;
    int rc = 0;

    memset(out, 0, sizeof *out);
    rng_init(&m.rng, seed);
    out->seed = seed;
    out->swapped = p->swapped = rng_below(&m.rng, 2);
    out->n_cases = p->pool.n_cases;
    load_read(&before);
    if (!m.fault.found)
        rc = unit_run(&m, out);
    load_read(&after);
    load_shares(&before, &after, &out->steal_share, &out->disturbed_share);
    if (rc < 0 || !m.fault.found)
        return rc < 0 ? rc : UNIT_DONE;
    if (m.guilty == PAIR_INCUMBENT)
        TRY(pair__incumbent_error(p, &m.fault));
    *verdict = m.fault.verdict;
    snprintf(message, 512, "%s", m.fault.message);
    return UNIT_FAILED;
}
