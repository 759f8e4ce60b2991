/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/naive_llama.h"

#include "reference/base/half.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WIDTH = 1024 };

struct naive {
    const struct gguf_file *f;
    int64_t embed, heads, kv_heads, ffn, layers, vocab, rope;
    double epsilon, base, factor;
    size_t n;      /* tokens */
    double *k, *v; /* [layers][n][kv_heads * head_dim] */
};

static int64_t get(const struct gguf_file *f, const char *key, int64_t fallback)
{
    cr_assert_geq(gguf_get_int(f, key, &fallback), 0);
    return fallback;
}

__attribute__((format(printf, 2, 3))) static const struct gguf_tensor *tensor(const struct naive *x,
                                                                              const char *fmt, ...)
{
    char name[128];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    return gguf_tensor_find(x->f, name);
}

/* Element i of an F32 or F16 tensor. */
static double at(const struct gguf_tensor *t, int64_t i)
{
    if (t->type == KERNEL_F16)
        return (double)half_to_float(((const uint16_t *)t->data)[i]);
    return (double)((const float *)t->data)[i];
}

/* y = W x + bias */
static void product(const struct gguf_tensor *w, const struct gguf_tensor *bias, const double *x,
                    double *y)
{
    for (int64_t r = 0; r < w->ne[1]; r++) {
        y[r] = bias ? at(bias, r) : 0;
        for (int64_t c = 0; c < w->ne[0]; c++)
            y[r] += at(w, r * w->ne[0] + c) * x[c];
    }
}

static void norm(const struct naive *x, const struct gguf_tensor *w, const double *in, double *out)
{
    double squares = 0;

    for (int64_t i = 0; i < x->embed; i++)
        squares += in[i] * in[i];
    for (int64_t i = 0; i < x->embed; i++)
        out[i] = in[i] * at(w, i) / sqrt(squares / (double)x->embed + x->epsilon);
}

static void rotate(const struct naive *x, double *row, int64_t heads, size_t position)
{
    const struct gguf_tensor *factors = tensor(x, "rope_freqs.weight");
    int64_t dim = x->embed / x->heads;

    for (int64_t h = 0; h < heads; h++)
        for (int64_t i = 0; i < x->rope / 2; i++) {
            double theta = (double)position / x->factor *
                           pow(x->base, -2.0 * (double)i / (double)x->rope) /
                           (factors ? at(factors, i) : 1);
            double *pair = row + h * dim + 2 * i, a = pair[0], b = pair[1];

            pair[0] = a * cos(theta) - b * sin(theta);
            pair[1] = a * sin(theta) + b * cos(theta);
        }
}

static void attend(const struct naive *x, int64_t layer, size_t position, const double *q,
                   double *out)
{
    int64_t dim = x->embed / x->heads, kv = dim * x->kv_heads;
    double *scores = calloc(x->n, sizeof *scores);

    for (int64_t h = 0; h < x->heads; h++) {
        int64_t shared = h / (x->heads / x->kv_heads) * dim;
        double sum = 0;

        for (size_t t = 0; t <= position; t++) {
            const double *k = x->k + ((size_t)layer * x->n + t) * (size_t)kv + shared;

            scores[t] = 0;
            for (int64_t i = 0; i < dim; i++)
                scores[t] += q[h * dim + i] * k[i];
            scores[t] = exp(scores[t] / sqrt((double)dim));
            sum += scores[t];
        }
        for (int64_t i = 0; i < dim; i++) {
            out[h * dim + i] = 0;
            for (size_t t = 0; t <= position; t++)
                out[h * dim + i] +=
                    scores[t] / sum *
                    x->v[((size_t)layer * x->n + t) * (size_t)kv + (size_t)(shared + i)];
        }
    }
    free(scores);
}

static void attention_block(struct naive *x, int layer, size_t position, double *h)
{
    double a[MAX_WIDTH], q[MAX_WIDTH], mixed[MAX_WIDTH];
    int64_t kv = x->embed / x->heads * x->kv_heads;
    double *k = x->k + ((size_t)layer * x->n + position) * (size_t)kv;
    double *v = x->v + ((size_t)layer * x->n + position) * (size_t)kv;

    norm(x, tensor(x, "blk.%d.attn_norm.weight", layer), h, a);
    product(tensor(x, "blk.%d.attn_q.weight", layer), tensor(x, "blk.%d.attn_q.bias", layer), a, q);
    product(tensor(x, "blk.%d.attn_k.weight", layer), tensor(x, "blk.%d.attn_k.bias", layer), a, k);
    product(tensor(x, "blk.%d.attn_v.weight", layer), tensor(x, "blk.%d.attn_v.bias", layer), a, v);
    rotate(x, q, x->heads, position);
    rotate(x, k, x->kv_heads, position);
    for (int64_t i = 0; i < kv; i++) {
        k[i] = (double)half_to_float(half_from_float((float)k[i]));
        v[i] = (double)half_to_float(half_from_float((float)v[i]));
    }
    attend(x, layer, position, q, mixed);
    product(tensor(x, "blk.%d.attn_output.weight", layer),
            tensor(x, "blk.%d.attn_output.bias", layer), mixed, a);
    for (int64_t i = 0; i < x->embed; i++)
        h[i] += a[i];
}

static void ffn_block(const struct naive *x, int layer, double *h)
{
    double a[MAX_WIDTH], gate[MAX_WIDTH], up[MAX_WIDTH];

    norm(x, tensor(x, "blk.%d.ffn_norm.weight", layer), h, a);
    product(tensor(x, "blk.%d.ffn_gate.weight", layer), NULL, a, gate);
    product(tensor(x, "blk.%d.ffn_up.weight", layer), NULL, a, up);
    for (int64_t i = 0; i < x->ffn; i++)
        gate[i] *= up[i] / (1 + exp(-gate[i]));
    product(tensor(x, "blk.%d.ffn_down.weight", layer), NULL, gate, a);
    for (int64_t i = 0; i < x->embed; i++)
        h[i] += a[i];
}

static struct naive naive_of(const struct gguf_file *f, size_t n)
{
    struct naive x = {.f = f, .n = n, .base = 10000, .factor = 1};

    x.embed = get(f, "llama.embedding_length", 0);
    x.heads = get(f, "llama.attention.head_count", 0);
    x.kv_heads = get(f, "llama.attention.head_count_kv", x.heads);
    x.ffn = get(f, "llama.feed_forward_length", 0);
    x.layers = get(f, "llama.block_count", 0);
    x.vocab = gguf_tensor_find(f, "token_embd.weight")->ne[1];
    x.rope = get(f, "llama.rope.dimension_count", x.embed / x.heads);
    cr_assert_geq(gguf_get_float(f, "llama.attention.layer_norm_rms_epsilon", &x.epsilon), 0);
    cr_assert_geq(gguf_get_float(f, "llama.rope.freq_base", &x.base), 0);
    cr_assert_geq(gguf_get_float(f, "llama.rope.scaling.factor", &x.factor), 0);
    cr_assert(x.embed <= MAX_WIDTH && x.ffn <= MAX_WIDTH);
    x.k = calloc((size_t)(x.layers * x.embed) * n, sizeof *x.k);
    x.v = calloc((size_t)(x.layers * x.embed) * n, sizeof *x.v);
    return x;
}

void naive_llama_logits(const struct gguf_file *f, const int32_t *ids, size_t n, double *logits)
{
    struct naive x = naive_of(f, n);
    const struct gguf_tensor *table = tensor(&x, "token_embd.weight");
    const struct gguf_tensor *output = tensor(&x, "output.weight");
    double h[MAX_WIDTH], a[MAX_WIDTH];

    for (size_t t = 0; t < n; t++) {
        for (int64_t i = 0; i < x.embed; i++)
            h[i] = at(table, ids[t] * x.embed + i);
        for (int layer = 0; layer < (int)x.layers; layer++) {
            attention_block(&x, layer, t, h);
            ffn_block(&x, layer, h);
        }
        norm(&x, tensor(&x, "output_norm.weight"), h, a);
        product(output ? output : table, NULL, a, logits + t * (size_t)x.vocab);
    }
    free(x.k);
    free(x.v);
}
