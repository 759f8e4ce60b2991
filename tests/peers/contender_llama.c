/* SPDX-License-Identifier: Apache-2.0
 *
 * contender_llama.c: llama.cpp's side of the comparison, in the best of its own settings: weights
 * repacked for the processor, a standing thread pool, flash attention on or off by trial and for
 * each phase apart. */
#include "tests/peers/contender.h"

#include "kernel/kernel.h"
#include "reference/base/err.h"
#include "tests/peers/llama_library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GEMM_REPEATS = 3, GEMV_PASSES = 4, TRIAL_PROMPT = 256, TRIAL_DECODE = 16 };
enum { ARENA_BYTES = 1 << 20, MAX_BUFFER_KINDS = 8 };

/* One graph of `n` products with the same activations. */
struct product_graph {
    void *graph, *x, *y; /* y: of the last product */
    size_t n;
};

struct llama {
    const struct contest *contest;
    struct llama_library lib;
    void *pool;
    void *context[2];              /* without and with flash attention */
    int best_prefill, best_decode; /* of the two */
    bool prompted[2];              /* the context's memory begins with the prompt */
    void *backend;
    const char *buffer_name; /* where the product weights are */
    struct product_graph gemm, gemv;
};

static int complain(const char *what)
{
    return err_set(ERR_UNSUPPORTED, "%s failed: %s", what, llama_library_complaint());
}

/* --- the model --- */

static int tokens_run(struct llama *l, void *context, size_t from, size_t n)
{
    /* The library reads the tokens; its prototype just does not say so. */
    int32_t *ids = (int32_t *)(uintptr_t)(l->contest->ids + from);

    return l->lib.decode(context, l->lib.batch_get_one(ids, (int32_t)n)) ? complain("llama_decode")
                                                                         : 0;
}

static int context_prefill(struct llama *l, int which, size_t n, double *seconds)
{
    void *context = l->context[which];
    double start;

    l->lib.memory_clear(l->lib.get_memory(context), true);
    l->lib.synchronize(context);
    start = contender_now();
    TRY(tokens_run(l, context, 0, n));
    l->lib.synchronize(context);
    *seconds = contender_now() - start;
    l->prompted[which] = n == l->contest->n_prompt;
    return 0;
}

/* n tokens one at a time from position `at` on. */
static int context_decode(struct llama *l, int which, size_t at, size_t n, double *seconds)
{
    void *context = l->context[which];
    double start;

    if (!l->lib.memory_seq_rm(l->lib.get_memory(context), 0, (int32_t)at, -1))
        return complain("llama_memory_seq_rm");
    l->lib.synchronize(context);
    start = contender_now();
    for (size_t i = 0; i < n; i++) {
        TRY(tokens_run(l, context, at + i, 1));
        l->lib.synchronize(context);
    }
    *seconds = contender_now() - start;
    return 0;
}

static int contexts_open(struct llama *l, void *model)
{
    const struct contest *c = l->contest;
    struct llama_context_params p = l->lib.context_default_params();
    uint32_t n_at_once;

    p.n_ctx = (uint32_t)(c->n_prompt + c->n_decode);
    p.n_batch = (uint32_t)(c->n_prompt > 512 ? c->n_prompt : 512);
    n_at_once = p.n_ctx < p.n_ubatch ? p.n_ctx : p.n_ubatch;
    p.n_threads = p.n_threads_batch = (int32_t)c->n_threads;
    for (int flash = 0; flash < 2; flash++) {
        p.flash_attention = flash ? LLAMA_FLASH_ON : LLAMA_FLASH_OFF;
        l->context[flash] = l->lib.init_from_model(model, p);
        if (!l->context[flash])
            return complain("llama_init_from_model");
        if (l->lib.n_threads(l->context[flash]) != p.n_threads ||
            l->lib.n_ctx(l->context[flash]) < p.n_ctx ||
            l->lib.n_ubatch(l->context[flash]) < n_at_once)
            return err_set(ERR_UNSUPPORTED, "llama_init_from_model took other parameters");
        l->lib.attach_threadpool(l->context[flash], l->pool, l->pool);
    }
    return 0;
}

/* Each setting once for nothing, then once for a choice. */
static int settings_choose(struct llama *l)
{
    const struct contest *c = l->contest;
    size_t n = c->n_prompt < TRIAL_PROMPT ? c->n_prompt : TRIAL_PROMPT;
    size_t m = c->n_decode < TRIAL_DECODE ? c->n_decode : TRIAL_DECODE;
    double prefill[2], decode[2];

    for (int flash = 0; flash < 2; flash++) {
        TRY(context_prefill(l, flash, n / 4 + 1, &prefill[flash]));
        TRY(context_prefill(l, flash, n, &prefill[flash]));
        TRY(context_decode(l, flash, n, m, &decode[flash]));
    }
    l->best_prefill = prefill[1] < prefill[0];
    l->best_decode = decode[1] < decode[0];
    return 0;
}

static int model_open(struct llama *l)
{
    void *model = l->lib.model_load_from_file(l->contest->model, l->lib.model_default_params());

    if (!model)
        return complain("llama_model_load_from_file");
    if ((size_t)l->lib.vocab_n_tokens(l->lib.model_get_vocab(model)) != l->contest->n_vocab)
        return err_set(ERR_UNSUPPORTED, "it sees another vocabulary");
    TRY(contexts_open(l, model));
    return settings_choose(l);
}

/* --- products --- */

static void *arena_open(struct llama *l)
{
    return l->lib.init((struct ggml_arena_params){ARENA_BYTES, NULL, true});
}

/* The kinds of buffers for weights in the order the library itself asks: those that repack, then
 * plain memory. */
static size_t buffer_kinds(struct llama *l, void *kinds[MAX_BUFFER_KINDS])
{
    void **extra = l->lib.extra_buffer_types(l->lib.device);
    size_t n = 0;

    while (extra && extra[n] && n < MAX_BUFFER_KINDS - 1) {
        kinds[n] = extra[n];
        n++;
    }
    kinds[n++] = l->lib.dev_buffer_type(l->lib.device);
    return n;
}

/* Weights in buffers of one kind; false when the library would not multiply them there. */
static bool weights_in(struct llama *l, void *kind, void *weights[PRODUCT_COPIES])
{
    void *arena = arena_open(l), *trial = arena_open(l), *buffer;
    void *x = l->lib.new_tensor_2d(trial, LLAMA_TYPE_F32, PRODUCT_COLS, PRODUCT_TOKENS);
    bool usable;

    for (int i = 0; i < PRODUCT_COPIES; i++)
        weights[i] = l->lib.new_tensor_2d(arena, LLAMA_TYPE_Q4_K, PRODUCT_COLS, PRODUCT_ROWS);
    buffer = l->lib.alloc_ctx_tensors(arena, kind);
    usable = buffer && l->lib.dev_supports_op(l->lib.device, l->lib.mul_mat(trial, weights[0], x));
    if (!usable) {
        l->lib.buffer_free(buffer);
        l->lib.free_arena(arena);
    }
    l->lib.free_arena(trial);
    return usable;
}

static int weights_open(struct llama *l, void *weights[PRODUCT_COPIES])
{
    void *kinds[MAX_BUFFER_KINDS];
    size_t n = buffer_kinds(l, kinds);

    for (size_t i = 0; i < n; i++)
        if (weights_in(l, kinds[i], weights)) {
            l->buffer_name = l->lib.buft_name(kinds[i]);
            return 0;
        }
    return complain("a buffer for weights");
}

static int weights_fill(struct llama *l, void *weights[PRODUCT_COPIES])
{
    size_t bytes = (size_t)PRODUCT_ROWS * PRODUCT_COLS / KERNEL_QK_K * sizeof(struct q4_k_block);
    void *blocks = malloc(bytes);

    if (!blocks)
        return err_set(ERR_NOMEM, "no memory for weights");
    product_weights(blocks);
    for (int i = 0; i < PRODUCT_COPIES; i++)
        l->lib.tensor_set(weights[i], blocks, 0, bytes);
    free(blocks);
    return 0;
}

static int graph_open(struct llama *l, void **weights, size_t n, int64_t tokens, const float *x,
                      struct product_graph *g)
{
    void *arena = arena_open(l);

    g->n = n;
    g->graph = l->lib.new_graph(arena);
    g->x = l->lib.new_tensor_2d(arena, LLAMA_TYPE_F32, PRODUCT_COLS, tokens);
    for (size_t i = 0; i < n; i++) {
        g->y = l->lib.mul_mat(arena, weights[i], g->x);
        l->lib.build_forward_expand(g->graph, g->y);
    }
    if (!l->lib.alloc_ctx_tensors(arena, l->lib.dev_buffer_type(l->lib.device)))
        return complain("ggml_backend_alloc_ctx_tensors_from_buft");
    l->lib.tensor_set(g->x, x, 0, PRODUCT_COLS * (size_t)tokens * sizeof *x);
    return 0;
}

static int products_open(struct llama *l)
{
    float *x = malloc((size_t)PRODUCT_TOKENS * PRODUCT_COLS * sizeof *x);
    void *weights[PRODUCT_COPIES];
    int rc;

    if (!x)
        return err_set(ERR_NOMEM, "no memory for activations");
    product_activations(x);
    l->backend = l->lib.dev_init(l->lib.device, NULL);
    if (!l->backend)
        rc = complain("ggml_backend_dev_init");
    else
        rc = weights_open(l, weights);
    if (rc == 0) {
        l->lib.set_n_threads(l->backend, (int)l->contest->n_threads);
        l->lib.set_threadpool(l->backend, l->pool);
        rc = weights_fill(l, weights);
    }
    if (rc == 0)
        rc = graph_open(l, weights, PRODUCT_COPIES, 1, x, &l->gemv);
    if (rc == 0)
        rc = graph_open(l, weights, 1, PRODUCT_TOKENS, x, &l->gemm);
    free(x);
    return rc;
}

static int products_run(struct llama *l, const struct product_graph *g, size_t tokens, int repeats,
                        double *seconds, float *result)
{
    double start;

    if (g->n == 1 && l->lib.graph_compute(l->backend, g->graph))
        return complain("ggml_backend_graph_compute");
    start = contender_now();
    for (int i = 0; i < repeats; i++)
        if (l->lib.graph_compute(l->backend, g->graph))
            return complain("ggml_backend_graph_compute");
    *seconds = (contender_now() - start) / (repeats * (double)g->n);
    l->lib.tensor_get(g->y, result, 0, PRODUCT_ROWS * tokens * sizeof *result);
    return 0;
}

/* --- as a contender --- */

static int llama_open(const struct contest *c, void **state, struct contender_label *label)
{
    struct llama *l = calloc(1, sizeof *l);
    struct ggml_pool_params pool;

    if (!l)
        return err_set(ERR_NOMEM, "no memory");
    *state = l;
    l->contest = c;
    TRY(llama_library_open(c->libraries, c->variant, &l->lib));
    pool = l->lib.threadpool_params_default((int)c->n_threads);
    l->pool = l->lib.threadpool_new(&pool);
    if (!l->pool)
        return complain("ggml_threadpool_new");
    TRY(model_open(l));
    TRY(products_open(l));
    snprintf(label->text, sizeof label->text,
             "llama.cpp v0.5.0 (%s; products in %s; flash attention: prefill %s, decode %s)",
             l->lib.variant, l->buffer_name, l->best_prefill ? "on" : "off",
             l->best_decode ? "on" : "off");
    return 0;
}

/* Decode begins after the prompt, in the context that decodes best. */
static int llama_decode(struct llama *l, double *seconds)
{
    const struct contest *c = l->contest;

    if (!l->prompted[l->best_decode])
        TRY(context_prefill(l, l->best_decode, c->n_prompt, seconds));
    return context_decode(l, l->best_decode, c->n_prompt, c->n_decode, seconds);
}

static int llama_logits(struct llama *l, float *result)
{
    const struct contest *c = l->contest;
    void *context = l->context[l->best_decode];
    double seconds;

    TRY(context_prefill(l, l->best_decode, LOGITS_PROMPT, &seconds));
    for (size_t i = 0; i < LOGITS_ROWS; i++) {
        const float *logits;

        if (i)
            TRY(tokens_run(l, context, LOGITS_PROMPT + i - 1, 1));
        logits = l->lib.get_logits_ith(context, -1);
        if (!logits)
            return complain("llama_get_logits_ith");
        memcpy(result + i * c->n_vocab, logits, c->n_vocab * sizeof *result);
    }
    return 0;
}

static int llama_run(void *state, enum work work, double *seconds, float *result)
{
    struct llama *l = state;

    switch (work) {
    case WORK_PREFILL:
        return context_prefill(l, l->best_prefill, l->contest->n_prompt, seconds);
    case WORK_DECODE:
        return llama_decode(l, seconds);
    case WORK_GEMM:
        return products_run(l, &l->gemm, PRODUCT_TOKENS, GEMM_REPEATS, seconds, result);
    case WORK_GEMV:
        return products_run(l, &l->gemv, 1, GEMV_PASSES, seconds, result);
    case WORK_LOGITS:
        return llama_logits(l, result);
    default:
        return err_set(ERR_USAGE, "no such work");
    }
}

const struct contender_engine contender_llama = {"llama.cpp", llama_open, llama_run};
