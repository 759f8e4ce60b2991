/* SPDX-License-Identifier: Apache-2.0
 *
 * loop.h: rounds until the budget, a plateau, the agent or its failures end the campaign. For
 * ratchet/ only. */
#ifndef PAWL_RATCHET_LOOP_H
#define PAWL_RATCHET_LOOP_H

#include "ratchet/agent/round.h"

/* Finish what a crash left, then go on; s->c->stopped says why it ended. Errors: those that no agent
 * can cause; the campaign can be resumed when they are mended. */
int loop_run(const struct round_setting *s);

#endif
