/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/random_model.h"

#include "engine/gguf/gguf.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"
#include "tests/engine/metadata.h"
#include "tests/engine/random_blocks.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct random_model random_model_tinyllama = {
    .embed = 2048,
    .ffn = 5632,
    .heads = 32,
    .kv_heads = 4,
    .layers = 22,
    .context = 2048,
    .vocab = 32000,
    .seed = 1,
};

const struct random_model random_model_small = {
    .embed = 256,
    .ffn = 256,
    .heads = 32,
    .kv_heads = 1,
    .layers = 1,
    .context = 256,
    .vocab = 259,
    .seed = 1,
};

enum {
    FILE_TYPE_Q4_K_M = 15, /* general.file_type */
    TENSORS_PER_LAYER = 9,
    QUANTIZATION_VERSION = 2,
};

struct writing {
    const struct random_model *m;
    struct gguf_writer *w;
};

/* --- metadata --- */

static int metadata_write(const struct writing *w)
{
    const struct random_model *m = w->m;
    struct metadata x = {.w = w->w};

    metadata_string(&x, "general.architecture", "llama");
    metadata_string(&x, "general.name", "random weights");
    metadata_u32(&x, "general.file_type", FILE_TYPE_Q4_K_M);
    metadata_u32(&x, "general.quantization_version", QUANTIZATION_VERSION);
    metadata_u32(&x, "llama.vocab_size", m->vocab);
    metadata_u32(&x, "llama.context_length", m->context);
    metadata_u32(&x, "llama.embedding_length", m->embed);
    metadata_u32(&x, "llama.block_count", m->layers);
    metadata_u32(&x, "llama.feed_forward_length", m->ffn);
    metadata_u32(&x, "llama.attention.head_count", m->heads);
    metadata_u32(&x, "llama.attention.head_count_kv", m->kv_heads);
    metadata_u32(&x, "llama.rope.dimension_count", m->embed / m->heads);
    metadata_f32(&x, "llama.rope.freq_base", 10000);
    metadata_f32(&x, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    metadata_words(&x, m->vocab);
    return x.rc;
}

/* --- tensors --- */

struct tensor {
    char name[64];
    uint32_t type;
    int64_t cols, rows;
    double sigma; /* of the weights; of a norm, around 1 */
};

__attribute__((format(printf, 5, 6))) static struct tensor
tensor_of(uint32_t type, int64_t cols, int64_t rows, double sigma, const char *fmt, ...)
{
    struct tensor t = {.type = type, .cols = cols, .rows = rows, .sigma = sigma};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(t.name, sizeof t.name, fmt, ap);
    va_end(ap);
    return t;
}

/* Layers whose attn_v and ffn_down are Q6_K in the mixed recipe: the first eighth, the last, and
 * every third between. */
static bool deserves_better(const struct random_model *m, int64_t layer)
{
    int64_t eighth = m->layers / 8;

    return layer < eighth || layer >= 7 * m->layers / 8 || (layer - eighth) % 3 == 2;
}

/* A product of k terms keeps its input's variance when the weights' is 1 / k. What is added to the
 * residual is half as large, so that it does not drown the embedding within a few layers. */
static double sigma_of(int64_t k)
{
    return 1 / sqrt((double)k);
}

/* Tensor number `i` of layer `l`, in the usual order. */
static struct tensor layer_tensor(const struct random_model *m, int l, int i)
{
    int64_t e = m->embed, f = m->ffn, kv = e / m->heads * m->kv_heads;
    uint32_t q4 = KERNEL_Q4_K, better = deserves_better(m, l) ? KERNEL_Q6_K : q4;

    switch (i) {
    case 0:
        return tensor_of(KERNEL_F32, e, 1, 0.1, "blk.%d.attn_norm.weight", l);
    case 1:
        return tensor_of(q4, e, e, sigma_of(e), "blk.%d.attn_q.weight", l);
    case 2:
        return tensor_of(q4, e, kv, sigma_of(e), "blk.%d.attn_k.weight", l);
    case 3:
        return tensor_of(better, e, kv, sigma_of(e), "blk.%d.attn_v.weight", l);
    case 4:
        return tensor_of(q4, e, e, sigma_of(e) / 2, "blk.%d.attn_output.weight", l);
    case 5:
        return tensor_of(KERNEL_F32, e, 1, 0.1, "blk.%d.ffn_norm.weight", l);
    case 6:
        return tensor_of(q4, e, f, sigma_of(e), "blk.%d.ffn_gate.weight", l);
    case 7:
        return tensor_of(q4, e, f, sigma_of(e), "blk.%d.ffn_up.weight", l);
    default:
        return tensor_of(better, f, e, sigma_of(f) / 2, "blk.%d.ffn_down.weight", l);
    }
}

/* Tensor number `at` of the file. */
static struct tensor model_tensor(const struct random_model *m, size_t at)
{
    size_t in_layers = TENSORS_PER_LAYER * (size_t)m->layers;

    if (at == 0)
        return tensor_of(KERNEL_Q4_K, m->embed, m->vocab, 1, "token_embd.weight");
    if (at <= in_layers)
        return layer_tensor(m, (int)((at - 1) / TENSORS_PER_LAYER),
                            (int)((at - 1) % TENSORS_PER_LAYER));
    if (at == in_layers + 1)
        return tensor_of(KERNEL_F32, m->embed, 1, 0.1, "output_norm.weight");
    return tensor_of(KERNEL_Q6_K, m->embed, m->vocab, 2 * sigma_of(m->embed), "output.weight");
}

static size_t model_n_tensors(const struct random_model *m)
{
    return TENSORS_PER_LAYER * (size_t)m->layers + 3;
}

static void norm_fill(uint64_t seed, double sigma, float *out, int64_t n)
{
    struct rng rng;

    rng_init(&rng, seed);
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(1 + sigma * rng_normal(&rng));
}

static int tensor_write(struct writing *x, size_t at)
{
    struct tensor t = model_tensor(x->m, at);
    uint64_t seed = rng_seed_mix(x->m->seed, at);
    const int64_t ne[2] = {t.cols, t.rows};
    size_t bytes;
    void *data;
    int rc;

    TRY(gguf_tensor_size(t.type, 2, ne, &bytes));
    data = malloc(bytes);
    if (!data)
        return err_set(ERR_NOMEM, "no memory for tensor %s", t.name);
    rc = 0;
    if (t.type == KERNEL_F32)
        norm_fill(seed, t.sigma, data, t.cols);
    else
        rc = random_blocks_fill(seed, t.type, t.sigma, data,
                                (size_t)(t.cols / KERNEL_QK_K * t.rows));
    if (rc == 0)
        rc = gguf_writer_data(x->w, data, bytes);
    free(data);
    return rc;
}

static int tensors_write(struct writing *x)
{
    for (size_t i = 0; i < model_n_tensors(x->m); i++) {
        struct tensor t = model_tensor(x->m, i);
        const int64_t ne[2] = {t.cols, t.rows};

        TRY(gguf_writer_declare(x->w, t.name, t.type, t.rows == 1 ? 1 : 2, ne));
    }
    for (size_t i = 0; i < model_n_tensors(x->m); i++)
        TRY(tensor_write(x, i));
    return gguf_writer_finish(&x->w);
}

static int model_check(const struct random_model *m)
{
    if (m->embed < KERNEL_QK_K || m->embed % KERNEL_QK_K || m->ffn < KERNEL_QK_K ||
        m->ffn % KERNEL_QK_K || m->heads < 1 || m->embed % m->heads || m->kv_heads < 1 ||
        m->heads % m->kv_heads || m->embed / m->heads % 8 || m->layers < 1 || m->context < 1 ||
        m->vocab < METADATA_FIRST_WORD)
        return err_set(ERR_USAGE, "a random model of these extents is impossible");
    return 0;
}

int random_model_write(const struct random_model *m, const char *path)
{
    struct writing x = {.m = m};
    int rc;

    TRY(model_check(m));
    TRY(gguf_writer_open(path, &x.w));
    rc = metadata_write(&x);
    if (rc == 0)
        rc = tensors_write(&x);
    gguf_writer_abandon(&x.w);
    return rc;
}

int random_model_with(const struct random_model *m, int (*open)(const char *path))
{
    char path[] = "/tmp/pawl-model-XXXXXX";
    int fd = mkstemp(path), rc;

    if (fd < 0)
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    close(fd);
    rc = random_model_write(m, path);
    if (rc == 0)
        rc = open(path);
    unlink(path);
    return rc;
}
