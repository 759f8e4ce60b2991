/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/peer_llama.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 512 };

struct peer {
    const struct llama_library *lib;
    void *model, *context;
    bool embeddings;
    int32_t position; /* tokens so far */
    int32_t positions[BATCH], n_sequences[BATCH];
    int32_t *sequences[BATCH];
    int8_t wanted[BATCH];
};

static int complain(const char *what)
{
    return err_set(ERR_UNSUPPORTED, "%s failed: %s", what, llama_library_complaint());
}

static int context_open(struct peer *p, const struct peer_options *o)
{
    struct llama_context_params c = p->lib->context_default_params();

    c.n_ctx = o->n_context;
    c.n_batch = c.n_ubatch = BATCH;
    c.n_threads = c.n_threads_batch = (int32_t)o->n_threads;
    c.flash_attention = LLAMA_FLASH_OFF;
    c.embeddings = o->embeddings;
    if (o->embeddings)
        c.pooling = LLAMA_POOLING_NONE;
    p->context = p->lib->init_from_model(p->model, c);
    return p->context ? 0 : complain("llama_init_from_model");
}

/* Every token belongs to sequence 0, and its result is wanted. */
static void batch_prepare(struct peer *p)
{
    static int32_t first_sequence;

    for (size_t i = 0; i < BATCH; i++) {
        p->n_sequences[i] = 1;
        p->sequences[i] = &first_sequence;
        p->wanted[i] = 1;
    }
}

int peer_open(const struct llama_library *lib, const char *path, const struct peer_options *o,
              struct peer **out)
{
    struct llama_model_params m = lib->model_default_params();
    struct peer *p = calloc(1, sizeof *p);
    int rc = 0;

    if (!p)
        return err_set(ERR_NOMEM, "no memory");
    p->lib = lib;
    p->embeddings = o->embeddings;
    batch_prepare(p);
    m.vocab_only = o->n_context == 0;
    m.use_extra_buffers = false;
    p->model = lib->model_load_from_file(path, m);
    if (!p->model)
        rc = complain("llama_model_load_from_file");
    else if (!m.vocab_only)
        rc = context_open(p, o);
    *out = p;
    if (rc < 0)
        peer_close(out);
    return rc;
}

void peer_close(struct peer **p)
{
    if (!*p)
        return;
    if ((*p)->context)
        (*p)->lib->context_free((*p)->context);
    if ((*p)->model)
        (*p)->lib->model_free((*p)->model);
    free(*p);
    *p = NULL;
}

size_t peer_n_vocab(const struct peer *p)
{
    return (size_t)p->lib->vocab_n_tokens(p->lib->model_get_vocab(p->model));
}

static int batch_run(struct peer *p, const int32_t *ids, size_t n)
{
    struct llama_batch batch = {
        .n_tokens = (int32_t)n,
        .token = (int32_t *)(uintptr_t)ids, /* only read; its prototype does not say so */
        .position = p->positions,
        .n_seq_id = p->n_sequences,
        .seq_id = p->sequences,
        .logits = p->wanted,
    };

    if (n > BATCH)
        return err_set(ERR_RANGE, "%zu tokens at once: at most %d", n, BATCH);
    for (size_t i = 0; i < n; i++)
        p->positions[i] = p->position + (int32_t)i;
    if (p->lib->decode(p->context, batch))
        return complain("llama_decode");
    p->lib->synchronize(p->context);
    p->position += (int32_t)n;
    return 0;
}

size_t peer_n_out(const struct peer *p)
{
    return p->embeddings ? (size_t)p->lib->model_n_embd(p->model) : peer_n_vocab(p);
}

int peer_eval(struct peer *p, const int32_t *ids, size_t n, float *out)
{
    size_t n_out = peer_n_out(p);

    TRY(batch_run(p, ids, n));
    for (size_t i = 0; i < n; i++) {
        const float *row = p->embeddings ? p->lib->get_embeddings_ith(p->context, (int32_t)i)
                                         : p->lib->get_logits_ith(p->context, (int32_t)i);

        if (!row)
            return complain("reading results");
        memcpy(out + i * n_out, row, n_out * sizeof *row);
    }
    return 0;
}

void peer_clear(struct peer *p)
{
    p->lib->memory_clear(p->lib->get_memory(p->context), true);
    p->position = 0;
}

int peer_tokenize(const struct peer *p, const char *text, size_t len, bool add_special,
                  bool parse_special, int32_t *ids, size_t n_max, size_t *n)
{
    int32_t count = p->lib->tokenize(p->lib->model_get_vocab(p->model), text, (int32_t)len, ids,
                                     (int32_t)n_max, add_special, parse_special);

    if (count < 0)
        return err_set(ERR_RANGE, "llama_tokenize: %d tokens, expected at most %zu", -count, n_max);
    *n = (size_t)count;
    return 0;
}
