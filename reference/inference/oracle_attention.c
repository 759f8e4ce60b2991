/* SPDX-License-Identifier: Apache-2.0
 *
 * oracle_attention.c: softmax attention in double, one query head at a time: all scores, their
 * maximum, the weights, the weighted sum of V. Rounded K and V of a head are decoded once per
 * instance and kept in its oracle_cache. */
#include "reference/inference/inference.h"

#include "reference/base/err.h"
#include "reference/inference/rounding.h"
#include "reference/inference/tolerance.h"

#include <math.h>
#include <stdlib.h>

void inference__attention_span(const int64_t *params, int64_t j, int64_t *lo, int64_t *hi)
{
    int64_t at = params[KERNEL_I_POS] + j, window = params[KERNEL_I_WINDOW];

    *lo = window > 0 && at - window + 1 > 0 ? at - window + 1 : 0;
    *hi = params[KERNEL_I_N_KV];
    if (params[KERNEL_I_CAUSAL] && at + 1 < *hi)
        *hi = at + 1;
}

/* Sizes that the steps of an attention instance share. */
struct attention {
    size_t head_dim, heads, kv_heads, n_kv;
    uint32_t type;
    const struct kernel_call *call;
};

static struct attention attention_of(const struct problem_instance *in)
{
    const struct problem_step *last = problem_last_step(in);
    const struct kernel_tensor *pages = &in->buffers[last->in[1]].tensor;

    return (struct attention){
        .head_dim = (size_t)pages->ne[0],
        .heads = (size_t)in->buffers[last->in[0]].tensor.ne[1],
        .kv_heads = (size_t)pages->ne[2],
        .n_kv = (size_t)last->call.i[KERNEL_I_N_KV],
        .type = pages->type,
        .call = &last->call,
    };
}

/* oracle_cache: per KV head a flag, then K and V as they read back from the pages. Room for values
 * is made when the oracle is first asked: many instances never are. */
struct kv_cache {
    size_t n_kv;           /* positions there is room for */
    unsigned char *loaded; /* [kv_heads] */
    float *k, *v;          /* [kv_heads][n_kv][head_dim] */
    float *memory;         /* k, v, then loaded */
};

static void cache_free(void *cache)
{
    free(((struct kv_cache *)cache)->memory);
    free(cache);
}

int inference__attention_cache(struct problem_instance *in)
{
    in->oracle_cache = calloc(1, sizeof(struct kv_cache));
    if (!in->oracle_cache)
        return err_set(ERR_NOMEM, "oracle: no memory for its cache");
    in->oracle_cache_free = cache_free;
    return 0;
}

static int cache_open(struct kv_cache *c, const struct attention *a)
{
    size_t values = a->kv_heads * a->n_kv * a->head_dim;

    if (c->n_kv == a->n_kv)
        return 0;
    free(c->memory);
    c->n_kv = 0;
    c->memory = calloc(1, 2 * values * sizeof(float) + a->kv_heads);
    if (!c->memory)
        return err_set(ERR_NOMEM, "oracle: no memory for %zu KV values", 2 * values);
    c->n_kv = a->n_kv;
    c->k = c->memory;
    c->v = c->memory + values;
    c->loaded = (unsigned char *)(c->memory + 2 * values);
    return 0;
}

static int cache_load(struct kv_cache *c, const struct problem_instance *in,
                      const struct attention *a, size_t head)
{
    float *k_out = c->k + head * a->n_kv * a->head_dim,
          *v_out = c->v + head * a->n_kv * a->head_dim;

    if (c->loaded[head])
        return 0;
    for (size_t t = 0; t < a->n_kv; t++) {
        const float *k, *v;
        if (!inference__kv_find(in, t, head, &k, &v))
            return err_set(ERR_USAGE, "case %s: position %zu was never stored", in->c->name, t);
        rounding_kv_row(a->type, k, a->head_dim, k_out + t * a->head_dim);
        rounding_kv_row(a->type, v, a->head_dim, v_out + t * a->head_dim);
    }
    c->loaded[head] = 1;
    return 0;
}

/* Softmax weights p[lo..hi) of query q; scores pass through p. Returns the magnitude of the numbers
 * that go into exp. */
static double softmax_weights(const struct attention *a, const double *q, const float *k,
                              int64_t lo, int64_t hi, double *p)
{
    double scale = a->call->f[KERNEL_F_SCALE], cap = a->call->f[KERNEL_F_SOFTCAP];
    double largest = -INFINITY, total = 0.0, steepest = 0.0;

    for (int64_t t = lo; t < hi; t++) {
        const float *row = k + (size_t)t * a->head_dim;
        double s = 0.0;
        for (size_t i = 0; i < a->head_dim; i++)
            s += q[i] * row[i];
        s *= scale;
        if (cap > 0.0)
            s = cap * tanh(s / cap);
        p[t] = s;
        largest = fmax(largest, s);
        steepest = fmax(steepest, fabs(s));
    }
    for (int64_t t = lo; t < hi; t++)
        total += p[t] = exp(p[t] - largest);
    for (int64_t t = lo; t < hi; t++)
        p[t] /= total;
    return steepest + TOLERANCE_ATTENTION_CAP * cap;
}

/* Elements [first, first + n) of one query head; want, bound and unit start at that element. The
 * bound is `allowed` of the magnitude. */
static void head_expect(const struct attention *a, const double *p, const float *v, int64_t lo,
                        int64_t hi, size_t first, size_t n, double allowed,
                        struct problem_expect *out, size_t at)
{
    double *sum = out->want + at, *magnitude = out->unit + at;

    for (size_t i = 0; i < n; i++)
        sum[i] = magnitude[i] = 0.0;
    for (int64_t t = lo; t < hi; t++) {
        const float *row = v + (size_t)t * a->head_dim + first;
        for (size_t i = 0; i < n; i++) {
            sum[i] += p[t] * row[i];
            magnitude[i] += p[t] * fabs((double)row[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        double unit = problem_ulp(magnitude[i]);
        out->bound[at + i] = allowed * magnitude[i] + 0x1p-149;
        out->unit[at + i] = unit;
    }
}

int inference__attention_expect(struct problem_instance *in, const struct problem_range *range,
                                struct problem_expect *out)
{
    struct attention a = attention_of(in);
    size_t end = range->first + range->count, tile = a.n_kv * a.head_dim;
    uint32_t q_buffer = problem_last_step(in)->in[0];
    struct kv_cache *cache = in->oracle_cache;
    double *q = malloc((a.head_dim + a.n_kv) * sizeof *q), *p, steepest;
    int status = 0;

    if (!q)
        return err_set(ERR_NOMEM, "oracle: no memory for %zu scores", a.n_kv);
    p = q + a.head_dim;
    if ((status = cache_open(cache, &a)) < 0)
        goto out;
    for (size_t i = range->first; i < end;) {
        size_t lo = i % a.head_dim, n = a.head_dim - lo < end - i ? a.head_dim - lo : end - i;
        size_t row = i / a.head_dim, kv_head = row % a.heads / (a.heads / a.kv_heads);
        int64_t from, to;
        if ((status = cache_load(cache, in, &a, kv_head)) < 0)
            goto out;
        if (problem_row_spoiled(in, q_buffer, row, 0, a.head_dim)) {
            for (; n > 0; n--, i++)
                problem_expect_anything(out, i - range->first);
            continue;
        }
        inference__attention_span(a.call->i, (int64_t)(row / a.heads), &from, &to);
        rounding_query_row(a.type, problem_row(in, q_buffer, row), a.head_dim, q);
        steepest = softmax_weights(&a, q, cache->k + kv_head * tile, from, to, p);
        head_expect(&a, p, cache->v + kv_head * tile, from, to, lo, n,
                    TOLERANCE_ATTENTION * (1.0 + TOLERANCE_ATTENTION_SLOPE * steepest), out,
                    i - range->first);
        i += n;
    }
    if (in->pattern != PROBLEM_CANCEL && in->pattern != PROBLEM_ZEROS)
        out->nmse_limit = TOLERANCE_ATTENTION_NMSE;
out:
    free(q);
    return status;
}
