/* SPDX-License-Identifier: Apache-2.0
 *
 * sampler_internal.h: what the stages of a chain see. A stage is a name, a test whether its options
 * make it do anything, and a function on the candidates; its algorithm stays inside its file. Only
 * engine/sample/ includes this. */
#ifndef PAWL_SAMPLER_INTERNAL_H
#define PAWL_SAMPLER_INTERNAL_H

#include "engine/sample/candidates.h"
#include "engine/sample/constraint.h"
#include "reference/base/rng.h"

enum { SAMPLER_MAX_STAGES = 32 };

/* Below this temperature a logit's quotient could overflow: greedy, which it is the limit of. */
#define SAMPLER_COLDEST 1e-6

struct stage {
    const char *name;
    bool (*active)(const struct sampler_options *o);
    void (*apply)(struct sampler *s,
                  struct candidates *c); /* n >= 1 before; 0 after: nothing left */
    bool changes_first;                  /* the likeliest token may be another one afterwards */
    bool needs_text;                     /* the bytes of the tokens */
};

extern const struct stage stage_logit_bias, stage_penalties, stage_dry;
extern const struct stage stage_top_k, stage_top_p, stage_min_p, stage_typical, stage_tail_free;
extern const struct stage stage_top_n_sigma, stage_eta, stage_xtc;
extern const struct stage stage_greedy, stage_temperature;
extern const struct stage stage_mirostat, stage_mirostat_v2, stage_infill;

struct sampler {
    struct sampler_options options;
    const struct stage *chain[SAMPLER_MAX_STAGES]; /* the active ones */
    size_t n_chain;
    bool greedy; /* nothing in the chain can change which token is the likeliest */
    int32_t n_vocab;
    const struct vocabulary *vocabulary;
    struct constraint *constraint; /* NULL: no vocabulary, no constraint */
    struct guidance *guidance;     /* borrowed; NULL: none */
    struct rng rng;
    struct candidates candidates;
    int32_t *history; /* [n_history] ring of the last tokens */
    size_t n_history, n_seen;
    uint32_t *count;   /* [n_vocab], zeros between calls */
    int32_t *backward; /* [n_history] the past, newest first */
    uint32_t *match;   /* [n_history] scratch of dry */
    double surprise;   /* mirostat's bound mu, bits */
};

/* The last (at most `limit`) tokens, newest first: s->backward[0..returned). */
size_t sampler_past(struct sampler *s, size_t limit);

#endif
