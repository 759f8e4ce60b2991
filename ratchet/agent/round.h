/* SPDX-License-Identifier: Apache-2.0
 *
 * round.h: one round of a campaign: tell the agent, let it work, look at what it left, try that. The
 * repository's lock is not held while the agent works. For ratchet/ only. */
#ifndef PAWL_RATCHET_ROUND_H
#define PAWL_RATCHET_ROUND_H

#include "ratchet/agent/campaign.h"

struct round_setting {
    struct campaign *c;
    const char *path; /* inside the repository */
    const struct ratchet_judge *judge;
    FILE *say; /* progress; NULL: silent */
};

/* One round from its beginning; how it ended is in the campaign. Errors: those that no agent can
 * cause; the round can be finished later by round_finish. */
int round_run(const struct round_setting *s);

/* Bring a round to its end that a crash or an error left open: what the ledger has already is only
 * counted, what was about to be tried is tried. 1 = there was one, 0 = none. */
int round_finish(const struct round_setting *s);

#endif
