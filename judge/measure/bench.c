/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/bench.h"

#include "judge/measure/slices.h"
#include "judge/rule/trial.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <stdlib.h>
#include <string.h>

static int bench_case_fill(const struct judge_unit *units, uint32_t n, size_t i,
                           const struct judge_peaks *peaks, struct bench_case *out)
{
    struct slices all;

    out->c = units[0].cases[i].c;
    TRY(slices_collect(units, n, i, SLICES_BOTH, &all));
    out->median_ns = slices_quantile(&all, 0.5);
    out->spread = (slices_quantile(&all, 0.9) - slices_quantile(&all, 0.1)) / out->median_ns;
    slices_deinit(&all);
    return roofline_locate(peaks, out->c, roofline_working_set(out->c), out->median_ns,
                           &out->point);
}

static int bench_fill(const struct judge_unit *units, const char *focus, struct bench *out)
{
    double weight[UNIT_MAX_CASES];

    TRY(trial_weights(units, focus, weight));
    out->n_cases = units[0].n_cases;
    for (size_t i = 0; i < out->n_cases; i++) {
        struct bench_case *c = &out->cases[i];

        TRY(bench_case_fill(units, out->n_units, i, &out->peaks, c));
        c->weight = weight[i];
        out->latency_ms += weight[i] * c->median_ns * 1e-6;
        out->utilisation += weight[i] * c->point.utilisation;
        out->gflops += weight[i] * c->point.gflops;
        out->gbps += weight[i] * c->point.gbps;
    }
    out->score = out->utilisation * 100 * 100 / out->latency_ms;
    return 0;
}

static int bench_units(struct judge_pair *pair, const struct judge_options *o, uint32_t n_units,
                       struct judge_unit *units, struct bench *out)
{
    for (uint32_t u = 0; u < n_units; u++) {
        int status =
            judge_pair_unit(pair, rng_seed_mix(o->seed, u), &units[u], &out->verdict, out->message);

        if (status < 0)
            return status;
        out->status = (enum judge_unit_status)status;
        if (out->status == UNIT_FAILED)
            return 0;
        out->n_units = u + 1;
        trial_progress(o, JUDGE_MEASURED, false, "unit %u of %u", u + 1, n_units);
    }
    TRY(judge_pair_count(pair, counters_wanted, &out->counts));
    return bench_fill(units, o->focus, out);
}

int bench_run(struct judge_build *build, const struct judge_options *o, uint32_t n_units,
              struct bench *out)
{
    struct judge_options seeded = *o;
    struct judge_unit *units = NULL;
    struct judge_pair *pair = NULL;
    uint64_t features;
    int rc;

    memset(out, 0, sizeof *out);
    while (!seeded.seed)
        seeded.seed = rng_seed_system();
    TRY(cpu_features_named(o->features ? o->features : "all", &features));
    trial_progress(o, JUDGE_MEASURED, false, "measuring the machine's peaks");
    TRY(judge_peaks_measure(features, true, &out->peaks));
    units = calloc(n_units, sizeof *units);
    if (!units)
        return err_set(ERR_NOMEM, "%u units", n_units);
    rc = judge_pair_open(build, build, &seeded, 0, &pair);
    if (rc == 0)
        rc = bench_units(pair, &seeded, n_units, units, out);
    judge_pair_close(&pair);
    free(units);
    return rc;
}

static json_t *bench_case_json(const struct bench_case *c)
{
    const struct roofline_point *r = &c->point;

    return json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
                     "name", c->c->name, "op", c->c->op, "threads", (int)c->c->n_threads, "weight",
                     c->weight, "median_ns", c->median_ns, "spread", c->spread, "regime", r->regime,
                     "level", judge_peaks_level_name(r->level), "intensity", r->intensity, "ridge",
                     r->ridge, "floor_ns", r->floor_ns, "utilisation", r->utilisation, "distance",
                     r->distance, "gflops", r->gflops, "gbps", r->gbps);
}

json_t *bench_json(const struct bench *b)
{
    json_t *cases = json_array();

    for (size_t i = 0; i < b->n_cases; i++) {
        json_t *one = bench_case_json(&b->cases[i]);

        json_object_set_new(one, "counters",
                            counters_json(&b->counts.events, b->counts.per_request[i]));
        json_array_append_new(cases, one);
    }
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:i, s:o, s:o}", "score", b->score, "latency_ms",
                     b->latency_ms, "utilisation", b->utilisation, "gflops", b->gflops, "gbps",
                     b->gbps, "units", (int)b->n_units, "cases", cases, "peaks",
                     judge_peaks_json(&b->peaks));
}
