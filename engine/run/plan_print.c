/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/plan.h"

#include "engine/run/team.h"

#include <inttypes.h>

static const char *type_name(uint32_t type)
{
    const char *name = gguf_type_name(type);

    return name ? name : type == KERNEL_Q8_K ? "Q8_K" : type == KERNEL_Q8_32 ? "Q8_32" : "I32";
}

/* "[embed 64, tokens 512]", extents of 1 left out */
static void shape_print(const struct plan *p, const enum dim ne[3], FILE *out)
{
    const char *separator = "";

    fputc('[', out);
    for (int i = 0; i < 3; i++) {
        if (ne[i] == DIM_ONE)
            continue;
        fprintf(out, "%s%s %" PRId64, separator, dim_name(ne[i]), plan_dim(p, ne[i]));
        separator = ", ";
    }
    fputc(']', out);
}

static void arg_print(const struct plan *p, const struct plan_arg *arg,
                      const struct kernel_tensor *t, FILE *out)
{
    if (arg->buffer >= 0)
        fprintf(out, " %s#%d%s", p->buffers[arg->buffer].name, arg->buffer,
                arg->role == PLAN_SLICE ? "[outputs]" : "");
    else if (arg->weight >= 0)
        fprintf(out, " %s:%s", p->graph->weights[arg->weight].source->name, type_name(t->type));
    else
        fprintf(out, " %s", arg->role == PLAN_TABLE ? "page_table" : "kv_pages");
}

static void call_print(const struct plan *p, uint32_t index, FILE *out)
{
    const struct plan_call *c = &p->calls[index];
    uint32_t op = c->call.op;
    char layer[16] = "-";

    if (c->layer >= 0)
        snprintf(layer, sizeof layer, "%d", c->layer);
    fprintf(out, "  %4u %5s %-11s %-9s", index, layer, c->name,
            op == KERNEL_GEMV || op == KERNEL_GEMM ? "gemv/gemm" : team_op_name(op));
    for (uint32_t i = 0; i < c->call.n_in; i++)
        arg_print(p, &c->in[i], &c->call.in[i], out);
    fprintf(out, " ->");
    for (uint32_t i = 0; i < c->call.n_out; i++)
        arg_print(p, &c->out[i], &c->call.out[i], out);
    fputc('\n', out);
}

static void buffers_print(const struct plan *p, FILE *out)
{
    fprintf(out,
            "\narena: %zu bytes (%zu if no two buffers shared any), alive in calls [a, b]\n"
            "       offset      bytes  alive\n",
            p->arena_bytes, p->live_bytes);
    for (uint32_t i = 0; i < p->n_buffers; i++) {
        const struct plan_buffer *b = &p->buffers[i];

        fprintf(out, "  %11zu %10zu  [%u, %u]  %s#%u %s ", b->offset, b->bytes, b->first, b->last,
                b->name, i, type_name(b->type));
        shape_print(p, b->ne, out);
        fputc('\n', out);
    }
}

void plan_print(const struct plan *p, FILE *out)
{
    fprintf(out,
            "\nkernel calls: %u for every batch of tokens, %u for every chunk of outputs\n"
            "  call layer node        operation\n",
            p->n_body, p->n_calls - p->n_body);
    for (uint32_t i = 0; i < p->n_calls; i++)
        call_print(p, i, out);
    buffers_print(p, out);
    fprintf(out,
            "\nKV cache: %s, %u pages of %d positions, %zu bytes per page and KV head, %zu in all\n"
            "scratch: %zu bytes for each of %u threads\n",
            type_name(p->kv.type), p->kv.n_pages, KERNEL_PAGE_POSITIONS, p->kv.page_bytes,
            p->kv.page_bytes * p->kv.kv_heads * p->kv.layers * p->kv.n_pages, p->scratch_bytes,
            p->limits.n_threads);
}
