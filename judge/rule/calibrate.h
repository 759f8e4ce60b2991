/* SPDX-License-Identifier: Apache-2.0
 *
 * calibrate.h: how often is this judge wrong on this machine? Experiments whose answer is known go
 * through the very same trial as any other, in drawn order; the rule never learns which is which.
 * From their units follow, by replay, the bounds that live experiments are too few for, the power,
 * and whether the machine is fit. Inside judge/ only. */
#ifndef PAWL_CALIBRATE_H
#define PAWL_CALIBRATE_H

#include "judge/judge.h"
#include "judge/rule/simulate.h"

enum { CALIBRATE_TABLE = 40, CALIBRATE_REPLAYS = 100000 };

/* The first n controls of a table that repeats every forty: eighteen without an effect (identical,
 * re-linked and re-allocated in turn), six slow-downs (2 % three times; 0.5, 1 and 5 %), twelve
 * speed-ups of 3 % and four of 2 %; any beginning of it has of everything. Shuffled by `seed`.
 * out [n]. */
void calibrate_plan(uint32_t n, uint64_t seed, struct judge_control *out);

/* Who carries out a control, and who wants to know. */
struct calibrate_source {
    void *ctx;
    int (*experiment)(void *ctx, const struct judge_control *control, struct judge_trial *out);
    /* After each experiment: its record, and which of how many it was (from 1). */
    void (*tell)(void *ctx, const json_t *experiment, uint32_t i, uint32_t n);
};

/* Carry out n controls and fill *out with date, machine, judge, cases and experiments (each with
 * all its units' d); not yet a whole calibration. Each record is appended to `partial` (NULL: kept
 * nowhere) as one line of JSON as soon as it exists. New reference. Error: what the source returns,
 * ERR_IO. */
int calibrate_run(const struct calibrate_source *source, uint32_t n, uint64_t seed,
                  const char *date, const char *partial, json_t **out);

struct calibrate_rate {
    uint32_t n, wins;
};

/* What the experiments say. */
struct calibrate_report {
    struct calibrate_rate null, slowed, sped_3, sped_2; /* null: all kinds without an effect */
    uint32_t n_slowed_5, n_slowed_5_lost;
    uint32_t n_controls, n_unjudged; /* in no rate: neither WIN, LOSS nor INCONCLUSIVE */
    double live_low, live_bound;     /* of false wins among null; 95 % each */
    struct simulate_tally replay;    /* the recorded null units through the whole rule */
    double replay_bound;             /* of false wins by replay, 95 % */
    struct simulate_tally power[SIMULATE_N_POWERS]; /* recorded units + simulate_powers, at
                                                     * the margin of trials */
    double mde;        /* smallest effect that wins 9 of 10 at RULE_MARGIN_MIN; 0: none to 10 % */
    double unit_noise; /* of D: 1.4826 x median absolute deviation, as all noises here */
    double case_noise[DECIDE_MAX_CASES];
    double lag1;            /* autocorrelation of D from unit to unit */
    double shift_sd;        /* of the mean of D between stages, beyond what their units explain */
    uint32_t n_units, n_up; /* null units; with D > 0 */
    double sign_p, wilcoxon_p; /* two-sided, of the units against their mirror image */
    bool fit;
    char why[256]; /* what stands against this machine; fit: what is worth knowing */
};

/* Compute *out from calibrate_run's object, set its "summary" and mark it whole. `replays` attempts
 * on n_threads threads. Error: ERR_FORMAT, ERR_NOMEM, ERR_IO. */
int calibrate_report(json_t *all, uint32_t replays, uint32_t n_threads,
                     struct calibrate_report *out);

#endif
