/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/model.h"

#include "engine/embedded/embedded.h"
#include "engine/run/team.h"
#include "engine/model/weight_store.h"
#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_CONTEXT = 1 << 24,
    DEFAULT_MICRO_BATCH = 512,
    ID_BYTES = 256,       /* of each tensor */
    OUTPUTS_AT_ONCE = 32, /* rows of logits: a large vocabulary must not make the arena large */
};

static int source_open(const char *path, struct gguf_file **out, struct pack_view *pack)
{
    if (path && pack_file_is(path))
        return pack_file_open(path, out, pack);
    if (path)
        return gguf_open(path, out);
    if (engine_embedded_model_bytes == 0)
        return err_set(ERR_USAGE, "this build carries no model: name one with -m FILE.gguf");
    return gguf_open_memory(engine_embedded_model, engine_embedded_model_bytes, "embedded model",
                            out);
}

int model_file_open(const char *path, struct gguf_file **out)
{
    struct pack_view pack;

    return source_open(path, out, &pack);
}

int model_options_resolve(const struct engine_options *o, const struct graph *g,
                          struct engine_options *out)
{
    *out = *o;
    if (!out->n_context)
        out->n_context =
            g->dims[DIM_CONTEXT] < MAX_CONTEXT ? (uint32_t)g->dims[DIM_CONTEXT] : MAX_CONTEXT;
    if (g->n_learned && out->n_context > g->n_learned)
        return err_set(ERR_RANGE, "a context of %u positions: the model has learned %lld",
                       out->n_context, (long long)g->n_learned);
    if (out->n_context > MAX_CONTEXT)
        return err_set(ERR_RANGE, "a context of %u positions: at most %d", out->n_context,
                       MAX_CONTEXT);
    if (!g->has_logits && !o->embeddings)
        return err_set(ERR_USAGE,
                       "a model of architecture %s gives embeddings, not text: use "
                       "engine embed",
                       g->arch->name);
    if (!out->micro_batch)
        out->micro_batch = g->causal ? DEFAULT_MICRO_BATCH : out->n_context;
    if (out->micro_batch > out->n_context)
        out->micro_batch = out->n_context;
    if (!out->kv_type)
        out->kv_type = KERNEL_F16;
    if (out->kv_type != KERNEL_F16 && out->kv_type != KERNEL_Q8_0)
        return err_set(ERR_USAGE, "KV cache of type %u: say F16 or Q8_0", out->kv_type);
    if (!out->n_sessions)
        out->n_sessions = 1;
    if (out->n_sessions > INT32_MAX / out->n_context)
        return err_set(ERR_RANGE, "%u sessions of %u positions are too many", out->n_sessions,
                       out->n_context);
    if (!out->n_threads)
        out->n_threads = team_default_threads();
    return 0;
}

struct plan_limits model_plan_limits(const struct engine_options *o)
{
    return (struct plan_limits){
        .n_context = o->n_context,
        .micro_batch = o->micro_batch,
        .n_outputs = o->micro_batch < OUTPUTS_AT_ONCE ? o->micro_batch : OUTPUTS_AT_ONCE,
        .n_threads = o->n_threads,
        .features = o->features,
        .kv_type = o->kv_type,
        .hidden = o->embeddings,
    };
}

static int weights_open(const char *path, struct engine_model *m)
{
    const struct engine_options *o = &m->options;
    const struct pack_view *v = &m->pack;

    if (!v->weights)
        return weight_store_open(m->graph, o->n_threads, o->features, true, &m->weights);
    TRY(pack_file_fits(v, m->graph, o->features, path));
    TRY(weight_store_use(m->graph, o->features, v->weights, v->bytes));
    m->weights = (struct resident){.data = (void *)(uintptr_t)v->weights, .bytes = v->bytes};
    return 0;
}

static int model_load(const char *path, const struct engine_options *o, struct engine_model *m)
{
    TRY(source_open(path, &m->file, &m->pack));
    TRY(graph_open(m->file, &m->graph));
    TRY(model_options_resolve(o, m->graph, &m->options));
    TRY(tokenizer_open(m->file, &m->tokenizer));
    if (tokenizer_n_vocab(m->tokenizer) != m->graph->dims[DIM_VOCAB])
        return err_set(ERR_FORMAT,
                       "tokenizer.ggml.tokens has %d entries, the model's vocabulary %lld",
                       (int)tokenizer_n_vocab(m->tokenizer), (long long)m->graph->dims[DIM_VOCAB]);
    return weights_open(path, m);
}

int engine_model_open(const char *path, const struct engine_options *o, struct engine_model **out)
{
    struct engine_model *m = calloc(1, sizeof *m);
    int rc;

    *out = NULL;
    if (!m)
        return err_set(ERR_NOMEM, "no memory for a model");
    rc = model_load(path, o, m);
    if (rc < 0) {
        engine_model_close(&m);
        return rc;
    }
    *out = m;
    return 0;
}

void engine_model_close(struct engine_model **m)
{
    if (!*m)
        return;
    resident_unmap(&(*m)->weights);
    tokenizer_close(&(*m)->tokenizer);
    graph_close(&(*m)->graph);
    gguf_close(&(*m)->file);
    free(*m);
    *m = NULL;
}

int model_id(const struct engine_model *m, char hex[SHA256_HEX])
{
    struct sha256 *id;
    const void *head;
    size_t bytes;

    if (m->pack.weights) {
        memcpy(hex, m->pack.model, SHA256_HEX);
        return 0;
    }
    TRY(sha256_open(&id));
    head = gguf_head(m->file, &bytes);
    sha256_add(id, head, bytes);
    for (size_t i = 0; i < gguf_n_tensors(m->file); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(m->file, i);

        sha256_add(id, t->data, t->bytes < ID_BYTES ? t->bytes : ID_BYTES);
    }
    sha256_close(&id, hex);
    return 0;
}

const struct gguf_file *engine_model_file(const struct engine_model *m)
{
    return m->file;
}

const struct tokenizer *engine_model_tokenizer(const struct engine_model *m)
{
    return m->tokenizer;
}

int32_t engine_model_n_vocab(const struct engine_model *m)
{
    return (int32_t)m->graph->dims[DIM_VOCAB];
}

int32_t engine_model_n_embed(const struct engine_model *m)
{
    return (int32_t)m->graph->dims[DIM_EMBED];
}

uint32_t engine_model_n_context(const struct engine_model *m)
{
    return m->options.n_context;
}

uint32_t engine_model_n_threads(const struct engine_model *m)
{
    return m->options.n_threads;
}

size_t engine_model_packed_bytes(const struct engine_model *m)
{
    return m->weights.bytes;
}

size_t engine_model_huge_bytes(const struct engine_model *m)
{
    return resident_huge_bytes(&m->weights);
}
