/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/trial.h"

#include "judge/rule/rule.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* JSON integers are signed; seeds are written as hexadecimal text. */
static json_t *json_hex(uint64_t x)
{
    char text[20];

    snprintf(text, sizeof text, "%016" PRIx64, x);
    return json_string(text);
}

/* Messages quote compilers and may be cut inside a character, which JSON does not take. */
json_t *trial_json_text(const char *text)
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
        "{s:f, s:f, s:f, s:f, s:f, s:i, s:[f,f,f,f], s:f, s:f, s:f, s:f, s:f, s:i, s:f, s:f}",
        "alpha", RULE_ALPHA, "alpha_confirm", RULE_ALPHA_CONFIRM, "beta", RULE_BETA, "margin_min",
        RULE_MARGIN_MIN, "give_up_above", RULE_GIVE_UP_ABOVE, "cap_units", RULE_CAP_UNITS, "bets",
        RULE_BETS, "veto_effect", RULE_VETO_EFFECT, "veto_evidence", RULE_VETO_EVIDENCE,
        "case_floor", RULE_CASE_FLOOR, "case_sigmas", RULE_CASE_SIGMAS, "case_count_sigmas",
        RULE_CASE_COUNT_SIGMAS, "case_min_units", RULE_CASE_MIN_UNITS, "tail_excess",
        RULE_TAIL_EXCESS, "noise_limit", RULE_NOISE_LIMIT);
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
    return json_pack("{s:o, s:[o,o], s:b, s:f, s:f, s:i, s:o}", "seed", json_hex(u->seed),
                     "layouts", json_hex(u->layout[0]), json_hex(u->layout[1]), "swapped",
                     (int)u->swapped, "steal_share", u->steal_share, "disturbed_share",
                     u->disturbed_share, "n_verified", (int)u->n_verified, "cases", cases);
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

    if (s->rule.seen.n)
        decide_estimate(&s->rule, &mean, &low, &high);
    for (size_t i = 0; s->n && i < s->rule.n_cases; i++) {
        json_array_append_new(names, json_string(s->units[0].cases[i].c->name));
        json_array_append_new(vetoes, json_real(eprocess_value(&s->rule.seen.veto[i])));
    }
    for (uint32_t u = 0; u < s->n; u++)
        json_array_append_new(units, unit_json(&s->units[u]));
    return json_pack(
        "{s:s, s:o, s:s, s:[f,f,f], s:f, s:f, s:o, s:f, s:f, s:f, s:f, s:i, s:o, s:o}", "name",
        s->confirm ? "confirm" : "measure", "shapes_seed", json_hex(s->shapes_seed), "outcome",
        outcome_name(s->outcome), "estimate", mean, low, high, "evidence_accept",
        s->rule.seen.n ? eprocess_value(&s->rule.seen.accept) : 0.0, "evidence_give_up",
        s->rule.seen.n ? eprocess_value(&s->rule.seen.give_up) : 0.0, "evidence_veto", vetoes,
        "margin", s->rule.margin, "noise", s->noise, "steal_share", s->steal_share,
        "disturbed_share", s->disturbed_share, "earlier_units", (int)(s->rule.seen.n - s->n),
        "cases", names, "units", units);
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
                             (int)c->failed, "message", trial_json_text(c->message)));
    }
    return json_pack("{s:o, s:o, s:f}", "message", trial_json_text(r->message), "cases", cases,
                     "seconds", r->seconds);
}

static json_t *guard_json(const struct slices_guard *g)
{
    return json_pack("{s:f, s:f, s:[i,i], s:b, s:b}", "total_ratio", g->total_ratio, "tail_ratio",
                     g->tail_ratio, "slow_slices", (int)g->n_tail[0], (int)g->n_tail[1], "total_ok",
                     (int)g->total_ok, "tail_ok", (int)g->tail_ok);
}

/* The calibration that set the margin, by file name: a path says nothing elsewhere. */
static json_t *calibration_json(const struct judge_calibration *c)
{
    const char *slash;

    if (!c)
        return json_null();
    slash = strrchr(c->path, '/');
    return json_pack("{s:s, s:s, s:b, s:s, s:f, s:f, s:i, s:i, s:f, s:f}", "file",
                     slash ? slash + 1 : c->path, "date", c->date, "fit", (int)c->fit, "why",
                     c->why, "unit_noise", c->unit_noise, "mde", c->mde, "n_null", (int)c->n_null,
                     "n_null_wins", (int)c->n_null_wins, "live_bound", c->live_bound,
                     "replay_bound", c->replay_bound);
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
    json_object_set_new(all, "reason", trial_json_text(out->reason));
    json_object_set_new(all, "next", trial_json_text(out->next));
    json_object_set_new(all, "counters", trial_json_text(out->counters));
    json_object_set_new(all, "rule", rule_json());
    json_object_set_new(all, "peaks", t->has_peaks ? judge_peaks_json(&t->peaks) : json_null());
    json_object_set_new(all, "check",
                        out->check.n_cases ? trial_report_check(&out->check) : json_null());
    json_object_set_new(all, "hidden_check",
                        t->hidden.n_cases ? trial_report_check(&t->hidden) : json_null());
    json_object_set_new(all, "calibration", calibration_json(t->calibration));
    json_object_set_new(all, "evidence", evidence_json(t));
    json_object_set_new(all, "guard", t->has_guard ? guard_json(&t->guard) : json_null());
    json_object_set_new(all, "cases", cases_json(t));
    json_object_set_new(all, "stages", stages);
    return all;
}
