/* SPDX-License-Identifier: Apache-2.0
 *
 * compare_models.c: logits and greedy tokens of a small random model of every architecture. llama.cpp
 * reads a prompt and goes on greedily; the engine is given the same tokens, in other chunks. */
#include "tests/peers/compare.h"

#include "engine/engine.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"
#include "tests/engine/arch_models.h"
#include "tests/peers/name_list.h"
#include "tests/peers/peer_llama.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    N_PROMPT = 150,
    N_GREEDY = 16,
    N_TOKENS = N_PROMPT + N_GREEDY,
    PEER_CHUNK = 96,  /* the prompt in two pieces each, */
    OUR_CHUNK = 101,  /* not the same ones */
    MICRO_BATCH = 64, /* of the engine */
};

static const double limit_plain = 1e-5, limit_quantised = 1e-3;

struct trial {
    struct compare *c;
    const struct arch_model *model;
    const struct arch_types *types;
    char path[4096];
    size_t n_vocab;
    int32_t ids[N_TOKENS];
    float *logits;                      /* llama.cpp's [N_TOKENS][n_vocab] */
    size_t at;                          /* tokens evaluated before this call */
    double error, power;                /* sums of squares */
    unsigned n_greedy, n_equal, n_tied; /* of the greedy steps */
};

/* --- llama.cpp's side --- */

static size_t highest(const float *x, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

static void prompt_draw(struct trial *t)
{
    struct rng rng;

    rng_init(&rng, 7);
    for (int i = 0; i < N_PROMPT; i++)
        t->ids[i] = (int32_t)rng_below(&rng, t->n_vocab);
}

static int peer_run(struct trial *t, struct peer *p)
{
    t->n_vocab = peer_n_vocab(p);
    t->logits = malloc(N_TOKENS * t->n_vocab * sizeof *t->logits);
    if (!t->logits)
        return err_set(ERR_NOMEM, "no memory for logits");
    prompt_draw(t);
    TRY(peer_eval(p, t->ids, PEER_CHUNK, t->logits));
    TRY(peer_eval(p, t->ids + PEER_CHUNK, N_PROMPT - PEER_CHUNK,
                  t->logits + PEER_CHUNK * t->n_vocab));
    for (size_t i = N_PROMPT; i < N_TOKENS; i++) {
        t->ids[i] = (int32_t)highest(t->logits + (i - 1) * t->n_vocab, t->n_vocab);
        TRY(peer_eval(p, t->ids + i, 1, t->logits + i * t->n_vocab));
    }
    return 0;
}

static int peer_side(struct trial *t)
{
    const struct peer_options o = {.n_context = (uint32_t)t->model->extents[M_CONTEXT],
                                   .n_threads = t->c->n_threads};
    struct peer *p;
    int rc;

    TRY(peer_open(&t->c->lib, t->path, &o, &p));
    rc = peer_run(t, p);
    peer_close(&p);
    return rc;
}

/* --- our side --- */

/* The step counts as tied when llama.cpp's own choice could have gone the other way within the
 * error: the two best are closer than what the largest error of this row can change. */
static bool is_tied(const float *peer, size_t n, size_t ours, double largest)
{
    return (double)peer[highest(peer, n)] - (double)peer[ours] <= 2 * largest;
}

static int logits_compare(void *ctx, size_t index, const float *ours)
{
    struct trial *t = ctx;
    const float *peer = t->logits + (t->at + index) * t->n_vocab;
    double largest = 0;

    for (size_t i = 0; i < t->n_vocab; i++) {
        double error = (double)ours[i] - (double)peer[i];

        t->error += error * error;
        t->power += (double)peer[i] * (double)peer[i];
        largest = fmax(largest, fabs(error));
    }
    if (t->at + index >= N_PROMPT - 1 && t->at + index < N_TOKENS - 1) {
        size_t best = highest(ours, t->n_vocab);

        t->n_greedy++;
        if (best == highest(peer, t->n_vocab))
            t->n_equal++;
        else
            t->n_tied += is_tied(peer, t->n_vocab, best, largest);
    }
    return 0;
}

static int our_tokens(struct trial *t, struct engine_session *s, size_t n)
{
    TRY(engine_session_eval(s, t->ids + t->at, n, logits_compare, t));
    t->at += n;
    return 0;
}

static int our_run(struct trial *t, struct engine_model *m)
{
    struct engine_session *s = NULL;
    int rc;

    if ((size_t)engine_model_n_vocab(m) != t->n_vocab)
        return err_set(ERR_FORMAT, "%d tokens, llama.cpp has %zu", engine_model_n_vocab(m),
                       t->n_vocab);
    TRY(engine_session_open(m, &s));
    rc = our_tokens(t, s, OUR_CHUNK);
    if (rc == 0)
        rc = our_tokens(t, s, N_PROMPT - OUR_CHUNK);
    while (rc == 0 && t->at < N_TOKENS)
        rc = our_tokens(t, s, 1);
    engine_session_close(&s);
    return rc;
}

static int our_side(struct trial *t)
{
    const struct engine_options o = {.features = cpu_features(),
                                     .n_threads = t->c->n_threads,
                                     .n_context = (uint32_t)t->model->extents[M_CONTEXT],
                                     .micro_batch = MICRO_BATCH};
    struct engine_model *m;
    int rc;

    TRY(engine_model_open(t->path, &o, &m));
    rc = our_run(t, m);
    engine_model_close(&m);
    return rc;
}

/* --- a row --- */

static bool row_judge(const struct trial *t)
{
    double nmse = t->error / t->power;
    bool plain = t->types->type == KERNEL_F32 || t->types->type == KERNEL_F16;

    bool good =
        nmse <= (plain ? limit_plain : limit_quantised) && t->n_equal + t->n_tied == t->n_greedy;

    printf("%9.2e  %5u/%u  ", nmse, t->n_equal, t->n_greedy);
    if (t->n_tied)
        printf("%u tied  ", t->n_tied);
    puts(good ? "ok" : "FAIL");
    return good;
}

static int row_run(struct trial *t)
{
    char tokenizers[4096];
    int rc;

    snprintf(tokenizers, sizeof tokenizers, "%s/tokenizers", t->c->shared);
    snprintf(t->path, sizeof t->path, "%s/compare.gguf", t->c->scratch);
    printf("%-14s %-7s ", t->model->name, t->types->name);
    fflush(stdout);
    rc = arch_model_write(t->model, t->types, tokenizers, t->path);
    if (rc == 0 && (rc = peer_side(t)) < 0)
        err_wrap("llama.cpp");
    t->c->n_rows++;
    if (rc == 0 && t->c->peer_only) {
        puts("taken by llama.cpp");
        return 0;
    }
    if (rc == 0)
        rc = our_side(t);
    if (rc < 0)
        printf("%s  FAIL\n", err_message());
    if (rc < 0 || !row_judge(t))
        t->c->n_failed++;
    fflush(stdout);
    return 0;
}

/* Each type for the first row; for the others one of each kind. */
static bool type_selected(const struct compare *c, size_t row, const char *type)
{
    return c->types ? name_list_has(c->types, type)
                    : row == 0 || name_list_has("F32,F16,Q8_0,Q4_K_M", type);
}

int compare_models(struct compare *c)
{
    printf(
        "Logits and greedy tokens: %d tokens of prompt and %d decoded; NMSE of the logits of all "
        "positions,\nat most %.0e on F32 and F16, %.0e on the others\n"
        "%-14s %-7s %9s  %8s\n",
        N_PROMPT, N_GREEDY, limit_plain, limit_quantised, "model", "type", "NMSE", "greedy");
    for (size_t m = 0; m < n_arch_models; m++)
        for (size_t i = 0; i < n_arch_types; i++) {
            struct trial t = {.c = c, .model = &arch_models[m], .types = &arch_types[i]};

            if (!name_list_has(c->rows, t.model->name) || !type_selected(c, m, t.types->name))
                continue;
            TRY(row_run(&t));
            free(t.logits);
            unlink(t.path);
        }
    return 0;
}
