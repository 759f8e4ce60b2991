/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/graph.h"

#include "reference/base/err.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

struct opened {
    struct gguf_file *file;
    struct graph *graph;
    int rc;
};

static struct opened graph_of(const struct tiny_model *t)
{
    struct opened o = {0};
    char path[64];

    tiny_model_write(t, path);
    cr_assert_eq(gguf_open(path, &o.file), 0, "%s", err_message());
    unlink(path);
    o.rc = graph_open(o.file, &o.graph);
    return o;
}

static void done(struct opened *o)
{
    graph_close(&o->graph);
    gguf_close(&o->file);
}

/* Opening fails with `code`, and the message has both words in it. */
static void refuses(const struct tiny_model *t, int code, const char *first, const char *second)
{
    struct opened o = graph_of(t);

    cr_assert_eq(o.rc, code, "%s", err_message());
    cr_assert(o.graph == NULL);
    cr_assert(strstr(err_message(), first), "no \"%s\" in: %s", first, err_message());
    cr_assert(strstr(err_message(), second), "no \"%s\" in: %s", second, err_message());
    done(&o);
}

Test(graph, resolves_every_dimension_from_the_metadata)
{
    struct opened o = graph_of(&tiny_f32);
    const int64_t *d;

    cr_assert_eq(o.rc, 0, "%s", err_message());
    d = o.graph->dims;
    cr_assert_eq(d[DIM_EMBED], 48);
    cr_assert_eq(d[DIM_VOCAB], 40);
    cr_assert_eq(d[DIM_HEAD_DIM], 8);
    cr_assert_eq(d[DIM_ROPE], 8);
    cr_assert_eq(d[DIM_ROPE_PAIRS], 4);
    cr_assert_eq(d[DIM_Q_EMBED], 48);
    cr_assert_eq(d[DIM_KV_EMBED], 16);
    cr_assert_eq(d[DIM_CONTEXT], 160);
    done(&o);
}

Test(graph, lists_the_nodes_of_every_layer_in_order)
{
    struct opened o = graph_of(&tiny_f32);
    const struct graph *g = o.graph;
    int32_t layer = -1;

    cr_assert_eq(g->n_nodes, 1 + 3 * 13 + 2);
    cr_assert_eq(g->nodes[0].rule->op, ARCH_EMBED);
    for (uint32_t i = 1; i < g->n_nodes - 2; i++) {
        cr_assert(g->nodes[i].layer == layer || g->nodes[i].layer == layer + 1);
        layer = g->nodes[i].layer;
    }
    cr_assert_eq(layer, 2);
    done(&o);
}

Test(graph, serves_the_output_with_the_embedding_when_it_has_none_of_its_own)
{
    struct tiny_model separate = tiny_f32;
    struct opened tied = graph_of(&tiny_f32), own;
    const struct graph *g = tied.graph;

    separate.output = true;
    own = graph_of(&separate);
    cr_assert_eq(g->nodes[g->n_nodes - 1].weight[0], g->nodes[0].weight[0]);
    g = own.graph;
    cr_assert_neq(g->nodes[g->n_nodes - 1].weight[0], g->nodes[0].weight[0]);
    cr_assert_str_eq(g->weights[g->nodes[g->n_nodes - 1].weight[0]].source->name, "output.weight");
    done(&tied);
    done(&own);
}

Test(graph, names_the_known_architectures_when_it_meets_another)
{
    struct tiny_model t = tiny_f32;

    t.architecture = "parrot";
    refuses(&t, ERR_UNSUPPORTED, "parrot", "llama");
}

Test(graph, names_a_missing_key)
{
    struct tiny_model t = tiny_f32;

    t.without = "feed_forward_length";
    refuses(&t, ERR_FORMAT, "llama.feed_forward_length", "missing");
}

Test(graph, names_a_missing_tensor)
{
    struct tiny_model t = tiny_f32;

    t.without = "blk.2.ffn_up.weight";
    refuses(&t, ERR_FORMAT, "blk.2.ffn_up.weight", "missing");
}

Test(graph, shows_the_shape_a_tensor_has_and_the_one_it_should_have)
{
    struct tiny_model t = tiny_f32;

    t.misshapen = "blk.1.attn_k.weight";
    refuses(&t, ERR_FORMAT, "blk.1.attn_k.weight: its shape is [48, 17, 1, 1]",
            "[embed = 48, kv_embed = 16]");
}

Test(graph, refuses_heads_that_do_not_divide)
{
    struct tiny_model t = tiny_f32;

    t.heads = 5;
    refuses(&t, ERR_FORMAT, "embed 48", "heads 5");
    t = tiny_f32;
    t.kv_heads = 4;
    refuses(&t, ERR_FORMAT, "6 heads", "4 KV heads");
}

Test(graph, refuses_a_layer_count_the_file_cannot_have)
{
    struct tiny_model t = tiny_f32;
    struct opened o;
    struct gguf_writer *w = NULL;
    char path[64], copy[80];

    tiny_model_write(&t, path);
    cr_assert_eq(gguf_open(path, &o.file), 0);
    snprintf(copy, sizeof copy, "%s.huge", path);
    cr_assert_eq(gguf_writer_open(copy, &w), 0);
    for (size_t i = 0; i < gguf_n_kv(o.file); i++)
        cr_assert_eq(gguf_writer_add_kv(w, gguf_kv_at(o.file, i)), 0);
    cr_assert_eq(gguf_writer_set_u32(w, "llama.block_count", 200000000), 0);
    cr_assert_eq(gguf_writer_finish(&w), 0);
    gguf_close(&o.file);
    cr_assert_eq(gguf_open(copy, &o.file), 0);
    unlink(path);
    unlink(copy);
    cr_assert_eq(graph_open(o.file, &o.graph), ERR_FORMAT);
    cr_assert(strstr(err_message(), "200000000 layers"), "%s", err_message());
    gguf_close(&o.file);
}

Test(graph, names_the_key_of_a_value_no_model_has)
{
    static const struct {
        const char *u32_key;
        uint32_t u32_value;
        const char *f32_key;
        float f32_value;
        const char *message;
    } cases[] = {
        {"llama.attention.head_count", 0, NULL, 0, "llama.attention.head_count: heads is 0"},
        {"llama.embedding_length", 1u << 31, NULL, 0,
         "llama.embedding_length: embed is 2147483648"},
        {"llama.attention.head_count_kv", 0, NULL, 0, "llama.attention.head_count_kv: kv_heads"},
        {"llama.rope.dimension_count", 16, NULL, 0, "rotary dimensions 16 exceed the head size 8"},
        {"llama.rope.dimension_count", 7, NULL, 0, "rope is 7, which is odd"},
        {"llama.context_length", 0, NULL, 0, "llama.context_length: context is 0"},
        {"llama.attention.key_length", 1u << 28, NULL, 0, "q_embed is 1610612736"},
        {NULL, 0, "llama.embedding_length", 48, "llama.embedding_length is f32"},
        {NULL, 0, "llama.attention.layer_norm_rms_epsilon", NAN, "layer_norm_rms_epsilon is nan"},
        {NULL, 0, "llama.attention.layer_norm_rms_epsilon", -1, "layer_norm_rms_epsilon is -1"},
        {NULL, 0, "llama.attention.layer_norm_rms_epsilon", INFINITY, "rms_epsilon is inf"},
        {NULL, 0, "llama.rope.freq_base", INFINITY, "llama.rope.freq_base is inf"},
        {NULL, 0, "llama.rope.freq_base", NAN, "llama.rope.freq_base is nan"},
        {NULL, 0, "llama.rope.scale_linear", 0, "llama.rope.scale_linear is 0"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tiny_model t = tiny_f32;
        struct opened o;

        t.u32_key = cases[i].u32_key;
        t.u32_value = cases[i].u32_value;
        t.f32_key = cases[i].f32_key;
        t.f32_value = cases[i].f32_value;
        o = graph_of(&t);
        cr_expect_lt(o.rc, 0, "case %zu", i);
        cr_expect(strstr(err_message(), cases[i].message), "no \"%s\" in: %s", cases[i].message,
                  err_message());
        done(&o);
    }
}
