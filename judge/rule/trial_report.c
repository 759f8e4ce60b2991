/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/trial.h"

#include "judge/machine/roofline.h"
#include "judge/rule/rule.h"
#include "reference/base/err.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the case table and the weighted sums --- */

static int case_medians(const struct trial_stage *s, size_t i, struct judge_case_result *out)
{
    struct slices side;

    TRY(slices_collect(s->units, s->n, i, SLICES_INCUMBENT, &side));
    out->incumbent_ns = slices_quantile(&side, 0.5);
    slices_deinit(&side);
    TRY(slices_collect(s->units, s->n, i, SLICES_CANDIDATE, &side));
    out->candidate_ns = slices_quantile(&side, 0.5);
    slices_deinit(&side);
    return 0;
}

static const char *heaviest_regime(const struct judge_case_result *cases, const double *weight,
                                   size_t n)
{
    static const char *const names[] = {"memory", "compute", "overhead"};
    const char *best = names[0];
    double most = -1;

    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        double sum = 0;

        for (size_t i = 0; i < n; i++)
            if (cases[i].regime && !strcmp(cases[i].regime, names[k]))
                sum += weight[i];
        if (sum > most) {
            most = sum;
            best = names[k];
        }
    }
    return best;
}

/* Weights are shares of time, so weighted means of utilisation and rates are those of the whole
 * mix; the latency of the mix is the weighted mean of the cases' median times. */
int trial_report_cases(struct trial *t)
{
    const struct trial_stage *s = trial_published(t);
    struct judge_trial *out = t->out;

    if (!s)
        return 0;
    out->cases = calloc(s->rule.n_cases, sizeof *out->cases);
    if (!out->cases)
        return err_set(ERR_NOMEM, "a table of %zu cases", s->rule.n_cases);
    out->n_cases = s->rule.n_cases;
    for (size_t i = 0; i < out->n_cases; i++) {
        struct judge_case_result *r = &out->cases[i];
        struct roofline_point point;

        r->c = s->units[0].cases[i].c;
        decide_case_estimate(&s->rule, i, &r->estimate, &r->low, &r->high);
        TRY(case_medians(s, i, r));
        TRY(roofline_locate(&t->peaks, r->c, roofline_working_set(r->c), r->candidate_ns, &point));
        r->floor_ns = point.floor_ns;
        r->utilisation = point.utilisation;
        r->regime = point.regime;
        out->latency_ms += s->weight[i] * r->candidate_ns * 1e-6;
        out->utilisation += s->weight[i] * point.utilisation;
        out->gflops += s->weight[i] * point.gflops;
        out->gbps += s->weight[i] * point.gbps;
    }
    out->regime = heaviest_regime(out->cases, s->weight, out->n_cases);
    out->score = out->utilisation * 100 * 100 / out->latency_ms;
    return 0;
}

/* --- sentences --- */

/* Append to a fixed text, cut at its end. */
static void say(char *text, size_t bytes, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void say(char *text, size_t bytes, const char *fmt, ...)
{
    size_t used = strlen(text);
    va_list args;

    va_start(args, fmt);
    vsnprintf(text + used, bytes - used, fmt, args);
    va_end(args);
}

/* The case that most of the mix's time is still lost in, the one that gained most, and least. */
static size_t case_with_room(const struct trial *t)
{
    const struct trial_stage *s = trial_published(t);
    size_t best = 0;

    for (size_t i = 1; i < t->out->n_cases; i++)
        if (s->weight[i] * (1 - t->out->cases[i].utilisation) >
            s->weight[best] * (1 - t->out->cases[best].utilisation))
            best = i;
    return best;
}

static size_t case_extreme(const struct judge_trial *out, double sign)
{
    size_t best = 0;

    for (size_t i = 1; i < out->n_cases; i++)
        if (sign * out->cases[i].estimate > sign * out->cases[best].estimate)
            best = i;
    return best;
}

/* "gemm-...: slower by 3.1 % [2.0, 4.2]" */
static void say_case(char *text, size_t bytes, const struct judge_case_result *r)
{
    bool slower = r->estimate < 0;
    double sign = slower ? -1 : 1;

    say(text, bytes, "%s: %s by %.1f %% [%.1f, %.1f]", r->c->name, slower ? "slower" : "faster",
        trial_percent(sign * r->estimate), trial_percent(sign * (slower ? r->high : r->low)),
        trial_percent(sign * (slower ? r->low : r->high)));
}

static void say_effect(char *text, size_t bytes, const struct trial_stage *s)
{
    double mean, low, high;

    decide_estimate(&s->rule, &mean, &low, &high);
    say(text, bytes, "D %+.1f %% [%.1f, %.1f] in %u units", trial_percent(mean), trial_percent(low),
        trial_percent(high), s->rule.seen.n);
    if (s->rule.seen.n > s->n)
        say(text, bytes, " (%u of them in earlier trials)", s->rule.seen.n - s->n);
}

/* The end of one stage in words. */
static void say_stage(char *text, size_t bytes, const struct trial *t, const struct trial_stage *s)
{
    double mean, low, high;

    switch (s->outcome) {
    case TRIAL_ACCEPT:
        say(text, bytes, "faster: ");
        break;
    case TRIAL_GIVE_UP:
        decide_estimate(&s->rule, &mean, &low, &high);
        if (high < 0)
            say(text, bytes, "slower: ");
        else
            say(text, bytes, "no gain of %.1f %%: ", (s->rule.margin + RULE_GIVE_UP_ABOVE) * 100);
        break;
    case TRIAL_VETO:
        if (s == trial_published(t))
            say_case(text, bytes, &t->out->cases[s->rule.veto_case]);
        say(text, bytes, "; in all ");
        break;
    case TRIAL_CAP:
        say(text, bytes, "neither gain nor loss shown at the cap: ");
        break;
    case TRIAL_FAILED:
        say(text, bytes, "%s", s->message);
        if (s->n)
            say(text, bytes, " (after %u units)", s->n);
        return;
    case TRIAL_NOISY:
        say(text, bytes, "units scatter by %.0f %%, the limit is %.0f %%: ", s->noise * 100,
            RULE_NOISE_LIMIT * 100);
        break;
    }
    say_effect(text, bytes, s);
    if (s->outcome == TRIAL_VETO)
        say(text, bytes, ", E of harm %.4g of %.0f",
            eprocess_value(&s->rule.seen.veto[s->rule.veto_case]),
            RULE_VETO_EVIDENCE * (double)s->rule.n_cases);
    else if (s->outcome == TRIAL_GIVE_UP)
        say(text, bytes, ", E against it %.4g of %.0f", eprocess_value(&s->rule.seen.give_up),
            1 / s->rule.beta);
    else
        say(text, bytes, ", E %.4g of %.0f", eprocess_value(&s->rule.seen.accept),
            1 / s->rule.alpha);
}

static void say_guard(char *text, size_t bytes, const struct slices_guard *g)
{
    if (!g->total_ok)
        say(text, bytes, "; but its total time is %.2f x the incumbent's", g->total_ratio);
    else if (!g->tail_ok)
        say(text, bytes,
            "; but its slowest slices are %.2f x the incumbent's (%zu against %zu past the limit)",
            g->tail_ratio, g->n_tail[SLICES_CANDIDATE], g->n_tail[SLICES_INCUMBENT]);
}

/* Whose work it was that the processors did meanwhile. */
static void say_disturbance(char *text, size_t bytes, const struct judge_trial *out)
{
    bool others = out->disturbed_share > RULE_DISTURBED_MENTION;
    bool guests = out->steal_share > RULE_STEAL_MENTION;

    if (others || guests)
        say(text, bytes, "; the machine was disturbed: ");
    if (others)
        say(text, bytes, "other processes used %.0f %% of the processors",
            out->disturbed_share * 100);
    if (guests)
        say(text, bytes, "%sthe host's other guests took %.0f %%%s", others ? ", " : "",
            out->steal_share * 100, others ? "" : " of the processors");
}

static void reason_sentence(struct trial *t)
{
    struct judge_trial *out = t->out;

    if (!out->reason[0] && t->n_stages == 2) { /* else peaks, physics or the check ended it */
        say(out->reason, sizeof out->reason, "confirmation: ");
        say_stage(out->reason, sizeof out->reason, t, &t->stage[1]);
        if (t->has_guard)
            say_guard(out->reason, sizeof out->reason, &t->guard);
        say(out->reason, sizeof out->reason, "; first stage: ");
        say_effect(out->reason, sizeof out->reason, &t->stage[0]);
    } else if (!out->reason[0] && t->n_stages == 1) {
        say_stage(out->reason, sizeof out->reason, t, &t->stage[0]);
    }
    say_disturbance(out->reason, sizeof out->reason, out);
}

/* Of a dozen cases one or two miss their 95 % interval by chance; a hint needs three standard
 * errors (half as much again). */
static bool clearly_slower(const struct judge_case_result *r)
{
    return r->high + (r->high - r->estimate) / 2 < 0;
}

static bool clearly_faster(const struct judge_case_result *r)
{
    return r->low - (r->estimate - r->low) / 2 > 0;
}

/* What to do about verdicts that no case table explains; NULL: it does. */
static const char *next_without_table(const struct judge_trial *out)
{
    switch (out->verdict) {
    case JUDGE_UNFIT_MACHINE:
        return "wait until the machine is quiet, or try another";
    case JUDGE_CHEAT:
        return "work was skipped or remembered: compute every request in full";
    case JUDGE_FAIL_CONTRACT:
    case JUDGE_FAIL_CORRECTNESS:
    case JUDGE_FAIL_TIMEOUT:
    case JUDGE_FAIL_CRASH:
        return "judge check may show it too; the timed calls have other seeds and positions";
    default:
        return out->n_cases ? NULL : "judge check repeats it without measuring";
    }
}

static void next_sentence(struct trial *t)
{
    struct judge_trial *out = t->out;
    const struct judge_case_result *room, *best, *worst;
    char *next = out->next;
    size_t bytes = sizeof out->next;

    if (t->earlier.closed) {
        say(next, bytes, "the same code gets no second chance: change it, or take another idea");
        return;
    }
    if (t->hidden.verdict != JUDGE_WIN) {
        say(next, bytes, "judge check --source DIR --features %s --seed %" PRIu64 " repeats it",
            t->o->features ? t->o->features : "all", t->hidden.seed);
        return;
    }
    if (next_without_table(out)) {
        say(next, bytes, "%s", next_without_table(out));
        return;
    }
    room = &out->cases[case_with_room(t)];
    best = &out->cases[case_extreme(out, 1)];
    worst = &out->cases[case_extreme(out, -1)];
    if (out->verdict == JUDGE_LOSS && clearly_slower(worst)) {
        say(next, bytes, "look at %s first: ", worst->c->op);
        say_case(next, bytes, worst);
    } else if (out->verdict != JUDGE_WIN && !t->o->focus && clearly_faster(best)) {
        say_case(next, bytes, best);
        say(next, bytes, "; --focus %s tests that alone", best->c->op);
    } else if (out->verdict == JUDGE_INCONCLUSIVE) {
        say(next, bytes, "kept as a near miss: add to it, or try again on a quieter machine");
    } else {
        say(next, bytes, "most time is left in %s: %.0f %% of its %s roof", room->c->name,
            room->utilisation * 100, room->regime);
    }
}

void trial_report_sentences(struct trial *t)
{
    reason_sentence(t);
    next_sentence(t);
}
