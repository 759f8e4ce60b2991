/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/trial.h"

#include "judge/rule/rule.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double trial_percent(double log_ratio)
{
    return expm1(log_ratio) * 100;
}

void trial_progress(const struct judge_options *o, enum judge_stage stage, bool done,
                    const char *fmt, ...)
{
    struct judge_progress p = {.stage = stage, .done = done};
    char text[256];
    va_list args;

    if (!o->progress)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    p.text = text;
    o->progress(o->progress_ctx, &p);
}

int trial_weights(const struct judge_unit *unit, const char *focus, double *weight)
{
    double sum = 0, n = 0;

    for (size_t i = 0; i < unit->n_cases; i++) {
        bool counts = !focus || problem_in_focus(unit->cases[i].c, focus);

        weight[i] = counts ? unit->cases[i].c->weight : 0;
        sum += weight[i];
        n += counts;
    }
    if (n == 0)
        return err_set(ERR_USAGE, "focus: no timed case is, or has the operation, \"%s\"",
                       focus ? focus : "");
    for (size_t i = 0; i < unit->n_cases; i++) {
        if (sum > 0)
            weight[i] /= sum;
        else if (!focus || problem_in_focus(unit->cases[i].c, focus))
            weight[i] = 1 / n;
    }
    return 0;
}

static double unit_effect(const struct trial_stage *s, uint32_t u)
{
    double d = 0;

    for (size_t i = 0; i < s->units[u].n_cases; i++)
        d += s->weight[i] * s->units[u].cases[i].d;
    return d;
}

/* 1.4826 x the median absolute deviation: one wild unit does not make a machine unfit. */
static double stage_noise(const struct trial_stage *s)
{
    double d[RULE_CAP_UNITS], middle;
    uint32_t n = s->n < RULE_CAP_UNITS ? s->n : RULE_CAP_UNITS;

    for (uint32_t u = 0; u < n; u++)
        d[u] = unit_effect(s, u);
    slices_sort(d, n);
    middle = d[n / 2];
    for (uint32_t u = 0; u < n; u++)
        d[u] = fabs(d[u] - middle);
    slices_sort(d, n);
    return 1.4826 * d[n / 2];
}

/* Means over the units that know them. */
static void stage_disturbance(struct trial_stage *s)
{
    double steal = 0, disturbed = 0, n_steal = 0, n_disturbed = 0;

    for (uint32_t u = 0; u < s->n; u++) {
        if (s->units[u].steal_share >= 0) {
            steal += s->units[u].steal_share;
            n_steal++;
        }
        if (s->units[u].disturbed_share >= 0) {
            disturbed += s->units[u].disturbed_share;
            n_disturbed++;
        }
    }
    s->steal_share = n_steal > 0 ? steal / n_steal : -1;
    s->disturbed_share = n_disturbed > 0 ? disturbed / n_disturbed : -1;
}

static uint32_t stage_cap(const struct judge_options *o)
{
    return o->max_units && o->max_units < RULE_CAP_UNITS ? o->max_units : RULE_CAP_UNITS;
}

static int stage_first_unit(struct trial_stage *s, const struct judge_options *o, double margin,
                            const struct evidence_stage *earlier)
{
    const struct judge_unit *first = &s->units[0];

    if (first->n_cases < 1 || first->n_cases > DECIDE_MAX_CASES)
        return err_set(ERR_RANGE, "a unit of %zu cases", first->n_cases);
    TRY(trial_weights(first, o->focus, s->weight));
    decide_init(&s->rule, s->weight, first->n_cases, margin,
                s->confirm ? RULE_ALPHA_CONFIRM : RULE_ALPHA, RULE_BETA, stage_cap(o));
    if (!earlier)
        return 0;
    if (earlier->n_cases != first->n_cases)
        return err_set(ERR_FORMAT, "evidence of an earlier trial has %zu cases, a unit %zu",
                       earlier->n_cases, first->n_cases);
    s->rule.seen = earlier->seen;
    return 0;
}

/* Add the unit just measured to the evidence. */
static int stage_judge_unit(struct trial_stage *s, const struct judge_options *o, double margin,
                            const struct evidence_stage *earlier)
{
    const struct judge_unit *u = &s->units[s->n];
    double d_case[UNIT_MAX_CASES];

    if (s->n == 0)
        TRY(stage_first_unit(s, o, margin, earlier));
    if (u->n_cases != s->rule.n_cases)
        return err_set(ERR_RANGE, "unit %u has %zu cases, the first had %zu", s->n, u->n_cases,
                       s->rule.n_cases);
    for (size_t i = 0; i < u->n_cases; i++) {
        d_case[i] = u->cases[i].d;
        if (!isfinite(d_case[i]))
            return err_set(ERR_RANGE, "unit %u: case %s has no finite effect", s->n,
                           u->cases[i].c->name);
    }
    s->n++;
    s->outcome = (enum trial_outcome)decide_add(&s->rule, d_case);
    s->noise = stage_noise(s);
    if ((int)s->outcome == DECIDE_MORE && s->n >= RULE_NOISE_MIN_UNITS &&
        s->noise > RULE_NOISE_LIMIT)
        s->outcome = TRIAL_NOISY;
    return 0;
}

/* A line for each unit, but no more than a terminal can be read at. */
static void stage_tell(const struct trial_stage *s, const struct judge_options *o,
                       struct timespec *last)
{
    double mean, low, high, since;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    since = (double)(now.tv_sec - last->tv_sec) + (double)(now.tv_nsec - last->tv_nsec) * 1e-9;
    if (since < 0.25 && s->n > 1 && (int)s->outcome == DECIDE_MORE)
        return;
    *last = now;
    decide_estimate(&s->rule, &mean, &low, &high);
    if (s->rule.seen.n < 2)
        trial_progress(o, s->confirm ? JUDGE_CONFIRMED : JUDGE_MEASURED, false,
                       "unit %u: D %+.1f %%", s->rule.seen.n, trial_percent(mean));
    else
        trial_progress(o, s->confirm ? JUDGE_CONFIRMED : JUDGE_MEASURED, false,
                       "unit %u: D %+.1f %% +- %.1f, E %.4g of %.0f", s->rule.seen.n,
                       trial_percent(mean), (high - low) / 2 * 100,
                       eprocess_value(&s->rule.seen.accept), 1 / s->rule.alpha);
}

static int stage_grow(struct trial_stage *s)
{
    uint32_t room = s->room ? 2 * s->room : 16;
    struct judge_unit *units;

    if (s->n < s->room)
        return 0;
    units = realloc(s->units, room * sizeof *units);
    if (!units)
        return err_set(ERR_NOMEM, "%u units", room);
    s->units = units;
    s->room = room;
    return 0;
}

static int stage_loop(const struct trial_source *source, const struct judge_options *o,
                      double margin, const struct evidence_stage *earlier, void *pair,
                      uint64_t plan_seed, struct trial_stage *s)
{
    uint32_t done = earlier ? earlier->seen.n : 0; /* whose layouts are not met again */
    struct timespec last = {0};

    s->outcome = (enum trial_outcome)DECIDE_MORE;
    while ((int)s->outcome == DECIDE_MORE) {
        uint64_t seed = s->confirm ? rng_seed_system() : rng_seed_mix(plan_seed, done + s->n);
        int status;

        TRY(stage_grow(s));
        status = source->unit(pair, seed, &s->units[s->n], &s->failed, s->message);
        if (status < 0)
            return status;
        if (status == UNIT_FAILED) {
            s->outcome = TRIAL_FAILED;
            return 0;
        }
        TRY(stage_judge_unit(s, o, margin, earlier));
        stage_tell(s, o, &last);
    }
    return 0;
}

int trial_stage_run(const struct trial_source *source, const struct judge_options *o, bool confirm,
                    double margin, const struct evidence_stage *earlier, uint64_t plan_seed,
                    struct trial_stage *out)
{
    void *pair = NULL;
    int rc;

    memset(out, 0, sizeof *out);
    out->confirm = confirm;
    while (confirm && !out->shapes_seed)
        out->shapes_seed = rng_seed_system();
    TRY(source->open(source->ctx, out->shapes_seed, &pair));
    rc = stage_loop(source, o, margin, earlier, pair, plan_seed, out);
    if (rc == 0 && out->outcome != TRIAL_FAILED)
        rc = source->count(pair, &out->counts);
    source->close(&pair);
    stage_disturbance(out);
    return rc;
}

void trial_stage_deinit(struct trial_stage *s)
{
    free(s->units);
    s->units = NULL;
    s->n = s->room = 0;
}
