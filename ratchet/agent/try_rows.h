/* SPDX-License-Identifier: Apache-2.0
 *
 * try_rows.h: which rows of the ledger belong to one try of a campaign, by the origin in their details:
 * more than one when a crash ended it, or another win overtook it. For ratchet/ only. */
#ifndef PAWL_RATCHET_TRY_ROWS_H
#define PAWL_RATCHET_TRY_ROWS_H

#include "ratchet/agent/campaign.h"

/* "CAMPAIGN/ROUND" of the try that c->pending announced. */
void try_rows_origin(const struct campaign *c, char out[64]);

/* After a crash: *n = the row that says what came of the try that c->pending announced, 0 when none
 * does. Rows that the crash left are noted in the campaign. */
int try_rows_find(struct ratchet *r, struct campaign *c, int64_t *n);

/* Note the rows that row n repeated, each of them a win that another one overtook. */
int try_rows_repeated(struct ratchet *r, struct campaign *c, int64_t n);

/* Did the row win for a branch that had moved on, so that nothing came of it? */
bool try_rows_overtaken(struct ratchet *r, const struct ledger_row *row);

#endif
