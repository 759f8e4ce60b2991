/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/sampler_internal.h"

#include "engine/sample/guidance.h"
#include "reference/base/err.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct sampler_options sampler_neutral = {
    .temperature = 1,
    .dynamic_exponent = 1,
    .top_p = 1,
    .typical_p = 1,
    .tail_free = 1,
    .xtc_threshold = 0.1,
    .mirostat_tau = 5,
    .mirostat_rate = 0.1,
    .penalty_last_n = 64,
    .repeat_penalty = 1,
    .dry_base = 1.75,
    .dry_allowed = 2,
    .dry_last_n = 1024,
};

static const struct stage *const stages[] = {
    &stage_logit_bias, &stage_penalties,   &stage_dry,         &stage_top_n_sigma,
    &stage_top_k,      &stage_tail_free,   &stage_typical,     &stage_top_p,
    &stage_min_p,      &stage_eta,         &stage_xtc,         &stage_greedy,
    &stage_mirostat,   &stage_mirostat_v2, &stage_temperature, &stage_infill,
};

const char *sampler_stage_names(void)
{
    return SAMPLER_DEFAULT_CHAIN ";greedy;mirostat;mirostat-v2;infill";
}

/* --- the chain --- */

static const struct stage *stage_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        if (strlen(stages[i]->name) == len && !memcmp(stages[i]->name, name, len))
            return stages[i];
    return NULL;
}

static int chain_add(struct sampler *s, const char *name, size_t len)
{
    const struct stage *stage = stage_find(name, len);

    if (!stage)
        return err_set(ERR_USAGE, "--samplers: no stage \"%.*s\": there are %s",
                       (int)(len < 40 ? len : 40), name, sampler_stage_names());
    if (!stage->active(&s->options))
        return 0;
    if (stage->needs_text && !s->vocabulary)
        return err_set(ERR_USAGE, "the stage %s needs the texts of the tokens", stage->name);
    if (s->n_chain == SAMPLER_MAX_STAGES)
        return err_set(ERR_RANGE, "--samplers: more than %d stages", SAMPLER_MAX_STAGES);
    s->chain[s->n_chain++] = stage;
    return 0;
}

/* Whether the chain takes the likeliest token whatever the logits are. */
static bool chain_is_greedy(const struct sampler *s)
{
    bool single = false;

    for (size_t i = 0; i < s->n_chain; i++) {
        if (s->chain[i]->changes_first)
            return false;
        single |= s->chain[i] == &stage_greedy ||
                  (s->chain[i] == &stage_temperature && s->options.temperature < SAMPLER_COLDEST &&
                   s->options.dynamic_range <= 0) ||
                  (s->chain[i] == &stage_top_k && s->options.top_k == 1);
    }
    return single;
}

static int chain_make(struct sampler *s)
{
    const char *name = s->options.chain ? s->options.chain : SAMPLER_DEFAULT_CHAIN;

    while (*name) {
        size_t len = strcspn(name, ";");

        TRY(chain_add(s, name, len));
        name += len;
        name += *name == ';';
    }
    s->greedy = chain_is_greedy(s);
    return 0;
}

void sampler_stages_print(const struct sampler *s, char *out, size_t bytes)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < s->n_chain && at < bytes; i++)
        at += (size_t)snprintf(out + at, bytes - at, "%s%s", i ? ";" : "", s->chain[i]->name);
}

/* --- options --- */

static int in_range(const char *option, double x, double min, double max)
{
    if (x >= min && x <= max)
        return 0;
    return err_set(ERR_RANGE, "%s: %g is outside %g..%g", option, x, min, max);
}

static int options_check(const struct sampler_options *o, int32_t n_vocab)
{
    TRY(in_range("vocabulary", n_vocab, 1, INT32_MAX));
    TRY(in_range("--temp", o->temperature, 0, 1e6));
    TRY(in_range("--dynatemp-range", o->dynamic_range, 0, 1e6));
    TRY(in_range("--dynatemp-exponent", o->dynamic_exponent, 0, 100));
    TRY(in_range("--top-p", o->top_p, 1e-9, 1));
    TRY(in_range("--min-p", o->min_p, 0, 1));
    TRY(in_range("--typical", o->typical_p, 1e-9, 1));
    TRY(in_range("--tail-free", o->tail_free, 0, 1));
    TRY(in_range("--top-n-sigma", o->top_n_sigma, 0, 1e6));
    TRY(in_range("--eta", o->eta, 0, 1));
    TRY(in_range("--xtc-probability", o->xtc_probability, 0, 1));
    TRY(in_range("--xtc-threshold", o->xtc_threshold, 0, 1));
    TRY(in_range("--mirostat-tau", o->mirostat_tau, 0, 100));
    TRY(in_range("--mirostat-rate", o->mirostat_rate, 0, 1));
    TRY(in_range("--repeat-penalty", o->repeat_penalty, 1e-6, 1e6));
    TRY(in_range("--presence-penalty", o->presence_penalty, -1e6, 1e6));
    TRY(in_range("--frequency-penalty", o->frequency_penalty, -1e6, 1e6));
    TRY(in_range("--dry-multiplier", o->dry_multiplier, 0, 1e6));
    TRY(in_range("--dry-base", o->dry_base, 1, 1e6));
    for (size_t i = 0; i < o->n_bias; i++)
        if (o->bias[i].id < 0 || o->bias[i].id >= n_vocab)
            return err_set(ERR_RANGE, "--logit-bias: token id %d is outside the vocabulary 0..%d",
                           o->bias[i].id, n_vocab - 1);
    return 0;
}

/* --- life --- */

static int sampler_allocate(struct sampler *s)
{
    const struct sampler_options *o = &s->options;
    size_t n_vocab = (size_t)s->n_vocab;

    s->n_history = 1 + (o->penalty_last_n > o->dry_last_n ? o->penalty_last_n : o->dry_last_n);
    s->history = calloc(s->n_history, sizeof *s->history);
    s->backward = calloc(s->n_history, sizeof *s->backward);
    s->match = calloc(s->n_history, sizeof *s->match);
    s->count = calloc(n_vocab, sizeof *s->count);
    if (!s->history || !s->backward || !s->match || !s->count)
        return err_set(ERR_NOMEM, "no memory to look back on %zu tokens", s->n_history);
    TRY(candidates_init(&s->candidates, n_vocab));
    if (o->grammar && !s->vocabulary)
        return err_set(ERR_USAGE, "a grammar needs the texts of the tokens");
    return s->vocabulary ? constraint_open(s->vocabulary, o->grammar, &s->constraint) : 0;
}

int sampler_open(const struct sampler_options *o, int32_t n_vocab, const struct vocabulary *v,
                 struct sampler **out)
{
    struct sampler *s;
    int rc;

    *out = NULL;
    TRY(options_check(o, n_vocab));
    s = calloc(1, sizeof *s);
    if (!s)
        return err_set(ERR_NOMEM, "no memory for a sampler");
    s->options = *o;
    s->n_vocab = n_vocab;
    s->vocabulary = v;
    s->surprise = 2 * o->mirostat_tau;
    rng_init(&s->rng, o->seed);
    rc = chain_make(s);
    if (rc == 0)
        rc = sampler_allocate(s);
    if (rc < 0) {
        sampler_close(&s);
        return rc;
    }
    *out = s;
    return 0;
}

void sampler_close(struct sampler **s)
{
    if (!*s)
        return;
    constraint_close(&(*s)->constraint);
    candidates_deinit(&(*s)->candidates);
    free((*s)->history);
    free((*s)->backward);
    free((*s)->match);
    free((*s)->count);
    free(*s);
    *s = NULL;
}

int sampler_fork(const struct sampler *s, struct sampler **out)
{
    int rc;

    *out = NULL;
    if (s->guidance)
        return err_set(ERR_UNSUPPORTED, "a guided sampler follows one text only");
    rc = sampler_open(&s->options, s->n_vocab, s->vocabulary, out);
    if (rc == 0)
        rc = sampler_assign(*out, s);
    if (rc < 0)
        sampler_close(out);
    return rc;
}

int sampler_assign(struct sampler *to, const struct sampler *from)
{
    memcpy(to->history, from->history, from->n_history * sizeof *to->history);
    to->n_seen = from->n_seen;
    to->rng = from->rng;
    to->surprise = from->surprise;
    return from->constraint ? constraint_assign(to->constraint, from->constraint) : 0;
}

/* --- the past --- */

static void history_add(struct sampler *s, int32_t id)
{
    s->history[s->n_seen++ % s->n_history] = id;
}

size_t sampler_past(struct sampler *s, size_t limit)
{
    size_t n = s->n_seen < limit ? s->n_seen : limit;

    n = n < s->n_history ? n : s->n_history;
    for (size_t i = 0; i < n; i++)
        s->backward[i] = s->history[(s->n_seen - 1 - i) % s->n_history];
    return n;
}

void sampler_guide(struct sampler *s, struct guidance *g)
{
    s->guidance = g;
}

void sampler_prompt(struct sampler *s, const int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        history_add(s, ids[i]);
}

/* Algorithm 1 of the paper: the bound follows the error of the surprise (Basu et al. 2020). */
static void mirostat_learn(struct sampler *s, int32_t id)
{
    const struct candidates *c = &s->candidates;

    for (size_t i = 0; i < c->n; i++)
        if (c->at[i].id == id && c->weighed)
            s->surprise -= s->options.mirostat_rate * (-log2(c->at[i].p) - s->options.mirostat_tau);
}

int sampler_heal(struct sampler *s, const char *text, size_t len)
{
    if (!s->constraint)
        return err_set(ERR_USAGE, "healing needs the texts of the tokens");
    return constraint_heal(s->constraint, text, len);
}

size_t sampler_heal_left(const struct sampler *s)
{
    return s->constraint ? constraint_heal_left(s->constraint) : 0;
}

bool sampler_done(struct sampler *s)
{
    return s->constraint && constraint_done(s->constraint);
}

int sampler_accept(struct sampler *s, int32_t id)
{
    if (s->constraint)
        TRY(constraint_accept(s->constraint, id));
    for (size_t i = 0; i < s->n_chain; i++)
        if (s->chain[i] == &stage_mirostat || s->chain[i] == &stage_mirostat_v2)
            mirostat_learn(s, id);
    history_add(s, id);
    return s->guidance ? guidance_accept(s->guidance, id) : 0;
}

/* --- the next token --- */

static bool constrained(const struct sampler *s)
{
    return s->constraint && constraint_acts(s->constraint);
}

static int candidates_fill(struct sampler *s, const float *logits)
{
    struct candidates *c = &s->candidates;

    if (constrained(s))
        return constraint_fill(s->constraint, logits, c);
    for (int32_t id = 0; id < s->n_vocab; id++)
        c->at[id] = (struct sampler_candidate){id, logits[id], 0};
    c->n = (size_t)s->n_vocab;
    candidates_changed(c);
    return 0;
}

static void likeliest(struct sampler *s, const float *logits)
{
    struct candidates *c = &s->candidates;
    int32_t best = 0;

    for (int32_t id = 1; id < s->n_vocab; id++)
        if (logits[id] > logits[best])
            best = id;
    c->at[0] = (struct sampler_candidate){best, logits[best], 1};
    c->n = c->n_sorted = 1;
    c->weighed = true;
}

static int chain_run(struct sampler *s)
{
    struct candidates *c = &s->candidates;

    for (size_t i = 0; i < s->n_chain; i++) {
        s->chain[i]->apply(s, c);
        if (c->n == 0)
            return err_set(ERR_UNSUPPORTED, "the stage %s leaves no token to choose: loosen it",
                           s->chain[i]->name);
    }
    candidates_weigh(c);
    return 0;
}

int sampler_distribution(struct sampler *s, const float *logits, size_t n_first,
                         const struct sampler_candidate **out, size_t *n)
{
    if (s->guidance)
        logits = guidance_logits(s->guidance, logits);
    if (s->greedy && !constrained(s)) {
        likeliest(s, logits);
    } else {
        TRY(candidates_fill(s, logits));
        TRY(chain_run(s));
        candidates_sort(&s->candidates, n_first);
    }
    *out = s->candidates.at;
    *n = s->candidates.n;
    return 0;
}

double sampler_uniform(struct sampler *s)
{
    return rng_uniform(&s->rng);
}

int32_t sampler_draw(struct sampler *s, const struct sampler_candidate *candidates, size_t n)
{
    double sum = 0, held = 0, r;
    size_t last = 0;

    for (size_t i = 0; i < n; i++)
        sum += candidates[i].p;
    r = rng_uniform(&s->rng) * sum;
    for (size_t i = 0; i < n; i++) {
        if (candidates[i].p <= 0)
            continue;
        held += candidates[i].p;
        last = i;
        if (r < held)
            break;
    }
    return candidates[last].id;
}

int sampler_pick(struct sampler *s, const float *logits, int32_t *id)
{
    const struct sampler_candidate *c;
    size_t n;

    TRY(sampler_distribution(s, logits, 0, &c, &n));
    *id = n == 1 ? c[0].id : sampler_draw(s, c, n);
    return 0;
}
