/* SPDX-License-Identifier: Apache-2.0
 *
 * plan_internal.h: what the files of the planner share. */
#ifndef PAWL_PLAN_INTERNAL_H
#define PAWL_PLAN_INTERNAL_H

#include "engine/run/plan.h"

/* Turn the nodes of p's graph into calls and buffers with their lives; p->graph, limits and kv are
 * set. Error: ERR_NOMEM. */
int plan__build(struct plan *p);

/* What plan_bind_tokens or plan_bind_outputs do for one call of theirs. */
void plan__call_bind(const struct plan *p, struct plan_call *c, uint32_t start, uint32_t n);

#endif
