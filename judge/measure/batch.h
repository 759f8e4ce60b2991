/* SPDX-License-Identifier: Apache-2.0
 *
 * batch.h: the requests of one slice: one doorbell is one batch. Each takes another instance, drawn
 * without replacement, so no two share a weight row, a page or an output; their activations are
 * windows of tapes rewritten just before; all their outputs are poisoned, all alike, so that a
 * kernel cannot see which of them will be looked at. Everything is written while all workers are
 * stopped, and doing so is the same clean-up for either side. Inside judge/ only. */
#ifndef PAWL_BATCH_H
#define PAWL_BATCH_H

#include "judge/measure/seat.h"
#include "reference/base/rng.h"

/* Draw `count` (1..c->n) requests. */
void batch_draw(struct batch *b, const struct pool_case *c, uint32_t count, struct rng *r);

/* Lay the batch into the seat's memory and let its worker read the request table; extra_steps: see
 * worker_request. What the worker does wrong is a fault. Error: what side_command returns. */
int batch_lay(const struct batch *b, struct seat *s, uint64_t extra_steps,
              struct judge_fault *fault);

/* Carry it out; *ns is the time of one request. The same faults and errors. */
int batch_run(const struct batch *b, struct seat *s, double *ns, struct judge_fault *fault);

/* Instance of request i with the activations it was given, for the oracle. The caller releases it
 * with problem_instance_deinit. */
void batch_view(const struct batch *b, uint32_t i, struct problem_instance *out);

/* Are the tapes in the seat's memory as batch_lay left them? */
bool batch_intact(const struct batch *b, const struct seat *s);

#endif
