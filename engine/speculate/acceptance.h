/* SPDX-License-Identifier: Apache-2.0
 *
 * acceptance.h: the rule that keeps speculation exact. A guess drawn from a distribution q is taken
 * with probability min(1, p/q), where p is the target's own distribution; else a token is drawn from
 * max(0, p - q), made to sum to 1. What comes out is distributed as p, whatever q is.
 * Source: Leviathan, Kalman and Matias 2023, "Fast Inference from Transformers via Speculative
 * Decoding" (theorem in appendix A.1); Chen et al. 2023, "Accelerating Large Language Model Decoding
 * with Speculative Sampling". Only the engine includes this. */
#ifndef PAWL_ACCEPTANCE_H
#define PAWL_ACCEPTANCE_H

#include "engine/sample/sampler.h"
#include "reference/base/rng.h"

/* The token that follows: `guess` when it is taken, another one otherwise (never `guess` again).
 * p [n_p], q [n_q]: probabilities > 0 that sum to 1, ids in any order, each at most once; what is
 * not listed has probability 0. guess was drawn from q. */
int32_t acceptance_pick(const struct sampler_candidate *p, size_t n_p,
                        const struct sampler_candidate *q, size_t n_q, int32_t guess,
                        struct rng *rng);

/* A token drawn from p. */
int32_t acceptance_draw(const struct sampler_candidate *p, size_t n_p, struct rng *rng);

#endif
