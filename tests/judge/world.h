/* SPDX-License-Identifier: Apache-2.0
 *
 * world.h: a trial on simulated units: the timed cases of the shipped problem with times that the
 * simulation chooses, so that every way through the stages is walked without a process or a clock.
 * Tests only. */
#ifndef PAWL_WORLD_H
#define PAWL_WORLD_H

#include "judge/rule/trial.h"
#include "reference/base/rng.h"

/* What the simulated machine and candidate do. Effects are log ratios, > 0 is faster. */
struct world {
    struct rng rng;
    double gain[2];  /* of every case, [first stage, confirmation] */
    double odd_gain; /* replaces gain for the case `odd` when odd != NULL */
    const char *odd; /* name prefix of a case */
    double noise;    /* standard deviation of a unit's effect per case */
    double scale;    /* all times over a plausible one; 1 = honest */
    double tail[2];  /* share of the candidate's slices that take twice as long, [stage] */
    double steal;
    uint32_t fail_at; /* unit of the first stage that fails, from 1; 0 = none */
    double disturbed;
    double slow_peaks;     /* the n-th peaks but the last are so many times too low; 0 = none */
    bool incumbent_honest; /* scale is the candidate's alone */
    bool implausible[8];   /* of the n-th peak measurement */
    uint32_t n_peaks, n_open, n_close, n_units[2];
    uint64_t shapes_seed[2];
    enum judge_verdict hidden; /* what the check before the confirmation finds; 0 = correct */
    uint64_t check_seed;
    char progress[8192];
};

/* 2 % noise in each case, nobody disturbs it, honest times, every case gains `gain`. */
struct world quiet_world(double gain);

/* Units, peaks and checks of *w (borrowed). */
struct trial_source world_source(struct world *w);

/* trial_measure in *w; `record` may be NULL. Fails the test on an error. */
struct judge_trial world_try(struct world *w, const struct judge_options *options,
                             const struct trial_record *record);

#endif
