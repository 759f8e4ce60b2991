/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/plan.h"

#include "engine/run/token_chain.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

enum {
    MAX_CALLS_PER_NODE = 8,   /* a linear node: quantize twice, three products, three biases */
    MAX_BUFFERS_PER_NODE = 5, /* a linear node: three outputs, two quantised inputs */
    MAX_VALUES = 64,
};

/* How a call looks at a buffer of symbolic shape [a, b, batch]; the value is the batch's axis. */
enum view {
    VIEW_IDS = 0,   /* [batch] */
    VIEW_FLAT = 1,  /* [a * b, batch] */
    VIEW_HEADS = 2, /* [a, b, batch] */
};

struct builder {
    struct plan *p;
    const struct graph_node *node; /* being laid out */
    int32_t life[MAX_VALUES];      /* buffer that holds each value now, -1: none */
};

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

/* --- tensors --- */

static struct kernel_tensor tensor_plain(uint32_t type, int64_t a, int64_t b, int64_t c)
{
    struct kernel_tensor t = {.type = type, .layout = KERNEL_PLAIN, .ne = {a, b, c, 1}};
    size_t elements;

    plan_type_block(type, &elements, &t.nb[0]);
    t.nb[1] = (size_t)a / elements * t.nb[0];
    t.nb[2] = (size_t)b * t.nb[1];
    t.nb[3] = (size_t)c * t.nb[2];
    t.bytes = t.nb[3];
    return t;
}

static struct kernel_tensor buffer_tensor(const struct plan *p, const struct plan_buffer *b,
                                          enum view view)
{
    int64_t x = plan_dim(p, b->ne[0]), y = plan_dim(p, b->ne[1]), batch = plan_dim(p, b->ne[2]);

    if (view == VIEW_IDS)
        return tensor_plain(b->type, x, 1, 1);
    if (view == VIEW_FLAT)
        return tensor_plain(b->type, x * y, batch, 1);
    return tensor_plain(b->type, x, y, batch);
}

static uint32_t buffer_add(struct builder *b, const char *name, uint32_t type, const enum dim ne[3])
{
    struct plan *p = b->p;
    struct plan_buffer *buffer = &p->buffers[p->n_buffers];

    buffer->name = name;
    buffer->type = type;
    for (int i = 0; i < 3; i++)
        buffer->ne[i] = ne[i];
    buffer->bytes = buffer_tensor(p, buffer, VIEW_FLAT).bytes;
    buffer->first = UINT32_MAX;
    return p->n_buffers++;
}

/* --- calls --- */

static struct plan_call *call_add(struct builder *b, enum kernel_op op)
{
    struct plan *p = b->p;
    struct plan_call *c = &p->calls[p->n_calls];

    p->list[p->n_calls++] = &c->call;
    c->name = b->node->rule->name;
    c->layer = b->node->layer;
    c->call.op = op;
    return c;
}

static void arg_add(struct plan_call *c, bool output, struct kernel_tensor t, struct plan_arg arg)
{
    uint32_t *n = output ? &c->call.n_out : &c->call.n_in;

    assert(*n < KERNEL_MAX_TENSORS);
    (output ? c->call.out : c->call.in)[*n] = t;
    (output ? c->out : c->in)[*n] = arg;
    (*n)++;
}

/* Buffer `at` becomes the next input or output of c. Its life reaches to this call. */
static void link_buffer(struct builder *b, struct plan_call *c, bool output, uint32_t at,
                        enum view view)
{
    struct plan_buffer *buffer = &b->p->buffers[at];
    enum dim batch = view == VIEW_IDS ? buffer->ne[0] : buffer->ne[2];
    struct plan_arg arg = {.axis = (uint32_t)view, .buffer = (int32_t)at, .weight = -1};
    uint32_t index = (uint32_t)(c - b->p->calls);

    arg.role = batch == DIM_OUTPUTS                   ? PLAN_OUTPUTS
               : b->node->rule->section == ARCH_AFTER ? PLAN_SLICE
                                                      : PLAN_TOKENS;
    if (index < buffer->first)
        buffer->first = index;
    buffer->last = index;
    arg_add(c, output, buffer_tensor(b->p, buffer, view), arg);
}

static void link_weight(struct builder *b, struct plan_call *c, int32_t weight)
{
    struct plan_arg arg = {.role = PLAN_FIXED, .buffer = -1, .weight = weight};

    arg_add(c, false, b->p->graph->weights[weight].tensor, arg);
}

static void link_read(struct builder *b, struct plan_call *c, uint8_t value, enum view view)
{
    assert(b->life[value] >= 0);
    link_buffer(b, c, false, (uint32_t)b->life[value], view);
}

/* A value that the node does not read as well begins a new life. */
static void link_write(struct builder *b, struct plan_call *c, uint8_t value, enum view view)
{
    const struct arch_node *rule = b->node->rule;
    const struct arch_value *v = &b->p->graph->arch->values[value];
    bool in_place = false;

    for (int i = 0; i < ARCH_MAX_LINKS && rule->in[i] != ARCH_NONE; i++)
        in_place |= rule->in[i] == value;
    if (!in_place)
        b->life[value] = (int32_t)buffer_add(b, v->name, v->type, v->ne);
    link_buffer(b, c, true, (uint32_t)b->life[value], view);
}

static void link_pages(struct builder *b, struct plan_call *c, bool output)
{
    arg_add(c, output, kv_shape_layer(&b->p->kv),
            (struct plan_arg){.role = PLAN_FIXED, .buffer = -1, .weight = -1});
}

static void link_table(struct builder *b, struct plan_call *c)
{
    arg_add(c, false, tensor_plain(KERNEL_I32, b->p->kv.n_pages, 1, 1),
            (struct plan_arg){.role = PLAN_TABLE, .axis = 0, .buffer = -1, .weight = -1});
}

/* --- linear nodes --- */

/* The buffer with the node's input in the type that weights of `weight_type` read. made[] remembers
 * what this node has quantised already: [0] Q8_K, [1] Q8_32. */
static uint32_t linear_input(struct builder *b, uint32_t weight_type, int32_t made[2])
{
    uint32_t x = (uint32_t)b->life[b->node->rule->in[0]];
    uint32_t type = plan_activation_type(weight_type);
    int32_t *have = &made[type == KERNEL_Q8_32];
    struct plan_call *c;

    if (type == KERNEL_F32)
        return x;
    if (*have < 0) {
        c = call_add(b, KERNEL_QUANTIZE);
        link_buffer(b, c, false, x, VIEW_FLAT);
        *have = (int32_t)buffer_add(b, type == KERNEL_Q8_K ? "x_q8_k" : "x_q8_32", type,
                                    b->p->buffers[x].ne);
        link_buffer(b, c, true, (uint32_t)*have, VIEW_FLAT);
    }
    return (uint32_t)*have;
}

static uint32_t linear_type(const struct builder *b, int i)
{
    return b->p->graph->weights[b->node->weight[i]].tensor.type;
}

/* One product list for all the node's weights of the type of weight `lead`. */
static void linear_product(struct builder *b, int lead, int32_t made[2])
{
    uint32_t x = linear_input(b, linear_type(b, lead), made);
    struct plan_call *c = call_add(b, KERNEL_GEMM);

    link_buffer(b, c, false, x, VIEW_FLAT);
    for (int i = lead; i < ARCH_MAX_LINKS && b->node->weight[i] >= 0; i++) {
        if (linear_type(b, i) != linear_type(b, lead))
            continue;
        link_weight(b, c, b->node->weight[i]);
        link_write(b, c, b->node->rule->out[i], VIEW_FLAT);
    }
}

static void linear_bias(struct builder *b, int i)
{
    struct plan_call *c = call_add(b, KERNEL_ADD);
    uint32_t y = (uint32_t)b->life[b->node->rule->out[i]];

    link_buffer(b, c, false, y, VIEW_FLAT);
    link_weight(b, c, b->node->bias[i]);
    link_buffer(b, c, true, y, VIEW_FLAT);
}

static void linear_add(struct builder *b)
{
    int32_t made[2] = {-1, -1};

    for (int i = 0; i < ARCH_MAX_LINKS && b->node->weight[i] >= 0; i++) {
        bool done = false;

        for (int j = 0; j < i; j++)
            done |= linear_type(b, j) == linear_type(b, i);
        if (!done)
            linear_product(b, i, made);
    }
    for (int i = 0; i < ARCH_MAX_LINKS; i++)
        if (b->node->bias[i] >= 0)
            linear_bias(b, i);
}

/* --- the other nodes --- */

static void rope_add(struct builder *b)
{
    const struct arch_node *rule = b->node->rule;
    struct plan_call *c = call_add(b, KERNEL_ROPE);

    link_read(b, c, rule->in[0], VIEW_HEADS);
    link_buffer(b, c, false, b->p->rope, VIEW_FLAT);
    c->in[1].role = PLAN_ROPE;
    link_write(b, c, rule->out[0], VIEW_HEADS);
    c->call.i[KERNEL_I_STYLE] = rule->param;
}

static void attention_add(struct builder *b)
{
    const struct arch_node *rule = b->node->rule;
    struct plan_call *c = call_add(b, KERNEL_ATTENTION);

    link_read(b, c, rule->in[0], VIEW_HEADS);
    link_pages(b, c, false);
    link_table(b, c);
    link_write(b, c, rule->out[0], VIEW_HEADS);
    c->call.i[KERNEL_I_CAUSAL] = 1;
    c->call.f[KERNEL_F_SCALE] = (float)(1 / sqrt((double)b->p->graph->dims[DIM_HEAD_DIM]));
}

static void kv_store_add(struct builder *b)
{
    struct plan_call *c = call_add(b, KERNEL_KV_STORE);

    link_read(b, c, b->node->rule->in[0], VIEW_HEADS);
    link_read(b, c, b->node->rule->in[1], VIEW_HEADS);
    link_table(b, c);
    link_pages(b, c, true);
}

/* Two inputs, values or a value and a weight, one output. */
static void row_add(struct builder *b, enum kernel_op op)
{
    const struct arch_node *rule = b->node->rule;
    struct plan_call *c = call_add(b, op);

    link_read(b, c, rule->in[0], VIEW_FLAT);
    if (rule->in[1] != ARCH_NONE)
        link_read(b, c, rule->in[1], VIEW_FLAT);
    if (b->node->weight[0] >= 0)
        link_weight(b, c, b->node->weight[0]);
    link_write(b, c, rule->out[0], VIEW_FLAT);
    if (op == KERNEL_RMS_NORM)
        c->call.f[KERNEL_F_EPS] = b->p->graph->norm_epsilon;
    if (op == KERNEL_GLU)
        c->call.i[KERNEL_I_ACT] = rule->param;
}

static void embed_add(struct builder *b)
{
    struct plan_call *c = call_add(b, KERNEL_GET_ROWS);

    link_weight(b, c, b->node->weight[0]);
    link_read(b, c, b->node->rule->in[0], VIEW_IDS);
    link_write(b, c, b->node->rule->out[0], VIEW_FLAT);
}

static void node_add(struct builder *b)
{
    switch (b->node->rule->op) {
    case ARCH_EMBED:
        embed_add(b);
        break;
    case ARCH_RMS_NORM:
        row_add(b, KERNEL_RMS_NORM);
        break;
    case ARCH_LINEAR:
        linear_add(b);
        break;
    case ARCH_ROPE:
        rope_add(b);
        break;
    case ARCH_KV_STORE:
        kv_store_add(b);
        break;
    case ARCH_ATTENTION:
        attention_add(b);
        break;
    case ARCH_GLU:
        row_add(b, KERNEL_GLU);
        break;
    case ARCH_ADD:
        row_add(b, KERNEL_ADD);
        break;
    }
}

/* --- the plan --- */

static void plan_build(struct plan *p)
{
    static const enum dim rope_shape[3] = {DIM_ROPE, DIM_ONE, DIM_CONTEXT};
    const struct graph *g = p->graph;
    const struct arch_value *ids = &g->arch->values[g->arch->ids];
    struct builder b = {.p = p};

    assert(g->arch->n_values <= MAX_VALUES);
    for (int i = 0; i < MAX_VALUES; i++)
        b.life[i] = -1;
    p->ids = buffer_add(&b, ids->name, ids->type, ids->ne);
    b.life[g->arch->ids] = (int32_t)p->ids;
    p->rope = buffer_add(&b, "rope", KERNEL_F32, rope_shape);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        b.node = &g->nodes[i];
        node_add(&b);
        if (b.node->rule->section != ARCH_AFTER)
            p->n_body = p->n_calls;
    }
    p->logits = (uint32_t)b.life[g->arch->logits];
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
    p->buffers[p->rope].first = 0;
    p->buffers[p->rope].last = p->n_calls;
    p->buffers[p->logits].last = p->n_calls;
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

/* Raise scratch_bytes to what calls[from..to-1] want as they are bound now. */
static int plan_ask_scratch(struct plan *p, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        const struct plan_call *c = &p->calls[i];
        struct kernel_tiling tiling;

        if (get_tiling_meta(&c->call, p->limits.n_threads, p->limits.features, &tiling) !=
            KERNEL_OK)
            return err_set(
                ERR_UNSUPPORTED,
                "kernel %s cannot do node %s of layer %d (operation %u, types %u and %u)",
                kernel_name, c->name, c->layer, c->call.op, c->call.in[0].type, c->call.in[1].type);
        if (tiling.scratch_bytes > p->scratch_bytes)
            p->scratch_bytes = tiling.scratch_bytes;
    }
    return 0;
}

/* Tilings change with the batch size: ask at the powers of two and at the limit, at both ends of
 * the context. */
static int plan_measure_scratch(struct plan *p)
{
    const struct plan_limits *l = &p->limits;

    for (uint32_t n = 1, last = 0; last < l->micro_batch; last = n, n *= 2) {
        uint32_t tokens = n < l->micro_batch ? n : l->micro_batch;

        plan_bind_tokens(p, 0, tokens);
        TRY(plan_ask_scratch(p, 0, p->n_body));
        plan_bind_tokens(p, l->n_context - tokens, tokens);
        TRY(plan_ask_scratch(p, 0, p->n_body));
        plan_bind_outputs(p, 0, tokens < l->n_outputs ? tokens : l->n_outputs);
        TRY(plan_ask_scratch(p, p->n_body, p->n_calls));
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
    p->kv = (struct kv_shape){
        .type = l->kv_type,
        .head_dim = (uint32_t)g->dims[DIM_HEAD_DIM],
        .kv_heads = (uint32_t)g->dims[DIM_KV_HEADS],
        .layers = (uint32_t)g->dims[DIM_LAYERS],
        .n_pages = (l->n_context + KERNEL_PAGE_POSITIONS - 1) / KERNEL_PAGE_POSITIONS,
    };
    TRY(kv_page_bytes(&p->kv, l->features, &p->kv.page_bytes));
    p->calls = calloc((size_t)g->n_nodes * MAX_CALLS_PER_NODE, sizeof *p->calls);
    p->list = calloc((size_t)g->n_nodes * MAX_CALLS_PER_NODE, sizeof *p->list);
    p->buffers = calloc((size_t)g->n_nodes * MAX_BUFFERS_PER_NODE + 2, sizeof *p->buffers);
    if (!p->calls || !p->list || !p->buffers)
        return err_set(ERR_NOMEM, "no memory for a plan of %u nodes", g->n_nodes);
    plan_build(p);
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
