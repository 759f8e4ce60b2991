/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/arch_models.h"

#include "engine/gguf/gguf.h"
#include "kernel/kernel.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"
#include "tests/engine/metadata.h"
#include "tests/engine/random_blocks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUANTIZATION_VERSION = 2 };

/* clang-format off */
const struct arch_types arch_types[] = {
    {"F32",    KERNEL_F32,    KERNEL_F32,    0},  {"F16",    KERNEL_F16,    KERNEL_F16,    1},
    {"BF16",   KERNEL_BF16,   KERNEL_BF16,   32}, {"Q4_0",   KERNEL_Q4_0,   KERNEL_Q4_0,   2},
    {"Q4_1",   KERNEL_Q4_1,   KERNEL_Q4_1,   3},  {"Q5_0",   KERNEL_Q5_0,   KERNEL_Q5_0,   8},
    {"Q5_1",   KERNEL_Q5_1,   KERNEL_Q5_1,   9},  {"Q8_0",   KERNEL_Q8_0,   KERNEL_Q8_0,   7},
    {"Q2_K",   KERNEL_Q2_K,   KERNEL_Q2_K,   10}, {"Q3_K",   KERNEL_Q3_K,   KERNEL_Q3_K,   11},
    {"Q4_K",   KERNEL_Q4_K,   KERNEL_Q4_K,   14}, {"Q5_K",   KERNEL_Q5_K,   KERNEL_Q5_K,   16},
    {"Q6_K",   KERNEL_Q6_K,   KERNEL_Q6_K,   18}, {"IQ4_NL", KERNEL_IQ4_NL, KERNEL_IQ4_NL, 25},
    {"IQ4_XS", KERNEL_IQ4_XS, KERNEL_IQ4_XS, 30}, {"TQ1_0",  KERNEL_TQ1_0,  KERNEL_TQ1_0,  36},
    {"TQ2_0",  KERNEL_TQ2_0,  KERNEL_TQ2_0,  37}, {"Q4_K_M", KERNEL_Q4_K,   KERNEL_Q6_K,   15},
};
/* clang-format on */

const size_t n_arch_types = sizeof arch_types / sizeof *arch_types;

const struct arch_types *arch_types_find(const char *name)
{
    for (size_t i = 0; i < n_arch_types; i++)
        if (!strcmp(arch_types[i].name, name))
            return &arch_types[i];
    return NULL;
}

const struct arch_model *arch_model_find(const char *name)
{
    for (size_t i = 0; i < n_arch_models; i++)
        if (!strcmp(arch_models[i].name, name))
            return &arch_models[i];
    return NULL;
}

struct writing {
    const struct arch_model *m;
    const struct arch_types *types;
    struct gguf_file *vocabulary; /* NULL: made up */
    struct gguf_writer *w;
    int64_t extents[M_COUNT];
};

/* --- metadata --- */

static void extents_resolve(struct writing *x)
{
    int64_t *n = x->extents;

    memcpy(n, x->m->extents, sizeof x->m->extents);
    n[M_ONE] = 1;
    n[M_Q] = n[M_HEADS] * n[M_HEAD_DIM];
    n[M_KV] = n[M_KV_HEADS] * n[M_HEAD_DIM];
    n[M_QKV] = n[M_Q] + 2 * n[M_KV];
    n[M_GATE_UP] = 2 * n[M_FFN];
    n[M_ROPE_PAIRS] = n[M_ROPE] / 2;
    if (x->vocabulary)
        n[M_VOCAB] = (int64_t)gguf_kv_find(x->vocabulary, "tokenizer.ggml.tokens")->count;
}

static void extents_write(const struct writing *x, struct metadata *out)
{
    static const struct {
        const char *key;
        enum arch_extent extent;
    } keys[] = {
        {"context_length", M_CONTEXT},
        {"embedding_length", M_EMBED},
        {"block_count", M_LAYERS},
        {"feed_forward_length", M_FFN},
        {"attention.head_count", M_HEADS},
        {"attention.head_count_kv", M_KV_HEADS},
        {"rope.dimension_count", M_ROPE},
        {"vocab_size", M_VOCAB},
        {"expert_count", M_EXPERTS},
        {"expert_feed_forward_length", M_EXPERT_FFN},
        {"expert_shared_feed_forward_length", M_SHARED_FFN},
    };
    const int64_t *n = x->extents;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char key[96];

        snprintf(key, sizeof key, "%s.%s", x->m->architecture, keys[i].key);
        if (n[keys[i].extent])
            metadata_u32(out, key, n[keys[i].extent]);
    }
    /* Files name the width of a head where it is not what is left for each. */
    for (int i = 0; i < 2 && n[M_Q] != n[M_EMBED]; i++) {
        char key[96];

        snprintf(key, sizeof key, "%s.attention.%s_length", x->m->architecture,
                 i ? "value" : "key");
        metadata_u32(out, key, n[M_HEAD_DIM]);
    }
}

static void keys_write(const struct writing *x, struct metadata *out)
{
    for (const struct arch_key *k = x->m->keys; k->key; k++) {
        char key[96];

        snprintf(key, sizeof key, "%s.%s", x->m->architecture, k->key);
        if (k->type == GGUF_U32)
            metadata_u32(out, key, (int64_t)k->number);
        else if (k->type == GGUF_F32)
            metadata_f32(out, key, k->number);
        else if (k->type == GGUF_BOOL)
            metadata_bool(out, key, k->number != 0);
        else
            metadata_string(out, key, k->text);
    }
}

static void vocabulary_write(const struct writing *x, struct metadata *out)
{
    if (x->vocabulary)
        metadata_copy(out, x->vocabulary, "tokenizer.");
    else if (!strcmp(x->m->vocabulary, "bert"))
        metadata_word_pieces(out, x->extents[M_VOCAB]);
    else
        metadata_words(out, x->extents[M_VOCAB]);
    if (x->vocabulary && x->m->pre)
        metadata_string(out, "tokenizer.ggml.pre", x->m->pre);
}

static int metadata_write(const struct writing *x)
{
    struct metadata out = {.w = x->w};

    metadata_string(&out, "general.architecture", x->m->architecture);
    metadata_string(&out, "general.name", "random weights");
    metadata_u32(&out, "general.file_type", x->types->file_type);
    metadata_u32(&out, "general.quantization_version", QUANTIZATION_VERSION);
    extents_write(x, &out);
    keys_write(x, &out);
    vocabulary_write(x, &out);
    return out.rc;
}

/* --- tensors --- */

struct tensor {
    const struct arch_tensor *row;
    char name[64];
    uint32_t type, n_dims;
    int64_t ne[3];
};

/* Those that suffer most from rounding, as mixed files have them. */
static bool deserves_better(const char *name)
{
    static const char *const parts[] = {"attn_v", "attn_qkv", "ffn_down", "output.weight"};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(name, parts[i]) && !strstr(name, "attn_output"))
            return true;
    return false;
}

static void tensor_resolve(const struct writing *x, const struct arch_tensor *row, int layer,
                           struct tensor *t)
{
    bool matrix = row->kind == ARCH_T_MATRIX || row->kind == ARCH_T_TABLE;
    const char *number = strstr(row->name, "%d");

    t->row = row;
    if (number)
        snprintf(t->name, sizeof t->name, "blk.%d%s", layer, number + 2);
    else
        snprintf(t->name, sizeof t->name, "%s", row->name);
    for (t->n_dims = 0; t->n_dims < 3 && row->ne[t->n_dims] != M_ONE; t->n_dims++)
        t->ne[t->n_dims] = x->extents[row->ne[t->n_dims]];
    t->type = !matrix                    ? (uint32_t)KERNEL_F32
              : deserves_better(t->name) ? x->types->better
                                         : x->types->type;
}

static uint64_t name_seed(const char *name)
{
    uint64_t seed = 1;

    for (; *name; name++)
        seed = rng_seed_mix(seed, (unsigned char)*name);
    return seed;
}

/* Vectors: normal around the middle, or factors from 1 on. */
static void vector_fill(const struct tensor *t, uint64_t seed, float *out, size_t n)
{
    double middle = t->row->kind == ARCH_T_SCALE ? t->row->gain : 0;
    double spread = t->row->kind == ARCH_T_SCALE ? t->row->gain / 10 : t->row->gain;
    struct rng rng;

    rng_init(&rng, seed);
    for (size_t i = 0; i < n; i++)
        if (t->row->kind == ARCH_T_FACTORS)
            out[i] = (float)(1 + t->row->gain * (double)i / (double)(n - 1));
        else
            out[i] = (float)(middle + spread * rng_normal(&rng));
}

static int tensor_fill(const struct tensor *t, void *data, size_t bytes)
{
    bool product = t->row->kind == ARCH_T_MATRIX || t->row->kind == ARCH_T_ROUTER;
    double sigma = product ? t->row->gain / sqrt((double)t->ne[0]) : t->row->gain;
    uint64_t seed = name_seed(t->name);
    size_t block_bytes;
    int64_t elements;

    if (t->row->kind >= ARCH_T_SCALE) {
        vector_fill(t, seed, data, bytes / sizeof(float));
        return 0;
    }
    if (!gguf_type_block(t->type, &elements, &block_bytes))
        return err_set(ERR_UNSUPPORTED, "tensor %s: unknown type %u", t->name, (unsigned)t->type);
    return random_blocks_fill(seed, t->type, sigma, data, bytes / block_bytes);
}

static int tensor_write(struct writing *x, const struct tensor *t)
{
    size_t bytes;
    void *data;
    int rc;

    TRY(gguf_tensor_size(t->type, t->n_dims, t->ne, &bytes));
    data = malloc(bytes);
    if (!data)
        return err_set(ERR_NOMEM, "no memory for tensor %s", t->name);
    rc = tensor_fill(t, data, bytes);
    if (rc == 0)
        rc = gguf_writer_data(x->w, data, bytes);
    free(data);
    return rc;
}

static int tensor_declare(struct writing *x, const struct tensor *t)
{
    return gguf_writer_declare(x->w, t->name, t->type, t->n_dims, t->ne);
}

static int tensors_visit(struct writing *x, int (*visit)(struct writing *x, const struct tensor *t))
{
    for (const struct arch_tensor *const *part = x->m->parts; *part; part++)
        for (const struct arch_tensor *row = *part; row->name; row++) {
            int layers = strstr(row->name, "%d") ? (int)x->extents[M_LAYERS] : 1;

            for (int layer = 0; layer < layers; layer++) {
                struct tensor t = {0};

                tensor_resolve(x, row, layer, &t);
                TRY(visit(x, &t));
            }
        }
    return 0;
}

/* --- the file --- */

static int vocabulary_open(struct writing *x, const char *tokenizers)
{
    char path[4096];

    if (!tokenizers || !*x->m->vocabulary || !strcmp(x->m->vocabulary, "bert"))
        return 0;
    if (snprintf(path, sizeof path, "%s/ggml-vocab-%s.gguf", tokenizers, x->m->vocabulary) >=
        (int)sizeof path)
        return err_set(ERR_RANGE, "%s: the path is too long", tokenizers);
    return gguf_open(path, &x->vocabulary);
}

static int file_write(struct writing *x, const char *path)
{
    extents_resolve(x);
    TRY(gguf_writer_open(path, &x->w));
    TRY(metadata_write(x));
    TRY(tensors_visit(x, tensor_declare));
    TRY(tensors_visit(x, tensor_write));
    return gguf_writer_finish(&x->w);
}

int arch_model_write(const struct arch_model *m, const struct arch_types *t, const char *tokenizers,
                     const char *path)
{
    struct writing x = {.m = m, .types = t};
    int rc = vocabulary_open(&x, tokenizers);

    if (rc == 0)
        rc = file_write(&x, path);
    gguf_writer_abandon(&x.w);
    gguf_close(&x.vocabulary);
    return rc;
}
