/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/reference/twin.h"

#include "reference/base/half.h"
#include "reference/base/formats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

float (*twin_weight_rounding)(float);
int64_t twin_skipped_page = -1;

static const void *row_of(const struct problem_instance *in, uint32_t buffer, size_t row)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;

    return (const char *)t->data + row * t->nb[1];
}

static const struct problem_step *last_step(const struct problem_instance *in)
{
    return &in->steps[in->n_steps - 1];
}

/* --- gemv, gemm: integer inside a block, f32 across blocks --- */

static int scale_of(const uint8_t *s, int i)
{
    return i < 4 ? s[i] & 63 : (s[i + 4] & 15) + (s[i - 4] >> 6) * 16;
}

static int min_of(const uint8_t *s, int i)
{
    return i < 4 ? s[i + 4] & 63 : (s[i + 4] >> 4) + (s[i] >> 6) * 16;
}

/* Q4_K (qh NULL) and Q5_K. */
static float dot_q45(uint16_t d, uint16_t dmin, const uint8_t *scales, const uint8_t *qs,
                     const uint8_t *qh, const struct q8_k_block *x)
{
    int sum = 0, mins = 0;

    for (int s = 0; s < 8; s++) {
        int part = 0;
        for (int l = 0; l < 32; l++) {
            int byte = qs[s / 2 * 32 + l];
            int q = s % 2 ? byte >> 4 : byte & 15;
            if (qh && (qh[l] >> s & 1))
                q += 16;
            part += q * x->qs[s * 32 + l];
        }
        sum += part * scale_of(scales, s);
        mins += min_of(scales, s) * (x->bsums[2 * s] + x->bsums[2 * s + 1]);
    }
    return half_to_float(d) * x->d * (float)sum - half_to_float(dmin) * x->d * (float)mins;
}

static float dot_q6(const struct q6_k_block *w, const struct q8_k_block *x)
{
    int sum = 0;

    for (int h = 0; h < 2; h++)
        for (int l = 0; l < 32; l++) {
            int lo = w->ql[64 * h + l], hi = w->ql[64 * h + 32 + l], top = w->qh[32 * h + l];
            int q[4] = {(lo & 15) + (top & 3) * 16, (hi & 15) + (top >> 2 & 3) * 16,
                        (lo >> 4) + (top >> 4 & 3) * 16, (hi >> 4) + (top >> 6) * 16};
            for (int part = 0; part < 4; part++) {
                int j = 128 * h + 32 * part + l;
                sum += w->scales[j / 16] * (q[part] - 32) * x->qs[j];
            }
        }
    return half_to_float(w->d) * x->d * (float)sum;
}

static float dot_q8(const struct q8_0_block *w, const struct q8_32_block *x)
{
    int sum = 0;

    for (int j = 0; j < 32; j++)
        sum += w->qs[j] * x->qs[j];
    return half_to_float(w->d) * x->d * (float)sum;
}

/* Nibble i of bytes laid out as 16 low ones, then 16 high ones. */
static int nibble_of(const uint8_t *qs, int i)
{
    return i < 16 ? qs[i] & 15 : qs[i - 16] >> 4;
}

static int iq4_value(int q)
{
    static const int values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                   1,    13,   25,  38,  53,  69,  89,  113};

    return values[q];
}

/* Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL: d (and m), fifth bits, nibbles. */
static float dot_nibbles(uint32_t type, const unsigned char *w, const struct q8_32_block *x)
{
    bool five = type == KERNEL_Q5_0 || type == KERNEL_Q5_1;
    bool min = type == KERNEL_Q4_1 || type == KERNEL_Q5_1;
    const unsigned char *high = w + (min ? 4 : 2), *qs = high + (five ? 4 : 0);
    uint16_t d, m = 0;
    int sum = 0;

    memcpy(&d, w, sizeof d);
    if (min)
        memcpy(&m, w + 2, sizeof m);
    for (int j = 0; j < 32; j++) {
        int q = nibble_of(qs, j);
        if (five && high[j / 8] >> j % 8 & 1)
            q += 16;
        if (!min)
            q = type == KERNEL_IQ4_NL ? iq4_value(q) : q - (five ? 16 : 8);
        sum += q * x->qs[j];
    }
    return half_to_float(d) * x->d * (float)sum + half_to_float(m) * x->d * (float)x->sum;
}

static float dot_iq4_xs(const struct iq4_xs_block *w, const struct q8_k_block *x)
{
    int sum = 0;

    for (int s = 0; s < 8; s++) {
        int part = 0, low = s % 2 ? w->scales_l[s / 2] >> 4 : w->scales_l[s / 2] & 15;
        for (int j = 0; j < 32; j++)
            part += iq4_value(nibble_of(w->qs + 16 * s, j)) * x->qs[32 * s + j];
        sum += part * (low + 16 * (w->scales_h >> 2 * s & 3) - 32);
    }
    return half_to_float(w->d) * x->d * (float)sum;
}

static float dot_tq2_0(const struct tq2_0_block *w, const struct q8_k_block *x)
{
    int sum = 0;

    for (int h = 0; h < 2; h++)
        for (int l = 0; l < 32; l++)
            for (int p = 0; p < 4; p++)
                sum += ((w->qs[32 * h + l] >> 2 * p & 3) - 1) * x->qs[128 * h + 32 * p + l];
    return half_to_float(w->d) * x->d * (float)sum;
}

static float dot_q2(const struct q2_k_block *w, const struct q8_k_block *x)
{
    int sum = 0, mins = 0;

    for (int j = 0; j < 256; j++)
        sum += (w->scales[j / 16] & 15) * (w->qs[j / 128 * 32 + j % 32] >> j % 128 / 32 * 2 & 3) *
               x->qs[j];
    for (int s = 0; s < 16; s++)
        mins += (w->scales[s] >> 4) * x->bsums[s];
    return half_to_float(w->d) * x->d * (float)sum - half_to_float(w->dmin) * x->d * (float)mins;
}

static float dot_q3(const struct q3_k_block *w, const struct q8_k_block *x)
{
    int sum = 0;

    for (int j = 0; j < 256; j++) {
        int s = j / 16, scale = s < 8 ? w->scales[s] & 15 : w->scales[s - 8] >> 4;
        int q = w->qs[j / 128 * 32 + j % 32] >> j % 128 / 32 * 2 & 3;
        scale += (w->scales[8 + s % 4] >> s / 4 * 2 & 3) * 16;
        q += (w->hmask[j % 32] >> j / 32 & 1) * 4;
        sum += (scale - 32) * (q - 4) * x->qs[j];
    }
    return half_to_float(w->d) * x->d * (float)sum;
}

/* Digit by digit from the front: what is left of three times a byte begins with the next one. */
static float dot_tq1_0(const struct tq1_0_block *w, const struct q8_k_block *x)
{
    const unsigned char *bytes = w->qs;
    int sum = 0;

    for (int b = 0; b < 52; b++) {
        unsigned rest = bytes[b];
        for (int i = 0; i < (b < 48 ? 5 : 4); i++) {
            int j = b < 32 ? 32 * i + b : b < 48 ? 160 + 16 * i + b - 32 : 240 + 4 * i + b - 48;
            rest *= 3;
            sum += ((int)(rest >> 8) - 1) * x->qs[j];
            rest &= 255;
        }
    }
    return half_to_float(w->d) * x->d * (float)sum;
}

static float number_of(uint32_t type, const void *w, size_t j)
{
    if (type == KERNEL_F32)
        return ((const float *)w)[j];
    return type == KERNEL_F16 ? half_to_float(((const uint16_t *)w)[j])
                              : bf16_to_float(((const uint16_t *)w)[j]);
}

/* 32 partial sums added as a tree, within the K/64 half-ulp additions the contract allows. */
static float dot_numbers(uint32_t type, const void *w, const float *x, size_t k)
{
    float lane[32] = {0};

    for (size_t j = 0; j < k; j++)
        lane[j % 32] += number_of(type, w, j) * x[j];
    for (int half = 16; half; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

static float dot_row(uint32_t type, const void *w, const void *x, size_t k)
{
    float y = 0.0f;

    if (type == KERNEL_F32 || type == KERNEL_F16 || type == KERNEL_BF16)
        return dot_numbers(type, w, x, k);
    if (format_find(type)->elements == KERNEL_QK_32) {
        float four[4] = {0};
        for (size_t b = 0; b < k / 32; b++) {
            const unsigned char *wb = (const unsigned char *)w + b * format_find(type)->bytes;
            const struct q8_32_block *xb = (const struct q8_32_block *)x + b;
            four[b % 4] += type == KERNEL_Q8_0 ? dot_q8((const struct q8_0_block *)w + b, xb)
                                               : dot_nibbles(type, wb, xb);
        }
        return four[0] + four[1] + (four[2] + four[3]);
    }
    for (size_t b = 0; b < k / 256; b++) {
        const struct q8_k_block *xb = (const struct q8_k_block *)x + b;
        const struct q4_k_block *q4 = (const struct q4_k_block *)w + b;
        const struct q5_k_block *q5 = (const struct q5_k_block *)w + b;
        if (type == KERNEL_Q4_K)
            y += dot_q45(q4->d, q4->dmin, q4->scales, q4->qs, NULL, xb);
        else if (type == KERNEL_Q5_K)
            y += dot_q45(q5->d, q5->dmin, q5->scales, q5->qs, q5->qh, xb);
        else if (type == KERNEL_IQ4_XS)
            y += dot_iq4_xs((const struct iq4_xs_block *)w + b, xb);
        else if (type == KERNEL_Q2_K)
            y += dot_q2((const struct q2_k_block *)w + b, xb);
        else if (type == KERNEL_Q3_K)
            y += dot_q3((const struct q3_k_block *)w + b, xb);
        else if (type == KERNEL_TQ1_0)
            y += dot_tq1_0((const struct tq1_0_block *)w + b, xb);
        else if (type == KERNEL_TQ2_0)
            y += dot_tq2_0((const struct tq2_0_block *)w + b, xb);
        else
            y += dot_q6((const struct q6_k_block *)w + b, xb);
    }
    return y;
}

static void matmul_run(const struct problem_instance *in, uint32_t buffer, float *y)
{
    const struct problem_step *last = last_step(in);
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;
    uint32_t w = 0;

    for (uint32_t l = 0; l < last->call.n_out; l++)
        if (last->out[l] == buffer)
            w = in->steps[l].in[0];
    for (size_t j = 0; j < (size_t)t->ne[1]; j++)
        for (size_t r = 0; r < (size_t)t->ne[0]; r++)
            y[j * (size_t)t->ne[0] + r] =
                dot_row(in->buffers[w].tensor.type, row_of(in, w, r), row_of(in, last->in[0], j),
                        (size_t)in->buffers[w].tensor.ne[0]);
}

static void gemm_ids_run(const struct problem_instance *in, uint32_t buffer, float *y)
{
    const struct problem_step *last = last_step(in);
    const struct kernel_tensor *t = &in->buffers[buffer].tensor, *w = NULL;
    const int32_t *ids = in->buffers[last->in[last->call.n_in - 1]].tensor.data;
    size_t m = (size_t)t->ne[0], used = (size_t)t->ne[1];
    bool shared = in->buffers[last->in[0]].tensor.ne[1] == 1;
    uint32_t plain = 0;

    for (uint32_t l = 0; l < last->call.n_out; l++)
        if (last->out[l] == buffer)
            plain = in->steps[l].in[0];
    w = &in->buffers[plain].tensor;
    for (size_t e = 0; e < used * (size_t)t->ne[2]; e++)
        for (size_t r = 0; r < m; r++)
            y[e * m + r] =
                dot_row(w->type, row_of(in, plain, (size_t)ids[e] * m + r),
                        row_of(in, last->in[0], shared ? e / used : e), (size_t)w->ne[0]);
}

/* --- quantize --- */

static void quantize_block(const float *x, int n, float *d, int8_t *q)
{
    float amax = 0.0f;

    for (int i = 0; i < n; i++)
        if (!isfinite(x[i])) { /* anything will do */
            *d = NAN;
            memset(q, 0, (size_t)n);
            return;
        }

    for (int i = 0; i < n; i++)
        amax = fabsf(x[i]) > amax ? fabsf(x[i]) : amax;
    *d = amax < 0x1p-100f ? 0.0f : amax / 127.0f;
    for (int i = 0; i < n; i++) {
        float scaled = amax < 0x1p-100f ? 0.0f : x[i] * (127.0f / amax);
        float below = floorf(scaled), rest = scaled - below;
        bool up = rest > 0.5f || (rest == 0.5f && fmodf(below, 2.0f) != 0.0f);
        q[i] = (int8_t)(below + (up ? 1.0f : 0.0f));
    }
}

static void quantize_run(const struct problem_instance *in, uint32_t buffer, void *out)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;
    size_t k = (size_t)t->ne[0];

    for (size_t j = 0; j < (size_t)t->ne[1]; j++) {
        const float *x = row_of(in, last_step(in)->in[0], j);
        if (t->type == KERNEL_Q8_K) {
            struct q8_k_block *q = (struct q8_k_block *)out + j * (k / 256);
            for (size_t b = 0; b < k / 256; b++, q++) {
                quantize_block(x + 256 * b, 256, &q->d, q->qs);
                memset(q->bsums, 0, sizeof q->bsums);
                for (int i = 0; i < 256; i++)
                    q->bsums[i / 16] = (int16_t)(q->bsums[i / 16] + q->qs[i]);
            }
        } else {
            struct q8_32_block *q = (struct q8_32_block *)out + j * (k / 32);
            for (size_t b = 0; b < k / 32; b++, q++) {
                quantize_block(x + 32 * b, 32, &q->d, q->qs);
                q->sum = q->zero = 0;
                for (int i = 0; i < 32; i++)
                    q->sum = (int16_t)(q->sum + q->qs[i]);
            }
        }
    }
}

/* --- attention --- */

/* One KV row as pages hold it: codes and scales per block of 32, or f16 values (scale 1). */
struct kv_row {
    float value[128], scale[4];
};

static void kv_round(uint32_t type, const float *x, int n, bool f32_scale, struct kv_row *out)
{
    for (int j = 0; j < n; j += 32) {
        int8_t q[32];
        int len = n - j < 32 ? n - j : 32;
        float d;
        if (type == KERNEL_F16) {
            out->scale[j / 32] = 1.0f;
            for (int i = 0; i < len; i++)
                out->value[j + i] = f32_scale ? x[j + i] : half_to_float(half_from_float(x[j + i]));
            continue;
        }
        quantize_block(x + j, len, &d, q);
        out->scale[j / 32] = f32_scale ? d : half_to_float(half_from_float(d));
        for (int i = 0; i < len; i++)
            out->value[j + i] = q[i];
    }
}

/* The K (which = 0) or V row of a position after all stores. */
static const float *stored_row(const struct problem_instance *in, int which, int64_t t, size_t head)
{
    const float *found = NULL;

    for (uint32_t i = 0; i + 1 < in->n_steps; i++) {
        const struct kernel_tensor *k = &in->buffers[in->steps[i].in[0]].tensor;
        int64_t at = t - in->steps[i].call.i[KERNEL_I_POS];
        if (at >= 0 && at < k->ne[2])
            found = row_of(in, in->steps[i].in[which], (size_t)at * (size_t)k->ne[1] + head);
    }
    return found;
}

static bool sees(const struct kernel_call *c, int64_t at, int64_t t)
{
    if (c->i[KERNEL_I_CAUSAL] && t > at)
        return false;
    return c->i[KERNEL_I_WINDOW] == 0 || t > at - c->i[KERNEL_I_WINDOW];
}

static void attend(const struct problem_instance *in, size_t query, size_t head, int n,
                   const struct kv_row *k, const struct kv_row *v, float *y)
{
    const struct kernel_call *c = &last_step(in)->call;
    uint32_t type = in->buffers[last_step(in)->in[1]].tensor.type;
    size_t heads = (size_t)in->buffers[last_step(in)->in[0]].tensor.ne[1];
    int64_t at = c->i[KERNEL_I_POS] + (int64_t)query, n_kv = c->i[KERNEL_I_N_KV];
    float largest = -INFINITY, total = 0.0f, cap = c->f[KERNEL_F_SOFTCAP];
    float *s = malloc((size_t)n_kv * sizeof *s);
    struct kv_row q;

    kv_round(type, row_of(in, last_step(in)->in[0], query * heads + head), n, true, &q);
    for (int64_t t = 0; t < n_kv; t++) {
        float dot = 0.0f;
        for (int j = 0; j < n; j += 32) {
            float part = 0.0f;
            for (int i = j; i < n && i < j + 32; i++)
                part += q.value[i] * k[t].value[i];
            dot += part * (q.scale[j / 32] * k[t].scale[j / 32]);
        }
        s[t] = dot * c->f[KERNEL_F_SCALE];
        if (cap > 0.0f)
            s[t] = cap * tanhf(s[t] / cap);
        if (sees(c, at, t))
            largest = fmaxf(largest, s[t]);
    }
    memset(y, 0, (size_t)n * sizeof *y);
    for (int64_t page = 0; page < n_kv; page += KERNEL_PAGE_POSITIONS) {
        float part[128] = {0}, part_total = 0.0f;
        for (int64_t t = page; t < n_kv && t < page + KERNEL_PAGE_POSITIONS; t++) {
            if (page / KERNEL_PAGE_POSITIONS == twin_skipped_page)
                continue;
            float p = sees(c, at, t) ? expf(s[t] - largest) : 0.0f;
            if (twin_weight_rounding)
                p = twin_weight_rounding(p);
            part_total += p;
            for (int i = 0; i < n; i++)
                part[i] += p * (v[t].value[i] * v[t].scale[i / 32]);
        }
        total += part_total;
        for (int i = 0; i < n; i++)
            y[i] += part[i];
    }
    for (int i = 0; i < n; i++)
        y[i] /= total;
    free(s);
}

static void attention_run(const struct problem_instance *in, float *y)
{
    const struct problem_step *last = last_step(in);
    const struct kernel_tensor *q = &in->buffers[last->in[0]].tensor;
    const struct kernel_tensor *pages = &in->buffers[last->in[1]].tensor;
    int64_t n_kv = last->call.i[KERNEL_I_N_KV];
    size_t heads = (size_t)q->ne[1], kv_heads = (size_t)pages->ne[2];
    struct kv_row *k = malloc(2 * (size_t)n_kv * sizeof *k), *v = k + n_kv;

    for (size_t kv_head = 0; kv_head < kv_heads; kv_head++) {
        for (int64_t t = 0; t < n_kv; t++) {
            kv_round(pages->type, stored_row(in, 0, t, kv_head), (int)q->ne[0], false, &k[t]);
            kv_round(pages->type, stored_row(in, 1, t, kv_head), (int)q->ne[0], false, &v[t]);
        }
        for (size_t j = 0; j < (size_t)q->ne[2]; j++)
            for (size_t h = 0; h < heads; h++)
                if (h / (heads / kv_heads) == kv_head)
                    attend(in, j, h, (int)q->ne[0], k, v, y + (j * heads + h) * (size_t)q->ne[0]);
    }
    free(k);
}

/* --- row operations --- */

static void norm_row(const struct problem_instance *in, const float *x, size_t k, float *y)
{
    const struct problem_step *s = last_step(in);
    const float *w = row_of(in, s->in[1], 0),
                *b = s->call.n_in > 2 ? row_of(in, s->in[2], 0) : NULL;
    float mean = 0.0f, squares = 0.0f, factor;

    if (s->call.op == KERNEL_LAYER_NORM) {
        for (size_t i = 0; i < k; i++)
            mean += x[i];
        mean /= (float)k;
    }
    for (size_t i = 0; i < k; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    factor = 1.0f / sqrtf(squares / (float)k + s->call.f[KERNEL_F_EPS]);
    for (size_t i = 0; i < k; i++)
        y[i] = (x[i] - mean) * factor * w[i] + (b ? b[i] : 0.0f);
}

static void rope_row(const struct problem_instance *in, const float *x, size_t k, size_t token,
                     float *y)
{
    const struct problem_step *s = last_step(in);
    const float *table = row_of(in, s->in[1], token);
    size_t pairs = (size_t)in->buffers[s->in[1]].tensor.ne[0] / 2;

    memcpy(y, x, k * sizeof *y);
    for (size_t i = 0; i < pairs; i++) {
        size_t a = s->call.i[KERNEL_I_STYLE] ? i : 2 * i;
        size_t b = s->call.i[KERNEL_I_STYLE] ? i + pairs : 2 * i + 1;
        y[a] = x[a] * table[2 * i] - x[b] * table[2 * i + 1];
        y[b] = x[a] * table[2 * i + 1] + x[b] * table[2 * i];
    }
}

static void softmax_row(const float *x, size_t k, float scale, float *y)
{
    float largest = -INFINITY, total = 0.0f;

    for (size_t i = 0; i < k; i++)
        largest = fmaxf(largest, x[i] * scale);
    for (size_t i = 0; i < k; i++)
        total += y[i] = expf(x[i] * scale - largest);
    for (size_t i = 0; i < k; i++)
        y[i] /= total;
}

static float activation(const struct kernel_call *call, float g)
{
    float c = call->f[KERNEL_F_GAIN];

    switch (call->i[KERNEL_I_ACT]) {
    case KERNEL_ACT_SILU:
        return g / (1.0f + expf(-g));
    case KERNEL_ACT_GELU:
        return 0.5f * g * (1.0f + tanhf(0.79788456f * (g + 0.044715f * g * g * g)));
    case KERNEL_ACT_GELU_ERF:
        return 0.5f * g * (1.0f + erff(g * 0.70710678f));
    case KERNEL_ACT_RELU:
        return fmaxf(g, 0.0f);
    case KERNEL_ACT_SIGMOID:
        return 1.0f / (1.0f + expf(-g));
    case KERNEL_ACT_SOFTCAP:
        return c * tanhf(g / c);
    default:
        return c * g;
    }
}

static void mix_run(const struct problem_instance *in, float *y)
{
    const struct problem_step *s = last_step(in);
    const struct kernel_tensor *x = &in->buffers[s->in[0]].tensor;
    size_t k = (size_t)x->ne[0], used = (size_t)x->ne[1];

    for (size_t j = 0; j < (size_t)x->ne[2]; j++, y += k) {
        const float *w = row_of(in, s->in[1], j);
        memset(y, 0, k * sizeof *y);
        for (size_t u = 0; u < used; u++) {
            const float *row = row_of(in, s->in[0], j * used + u);
            for (size_t i = 0; i < k; i++)
                y[i] += w[u] * row[i];
        }
    }
}

static void rows_run(const struct problem_instance *in, uint32_t buffer, float *y)
{
    const struct problem_step *s = last_step(in);
    const struct kernel_tensor *x = &in->buffers[s->in[0]].tensor;
    size_t k = (size_t)x->ne[0], rows = (size_t)(x->ne[1] * x->ne[2]);

    (void)buffer;
    for (size_t r = 0; r < rows; r++, y += k) {
        const float *a = row_of(in, s->in[0], r), *b;
        if (s->call.op == KERNEL_RMS_NORM || s->call.op == KERNEL_LAYER_NORM) {
            norm_row(in, a, k, y);
        } else if (s->call.op == KERNEL_ROPE) {
            rope_row(in, a, k, r / (size_t)x->ne[1], y);
        } else if (s->call.op == KERNEL_SOFTMAX) {
            softmax_row(a, k, s->call.f[KERNEL_F_SCALE], y);
        } else {
            b = s->call.n_in == 1
                    ? NULL
                    : row_of(in, s->in[1], in->buffers[s->in[1]].tensor.ne[1] == 1 ? 0 : r);
            for (size_t i = 0; i < k; i++)
                y[i] = s->call.op == KERNEL_ADD ? a[i] + b[i]
                                                : activation(&s->call, a[i]) * (b ? b[i] : 1.0f);
        }
    }
}

static void argmax_run(const struct problem_instance *in, int32_t *y)
{
    const struct kernel_tensor *x = &in->buffers[last_step(in)->in[0]].tensor;

    for (size_t r = 0; r < (size_t)x->ne[1]; r++) {
        const float *a = row_of(in, last_step(in)->in[0], r);
        y[r] = 0;
        for (int32_t i = 0; i < (int32_t)x->ne[0]; i++)
            y[r] = a[i] > a[y[r]] ? i : y[r];
    }
}

/* Places by sorting: a stable order keeps the first of equals first. */
static const float *ranked;

static int rank_compare(const void *a, const void *b)
{
    int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;

    if (ranked[i] != ranked[j])
        return ranked[i] > ranked[j] ? -1 : 1;
    return i < j ? -1 : 1;
}

static void top_k_run(const struct problem_instance *in, uint32_t buffer, void *y)
{
    const struct problem_step *s = last_step(in);
    const struct kernel_tensor *x = &in->buffers[s->in[0]].tensor;
    size_t k = (size_t)x->ne[0], used = (size_t)in->buffers[buffer].tensor.ne[0];
    int32_t *order = malloc(k * sizeof *order);

    for (size_t r = 0; r < (size_t)x->ne[1]; r++) {
        float sum = 0.0f, value;
        ranked = row_of(in, s->in[0], r);
        for (size_t i = 0; i < k; i++)
            order[i] = (int32_t)i;
        qsort(order, k, sizeof *order, rank_compare);
        for (size_t u = 0; u < used; u++)
            sum += ranked[order[u]];
        for (size_t u = 0; u < used; u++) {
            value = s->call.i[KERNEL_I_NORMALIZE] ? ranked[order[u]] / sum : ranked[order[u]];
            if (buffer == s->out[0])
                ((int32_t *)y)[r * used + u] = order[u];
            else
                ((float *)y)[r * used + u] = value;
        }
    }
    free(order);
}

bool twin_run(const struct problem_instance *in, uint32_t buffer, void *out)
{
    switch (last_step(in)->call.op) {
    case KERNEL_GET_ROWS:
    case KERNEL_KV_LOAD:
        return false;
    case KERNEL_GEMV:
    case KERNEL_GEMM:
        matmul_run(in, buffer, out);
        return true;
    case KERNEL_GEMM_IDS:
        gemm_ids_run(in, buffer, out);
        return true;
    case KERNEL_QUANTIZE:
        quantize_run(in, buffer, out);
        return true;
    case KERNEL_ATTENTION:
        attention_run(in, out);
        return true;
    case KERNEL_ARGMAX:
        argmax_run(in, out);
        return true;
    case KERNEL_TOP_K:
        top_k_run(in, buffer, out);
        return true;
    case KERNEL_MIX:
        mix_run(in, out);
        return true;
    default:
        rows_run(in, buffer, out);
        return true;
    }
}
