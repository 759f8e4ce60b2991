/* SPDX-License-Identifier: Apache-2.0
 *
 * stage_mirostat.c: keep the surprise of what is drawn near a target (Basu et al. 2020, "Mirostat: A
 * Neural Text Decoding Algorithm that Directly Controls Perplexity"). Version 1 estimates how the
 * ranks fall off (Zipf's exponent) and computes a k, version 2 cuts at the surprise itself. Either
 * learns its bound from the token that was taken (sampler_accept). */
#include "engine/sample/sampler_internal.h"

#include <math.h>

enum { RANKS = 100 }; /* of the estimate, as in the paper's experiments */

static bool always(const struct sampler_options *o)
{
    (void)o;
    return true;
}

/* Least squares through the origin of ln(p_i / p_i+1) against ln((i + 2) / (i + 1)), equation 13. */
static double zipf_exponent(const struct candidates *c)
{
    double above = 0, below = 0;

    for (size_t i = 0; i + 1 < c->n && i + 1 < RANKS; i++) {
        double t = log((double)(i + 2) / (double)(i + 1));

        above += t * ((double)c->at[i].logit - (double)c->at[i + 1].logit);
        below += t * t;
    }
    return below > 0 ? above / below : 1;
}

static void mirostat_apply(struct sampler *s, struct candidates *c)
{
    double n = (double)s->n_vocab, exponent, e, k;

    candidates_sort(c, RANKS);
    exponent = zipf_exponent(c);
    e = exponent - 1;
    /* k of the paper's algorithm 1; its limit for an exponent of 1. */
    if (fabs(e) < 1e-9)
        k = exp2(s->surprise) / log(n);
    else
        k = pow(e * exp2(s->surprise) / (1 - pow(n, -e)), 1 / exponent);
    if (!(k >= 1))
        k = 1;
    if (k < (double)c->n) {
        candidates_sort(c, (size_t)k);
        candidates_keep(c, (size_t)k);
    }
}

const struct stage stage_mirostat = {"mirostat", always, mirostat_apply, false, false};

static void mirostat_v2_apply(struct sampler *s, struct candidates *c)
{
    candidates_keep_likely(c, exp2(-s->surprise));
}

const struct stage stage_mirostat_v2 = {"mirostat-v2", always, mirostat_v2_apply, false, false};
