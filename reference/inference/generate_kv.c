/* SPDX-License-Identifier: Apache-2.0
 *
 * generate_kv.c: instances that go through KV pages: stores, then a load or an attention call. */
#include "reference/inference/inference.h"

#include "reference/base/checked.h"
#include "reference/base/err.h"
#include "reference/inference/rounding.h"

#include <math.h>
#include <string.h>

static int64_t param(const struct problem_instance *in, const char *key, int64_t fallback)
{
    return problem_param(in->c, key, fallback);
}

static void scale_row(float *x, size_t n, float factor)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= factor;
}

/* --- KV pages --- */

static int kv_check(const struct problem_instance *in)
{
    int64_t type = param(in, "type", KERNEL_F16);
    int64_t kv_heads = param(in, "kv_heads", 0), head_dim = param(in, "head_dim", 0);

    if ((type != KERNEL_F16 && type != KERNEL_Q8_0) || kv_heads < 1 || head_dim < 8 || head_dim % 8)
        return err_set(ERR_USAGE,
                       "case %s: type must be F16 or Q8_0, head_dim a multiple of 8, kv_heads >= 1",
                       in->c->name);
    return 0;
}

enum { KV_SPARE_PAGES = 2, KV_MAX_PAGES = 160, KV_MAX_STORES = 3 };

/* A table of distinct pages in random order, some pages left unused. */
static void fill_table(struct problem_instance *in, struct rng *r, uint32_t table, int64_t n_pages)
{
    int32_t *id = in->buffers[table].tensor.data;
    int64_t n = in->buffers[table].tensor.ne[0];
    int32_t order[KV_MAX_PAGES];

    for (int64_t i = 0; i < n_pages; i++)
        order[i] = (int32_t)i;
    for (int64_t i = 0; i < n; i++) {
        int64_t other = i + (int64_t)rng_below(r, (uint64_t)(n_pages - i));
        int32_t chosen = order[other];
        order[other] = order[i];
        id[i] = chosen;
    }
}

static uint32_t pages_add(struct problem_instance *in, uint32_t type, int64_t head_dim,
                          int64_t kv_heads, int64_t n_pages)
{
    struct problem_buffer *b = problem_buffer_next(in, "pages", PROBLEM_OPAQUE);
    struct kernel_tensor *t = &b->tensor;
    size_t padded = size_align((size_t)head_dim, 32);

    t->type = type;
    t->layout = KERNEL_PAGES;
    t->ne[0] = head_dim;
    t->ne[1] = KERNEL_PAGE_POSITIONS;
    t->ne[2] = kv_heads;
    t->ne[3] = n_pages;
    t->nb[0] = format_find(type)->bytes;
    /* Twice the canonical K and V tiles of a head rounded up to whole blocks: room for f32 scales
     * and padding, not for keeping the f32 values. */
    b->max_bytes = 4 * rounding_kv_row_bytes(type, padded) * KERNEL_PAGE_POSITIONS *
                   (size_t)kv_heads * (size_t)n_pages;
    return in->n_buffers - 1;
}

/* K and V buffers of the stores [from, from + n) and the step order they will be made in. */
struct kv_plan {
    uint32_t n_stores, table, pages;
    uint32_t k[KV_MAX_STORES], v[KV_MAX_STORES];
    int64_t from[KV_MAX_STORES], n[KV_MAX_STORES];
};

static void plan_store(struct problem_instance *in, struct kv_plan *p, int64_t from, int64_t n)
{
    static const char *const names[2][KV_MAX_STORES] = {{"K", "K2", "K3"}, {"V", "V2", "V3"}};
    int64_t head_dim = param(in, "head_dim", 0), kv_heads = param(in, "kv_heads", 0);
    uint32_t s = p->n_stores;

    if (n <= 0)
        return;
    p->k[s] = problem_buffer_add(in, names[0][s], PROBLEM_INPUT, KERNEL_F32, head_dim, kv_heads, n);
    p->v[s] = problem_buffer_add(in, names[1][s], PROBLEM_INPUT, KERNEL_F32, head_dim, kv_heads, n);
    p->from[s] = from;
    p->n[s] = n;
    p->n_stores++;
}

static int plan_pages(struct problem_instance *in, struct kv_plan *p)
{
    int64_t last = 0, used;

    for (uint32_t s = 0; s < p->n_stores; s++)
        if (p->from[s] + p->n[s] > last)
            last = p->from[s] + p->n[s];
    used = (last + KERNEL_PAGE_POSITIONS - 1) / KERNEL_PAGE_POSITIONS;
    if (used < 1 || used + KV_SPARE_PAGES > KV_MAX_PAGES)
        return err_set(ERR_USAGE, "case %s: %lld positions do not fit", in->c->name,
                       (long long)last);
    p->table = problem_buffer_add(in, "table", PROBLEM_INPUT, KERNEL_I32, used, 1, 1);
    p->pages = pages_add(in, (uint32_t)param(in, "type", KERNEL_F16), param(in, "head_dim", 0),
                         param(in, "kv_heads", 0), used + KV_SPARE_PAGES);
    return 0;
}

static void plan_steps(struct problem_instance *in, const struct kv_plan *p)
{
    for (uint32_t i = 0; i < p->n_stores; i++) {
        struct problem_step *s = problem_step_add(in, KERNEL_KV_STORE);
        problem_step_in(s, p->k[i]);
        problem_step_in(s, p->v[i]);
        problem_step_in(s, p->table);
        problem_step_out(s, p->pages);
        s->call.i[KERNEL_I_POS] = p->from[i];
    }
}

/* The pattern; of TINY every other row has f16 subnormals. */
static void fill_stored(struct problem_instance *in, struct rng *r, uint32_t buffer)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;

    problem_fill_rows(in, r, buffer, in->pattern);
    for (int64_t row = 0; row < t->ne[1] * t->ne[2] && in->pattern == PROBLEM_TINY; row += 2)
        scale_row(problem_row(in, buffer, (size_t)row), (size_t)t->ne[0], 0x1p76f);
}

/* Store a, then b over its end (a rollback and another continuation), then read a window. */
int inference__kv_generate(struct problem_instance *in, struct rng *r)
{
    struct kv_plan p = {0};
    int64_t pos = param(in, "pos", 0), n = param(in, "n", 1);
    int64_t load = param(in, "load", 0), n_load = param(in, "n_load", n);
    int64_t head_dim = param(in, "head_dim", 0), kv_heads = param(in, "kv_heads", 0);
    uint32_t k, v;
    struct problem_step *s;

    TRY(kv_check(in));
    plan_store(in, &p, pos, n);
    plan_store(in, &p, param(in, "pos2", 0), param(in, "n2", 0));
    plan_store(in, &p, param(in, "pos3", 0), param(in, "n3", 0));
    TRY(plan_pages(in, &p));
    k = problem_buffer_add(in, "K out", PROBLEM_OUTPUT, KERNEL_F32, head_dim, kv_heads, n_load);
    v = problem_buffer_add(in, "V out", PROBLEM_OUTPUT, KERNEL_F32, head_dim, kv_heads, n_load);
    TRY(problem_instance_allocate(in));
    fill_table(in, r, p.table, in->buffers[p.pages].tensor.ne[3]);
    for (uint32_t i = 0; i < p.n_stores; i++) {
        fill_stored(in, r, p.k[i]);
        fill_stored(in, r, p.v[i]);
    }
    plan_steps(in, &p);
    s = problem_step_add(in, KERNEL_KV_LOAD);
    problem_step_in(s, p.pages);
    problem_step_in(s, p.table);
    problem_step_out(s, k);
    problem_step_out(s, v);
    s->call.i[KERNEL_I_POS] = pos + load;
    return 0;
}

/* --- attention --- */

void inference__attention_params(const struct problem_case *c, int64_t params[KERNEL_MAX_PARAMS])
{
    memset(params, 0, KERNEL_MAX_PARAMS * sizeof *params);
    params[KERNEL_I_N_KV] = problem_param(c, "n_kv", 1);
    params[KERNEL_I_POS] =
        problem_param(c, "pos", params[KERNEL_I_N_KV] - problem_param(c, "n", 1));
    params[KERNEL_I_CAUSAL] = problem_param(c, "causal", 1);
    params[KERNEL_I_WINDOW] = problem_param(c, "window", 0);
}

/* Values of one K or V row. Scores stay within about 100: beyond, the rounding of an f32 score
 * alone would take up the tolerance. `previous`: the row of the position before, NULL at the first.
 */
static void fill_kv_row(struct rng *r, enum problem_pattern p, bool is_k, int64_t position,
                        float *x, size_t n, const float *previous)
{
    float peak = sqrtf(60.0f / sqrtf((float)n));

    problem_fill(r, PROBLEM_RANDOM, x, n, KERNEL_QK_32);
    if (p == PROBLEM_ZEROS && is_k)
        problem_fill(r, PROBLEM_ZEROS, x, n, KERNEL_QK_32);
    if (p == PROBLEM_EXTREME)
        for (size_t i = 0; i < n; i++)
            x[i] = is_k ? (position % 3 == 2 ? -peak : peak * 0.75f) : 60000.0f;
    if (p == PROBLEM_TINY)
        scale_row(x, n, 0x1p-20f);
    if (p == PROBLEM_CANCEL && position % 2 && previous) {
        memcpy(x, previous, n * sizeof *x);
        scale_row(x, n, is_k ? 1.0f : -1.0f);
    }
    /* Whole outlying V rows: a query that sees one more position than it should is bound to show.
     */
    if (p == PROBLEM_OUTLIER && !is_k && rng_below(r, 16) == 0)
        scale_row(x, n, 1000.0f);
}

static void fill_kv(struct problem_instance *in, struct rng *r, uint32_t buffer, bool is_k,
                    int64_t from)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;
    size_t n = (size_t)t->ne[0], heads = (size_t)t->ne[1];

    for (size_t row = 0; row < heads * (size_t)t->ne[2]; row++)
        fill_kv_row(r, in->pattern, is_k, from + (int64_t)(row / heads),
                    problem_row(in, buffer, row), n,
                    row < heads ? NULL : problem_row(in, buffer, row - heads));
}

/* Older data in the slots past the end: values a thousand times too large that no query may see.
 * Their keys are ordinary, so that they weigh something in every head, or (every other slot) so
 * large that they outweigh or vanish. Row 0 is the sequence's last position and is stored over. */
static void fill_old(struct problem_instance *in, struct rng *r, uint32_t k, uint32_t v)
{
    const struct kernel_tensor *t = &in->buffers[k].tensor;
    size_t n = (size_t)t->ne[0];

    for (size_t row = 0; row < (size_t)(t->ne[1] * t->ne[2]); row++) {
        float *x = problem_row(in, k, row), *y = problem_row(in, v, row);
        problem_fill(r, PROBLEM_RANDOM, x, n, KERNEL_QK_32);
        problem_fill(r, PROBLEM_RANDOM, y, n, KERNEL_QK_32);
        scale_row(x, n, row / (size_t)t->ne[1] % 2 ? 1.0f : 30.0f);
        scale_row(y, n, 1000.0f);
    }
}

static void fill_queries(struct problem_instance *in, struct rng *r, uint32_t q)
{
    const struct kernel_tensor *t = &in->buffers[q].tensor;
    size_t n = (size_t)t->ne[0];
    float peak = sqrtf(60.0f / sqrtf((float)n));

    for (size_t row = 0; row < (size_t)(t->ne[1] * t->ne[2]); row++) {
        float *x = problem_row(in, q, row);
        problem_fill(r, PROBLEM_RANDOM, x, n, KERNEL_QK_32);
        if (in->pattern == PROBLEM_ZEROS && row % 2)
            memset(x, 0, n * sizeof *x);
        if (in->pattern == PROBLEM_EXTREME)
            for (size_t i = 0; i < n; i++)
                x[i] = row % 2 ? -peak : peak;
        if (in->pattern == PROBLEM_TINY)
            scale_row(x, n, row % 2 ? 0x1p-92f : 0x1p-20f);
    }
}

/* Each query looks for one drawn key among those it sees: the score of that one is about 14 and
 * outweighs the rest, so a head, page or position left out shows in the whole row. */
static void probe_queries(struct problem_instance *in, struct rng *r, uint32_t q,
                          const int64_t *call)
{
    const struct kernel_tensor *t = &in->buffers[q].tensor;
    size_t n = (size_t)t->ne[0], heads = (size_t)t->ne[1];
    size_t kv_heads = (size_t)param(in, "kv_heads", 1);

    for (size_t row = 0; row < heads * (size_t)t->ne[2]; row++) {
        const float *k, *v;
        int64_t lo, hi;
        size_t position;

        inference__attention_span(call, (int64_t)(row / heads), &lo, &hi);
        position = (size_t)lo + (size_t)rng_below(r, (uint64_t)(hi - lo));
        if (!inference__kv_find(in, position, row % heads / (heads / kv_heads), &k, &v))
            continue;
        memcpy(problem_row(in, q, row), k, n * sizeof *k);
        scale_row(problem_row(in, q, row), n, 14.0f / sqrtf((float)n));
    }
}

/* Old data up to the end of the last page, the sequence over it in one or two stores, the call. */
int inference__attention_generate(struct problem_instance *in, struct rng *r)
{
    struct kv_plan p = {0};
    int64_t head_dim = param(in, "head_dim", 0), heads = param(in, "heads", 0);
    int64_t kv_heads = param(in, "kv_heads", 0), n = param(in, "n", 1),
            split = param(in, "split", 0);
    int64_t call[KERNEL_MAX_PARAMS], n_kv, end;
    bool old = param(in, "old", 0);
    uint32_t q, y;
    struct problem_step *s;

    TRY(kv_check(in));
    inference__attention_params(in->c, call);
    n_kv = call[KERNEL_I_N_KV];
    if (heads < 1 || heads % kv_heads || n < 1 || call[KERNEL_I_POS] < 0 || split >= n_kv)
        return err_set(ERR_USAGE, "case %s: heads, n, n_kv, pos or split out of range",
                       in->c->name);
    end = (n_kv + KERNEL_PAGE_POSITIONS) / KERNEL_PAGE_POSITIONS * KERNEL_PAGE_POSITIONS;
    q = problem_buffer_add(in, "Q", PROBLEM_INPUT, KERNEL_F32, head_dim, heads, n);
    plan_store(in, &p, n_kv - 1, old ? end - n_kv + 1 : 0);
    plan_store(in, &p, 0, split);
    plan_store(in, &p, split, n_kv - split);
    TRY(plan_pages(in, &p));
    y = problem_buffer_add(in, "y", PROBLEM_OUTPUT, KERNEL_F32, head_dim, heads, n);
    TRY(problem_instance_allocate(in));
    fill_table(in, r, p.table, in->buffers[p.pages].tensor.ne[3]);
    fill_queries(in, r, q);
    for (uint32_t i = 0; i < p.n_stores; i++) {
        if (old && i == 0) {
            fill_old(in, r, p.k[i], p.v[i]);
            continue;
        }
        fill_kv(in, r, p.k[i], true, p.from[i]);
        fill_kv(in, r, p.v[i], false, p.from[i]);
    }
    plan_steps(in, &p);
    if (in->pattern == PROBLEM_PROBE)
        probe_queries(in, r, q, call);
    if (in->pattern == PROBLEM_NONFINITE)
        problem_spoil_rows(in, r, q);
    TRY(inference__attention_cache(in));
    s = problem_step_add(in, KERNEL_ATTENTION);
    problem_step_in(s, q);
    problem_step_in(s, p.pages);
    problem_step_in(s, p.table);
    problem_step_out(s, y);
    memcpy(s->call.i, call, sizeof call);
    s->call.f[KERNEL_F_SCALE] = 1.0f / sqrtf((float)head_dim);
    s->call.f[KERNEL_F_SOFTCAP] = (float)param(in, "softcap", 0);
    return 0;
}
