/* SPDX-License-Identifier: Apache-2.0
 *
 * report_attempt.h: one row of the ledger as the report shows it. Inside ratchet/report/ only. */
#ifndef PAWL_REPORT_ATTEMPT_H
#define PAWL_REPORT_ATTEMPT_H

#include "ratchet/ratchet.h"

/* An element of the document's "attempts" from a row and its detail record (NULL: not here); cases
 * that are not in `cases` yet are added there, and the weights there become those of this record
 * when it measured any. A new reference. */
json_t *report_attempt(struct ratchet *r, const struct ledger_row *row, const json_t *details,
                       json_t *cases);

/* Element of `cases` for a case of the shipped problem or, with what is known, another. */
json_t *report_case(const char *name, const char *op);

#endif
