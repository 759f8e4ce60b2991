/* SPDX-License-Identifier: Apache-2.0
 *
 * compare_samplers.c: stages on random logits beside the samplers of the same name, and which tokens
 * of a large vocabulary a grammar lets come after the same random text. */
#include "tests/peers/compare_peers.h"

#include "engine/sample/grammar.h"
#include "engine/sample/sampler.h"
#include "engine/sample/vocabulary.h"
#include "engine/tokenizer/tokenizer.h"
#include "engine/tokenizer/utf8.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"
#include "tests/peers/name_list.h"
#include "tests/peers/peer_samplers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_MAX = 2000, N_PAST = 120, N_DRAWS = 200, N_WALKS = 2, WALK = 8, NEWLINE = 198 };

struct samplers {
    struct compare *c;
    struct peer_samplers peer;
    void *model; /* theirs, the vocabulary alone */
    const void *vocab;
    struct gguf_file *file;
    struct tokenizer *tokenizer;
    struct vocabulary *vocabulary;
    struct rng rng;
    int32_t n_vocab;
    float *logits; /* [n_vocab] */
    double *p;     /* [n_vocab] */
    int32_t past[N_PAST];
};

static int samplers_open(struct samplers *s)
{
    struct llama_model_params o = s->c->lib.model_default_params();
    char path[4096];

    snprintf(path, sizeof path, "%s/tokenizers/ggml-vocab-qwen2.gguf", s->c->shared);
    rng_init(&s->rng, 7);
    TRY(peer_samplers_find(&s->peer));
    TRY(gguf_open(path, &s->file));
    TRY(tokenizer_open(s->file, &s->tokenizer));
    TRY(vocabulary_open(s->tokenizer, &s->vocabulary));
    s->n_vocab = tokenizer_n_vocab(s->tokenizer);
    s->logits = calloc((size_t)s->n_vocab, sizeof *s->logits);
    s->p = calloc((size_t)s->n_vocab, sizeof *s->p);
    o.vocab_only = true;
    s->model = s->c->lib.model_load_from_file(path, o);
    if (!s->model || !s->logits || !s->p)
        return err_set(ERR_IO, "%s: %s", path, llama_library_complaint());
    s->vocab = s->c->lib.model_get_vocab(s->model);
    return 0;
}

static void samplers_close(struct samplers *s)
{
    if (s->model)
        s->c->lib.model_free(s->model);
    vocabulary_close(&s->vocabulary);
    tokenizer_close(&s->tokenizer);
    gguf_close(&s->file);
    free(s->logits);
    free(s->p);
}

/* --- stages --- */

/* Largest difference of a probability. */
static double distance(struct samplers *s, int32_t n, const struct peer_candidates *theirs,
                       const struct sampler_candidate *ours, size_t n_ours)
{
    double highest = -INFINITY, sum = 0, worst = 0;

    memset(s->p, 0, (size_t)n * sizeof *s->p);
    for (size_t i = 0; i < theirs->size; i++)
        highest = fmax(highest, (double)theirs->data[i].logit);
    for (size_t i = 0; i < theirs->size; i++)
        sum += s->p[theirs->data[i].id] = exp((double)theirs->data[i].logit - highest);
    for (int32_t i = 0; i < n; i++)
        s->p[i] /= sum;
    for (size_t i = 0; i < n_ours; i++)
        s->p[ours[i].id] -= ours[i].p;
    for (int32_t i = 0; i < n; i++)
        worst = fmax(worst, fabs(s->p[i]));
    return worst;
}

/* A draw of options for a stage: sets them and makes their sampler. x: uniform in [0, 1). */
typedef void *(*stage_fn)(struct samplers *s, struct sampler_options *o, double x, int32_t n);

static void *top_k(struct samplers *s, struct sampler_options *o, double x, int32_t n)
{
    o->top_k = 1 + (uint32_t)(x * n);
    return s->peer.init_top_k((int32_t)o->top_k);
}

static void *top_p(struct samplers *s, struct sampler_options *o, double x, int32_t n)
{
    (void)n;
    o->top_p = 0.05 + 0.94 * x;
    return s->peer.init_top_p((float)o->top_p, 1);
}

static void *min_p(struct samplers *s, struct sampler_options *o, double x, int32_t n)
{
    (void)n;
    o->min_p = 0.001 + 0.5 * x;
    return s->peer.init_min_p((float)o->min_p, 1);
}

static void *typical(struct samplers *s, struct sampler_options *o, double x, int32_t n)
{
    (void)n;
    o->typical_p = 0.05 + 0.94 * x;
    return s->peer.init_typical((float)o->typical_p, 1);
}

static void *top_n_sigma(struct samplers *s, struct sampler_options *o, double x, int32_t n)
{
    (void)n;
    o->top_n_sigma = 0.2 + 3 * x;
    return s->peer.init_top_n_sigma((float)o->top_n_sigma);
}

static void *xtc(struct samplers *s, struct sampler_options *o, double x, int32_t n)
{
    (void)n;
    o->xtc_probability = 1;
    o->xtc_threshold = 0.02 + 0.4 * x;
    return s->peer.init_xtc(1, (float)o->xtc_threshold, 1, 1);
}

static void *temperature(struct samplers *s, struct sampler_options *o, double x, int32_t n)
{
    (void)n;
    o->temperature = 0.1 + 2 * x;
    return s->peer.init_temp((float)o->temperature);
}

static void *dynamic_temperature(struct samplers *s, struct sampler_options *o, double x, int32_t n)
{
    (void)n;
    o->temperature = 0.5 + x;
    o->dynamic_range = 0.4;
    o->dynamic_exponent = 0.5 + x;
    return s->peer.init_temp_ext((float)o->temperature, 0.4F, (float)o->dynamic_exponent);
}

static void *penalties(struct samplers *s, struct sampler_options *o, double x, int32_t n)
{
    o->penalty_last_n = 1 + (uint32_t)(x * 64);
    o->repeat_penalty = 1 + x;
    o->frequency_penalty = 0.3 * x;
    o->presence_penalty = 0.5 * x;
    return s->peer.init_penalties(n, (int32_t)o->penalty_last_n, (float)o->repeat_penalty,
                                  (float)o->frequency_penalty, (float)o->presence_penalty);
}

static void *dry(struct samplers *s, struct sampler_options *o, double x, int32_t n)
{
    const char *breakers[] = {"\n"};

    (void)n;
    o->dry_multiplier = 0.8;
    o->dry_allowed = 1 + (uint32_t)(x * 3);
    o->dry_last_n = 20 + (uint32_t)(x * N_PAST);
    o->dry_breakers = "\n";
    return s->peer.init_dry(s->vocab, 0.8F, (float)o->dry_base, (int32_t)o->dry_allowed,
                            (int32_t)o->dry_last_n, breakers, 1);
}

static void *infill(struct samplers *s, struct sampler_options *o, double x, int32_t n)
{
    (void)n;
    (void)x;
    o->chain = "top-k;infill";
    o->top_k = 20;
    return s->peer.init_infill(s->vocab);
}

static const struct {
    const char *name;
    stage_fn make;
    bool whole;      /* on the whole vocabulary, a tenth as often */
    int32_t first_k; /* both take the k likeliest before; 0: all */
} stages[] = {
    {"top-k", top_k, false, 0},
    {"top-p", top_p, false, 0},
    {"min-p", min_p, false, 0},
    {"typical", typical, false, 0},
    {"top-n-sigma", top_n_sigma, false, 0},
    {"xtc", xtc, false, 0},
    {"temperature", temperature, false, 0},
    {"dynamic-temperature", dynamic_temperature, false, 0},
    {"penalties", penalties, false, 0},
    {"dry", dry, true, 0},
    {"infill", infill, true, 20},
};

/* Logits of n tokens; of a whole vocabulary a few neighbours stand out, an end among them now and
 * then. The past is made of few tokens, so that it repeats itself. */
static void draw_inputs(struct samplers *s, int32_t n)
{
    double scale = 0.3 + 4 * rng_uniform(&s->rng);
    int32_t first = n > N_MAX ? 1000 + (int32_t)rng_below(&s->rng, 100000) : 0;

    for (int32_t i = 0; i < n; i++)
        s->logits[i] = (float)(scale * rng_normal(&s->rng));
    for (int32_t i = 0; first && i < 8; i++)
        s->logits[first + i] = (float)(6 * scale + 2 * rng_normal(&s->rng));
    if (first && rng_below(&s->rng, 3) == 0)
        s->logits[tokenizer_eos(s->tokenizer)] = (float)(5 * scale);
    for (int i = 0; i < N_PAST; i++)
        s->past[i] = first && rng_below(&s->rng, 20) == 0
                         ? NEWLINE
                         : first + (int32_t)rng_below(&s->rng, n < 5 ? (uint64_t)n : 5);
}

static void cut(struct samplers *s, int32_t k, struct peer_candidates *c)
{
    void *top = k ? s->peer.init_top_k(k) : NULL;

    if (!top)
        return;
    s->peer.apply(top, c);
    s->peer.free(top);
}

static int stage_once(struct samplers *s, size_t stage, double *worst)
{
    bool whole = stages[stage].whole;
    int32_t n = whole ? s->n_vocab : 5 + (int32_t)rng_below(&s->rng, N_MAX - 5);
    struct sampler_options o = sampler_neutral;
    void *theirs = stages[stage].make(s, &o, rng_uniform(&s->rng), n);
    const struct sampler_candidate *got = NULL;
    struct peer_candidates c;
    struct peer_candidate *data;
    struct sampler *ours = NULL;
    size_t n_got = 0;
    int rc;

    draw_inputs(s, n);
    data = peer_candidates_make(s->logits, n, &c);
    rc = data ? sampler_open(&o, n, whole ? s->vocabulary : NULL, &ours)
              : err_set(ERR_NOMEM, "no memory for candidates");
    if (rc == 0) {
        sampler_prompt(ours, s->past, N_PAST);
        for (int i = 0; i < N_PAST; i++)
            s->peer.accept(theirs, s->past[i]);
        cut(s, stages[stage].first_k, &c);
        s->peer.apply(theirs, &c);
        rc = sampler_distribution(ours, s->logits, 0, &got, &n_got);
    }
    if (rc == 0)
        *worst = fmax(*worst, distance(s, n, &c, got, n_got));
    sampler_close(&ours);
    s->peer.free(theirs);
    free(data);
    return rc;
}

static int stage_row(struct samplers *s, size_t stage)
{
    int n = stages[stage].whole ? N_DRAWS / 10 : N_DRAWS;
    double worst = 0;
    bool good;

    for (int i = 0; i < n; i++)
        TRY(stage_once(s, stage, &worst));
    good = worst <= 1e-4;
    printf("%-20s %6d distributions, largest difference of a p %.1e  %s\n", stages[stage].name, n,
           worst, good ? "ok" : "FAIL");
    s->c->n_rows++;
    s->c->n_failed += !good;
    return 0;
}

/* --- grammars --- */

/* What we refuse on purpose or end by otherwise: tokens without bytes (theirs are their names), bytes
 * that no UTF-8 has, NUL (where they see an empty token), and the ends, which are not the same
 * tokens. */
static bool apart(const struct samplers *s, int32_t id)
{
    size_t len;
    const char *piece = vocabulary_piece(s->vocabulary, id, &len);
    unsigned char lead = len ? (unsigned char)piece[0] : 0;

    return !lead || lead == 0xc0 || lead == 0xc1 || lead >= 0xf5 || s->peer.is_eog(s->vocab, id);
}

/* A negated class: they refuse a character begun when any of its continuations is excluded, we when
 * all are. */
static bool ends_inside(const struct samplers *s, int32_t id)
{
    size_t len, n = 0;
    const char *piece = vocabulary_piece(s->vocabulary, id, &len);

    while (n < 3 && n < len && ((unsigned char)piece[len - 1 - n] & 0xc0) == 0x80)
        n++;
    return n < len && (unsigned char)piece[len - 1 - n] >= 0xc2 &&
           utf8_char_bytes(piece + len - 1 - n, n + 1) == 0;
}

static size_t masks_differ(struct samplers *s, const struct peer_candidates *theirs,
                           const struct sampler_candidate *ours, size_t n_ours)
{
    size_t n = 0;

    memset(s->p, 0, (size_t)s->n_vocab * sizeof *s->p);
    for (size_t i = 0; i < n_ours; i++)
        s->p[ours[i].id] = 1;
    for (size_t i = 0; i < theirs->size; i++) {
        int32_t id = theirs->data[i].id;

        bool may = theirs->data[i].logit > -INFINITY;

        n += !apart(s, id) && may != (s->p[id] > 0) && (may || !ends_inside(s, id));
    }
    return n;
}

/* A random text of the grammar, token by token; both see the same. */
static int grammar_walk(struct samplers *s, struct sampler *ours, void *theirs, int *n_masks,
                        size_t *n_differ)
{
    for (int step = 0; step < WALK && !sampler_done(ours); step++) {
        const struct sampler_candidate *got;
        struct peer_candidates c;
        struct peer_candidate *data;
        size_t n;
        int32_t id;

        for (int32_t i = 0; i < s->n_vocab; i++)
            s->logits[i] = (float)rng_normal(&s->rng);
        TRY(sampler_distribution(ours, s->logits, 0, &got, &n));
        data = peer_candidates_make(s->logits, s->n_vocab, &c);
        if (!data)
            return err_set(ERR_NOMEM, "no memory for candidates");
        s->peer.apply(theirs, &c);
        *n_differ += masks_differ(s, &c, got, n);
        ++*n_masks;
        do /* both must allow the token to go on; theirs are still in the order of the ids */
            id = sampler_draw(ours, got, n);
        while (!(data[id].logit > -INFINITY));
        free(data);
        if (vocabulary_is_end(s->vocabulary, id))
            break;
        TRY(sampler_accept(ours, id));
        s->peer.accept(theirs, id);
    }
    return 0;
}

static int grammar_walks(struct samplers *s, const struct grammar *g, const char *text,
                         int *n_masks, size_t *n_differ)
{
    int rc = 0;

    for (uint64_t seed = 0; rc == 0 && seed < N_WALKS; seed++) {
        struct sampler_options o = sampler_neutral;
        void *theirs = s->peer.init_grammar(s->vocab, text, "root");
        struct sampler *ours = NULL;

        o.grammar = g;
        o.seed = seed;
        rc = theirs ? sampler_open(&o, s->n_vocab, s->vocabulary, &ours)
                    : err_set(ERR_FORMAT, "llama.cpp refuses the grammar");
        if (rc == 0)
            rc = grammar_walk(s, ours, theirs, n_masks, n_differ);
        sampler_close(&ours);
        if (theirs)
            s->peer.free(theirs);
    }
    return rc;
}

static int grammar_row(struct samplers *s, const char *name)
{
    struct strbuf text = {0};
    struct grammar *g = NULL;
    size_t n_differ = 0;
    int n_masks = 0, rc;
    char path[4096];

    snprintf(path, sizeof path, "%s/vectors/grammars/%s.gbnf", s->c->shared, name);
    rc = file_read(path, &text);
    if (rc == 0)
        rc = grammar_parse(strbuf_str(&text), text.len, &g);
    if (rc == 0)
        rc = grammar_walks(s, g, strbuf_str(&text), &n_masks, &n_differ);
    if (rc == 0) {
        printf("%-20s %6d masks of %d tokens, %zu tokens differ  %s\n", name, n_masks, s->n_vocab,
               n_differ, n_differ ? "FAIL" : "ok");
        s->c->n_rows++;
        s->c->n_failed += n_differ > 0;
    }
    grammar_close(&g);
    strbuf_deinit(&text);
    return rc;
}

int compare_samplers(struct compare *c)
{
    static const char *const grammars[] = {"arithmetic", "c",    "chess",    "english",
                                           "japanese",   "json", "json_arr", "list"};
    struct samplers s = {.c = c};
    int rc = samplers_open(&s);

    printf("Stages of the sampler, and masks of grammars\n");
    for (size_t i = 0; rc == 0 && i < sizeof stages / sizeof *stages; i++)
        if (name_list_has(c->rows, stages[i].name))
            rc = stage_row(&s, i);
    for (size_t i = 0; rc == 0 && i < sizeof grammars / sizeof *grammars; i++)
        if (name_list_has(c->rows, grammars[i]))
            rc = grammar_row(&s, grammars[i]);
    samplers_close(&s);
    return rc;
}
