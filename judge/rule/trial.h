/* SPDX-License-Identifier: Apache-2.0
 *
 * trial.h: the sequential part of a trial (peaks, first stage, confirmation, verdict) on top of a
 * source of units, so that the logic runs on simulated units in tests and on real pairs of
 * processes in judge_try. Inside judge/ and its tests only. */
#ifndef PAWL_TRIAL_H
#define PAWL_TRIAL_H

#include "judge/machine/peaks.h"
#include "judge/measure/slices.h"
#include "judge/measure/unit.h"
#include "judge/rule/decide.h"
#include "judge/rule/evidence.h"

/* Where units and peaks come from. open makes a pair (shapes_seed 0: the listed shapes, else drawn
 * from it) that unit measures and close releases; the contracts are those of unit.h. */
struct trial_source {
    void *ctx;
    int (*open)(void *ctx, uint64_t shapes_seed, void **pair);
    int (*unit)(void *pair, uint64_t seed, struct judge_unit *out, enum judge_verdict *verdict,
                char *message);
    void (*close)(void **pair);
    int (*peaks)(void *ctx, struct judge_peaks *out);
    int (*count)(void *pair, struct judge_counts *out); /* after the last unit, of the candidate */
    /* Before a confirmation: hold the candidate against the oracle on cases drawn from `seed`.
     * NULL: not for this source. */
    int (*check)(void *ctx, uint64_t seed, struct judge_check_report *out);
};

/* What is known before anything is measured. */
struct trial_record {
    char key[SHA256_HEX];                        /* of the evidence; "" for controls */
    const struct judge_calibration *calibration; /* NULL: none on record */
    double margin;                               /* of a trial without earlier evidence */
};

/* How a stage ended; the first ones are those of the decision rule. */
enum trial_outcome {
    TRIAL_ACCEPT = DECIDE_ACCEPT,
    TRIAL_GIVE_UP = DECIDE_GIVE_UP,
    TRIAL_VETO = DECIDE_VETO,
    TRIAL_CAP = DECIDE_CAP,
    TRIAL_FAILED, /* the candidate crashed, hung or was wrong while timed */
    TRIAL_NOISY,  /* the units scatter past RULE_NOISE_LIMIT */
};

/* One stage with everything it measured. units [n]. */
struct trial_stage {
    bool confirm;
    uint64_t shapes_seed;
    struct decide rule;
    double weight[UNIT_MAX_CASES];
    struct judge_unit *units;
    uint32_t n, room;           /* of this trial; rule.seen.n counts those of earlier ones too */
    double noise;               /* robust standard deviation of D over units */
    struct judge_counts counts; /* no events when the candidate failed */
    double steal_share;         /* mean over the units that know it; -1: none does */
    double disturbed_share;     /* likewise; see unit.h */
    enum trial_outcome outcome;
    enum judge_verdict failed; /* TRIAL_FAILED: what the candidate did */
    char message[512];
};

/* Run a stage to its end, on from `earlier` (NULL: from nothing). Seeds of units come from
 * plan_seed in the first stage and from the system in confirmation. Error: what the source returns;
 * ERR_USAGE (no case for o->focus), ERR_FORMAT (earlier evidence does not fit), ERR_NOMEM. In all
 * cases the caller releases with trial_stage_deinit. */
int trial_stage_run(const struct trial_source *source, const struct judge_options *o, bool confirm,
                    double margin, const struct evidence_stage *earlier, uint64_t plan_seed,
                    struct trial_stage *out);
void trial_stage_deinit(struct trial_stage *s);

/* Shares of D over the unit's cases, sum 1: the workload's, or with `focus` those of one operation
 * (the workload's among its cases, equal when it has none). Error: ERR_USAGE when no case has the
 * op. */
int trial_weights(const struct judge_unit *unit, const char *focus, double *weight);

/* A trial under way. */
struct trial {
    const struct judge_options *o;
    const struct trial_source *source;
    const char *key;                             /* of the evidence; "": none is kept */
    const struct judge_calibration *calibration; /* NULL: none */
    double margin;
    struct evidence earlier;
    struct judge_peaks peaks;
    bool has_peaks;
    struct trial_stage stage[2]; /* first stage, confirmation */
    uint32_t n_stages;
    struct judge_check_report hidden; /* the check before the confirmation */
    struct slices_guard guard;        /* of the confirmation */
    bool has_guard;
    struct judge_trial *out;
};

/* Set key, calibration, earlier evidence and margin of *t, whose options are set, from `record` (NULL:
 * no key, the rule's own margin). Error: ERR_FORMAT for o->evidence that does not read. */
int trial_begin(struct trial *t, const struct trial_record *record);

/* Earlier evidence, peaks, stages, verdict, case table, score, sentences and details into *out,
 * whose identity fields (seed, check, code_key, counters) are set. Error: what the source returns;
 * ERR_FORMAT for o->evidence that does not read. */
int trial_measure(const struct trial_source *source, const struct judge_options *o,
                  const struct trial_record *record, struct judge_trial *out);

/* Set the verdict and its reason. */
void trial_conclude(struct trial *t, enum judge_verdict v, const char *reason);

/* trial_physics.c. Measure the peaks, again while they contradict themselves: 1 when they can be
 * used, 0 with the verdict that the machine is unfit. */
int trial_peaks(struct trial *t);

/* Nothing runs faster than the machine: 1 when all cases of the published stage are possible, 0
 * with a verdict. Before anybody is accused the peaks are measured again and again, and the best of
 * all measurements counts. */
int trial_physics(struct trial *t);

/* The stage whose numbers are published: the confirmation when there was one; NULL when this trial
 * has measured no unit. */
const struct trial_stage *trial_published(const struct trial *t);

/* trial_report.c: the case table and the weighted sums; reason and next. */
int trial_report_cases(struct trial *t);
void trial_report_sentences(struct trial *t);

/* trial_details.c: everything as JSON; new references. */
json_t *trial_report_details(const struct trial *t);
json_t *trial_report_check(const struct judge_check_report *r);

/* A JSON string of text that may be cut inside a character or quote a compiler. */
json_t *trial_json_text(const char *text);

/* Percent of a log ratio: 0.0296 gives 3.0. */
double trial_percent(double log_ratio);

/* Call o->progress with a formatted line. */
void trial_progress(const struct judge_options *o, enum judge_stage stage, bool done,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
