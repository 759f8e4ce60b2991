/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/plan.h"

#include "engine/run/token_chain.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static const struct plan_limits small = {
    .n_context = 160, .micro_batch = 64, .n_outputs = 8, .n_threads = 2, .kv_type = KERNEL_F16};

struct planned {
    struct gguf_file *file;
    struct graph *graph;
    struct plan *plan;
};

static struct planned plan_of(const struct tiny_model *t, const struct plan_limits *limits)
{
    struct planned o = {0};
    char path[64];

    tiny_model_write(t, path);
    cr_assert_eq(gguf_open(path, &o.file), 0, "%s", err_message());
    unlink(path);
    cr_assert_eq(graph_open(o.file, &o.graph), 0, "%s", err_message());
    cr_assert_eq(plan_open(o.graph, limits, &o.plan), 0, "%s", err_message());
    return o;
}

static void done(struct planned *o)
{
    plan_close(&o->plan);
    graph_close(&o->graph);
    gguf_close(&o->file);
}

static bool apart(const struct plan_buffer *a, const struct plan_buffer *b)
{
    return a->last < b->first || b->last < a->first || a->offset + a->bytes <= b->offset ||
           b->offset + b->bytes <= a->offset;
}

static void assert_disjoint(const struct plan_buffer *b, uint32_t n, size_t arena_bytes)
{
    for (uint32_t i = 0; i < n; i++) {
        cr_assert_eq(b[i].offset % KERNEL_ALIGN, 0);
        cr_assert_leq(b[i].offset + b[i].bytes, arena_bytes);
        for (uint32_t j = 0; j < i; j++)
            cr_assert(apart(&b[i], &b[j]), "buffers %u and %u share bytes while both live", i, j);
    }
}

Test(plan, places_random_lives_so_that_none_overlap)
{
    struct plan_buffer buffers[60];
    uint32_t order[60];
    struct rng rng;

    rng_init(&rng, 3);
    for (int round = 0; round < 500; round++) {
        uint32_t n = 1 + (uint32_t)rng_below(&rng, 60);

        for (uint32_t i = 0; i < n; i++) {
            uint32_t first = (uint32_t)rng_below(&rng, 40);

            buffers[i] = (struct plan_buffer){.bytes = 1 + rng_below(&rng, 5000), .first = first};
            buffers[i].last = first + (uint32_t)rng_below(&rng, 20);
        }
        assert_disjoint(buffers, n, plan_arena_place(buffers, n, order));
    }
}

Test(plan, reuses_the_bytes_of_what_is_dead)
{
    struct plan_buffer b[3] = {{.bytes = 640, .first = 0, .last = 1},
                               {.bytes = 640, .first = 1, .last = 2},
                               {.bytes = 640, .first = 2, .last = 3}};
    uint32_t order[3];

    cr_assert_eq(plan_arena_place(b, 3, order), 1280);
}

Test(plan, lays_a_model_out_without_overlap_and_smaller_than_the_sum)
{
    struct tiny_model quantised = {.embed = 256,
                                   .heads = 8,
                                   .kv_heads = 2,
                                   .ffn = 512,
                                   .layers = 4,
                                   .vocab = 33,
                                   .context = 160,
                                   .type = KERNEL_Q4_K};
    const struct tiny_model *models[] = {&tiny_f32, &quantised};

    for (int i = 0; i < 2; i++) {
        struct planned o = plan_of(models[i], &small);

        assert_disjoint(o.plan->buffers, o.plan->n_buffers, o.plan->arena_bytes);
        cr_assert_lt(o.plan->arena_bytes, o.plan->live_bytes / 2);
        done(&o);
    }
}

Test(plan, keeps_what_the_head_reads_until_every_chunk_of_outputs_is_done)
{
    struct planned o = plan_of(&tiny_f32, &small);
    const struct plan *p = o.plan;
    bool any = false;

    for (uint32_t i = p->n_body; i < p->n_calls; i++)
        for (uint32_t j = 0; j < p->calls[i].call.n_in; j++) {
            const struct plan_arg *arg = &p->calls[i].in[j];

            if (arg->role != PLAN_SLICE)
                continue;
            any = true;
            cr_assert_lt(p->buffers[arg->buffer].first, p->n_body);
            cr_assert_eq(p->buffers[arg->buffer].last, p->n_calls);
        }
    cr_assert(any);
    cr_assert_eq(p->buffers[p->ids].first, 0);
    cr_assert_eq(p->buffers[p->result].last, p->n_calls);
    cr_assert_eq(p->buffers[p->ropes[0]].first, 0);
    cr_assert_eq(p->buffers[p->ropes[0]].last, p->n_calls);
    done(&o);
}

Test(plan, keeps_the_buffers_of_a_chain_until_all_threads_are_through)
{
    struct planned o = plan_of(&tiny_f32, &small);
    const struct plan *p = o.plan;
    uint32_t longest = 0;

    for (uint32_t i = 0, n; i < p->n_body; i += n ? n : 1) {
        n = (uint32_t)token_chain_length(p->list + i, p->n_body - i);
        longest = n > longest ? n : longest;
        for (uint32_t b = 0; b < p->n_buffers; b++) {
            cr_assert(p->buffers[b].first <= i || p->buffers[b].first >= i + n);
            cr_assert(p->buffers[b].last < i || p->buffers[b].last + 1 >= i + n);
        }
    }
    cr_assert_geq(longest, 2);
    done(&o);
}

/* Calls of one operation in layer 0, or in the head for layer -1. */
static uint32_t count(const struct plan *p, uint32_t op, int32_t layer, const char *node)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->n_calls; i++)
        n += p->calls[i].call.op == op && p->calls[i].layer == layer &&
             !strcmp(p->calls[i].name, node);
    return n;
}

Test(plan, joins_products_of_one_type_into_one_list_and_quantises_once)
{
    struct tiny_model t = {.embed = 256,
                           .heads = 8,
                           .kv_heads = 2,
                           .ffn = 512,
                           .layers = 1,
                           .vocab = 33,
                           .context = 160,
                           .type = KERNEL_Q4_K};
    struct planned o = plan_of(&t, &small);

    plan_bind_tokens(o.plan, 0, 2);
    cr_assert_eq(count(o.plan, KERNEL_QUANTIZE, 0, "qkv"), 1);
    cr_assert_eq(count(o.plan, KERNEL_GEMM, 0, "qkv"), 1);
    cr_assert_eq(count(o.plan, KERNEL_GEMM, 0, "gate_up"), 1);
    done(&o);
}

Test(plan, separates_products_of_different_types)
{
    struct tiny_model t = {.embed = 256,
                           .heads = 8,
                           .kv_heads = 2,
                           .ffn = 512,
                           .layers = 1,
                           .vocab = 33,
                           .context = 160,
                           .type = KERNEL_Q4_K,
                           .v_type = KERNEL_Q6_K};
    struct planned o = plan_of(&t, &small);

    plan_bind_tokens(o.plan, 0, 2);
    cr_assert_eq(count(o.plan, KERNEL_QUANTIZE, 0, "qkv"), 1);
    cr_assert_eq(count(o.plan, KERNEL_GEMM, 0, "qkv"), 2);
    done(&o);
    /* Q8_0 reads another kind of activations than Q4_K. */
    t.v_type = KERNEL_Q8_0;
    o = plan_of(&t, &small);
    plan_bind_tokens(o.plan, 0, 2);
    cr_assert_eq(count(o.plan, KERNEL_QUANTIZE, 0, "qkv"), 2);
    cr_assert_eq(count(o.plan, KERNEL_GEMM, 0, "qkv"), 2);
    done(&o);
}

Test(plan, adds_biases_only_where_the_file_has_them)
{
    struct tiny_model t = tiny_f32;
    struct planned o = plan_of(&t, &small);

    cr_assert_eq(count(o.plan, KERNEL_ADD, 0, "qkv"), 0);
    cr_assert_eq(count(o.plan, KERNEL_QUANTIZE, 0, "qkv"), 0);
    done(&o);
    t.biases = true;
    o = plan_of(&t, &small);
    cr_assert_eq(count(o.plan, KERNEL_ADD, 0, "qkv"), 3);
    cr_assert_eq(count(o.plan, KERNEL_ADD, 0, "attn_out"), 1);
    done(&o);
}

Test(plan, binds_token_counts_and_positions_into_the_calls)
{
    struct planned o = plan_of(&tiny_f32, &small);
    struct plan *p = o.plan;

    plan_bind_tokens(p, 100, 1);
    cr_assert_eq(count(p, KERNEL_GEMV, 0, "qkv"), 1);
    plan_bind_tokens(p, 70, 60);
    plan_bind_outputs(p, 10, 3);
    for (uint32_t i = 0; i < p->n_calls; i++) {
        const struct kernel_call *c = &p->calls[i].call;

        if (c->op == KERNEL_ATTENTION) {
            cr_assert_eq(c->i[KERNEL_I_POS], 70);
            cr_assert_eq(c->i[KERNEL_I_N_KV], 130);
            cr_assert_eq(c->in[0].ne[2], 60);
            cr_assert_eq(c->in[2].ne[0], 3);
        }
        if (c->op == KERNEL_GEMM)
            cr_assert_eq(c->in[0].ne[1], i < p->n_body ? 60 : 3);
    }
    done(&o);
}

/* Wide enough that tilings change their minds on the way up. */
Test(plan, has_scratch_for_every_batch_size, .timeout = 60)
{
    const struct tiny_model t = {.embed = 512,
                                 .heads = 8,
                                 .kv_heads = 2,
                                 .ffn = 6144,
                                 .layers = 2,
                                 .vocab = 40,
                                 .context = 512,
                                 .type = KERNEL_Q4_K,
                                 .v_type = KERNEL_Q6_K};
    const struct plan_limits limits = {.n_context = 512,
                                       .micro_batch = 512,
                                       .n_outputs = 32,
                                       .n_threads = 2,
                                       .features = cpu_features(),
                                       .kv_type = KERNEL_F16};
    struct planned o = plan_of(&t, &limits);

    for (uint32_t n = 1; n <= 512; n++)
        for (uint32_t end = 0; end < 2; end++) {
            plan_bind_tokens(o.plan, end ? 512 - n : 0, n);
            plan_bind_outputs(o.plan, 0, (n - 1) % 32 + 1);
            for (uint32_t i = 0; i < o.plan->n_calls; i++) {
                struct kernel_tiling tiling;

                for (uint32_t team = 1; team <= 2; team++) {
                    cr_assert_eq(get_tiling_meta(o.plan->list[i], team, limits.features, &tiling),
                                 0);
                    cr_assert_leq(tiling.scratch_bytes, o.plan->scratch_bytes, "%s for %u",
                                  o.plan->calls[i].name, n);
                }
            }
        }
    done(&o);
}

Test(plan, refuses_limits_that_do_not_nest)
{
    struct planned o = plan_of(&tiny_f32, &small);
    struct plan_limits wrong = small;
    struct plan *p = NULL;

    wrong.micro_batch = 200;
    cr_assert_eq(plan_open(o.graph, &wrong, &p), ERR_RANGE);
    cr_assert(p == NULL);
    done(&o);
}
