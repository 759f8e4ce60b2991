/* SPDX-License-Identifier: Apache-2.0
 *
 * campaign.h: one run of `ratchet agent`, however often it is interrupted: its options and its
 * account. The account is what the events of the journal add up to; going on after a crash reads
 * them again, so nothing is counted twice. Events, each with "event" and "at" (seconds the campaign
 * had run):
 *
 *   start      options {}, workspace: its folder
 *   resume     options {}: those that changed; a stop before it does not count any more
 *   round      round, focus: the agent is about to run
 *   beat       a minute more of the agent's work
 *   try        round, kernel, base, hypothesis, focus, done, rows: the ratchet is about to try what the
 *              agent left, made against commit base; the ledger has so many rows
 *   row        experiment: a row of that try which is not its verdict, since a crash ended it or
 *              another win overtook it: the same change is tried again
 *   end        round, outcome, detail, hypothesis and, when tried, experiment, verdict, estimate,
 *              score, share (of the campaign's whole that the estimate is about), overtaken (a win,
 *              but the branch had moved on too often), unable (the judge could say nothing)
 *   plateau    level, focus, reason
 *   stop       reason
 * For ratchet/ only. */
#ifndef PAWL_RATCHET_CAMPAIGN_H
#define PAWL_RATCHET_CAMPAIGN_H

#include "ratchet/agent/allowance.h"
#include "ratchet/agent/journal.h"
#include "ratchet/agent/plateau.h"
#include "ratchet/ratchet.h"

#include <limits.h>

/* How a round ended. */
enum outcome {
    OUTCOME_TRIED = 0,       /* the judge said what it was worth */
    OUTCOME_NO_CHANGE,       /* the mutable files are HEAD's */
    OUTCOME_NO_HYPOTHESIS,   /* a change, and nothing said about it */
    OUTCOME_OUTSIDE_MUTABLE, /* other files changed: nothing was tried */
    OUTCOME_CRASHED,         /* the agent ended with an exit code or by a signal */
    OUTCOME_TIMED_OUT,
    OUTCOME_TOO_MUCH_OUTPUT,
    OUTCOME_SAME_AS_BEFORE, /* that kernel was tried already: nothing was measured */
    OUTCOME_REFUSED,        /* the ratchet would not try it */
    OUTCOME_INTERRUPTED,    /* the loop died while the agent ran */
    OUTCOME_STOPPED,        /* the agent has no further idea */
    OUTCOME_N,
};
const char *outcome_name(enum outcome o);

struct campaign {
    struct journal journal;
    json_t *options; /* see campaign_text */
    struct allowance allowance;
    struct spent spent;
    int64_t n_rounds; /* begun */
    int64_t n_ended[OUTCOME_N];
    int n_failures;     /* rounds in a row that came to nothing by the agent's fault */
    char failure[512];  /* the last of them */
    int64_t experiment; /* the last */
    enum plateau_level level;
    char focus[96], focus_reason[512]; /* what to work on; "" = not decided yet */
    bool evidence;                     /* there was an attempt since the last decision on that */
    char stopped[512];                 /* why it ended; "" = it did not */
    char workspace[PATH_MAX];          /* see workspace.h */
    json_t *pending;                   /* the round's last event, while a round is under way */
    json_t *previous;   /* {outcome, detail, hypothesis} of the last round; NULL: none */
    json_t *rows;       /* experiments of that round that are not its verdict */
    double base, since; /* seconds at the beginning of this session, and its start */
};

/* Begin one. `options` is copied: exec, goal, focus, author, allow_write (texts), attempts, minutes,
 * agent_minutes (missing: CAMPAIGN_AGENT_MINUTES; 0: no limit), target, target_gain, plateau,
 * patience, backoff, output_mib (numbers), unconfined (boolean); all but exec may be missing. */
enum { CAMPAIGN_AGENT_MINUTES = 30 };
int campaign_start(const char *store, const json_t *options, struct campaign *out);

/* Go on with one (id NULL: the newest); `options` replace its own. Errors: those of journal_open. */
int campaign_resume(const char *store, const char *id, const json_t *options, struct campaign *out);
void campaign_close(struct campaign *c);

/* Remove the folders of campaigns that nobody has gone on with for a week. */
void campaign_sweep(const char *store);

/* Write an event down and count it; takes `event`. Errors: those of journal_add (then nothing is
 * counted). */
int campaign_note(struct campaign *c, json_t *event);

/* Options: a text or NULL; a number, or `otherwise` when it was not given. */
const char *campaign_text(const struct campaign *c, const char *key);
double campaign_number(const struct campaign *c, const char *key, double otherwise);

/* What came of it so far, for --json; the caller decrefs. */
json_t *campaign_json(const struct campaign *c);

#endif
