/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/trial.h"

#include "judge/rule/rule.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct trial_stage *trial_published(const struct trial *t)
{
    const struct trial_stage *last = t->n_stages ? &t->stage[t->n_stages - 1] : NULL;

    if (last && !last->n && t->n_stages == 2)
        last = &t->stage[0];
    return last && last->n ? last : NULL;
}

void trial_conclude(struct trial *t, enum judge_verdict v, const char *reason)
{
    t->out->verdict = v;
    snprintf(t->out->reason, sizeof t->out->reason, "%s", reason);
}

/* Mean of a share over all units that know it; -1: none does. */
static double mean_share(const struct trial *t, double share[2])
{
    double sum = 0, n = 0;

    for (uint32_t i = 0; i < t->n_stages; i++)
        if (share[i] >= 0) {
            sum += share[i] * t->stage[i].n;
            n += t->stage[i].n;
        }
    return n > 0 ? sum / n : -1;
}

static void publish_disturbance(struct trial *t)
{
    double steal[2] = {t->stage[0].steal_share, t->stage[1].steal_share};
    double disturbed[2] = {t->stage[0].disturbed_share, t->stage[1].disturbed_share};

    t->out->steal_share = mean_share(t, steal);
    t->out->disturbed_share = mean_share(t, disturbed);
}

/* From the confirmation when it has seen anything, else from the first stage; earlier trials'
 * units count. */
static void publish_estimates(struct trial *t)
{
    struct judge_trial *out = t->out;
    const struct trial_stage *first = &t->stage[0], *second = &t->stage[1];
    const struct trial_stage *s = second->rule.seen.n ? second : first;
    double low, high;

    publish_disturbance(t);
    out->margin = t->margin;
    for (uint32_t i = 0; i < t->n_stages; i++)
        out->n_earlier_units += t->stage[i].rule.seen.n - t->stage[i].n;
    if (!first->rule.seen.n)
        return;
    decide_estimate(&s->rule, &out->estimate, &out->low, &out->high);
    decide_estimate(&first->rule, &out->first_estimate, &low, &high);
    out->evidence = eprocess_value(&first->rule.seen.accept);
    out->evidence_loss = eprocess_value(&first->rule.seen.give_up);
    out->n_units = first->n;
    out->n_confirm_units = second->n;
    out->evidence_confirm = second->rule.seen.n ? eprocess_value(&second->rule.seen.accept) : 0;
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

/* What earlier trials of the same code have to say to a stage; NULL: nothing. */
static const struct evidence_stage *earlier_stage(const struct trial *t, bool confirm)
{
    return t->earlier.n_stages > (uint32_t)confirm ? &t->earlier.stage[confirm] : NULL;
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
    TRY(trial_stage_run(t->source, o, confirm, t->margin, earlier_stage(t, confirm), t->out->seed,
                        s));
    if (s->rule.seen.n)
        decide_estimate(&s->rule, &mean, &low, &high);
    t->out->verdict = outcome_verdict(s);
    trial_progress(o, name, true, "%s after %u units: D %+.1f %% [%.1f, %.1f]",
                   s->outcome == TRIAL_ACCEPT ? "accepted" : judge_verdict_name(t->out->verdict),
                   s->rule.seen.n, trial_percent(mean), trial_percent(low), trial_percent(high));
    return 0;
}

/* The first stage accepted in an earlier trial that ended before its confirmation did. */
static void trial_take_accepted(struct trial *t)
{
    struct trial_stage *s = &t->stage[0];

    s->rule.n_cases = t->earlier.stage[0].n_cases;
    s->rule.alpha = RULE_ALPHA;
    s->rule.seen = t->earlier.stage[0].seen;
    s->steal_share = s->disturbed_share = -1;
    s->outcome = TRIAL_ACCEPT;
    t->n_stages = 1;
    t->out->verdict = JUDGE_WIN;
}

/* A kernel that is right on the listed shapes only must not get as far as a win. */
static int trial_check_hidden(struct trial *t)
{
    char reason[sizeof t->out->reason];

    if (!t->source->check)
        return 1;
    trial_progress(t->o, JUDGE_CONFIRMED, false, "checking cases nobody has seen before");
    TRY(t->source->check(t->source->ctx, rng_seed_system(), &t->hidden));
    if (t->hidden.verdict == JUDGE_WIN)
        return 1;
    snprintf(reason, sizeof reason, "before the confirmation: %.450s", t->hidden.message);
    trial_conclude(t, t->hidden.verdict, reason);
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

static int trial_confirm(struct trial *t)
{
    int rc = trial_check_hidden(t);

    if (rc <= 0)
        return rc;
    TRY(trial_run_stage(t, true));
    rc = trial_physics(t);
    if (rc <= 0 || t->out->verdict != JUDGE_WIN)
        return rc < 0 ? rc : 0;
    return trial_guard(t);
}

/* Peaks, first stage, physics, check, confirmation, physics, guards; each step may end it. */
static int trial_steps(struct trial *t)
{
    const struct evidence_stage *first = earlier_stage(t, false);
    int rc = trial_peaks(t);

    if (rc <= 0)
        return rc;
    if (first && first->accepted) {
        trial_take_accepted(t);
        return trial_confirm(t);
    }
    TRY(trial_run_stage(t, false));
    rc = trial_physics(t);
    if (rc <= 0 || t->out->verdict != JUDGE_WIN)
        return rc < 0 ? rc : 0;
    return trial_confirm(t);
}

/* The same code, decided before: the same verdict, and no unit more. */
static void trial_repeat(struct trial *t)
{
    const struct evidence *e = &t->earlier;
    char reason[sizeof t->out->reason], where[48] = "";

    if (e->experiment)
        snprintf(where, sizeof where, " (experiment %" PRId64 ")", e->experiment);
    snprintf(reason, sizeof reason, "the same code was judged before%s, and that stands: %s", where,
             e->reason);
    trial_conclude(t, e->verdict, reason);
    for (uint32_t i = 0; i < e->n_stages; i++) {
        struct trial_stage *s = &t->stage[i];

        s->confirm = i == 1;
        s->rule.n_cases = e->stage[i].n_cases;
        s->rule.seen = e->stage[i].seen;
        s->steal_share = s->disturbed_share = -1;
    }
    t->n_stages = e->n_stages;
}

int trial_begin(struct trial *t, const struct trial_record *record)
{
    t->key = record ? record->key : "";
    t->calibration = record ? record->calibration : NULL;
    t->margin = record ? fmax(record->margin, RULE_MARGIN_MIN) : RULE_MARGIN_MIN;
    TRY(evidence_read(t->o->evidence, t->key, &t->earlier));
    if (t->earlier.found)
        t->margin = fmax(t->earlier.margin, RULE_MARGIN_MIN);
    return 0;
}

int trial_measure(const struct trial_source *source, const struct judge_options *o,
                  const struct trial_record *record, struct judge_trial *out)
{
    struct trial t = {.o = o, .source = source, .out = out};
    int rc = trial_begin(&t, record);

    if (rc == 0 && t.earlier.closed)
        trial_repeat(&t);
    else if (rc == 0)
        rc = trial_steps(&t);
    if (rc < 0)
        goto out;
    publish_estimates(&t);
    if (t.earlier.closed)
        t.n_stages = 0; /* nothing was measured in this trial */
    rc = trial_report_cases(&t);
    if (rc < 0)
        goto out;
    trial_report_sentences(&t);
    out->details = trial_report_details(&t);
    if (!out->details)
        rc = err_set(ERR_NOMEM, "details of a trial");
out:
    judge_check_report_deinit(&t.hidden);
    trial_stage_deinit(&t.stage[0]);
    trial_stage_deinit(&t.stage[1]);
    return rc;
}
