/* SPDX-License-Identifier: Apache-2.0
 *
 * stage_penalties.c: logits changed for what a token is (bias) or for its having been there. */
#include "engine/sample/sampler_internal.h"

#include <float.h>
#include <math.h>

static bool bias_active(const struct sampler_options *o)
{
    return o->n_bias > 0;
}

static void bias_apply(struct sampler *s, struct candidates *c)
{
    for (size_t b = 0; b < s->options.n_bias; b++)
        for (size_t i = 0; i < c->n; i++)
            if (c->at[i].id == s->options.bias[b].id)
                c->at[i].logit += s->options.bias[b].bias;
    candidates_changed(c);
    if (candidates_highest(c) < (double)-FLT_MAX)
        c->n = 0;
    else
        candidates_keep_above(c, (double)-FLT_MAX);
}

const struct stage stage_logit_bias = {"logit-bias", bias_active, bias_apply, true, false};

/* --- repetition (Keskar et al. 2019, "CTRL", section 4.1); presence and frequency (as the OpenAI
 * API defines them) --- */

static bool penalties_active(const struct sampler_options *o)
{
    return o->penalty_last_n > 0 &&
           (o->repeat_penalty != 1 || o->presence_penalty != 0 || o->frequency_penalty != 0);
}

static double penalised(const struct sampler_options *o, double logit, uint32_t count)
{
    double x = logit <= 0 ? logit * o->repeat_penalty : logit / o->repeat_penalty;

    return x - o->presence_penalty - (double)count * o->frequency_penalty;
}

static void penalties_apply(struct sampler *s, struct candidates *c)
{
    size_t n = sampler_past(s, s->options.penalty_last_n);

    for (size_t i = 0; i < n; i++)
        s->count[s->backward[i]]++;
    for (size_t i = 0; i < c->n; i++) {
        uint32_t count = s->count[c->at[i].id];

        if (count)
            c->at[i].logit = (float)penalised(&s->options, (double)c->at[i].logit, count);
    }
    for (size_t i = 0; i < n; i++)
        s->count[s->backward[i]] = 0;
    candidates_changed(c);
}

const struct stage stage_penalties = {"penalties", penalties_active, penalties_apply, true, false};
