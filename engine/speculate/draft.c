/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/speculate/draft.h"

#include "engine/speculate/prefix.h"
#include "reference/base/err.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    DRAWN_FROM = 64,   /* likeliest tokens a guess is drawn from */
    PADDING_MAX = 128, /* tokens by which a vocabulary may be padded beyond the other's */
};

struct draft {
    struct engine_session *session;
    uint32_t n_context;
    struct sampler *sampler;
    bool drawn;
    struct sampler_candidate *q; /* [n_max][DRAWN_FROM] */
};

/* --- the same vocabulary? --- */

/* Every token's text as the file has it; *n of them. */
static int token_texts(const struct engine_model *m, struct gguf_string **out, size_t *n)
{
    const struct gguf_kv *kv = gguf_kv_find(engine_model_file(m), "tokenizer.ggml.tokens");
    int rc;

    *n = (size_t)kv->count; /* the tokenizer has checked the key */
    *out = calloc(*n, sizeof **out);
    if (!*out)
        return err_set(ERR_NOMEM, "no memory for the texts of %zu tokens", *n);
    rc = gguf_array_strings(kv, *out);
    if (rc < 0)
        free(*out);
    return rc;
}

static int texts_compare(const struct gguf_string *a, const struct gguf_string *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].len != b[i].len || memcmp(a[i].data, b[i].data, a[i].len) != 0)
            return err_set(ERR_USAGE,
                           "the draft model's vocabulary is another one: token %zu is \"%.*s\", in "
                           "the model \"%.*s\"; take a draft of the same family",
                           i, (int)(a[i].len < 32 ? a[i].len : 32), a[i].data,
                           (int)(b[i].len < 32 ? b[i].len : 32), b[i].data);
    return 0;
}

static int vocabulary_check(const struct engine_model *draft, const struct engine_model *target)
{
    const struct tokenizer *a = engine_model_tokenizer(draft), *b = engine_model_tokenizer(target);
    int32_t n_draft = tokenizer_n_vocab(a), n_target = tokenizer_n_vocab(b);
    struct gguf_string *texts, *others;
    size_t n, n_others;
    int rc;

    if (abs(n_draft - n_target) > PADDING_MAX || tokenizer_eos(a) != tokenizer_eos(b))
        return err_set(ERR_USAGE,
                       "the draft model's vocabulary is another one: %" PRId32 " tokens (the model "
                       "has %" PRId32 "), end of text %" PRId32 " (%" PRId32 "); take a draft of "
                       "the same family",
                       n_draft, n_target, tokenizer_eos(a), tokenizer_eos(b));
    TRY(token_texts(draft, &texts, &n));
    rc = token_texts(target, &others, &n_others);
    if (rc == 0) {
        rc = texts_compare(texts, others, n < n_others ? n : n_others);
        free(others);
    }
    free(texts);
    return rc;
}

/* --- opening --- */

static int draft_make(struct draft *d, struct engine_model *model,
                      const struct engine_model *target, double temperature, uint64_t seed,
                      size_t n_max)
{
    int32_t n_draft = engine_model_n_vocab(model), n_target = engine_model_n_vocab(target);
    struct sampler_options o = sampler_neutral;

    TRY(vocabulary_check(model, target));
    d->drawn = temperature > 0;
    d->n_context = engine_model_n_context(model);
    d->q = calloc(n_max * DRAWN_FROM, sizeof *d->q);
    if (!d->q)
        return err_set(ERR_NOMEM, "no memory for %zu guesses", n_max);
    TRY(engine_session_open(model, &d->session));
    o.temperature = temperature;
    o.top_k = DRAWN_FROM;
    o.seed = seed;
    /* A token that the target does not have is left out before anything is drawn: q must be what
     * the guess was drawn from. */
    return sampler_open(&o, n_draft < n_target ? n_draft : n_target, NULL, &d->sampler);
}

int draft_open(struct engine_model *model, const struct engine_model *target, double temperature,
               uint64_t seed, size_t n_max, struct draft **out)
{
    struct draft *d = calloc(1, sizeof *d);
    int rc;

    *out = NULL;
    if (!d)
        return err_set(ERR_NOMEM, "no memory for a draft");
    rc = draft_make(d, model, target, temperature, seed, n_max);
    if (rc < 0)
        draft_close(&d);
    *out = d;
    return rc;
}

void draft_close(struct draft **d)
{
    if (!*d)
        return;
    sampler_close(&(*d)->sampler);
    engine_session_close(&(*d)->session);
    free((*d)->q);
    free(*d);
    *d = NULL;
}

/* --- guessing --- */

static int guess_next(struct draft *d, size_t index, struct guess *out)
{
    struct sampler_candidate *q = d->q + index * DRAWN_FROM;
    const float *logits = engine_session_logits(d->session);
    const struct sampler_candidate *c;

    *out = (struct guess){0};
    if (!d->drawn)
        return sampler_pick(d->sampler, logits, &out->id);
    TRY(sampler_distribution(d->sampler, logits, 0, &c, &out->n_q));
    memcpy(q, c, out->n_q * sizeof *c);
    out->q = q;
    out->id = sampler_draw(d->sampler, q, out->n_q);
    return 0;
}

int draft_guess(struct draft *d, const int32_t *ids, size_t n_ids, size_t n, struct guess *out,
                size_t *n_out)
{
    *n_out = 0;
    if (n_ids > d->n_context)
        return 0;
    if (n > d->n_context - n_ids + 1)
        n = d->n_context - n_ids + 1;
    for (size_t i = 0; i < n; i++) {
        if (i == 0)
            TRY(prefix_follow(d->session, ids, n_ids, NULL));
        else
            TRY(engine_session_eval(d->session, &out[i - 1].id, 1, NULL, NULL));
        TRY(guess_next(d, i, &out[i]));
        *n_out = i + 1;
    }
    return 0;
}
