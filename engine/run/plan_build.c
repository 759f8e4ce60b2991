/* SPDX-License-Identifier: Apache-2.0
 *
 * From nodes to kernel calls: which buffers a call reads and writes, how it looks at them, and what
 * of that follows the batch. */
#include "engine/run/plan_internal.h"

#include "reference/base/err.h"

#include <assert.h>
#include <stdlib.h>

enum {
    MAX_CALLS_PER_NODE = 8,   /* a linear node: quantize twice, three products, three biases */
    MAX_BUFFERS_PER_NODE = 5, /* a linear node: three outputs, two quantised inputs */
    /* As KERNEL_I_ACT of KERNEL_GLU numbers them; the architecture's own are in its table. */
    ACT_SIGMOID = 4,
    ACT_SOFTCAP = 5,
    ACT_SCALE = 6,
};

/* How a call looks at a buffer of symbolic shape [a, b, batch]; what the batch is an axis of. */
enum view {
    VIEW_LIST,  /* [batch] */
    VIEW_FLAT,  /* [a * b, batch] */
    VIEW_HEADS, /* [a, b, batch] */
    VIEW_ROWS,  /* [a, b * batch] */
};

static const uint32_t view_axis[] = {
    [VIEW_LIST] = 0, [VIEW_FLAT] = 1, [VIEW_HEADS] = 2, [VIEW_ROWS] = 1};

struct builder {
    struct plan *p;
    const struct graph_node *node; /* being laid out */
    int32_t life[V_COUNT];         /* buffer that holds each value now, -1: none */
};

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

    switch (view) {
    case VIEW_LIST:
        return tensor_plain(b->type, x, 1, 1);
    case VIEW_FLAT:
        return tensor_plain(b->type, x * y, batch, 1);
    case VIEW_HEADS:
        return tensor_plain(b->type, x, y, batch);
    case VIEW_ROWS:
        break;
    }
    return tensor_plain(b->type, x, y * batch, 1);
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

static enum plan_role buffer_role(const struct builder *b, enum dim batch)
{
    if (batch == DIM_OUTPUTS)
        return PLAN_OUTPUTS;
    if (batch == DIM_CONTEXT)
        return PLAN_PLACES;
    return b->node->section == GRAPH_AFTER ? PLAN_SLICE : PLAN_TOKENS;
}

/* Buffer `at` becomes the next input or output of c. Its life reaches to this call. */
static void link_buffer(struct builder *b, struct plan_call *c, bool output, uint32_t at,
                        enum view view)
{
    struct plan_buffer *buffer = &b->p->buffers[at];
    uint32_t index = (uint32_t)(c - b->p->calls);
    struct plan_arg arg = {
        .role = buffer_role(b, view == VIEW_LIST ? buffer->ne[0] : buffer->ne[2]),
        .axis = view_axis[view],
        .rows = view == VIEW_ROWS ? (uint32_t)plan_dim(b->p, buffer->ne[1]) : 1,
        .buffer = (int32_t)at,
        .weight = -1,
    };

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
    const struct arch_value *v = &arch_values[value];
    bool in_place = false;

    for (int i = 0; i < ARCH_MAX_LINKS; i++)
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
            (struct plan_arg){.role = PLAN_TABLE, .rows = 1, .buffer = -1, .weight = -1});
}

/* --- products --- */

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
    bool by_ids = b->node->rule->op == ARCH_EXPERTS;
    enum view view = by_ids ? VIEW_HEADS : VIEW_FLAT;
    struct plan_call *c = call_add(b, by_ids ? KERNEL_GEMM_IDS : KERNEL_GEMM);

    link_buffer(b, c, false, x, view);
    for (int i = lead; i < ARCH_MAX_LINKS && b->node->weight[i] >= 0; i++)
        if (linear_type(b, i) == linear_type(b, lead))
            link_weight(b, c, b->node->weight[i]);
    if (by_ids)
        link_read(b, c, b->node->rule->in[1], VIEW_FLAT);
    for (int i = lead; i < ARCH_MAX_LINKS && b->node->weight[i] >= 0; i++)
        if (linear_type(b, i) == linear_type(b, lead))
            link_write(b, c, b->node->rule->out[i], view);
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
    link_buffer(b, c, false, b->p->ropes[b->node->rope], VIEW_FLAT);
    link_write(b, c, rule->out[0], VIEW_HEADS);
    c->call.i[KERNEL_I_STYLE] = b->p->graph->arch->rope == ARCH_ROPE_HALVES;
}

static void attention_add(struct builder *b)
{
    const struct arch_node *rule = b->node->rule;
    struct plan_call *c = call_add(b, KERNEL_ATTENTION);

    link_read(b, c, rule->in[0], VIEW_HEADS);
    link_pages(b, c, false);
    link_table(b, c);
    link_write(b, c, rule->out[0], VIEW_HEADS);
    c->call.i[KERNEL_I_CAUSAL] = b->p->graph->causal;
    c->call.i[KERNEL_I_WINDOW] = b->node->window;
    c->call.f[KERNEL_F_SCALE] = b->node->scale;
    c->call.f[KERNEL_F_SOFTCAP] = b->node->softcap;
}

static void kv_store_add(struct builder *b)
{
    struct plan_call *c = call_add(b, KERNEL_KV_STORE);

    link_read(b, c, b->node->rule->in[0], VIEW_HEADS);
    link_read(b, c, b->node->rule->in[1], VIEW_HEADS);
    link_table(b, c);
    link_pages(b, c, true);
}

/* All inputs, the weight if there is one, and all outputs. */
static struct plan_call *rows_add(struct builder *b, enum kernel_op op, enum view view)
{
    const struct arch_node *rule = b->node->rule;
    struct plan_call *c = call_add(b, op);

    for (int i = 0; i < ARCH_MAX_LINKS && rule->in[i] != V_NONE; i++)
        link_read(b, c, rule->in[i], view);
    if (b->node->weight[0] >= 0)
        link_weight(b, c, b->node->weight[0]);
    for (int i = 0; i < ARCH_MAX_LINKS && rule->out[i] != V_NONE; i++)
        link_write(b, c, rule->out[i], view);
    return c;
}

static void glu_add(struct builder *b, uint32_t activation, float gain)
{
    struct plan_call *c = rows_add(b, KERNEL_GLU, VIEW_FLAT);

    c->call.i[KERNEL_I_ACT] = activation;
    c->call.f[KERNEL_F_GAIN] = gain;
}

static void softmax_add(struct builder *b)
{
    rows_add(b, KERNEL_SOFTMAX, VIEW_FLAT)->call.f[KERNEL_F_SCALE] = 1;
}

static void top_k_add(struct builder *b)
{
    rows_add(b, KERNEL_TOP_K, VIEW_FLAT)->call.i[KERNEL_I_NORMALIZE] =
        b->p->graph->arch->normalize_experts;
}

static void mix_add(struct builder *b)
{
    const struct arch_node *rule = b->node->rule;
    struct plan_call *c = call_add(b, KERNEL_MIX);

    link_read(b, c, rule->in[0], VIEW_HEADS);
    link_read(b, c, rule->in[1], VIEW_FLAT);
    link_write(b, c, rule->out[0], VIEW_FLAT);
}

/* --- norms --- */

static struct plan_call *norm_call(struct builder *b, enum view view)
{
    const struct graph *g = b->p->graph;
    struct plan_call *c =
        rows_add(b, g->arch->norm == ARCH_NORM_RMS ? KERNEL_RMS_NORM : KERNEL_LAYER_NORM, view);

    if (b->node->bias[0] >= 0)
        link_weight(b, c, b->node->bias[0]);
    c->call.f[KERNEL_F_EPS] = g->norm_epsilon;
    return c;
}

/* Head h of every token, out of a row that holds all heads. */
static void arg_narrow(struct plan_arg *arg, struct kernel_tensor *t, int64_t heads, int64_t h)
{
    size_t head = t->nb[1] / (size_t)heads;

    t->ne[0] /= heads;
    arg->offset = (size_t)h * head;
}

/* A call for each head: the weights differ. */
static void norm_heads_add(struct builder *b, const struct kernel_tensor *weight)
{
    for (int64_t h = 0; h < weight->ne[1]; h++) {
        struct plan_call *c = norm_call(b, VIEW_FLAT);

        arg_narrow(&c->in[0], &c->call.in[0], weight->ne[1], h);
        arg_narrow(&c->out[0], &c->call.out[0], weight->ne[1], h);
        c->in[1].offset = (size_t)h * weight->nb[1];
        c->call.in[1].ne[1] = 1;
        c->call.in[1].bytes = weight->nb[1];
    }
}

static void norm_add(struct builder *b)
{
    const struct graph_weight *w = &b->p->graph->weights[b->node->weight[0]];

    if (w->rule->ne[1] != DIM_ONE)
        norm_heads_add(b, &w->tensor);
    else
        norm_call(b, w->rule->ne[0] == DIM_HEAD_DIM ? VIEW_ROWS : VIEW_FLAT);
}

static void embed_add(struct builder *b)
{
    struct plan_call *c = call_add(b, KERNEL_GET_ROWS);

    link_weight(b, c, b->node->weight[0]);
    link_read(b, c, b->node->rule->in[0], VIEW_LIST);
    link_write(b, c, b->node->rule->out[0], VIEW_FLAT);
}

static void node_add(struct builder *b)
{
    switch (b->node->rule->op) {
    case ARCH_EMBED:
        embed_add(b);
        break;
    case ARCH_NORM:
        norm_add(b);
        break;
    case ARCH_LINEAR:
    case ARCH_EXPERTS:
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
        glu_add(b, b->p->graph->arch->activation, 0);
        break;
    case ARCH_SCALE:
    case ARCH_SELECT:
        glu_add(b, ACT_SCALE, b->node->scale);
        break;
    case ARCH_SOFTCAP:
        glu_add(b, ACT_SOFTCAP, b->node->softcap);
        break;
    case ARCH_SIGMOID:
        glu_add(b, ACT_SIGMOID, 0);
        break;
    case ARCH_ADD:
        rows_add(b, KERNEL_ADD, VIEW_FLAT);
        break;
    case ARCH_SOFTMAX:
        softmax_add(b);
        break;
    case ARCH_TOP_K:
        top_k_add(b);
        break;
    case ARCH_MIX:
        mix_add(b);
        break;
    case ARCH_END:
        break;
    }
}

/* --- the plan --- */

/* Buffers that hold something before the first call. */
static void inputs_add(struct builder *b)
{
    static const enum dim rope_shape[3] = {DIM_ROPE, DIM_ONE, DIM_CONTEXT};
    const struct arch_value *ids = &arch_values[V_IDS], *positions = &arch_values[V_POSITIONS];
    struct plan *p = b->p;

    for (int i = 0; i < V_COUNT; i++)
        b->life[i] = -1;
    p->ids = buffer_add(b, ids->name, ids->type, ids->ne);
    b->life[V_IDS] = (int32_t)p->ids;
    for (uint32_t i = 0; i < p->graph->n_ropes; i++)
        p->ropes[i] = buffer_add(b, "rope", KERNEL_F32, rope_shape);
    p->positions = -1;
    if (p->graph->n_learned)
        p->positions = (int32_t)buffer_add(b, positions->name, positions->type, positions->ne);
    b->life[V_POSITIONS] = p->positions;
}

/* Calls that norms with weights for each head take beyond MAX_CALLS_PER_NODE. */
static size_t head_calls(const struct graph *g)
{
    if (g->entries[W_Q_NORM_HEADS] < 0)
        return 0;
    return (size_t)(g->dims[DIM_LAYERS] * (g->dims[DIM_HEADS] + g->dims[DIM_KV_HEADS]));
}

static int room_make(struct plan *p)
{
    size_t nodes = p->graph->n_nodes, calls = nodes * MAX_CALLS_PER_NODE + head_calls(p->graph);

    p->calls = calloc(calls, sizeof *p->calls);
    p->list = calloc(calls, sizeof *p->list);
    p->buffers = calloc(nodes * MAX_BUFFERS_PER_NODE + 2 + GRAPH_MAX_ROPES, sizeof *p->buffers);
    if (!p->calls || !p->list || !p->buffers)
        return err_set(ERR_NOMEM, "no memory for a plan of %zu nodes", nodes);
    return 0;
}

int plan__build(struct plan *p)
{
    uint8_t result = p->limits.hidden || !p->graph->has_logits ? V_FINAL : V_LOGITS;
    struct builder b = {.p = p};

    TRY(room_make(p));
    inputs_add(&b);
    for (uint32_t i = 0; i < p->graph->n_nodes; i++) {
        b.node = &p->graph->nodes[i];
        if (result == V_FINAL && b.life[V_FINAL] >= 0)
            break; /* what follows makes logits of it */
        node_add(&b);
        if (b.node->section != GRAPH_AFTER)
            p->n_body = p->n_calls;
    }
    p->result = (uint32_t)b.life[result];
    p->width = (size_t)plan_dim(p, arch_values[result].ne[0]);
    return 0;
}
