/* SPDX-License-Identifier: Apache-2.0
 *
 * controls.h: how far the judge can be trusted on this machine: the calibration on record (`judge
 * calibrate` makes it, every row carries the one that held) and the bound on false wins that
 * follows from the rule over a campaign. For ratchet/ only. */
#ifndef PAWL_RATCHET_CONTROLS_H
#define PAWL_RATCHET_CONTROLS_H

#include "ratchet/ratchet.h"

/* The calibration of this judge on this machine: 1, or 0 when there is none. Error: what the judge
 * says, and how to get out of it. */
int controls_load(const struct ratchet_judge *judge, struct judge_calibration *out);

/* ERR_CONFLICT, saying why and what to do, when the calibration on record says that this machine
 * cannot judge. */
int controls_check_fit(const struct judge_calibration *c);

/* As a detail record's "calibration" and `ratchet status --json` hold it: verdict FIT or UNFIT, and
 * what was found. It names the file without its folder. The caller decrefs. */
json_t *controls_json(const struct judge_calibration *c);

/* The margin a trial gets: the rule's own, or half the smallest effect that is found here when that
 * is more. `c` may be NULL. Log ratio. */
double controls_margin(const struct judge_calibration *c);

/* One line for people on what controls_json made; NULL or JSON null: what to do about having none.
 */
void controls_line(const json_t *calibration, struct strbuf *out);

/* Attempts on record: every row but seals. Negative on error. */
int64_t controls_attempts(struct ledger *l);

/* Upper bound of the probability that among so many attempts even one false win is. */
double controls_false_wins(int64_t n_attempts);

/* The sentence with it, for `log` and `status`. */
void controls_campaign_line(int64_t n_attempts, struct strbuf *out);

#endif
