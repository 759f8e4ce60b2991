/* SPDX-License-Identifier: Apache-2.0
 *
 * progress.h: how a trial looks while it runs. A terminal shows the step under way on one line that
 * is written over; a file gets a line every few seconds, so that a log stays readable. For ratchet/
 * only; one thread. */
#ifndef PAWL_RATCHET_PROGRESS_H
#define PAWL_RATCHET_PROGRESS_H

#include "judge/judge.h"

#include <stdio.h>

struct progress {
    FILE *to;           /* NULL: silent */
    bool terminal;      /* write over the line */
    bool json;          /* {"stage", "done", "seconds", "text"} a line, every step */
    int columns;        /* of the terminal; 0: lines are not cut */
    double start, last; /* seconds: of the trial; when a line was written */
};

/* `to` is borrowed. */
void progress_init(struct progress *p, FILE *to, bool json);

/* Show a step: elapsed time, stage, the judge's words. Steps without words show nothing. */
void progress_show(struct progress *p, const struct judge_progress *step);

/* Take the line that is written over away. */
void progress_clear(struct progress *p);

/* Seconds of the monotonic clock. */
double progress_seconds(void);

#endif
