/* SPDX-License-Identifier: Apache-2.0
 *
 * observe.h: a look at every kernel call of a session with its data still in place: `engine imatrix`
 * reads what the matrices are multiplied with, `engine profile` shapes and times. Only the engine
 * includes this. */
#ifndef PAWL_OBSERVE_H
#define PAWL_OBSERVE_H

#include "engine/engine.h"
#include "engine/run/plan.h"

/* After a call of p: its inputs and outputs as they are then, and the nanoseconds it took with the
 * threads' meeting at its end. Nothing may be changed. */
typedef int (*session_observer_fn)(void *ctx, const struct plan *p, const struct plan_call *c,
                                   uint64_t ns);

/* From now on fn sees every call of s (NULL: nobody does). A session that is observed runs its calls
 * one by one, none of them chained with the next: the results are the same, the pace is not. A
 * negative answer of fn stops the evaluation. */
void session_observe(struct engine_session *s, session_observer_fn fn, void *ctx);

#endif
