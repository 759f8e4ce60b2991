/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/speculate/speculator.h"

#include "engine/speculate/acceptance.h"
#include "engine/speculate/draft.h"
#include "engine/speculate/lookup.h"
#include "engine/speculate/prefix.h"
#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

enum { GUESSES_DEFAULT = 8, GUESSES_MAX = 64 };

struct speculator {
    struct speculator_options options;
    struct engine_session *session;
    const struct tokenizer *tokenizer;
    int32_t *text; /* [n_context + 1]: the session's tokens, and at most one that waits */
    size_t n;      /* tokens in it */
    uint32_t n_context;
    struct draft *draft; /* NULL: none */
    struct rng rng;
    size_t length; /* guesses to try next */
    struct speculator_stats stats;
};

static int speculator_make(struct speculator *s, struct engine_session *session,
                           struct engine_model *model)
{
    struct speculator_options *o = &s->options;

    if (o->draft && o->lookup)
        return err_set(ERR_USAGE, "a draft model and look-up are two sources of guesses: use one");
    if (!o->n_guesses)
        o->n_guesses = GUESSES_DEFAULT;
    if (o->n_guesses > GUESSES_MAX)
        return err_set(ERR_RANGE, "%u guesses at a time: at most %d", o->n_guesses, GUESSES_MAX);
    s->length = o->n_guesses < 4 ? o->n_guesses : 4;
    rng_init(&s->rng, rng_seed_mix(o->seed, 1));
    s->session = session;
    s->tokenizer = engine_model_tokenizer(model);
    s->n_context = engine_model_n_context(model);
    s->text = malloc(((size_t)s->n_context + 1) * sizeof *s->text);
    if (!s->text)
        return err_set(ERR_NOMEM, "no memory for a text of %u tokens", s->n_context);
    if (o->draft)
        TRY(draft_open(o->draft, model, o->temperature, rng_seed_mix(o->seed, 2), o->n_guesses,
                       &s->draft));
    return 0;
}

int speculator_open(struct engine_session *session, struct engine_model *model,
                    const struct speculator_options *o, struct speculator **out)
{
    struct speculator *s = calloc(1, sizeof *s);
    int rc;

    *out = NULL;
    if (!s)
        return err_set(ERR_NOMEM, "no memory for a speculator");
    s->options = *o;
    rc = speculator_make(s, session, model);
    if (rc < 0)
        speculator_close(&s);
    *out = s;
    return rc;
}

void speculator_close(struct speculator **s)
{
    if (!*s)
        return;
    draft_close(&(*s)->draft);
    free((*s)->text);
    free(*s);
    *s = NULL;
}

int speculator_prompt(struct speculator *s, const int32_t *ids, size_t n, size_t *n_kept)
{
    TRY(prefix_follow(s->session, ids, n, n_kept));
    memcpy(s->text, ids, n * sizeof *ids);
    s->n = n;
    return 0;
}

bool speculator_full(const struct speculator *s)
{
    return s->n > s->n_context;
}

int speculator_shift(struct speculator *s, uint32_t n_keep, uint32_t n_drop)
{
    TRY(engine_session_shift(s->session, n_keep, n_drop));
    memmove(s->text + n_keep, s->text + n_keep + n_drop,
            (s->n - n_keep - n_drop) * sizeof *s->text);
    s->n -= n_drop;
    return 0;
}

const struct speculator_stats *speculator_stats(const struct speculator *s)
{
    return &s->stats;
}

/* --- guessing --- */

static int guess(struct speculator *s, size_t n_max, struct guess *out, size_t *n)
{
    int32_t ids[GUESSES_MAX];

    *n = 0;
    if (n_max > s->length)
        n_max = s->length;
    if (!n_max)
        return 0;
    if (s->draft)
        return draft_guess(s->draft, s->text, s->n, n_max, out, n);
    *n = lookup_guess(s->text, s->n, s->options.lookup, ids, n_max);
    for (size_t i = 0; i < *n; i++)
        out[i] = (struct guess){.id = ids[i]};
    return 0;
}

/* --- verifying --- */

struct verification {
    struct speculator *s;
    struct sampler *sampler;
    struct guess guesses[GUESSES_MAX];
    size_t n_guesses;
    int32_t kept[GUESSES_MAX + 1];
    size_t n_kept;
    bool decided; /* later logits belong to a text that is not: a guess was wrong, or the end */
};

/* The token that follows these logits, given what was guessed (NULL: nothing). */
static int choose(struct verification *v, const float *logits, const struct guess *g, int32_t *id)
{
    const struct sampler_candidate *p;
    size_t n;

    if (!g || !g->q)
        return sampler_pick(v->sampler, logits, id);
    TRY(sampler_distribution(v->sampler, logits, 0, &p, &n));
    *id = acceptance_pick(p, n, g->q, g->n_q, g->id, &v->s->rng);
    return 0;
}

static int verify(void *ctx, size_t index, const float *logits)
{
    struct verification *v = ctx;
    const struct guess *g = index < v->n_guesses ? &v->guesses[index] : NULL;
    int32_t id;

    if (v->decided)
        return 0;
    TRY(choose(v, logits, g, &id));
    v->kept[v->n_kept++] = id;
    v->decided = true;
    if (tokenizer_is_eog(v->s->tokenizer, id))
        return 0;
    TRY(sampler_accept(v->sampler, id));
    v->decided = !g || id != g->id || sampler_done(v->sampler);
    return 0;
}

static void learn(struct speculator *s, const struct verification *v)
{
    size_t n_right = 0;

    while (n_right < v->n_guesses && n_right < v->n_kept &&
           v->kept[n_right] == v->guesses[n_right].id)
        n_right++;
    s->stats.n_batches++;
    s->stats.n_tokens += v->n_kept;
    s->stats.n_guessed += v->n_guesses;
    s->stats.n_accepted += n_right;
    if (!v->n_guesses)
        return;
    s->length = n_right == v->n_guesses ? 2 * s->length : n_right + 1;
    if (s->length > s->options.n_guesses)
        s->length = s->options.n_guesses;
}

/* Evaluate the token that waits and guesses of what follows, in one go; keep what is right. */
static int batch(struct speculator *s, struct sampler *sampler, size_t n_max)
{
    struct verification v = {.s = s, .sampler = sampler};
    int32_t ids[GUESSES_MAX + 1] = {s->text[s->n - 1]};

    TRY(guess(s, n_max, v.guesses, &v.n_guesses));
    for (size_t i = 0; i < v.n_guesses; i++)
        ids[1 + i] = v.guesses[i].id;
    TRY(engine_session_eval(s->session, ids, 1 + v.n_guesses, verify, &v));
    learn(s, &v);
    TRY(engine_session_truncate(s->session, (uint32_t)(s->n + v.n_kept - 1)));
    memcpy(s->text + s->n, v.kept, v.n_kept * sizeof *v.kept);
    s->n += v.n_kept;
    return 0;
}

/* The first token after a prompt: its logits are there already. */
static int first(struct speculator *s, struct sampler *sampler)
{
    int32_t id;

    TRY(sampler_pick(sampler, engine_session_logits(s->session), &id));
    if (!tokenizer_is_eog(s->tokenizer, id))
        TRY(sampler_accept(sampler, id));
    s->text[s->n++] = id;
    return 0;
}

int speculator_next(struct speculator *s, struct sampler *sampler, size_t room, const int32_t **out,
                    size_t *n)
{
    size_t before = s->n;

    if (speculator_full(s))
        return err_set(ERR_RANGE, "the context of %u positions is full (--ctx)", s->n_context);
    if (s->n == engine_session_position(s->session))
        TRY(first(s, sampler));
    else
        TRY(batch(s, sampler, room - 1 < s->n_context - s->n ? room - 1 : s->n_context - s->n));
    *out = s->text + before;
    *n = s->n - before;
    return 0;
}
