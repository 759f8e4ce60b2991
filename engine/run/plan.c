/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/plan_internal.h"

#include "engine/run/token_chain.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

void plan_type_block(uint32_t type, size_t *elements, size_t *bytes)
{
    *elements = type == KERNEL_Q8_K ? KERNEL_QK_K : type == KERNEL_Q8_32 ? KERNEL_QK_32 : 1;
    *bytes = type == KERNEL_Q8_K    ? sizeof(struct q8_k_block)
             : type == KERNEL_Q8_32 ? sizeof(struct q8_32_block)
                                    : sizeof(float);
}

uint32_t plan_activation_type(uint32_t weight_type)
{
    switch (weight_type) {
    case KERNEL_F32:
    case KERNEL_F16:
    case KERNEL_BF16:
        return KERNEL_F32;
    case KERNEL_Q4_0:
    case KERNEL_Q4_1:
    case KERNEL_Q5_0:
    case KERNEL_Q5_1:
    case KERNEL_Q8_0:
    case KERNEL_IQ4_NL:
        return KERNEL_Q8_32;
    default:
        return KERNEL_Q8_K;
    }
}

int64_t plan_dim(const struct plan *p, enum dim d)
{
    if (d == DIM_TOKENS)
        return p->limits.micro_batch;
    if (d == DIM_OUTPUTS)
        return p->limits.n_outputs;
    if (d == DIM_CONTEXT)
        return p->limits.n_context;
    return p->graph->dims[d];
}

/* Threads go through a chain apart, each at its own pace: until all are through, whatever one of
 * its calls reads or writes keeps its bytes. */
static void chain_extend_lives(struct plan *p, uint32_t first, uint32_t last)
{
    for (uint32_t i = 0; i < p->n_buffers; i++) {
        struct plan_buffer *b = &p->buffers[i];

        if (b->first > first && b->first <= last)
            b->first = first;
        if (b->last >= first && b->last < last)
            b->last = last;
    }
}

static void chains_extend_lives(struct plan *p, uint32_t from, uint32_t to)
{
    for (uint32_t i = from, n; i < to; i += n ? n : 1) {
        n = (uint32_t)token_chain_length(p->list + i, to - i);
        if (n > 1)
            chain_extend_lives(p, i, i + n - 1);
    }
}

/* What is filled once keeps its bytes for ever. */
static void buffer_keep(struct plan_buffer *b, uint32_t n_calls)
{
    b->first = 0;
    b->last = n_calls;
}

/* The head runs once per chunk of outputs, so what it reads of the body must outlive all of it; the
 * session writes ids before the first call and reads logits after the last. */
static void plan_extend_lives(struct plan *p)
{
    chains_extend_lives(p, 0, p->n_body);
    chains_extend_lives(p, p->n_body, p->n_calls);
    for (uint32_t i = 0; i < p->n_buffers; i++)
        if (p->buffers[i].first < p->n_body && p->buffers[i].last >= p->n_body)
            p->buffers[i].last = p->n_calls;
    p->buffers[p->ids].first = 0;
    p->buffers[p->result].last = p->n_calls;
    for (uint32_t i = 0; i < p->graph->n_ropes; i++)
        buffer_keep(&p->buffers[p->ropes[i]], p->n_calls);
    if (p->positions >= 0)
        buffer_keep(&p->buffers[p->positions], p->n_calls);
}

static int plan_place(struct plan *p)
{
    uint32_t *order = calloc(p->n_buffers, sizeof *order);

    if (!order)
        return err_set(ERR_NOMEM, "no memory to lay out %u buffers", p->n_buffers);
    plan_extend_lives(p);
    p->arena_bytes = plan_arena_place(p->buffers, p->n_buffers, order);
    for (uint32_t i = 0; i < p->n_buffers; i++)
        p->live_bytes += size_align(p->buffers[i].bytes, KERNEL_ALIGN);
    free(order);
    return 0;
}

static bool args_alike(const struct plan_arg *a, const struct kernel_tensor *t,
                       const struct plan_arg *b, const struct kernel_tensor *u, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (a[i].role != b[i].role || a[i].axis != b[i].axis || a[i].rows != b[i].rows ||
            t[i].type != u[i].type || t[i].layout != u[i].layout ||
            memcmp(t[i].ne, u[i].ne, sizeof t[i].ne))
            return false;
    return true;
}

/* Whether two calls, bound alike, differ in nothing but where their data lies. */
static bool calls_alike(const struct plan_call *a, const struct plan_call *b)
{
    const struct kernel_call *x = &a->call, *y = &b->call;

    return x->op == y->op && x->n_in == y->n_in && x->n_out == y->n_out &&
           !memcmp(x->i, y->i, sizeof x->i) && !memcmp(x->f, y->f, sizeof x->f) &&
           args_alike(a->in, x->in, b->in, y->in, x->n_in) &&
           args_alike(a->out, x->out, b->out, y->out, x->n_out);
}

/* Whether the plan has a call like this one before it, on the same side of n_body. */
static bool call_is_known(const struct plan *p, uint32_t index)
{
    for (uint32_t i = index < p->n_body ? 0 : p->n_body; i < index; i++)
        if (calls_alike(&p->calls[i], &p->calls[index]))
            return true;
    return false;
}

/* Raise scratch_bytes to what c wants for n tokens, or outputs, from `start` on: of the team, and of
 * the one thread that a small call is left to. */
static int call_ask_scratch(struct plan *p, struct plan_call *c, uint32_t start, uint32_t n)
{
    plan__call_bind(p, c, start, n);
    for (uint32_t team = p->limits.n_threads; team; team = team > 1) {
        struct kernel_tiling tiling;

        if (get_tiling_meta(&c->call, team, p->limits.features, &tiling) != KERNEL_OK)
            return err_set(
                ERR_UNSUPPORTED,
                "kernel %s cannot do node %s of layer %d (operation %u, types %u and %u)",
                kernel_name, c->name, c->layer, c->call.op, c->call.in[0].type, c->call.in[1].type);
        if (tiling.scratch_bytes > p->scratch_bytes)
            p->scratch_bytes = tiling.scratch_bytes;
    }
    return 0;
}

/* Tilings change with the batch size, and a larger batch may well want less: every size is asked
 * for, at both ends of the context. Layers are mostly alike, so that few calls need asking. */
static int plan_measure_scratch(struct plan *p)
{
    const struct plan_limits *l = &p->limits;
    struct plan_call copy;

    plan_bind_tokens(p, 0, 1);
    plan_bind_outputs(p, 0, 1);
    for (uint32_t i = 0; i < p->n_calls; i++) {
        uint32_t n_max = i < p->n_body ? l->micro_batch : l->n_outputs;

        if (call_is_known(p, i))
            continue;
        copy = p->calls[i];
        for (uint32_t n = 1; n <= n_max; n++) {
            TRY(call_ask_scratch(p, &copy, 0, n));
            if (i < p->n_body)
                TRY(call_ask_scratch(p, &copy, l->n_context - n, n));
        }
    }
    return 0;
}

static int plan_make(struct plan *p)
{
    const struct graph *g = p->graph;
    const struct plan_limits *l = &p->limits;

    if (l->n_context < 1 || l->micro_batch < 1 || l->micro_batch > l->n_context ||
        l->n_outputs < 1 || l->n_outputs > l->micro_batch)
        return err_set(ERR_RANGE, "context %u, micro-batch %u, outputs %u do not nest",
                       l->n_context, l->micro_batch, l->n_outputs);
    if (g->n_learned && l->n_context > g->n_learned)
        return err_set(ERR_RANGE, "context %u: the model knows %lld positions", l->n_context,
                       (long long)g->n_learned);
    p->kv = (struct kv_shape){
        .type = l->kv_type,
        .head_dim = (uint32_t)g->dims[DIM_HEAD_DIM],
        .kv_heads = (uint32_t)g->dims[DIM_KV_HEADS],
        .layers = (uint32_t)g->dims[DIM_LAYERS],
        .n_pages = (l->n_context + KERNEL_PAGE_POSITIONS - 1) / KERNEL_PAGE_POSITIONS,
    };
    TRY(kv_page_bytes(&p->kv, l->features, &p->kv.page_bytes));
    TRY(plan__build(p));
    TRY(plan_place(p));
    return plan_measure_scratch(p);
}

int plan_open(const struct graph *g, const struct plan_limits *limits, struct plan **out)
{
    struct plan *p = calloc(1, sizeof *p);
    int rc;

    *out = NULL;
    if (!p)
        return err_set(ERR_NOMEM, "no memory for a plan");
    p->graph = g;
    p->limits = *limits;
    rc = plan_make(p);
    if (rc < 0) {
        plan_close(&p);
        return rc;
    }
    *out = p;
    return 0;
}

void plan_close(struct plan **p)
{
    if (!*p)
        return;
    free((*p)->calls);
    free((*p)->list);
    free((*p)->buffers);
    free(*p);
    *p = NULL;
}
