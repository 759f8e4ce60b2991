/* SPDX-License-Identifier: Apache-2.0
 *
 * unit.h: one unit of evidence, the atom of measurement. Fresh worker processes for both sides,
 * fresh link layouts, one coin for the order, at least three ABBA quads per case with every slice
 * timed by the judge's clock. The timed calls are checked calls: each slice has fresh activations
 * at fresh addresses, none of its requests shares weights, pages or outputs with another, and drawn
 * parts of its outputs are held against the oracle. Each side reads two physical copies of its
 * private bytes, and in every quad it is timed once on each: of equal copies one may stay a tenth
 * slower for as long as it lives, and as the noise between units that was larger than all other
 * noise together. Outputs are each side's own. Used by the sequential rule (trial.c) and by `judge
 * bench`; inside judge/ only.
 *
 * Memory: the timed cases' canonical bytes (at most POOL_CAP_BYTES each), the packed bytes two
 * times, or four times where the sides pack differently, and some 200 MiB for inputs and outputs. */
#ifndef PAWL_UNIT_H
#define PAWL_UNIT_H

#include "judge/measure/counters.h"
#include "judge/judge.h"

enum { UNIT_QUADS = 3, UNIT_SLICES = 4, UNIT_MAX_CASES = 32 };

struct judge_pair; /* two builds with their prepared pools */

/* What one unit measured. Case index = position in problem_shipped.cases among the selected ones.
 */
struct judge_unit {
    uint64_t seed;
    uint64_t layout[2]; /* layout seeds of candidate and incumbent */
    bool swapped;       /* the coin: BAAB ABBA BAAB instead of ABBA BAAB ABBA */
    size_t n_cases;
    struct judge_unit_case {
        const struct problem_case *c;
        uint32_t requests;                       /* per slice */
        double ns[UNIT_QUADS][UNIT_SLICES];      /* per request, in time order */
        bool candidate[UNIT_QUADS][UNIT_SLICES]; /* whose slice it was */
        double d; /* median over quads of (1/2) ln(incumbent^2 / candidate^2) */
    } cases[UNIT_MAX_CASES];
    /* Of processor time during the unit, from /proc/stat; -1 unknown. */
    double steal_share;     /* taken by the host's other guests */
    double disturbed_share; /* taken by processes that are neither the judge nor its workers */
    uint32_t n_verified;    /* elements of timed outputs held against the oracle */
};

/* Outcome of running a unit: a candidate that crashes or hangs while timed is a value. */
enum judge_unit_status { UNIT_DONE = 0, UNIT_FAILED = 1 };

/* Generate inputs, prepare both sides' pools (pack, kv_store) in workers, find out how many
 * requests fill a slice. `shapes_seed` != 0 draws the timed sizes and contents afresh
 * (confirmation); the cases that units then point at stay valid after the pair is closed, until
 * the next pair with drawn shapes is opened. Timed cases: weight > 0, or of op `o->focus`, or
 * o->timed alone. `o` must
 * outlive the pair; o->control makes it a control. Error: ERR_INTEGRITY when the incumbent fails,
 * and what generating, linking and starting workers return. One thread. */
int judge_pair_open(struct judge_build *candidate, struct judge_build *incumbent,
                    const struct judge_options *o, uint64_t shapes_seed, struct judge_pair **out);
void judge_pair_close(struct judge_pair **p);

/* Run one unit, its plan drawn from `seed`. On UNIT_FAILED *verdict and message (>= 512 bytes) say
 * what the candidate did. Error: ERR_INTEGRITY for a fault of the incumbent, unless both are one
 * build (then it is the candidate's), and for read-only memory of a worker that changed, which the
 * system should not allow; what linking and starting workers return. */
int judge_pair_unit(struct judge_pair *p, uint64_t seed, struct judge_unit *out,
                    enum judge_verdict *verdict, char *message);

/* Events per request, [case of judge_unit][event]; meaningless for an event with a reason. */
struct judge_counts {
    struct counters events; /* released: names and reasons only */
    double per_request[UNIT_MAX_CASES][COUNTERS_MAX];
};

/* Count `events` (see counters_init) while workers of the candidate, one for each event, carry
 * out a slice of each case; nothing is timed or judged. An event that reads 0 in every case is not
 * believed, and a kernel that fails is the reason of all events. Error: what starting a worker
 * returns. */
int judge_pair_count(struct judge_pair *p, const struct counters_event *events,
                     struct judge_counts *out);

#endif
