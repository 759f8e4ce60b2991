/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/trial.h"

#include "judge/measure/counters.h"
#include "judge/machine/machine_lock.h"
#include "judge/machine/roofline.h"
#include "judge/rule/rule.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

const struct trial_stage *trial_published(const struct trial *t)
{
    const struct trial_stage *last = t->n_stages ? &t->stage[t->n_stages - 1] : NULL;

    if (last && !last->n && t->n_stages == 2)
        last = &t->stage[0];
    return last && last->n ? last : NULL;
}

static void conclude(struct trial *t, enum judge_verdict v, const char *reason)
{
    t->out->verdict = v;
    snprintf(t->out->reason, sizeof t->out->reason, "%s", reason);
}

/* Measure the peaks; once more when they contradict themselves. Returns 1 when they can be used, 0
 * when the machine is unfit. */
static int trial_peaks(struct trial *t)
{
    char reason[sizeof t->out->reason];

    for (int attempt = 0; attempt < 2; attempt++) {
        TRY(t->source->peaks(t->source->ctx, &t->peaks));
        t->has_peaks = true;
        if (t->peaks.plausible)
            return 1;
    }
    snprintf(reason, sizeof reason, "the measured peaks contradict themselves twice: %s",
             t->peaks.doubt);
    conclude(t, JUDGE_UNFIT_MACHINE, reason);
    return 0;
}

/* Set *which to a case that is faster than its floor or (`cheat`: only) than these caches and
 * instructions ever are; -1: none is. */
static int impossible_case(const struct trial *t, bool cheat, int *which, double *ns,
                           double *limit_ns)
{
    const struct trial_stage *s = trial_published(t);

    *which = -1;
    for (size_t i = 0; s && i < s->rule.n_cases; i++) {
        const struct problem_case *c = s->units[0].cases[i].c;
        struct roofline_point point;
        struct slices side;

        TRY(slices_collect(s->units, s->n, i, SLICES_CANDIDATE, &side));
        *ns = slices_quantile(&side, 0.5);
        slices_deinit(&side);
        TRY(roofline_locate(&t->peaks, c, roofline_working_set(c), *ns, &point));
        *limit_ns = point.cheat_ns;
        if (!cheat)
            *limit_ns = fmax(point.cheat_ns, point.best_ns / RULE_FLOOR_SLACK);
        if (*ns < *limit_ns) {
            *which = (int)i;
            return 0;
        }
    }
    return 0;
}

/* Physics: nothing runs faster than the machine. Returns 1 when all cases are possible, 0 with a
 * verdict. Peaks are measured once more before anybody is accused. */
static int trial_physics(struct trial *t)
{
    const struct trial_stage *s = trial_published(t);
    char reason[sizeof t->out->reason];
    double ns = 0, limit = 0;
    int i, rc;

    TRY(impossible_case(t, false, &i, &ns, &limit));
    if (i < 0)
        return 1;
    rc = trial_peaks(t);
    if (rc <= 0)
        return rc;
    for (int cheat = 1; cheat >= 0; cheat--) {
        TRY(impossible_case(t, cheat, &i, &ns, &limit));
        if (i < 0)
            continue;
        snprintf(reason, sizeof reason, "%s takes %.2f us; %s allows %.2f us at best",
                 s->units[0].cases[i].c->name, ns * 1e-3,
                 cheat ? "the fastest cache and instruction" : "the measured roof", limit * 1e-3);
        conclude(t, cheat ? JUDGE_CHEAT : JUDGE_UNFIT_MACHINE, reason);
        return 0;
    }
    return 1;
}

static void publish_estimates(struct trial *t)
{
    struct judge_trial *out = t->out;
    const struct trial_stage *first = &t->stage[0], *s = trial_published(t);
    double low, high;

    if (!s)
        return;
    decide_estimate(&s->rule, &out->estimate, &out->low, &out->high);
    decide_estimate(&first->rule, &out->first_estimate, &low, &high);
    out->margin = first->rule.margin;
    out->evidence = eprocess_value(&first->rule.accept);
    out->evidence_loss = eprocess_value(&first->rule.give_up);
    out->n_units = first->n;
    if (t->n_stages < 2)
        return;
    out->n_confirm_units = t->stage[1].n;
    out->evidence_confirm = t->stage[1].n ? eprocess_value(&t->stage[1].rule.accept) : 0;
}

/* What the end of a stage means when it is not an acceptance. */
static enum judge_verdict outcome_verdict(const struct trial_stage *s)
{
    switch (s->outcome) {
    case TRIAL_VETO:
        return JUDGE_LOSS;
    case TRIAL_GIVE_UP:
        return s->confirm ? JUDGE_INCONCLUSIVE : JUDGE_LOSS;
    case TRIAL_FAILED:
        return s->failed;
    case TRIAL_NOISY:
        return JUDGE_UNFIT_MACHINE;
    case TRIAL_ACCEPT:
        return JUDGE_WIN;
    case TRIAL_CAP:
        break;
    }
    return JUDGE_INCONCLUSIVE;
}

static int trial_run_stage(struct trial *t, bool confirm)
{
    const struct judge_options *o = t->o;
    struct trial_stage *s = &t->stage[confirm];
    enum judge_stage name = confirm ? JUDGE_CONFIRMED : JUDGE_MEASURED;
    double mean = 0, low = 0, high = 0;

    t->n_stages = confirm ? 2 : 1;
    trial_progress(o, name, false, "%s",
                   confirm ? "confirming with fresh units, layouts, seeds and shapes"
                           : "measuring against the incumbent");
    TRY(trial_stage_run(t->source, o, confirm, t->out->seed, s));
    if (s->n)
        decide_estimate(&s->rule, &mean, &low, &high);
    t->out->verdict = outcome_verdict(s);
    trial_progress(o, name, true, "%s after %u units: D %+.1f %% [%.1f, %.1f]",
                   s->outcome == TRIAL_ACCEPT ? "accepted" : judge_verdict_name(t->out->verdict),
                   s->n, trial_percent(mean), trial_percent(low), trial_percent(high));
    return 0;
}

/* The guards speak last: the sequential rule knows the typical ratio only. */
static int trial_guard(struct trial *t)
{
    const struct trial_stage *s = &t->stage[1];

    if (t->out->verdict != JUDGE_WIN)
        return 0;
    TRY(slices_guard_check(s->units, s->n, s->weight, &t->guard));
    t->has_guard = true;
    if (!t->guard.total_ok || !t->guard.tail_ok)
        t->out->verdict = JUDGE_INCONCLUSIVE;
    return 0;
}

/* Peaks, first stage, physics, confirmation, physics, guards; each step may end it. */
static int trial_steps(struct trial *t)
{
    int rc = trial_peaks(t);

    if (rc <= 0)
        return rc;
    for (int confirm = 0; confirm < 2; confirm++) {
        TRY(trial_run_stage(t, confirm));
        rc = trial_physics(t);
        if (rc <= 0)
            return rc;
        if (t->out->verdict != JUDGE_WIN)
            return 0;
    }
    return trial_guard(t);
}

int trial_measure(const struct trial_source *source, const struct judge_options *o,
                  struct judge_trial *out)
{
    struct trial t = {.o = o, .source = source, .out = out};
    int rc = trial_steps(&t);

    if (rc < 0)
        goto out;
    publish_estimates(&t);
    rc = trial_report_cases(&t);
    if (rc < 0)
        goto out;
    trial_report_sentences(&t);
    out->details = trial_report_details(&t);
    if (!out->details)
        rc = err_set(ERR_NOMEM, "details of a trial");
out:
    trial_stage_deinit(&t.stage[0]);
    trial_stage_deinit(&t.stage[1]);
    return rc;
}

/* --- the real source: pairs of worker processes --- */

struct pair_source {
    struct judge_build *candidate, *incumbent;
    const struct judge_options *o;
    uint64_t features;
};

static int pair_source_open(void *ctx, uint64_t shapes_seed, void **pair)
{
    const struct pair_source *s = ctx;
    struct judge_pair *opened = NULL;

    TRY(judge_pair_open(s->candidate, s->incumbent, s->o, shapes_seed, &opened));
    *pair = opened;
    return 0;
}

static int pair_source_unit(void *pair, uint64_t seed, struct judge_unit *out,
                            enum judge_verdict *verdict, char *message)
{
    return judge_pair_unit(pair, seed, out, verdict, message);
}

static void pair_source_close(void **pair)
{
    struct judge_pair *p = *pair;

    judge_pair_close(&p);
    *pair = NULL;
}

static int pair_source_count(void *pair, struct judge_counts *out)
{
    return judge_pair_count(pair, counters_wanted, out);
}

static int pair_source_peaks(void *ctx, struct judge_peaks *out)
{
    const struct pair_source *s = ctx;

    return judge_peaks_measure(s->features, true, out);
}

/* --- the whole rule --- */

/* The compiler's first error, or else its first line. */
static void first_error(const char *log, char *out, size_t bytes)
{
    const char *text = strstr(log, "error:");

    while (text && text > log && text[-1] != '\n')
        text--;
    if (!text)
        text = log;
    snprintf(out, bytes, "%.*s", (int)strcspn(text, "\n"), text);
}

/* Details of a trial that ended before anything was measured. */
static int trial_end_early(const struct judge_options *o, struct judge_trial *out, const char *next)
{
    struct trial t = {.o = o, .out = out};

    snprintf(out->next, sizeof out->next, "%s", next);
    out->details = trial_report_details(&t);
    return out->details ? 0 : err_set(ERR_NOMEM, "details of a trial");
}

static int try_check(struct judge_build *candidate, const struct judge_options *o,
                     struct judge_trial *out)
{
    trial_progress(o, JUDGE_CHECKED, false, "checking %zu cases against the oracle",
                   problem_shipped.n_cases);
    TRY(judge_check(candidate, o, &out->check));
    trial_progress(o, JUDGE_CHECKED, true, "%s (%zu cases, %.1f s)",
                   out->check.verdict == JUDGE_WIN ? "correct" : out->check.message,
                   out->check.n_cases, out->check.seconds);
    return 0;
}

/* The gates that need no measurement. Returns 1 to go on, 0 with a verdict. */
static int try_gates(struct judge_build *candidate, struct judge_build *incumbent,
                     const struct judge_options *o, struct judge_trial *out)
{
    if (!judge_build_ok(incumbent))
        return err_set(ERR_CONFLICT, "the incumbent does not build: %.300s",
                       judge_build_log(incumbent));
    if (!judge_build_ok(candidate)) {
        out->verdict = judge_build_verdict(candidate);
        first_error(judge_build_log(candidate), out->reason, sizeof out->reason);
        return trial_end_early(o, out,
                               "make it compile; the whole log is kept with the experiment");
    }
    snprintf(out->code_key, sizeof out->code_key, "%s", judge_build_code_key(candidate));
    if (!strcmp(out->code_key, judge_build_code_key(incumbent))) {
        out->verdict = JUDGE_SAME_CODE;
        snprintf(out->reason, sizeof out->reason,
                 "the compiled code is the incumbent's, byte for byte; nothing was measured");
        return trial_end_early(o, out, "change something that the compiler can see");
    }
    TRY(try_check(candidate, o, out));
    if (out->check.verdict != JUDGE_WIN) {
        out->verdict = out->check.verdict;
        snprintf(out->reason, sizeof out->reason, "%s", out->check.message);
        char next[sizeof out->next];

        snprintf(next, sizeof next,
                 "judge check --source DIR --features %s --seed %" PRIu64
                 " repeats it, with that kernel in DIR",
                 o->features ? o->features : "all", out->seed);
        return trial_end_early(o, out, next);
    }
    return 1;
}

/* Nobody else measures meanwhile. */
static int try_measure(const struct trial_source *source, const struct judge_options *o,
                       struct judge_trial *out)
{
    int lock = machine_lock_take(o), rc;

    TRY(lock);
    rc = trial_measure(source, o, out);
    close(lock);
    return rc;
}

int judge_try(struct judge_build *candidate, struct judge_build *incumbent,
              const struct judge_options *o, struct judge_trial *out)
{
    struct pair_source pair = {.candidate = candidate, .incumbent = incumbent, .o = o};
    const struct trial_source source = {&pair,
                                        pair_source_open,
                                        pair_source_unit,
                                        pair_source_close,
                                        pair_source_peaks,
                                        pair_source_count};
    struct judge_options seeded = *o;
    double start = now_seconds();
    int rc;

    memset(out, 0, sizeof *out);
    TRY(judge_focus_check(o->focus));
    TRY(cpu_features_named(o->features ? o->features : "all", &pair.features));
    while (!seeded.seed)
        seeded.seed = rng_seed_system();
    pair.o = &seeded;
    out->seed = seeded.seed;
    counters_probe(out->counters, sizeof out->counters);
    rc = try_gates(candidate, incumbent, &seeded, out);
    if (rc == 1)
        rc = try_measure(&source, &seeded, out);
    out->seconds = now_seconds() - start;
    if (rc < 0)
        judge_trial_deinit(out);
    return rc;
}

void judge_trial_deinit(struct judge_trial *t)
{
    free(t->cases);
    judge_check_report_deinit(&t->check);
    json_decref(t->details);
    memset(t, 0, sizeof *t);
}
