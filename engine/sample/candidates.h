/* SPDX-License-Identifier: Apache-2.0
 *
 * candidates.h: the tokens that may still come next, with logits and probabilities. A vocabulary
 * has 150 thousand of them and most stages want a few dozen, so the array is sorted only as far as
 * somebody asks. Only engine/sample/ includes this. */
#ifndef PAWL_CANDIDATES_H
#define PAWL_CANDIDATES_H

#include "engine/sample/sampler.h"

struct candidates {
    struct sampler_candidate *at;    /* [capacity] */
    struct sampler_candidate *spare; /* [capacity] for a stage that orders by something else */
    size_t capacity, n;
    size_t n_sorted; /* at[0..n_sorted) are the likeliest, in order */
    bool weighed;    /* p belongs to the logits and sums to 1 */
};

int candidates_init(struct candidates *c, size_t capacity);
void candidates_deinit(struct candidates *c);

/* Order at[0..k) and make them the k likeliest: highest logit first, of equals the lowest id. */
void candidates_sort(struct candidates *c, size_t k);

/* The same for any array whose first `sorted` are in place. */
void candidates_order(struct sampler_candidate *at, size_t n, size_t sorted, size_t k);

/* p = softmax(logits) over all n. */
void candidates_weigh(struct candidates *c);

/* Highest logit; n >= 1. */
double candidates_highest(const struct candidates *c);

/* -sum p ln p, nats; weighed. */
double candidates_entropy(const struct candidates *c);

/* Keep at[0..k), 1 <= k <= n. */
void candidates_keep(struct candidates *c, size_t k);

/* Keep the logits >= lowest; with none of them, the likeliest alone (n >= 1). */
void candidates_keep_above(struct candidates *c, double lowest);

/* Keep the candidates with p >= least, of the softmax over all n; with none, the likeliest. */
void candidates_keep_likely(struct candidates *c, double least);

/* Logits were changed: order and p are void. */
void candidates_changed(struct candidates *c);

#endif
