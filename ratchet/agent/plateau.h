/* SPDX-License-Identifier: Apache-2.0
 *
 * plateau.h: where the next attempt is worth most, and when none is any more. What an operation may
 * still give is expected as
 *
 *     share of inference time x distance to the roof x recent hit rate
 *
 * with the hit rate as the mean of Beta(1 + wins, 3 + misses): before any evidence one attempt in
 * four wins, as in this project's own ledger, and twenty misses in a row leave one in 24. Each step
 * is taken on evidence and said with its reason: first a warning, then, when the next look says the
 * same, what it warned of: another operation, or the end. Pure. For ratchet/ only. */
#ifndef PAWL_RATCHET_PLATEAU_H
#define PAWL_RATCHET_PLATEAU_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Another operation must promise this much more: going to and fro costs what was learned. */
#define PLATEAU_BETTER 1.5
/* Where nothing was measured yet half of the time is taken to be above the roof. */
#define PLATEAU_DISTANCE_UNKNOWN 0.5
#define PLATEAU_PRIOR_WINS       1.0
#define PLATEAU_PRIOR_MISSES     3.0

enum { PLATEAU_MAX_OPS = 32, PLATEAU_RECENT = 20 };

struct plateau_op {
    char name[96];         /* operation, or the case that has the focus */
    double share;          /* of inference time, 0..1 */
    double distance;       /* 1 - utilisation, weighted over its cases; NAN: unknown */
    uint32_t wins, misses; /* of the last PLATEAU_RECENT attempts at it */
};

/* Journals keep the numbers. */
enum plateau_level {
    PLATEAU_GO = 0,
    PLATEAU_WARN_SWITCH = 1,
    PLATEAU_SWITCH = 2,
    PLATEAU_STOP = 3,
    PLATEAU_WARN_STOP = 4,
};

struct plateau {
    enum plateau_level level;
    size_t focus;     /* index of the operation to work on */
    char reason[512]; /* "" with PLATEAU_GO */
};

/* Expected gain of an operation as a share of the whole time. */
double plateau_expected(const struct plateau_op *op);

/* What follows. `current`: the operation worked on, n: none yet. `before`: the level of the last
 * decision on it. `stop_below`: share of time under which an attempt is not worth it; 0: never
 * stop. n >= 1. */
void plateau_decide(const struct plateau_op *ops, size_t n, size_t current,
                    enum plateau_level before, double stop_below, struct plateau *out);

/* "go", "warn" (of either), "switch", "stop". */
const char *plateau_level_name(enum plateau_level level);

/* {level, reason, operations [{name, share, distance, wins, misses, expected_percent}]}. The caller
 * decrefs. */
json_t *plateau_json(const struct plateau_op *ops, size_t n, const struct plateau *p);

#endif
