/* SPDX-License-Identifier: Apache-2.0
 *
 * sampler.h: from logits to the next token. A sampler is a chain of stages in the order its user
 * gives ("top-k;top-p;temperature"): each stage changes logits or drops candidates, what is left is
 * the distribution the next token is drawn from, with a seed. Constraints (a grammar, a text that
 * must come first) stand before the chain: it chooses among what they allow. The same seed, logits
 * and accepted tokens give the same tokens again. Only the engine includes this. */
#ifndef PAWL_SAMPLER_H
#define PAWL_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct grammar;
struct guidance;
struct vocabulary;

#define SAMPLER_DEFAULT_CHAIN                                                                      \
    "logit-bias;penalties;dry;top-n-sigma;top-k;tail-free;typical;top-p;min-p;eta;xtc;temperature"

struct sampler_bias {
    int32_t id;
    float bias; /* added to the logit; -INFINITY: never */
};

struct sampler_options {
    const char *chain;       /* stage names between semicolons; NULL: the default chain */
    uint64_t seed;           /* of everything that is drawn */
    double temperature;      /* 0: always the likeliest, the first of equals */
    double dynamic_range;    /* temperature moves this far to both sides with the entropy; 0: off */
    double dynamic_exponent; /* shape of that move; 1: proportional */
    uint32_t top_k;          /* keep the k likeliest; 0: all */
    double top_p;            /* the fewest likeliest that hold this share; 1: all */
    double min_p;            /* at least this share of the likeliest one's p; 0: all */
    double typical_p;        /* share kept by typicality; 1: all */
    double tail_free;        /* share of the curvature kept; 1: all */
    double top_n_sigma;      /* logits within so many standard deviations of the highest; 0: all */
    double eta;              /* epsilon of eta sampling; 0: off */
    double xtc_probability;  /* how often XTC acts; 0: never */
    double xtc_threshold;    /* p from which a token counts as a top choice */
    double mirostat_tau;     /* surprise aimed at, bits */
    double mirostat_rate;    /* how fast mirostat learns */
    uint32_t penalty_last_n; /* tokens the penalties look back on */
    double repeat_penalty;   /* divides positive logits, multiplies negative ones; 1: off */
    double presence_penalty; /* subtracted once from what was there; 0: off */
    double frequency_penalty; /* subtracted for every time it was there; 0: off */
    double dry_multiplier;    /* 0: off */
    double dry_base;          /* growth with each token a repetition would be longer */
    uint32_t dry_allowed;     /* repetitions up to here cost nothing */
    uint32_t dry_last_n;      /* tokens DRY looks back on */
    const char *dry_breakers; /* characters no repetition reaches over; NULL: newline : " * */
    const struct sampler_bias *bias; /* [n_bias], borrowed */
    size_t n_bias;
    const struct grammar *grammar; /* what is generated follows it; NULL: anything; borrowed */
};

/* Everything off: temperature 1, the whole vocabulary. What people change starts from here. */
extern const struct sampler_options sampler_neutral;

struct sampler_candidate {
    int32_t id;
    float logit; /* after the chain */
    double p;    /* over all candidates they sum to 1 */
};

struct sampler;

/* For logits of n_vocab tokens. v: the tokens' bytes, borrowed; needed with a grammar, sampler_heal
 * and the stages dry and infill, else it may be NULL. Everything is allocated here, but for what a
 * grammar remembers. Errors: ERR_USAGE naming an unknown stage and those known; ERR_RANGE naming
 * the option; ERR_NOMEM. One thread at a time. */
int sampler_open(const struct sampler_options *o, int32_t n_vocab, const struct vocabulary *v,
                 struct sampler **out);
void sampler_close(struct sampler **s);

/* A second sampler with the options and the state of the first; and the state of one into another
 * of the same family (made by fork), without allocation but for the constraints'. For beams and
 * for drafts that may be taken back. Errors: ERR_NOMEM; ERR_UNSUPPORTED for a guided one. */
int sampler_fork(const struct sampler *s, struct sampler **out);
int sampler_assign(struct sampler *to, const struct sampler *from);

/* From now on logits are guided (guidance.h) before anything else sees them, and accepted tokens are
 * told to g, which is borrowed. A guided sampler cannot be forked. */
void sampler_guide(struct sampler *s, struct guidance *g);

/* Tokens that stood before the generation: penalties and DRY look back on them, constraints do
 * not. */
void sampler_prompt(struct sampler *s, const int32_t *ids, size_t n);

/* The next bytes must be text[0..len), token by token: the tail of a prompt that was taken back so
 * that its last word can go on otherwise ("token healing", Lundberg 2023, "The Art of Prompt
 * Design"). The last of these tokens may go on behind the text. Errors: ERR_NOMEM. */
int sampler_heal(struct sampler *s, const char *text, size_t len);
size_t sampler_heal_left(const struct sampler *s); /* bytes still to come; 0: healed */

/* What the next token is drawn from, after the whole chain. logits: f32 [n_vocab].
 * *out: *n >= 1 candidates, borrowed until the next call; the first min(n_first, *n) are
 * the likeliest in order (of equals the lowest id), the others follow in an order that depends on
 * the logits alone. Greedy: one candidate with p = 1. Call it once for each position: XTC draws.
 * Errors: ERR_UNSUPPORTED when the constraints leave no token of this vocabulary. */
int sampler_distribution(struct sampler *s, const float *logits, size_t n_first,
                         const struct sampler_candidate **out, size_t *n);

/* Draw one of candidates[0..n) by p (they need not sum to 1). Advances the seed's sequence. */
int32_t sampler_draw(struct sampler *s, const struct sampler_candidate *candidates, size_t n);

/* Uniform in [0, 1) from the same sequence, for callers that accept or reject. */
double sampler_uniform(struct sampler *s);

/* distribution and draw in one. Errors: as sampler_distribution. */
int sampler_pick(struct sampler *s, const float *logits, int32_t *id);

/* Token `id` has become the next one: history, mirostat, constraints and
 * guidance move on. Errors: ERR_USAGE when the constraints do not allow it; those of guidance. */
int sampler_accept(struct sampler *s, int32_t id);

/* Whether the grammar is satisfied and lets nothing follow: the text is complete, whatever the
 * vocabulary has to end it. */
bool sampler_done(struct sampler *s);

/* The stages that do something with these options, as one line: "top-k;temperature". */
void sampler_stages_print(const struct sampler *s, char *out, size_t bytes);

/* Names of all stages between semicolons, for messages and help. */
const char *sampler_stage_names(void);

#endif
