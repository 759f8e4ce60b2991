/* SPDX-License-Identifier: Apache-2.0
 *
 * log_graph.h: `ratchet log --graph`. Part of the program. */
#ifndef PAWL_RATCHET_LOG_GRAPH_H
#define PAWL_RATCHET_LOG_GRAPH_H

#include "ratchet/history/filter.h"

/* Print the line of wins as a trunk, oldest first: commits that changed the kernel, wins with gain,
 * the gain of all wins so far in the whole workload (gain.h) and score; below each, the attempts
 * that were made against it and pass the filter. 80 columns. */
int log_graph_print(struct ratchet *r, const struct filter *f);

#endif
