/* SPDX-License-Identifier: Apache-2.0
 *
 * context.h: what somebody who is about to change the kernel should know, as one JSON object: an
 * agent gets it on its stdin (`ratchet agent --print-context` shows it), MCP clients by a tool.
 * Nothing is measured for it; it says what the ledger, the profiles and git hold. For ratchet/ only.
 *
 * Members, in this order; percent are of time, positive is faster; what is not known is null:
 *   schema     "pawl.context/1"
 *   goal       text
 *   focus      {name, reason}: the operation or case to work on now; or null
 *   contract   {mutable [patterns], interface, guide, taxonomy (files), answer [lines], confinement}
 *   incumbent  {commit, kernel, experiment, score, latency_ms, utilisation}: the experiment whose
 *              change it is, null for a kernel that no win made
 *   roofline   {cases [{name, op, share, regime, ns, floor_ns, utilisation, to_roof, experiment,
 *              same_machine, same_judge}], reason}: share of inference time; to_roof = share x (1 -
 *              utilisation); largest first; reason says why a case has no numbers
 *   profile    {path, lines [], reason}: beginning of summary.md of the incumbent's profile, or the
 *              last win's, as reason then says
 *   last       [attempt]: the newest first
 *   near       [attempt with similarity 0..1]: what was tried near this idea
 *   verdicts   {word: number of attempts}
 *   previous   {outcome, detail, hypothesis}: how the agent's own last round ended
 *   budget     what the caller said, see allowance.h; plateau likewise, see plateau.h
 * attempt: {experiment, verdict, focus, hypothesis, percent, low, high, reason, files []}. */
#ifndef PAWL_RATCHET_CONTEXT_H
#define PAWL_RATCHET_CONTEXT_H

#include "ratchet/ratchet.h"

#define CONTEXT_SCHEMA "pawl.context/1"

struct context_options {
    const char *goal;         /* NULL: the project's */
    const char *focus;        /* NULL, an operation or a case */
    const char *focus_reason; /* NULL: none */
    const char *near;         /* words of an idea; NULL: focus and goal */
    int64_t near_attempt;     /* and what this attempt said and touched; 0: none */
    const char *confinement;  /* what keeps the agent in its place; NULL: not said */
    size_t n_last, n_near;    /* 0: 10 and 5 */
    const json_t *previous, *budget, *plateau; /* copied; NULL: null */
};

/* The caller decrefs *out. Errors: those of reading ledger and git; ERR_FORMAT. */
int context_make(struct ratchet *r, const struct context_options *o, json_t **out);

/* One attempt as above; the caller decrefs. `r` gives the files from git, where the commits are. */
json_t *context_attempt(struct ratchet *r, const struct ledger_row *row);

#endif
