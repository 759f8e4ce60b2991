/* SPDX-License-Identifier: Apache-2.0
 *
 * allowance.h: how much a campaign may spend, what it has spent, and when that is enough. Pure. For
 * ratchet/ only. */
#ifndef PAWL_RATCHET_ALLOWANCE_H
#define PAWL_RATCHET_ALLOWANCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0: no such limit. */
struct allowance {
    int64_t attempts;     /* rounds that led to an experiment */
    double minutes;       /* of the whole campaign */
    double agent_minutes; /* of one run of the agent */
    double score;         /* of a win */
    double gain_percent;  /* of all wins together */
};

struct spent {
    int64_t attempts, wins;
    double seconds;
    double gain;  /* natural log, of the wins together */
    double score; /* of the last win; 0: none yet */
};

/* Is there nothing left, or is the target reached? `why` says which. */
bool allowance_over(const struct allowance *a, const struct spent *s, char *why, size_t bytes);

/* Seconds that the next run of the agent may take; 0: any. */
double allowance_round(const struct allowance *a, const struct spent *s);

/* {attempts, attempts_left, minutes, minutes_left, target_score, target_gain_percent, wins,
 * gain_percent, score}; null: no such limit, or nothing yet. The caller decrefs. */
json_t *allowance_json(const struct allowance *a, const struct spent *s);

#endif
