/* SPDX-License-Identifier: Apache-2.0
 *
 * pair.h: two builds, the pool they are timed on and the memory it lies in: what the files of
 * judge/measure share of struct judge_pair. Nobody else includes it. */
#ifndef PAWL_PAIR_H
#define PAWL_PAIR_H

#include "judge/measure/pool.h"
#include "judge/measure/unit.h"
#include "judge/worker/fault.h"
#include "judge/worker/segment.h"
#include "judge/worker/side.h"

enum pair_side { PAIR_CANDIDATE = 0, PAIR_INCUMBENT = 1 };

/* See seat.h. */
struct seat {
    int side, copy;
    struct side *worker;
    const struct segment *input, *opaque, *output; /* of the pair */
    size_t shift;                                  /* of the outputs, bytes */
};

/* Requests of one slice, see batch.h. */
struct batch {
    const struct pool_case *c;
    uint32_t count;
    uint32_t sentinel;                 /* what the outputs held before */
    size_t origin[POOL_MAX_TAPES];     /* of each tape */
    uint32_t slot[POOL_MAX_INSTANCES]; /* instance of request i; the first `count` of all, shuffled
                                        */
    uint32_t place[POOL_MAX_INSTANCES][POOL_MAX_TAPES]; /* of request i's windows */
};

struct judge_pair {
    struct judge_build *build[2]; /* [side] */
    const struct judge_options *o;
    struct pool pool;
    struct segment input[2];  /* [copy], read-only for either side */
    struct segment output[2]; /* one for each side; which one, the unit's coin says */
    bool swapped;             /* that coin */
    /* Two memories for private bytes. Alike on both sides: each holds them, and both sides read
     * both. Else memory c holds those of side c ^ turned, and the sides take turns on them. */
    struct segment opaque[2]; /* [copy], both of the larger size */
    bool alike, turned;
    uint32_t requests[UNIT_MAX_CASES];       /* per slice */
    uint32_t looks[UNIT_MAX_CASES];          /* requests of a slice that the oracle looks at */
    uint64_t extra_steps[2][UNIT_MAX_CASES]; /* [side] a control's extra work per request */
    int32_t cores[WORKER_MAX_THREADS];
    uint32_t n_cores;
    uint32_t n_units;
    struct judge_fault fault; /* of the candidate before any unit; every unit reports it */
    struct batch batch;       /* the slice under way */
};

/* The incumbent's faults are no verdict on the candidate: ERR_INTEGRITY with the sentence. When
 * both sides are one build (judge bench, controls) they are the candidate's: p->fault. */
int pair__incumbent_error(struct judge_pair *p, const struct judge_fault *fault);

/* The memory that `side` can read now: any, `wanted` then, when both sides' bytes are alike. */
int pair__copy(const struct judge_pair *p, int side, int wanted);

/* Exchange the contents of the two memories; nothing to do when they are alike. No worker runs
 * meanwhile, and none ever runs while the rival's bytes lie where it reads. */
void pair__turn(struct judge_pair *p);

/* Lay the private bytes of memory `copy` into fresh pages. Not while workers live. */
int pair__opaque_move(struct judge_pair *p, int copy);

/* Fill requests, looks and extra_steps by running the incumbent. A fault is the incumbent's. */
int pair__calibrate(struct judge_pair *p, struct judge_fault *fault);

#endif
