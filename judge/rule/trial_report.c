/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/trial.h"

#include "judge/machine/roofline.h"
#include "judge/rule/rule.h"
#include "reference/base/cpu.h"
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
        trial_percent(high), s->n);
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
            eprocess_value(&s->rule.veto[s->rule.veto_case]),
            RULE_VETO_EVIDENCE * (double)s->rule.n_cases);
    else if (s->outcome == TRIAL_GIVE_UP)
        say(text, bytes, ", E against it %.4g of %.0f", eprocess_value(&s->rule.give_up),
            1 / s->rule.beta);
    else
        say(text, bytes, ", E %.4g of %.0f", eprocess_value(&s->rule.accept), 1 / s->rule.alpha);
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

static void reason_sentence(struct trial *t)
{
    struct judge_trial *out = t->out;
    double steal = -1;

    if (out->reason[0]) /* peaks or physics ended it */
        return;
    if (t->n_stages == 2) {
        say(out->reason, sizeof out->reason, "confirmation: ");
        say_stage(out->reason, sizeof out->reason, t, &t->stage[1]);
        if (t->has_guard)
            say_guard(out->reason, sizeof out->reason, &t->guard);
        say(out->reason, sizeof out->reason, "; first stage: ");
        say_effect(out->reason, sizeof out->reason, &t->stage[0]);
    } else {
        say_stage(out->reason, sizeof out->reason, t, &t->stage[0]);
    }
    for (uint32_t i = 0; i < t->n_stages; i++)
        steal = fmax(steal, t->stage[i].steal_share);
    if (steal > RULE_STEAL_MENTION)
        say(out->reason, sizeof out->reason,
            "; the machine was disturbed: others took %.0f %% of its processors", steal * 100);
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

/* --- details --- */

/* JSON integers are signed; seeds are written as hexadecimal text. */
static json_t *json_hex(uint64_t x)
{
    char text[20];

    snprintf(text, sizeof text, "%016" PRIx64, x);
    return json_string(text);
}

/* Messages quote compilers and may be cut inside a character, which JSON does not take. */
static json_t *json_text(const char *text)
{
    json_t *s = json_string(text);
    char plain[512];
    size_t n = 0;

    if (s)
        return s;
    for (; text[n] && n + 1 < sizeof plain; n++)
        plain[n] = (text[n] & 0x80) ? '?' : text[n];
    plain[n] = '\0';
    return json_string(plain);
}

static json_t *rule_json(void)
{
    return json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:i, s:[i,i], s:f, s:f, s:f, s:i, s:f, s:f}", "alpha",
        RULE_ALPHA, "alpha_confirm", RULE_ALPHA_CONFIRM, "beta", RULE_BETA, "margin_min",
        RULE_MARGIN_MIN, "give_up_above", RULE_GIVE_UP_ABOVE, "cap_units", RULE_CAP_UNITS,
        "lambda_log2", RULE_LAMBDA_MIN_LOG2, RULE_LAMBDA_MAX_LOG2, "veto_effect", RULE_VETO_EFFECT,
        "veto_evidence", RULE_VETO_EVIDENCE, "case_floor", RULE_CASE_FLOOR, "case_min_units",
        RULE_CASE_MIN_UNITS, "tail_excess", RULE_TAIL_EXCESS, "noise_limit", RULE_NOISE_LIMIT);
}

static json_t *unit_case_json(const struct judge_unit_case *c)
{
    char order[UNIT_QUADS * UNIT_SLICES + 1];
    json_t *ns = json_array();

    for (size_t k = 0; k < UNIT_QUADS * UNIT_SLICES; k++) {
        order[k] = c->candidate[k / UNIT_SLICES][k % UNIT_SLICES] ? 'C' : 'I';
        json_array_append_new(ns, json_real(c->ns[k / UNIT_SLICES][k % UNIT_SLICES]));
    }
    order[UNIT_QUADS * UNIT_SLICES] = '\0';
    return json_pack("{s:i, s:s, s:f, s:o}", "requests", (int)c->requests, "order", order, "d",
                     c->d, "ns", ns);
}

static json_t *unit_json(const struct judge_unit *u)
{
    json_t *cases = json_array();

    for (size_t i = 0; i < u->n_cases; i++)
        json_array_append_new(cases, unit_case_json(&u->cases[i]));
    return json_pack("{s:o, s:[o,o], s:b, s:f, s:o}", "seed", json_hex(u->seed), "layouts",
                     json_hex(u->layout[0]), json_hex(u->layout[1]), "swapped", (int)u->swapped,
                     "steal_share", u->steal_share, "cases", cases);
}

static const char *outcome_name(enum trial_outcome o)
{
    switch (o) {
    case TRIAL_ACCEPT:
        return "accept";
    case TRIAL_GIVE_UP:
        return "give-up";
    case TRIAL_VETO:
        return "veto";
    case TRIAL_CAP:
        return "cap";
    case TRIAL_FAILED:
        return "failed";
    case TRIAL_NOISY:
        return "noisy";
    }
    return "?";
}

static json_t *stage_json(const struct trial_stage *s)
{
    json_t *units = json_array(), *names = json_array(), *vetoes = json_array();
    double mean = 0, low = 0, high = 0;

    if (s->n)
        decide_estimate(&s->rule, &mean, &low, &high);
    for (size_t i = 0; s->n && i < s->rule.n_cases; i++) {
        json_array_append_new(names, json_string(s->units[0].cases[i].c->name));
        json_array_append_new(vetoes, json_real(eprocess_value(&s->rule.veto[i])));
    }
    for (uint32_t u = 0; u < s->n; u++)
        json_array_append_new(units, unit_json(&s->units[u]));
    return json_pack("{s:s, s:o, s:s, s:[f,f,f], s:f, s:f, s:o, s:f, s:f, s:f, s:o, s:o}", "name",
                     s->confirm ? "confirm" : "measure", "shapes_seed", json_hex(s->shapes_seed),
                     "outcome", outcome_name(s->outcome), "estimate", mean, low, high,
                     "evidence_accept", s->n ? eprocess_value(&s->rule.accept) : 0.0,
                     "evidence_give_up", s->n ? eprocess_value(&s->rule.give_up) : 0.0,
                     "evidence_veto", vetoes, "margin", s->rule.margin, "noise", s->noise,
                     "steal_share", s->steal_share, "cases", names, "units", units);
}

/* may_be_harmed: a win cannot rule out that the case lost 1 %. */
static json_t *cases_json(const struct trial *t)
{
    const struct trial_stage *s = trial_published(t);
    json_t *all = json_array();

    for (size_t i = 0; i < t->out->n_cases; i++) {
        const struct judge_case_result *r = &t->out->cases[i];

        json_array_append_new(
            all,
            json_pack("{s:s, s:s, s:f, s:[f,f,f], s:b, s:f, s:f, s:f, s:f, s:s, s:o}", "name",
                      r->c->name, "op", r->c->op, "weight", s->weight[i], "estimate", r->estimate,
                      r->low, r->high, "may_be_harmed",
                      (int)(r->low <= -RULE_VETO_EFFECT && r->high >= -RULE_VETO_EFFECT),
                      "candidate_ns", r->candidate_ns, "incumbent_ns", r->incumbent_ns, "floor_ns",
                      r->floor_ns, "utilisation", r->utilisation, "regime", r->regime, "counters",
                      counters_json(&s->counts.events, s->counts.per_request[i])));
    }
    return all;
}

json_t *trial_report_check(const struct judge_check_report *r)
{
    json_t *cases = json_array();

    for (size_t i = 0; i < r->n_cases; i++) {
        const struct judge_check_case *c = &r->cases[i];

        json_array_append_new(
            cases, json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:b, s:o}", "name", c->c->name, "runs",
                             (int)c->n_runs, "max_ulp", c->max_units, "p99_ulp", c->p99_units,
                             "rms_ulp", c->rms_units, "bound_share", c->max_bound_share, "failed",
                             (int)c->failed, "message", json_text(c->message)));
    }
    return json_pack("{s:o, s:o, s:f}", "message", json_text(r->message), "cases", cases, "seconds",
                     r->seconds);
}

static json_t *guard_json(const struct slices_guard *g)
{
    return json_pack("{s:f, s:f, s:[i,i], s:b, s:b}", "total_ratio", g->total_ratio, "tail_ratio",
                     g->tail_ratio, "slow_slices", (int)g->n_tail[0], (int)g->n_tail[1], "total_ok",
                     (int)g->total_ok, "tail_ok", (int)g->tail_ok);
}

json_t *trial_report_details(const struct trial *t)
{
    const struct judge_trial *out = t->out;
    json_t *all = json_object(), *stages = json_array();
    char machine[256];

    judge_machine_fingerprint(machine);
    for (uint32_t i = 0; i < t->n_stages; i++)
        json_array_append_new(stages, stage_json(&t->stage[i]));
    json_object_set_new(all, "judge_hash", json_string(judge_hash));
    json_object_set_new(all, "machine", json_string(machine));
    json_object_set_new(all, "features", json_string(t->o->features ? t->o->features : "all"));
    json_object_set_new(all, "focus", t->o->focus ? json_string(t->o->focus) : json_null());
    json_object_set_new(all, "seed", json_hex(out->seed));
    json_object_set_new(all, "verdict", json_string(judge_verdict_name(out->verdict)));
    json_object_set_new(all, "reason", json_text(out->reason));
    json_object_set_new(all, "next", json_text(out->next));
    json_object_set_new(all, "counters", json_text(out->counters));
    json_object_set_new(all, "rule", rule_json());
    json_object_set_new(all, "peaks", t->has_peaks ? judge_peaks_json(&t->peaks) : json_null());
    json_object_set_new(all, "check",
                        out->check.n_cases ? trial_report_check(&out->check) : json_null());
    json_object_set_new(all, "guard", t->has_guard ? guard_json(&t->guard) : json_null());
    json_object_set_new(all, "cases", cases_json(t));
    json_object_set_new(all, "stages", stages);
    return all;
}
