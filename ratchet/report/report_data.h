/* SPDX-License-Identifier: Apache-2.0
 *
 * report_data.h: everything that `ratchet report` shows, as one JSON document out of the ledger, git
 * and the calibration on record. Rows never change, so a report that is kept open reads each row
 * and its detail record once; only new rows cost anything. For ratchet/ only; one thread.
 *
 * The document:
 *   format 1; repository {name, branch, head}; problem; judge; machine; generated (UTC)
 *   campaign   {attempts, wins, alpha, alpha_confirm, false_win_bound}
 *   cases      [{name, op, weight (of today's mix), threads, ops, bytes}], by index below
 *   attempts   one for each row: the ledger's columns that people read, features, next,
 *              cases [[case, estimate, low, high, candidate_ns, incumbent_ns, floor_ns, regime]],
 *              diff (a patch; diff_cut true when it is not whole), added and removed lines, all three
 *              absent when the commits are not here; estimates are natural logarithms
 *   views      see report_views.h
 *   roofline   {experiment, time, verdict, peaks} of the newest record that was measured with every
 *              feature, or null
 *   calibration {on_record (controls_json) or null, summary (of judge calibrate) or null,
 *              recorded: the newest that a row carries with its experiment, or null}
 *   cumulative see report_cumulative.h, or null */
#ifndef PAWL_REPORT_DATA_H
#define PAWL_REPORT_DATA_H

#include "ratchet/ratchet.h"

struct report;

/* `r` is borrowed and must outlive the report. */
int report_open(struct ratchet *r, struct report **out);
void report_close(struct report **report);

/* Read new rows and make the document; the caller decrefs. Errors: those of reading the ledger. */
int report_data(struct report *report, json_t **out);

/* Bytes of one diff that a document holds, and of all of them together; wins and what is new come
 * first. */
enum { REPORT_DIFF_BYTES = 64 << 10, REPORT_DIFFS_BYTES = 12 << 20 };

#endif
