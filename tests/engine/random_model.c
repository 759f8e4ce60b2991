/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/random_model.h"

#include "engine/gguf/gguf.h"
#include "reference/base/err.h"
#include "reference/base/half.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

enum {
    FILE_TYPE_Q4_K_M = 15, /* general.file_type */
    FIRST_BYTE = 3,        /* the token that stands for byte 0 */
    FIRST_WORD = FIRST_BYTE + 256,
    TENSORS_PER_LAYER = 9,
    QUANTIZATION_VERSION = 2,
};

struct writing {
    const struct random_model *m;
    struct gguf_writer *w;
    int rc; /* of the first step that failed; the steps after it do nothing */
};

/* --- metadata --- */

static void add_value(struct writing *x, const char *key, struct gguf_kv kv)
{
    kv.key = (struct gguf_string){key, strlen(key)};
    if (x->rc == 0)
        x->rc = gguf_writer_add_kv(x->w, &kv);
}

static void add_u32(struct writing *x, const char *key, int64_t value)
{
    if (x->rc == 0)
        x->rc = gguf_writer_set_u32(x->w, key, (uint32_t)value);
}

static void add_f32(struct writing *x, const char *key, float value)
{
    unsigned char bytes[sizeof value];

    memcpy(bytes, &value, sizeof value);
    add_value(x, key, (struct gguf_kv){.type = GGUF_F32, .value = bytes, .bytes = sizeof bytes});
}

static void string_append(struct strbuf *s, const char *text)
{
    uint64_t len = strlen(text);

    strbuf_add(s, &len, sizeof len);
    strbuf_add(s, text, len);
}

static void add_string(struct writing *x, const char *key, const char *text)
{
    struct strbuf s = {0};

    string_append(&s, text);
    add_value(x, key,
              (struct gguf_kv){
                  .type = GGUF_STRING, .value = (const unsigned char *)s.data, .bytes = s.len});
    strbuf_deinit(&s);
}

static void add_array(struct writing *x, const char *key, uint32_t type, const struct strbuf *s)
{
    add_value(x, key,
              (struct gguf_kv){.type = GGUF_ARRAY,
                               .element_type = type,
                               .count = (uint64_t)x->m->vocab,
                               .value = (const unsigned char *)s->data,
                               .bytes = s->len});
}

/* Text and kind (1 word, 2 unknown, 3 control, 6 byte) of a token. */
static int32_t token_describe(int64_t id, char text[24])
{
    static const char *const controls[FIRST_BYTE] = {"<unk>", "<s>", "</s>"};

    if (id < FIRST_BYTE) {
        strcpy(text, controls[id]);
        return id == 0 ? 2 : 3;
    }
    if (id < FIRST_WORD) {
        snprintf(text, 24, "<0x%02X>", (unsigned)(id - FIRST_BYTE));
        return 6;
    }
    /* U+2581 stands for the space before a word. */
    snprintf(text, 24, "\xe2\x96\x81w%" PRId64, id - FIRST_WORD);
    return 1;
}

static void add_vocabulary(struct writing *x)
{
    struct strbuf texts = {0}, scores = {0}, kinds = {0};

    for (int64_t i = 0; i < x->m->vocab; i++) {
        char text[24];
        int32_t kind = token_describe(i, text);
        float score = kind == 1 ? (float)-i : 0;

        string_append(&texts, text);
        strbuf_add(&scores, &score, sizeof score);
        strbuf_add(&kinds, &kind, sizeof kind);
    }
    add_string(x, "tokenizer.ggml.model", "llama");
    add_array(x, "tokenizer.ggml.tokens", GGUF_STRING, &texts);
    add_array(x, "tokenizer.ggml.scores", GGUF_F32, &scores);
    add_array(x, "tokenizer.ggml.token_type", GGUF_I32, &kinds);
    add_u32(x, "tokenizer.ggml.unknown_token_id", 0);
    add_u32(x, "tokenizer.ggml.bos_token_id", 1);
    add_u32(x, "tokenizer.ggml.eos_token_id", 2);
    strbuf_deinit(&texts);
    strbuf_deinit(&scores);
    strbuf_deinit(&kinds);
}

static void add_metadata(struct writing *x)
{
    const struct random_model *m = x->m;

    add_string(x, "general.architecture", "llama");
    add_string(x, "general.name", "random weights");
    add_u32(x, "general.file_type", FILE_TYPE_Q4_K_M);
    add_u32(x, "general.quantization_version", QUANTIZATION_VERSION);
    add_u32(x, "llama.vocab_size", m->vocab);
    add_u32(x, "llama.context_length", m->context);
    add_u32(x, "llama.embedding_length", m->embed);
    add_u32(x, "llama.block_count", m->layers);
    add_u32(x, "llama.feed_forward_length", m->ffn);
    add_u32(x, "llama.attention.head_count", m->heads);
    add_u32(x, "llama.attention.head_count_kv", m->kv_heads);
    add_u32(x, "llama.rope.dimension_count", m->embed / m->heads);
    add_f32(x, "llama.rope.freq_base", 10000);
    add_f32(x, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    add_vocabulary(x);
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

/* Every sub-block has min = scale and dmin = 7.5 d, so weights are d * scale * (q - 7.5): mean 0.
 * Of uniform q the standard deviation is 4.61; of the scales, half 32..63 and half 32..47, the root
 * mean square is 44.3. */
static void q4_k_finish(struct q4_k_block *b, double sigma)
{
    double d = sigma / (4.61 * 44.3);

    b->d = half_from_float((float)d);
    b->dmin = half_from_float((float)(7.5 * d));
    /* scales[0..3] and [4..7]: sub-blocks 0 to 3, low six bits 32..63; their upper two bits, and
     * the nibbles of [8..11], are sub-blocks 4 to 7: upper bits 10, so 32..47. */
    for (int s = 0; s < 4; s++) {
        b->scales[s] = (uint8_t)(0xa0 | (b->scales[s] & 31));
        b->scales[s + 4] = b->scales[s];
        b->scales[s + 8] = (uint8_t)((b->scales[s + 8] & 15) * 17);
    }
}

/* d * scale * (q - 32): scales are -128..-65 and 64..127 (root mean square 98), of uniform q around
 * 32 the root mean square is 18.5; the signs of the scales make the mean 0. */
static void q6_k_finish(struct q6_k_block *b, double sigma)
{
    b->d = half_from_float((float)(sigma / (18.5 * 98)));
    for (int s = 0; s < 16; s++) {
        uint8_t raw = (uint8_t)b->scales[s];

        b->scales[s] = (int8_t)(raw & 0x80 ? -65 - (raw & 63) : 64 + (raw & 63));
    }
}

void random_blocks_fill(uint64_t seed, uint32_t type, double sigma, void *blocks, size_t n)
{
    size_t each = type == KERNEL_Q4_K ? sizeof(struct q4_k_block) : sizeof(struct q6_k_block);
    unsigned char *at = blocks;
    struct rng rng;

    rng_init(&rng, seed);
    for (size_t i = 0; i < n * each; i += 8) {
        uint64_t r = rng_next(&rng);

        memcpy(at + i, &r, n * each - i < 8 ? n * each - i : 8);
    }
    for (size_t i = 0; i < n; i++) {
        if (type == KERNEL_Q4_K)
            q4_k_finish((struct q4_k_block *)blocks + i, sigma);
        else
            q6_k_finish((struct q6_k_block *)blocks + i, sigma);
    }
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
    if (t.type == KERNEL_F32)
        norm_fill(seed, t.sigma, data, t.cols);
    else
        random_blocks_fill(seed, t.type, t.sigma, data, (size_t)(t.cols / KERNEL_QK_K * t.rows));
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
        m->vocab < FIRST_WORD)
        return err_set(ERR_USAGE, "a random model of these extents is impossible");
    return 0;
}

int random_model_write(const struct random_model *m, const char *path)
{
    struct writing x = {.m = m};
    int rc;

    TRY(model_check(m));
    TRY(gguf_writer_open(path, &x.w));
    add_metadata(&x);
    rc = x.rc == 0 ? tensors_write(&x) : x.rc;
    gguf_writer_abandon(&x.w);
    return rc;
}
