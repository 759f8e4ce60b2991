/* SPDX-License-Identifier: Apache-2.0
 *
 * trying.h: what the event `try` of a campaign announced: have it judged, and count what came of it,
 * once, also after a crash. For ratchet/ only. */
#ifndef PAWL_RATCHET_TRYING_H
#define PAWL_RATCHET_TRYING_H

#include "ratchet/agent/ending.h"
#include "ratchet/agent/workspace.h"

/* Try what is in the workspace; the round ends with it. Errors: those that no agent can cause. */
int trying_run(struct ratchet *r, struct ending *e, const struct workspace *w);

/* The same after a crash or an error: what the ledger has already is only counted. */
int trying_finish(struct ratchet *r, struct ending *e, const struct workspace *w);

#endif
