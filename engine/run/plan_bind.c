/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving a plan's calls their memory once, and the batch they run on every time. */
#include "engine/run/plan_internal.h"

#include "engine/model/rope_table.h"
#include "reference/base/err.h"

#include <assert.h>
#include <math.h>

void *plan_buffer_data(const struct plan *p, uint32_t buffer)
{
    return p->arena + p->buffers[buffer].offset;
}

/* The frequencies are divided by them. */
static int factors_check(const char *name, const float *factors, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(factors[i] > 0) || !isfinite(factors[i]))
            return err_set(ERR_FORMAT, "tensor %s: element %zu is %g, not positive and finite",
                           name, i, (double)factors[i]);
    return 0;
}

/* The divisors for the plan's context: some models have others for long ones. */
static int rope_factors(const struct plan *p, const struct graph_rope *r, const float **out)
{
    int32_t at = r->factors[p->limits.n_context > r->original ? GRAPH_ROPE_LONG : GRAPH_ROPE_SHORT];
    const struct graph_weight *w = &p->graph->weights[at];

    *out = NULL;
    if (at < 0)
        return 0;
    *out = w->tensor.data;
    return factors_check(w->source->name, *out, (size_t)p->graph->dims[DIM_ROPE_PAIRS]);
}

static int plan_fill_rope(const struct plan *p, uint32_t i)
{
    const struct graph_rope *r = &p->graph->ropes[i];
    struct rope_frequencies f = {
        .pairs = (size_t)p->graph->dims[DIM_ROPE_PAIRS],
        .base = r->base,
        .scale = r->scale,
        .magnitude = r->magnitude,
        .yarn = r->yarn,
        .fast = r->fast,
        .slow = r->slow,
        .original = (double)r->original,
    };

    TRY(rope_factors(p, r, &f.factors));
    rope_table_fill(&f, p->limits.n_context, plan_buffer_data(p, p->ropes[i]));
    return 0;
}

static void plan_fill_positions(const struct plan *p)
{
    int32_t *positions = plan_buffer_data(p, (uint32_t)p->positions);

    for (uint32_t i = 0; i < p->limits.n_context; i++)
        positions[i] = (int32_t)i;
}

static void arg_attach(const struct plan *p, const struct kv_cache *kv, int32_t layer,
                       const struct plan_arg *arg, struct kernel_tensor *t)
{
    if (arg->buffer >= 0)
        t->data = (unsigned char *)plan_buffer_data(p, (uint32_t)arg->buffer) + arg->offset;
    else if (arg->weight >= 0 && t->layout == KERNEL_PLAIN)
        t->data = (unsigned char *)p->graph->weights[arg->weight].tensor.data + arg->offset;
    else if (arg->weight >= 0)
        *t = p->graph->weights[arg->weight].tensor;
    else if (arg->role == PLAN_TABLE)
        t->data = (void *)(uintptr_t)kv_cache_table(kv);
    else
        *t = kv_pool_layer(kv_cache_pool(kv), (uint32_t)layer);
}

int plan_attach(struct plan *p, void *arena, struct kv_cache *kv)
{
    p->arena = arena;
    for (uint32_t i = 0; i < p->n_calls; i++) {
        struct plan_call *c = &p->calls[i];

        for (uint32_t j = 0; j < c->call.n_in; j++)
            arg_attach(p, kv, c->layer, &c->in[j], &c->call.in[j]);
        for (uint32_t j = 0; j < c->call.n_out; j++)
            arg_attach(p, kv, c->layer, &c->out[j], &c->call.out[j]);
    }
    for (uint32_t i = 0; i < p->graph->n_ropes; i++)
        TRY(plan_fill_rope(p, i));
    if (p->positions >= 0)
        plan_fill_positions(p);
    return 0;
}

/* What bind tells every call. */
struct batch {
    uint32_t n;     /* tokens, or outputs */
    uint32_t start; /* position of the first token; in the head: first token of the chunk */
};

static void arg_bind(const struct plan *p, const struct plan_arg *arg, const struct batch *batch,
                     struct kernel_tensor *t)
{
    size_t n = batch->n, stride = t->nb[arg->axis] * arg->rows;

    if (arg->role == PLAN_FIXED)
        return;
    if (arg->role == PLAN_TABLE)
        n = kv_pages_for(batch->start + batch->n);
    t->ne[arg->axis] = (int64_t)(n * arg->rows);
    t->bytes = n * stride - arg->offset;
    if (p->arena && (arg->role == PLAN_PLACES || arg->role == PLAN_SLICE))
        t->data = (unsigned char *)plan_buffer_data(p, (uint32_t)arg->buffer) + arg->offset +
                  batch->start * stride;
}

void plan__call_bind(const struct plan *p, struct plan_call *c, uint32_t start, uint32_t n)
{
    const struct batch bound = {n, start}, *batch = &bound;
    struct kernel_call *call = &c->call;

    for (uint32_t i = 0; i < call->n_in; i++)
        arg_bind(p, &c->in[i], batch, &call->in[i]);
    for (uint32_t i = 0; i < call->n_out; i++)
        arg_bind(p, &c->out[i], batch, &call->out[i]);
    if (call->op == KERNEL_GEMV || call->op == KERNEL_GEMM)
        call->op = batch->n == 1 ? KERNEL_GEMV : KERNEL_GEMM;
    if (call->op == KERNEL_KV_STORE || call->op == KERNEL_ATTENTION)
        call->i[KERNEL_I_POS] = batch->start;
    if (call->op == KERNEL_ATTENTION)
        call->i[KERNEL_I_N_KV] = batch->start + batch->n;
}

void plan_bind_tokens(struct plan *p, uint32_t position, uint32_t n)
{
    assert(n >= 1 && n <= p->limits.micro_batch && position + n <= p->limits.n_context);
    for (uint32_t i = 0; i < p->n_body; i++)
        plan__call_bind(p, &p->calls[i], position, n);
}

void plan_bind_outputs(struct plan *p, uint32_t first, uint32_t n)
{
    assert(n >= 1 && n <= p->limits.n_outputs && first + n <= p->limits.micro_batch);
    for (uint32_t i = p->n_body; i < p->n_calls; i++)
        plan__call_bind(p, &p->calls[i], first, n);
}
