/* SPDX-License-Identifier: Apache-2.0
 *
 * record.h: from the judge's trial to what the ledger keeps: the row's numbers and the detail
 * record (details/N.json). For ratchet/ only. */
#ifndef PAWL_RATCHET_RECORD_H
#define PAWL_RATCHET_RECORD_H

#include "ratchet/ratchet.h"

/* Fill verdict, reason, estimates, score and so on of *row. What was not measured stays NAN. */
void record_row(const struct ratchet_judge *judge, const struct judge_trial *t,
                struct ledger_row *row);

/* The detail record as JSON; the caller decrefs. `row` gives hypothesis, commits and number. */
json_t *record_details(const struct judge_trial *t, const struct ledger_row *row);

/* Replace text that is no valid UTF-8 by one that is ('?' for each byte that is not ASCII). */
void record_text(char **field, const char *text);

#endif
