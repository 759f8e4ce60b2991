/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/record.h"

#include "reference/base/strbuf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void record_text(char **field, const char *text)
{
    json_t *valid = json_string(text ? text : "");

    ledger_text_set(field, text);
    if (!valid)
        for (char *p = *field; *p; p++)
            if ((unsigned char)*p >= 0x80)
                *p = '?';
    json_decref(valid);
}

static double known(double x)
{
    return isfinite(x) && x > 0 ? x : NAN;
}

static void set_reason(const struct judge_trial *t, const struct record_context *context,
                       struct ledger_row *row)
{
    struct strbuf text = {0};

    strbuf_addf(&text, "%s", t->reason);
    /* Of a question that was decided before the judge says so itself. */
    if (context->continued_from && t->n_earlier_units && (t->n_units || t->n_confirm_units))
        strbuf_addf(&text, "; continued from experiment %lld (%u units)",
                    (long long)context->continued_from, t->n_earlier_units);
    if (strcmp(context->features, RECORD_FEATURES_ALL) != 0)
        strbuf_addf(&text, "; features %s", context->features);
    if (context->again_of)
        strbuf_addf(&text, "; experiment %lld merged onto where the branch is now",
                    (long long)context->again_of);
    else if (context->base)
        strbuf_addf(&text, "; made against %.12s and merged", context->base);
    record_text(&row->reason, text.data);
    strbuf_deinit(&text);
}

void record_row(const struct ratchet_judge *judge, const struct judge_trial *t,
                const struct record_context *context, struct ledger_row *row)
{
    char seed[24];

    snprintf(seed, sizeof seed, "0x%016llx", (unsigned long long)t->seed);
    record_text(&row->verdict, judge->verdict_name(t->verdict));
    set_reason(t, context, row);
    record_text(&row->regime, t->regime);
    record_text(&row->counters, t->counters);
    record_text(&row->code_key, t->code_key);
    ledger_text_set(&row->seeds, seed);
    if (t->n_units || t->n_earlier_units) {
        row->estimate = t->estimate;
        row->low = t->low;
        row->high = t->high;
    }
    row->units = t->n_units;
    row->confirm_units = t->n_confirm_units;
    row->score = known(t->score);
    row->latency_ms = known(t->latency_ms);
    row->utilisation = known(t->utilisation);
    row->gflops = known(t->gflops);
    row->gbps = known(t->gbps);
    row->seconds = known(t->seconds);
}

/* --- detail record --- */

void record_set_real(json_t *o, const char *key, double x)
{
    json_object_set_new(o, key, isfinite(x) ? json_real(x) : json_null());
}

void record_set_text(json_t *o, const char *key, const char *text)
{
    char *clean = NULL;

    record_text(&clean, text);
    json_object_set_new(o, key, json_string(clean));
    free(clean);
}

double record_get_real(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    return json_is_number(v) ? json_number_value(v) : NAN;
}

const char *record_get_text(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text ? text : "";
}

static json_t *case_json(const struct judge_case_result *c)
{
    json_t *o = json_object();

    record_set_text(o, "name", c->c ? c->c->name : "");
    record_set_text(o, "op", c->c ? c->c->op : "");
    record_set_text(o, "regime", c->regime);
    json_object_set_new(o, "weight", json_real(c->c ? c->c->weight : 0));
    record_set_real(o, "estimate", c->estimate);
    record_set_real(o, "low", c->low);
    record_set_real(o, "high", c->high);
    record_set_real(o, "candidate_ns", c->candidate_ns);
    record_set_real(o, "incumbent_ns", c->incumbent_ns);
    record_set_real(o, "floor_ns", c->floor_ns);
    record_set_real(o, "utilisation", c->utilisation);
    return o;
}

static json_t *check_json(const struct judge_check_report *r)
{
    json_t *o = json_object(), *cases = json_array();

    for (size_t i = 0; i < r->n_cases; i++) {
        const struct judge_check_case *c = &r->cases[i];
        json_t *k = json_object();

        record_set_text(k, "name", c->c ? c->c->name : "");
        json_object_set_new(k, "runs", json_integer(c->n_runs));
        json_object_set_new(k, "failed", json_boolean(c->failed));
        record_set_real(k, "max_units", c->max_units);
        record_set_real(k, "p99_units", c->p99_units);
        record_set_real(k, "rms_units", c->rms_units);
        record_set_real(k, "max_bound_share", c->max_bound_share);
        if (c->failed)
            record_set_text(k, "message", c->message);
        json_array_append_new(cases, k);
    }
    record_set_text(o, "message", r->message);
    record_set_real(o, "seconds", r->seconds);
    json_object_set_new(o, "cases", cases);
    return o;
}

/* Of processor time while measuring: NAN where nothing was measured or the system does not say. */
static double share(const struct judge_trial *t, double x)
{
    return t->n_units && x >= 0 ? x : NAN;
}

json_t *record_details(const struct judge_trial *t, const struct record_context *context,
                       const struct ledger_row *row)
{
    json_t *o = json_object(), *cases = json_array();

    json_object_set_new(o, "experiment", json_integer(row->experiment));
    record_set_text(o, "hypothesis", row->hypothesis);
    record_set_text(o, "parent", row->parent);
    record_set_text(o, "attempt", row->attempt);
    record_set_text(o, "verdict", row->verdict);
    record_set_text(o, "reason", row->reason);
    record_set_text(o, "next", t->next);
    record_set_text(o, "features", context->features);
    record_set_text(o, "seed", row->seeds);
    record_set_real(o, "margin", t->margin);
    record_set_real(o, "first_estimate", t->first_estimate);
    record_set_real(o, "evidence", t->evidence);
    record_set_real(o, "evidence_loss", t->evidence_loss);
    record_set_real(o, "evidence_confirm", t->evidence_confirm);
    json_object_set_new(o, "n_earlier_units", json_integer(t->n_earlier_units));
    if (context->continued_from && t->n_earlier_units)
        json_object_set_new(o, "continued_from", json_integer(context->continued_from));
    if (context->base)
        record_set_text(o, "base", context->base);
    if (context->again_of)
        json_object_set_new(o, "again_of", json_integer(context->again_of));
    if (context->origin[0])
        record_set_text(o, "origin", context->origin);
    record_set_real(o, "steal_share", share(t, t->steal_share));
    record_set_real(o, "disturbed_share", share(t, t->disturbed_share));
    if (context->calibration)
        json_object_set_new(o, "calibration", json_deep_copy(context->calibration));
    for (size_t i = 0; i < t->n_cases; i++)
        json_array_append_new(cases, case_json(&t->cases[i]));
    json_object_set_new(o, "cases", cases);
    json_object_set_new(o, "check", check_json(&t->check));
    if (t->details)
        json_object_set(o, "judge", t->details);
    return o;
}
