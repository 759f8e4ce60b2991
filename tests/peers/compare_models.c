/* SPDX-License-Identifier: Apache-2.0
 *
 * compare_models.c: logits and greedy tokens of a small random model of every architecture. llama.cpp
 * reads a prompt and goes on greedily; the engine is given the same tokens, in other chunks. A model
 * without logits is compared by its last hidden states, all tokens at once. */
#include "tests/peers/compare_peers.h"

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
#include <string.h>
#include <unistd.h>

enum {
    N_PROMPT = 150,
    N_GREEDY = 16,
    N_TOKENS = N_PROMPT + N_GREEDY,
    PEER_CHUNK = 96,  /* the prompt in two pieces each, */
    OUR_CHUNK = 101,  /* not the same ones */
    MICRO_BATCH = 64, /* of the engine */
    REROUTED = 10,    /* times the limit; see nmse_of */
};

static const double limit_plain = 1e-5, limit_quantised = 1e-3;

struct trial {
    struct compare *c;
    const struct arch_model *model;
    const struct arch_types *types;
    char path[4096];
    bool embeddings;
    size_t n_tokens, n_vocab;
    size_t n_out; /* values of a token */
    int32_t ids[N_TOKENS];
    float *peer;                        /* llama.cpp's [n_tokens][n_out] */
    size_t at;                          /* tokens evaluated before this call */
    double error[N_TOKENS];             /* of each token, sums of squares */
    double power[N_TOKENS];             /* of llama.cpp's values */
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
    size_t chunk = t->embeddings ? N_PROMPT : PEER_CHUNK;

    t->n_vocab = peer_n_vocab(p);
    t->n_out = peer_n_out(p);
    t->peer = malloc(t->n_tokens * t->n_out * sizeof *t->peer);
    if (!t->peer)
        return err_set(ERR_NOMEM, "no memory for results");
    prompt_draw(t);
    TRY(peer_eval(p, t->ids, chunk, t->peer));
    if (chunk < N_PROMPT)
        TRY(peer_eval(p, t->ids + chunk, N_PROMPT - chunk, t->peer + chunk * t->n_out));
    for (size_t i = N_PROMPT; i < t->n_tokens; i++) {
        t->ids[i] = (int32_t)highest(t->peer + (i - 1) * t->n_out, t->n_out);
        TRY(peer_eval(p, t->ids + i, 1, t->peer + i * t->n_out));
    }
    return 0;
}

static int peer_side(struct trial *t)
{
    const struct peer_options o = {.n_context = (uint32_t)t->model->extents[M_CONTEXT],
                                   .n_threads = t->c->n_threads,
                                   .embeddings = t->embeddings};
    struct peer *p;
    int rc;

    TRY(peer_open(&t->c->lib, t->path, &o, &p));
    rc = peer_run(t, p);
    peer_close(&p);
    return rc;
}

/* --- our side --- */

/* A step is tied when llama.cpp's own choice is ahead of ours by less than what an error as large as
 * the largest of this row, once in each of the two, explains. */
static void greedy_compare(struct trial *t, const float *ours, const float *peer, double largest)
{
    size_t mine = highest(ours, t->n_out), theirs = highest(peer, t->n_out);

    t->n_greedy++;
    if (mine == theirs)
        t->n_equal++;
    else if ((double)peer[theirs] - (double)peer[mine] <= 2 * largest)
        t->n_tied++;
}

static int results_compare(void *ctx, size_t index, const float *ours)
{
    struct trial *t = ctx;
    size_t token = t->at + index;
    const float *peer = t->peer + token * t->n_out;
    double largest = 0;

    for (size_t i = 0; i < t->n_out; i++) {
        double error = (double)ours[i] - (double)peer[i];

        t->error[token] += error * error;
        t->power[token] += (double)peer[i] * (double)peer[i];
        largest = fmax(largest, fabs(error));
    }
    if (token >= N_PROMPT - 1 && token < t->n_tokens - 1)
        greedy_compare(t, ours, peer, largest);
    return 0;
}

static int our_tokens(struct trial *t, struct engine_session *s, size_t n)
{
    TRY(engine_session_eval(s, t->ids + t->at, n, results_compare, t));
    t->at += n;
    return 0;
}

static int our_run(struct trial *t, struct engine_model *m)
{
    size_t chunk = t->embeddings ? N_PROMPT : OUR_CHUNK;
    struct engine_session *s = NULL;
    int rc;

    if ((size_t)engine_model_n_vocab(m) != t->n_vocab)
        return err_set(ERR_FORMAT, "%d tokens, llama.cpp has %zu", engine_model_n_vocab(m),
                       t->n_vocab);
    TRY(engine_session_open(m, &s));
    rc = our_tokens(t, s, chunk);
    if (rc == 0 && chunk < N_PROMPT)
        rc = our_tokens(t, s, N_PROMPT - chunk);
    while (rc == 0 && t->at < t->n_tokens)
        rc = our_tokens(t, s, 1);
    engine_session_close(&s);
    return rc;
}

static int our_side(struct trial *t)
{
    const struct engine_options o = {.features = cpu_features(),
                                     .n_threads = t->c->n_threads,
                                     .n_context = (uint32_t)t->model->extents[M_CONTEXT],
                                     .micro_batch = t->embeddings ? N_PROMPT : MICRO_BATCH,
                                     .embeddings = t->embeddings};
    struct engine_model *m;
    int rc;

    TRY(engine_model_open(t->path, &o, &m));
    rc = our_run(t, m);
    engine_model_close(&m);
    return rc;
}

/* --- a row --- */

static bool is_plain(const struct arch_types *t)
{
    return t->type == KERNEL_F32 || t->type == KERNEL_F16;
}

static double limit_of(const struct arch_types *t)
{
    return is_plain(t) ? limit_plain : limit_quantised;
}

/* Over all tokens; but in a mixture of experts, tokens far beyond the limit are left out and counted:
 * rounding has sent them to another expert where two were as good as equal, as it does between two
 * of llama.cpp's own kernels. How many may be is limited, see row_judge. */
static double nmse_of(const struct trial *t, size_t *n_rerouted)
{
    double bound = t->model->extents[M_EXPERTS] ? REROUTED * limit_of(t->types) : INFINITY;
    double error = 0, power = 0;

    *n_rerouted = 0;
    for (size_t i = 0; i < t->n_tokens; i++) {
        if (t->error[i] > bound * t->power[i]) {
            ++*n_rerouted;
            continue;
        }
        error += t->error[i];
        power += t->power[i];
    }
    return error / power;
}

static bool row_judge(const struct trial *t)
{
    size_t n_rerouted;
    double nmse = nmse_of(t, &n_rerouted);
    bool good = nmse <= limit_of(t->types) && n_rerouted * 20 <= t->n_tokens &&
                t->n_equal + t->n_tied == t->n_greedy;

    printf("%9.2e  ", nmse);
    if (t->embeddings)
        printf("%8s  ", "-");
    else
        printf("%5u/%u  ", t->n_equal, t->n_greedy);
    printf("%4s", good ? "ok" : "FAIL");
    if (t->n_tied)
        printf("  %u tied", t->n_tied);
    if (n_rerouted)
        printf("  %zu rerouted", n_rerouted);
    putchar('\n');
    return good;
}

static int sides_run(struct trial *t)
{
    char tokenizers[4096];

    snprintf(tokenizers, sizeof tokenizers, "%s/tokenizers", t->c->shared);
    snprintf(t->path, sizeof t->path, "%s/compare.gguf", t->c->scratch);
    TRY(arch_model_write(t->model, t->types, tokenizers, t->path));
    if (peer_side(t) < 0)
        return err_wrap("llama.cpp");
    return t->c->peer_only ? 0 : our_side(t);
}

static void row_run(struct compare *c, const struct arch_model *model,
                    const struct arch_types *types)
{
    struct trial t = {.c = c, .model = model, .types = types};
    bool good = false;

    t.embeddings = model->extents[M_TYPES] > 0;
    t.n_tokens = t.embeddings ? N_PROMPT : N_TOKENS;
    printf("%-14s %-7s ", model->name, types->name);
    fflush(stdout);
    if (sides_run(&t) < 0)
        printf("FAIL  %s\n", err_message());
    else if (c->peer_only)
        good = puts("llama.cpp takes it") >= 0;
    else
        good = row_judge(&t);
    c->n_rows++;
    c->n_failed += !good;
    fflush(stdout);
    free(t.peer);
    unlink(t.path);
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
        "tokens,\nat most %.0e on F32 and F16, %.0e on the others. Tied: another token, but "
        "llama.cpp's own two best are\ncloser than the error. Rerouted: tokens of a mixture that "
        "rounding sent to another expert, not in the NMSE.\n"
        "%-14s %-7s %9s  %8s\n",
        N_PROMPT, N_GREEDY, limit_plain, limit_quantised, "model", "type", "NMSE", "greedy");
    for (size_t m = 0; m < n_arch_models; m++)
        for (size_t i = 0; i < n_arch_types; i++)
            if (name_list_has(c->rows, arch_models[m].name) &&
                type_selected(c, m, arch_types[i].name))
                row_run(c, &arch_models[m], &arch_types[i]);
    return 0;
}
