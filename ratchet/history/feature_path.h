/* SPDX-License-Identifier: Apache-2.0
 *
 * feature_path.h: which of the kernel's paths a row speaks of. Claims add up along one path; on a
 * processor with tiles "amx" is the one that "all" takes, so words alone do not tell. For ratchet/
 * only. */
#ifndef PAWL_RATCHET_FEATURE_PATH_H
#define PAWL_RATCHET_FEATURE_PATH_H

#include "ratchet/ratchet.h"

/* 1 when the row was measured with the word `features` (see cpu_features_named), or on this machine
 * with another one that means the same bits; 0 when not; negative on error. *had, unless NULL, gets
 * the row's own word, "" when its record has none: then it counts as "all". */
int feature_path_same(struct ratchet *r, const struct ledger_row *row, const char *features,
                      char had[16]);

#endif
