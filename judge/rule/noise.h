/* SPDX-License-Identifier: Apache-2.0
 *
 * noise.h: simulated units. Each model draws the per-case effects of a unit in which the change
 * does nothing; the simulation adds the change. Units recorded on this machine are one of the
 * models. Inside judge/ only; one `struct noise` belongs to one thread. */
#ifndef PAWL_NOISE_H
#define PAWL_NOISE_H

#include "judge/rule/decide.h"
#include "reference/base/rng.h"

enum noise_model {
    NOISE_NORMAL = 0, /* every case on its own, `sd` */
    NOISE_HEAVY,      /* Student's t with 3 degrees of freedom, all cases of a unit at once */
    NOISE_DRIFT,      /* AR(1) 0.6 in each case and a slow wave in all; the coin draws its sign */
    NOISE_BURSTS,     /* one unit in 50 is off by 10 to 30 % in all cases, either way */
    NOISE_ONE_SIDED,  /* the same, but only ever in the candidate's favour */
    NOISE_SKEWED,     /* log-normal, all cases at once: median 0, mean and tail a gain */
    NOISE_PLACED,     /* memory that lies 0.15 % better or worse for as long as a pair lives */
    NOISE_REPLAY,     /* recorded units */
    NOISE_N_MODELS,
};

/* "normal", "heavy tails", ... */
const char *noise_model_name(enum noise_model m);

/* Recorded units of experiments in which nothing was changed. Borrowed by every noise that replays
 * them. */
struct noise_record {
    size_t n_cases, n_units;
    double weight[DECIDE_MAX_CASES]; /* sum 1 */
    double *d;                       /* [n_units][n_cases] */
    uint32_t *run;                   /* [n_units] the experiment, ascending */
    double shift_sd; /* of the mean of D between experiments, beyond what units explain */
};
void noise_record_deinit(struct noise_record *r);

struct noise {
    enum noise_model model;
    size_t n_cases;
    double sd; /* of a case between units */
    const struct noise_record *record;
    struct rng rng;
    double spare; /* the other one of a pair of normal draws */
    bool has_spare;
    double carry[DECIDE_MAX_CASES]; /* DRIFT: state of each case */
    double phase, shift;
    size_t at, left; /* REPLAY: next unit, units left in the block */
};

/* `record` is needed for NOISE_REPLAY alone, and then n_cases is the record's. */
void noise_init(struct noise *n, enum noise_model model, size_t n_cases, double sd,
                const struct noise_record *record, uint64_t seed);

/* A pair of pools is opened: whatever stays for as long as it lives is drawn. */
void noise_open(struct noise *n);

/* Effects of one unit, d [n_cases].
 * REPLAY: blocks of five consecutive units, drawn from all experiments alike, as they were
 * recorded: neither centred nor made symmetric; plus a shift drawn for each pair as large as the
 * experiments' means differ beyond their units' scatter. */
void noise_unit(struct noise *n, double *d);

#endif
