/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/record.h"

#include <math.h>
#include <stdlib.h>

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

void record_row(const struct ratchet_judge *judge, const struct judge_trial *t,
                struct ledger_row *row)
{
    char seed[24];

    snprintf(seed, sizeof seed, "%016llx", (unsigned long long)t->seed);
    record_text(&row->verdict, judge->verdict_name(t->verdict));
    record_text(&row->reason, t->reason);
    record_text(&row->regime, t->regime);
    record_text(&row->counters, t->counters);
    record_text(&row->code_key, t->code_key);
    ledger_text_set(&row->seeds, seed);
    if (t->n_units) {
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

static void set_real(json_t *o, const char *key, double x)
{
    json_object_set_new(o, key, isfinite(x) ? json_real(x) : json_null());
}

static void set_text(json_t *o, const char *key, const char *text)
{
    char *clean = NULL;

    record_text(&clean, text);
    json_object_set_new(o, key, json_string(clean));
    free(clean);
}

static json_t *case_json(const struct judge_case_result *c)
{
    json_t *o = json_object();

    set_text(o, "name", c->c ? c->c->name : "");
    set_text(o, "op", c->c ? c->c->op : "");
    set_text(o, "regime", c->regime);
    json_object_set_new(o, "weight", json_real(c->c ? c->c->weight : 0));
    set_real(o, "estimate", c->estimate);
    set_real(o, "low", c->low);
    set_real(o, "high", c->high);
    set_real(o, "candidate_ns", c->candidate_ns);
    set_real(o, "incumbent_ns", c->incumbent_ns);
    set_real(o, "floor_ns", c->floor_ns);
    set_real(o, "utilisation", c->utilisation);
    return o;
}

static json_t *check_json(const struct judge_check_report *r)
{
    json_t *o = json_object(), *cases = json_array();

    for (size_t i = 0; i < r->n_cases; i++) {
        const struct judge_check_case *c = &r->cases[i];
        json_t *k = json_object();

        set_text(k, "name", c->c ? c->c->name : "");
        json_object_set_new(k, "runs", json_integer(c->n_runs));
        json_object_set_new(k, "failed", json_boolean(c->failed));
        set_real(k, "max_units", c->max_units);
        set_real(k, "p99_units", c->p99_units);
        set_real(k, "rms_units", c->rms_units);
        set_real(k, "max_bound_share", c->max_bound_share);
        if (c->failed)
            set_text(k, "message", c->message);
        json_array_append_new(cases, k);
    }
    set_text(o, "message", r->message);
    set_real(o, "seconds", r->seconds);
    json_object_set_new(o, "cases", cases);
    return o;
}

json_t *record_details(const struct judge_trial *t, const struct ledger_row *row)
{
    json_t *o = json_object(), *cases = json_array();

    json_object_set_new(o, "experiment", json_integer(row->experiment));
    set_text(o, "hypothesis", row->hypothesis);
    set_text(o, "parent", row->parent);
    set_text(o, "attempt", row->attempt);
    set_text(o, "verdict", row->verdict);
    set_text(o, "reason", t->reason);
    set_text(o, "next", t->next);
    set_text(o, "seed", row->seeds);
    set_real(o, "margin", t->margin);
    set_real(o, "first_estimate", t->first_estimate);
    set_real(o, "evidence", t->evidence);
    set_real(o, "evidence_loss", t->evidence_loss);
    set_real(o, "evidence_confirm", t->evidence_confirm);
    for (size_t i = 0; i < t->n_cases; i++)
        json_array_append_new(cases, case_json(&t->cases[i]));
    json_object_set_new(o, "cases", cases);
    json_object_set_new(o, "check", check_json(&t->check));
    if (t->details)
        json_object_set(o, "judge", t->details);
    return o;
}
