/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/trial.h"

#include "judge/machine/roofline.h"
#include "judge/rule/rule.h"
#include "reference/base/err.h"

#include <math.h>
#include <stdio.h>

int trial_peaks(struct trial *t)
{
    char reason[sizeof t->out->reason];

    for (int attempt = 0; attempt <= RULE_PEAK_TRIES; attempt++) {
        TRY(t->source->peaks(t->source->ctx, &t->peaks));
        t->has_peaks = true;
        if (t->peaks.plausible)
            return 1;
    }
    snprintf(reason, sizeof reason, "the measured peaks contradict themselves %d times: %s",
             1 + RULE_PEAK_TRIES, t->peaks.doubt);
    trial_conclude(t, JUDGE_UNFIT_MACHINE, reason);
    return 0;
}

/* A case that is faster than it can be. */
struct wonder {
    size_t i;
    double ns, limit_ns;
};

static int side_median(const struct trial_stage *s, size_t i, enum slices_side side, double *ns)
{
    struct slices all;

    TRY(slices_collect(s->units, s->n, i, side, &all));
    *ns = slices_quantile(&all, 0.5);
    slices_deinit(&all);
    return 0;
}

/* Find a case that is faster than its floor or (`cheat`) than these caches and instructions ever
 * are, which then the incumbent must not be: 1 with *out, or 0. */
static int find_wonder(const struct trial *t, bool cheat, struct wonder *out)
{
    const struct trial_stage *s = trial_published(t);

    for (size_t i = 0; s && i < s->rule.n_cases; i++) {
        const struct problem_case *c = s->units[0].cases[i].c;
        struct roofline_point point;
        double incumbent_ns;
        bool incumbent_too;

        TRY(side_median(s, i, SLICES_CANDIDATE, &out->ns));
        TRY(side_median(s, i, SLICES_INCUMBENT, &incumbent_ns));
        TRY(roofline_locate(&t->peaks, c, roofline_working_set(c), out->ns, &point));
        out->i = i;
        out->limit_ns =
            cheat ? point.cheat_ns : fmax(point.cheat_ns, point.best_ns / RULE_FLOOR_SLACK);
        incumbent_too = incumbent_ns < out->limit_ns;
        if (out->ns < out->limit_ns && !(cheat && incumbent_too))
            return 1;
    }
    return 0;
}

static void take_best(double *best, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        best[i] = fmax(best[i], x[i]);
}

/* Whatever disturbs a measurement of the peaks makes them lower: the highest are the machine's. */
static void peaks_take_best(struct judge_peaks *best, const struct judge_peaks *p)
{
    for (size_t i = 0; i < PEAKS_MAX_THREADS; i++)
        take_best(best->read_gbps[i], p->read_gbps[i], PEAKS_N_LEVELS);
    take_best(best->f32_gflops, p->f32_gflops, PEAKS_MAX_THREADS);
    take_best(best->int8_gops, p->int8_gops, PEAKS_MAX_THREADS);
    take_best(best->bf16_gflops, p->bf16_gflops, PEAKS_MAX_THREADS);
    take_best(best->fastest_gbps, p->fastest_gbps, PEAKS_N_LEVELS);
    take_best(best->fastest_f32, p->fastest_f32, PEAKS_MAX_THREADS);
    take_best(best->fastest_int8, p->fastest_int8, PEAKS_MAX_THREADS);
}

/* The wonder outlived all measurements. When the incumbent is past the limit too, the limit is what
 * is wrong: nobody is accused. */
static int wonder_verdict(struct trial *t, struct wonder *w, int n_plausible)
{
    const struct trial_stage *s = trial_published(t);
    char reason[sizeof t->out->reason];
    int cheat = 0;

    if (n_plausible) {
        struct wonder worse;

        cheat = find_wonder(t, true, &worse);
        TRY(cheat);
        if (cheat)
            *w = worse;
    }
    snprintf(reason, sizeof reason, "%s takes %.2f us; %s allows %.2f us at best%s",
             s->units[0].cases[w->i].c->name, w->ns * 1e-3,
             cheat ? "the fastest cache and instruction" : "the measured roof", w->limit_ns * 1e-3,
             n_plausible ? "" : "; and the peaks contradict themselves when measured again");
    trial_conclude(t, cheat ? JUDGE_CHEAT : JUDGE_UNFIT_MACHINE, reason);
    return 0;
}

int trial_physics(struct trial *t)
{
    struct judge_peaks again;
    struct wonder w;
    int n_plausible = 0, found = find_wonder(t, false, &w);

    for (int i = 0; found == 1 && i < RULE_PEAK_TRIES; i++) {
        trial_progress(t->o, JUDGE_MEASURED, false,
                       "faster than the roof: measuring the machine's peaks again");
        TRY(t->source->peaks(t->source->ctx, &again));
        if (!again.plausible)
            continue;
        n_plausible++;
        peaks_take_best(&t->peaks, &again);
        found = find_wonder(t, false, &w);
    }
    TRY(found);
    return found ? wonder_verdict(t, &w, n_plausible) : 1;
}
