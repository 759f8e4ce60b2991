/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/graph.h"

#include <inttypes.h>

static void weight_print(const struct graph *g, const struct graph_weight *w, FILE *out)
{
    const struct arch_weight *rule = w->rule;

    fprintf(out, "  %-34s %-5s [%s %" PRId64, w->source->name, gguf_type_name(w->source->type),
            dim_name(rule->ne[0]), g->dims[rule->ne[0]]);
    for (int i = 1; i < 3 && rule->ne[i] != DIM_ONE; i++)
        fprintf(out, ", %s %" PRId64, dim_name(rule->ne[i]), g->dims[rule->ne[i]]);
    fputc(']', out);
    if (rule->whole != DIM_ONE)
        fprintf(out, " from %s %" PRId64 " on", dim_name(rule->first), w->first);
    fputc('\n', out);
}

static void rope_print(const struct graph *g, uint32_t i, FILE *out)
{
    const struct graph_rope *r = &g->ropes[i];
    int32_t near = r->factors[GRAPH_ROPE_SHORT], far = r->factors[GRAPH_ROPE_LONG];

    fprintf(out, "  rope %u       base %g, positions x %g%s, magnitude %g", i, r->base, r->scale,
            r->yarn ? " by YaRN" : "", r->magnitude);
    if (near >= 0)
        fprintf(out, ", frequencies divided by %s", g->weights[near].source->name);
    if (far >= 0 && far != near)
        fprintf(out, ", past %" PRId64 " positions by %s", r->original,
                g->weights[far].source->name);
    fputc('\n', out);
}

static void parameters_print(const struct graph *g, FILE *out)
{
    fprintf(out, "\nparameters\n  norm         %s, epsilon %g\n",
            g->arch->norm == ARCH_NORM_RMS ? "RMS" : "layer", (double)g->norm_epsilon);
    for (uint32_t i = 0; i < g->n_ropes; i++)
        rope_print(g, i, out);
    if (g->window)
        fprintf(out, "  window       %" PRId64 " positions\n", g->window);
    if (g->attention_cap != 0)
        fprintf(out, "  attention    capped at %g\n", g->attention_cap);
    if (g->logit_cap != 0)
        fprintf(out, "  logits       capped at %g\n", g->logit_cap);
    if (!g->causal)
        fprintf(out, "  attention    in both directions\n");
}

static void node_print(const struct graph_node *n, FILE *out)
{
    char layer[16] = "-";

    if (n->layer >= 0)
        snprintf(layer, sizeof layer, "%d", n->layer);
    fprintf(out, "  %5s %-15s", layer, n->rule->name);
    for (int i = 0; i < ARCH_MAX_LINKS && n->rule->in[i] != V_NONE; i++)
        fprintf(out, " %s", arch_values[n->rule->in[i]].name);
    if (n->rule->out[0] != V_NONE)
        fprintf(out, " ->");
    for (int i = 0; i < ARCH_MAX_LINKS && n->rule->out[i] != V_NONE; i++)
        fprintf(out, " %s", arch_values[n->rule->out[i]].name);
    if (n->rule->op == ARCH_ROPE)
        fprintf(out, ", rope %u", n->rope);
    if (n->window)
        fprintf(out, ", window %" PRId64, n->window);
    fputc('\n', out);
}

/* Dimensions that weights or attention have: others come of rules that this model makes no use of. */
static void dims_print(const struct graph *g, FILE *out)
{
    bool used[DIM_COUNT + 1] = {[DIM_LAYERS] = true,
                                [DIM_CONTEXT] = true,
                                [DIM_HEADS] = true,
                                [DIM_KV_HEADS] = true,
                                [DIM_HEAD_DIM] = true,
                                [DIM_ROPE] = g->n_ropes > 0,
                                [DIM_EXPERTS_USED] = g->dims[DIM_EXPERTS] > 0};

    for (uint32_t i = 0; i < g->n_weights; i++)
        for (int k = 0; k < 3 && g->weights[i].source; k++)
            used[g->weights[i].rule->ne[k]] = used[g->weights[i].rule->whole] = true;
    fprintf(out, "\ndimensions\n");
    for (int d = DIM_ZERO + 1; d < DIM_TOKENS; d++)
        if (used[d])
            fprintf(out, "  %-12s %" PRId64 "\n", dim_name((enum dim)d), g->dims[d]);
}

void graph_print(const struct graph *g, FILE *out)
{
    fprintf(out, "architecture %s\n", g->arch->name);
    dims_print(g, out);
    parameters_print(g, out);
    fprintf(out, "\nweights\n");
    for (uint32_t i = 0; i < g->n_weights; i++)
        if (g->weights[i].source)
            weight_print(g, &g->weights[i], out);
    fprintf(out, "\nnodes\n");
    for (uint32_t i = 0; i < g->n_nodes; i++)
        node_print(&g->nodes[i], out);
}
