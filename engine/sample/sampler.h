/* SPDX-License-Identifier: Apache-2.0
 *
 * sampler.h: from logits to the next token: greedy, or drawn at a temperature from the likeliest
 * tokens, with a seed. Only the engine includes this. */
#ifndef PAWL_SAMPLER_H
#define PAWL_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

struct sampler_options {
    double temperature; /* 0: always the likeliest (the first of equals), nothing is drawn */
    uint32_t top_k;     /* keep the k likeliest; 0: all */
    double top_p;       /* then keep the fewest likeliest whose share is at least this; 1: all */
    uint64_t seed;
};

struct sampler_candidate {
    int32_t id;
    double p; /* probabilities of the kept tokens sum to 1 */
};

struct sampler;

/* For logits of n_vocab tokens. Errors: ERR_RANGE, ERR_NOMEM. One thread at a time. */
int sampler_open(const struct sampler_options *o, int32_t n_vocab, struct sampler **out);
void sampler_close(struct sampler **s);

/* The tokens that may be drawn at temperature > 0, likeliest first (equals: lowest id first).
 * p = softmax(logits / temperature) over the top_k, cut by top_p, made to sum to 1.
 * logits: f32 [n_vocab].  Returns the count, *out borrowed until the next call.  Allocates
 * nothing. */
size_t sampler_distribution(struct sampler *s, const float *logits,
                            const struct sampler_candidate **out);

/* The next token. logits: f32 [n_vocab].  Allocates nothing. */
int32_t sampler_pick(struct sampler *s, const float *logits);

#endif
