/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/calibrate.h"

#include "judge/rule/calibration.h"
#include "judge/rule/rule.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- the plan --- */

static const struct judge_control table[CALIBRATE_TABLE] = {
    {JUDGE_CONTROL_IDENTICAL, 0},   {JUDGE_CONTROL_SPED, 0.03},     {JUDGE_CONTROL_RELINKED, 0},
    {JUDGE_CONTROL_SLOWED, 0.05},   {JUDGE_CONTROL_REALLOCATED, 0}, {JUDGE_CONTROL_SPED, 0.03},
    {JUDGE_CONTROL_SLOWED, 0.02},   {JUDGE_CONTROL_IDENTICAL, 0},   {JUDGE_CONTROL_RELINKED, 0},
    {JUDGE_CONTROL_SPED, 0.03},     {JUDGE_CONTROL_REALLOCATED, 0}, {JUDGE_CONTROL_SPED, 0.02},
    {JUDGE_CONTROL_SPED, 0.03},     {JUDGE_CONTROL_IDENTICAL, 0},   {JUDGE_CONTROL_RELINKED, 0},
    {JUDGE_CONTROL_SPED, 0.03},     {JUDGE_CONTROL_REALLOCATED, 0}, {JUDGE_CONTROL_SLOWED, 0.01},
    {JUDGE_CONTROL_SPED, 0.03},     {JUDGE_CONTROL_IDENTICAL, 0},   {JUDGE_CONTROL_RELINKED, 0},
    {JUDGE_CONTROL_SPED, 0.02},     {JUDGE_CONTROL_REALLOCATED, 0}, {JUDGE_CONTROL_SPED, 0.03},
    {JUDGE_CONTROL_SLOWED, 0.02},   {JUDGE_CONTROL_IDENTICAL, 0},   {JUDGE_CONTROL_SPED, 0.03},
    {JUDGE_CONTROL_RELINKED, 0},    {JUDGE_CONTROL_SPED, 0.02},     {JUDGE_CONTROL_REALLOCATED, 0},
    {JUDGE_CONTROL_SPED, 0.03},     {JUDGE_CONTROL_SLOWED, 0.005},  {JUDGE_CONTROL_IDENTICAL, 0},
    {JUDGE_CONTROL_SPED, 0.03},     {JUDGE_CONTROL_RELINKED, 0},    {JUDGE_CONTROL_SPED, 0.02},
    {JUDGE_CONTROL_REALLOCATED, 0}, {JUDGE_CONTROL_SLOWED, 0.02},   {JUDGE_CONTROL_SPED, 0.03},
    {JUDGE_CONTROL_SPED, 0.03},
};

void calibrate_plan(uint32_t n, uint64_t seed, struct judge_control *out)
{
    struct rng r;

    rng_init(&r, seed);
    for (uint32_t i = 0; i < n; i++)
        out[i] = table[i % CALIBRATE_TABLE];
    for (uint32_t i = n; i > 1; i--) {
        uint32_t k = (uint32_t)rng_below(&r, i);
        struct judge_control t = out[k];

        out[k] = out[i - 1];
        out[i - 1] = t;
    }
}

/* --- records --- */

/* [stage][unit][case]: every d, from the details of a trial. */
static json_t *stages_record(const json_t *details)
{
    json_t *stages = json_array(), *stage, *unit, *one;
    size_t s, u, i;

    json_array_foreach(json_object_get(details, "stages"), s, stage)
    {
        json_t *units = json_array();

        json_array_foreach(json_object_get(stage, "units"), u, unit)
        {
            json_t *d = json_array();

            json_array_foreach(json_object_get(unit, "cases"), i, one)
                json_array_append(d, json_object_get(one, "d"));
            json_array_append_new(units, d);
        }
        json_array_append_new(stages, units);
    }
    return stages;
}

static json_t *experiment_record(const struct judge_control *c, const struct judge_trial *t)
{
    bool null = c->kind != JUDGE_CONTROL_SLOWED && c->kind != JUDGE_CONTROL_SPED;
    json_t *reason = json_string(t->reason);

    return json_pack("{s:s, s:b, s:f, s:s, s:o, s:f, s:f, s:f, s:i, s:i, s:f, s:f, s:f, s:o}",
                     "kind", calibration_kind_name(c->kind), "null", (int)null, "effect", c->effect,
                     "verdict", judge_verdict_name(t->verdict), "reason",
                     reason ? reason : json_null(), "estimate", t->estimate, "low", t->low, "high",
                     t->high, "units", (int)t->n_units, "confirm_units", (int)t->n_confirm_units,
                     "steal_share", t->steal_share, "disturbed_share", t->disturbed_share,
                     "seconds", t->seconds, "stages", stages_record(t->details));
}

/* Names and weights, from the first trial that measured anything. */
static void cases_record(json_t *all, const json_t *details)
{
    json_t *cases = json_object_get(all, "cases"), *one;
    size_t i;

    if (json_array_size(cases))
        return;
    json_array_foreach(json_object_get(details, "cases"), i, one)
        json_array_append_new(cases, json_pack("{s:O, s:O}", "name", json_object_get(one, "name"),
                                               "weight", json_object_get(one, "weight")));
}

/* A line for each experiment, on disk before the next one starts. */
static int partial_add(const char *path, const json_t *record)
{
    FILE *f = path ? fopen(path, "ae") : NULL;
    bool bad;

    if (!path)
        return 0;
    if (!f)
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    bad = json_dumpf(record, f, JSON_COMPACT | JSON_REAL_PRECISION(8)) != 0;
    bad = fputc('\n', f) == EOF || bad;
    bad = fclose(f) != 0 || bad;
    return bad ? err_set(ERR_IO, "%s: cannot write", path) : 0;
}

static int one_experiment(const struct calibrate_source *source, const struct judge_control *c,
                          const char *partial, json_t *all, json_t **record)
{
    struct judge_trial trial;
    int rc;

    TRY(source->experiment(source->ctx, c, &trial));
    cases_record(all, trial.details);
    *record = experiment_record(c, &trial);
    judge_trial_deinit(&trial);
    if (!*record || json_array_append_new(json_object_get(all, "experiments"), *record))
        return err_set(ERR_NOMEM, "the record of a control");
    rc = partial_add(partial, *record);
    return rc;
}

static json_t *run_header(const char *date)
{
    char machine[256];

    judge_machine_fingerprint(machine);
    return json_pack("{s:b, s:s, s:s, s:s, s:f, s:[], s:[]}", "complete", 0, "date", date,
                     "machine", machine, "judge_hash", judge_hash, "margin", RULE_MARGIN_MIN,
                     "cases", "experiments");
}

int calibrate_run(const struct calibrate_source *source, uint32_t n, uint64_t seed,
                  const char *date, const char *partial, json_t **out)
{
    struct judge_control plan[1000];
    json_t *all = run_header(date), *record;
    int rc = all ? 0 : err_set(ERR_NOMEM, "a calibration");

    *out = NULL;
    if (n > sizeof plan / sizeof *plan)
        rc = err_set(ERR_USAGE, "%u experiments: at most %zu", n, sizeof plan / sizeof *plan);
    if (rc == 0)
        calibrate_plan(n, seed, plan);
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        rc = one_experiment(source, &plan[i], partial, all, &record);
        if (rc == 0 && source->tell)
            source->tell(source->ctx, record, i + 1, n);
    }
    if (rc < 0)
        json_decref(all);
    else
        *out = all;
    return rc;
}
