/* SPDX-License-Identifier: Apache-2.0
 *
 * divergence.h: how far one model's predictions are from another's over a text: the
 * Kullback-Leibler divergence of every prediction, and what became of the right token's share.
 * Source: Kullback and Leibler (1951), https://doi.org/10.1214/aoms/1177729694. */
#ifndef PAWL_DIVERGENCE_H
#define PAWL_DIVERGENCE_H

#include <stddef.h>
#include <stdint.h>

struct divergence; /* grows by two numbers a prediction */

/* A number and its standard error. */
struct estimate {
    double value, error;
};

struct divergence_report {
    size_t n;
    struct estimate perplexity, base_perplexity;
    struct estimate log_ratio;                   /* ln(perplexity / base_perplexity) */
    struct estimate kl;                          /* mean, in nats */
    double kl_max, kl_999, kl_99, kl_50, kl_min; /* percentiles, the middle one the median */
    struct estimate dp, dp_rms; /* change of the right token's probability: mean, and its RMS */
    double dp_max;              /* largest change of either sign */
    struct estimate same_top;   /* share of predictions whose likeliest token is the same */
};

/* -ln of the softmax of logits [n_vocab] at `id`. */
double negative_log_likelihood(const float *logits, int32_t n_vocab, int32_t id);

int divergence_open(struct divergence **out); /* Error: ERR_NOMEM */
void divergence_close(struct divergence **d);

/* One prediction: base [n_vocab] log probabilities, logits [n_vocab] of the model in question, id
 * the token that came. What is less likely than e^-16 in the base does not count. Error: ERR_NOMEM. */
int divergence_add(struct divergence *d, const float *base, const float *logits, int32_t n_vocab,
                   int32_t id);

/* Of all predictions so far, at least one. */
void divergence_report(const struct divergence *d, struct divergence_report *out);

#endif
