/* SPDX-License-Identifier: Apache-2.0
 *
 * progress.h: how a trial looks while it runs. A terminal shows the step under way on one line that
 * is written over; a file gets a line every few seconds, so that a log stays readable; and other
 * processes (`ratchet watch`, `ratchet report --serve`) read the step from a small file in the
 * repository's store. For ratchet/ only; one thread. */
#ifndef PAWL_RATCHET_PROGRESS_H
#define PAWL_RATCHET_PROGRESS_H

#include "judge/judge.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>

struct progress {
    FILE *to;              /* NULL: silent */
    bool terminal;         /* write over the line */
    bool json;             /* {"stage", "done", "seconds", "text"} a line, every step */
    int columns;           /* of the terminal; 0: lines are not cut */
    double start, last;    /* seconds: of the trial; when a line was written */
    char path[PATH_MAX];   /* the file for others; "": none */
    json_t *published;     /* what it says beside the step */
    double last_published; /* seconds */
};

/* `to` is borrowed. */
void progress_init(struct progress *p, FILE *to, bool json);

/* From now on let others read each step in `store` (r->store): experiment (0: a dry run),
 * hypothesis, pid and begin beside the step's own members (as with --progress). What cannot be
 * written is left out: a trial does not fail for its spectators. progress_end takes the file away.
 */
void progress_publish(struct progress *p, const char *store, int64_t experiment,
                      const char *hypothesis);
void progress_end(struct progress *p);

/* What a trial under way published: 1 and a new reference, or 0 when there is none (a file whose
 * process is gone counts as none). */
int progress_read(const char *store, json_t **out);

/* Show a step: elapsed time, stage, the judge's words. Steps without words show nothing. */
void progress_show(struct progress *p, const struct judge_progress *step);

/* Take the line that is written over away. */
void progress_clear(struct progress *p);

/* Seconds of the monotonic clock. */
double progress_seconds(void);

#endif
