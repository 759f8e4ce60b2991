/* SPDX-License-Identifier: Apache-2.0
 *
 * gain.h: what an estimate means for the whole workload, so that wins with different focuses can be
 * put in one line. To first order: a gain D on cases that have the share w of the workload's weight
 * is w D in the weighted mean of log ratios that the judge decides by. The sum over wins is what
 * they claim together; `ratchet audit --cumulative` measures whether they keep it. For ratchet/
 * only. */
#ifndef PAWL_RATCHET_GAIN_H
#define PAWL_RATCHET_GAIN_H

#include "ratchet/ratchet.h"

/* Share of today's workload weight that a focus has; 1 for "", 0 for what today's problem does not
 * weigh or know. */
double gain_share(const char *focus);

/* Log ratio (> 0: faster) of the whole workload that the row's estimate amounts to: 0 without an
 * estimate, and for a row that speaks of another path than all features take (feature_path.h).
 * *features, unless NULL, gets what it was measured with ("all", "avx2", ...), "" when not known. */
int gain_of(struct ratchet *r, const struct ledger_row *row, double *out, char features[16]);

#endif
