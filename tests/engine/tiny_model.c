/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/tiny_model.h"

#include "reference/base/half.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct tiny_model tiny_f32 = {
    .embed = 48, .heads = 6, .kv_heads = 2, .ffn = 72, .layers = 3, .vocab = 40, .context = 160};

enum { MAX_TENSORS = 256 };

struct writing {
    const struct tiny_model *t;
    struct gguf_writer *w;
    struct rng rng;
    struct {
        char name[128];
        uint32_t type;
        int64_t ne[2];
    } tensors[MAX_TENSORS];
    size_t n;
};

static bool left_out(const struct tiny_model *t, const char *what)
{
    return t->without && !strcmp(t->without, what);
}

/* --- metadata --- */

static void add_bytes(struct writing *x, const char *key, uint32_t type, const void *value,
                      size_t bytes)
{
    struct gguf_kv kv = {.key = {key, strlen(key)},
                         .type = type,
                         .element_type = type,
                         .count = 1,
                         .value = value,
                         .bytes = bytes};

    cr_assert_eq(gguf_writer_add_kv(x->w, &kv), 0);
}

static void add_string(struct writing *x, const char *key, const char *text)
{
    struct strbuf s = {0};
    uint64_t len = strlen(text);

    strbuf_add(&s, &len, sizeof len);
    strbuf_add(&s, text, len);
    add_bytes(x, key, GGUF_STRING, s.data, s.len);
    strbuf_deinit(&s);
}

static void add_int(struct writing *x, const char *key, int64_t value)
{
    char full[160];

    snprintf(full, sizeof full, "%s.%s", x->t->architecture ? x->t->architecture : "llama", key);
    if (value && !left_out(x->t, key))
        cr_assert_eq(gguf_writer_set_u32(x->w, full, (uint32_t)value), 0);
}

static void add_array(struct writing *x, const char *key, uint32_t type, const struct strbuf *s)
{
    struct gguf_kv kv = {.key = {key, strlen(key)},
                         .type = GGUF_ARRAY,
                         .element_type = type,
                         .count = (uint64_t)x->t->vocab,
                         .value = (const unsigned char *)s->data,
                         .bytes = s->len};

    cr_assert_eq(gguf_writer_add_kv(x->w, &kv), 0);
}

/* Token 0 is unknown, 1 and 2 are BOS and EOS, the others stand for the letters from 'a' on. */
static void add_vocabulary(struct writing *x)
{
    struct strbuf texts = {0}, scores = {0}, types = {0};

    for (int32_t i = 0; i < (int32_t)x->t->vocab; i++) {
        char text[16];
        float score = (float)-i;
        int32_t type = i == 0 ? 2 : i < 3 ? 3 : 1;
        uint64_t len = (uint64_t)snprintf(text, sizeof text,
                                          i < 3    ? "<%d>"
                                          : i < 29 ? "%c"
                                                   : "word%d",
                                          i < 3 || i >= 29 ? i : 'a' + i - 3);

        strbuf_add(&texts, &len, sizeof len);
        strbuf_add(&texts, text, len);
        strbuf_add(&scores, &score, sizeof score);
        strbuf_add(&types, &type, sizeof type);
    }
    add_string(x, "tokenizer.ggml.model", "llama");
    add_array(x, "tokenizer.ggml.tokens", GGUF_STRING, &texts);
    add_array(x, "tokenizer.ggml.scores", GGUF_F32, &scores);
    add_array(x, "tokenizer.ggml.token_type", GGUF_I32, &types);
    cr_assert_eq(gguf_writer_set_u32(x->w, "tokenizer.ggml.unknown_token_id", 0), 0);
    cr_assert_eq(gguf_writer_set_u32(x->w, "tokenizer.ggml.bos_token_id", 1), 0);
    cr_assert_eq(gguf_writer_set_u32(x->w, "tokenizer.ggml.eos_token_id", 2), 0);
    strbuf_deinit(&texts);
    strbuf_deinit(&scores);
    strbuf_deinit(&types);
}

static void add_metadata(struct writing *x)
{
    const struct tiny_model *t = x->t;
    float epsilon = 1e-5f, factor = (float)t->rope_scaling;

    add_string(x, "general.architecture", t->architecture ? t->architecture : "llama");
    add_int(x, "embedding_length", t->embed);
    add_int(x, "block_count", t->layers);
    add_int(x, "feed_forward_length", t->ffn);
    add_int(x, "context_length", t->context);
    add_int(x, "attention.head_count", t->heads);
    add_int(x, "attention.head_count_kv", t->kv_heads);
    add_int(x, "rope.dimension_count", t->rope);
    add_bytes(x, "llama.attention.layer_norm_rms_epsilon", GGUF_F32, &epsilon, sizeof epsilon);
    if (t->rope_scaling != 0) {
        add_string(x, "llama.rope.scaling.type", "linear");
        add_bytes(x, "llama.rope.scaling.factor", GGUF_F32, &factor, sizeof factor);
    }
    add_vocabulary(x);
    if (t->u32_key)
        cr_assert_eq(gguf_writer_set_u32(x->w, t->u32_key, t->u32_value), 0);
    if (t->f32_key)
        add_bytes(x, t->f32_key, GGUF_F32, &t->f32_value, sizeof t->f32_value);
}

/* --- tensors --- */

static void declare(struct writing *x, const char *name, uint32_t type, int64_t cols, int64_t rows)
{
    const struct tiny_model *t = x->t;
    int64_t ne[2] = {cols, rows + (t->misshapen && !strcmp(t->misshapen, name))};

    if (left_out(t, name))
        return;
    cr_assert(x->n < MAX_TENSORS);
    cr_assert_eq(gguf_writer_declare(x->w, name, type, 2, ne), 0);
    snprintf(x->tensors[x->n].name, sizeof x->tensors[0].name, "%s", name);
    x->tensors[x->n].type = type;
    memcpy(x->tensors[x->n].ne, ne, sizeof ne);
    x->n++;
}

__attribute__((format(printf, 5, 6))) static void
declare_in(struct writing *x, uint32_t type, int64_t cols, int64_t rows, const char *fmt, ...)
{
    char name[128];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    declare(x, name, type, cols, rows);
}

static void declare_layer(struct writing *x, int layer)
{
    const struct tiny_model *t = x->t;
    int64_t kv = t->embed / t->heads * t->kv_heads;
    uint32_t type = t->type;

    declare_in(x, KERNEL_F32, t->embed, 1, "blk.%d.attn_norm.weight", layer);
    declare_in(x, type, t->embed, t->embed, "blk.%d.attn_q.weight", layer);
    declare_in(x, type, t->embed, kv, "blk.%d.attn_k.weight", layer);
    declare_in(x, t->v_type ? t->v_type : type, t->embed, kv, "blk.%d.attn_v.weight", layer);
    declare_in(x, type, t->embed, t->embed, "blk.%d.attn_output.weight", layer);
    declare_in(x, KERNEL_F32, t->embed, 1, "blk.%d.ffn_norm.weight", layer);
    declare_in(x, type, t->embed, t->ffn, "blk.%d.ffn_gate.weight", layer);
    declare_in(x, type, t->embed, t->ffn, "blk.%d.ffn_up.weight", layer);
    declare_in(x, type, t->ffn, t->embed, "blk.%d.ffn_down.weight", layer);
    if (!t->biases)
        return;
    declare_in(x, KERNEL_F32, t->embed, 1, "blk.%d.attn_q.bias", layer);
    declare_in(x, KERNEL_F16, kv, 1, "blk.%d.attn_k.bias", layer);
    declare_in(x, KERNEL_F32, kv, 1, "blk.%d.attn_v.bias", layer);
    declare_in(x, KERNEL_F32, t->embed, 1, "blk.%d.attn_output.bias", layer);
}

static float weight_draw(struct rng *rng, bool vector)
{
    return vector ? (float)(1 + 0.2 * rng_normal(rng)) : (float)(0.3 * rng_normal(rng));
}

/* One block of random codes under a small scale. */
static void block_fill(struct rng *rng, uint32_t type, unsigned char *block, size_t bytes)
{
    uint16_t d = half_from_float(0.002f);

    for (size_t i = 0; i < bytes; i++)
        block[i] = (unsigned char)rng_below(rng, 256);
    if (type == KERNEL_Q6_K) {
        d = half_from_float(0.0001f);
        memcpy(block + offsetof(struct q6_k_block, d), &d, sizeof d);
    } else if (type == KERNEL_Q4_K) {
        d = half_from_float(0.0008f);
        memcpy(block, &d, sizeof d);
        memcpy(block + 2, &d, sizeof d);
    } else {
        memcpy(block, &d, sizeof d);
    }
}

static void write_tensor(struct writing *x, size_t at)
{
    uint32_t type = x->tensors[at].type;
    int64_t cols = x->tensors[at].ne[0], rows = x->tensors[at].ne[1], elements;
    size_t block, n;
    unsigned char *data;

    cr_assert(gguf_type_block(type, &elements, &block));
    n = (size_t)(cols / elements * rows);
    data = calloc(n, block);
    cr_assert(data != NULL);
    for (size_t i = 0; i < n; i++) {
        float w = weight_draw(&x->rng, rows == 1);
        uint16_t h = half_from_float(w);

        if (type == KERNEL_F32)
            memcpy(data + i * block, &w, sizeof w);
        else if (type == KERNEL_F16)
            memcpy(data + i * block, &h, sizeof h);
        else
            block_fill(&x->rng, type, data + i * block, block);
    }
    if (x->t->spoilt && !strcmp(x->t->spoilt, x->tensors[at].name))
        memcpy(data + (n - 1) * block, &x->t->spoilt_value, sizeof(float));
    cr_assert_eq(gguf_writer_data(x->w, data, n * block), 0);
    free(data);
}

void tiny_model_write(const struct tiny_model *t, char path[64])
{
    struct writing x = {.t = t};
    int fd;

    snprintf(path, 64, "/tmp/pawl-tiny-XXXXXX");
    fd = mkstemp(path);
    cr_assert(fd >= 0);
    close(fd);
    rng_init(&x.rng, 7);
    cr_assert_eq(gguf_writer_open(path, &x.w), 0);
    add_metadata(&x);
    declare(&x, "token_embd.weight", t->type, t->embed, t->vocab);
    for (int layer = 0; layer < (int)t->layers; layer++)
        declare_layer(&x, layer);
    declare(&x, "output_norm.weight", KERNEL_F32, t->embed, 1);
    if (t->output)
        declare(&x, "output.weight", t->type, t->embed, t->vocab);
    if (t->rope_factors)
        declare(&x, "rope_freqs.weight", KERNEL_F32, (t->rope ? t->rope : t->embed / t->heads) / 2,
                1);
    for (size_t i = 0; i < x.n; i++)
        write_tensor(&x, i);
    cr_assert_eq(gguf_writer_finish(&x.w), 0);
}
