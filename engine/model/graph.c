/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/graph.h"

#include "reference/base/err.h"
#include "reference/base/half.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* No model is near these; beyond them products of dimensions would need care. */
static const int64_t max_dim = (int64_t)1 << 28, max_layers = (int64_t)1 << 16;

static const char *key_of(const struct graph *g, const char *suffix, char out[160])
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
    case DIM_PRODUCT:
        *out = a * g->dims[r->b];
        return 0;
    case DIM_HALF:
        if (a % 2)
            return err_set(ERR_FORMAT, "%s is %lld, which is odd", dim_name(r->a), (long long)a);
        *out = a / 2;
        return 0;
    case DIM_QUOTIENT:
        if (a % g->dims[r->b])
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
    return err_set(ERR_FORMAT, "key %s is missing", key_of(g, r->key, key));
}

static int dims_resolve(const struct gguf_file *f, struct graph *g)
{
    g->dims[DIM_ONE] = 1;
    for (size_t i = 0; i < g->arch->n_dims; i++) {
        const struct arch_dim_rule *r = &g->arch->dims[i];
        char key[160];
        int absent = 1;

        if (r->key)
            TRY(absent = gguf_get_int(f, key_of(g, r->key, key), &g->dims[r->dim]));
        if (absent)
            TRY(dim_derive(f, g, r, &g->dims[r->dim]));
        if (g->dims[r->dim] < 1 || g->dims[r->dim] > max_dim)
            return err_set(ERR_RANGE, "%s: %s is %lld, outside 1..%lld",
                           r->key ? key_of(g, r->key, key) : "model", dim_name(r->dim),
                           (long long)g->dims[r->dim], (long long)max_dim);
    }
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

/* --- parameters --- */

static int rope_resolve(const struct gguf_file *f, struct graph *g)
{
    struct gguf_string type = {"none", 4};
    double factor = 1;
    char key[160];

    g->rope_base = 10000;
    TRY(gguf_get_float(f, key_of(g, "rope.freq_base", key), &g->rope_base));
    TRY(gguf_get_float(f, key_of(g, "rope.scale_linear", key), &factor));
    TRY(gguf_get_string(f, key_of(g, "rope.scaling.type", key), &type));
    if (type.len == 6 && !memcmp(type.data, "linear", 6))
        TRY(gguf_get_float(f, key_of(g, "rope.scaling.factor", key), &factor));
    else if (type.len != 4 || memcmp(type.data, "none", 4))
        return err_set(ERR_UNSUPPORTED, "%s \"%.*s\": known are none and linear",
                       key_of(g, "rope.scaling.type", key), (int)(type.len < 64 ? type.len : 64),
                       type.data);
    if (!(g->rope_base > 0) || !isfinite(g->rope_base))
        return err_set(ERR_FORMAT, "%s is %g, not positive and finite",
                       key_of(g, "rope.freq_base", key), g->rope_base);
    if (!(factor > 0) || !isfinite(1 / factor) || !isfinite(factor))
        return err_set(
            ERR_FORMAT, "%s is %g, not positive and finite",
            key_of(g, type.data[0] == 'l' ? "rope.scaling.factor" : "rope.scale_linear", key),
            factor);
    g->rope_scale = 1 / factor;
    return 0;
}

static int parameters_resolve(const struct gguf_file *f, struct graph *g)
{
    int64_t experts = 0, value_length = g->dims[DIM_HEAD_DIM];
    double epsilon;
    int absent;
    char key[160];

    TRY(gguf_get_int(f, key_of(g, "expert_count", key), &experts));
    if (experts > 0)
        return err_set(ERR_UNSUPPORTED, "%s is %lld: mixtures of experts are not supported", key,
                       (long long)experts);
    TRY(gguf_get_int(f, key_of(g, "attention.value_length", key), &value_length));
    if (value_length != g->dims[DIM_HEAD_DIM])
        return err_set(ERR_UNSUPPORTED, "%s is %lld, keys have %lld: they must be equal", key,
                       (long long)value_length, (long long)g->dims[DIM_HEAD_DIM]);
    TRY(absent = gguf_get_float(f, key_of(g, g->arch->norm_epsilon_key, key), &epsilon));
    if (absent)
        return err_set(ERR_FORMAT, "key %s is missing", key);
    g->norm_epsilon = (float)epsilon;
    if (!(g->norm_epsilon >= 0) || !isfinite(g->norm_epsilon))
        return err_set(ERR_FORMAT, "%s is %g, which is no small positive number", key, epsilon);
    return rope_resolve(f, g);
}

/* --- weights --- */

static bool per_layer(const struct arch_weight *w)
{
    return strchr(w->pattern, '%') != NULL;
}

/* Entries of graph.weights that the first `n` weights of the table take. */
static int32_t weight_entries(const struct graph *g, size_t n)
{
    int32_t entries = 0;

    for (size_t i = 0; i < n; i++)
        entries += per_layer(&g->arch->weights[i]) ? (int32_t)g->dims[DIM_LAYERS] : 1;
    return entries;
}

/* Index in graph.weights of the table's weight `w` in `layer`. */
static int32_t weight_index(const struct graph *g, unsigned w, int32_t layer)
{
    return weight_entries(g, w) + (per_layer(&g->arch->weights[w]) ? layer : 0);
}

static int weight_check(const struct graph *g, const struct gguf_tensor *t,
                        const struct arch_weight *rule)
{
    int64_t want[2] = {g->dims[rule->ne[0]], g->dims[rule->ne[1]]};

    if (t->ne[0] != want[0] || t->ne[1] != want[1] || t->ne[2] != 1 || t->ne[3] != 1)
        return err_set(
            ERR_FORMAT,
            "tensor %s: its shape is [%lld, %lld, %lld, %lld], the model's dimensions say "
            "[%s = %lld, %s = %lld]",
            t->name, (long long)t->ne[0], (long long)t->ne[1], (long long)t->ne[2],
            (long long)t->ne[3], dim_name(rule->ne[0]), (long long)want[0], dim_name(rule->ne[1]),
            (long long)want[1]);
    if (rule->kind != ARCH_MATRIX && t->type != KERNEL_F32 && t->type != KERNEL_F16 &&
        t->type != KERNEL_BF16)
        return err_set(ERR_UNSUPPORTED, "tensor %s: a vector of type %s; F32, F16, BF16 will do",
                       t->name, gguf_type_name(t->type));
    return 0;
}

/* The tensor a kernel will see: packed weights keep their canonical type, vectors become f32. */
static struct kernel_tensor weight_tensor(const struct arch_weight *rule,
                                          const struct gguf_tensor *t)
{
    struct kernel_tensor out = {.ne = {t->ne[0], t->ne[1], 1, 1}};

    if (rule->kind == ARCH_MATRIX) {
        out.type = t->type;
        out.layout = KERNEL_PACKED;
        return out;
    }
    out.type = KERNEL_F32;
    out.layout = KERNEL_PLAIN;
    out.nb[0] = sizeof(float);
    out.nb[1] = out.nb[2] = out.nb[3] = out.bytes = (size_t)t->ne[0] * sizeof(float);
    return out;
}

static int weight_resolve(const struct gguf_file *f, struct graph *g, unsigned w, int32_t layer)
{
    const struct arch_weight *rule = &g->arch->weights[w];
    struct graph_weight *out = &g->weights[weight_index(g, w, layer)];
    char name[128];

    out->rule = rule;
    out->layer = per_layer(rule) ? layer : -1;
    if (per_layer(rule)) {
        const char *percent = strchr(rule->pattern, '%');

        snprintf(name, sizeof name, "%.*s%d%s", (int)(percent - rule->pattern), rule->pattern,
                 layer, percent + 2);
    } else {
        snprintf(name, sizeof name, "%s", rule->pattern);
    }
    out->source = gguf_tensor_find(f, name);
    if (!out->source && rule->absent == ARCH_REQUIRED)
        return err_set(ERR_FORMAT, "tensor %s is missing", name);
    if (!out->source)
        return 0;
    TRY(weight_check(g, out->source, rule));
    out->tensor = weight_tensor(rule, out->source);
    return 0;
}

static int weights_resolve(const struct gguf_file *f, struct graph *g)
{
    const struct architecture *a = g->arch;

    g->n_weights = (uint32_t)weight_entries(g, a->n_weights);
    g->weights = calloc(g->n_weights, sizeof *g->weights);
    if (!g->weights)
        return err_set(ERR_NOMEM, "no memory for %u weights", g->n_weights);
    for (unsigned w = 0; w < a->n_weights; w++) {
        int32_t copies = per_layer(&a->weights[w]) ? (int32_t)g->dims[DIM_LAYERS] : 1;

        for (int32_t layer = 0; layer < copies; layer++)
            TRY(weight_resolve(f, g, w, layer));
    }
    return 0;
}

/* --- nodes --- */

/* The weight that serves slot `w`: itself, its tied stand-in, or -1. */
static int32_t weight_link(const struct graph *g, uint8_t w, int32_t layer)
{
    int32_t at;

    if (w == ARCH_NONE)
        return -1;
    at = weight_index(g, w, layer);
    if (g->weights[at].source)
        return at;
    return g->arch->weights[w].absent >= 0
               ? weight_link(g, (uint8_t)g->arch->weights[w].absent, layer)
               : -1;
}

static void node_append(struct graph *g, const struct arch_node *rule, int32_t layer)
{
    struct graph_node *n = &g->nodes[g->n_nodes++];

    n->rule = rule;
    n->layer = layer;
    for (int i = 0; i < ARCH_MAX_LINKS; i++) {
        n->weight[i] = weight_link(g, rule->weight[i], layer);
        n->bias[i] = weight_link(g, rule->bias[i], layer);
    }
}

static void section_append(struct graph *g, enum arch_section section, int32_t layer)
{
    for (size_t i = 0; i < g->arch->n_nodes; i++)
        if (g->arch->nodes[i].section == section)
            node_append(g, &g->arch->nodes[i], layer);
}

static int nodes_resolve(struct graph *g)
{
    size_t n = g->arch->n_nodes * (size_t)g->dims[DIM_LAYERS];

    g->nodes = calloc(n, sizeof *g->nodes);
    if (!g->nodes)
        return err_set(ERR_NOMEM, "no memory for %zu graph nodes", n);
    section_append(g, ARCH_BEFORE, -1);
    for (int32_t layer = 0; layer < g->dims[DIM_LAYERS]; layer++)
        section_append(g, ARCH_LAYER, layer);
    section_append(g, ARCH_AFTER, -1);
    g->rope_factors = weight_link(g, g->arch->rope_factors, 0);
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
    TRY(parameters_resolve(f, g));
    TRY(weights_resolve(f, g));
    return nodes_resolve(g);
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

void graph_vector_read(const struct graph_weight *w, float *out)
{
    const unsigned char *data = w->source->data;
    size_t n = (size_t)w->source->ne[0];

    if (w->source->type == KERNEL_F32) {
        memcpy(out, data, n * sizeof *out);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint16_t h;

        memcpy(&h, data + i * sizeof h, sizeof h);
        out[i] = w->source->type == KERNEL_F16 ? half_to_float(h) : bf16_to_float(h);
    }
}

static void weight_print(const struct graph_weight *w, FILE *out)
{
    fprintf(out, "  %-30s %-5s [%s %lld", w->source->name, gguf_type_name(w->source->type),
            dim_name(w->rule->ne[0]), (long long)w->source->ne[0]);
    if (w->rule->ne[1] != DIM_ONE)
        fprintf(out, ", %s %lld", dim_name(w->rule->ne[1]), (long long)w->source->ne[1]);
    fprintf(out, "]\n");
}

void graph_print(const struct graph *g, FILE *out)
{
    fprintf(out, "architecture %s\n\ndimensions\n", g->arch->name);
    for (int d = DIM_ONE + 1; d < DIM_TOKENS; d++)
        fprintf(out, "  %-12s %lld\n", dim_name((enum dim)d), (long long)g->dims[d]);
    fprintf(out, "  %-12s %g\n  %-12s %g, positions x %g%s\n", "norm_epsilon",
            (double)g->norm_epsilon, "rope_base", g->rope_base, g->rope_scale,
            g->rope_factors >= 0 ? ", frequencies divided by rope_freqs.weight" : "");
    fprintf(out, "\nweights\n");
    for (uint32_t i = 0; i < g->n_weights; i++) {
        const struct graph_weight *w = &g->weights[i];

        if (w->source)
            weight_print(w, out);
    }
}
