/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/graph_internal.h"

#include "reference/base/err.h"
#include "reference/base/half.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* No model is near these; beyond them products of dimensions would need care. */
static const int64_t max_dim = (int64_t)1 << 28, max_layers = (int64_t)1 << 12;

const char *graph__key(const struct graph *g, const char *suffix, char out[160])
{
    snprintf(out, 160, "%s.%s", g->arch->name, suffix);
    return out;
}

/* --- dimensions --- */

static int dim_derive(const struct gguf_file *f, const struct graph *g,
                      const struct arch_dim_rule *r, int64_t *out)
{
    const struct gguf_kv *tokens;
    int64_t a = g->dims[r->a];
    char key[160];

    switch (r->kind) {
    case DIM_COPY:
        *out = a;
        return 0;
    case DIM_NONE:
        *out = 0;
        return 0;
    case DIM_SUM:
        *out = a + g->dims[r->b];
        return 0;
    case DIM_PRODUCT:
        *out = a * g->dims[r->b];
        return 0;
    case DIM_HALF:
        if (a % 2)
            return err_set(ERR_FORMAT, "%s is %lld, which is odd", dim_name(r->a), (long long)a);
        *out = a / 2;
        return 0;
    case DIM_QUOTIENT:
        if (!g->dims[r->b] || a % g->dims[r->b])
            return err_set(ERR_FORMAT, "%s %lld is no multiple of %s %lld", dim_name(r->a),
                           (long long)a, dim_name(r->b), (long long)g->dims[r->b]);
        *out = a / g->dims[r->b];
        return 0;
    case DIM_ENTRIES:
        tokens = gguf_kv_find(f, "tokenizer.ggml.tokens");
        if (!tokens || tokens->type != GGUF_ARRAY)
            return err_set(ERR_FORMAT, "key tokenizer.ggml.tokens is missing");
        *out = (int64_t)tokens->count;
        return 0;
    case DIM_REQUIRED:
        break;
    }
    return err_set(ERR_FORMAT, "key %s is missing", graph__key(g, r->key, key));
}

static int dim_resolve(const struct gguf_file *f, struct graph *g, const struct arch_dim_rule *r)
{
    int64_t *d = &g->dims[r->dim];
    char key[160];
    int absent = 1;

    if (r->key)
        TRY(absent = gguf_get_int(f, graph__key(g, r->key, key), d));
    if (absent)
        TRY(dim_derive(f, g, r, d));
    if (*d < (r->kind == DIM_NONE ? 0 : 1) || *d > max_dim)
        return err_set(ERR_RANGE, "%s: %s is %lld, outside 1..%lld", r->key ? key : "model",
                       dim_name(r->dim), (long long)*d, (long long)max_dim);
    return 0;
}

static int dims_resolve(const struct gguf_file *f, struct graph *g)
{
    g->dims[DIM_ONE] = 1;
    for (const struct arch_dim_rule *r = arch_dims; r->dim != DIM_ONE; r++)
        TRY(dim_resolve(f, g, r));
    for (const struct arch_dim_rule *r = g->arch->dims; r && r->dim != DIM_ONE; r++)
        TRY(dim_resolve(f, g, r));
    return 0;
}

static int dims_check(const struct gguf_file *f, const struct graph *g)
{
    const int64_t *d = g->dims;

    if (d[DIM_HEADS] % d[DIM_KV_HEADS])
        return err_set(ERR_FORMAT, "%lld heads do not share %lld KV heads evenly",
                       (long long)d[DIM_HEADS], (long long)d[DIM_KV_HEADS]);
    if (d[DIM_HEAD_DIM] % 8)
        return err_set(ERR_UNSUPPORTED, "head size %lld is no multiple of 8",
                       (long long)d[DIM_HEAD_DIM]);
    if (d[DIM_EXPERTS_USED] > d[DIM_EXPERTS] || (d[DIM_EXPERTS] > 0 && d[DIM_EXPERTS_USED] < 1))
        return err_set(ERR_FORMAT, "%lld experts used of %lld", (long long)d[DIM_EXPERTS_USED],
                       (long long)d[DIM_EXPERTS]);
    if (d[DIM_ROPE] > d[DIM_HEAD_DIM])
        return err_set(ERR_FORMAT, "rotary dimensions %lld exceed the head size %lld",
                       (long long)d[DIM_ROPE], (long long)d[DIM_HEAD_DIM]);
    if ((size_t)d[DIM_LAYERS] > gguf_n_tensors(f))
        return err_set(ERR_FORMAT, "%lld layers, but only %zu tensors in the file",
                       (long long)d[DIM_LAYERS], gguf_n_tensors(f));
    if (d[DIM_LAYERS] > max_layers)
        return err_set(ERR_RANGE, "%lld layers: at most %lld", (long long)d[DIM_LAYERS],
                       (long long)max_layers);
    return 0;
}

/* --- weights --- */

/* What is done to every node that the architecture's table has, wherever it stands. */
typedef void (*node_fn)(struct graph *g, const struct arch_part *part,
                        const struct arch_node *node);

static void table_walk(struct graph *g, node_fn each)
{
    const struct arch_part *lists[] = {g->arch->before, g->arch->layer, g->arch->after};

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const struct arch_part *part = lists[i]; part->nodes; part++)
            for (const struct arch_node *node = part->nodes; node->op != ARCH_END; node++)
                each(g, part, node);
}

/* w and its stand-ins are wanted: entries is 0 where it was -1. */
static void weight_want(struct graph *g, uint8_t w)
{
    for (; w != W_NONE; w = arch_weights[w].absent)
        g->entries[w] = 0;
}

static void node_want(struct graph *g, const struct arch_part *part, const struct arch_node *node)
{
    weight_want(g, part->with);
    weight_want(g, part->without);
    for (int i = 0; i < ARCH_MAX_LINKS; i++) {
        weight_want(g, node->weight[i]);
        weight_want(g, node->bias[i]);
    }
}

static bool per_layer(const struct arch_weight *w)
{
    return strchr(w->pattern, '%') != NULL;
}

static int32_t copies(const struct graph *g, const struct arch_weight *w)
{
    return per_layer(w) ? (int32_t)g->dims[DIM_LAYERS] : 1;
}

/* Give every wanted weight its entries in graph.weights. */
static int weights_number(struct graph *g)
{
    for (int w = 0; w < W_COUNT; w++)
        g->entries[w] = -1;
    table_walk(g, node_want);
    if (g->arch->rope != ARCH_ROPE_NONE)
        for (uint8_t w = W_ROPE_FREQS; w <= W_ROPE_LONG; w++)
            weight_want(g, w);
    for (int w = 0; w < W_COUNT; w++)
        if (g->entries[w] == 0) {
            g->entries[w] = (int32_t)g->n_weights;
            g->n_weights += (uint32_t)copies(g, &arch_weights[w]);
        }
    g->weights = calloc(g->n_weights, sizeof *g->weights);
    return g->weights ? 0 : err_set(ERR_NOMEM, "no memory for %u weights", g->n_weights);
}

/* Entry of weight w itself, or -1. */
static int32_t weight_entry(const struct graph *g, uint8_t w, int32_t layer)
{
    if (g->entries[w] < 0)
        return -1;
    return g->entries[w] + (per_layer(&arch_weights[w]) ? layer : 0);
}

static bool weight_is_there(const struct graph *g, uint8_t w, int32_t layer)
{
    return g->weights[weight_entry(g, w, layer)].source != NULL;
}

int32_t graph_weight_find(const struct graph *g, uint8_t w, int32_t layer)
{
    for (; w != W_NONE; w = arch_weights[w].absent) {
        int32_t at = weight_entry(g, w, layer);

        if (at >= 0 && g->weights[at].source)
            return at;
    }
    return -1;
}

/* The axis that a part of a tensor is cut from: rows, but the elements of a vector of one row. */
static int part_axis(const struct arch_weight *rule)
{
    return rule->kind == ARCH_MATRIX || rule->whole == DIM_ANY;
}

/* Symbolic shape of the tensor that the weight is, or is a part of. */
static void whole_shape(const struct arch_weight *rule, enum dim out[3])
{
    for (int i = 0; i < 3; i++)
        out[i] = rule->ne[i];
    if (rule->whole != DIM_ONE)
        out[part_axis(rule)] = rule->whole;
}

/* "[embed = 48, ffn = 72]" */
static const char *shape_text(const struct graph *g, const enum dim shape[3], char out[160])
{
    int n = shape[2] != DIM_ONE ? 3 : shape[1] != DIM_ONE ? 2 : 1;
    size_t len = 0;

    for (int i = 0; i < n && len < 160; i++)
        len += (size_t)snprintf(out + len, 160 - len, "%s%s = %lld%s", i ? ", " : "[",
                                dim_name(shape[i]), (long long)g->dims[shape[i]],
                                i + 1 == n ? "]" : "");
    return out;
}

static int weight_check(const struct graph *g, const struct gguf_tensor *t,
                        const struct arch_weight *rule)
{
    enum dim shape[3];
    bool same = t->ne[3] == 1;
    char text[160];

    whole_shape(rule, shape);
    for (int i = 0; i < 3; i++)
        if (shape[i] == DIM_ANY)
            shape[i] = DIM_ONE;
        else
            same &= t->ne[i] == g->dims[shape[i]];
    if (!same)
        return err_set(ERR_FORMAT,
                       "tensor %s: its shape is [%lld, %lld, %lld, %lld], the model's dimensions "
                       "say %s",
                       t->name, (long long)t->ne[0], (long long)t->ne[1], (long long)t->ne[2],
                       (long long)t->ne[3], shape_text(g, shape, text));
    if (rule->kind != ARCH_MATRIX && t->type != KERNEL_F32 && t->type != KERNEL_F16 &&
        t->type != KERNEL_BF16)
        return err_set(ERR_UNSUPPORTED, "tensor %s: a vector of type %s; F32, F16, BF16 will do",
                       t->name, gguf_type_name(t->type));
    return 0;
}

/* The tensor a kernel will see: packed weights keep their canonical type, vectors become f32. */
static struct kernel_tensor weight_tensor(const struct graph *g, const struct arch_weight *rule,
                                          const struct gguf_tensor *t)
{
    struct kernel_tensor out = {
        .ne = {g->dims[rule->ne[0]], g->dims[rule->ne[1]], g->dims[rule->ne[2]], 1}};

    if (rule->kind == ARCH_MATRIX) {
        out.type = t->type;
        out.layout = KERNEL_PACKED;
        return out;
    }
    out.type = KERNEL_F32;
    out.layout = KERNEL_PLAIN;
    out.nb[0] = sizeof(float);
    out.nb[1] = (size_t)out.ne[0] * sizeof(float);
    out.nb[2] = out.nb[3] = out.bytes = (size_t)out.ne[1] * out.nb[1];
    return out;
}

static void weight_name(const struct arch_weight *rule, int32_t layer, char out[128])
{
    const char *percent = strchr(rule->pattern, '%');

    if (percent)
        snprintf(out, 128, "%.*s%d%s", (int)(percent - rule->pattern), rule->pattern, layer,
                 percent + 2);
    else
        snprintf(out, 128, "%s", rule->pattern);
}

static int weight_resolve(const struct gguf_file *f, struct graph *g, uint8_t w, int32_t layer)
{
    const struct arch_weight *rule = &arch_weights[w];
    struct graph_weight *out = &g->weights[weight_entry(g, w, layer)];
    char name[128];

    out->rule = rule;
    out->layer = per_layer(rule) ? layer : -1;
    weight_name(rule, layer, name);
    out->source = gguf_tensor_find(f, name);
    if (!out->source)
        return 0;
    TRY(weight_check(g, out->source, rule));
    out->tensor = weight_tensor(g, rule, out->source);
    out->first = rule->whole != DIM_ONE ? g->dims[rule->first] : 0;
    return 0;
}

static int weights_resolve(const struct gguf_file *f, struct graph *g)
{
    TRY(weights_number(g));
    for (uint8_t w = W_NONE + 1; w < W_COUNT; w++)
        for (int32_t layer = 0; g->entries[w] >= 0 && layer < copies(g, &arch_weights[w]); layer++)
            TRY(weight_resolve(f, g, w, layer));
    return 0;
}

/* A tensor that nothing reads belongs to a variant of the architecture that we do not know. */
static int tensors_check(const struct gguf_file *f, const struct graph *g)
{
    const struct gguf_tensor *first = gguf_tensor_at(f, 0), *idle = NULL;
    bool *used = calloc(gguf_n_tensors(f), sizeof *used);

    if (!used)
        return err_set(ERR_NOMEM, "no memory for %zu tensors", gguf_n_tensors(f));
    for (uint32_t i = 0; i < g->n_weights; i++)
        if (g->weights[i].source)
            used[g->weights[i].source - first] = true;
    for (size_t i = 0; i < gguf_n_tensors(f) && !idle; i++)
        idle = used[i] ? NULL : first + i;
    free(used);
    if (!idle)
        return 0;
    return err_set(ERR_UNSUPPORTED,
                   "tensor %s: architecture %s has no use for it: the file is of a variant that "
                   "is not known",
                   idle->name, g->arch->name);
}

/* --- nodes --- */

static int node_link(const struct graph *g, struct graph_node *n)
{
    for (int i = 0; i < ARCH_MAX_LINKS; i++) {
        uint8_t w = n->rule->weight[i];
        char name[128];

        n->weight[i] = graph_weight_find(g, w, n->layer);
        n->bias[i] = graph_weight_find(g, n->rule->bias[i], n->layer);
        if (w != W_NONE && n->weight[i] < 0) {
            weight_name(&arch_weights[w], n->layer, name);
            return err_set(ERR_FORMAT, "tensor %s is missing", name);
        }
    }
    return 0;
}

static int part_append(struct graph *g, const struct arch_node *nodes, enum graph_section section,
                       int32_t layer)
{
    for (const struct arch_node *rule = nodes; rule->op != ARCH_END; rule++) {
        struct graph_node *n = &g->nodes[g->n_nodes];

        *n = (struct graph_node){.rule = rule, .section = section, .layer = layer};
        graph__node_parameters(g, n);
        if (rule->op == ARCH_SOFTCAP && n->softcap == 0)
            continue;
        TRY(node_link(g, n));
        g->n_nodes++;
    }
    return 0;
}

static int section_append(struct graph *g, const struct arch_part *parts,
                          enum graph_section section, int32_t layer)
{
    for (const struct arch_part *part = parts; part->nodes; part++) {
        if (part->with != W_NONE && !weight_is_there(g, part->with, layer))
            continue;
        if (part->without != W_NONE && weight_is_there(g, part->without, layer))
            continue;
        TRY(part_append(g, part->nodes, section, layer));
    }
    return 0;
}

static void node_count(struct graph *g, const struct arch_part *part, const struct arch_node *node)
{
    (void)part;
    (void)node;
    g->n_nodes++;
}

static int nodes_resolve(struct graph *g)
{
    size_t most;

    table_walk(g, node_count);
    most = g->n_nodes * (size_t)g->dims[DIM_LAYERS];
    g->n_nodes = 0;
    g->nodes = calloc(most, sizeof *g->nodes);
    if (!g->nodes)
        return err_set(ERR_NOMEM, "no memory for %zu graph nodes", most);
    TRY(section_append(g, g->arch->before, GRAPH_BEFORE, -1));
    for (int32_t layer = 0; layer < g->dims[DIM_LAYERS]; layer++)
        TRY(section_append(g, g->arch->layer, GRAPH_LAYER, layer));
    TRY(section_append(g, g->arch->after, GRAPH_AFTER, -1));
    g->has_logits = g->entries[W_OUTPUT] >= 0;
    g->n_learned = g->entries[W_POSITION] >= 0 ? g->dims[DIM_CONTEXT] : 0;
    return 0;
}

/* --- the graph --- */

static int graph_resolve(const struct gguf_file *f, struct graph *g)
{
    struct gguf_string name = {NULL, 0};
    int absent = gguf_get_string(f, "general.architecture", &name);

    TRY(absent);
    if (absent)
        return err_set(ERR_FORMAT, "key general.architecture is missing");
    g->arch = architecture_find(name.data, name.len);
    if (!g->arch)
        return err_set(ERR_UNSUPPORTED, "general.architecture is \"%.*s\"; known are: %s",
                       (int)(name.len < 64 ? name.len : 64), name.data, architecture_names());
    TRY(dims_resolve(f, g));
    TRY(dims_check(f, g));
    TRY(weights_resolve(f, g));
    TRY(graph__parameters_resolve(f, g));
    TRY(nodes_resolve(g));
    return tensors_check(f, g);
}

int graph_open(const struct gguf_file *f, struct graph **out)
{
    struct graph *g = calloc(1, sizeof *g);
    int rc;

    *out = NULL;
    if (!g)
        return err_set(ERR_NOMEM, "no memory for the model graph");
    rc = graph_resolve(f, g);
    if (rc < 0) {
        graph_close(&g);
        return rc;
    }
    *out = g;
    return 0;
}

void graph_close(struct graph **g)
{
    if (!*g)
        return;
    free((*g)->weights);
    free((*g)->nodes);
    free(*g);
    *g = NULL;
}

struct kernel_tensor graph_weight_source(const struct graph_weight *w)
{
    const struct gguf_tensor *s = w->source;
    struct kernel_tensor t = {.type = s->type, .layout = KERNEL_PLAIN};
    int64_t elements = 1;

    gguf_type_block(s->type, &elements, &t.nb[0]);
    for (int i = 0; i < 4; i++)
        t.ne[i] = w->tensor.ne[i];
    t.nb[1] = (size_t)(s->ne[0] / elements) * t.nb[0];
    t.nb[2] = t.nb[1] * (size_t)t.ne[1];
    t.nb[3] = t.nb[2] * (size_t)t.ne[2];
    t.bytes = (size_t)(t.ne[0] / elements * t.ne[1] * t.ne[2]) * t.nb[0];
    if (s->data)
        t.data = (unsigned char *)(uintptr_t)s->data + (size_t)w->first * t.nb[part_axis(w->rule)];
    return t;
}

void graph_vector_read(const struct graph_weight *w, float *out)
{
    struct kernel_tensor t = graph_weight_source(w);
    const unsigned char *data = t.data;
    size_t n = t.bytes / t.nb[0];

    if (t.type == KERNEL_F32) {
        memcpy(out, data, n * sizeof *out);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint16_t h;

        memcpy(&h, data + i * sizeof h, sizeof h);
        out[i] = t.type == KERNEL_F16 ? half_to_float(h) : bf16_to_float(h);
    }
}
