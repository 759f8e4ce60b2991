/* SPDX-License-Identifier: Apache-2.0
 *
 * simulate.h: the whole rule on simulated units, millions of times: how often it lets a change win
 * that gains nothing, and how much it needs to see a gain. The same decide.c as in a trial, first
 * stage and confirmation, with the guard of the total; a try measures at most 40 units, and the
 * same code is tried again up to five times, its evidence continued, as rule/evidence.c does it.
 * Not simulated: slices, hence the guard of the tail, which can only refuse. */
#ifndef PAWL_SIMULATE_H
#define PAWL_SIMULATE_H

#include "judge/rule/noise.h"

#include <jansson.h>

enum { SIMULATE_ATTEMPTS = 20, SIMULATE_RETRIES = 5 };

/* What is tried. */
struct simulate_arm {
    double effect;     /* log ratio of every case */
    double odd_effect; /* of case 0, when `odd` */
    bool odd;
    bool mixed; /* half the attempts do nothing, three tenths cost 0.5 %, the rest 1 % */
};

struct simulate_tally {
    uint64_t campaigns, attempts;
    uint64_t first, first_campaigns; /* accepted by the first stage; campaigns with one or more */
    uint64_t wins, win_campaigns;    /* by the whole rule */
    uint32_t win_units[2 * RULE_CAP_UNITS + 1]; /* wins that took so many units in both stages */
    uint32_t end_units[2 * RULE_CAP_UNITS + 1]; /* attempts, whatever came of them */
};

/* Median of one of the histograms above; 0 for an empty one. */
uint32_t simulate_median(const uint32_t units[2 * RULE_CAP_UNITS + 1]);

struct simulate_world {
    enum noise_model model;
    size_t n_cases;
    const double *weight; /* [n_cases], sum 1 */
    double sd;            /* of a case; see noise.h */
    const struct noise_record *record;
    double margin;
};

/* `campaigns` campaigns of SIMULATE_ATTEMPTS attempts each on n_threads threads. The numbers depend
 * on the seed alone, not on the threads. Error: ERR_IO when no thread starts. */
int simulate_arm_run(const struct simulate_world *w, const struct simulate_arm *arm,
                     uint64_t campaigns, uint64_t seed, uint32_t n_threads,
                     struct simulate_tally *out);

enum { SIMULATE_N_POWERS = 5 };
extern const double simulate_powers[SIMULATE_N_POWERS]; /* 0.005, 0.01, 0.02, 0.03, 0.05 */

/* The whole table for one noise model. */
struct simulate_model {
    enum noise_model model;
    struct simulate_tally null; /* mixed: null and slightly harmful changes */
    struct simulate_tally edge; /* a gain of exactly the margin: the hardest null there is */
    struct simulate_tally power[SIMULATE_N_POWERS];
    struct simulate_tally neutral, loser; /* 0 and -5 % */
    struct simulate_tally harm[2];        /* +4 %, but case 0 at -3 % and -5 % */
};

/* Run all arms. The null arm has `campaigns` campaigns, the edge a tenth of them and each other one
 * a hundredth, at least 10. */
int simulate_model_run(const struct simulate_world *w, uint64_t campaigns, uint64_t seed,
                       uint32_t n_threads, struct simulate_model *out);

/* New reference: every count, with its Clopper-Pearson bounds. */
json_t *simulate_model_json(const struct simulate_model *m);

#endif
