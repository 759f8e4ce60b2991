/* SPDX-License-Identifier: Apache-2.0
 *
 * judge_try: the gates that need no measurement, then the trial on real pairs of processes. */
#include "judge/machine/machine_lock.h"
#include "judge/measure/counters.h"
#include "judge/rule/rule.h"
#include "judge/rule/trial.h"
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

/* Cases that nobody could know while the candidate was written, and the sanitizers. */
static int pair_source_check(void *ctx, uint64_t seed, struct judge_check_report *out)
{
    const struct pair_source *s = ctx;
    struct judge_options o = *s->o;

    o.seed = seed;
    o.check_scope = JUDGE_CHECK_HIDDEN;
    return judge_check(s->candidate, &o, out);
}

/* --- the gates --- */

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

/* Details of a trial that ended before anything was measured; what earlier ones of the same code
 * have shown stays on record (`record` NULL: no question was asked yet). */
static int trial_end_early(const struct judge_options *o, struct judge_trial *out,
                           const struct trial_record *record, const char *next)
{
    struct trial t = {.o = o, .out = out};

    TRY(trial_begin(&t, record));
    snprintf(out->next, sizeof out->next, "%s", next);
    out->details = trial_report_details(&t);
    return out->details ? 0 : err_set(ERR_NOMEM, "details of a trial");
}

static int try_check(struct judge_build *candidate, const struct judge_options *o,
                     struct judge_trial *out)
{
    struct judge_options first = *o;

    first.check_scope = JUDGE_CHECK_FIRST;
    trial_progress(o, JUDGE_CHECKED, false, "checking %zu cases against the oracle",
                   problem_shipped.n_cases);
    TRY(judge_check(candidate, &first, &out->check));
    trial_progress(o, JUDGE_CHECKED, true, "%s (%zu cases, %.1f s)",
                   out->check.verdict == JUDGE_WIN ? "correct" : out->check.message,
                   out->check.n_cases, out->check.seconds);
    return 0;
}

/* Candidate and incumbent compile and differ. 1 to go on, 0 with a verdict. */
static int try_builds(struct judge_build *candidate, struct judge_build *incumbent,
                      const struct judge_options *o, struct judge_trial *out)
{
    if (!judge_build_ok(incumbent))
        return err_set(ERR_CONFLICT, "the incumbent does not build: %.300s",
                       judge_build_log(incumbent));
    if (!judge_build_ok(candidate)) {
        out->verdict = judge_build_verdict(candidate);
        first_error(judge_build_log(candidate), out->reason, sizeof out->reason);
        return trial_end_early(o, out, NULL,
                               "make it compile; the whole log is kept with the experiment");
    }
    snprintf(out->code_key, sizeof out->code_key, "%s", judge_build_code_key(candidate));
    if (o->control.kind == JUDGE_CONTROL_NONE &&
        !strcmp(out->code_key, judge_build_code_key(incumbent))) {
        out->verdict = JUDGE_SAME_CODE;
        snprintf(out->reason, sizeof out->reason,
                 "the compiled code is the incumbent's, byte for byte; nothing was measured");
        return trial_end_early(o, out, NULL, "change something that the compiler can see");
    }
    return 1;
}

/* The candidate computes the right thing. 1 to go on, 0 with a verdict. */
static int try_correct(struct judge_build *candidate, const struct judge_options *o,
                       const struct trial_record *record, struct judge_trial *out)
{
    char next[sizeof out->next];

    TRY(try_check(candidate, o, out));
    if (out->check.verdict == JUDGE_WIN)
        return 1;
    out->verdict = out->check.verdict;
    snprintf(out->reason, sizeof out->reason, "%s", out->check.message);
    snprintf(next, sizeof next,
             "judge check --source DIR --features %s --seed %" PRIu64
             " repeats it, with that kernel in DIR",
             o->features ? o->features : "all", out->seed);
    return trial_end_early(o, out, record, next);
}

/* A machine whose controls went wrong judges nobody. 1 to go on, 0 with a verdict. */
static int try_fit(const struct judge_options *o, const struct trial_record *record,
                   struct judge_trial *out)
{
    const struct judge_calibration *c = record->calibration;

    if (!c || c->fit)
        return 1;
    out->verdict = JUDGE_UNFIT_MACHINE;
    snprintf(out->reason, sizeof out->reason, "the calibration of %s says: %s", c->date, c->why);
    return trial_end_early(o, out, NULL, "judge calibrate finds out whether that still holds");
}

/* Nobody else measures meanwhile. */
static int try_measure(const struct trial_source *source, const struct judge_options *o,
                       const struct trial_record *record, struct judge_trial *out)
{
    int lock = machine_lock_take(o), rc;

    TRY(lock);
    rc = trial_measure(source, o, record, out);
    close(lock);
    return rc;
}

/* Evidence that is decided needs no lock and no check. */
static bool is_closed(const struct judge_options *o, const struct trial_record *record)
{
    struct evidence e;

    return evidence_read(o->evidence, record->key, &e) == 0 && e.closed;
}

/* An experiment: every gate, then the measurement. */
static int try_experiment(const struct trial_source *source, struct pair_source *pair,
                          const struct judge_options *o, struct judge_trial *out)
{
    struct judge_calibration calibration;
    struct trial_record record = {.margin = o->margin};
    int rc = judge_calibration_load(&calibration);

    TRY(rc);
    if (rc) {
        record.calibration = &calibration;
        record.margin = fmax(o->margin, calibration.mde / 2);
    }
    TRY(judge_evidence_key(pair->candidate, pair->incumbent, o, record.key));
    if (is_closed(o, &record))
        return trial_measure(source, o, &record, out);
    rc = try_fit(o, &record, out);
    if (rc == 1)
        rc = try_correct(pair->candidate, o, &record, out);
    if (rc == 1)
        rc = try_measure(source, o, &record, out);
    return rc;
}

/* A control: known to be correct, and no evidence of anything but the judge. */
static int try_control(const struct trial_source *source, const struct judge_options *o,
                       struct judge_trial *out)
{
    struct trial_source blind = *source;
    struct trial_record record = {.margin = o->margin};

    blind.check = NULL;
    return try_measure(&blind, o, &record, out);
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
                                        pair_source_count,
                                        pair_source_check};
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
    out->steal_share = out->disturbed_share = -1;
    counters_probe(out->counters, sizeof out->counters);
    rc = try_builds(candidate, incumbent, &seeded, out);
    if (rc == 1 && o->control.kind == JUDGE_CONTROL_NONE)
        rc = try_experiment(&source, &pair, &seeded, out);
    else if (rc == 1)
        rc = try_control(&source, &seeded, out);
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
