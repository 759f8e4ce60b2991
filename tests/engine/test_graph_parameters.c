/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/graph.h"

#include "engine/model/model.h"
#include "reference/base/err.h"
#include "tests/engine/arch_small.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct opened {
    struct gguf_file *file;
    struct graph *graph;
    int rc;
};

static void path_make(char path[64])
{
    int fd;

    snprintf(path, 64, "/tmp/pawl-parameters-XXXXXX");
    fd = mkstemp(path);
    cr_assert(fd >= 0);
    close(fd);
}

/* The small model `name` with one key more or another value of it (NULL: none), and one more tensor
 * (NULL: none). */
static struct opened graph_of(const char *name, const struct gguf_kv *kv, const char *tensor)
{
    const int64_t ne[] = {4, 1};
    struct arch_model m = arch_small(arch_model_find(name));
    struct gguf_writer *w = NULL;
    struct gguf_file *plain;
    struct opened o = {0};
    char path[64];

    path_make(path);
    cr_assert_eq(arch_model_write(&m, arch_types_find("F32"), NULL, path), 0);
    cr_assert_eq(gguf_open(path, &plain), 0);
    unlink(path);
    cr_assert_eq(gguf_writer_open(path, &w), 0);
    for (size_t i = 0; i < gguf_n_kv(plain); i++)
        cr_assert_eq(gguf_writer_add_kv(w, gguf_kv_at(plain, i)), 0);
    if (kv)
        cr_assert_eq(gguf_writer_add_kv(w, kv), 0);
    for (size_t i = 0; i < gguf_n_tensors(plain); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(plain, i);

        cr_assert_eq(gguf_writer_declare(w, t->name, t->type, t->n_dims, t->ne), 0);
    }
    if (tensor)
        cr_assert_eq(gguf_writer_declare(w, tensor, KERNEL_F32, 2, ne), 0);
    for (size_t i = 0; i < gguf_n_tensors(plain); i++)
        cr_assert_eq(
            gguf_writer_data(w, gguf_tensor_at(plain, i)->data, gguf_tensor_at(plain, i)->bytes),
            0);
    if (tensor)
        cr_assert_eq(gguf_writer_data(w, (const float[4]){0}, 16), 0);
    cr_assert_eq(gguf_writer_finish(&w), 0);
    gguf_close(&plain);
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

static struct gguf_kv kv_u32(const char *key, const uint32_t *value)
{
    return (struct gguf_kv){.key = {key, strlen(key)},
                            .type = GGUF_U32,
                            .element_type = GGUF_U32,
                            .count = 1,
                            .value = (const unsigned char *)value,
                            .bytes = sizeof *value};
}

static struct gguf_kv kv_f32(const char *key, const float *value)
{
    return (struct gguf_kv){.key = {key, strlen(key)},
                            .type = GGUF_F32,
                            .element_type = GGUF_F32,
                            .count = 1,
                            .value = (const unsigned char *)value,
                            .bytes = sizeof *value};
}

static struct gguf_kv kv_bools(const char *key, const char *values, size_t n)
{
    return (struct gguf_kv){.key = {key, strlen(key)},
                            .type = GGUF_ARRAY,
                            .element_type = GGUF_BOOL,
                            .count = n,
                            .value = (const unsigned char *)values,
                            .bytes = n};
}

/* The first node of operation `op` in `layer`. */
static const struct graph_node *node_of(const struct opened *o, enum arch_op op, int32_t layer)
{
    cr_assert_eq(o->rc, 0, "%s", err_message());
    for (uint32_t i = 0; i < o->graph->n_nodes; i++)
        if (o->graph->nodes[i].rule->op == op && o->graph->nodes[i].layer == layer)
            return &o->graph->nodes[i];
    cr_assert_fail("no such node");
    return NULL;
}

static void refuses(const char *name, const struct gguf_kv *kv, const char *tensor, int code,
                    const char *words)
{
    struct opened o = graph_of(name, kv, tensor);

    cr_expect_eq(o.rc, code, "%s", err_message());
    cr_expect(strstr(err_message(), words), "no \"%s\" in: %s", words, err_message());
    done(&o);
}

Test(graph_parameters, gives_windows_to_all_layers_but_the_last_of_a_period)
{
    struct opened gemma3 = graph_of("gemma3", NULL, NULL);

    for (int32_t layer = 0; layer < 7; layer++) {
        cr_assert_eq(node_of(&gemma3, ARCH_ATTENTION, layer)->window > 0, layer != 5);
        cr_assert_eq(node_of(&gemma3, ARCH_ROPE, layer)->rope, layer != 5);
    }
    cr_assert_eq(gemma3.graph->ropes[1].base, 10000);
    cr_assert_neq(gemma3.graph->ropes[0].base, 10000);
    done(&gemma3);
}

Test(graph_parameters, takes_the_layers_with_windows_from_the_file)
{
    static const char layers[] = {0, 1, 1, 0, 0, 1, 0};
    struct gguf_kv kv = kv_bools("gemma3.attention.sliding_window_pattern", layers, 7);
    struct opened o = graph_of("gemma3", &kv, NULL);
    uint32_t period = 2;

    for (int32_t layer = 0; layer < 7; layer++)
        cr_assert_eq(node_of(&o, ARCH_ATTENTION, layer)->window > 0, layers[layer]);
    done(&o);
    kv = kv_u32("gemma3.attention.sliding_window_pattern", &period);
    o = graph_of("gemma3", &kv, NULL);
    for (int32_t layer = 0; layer < 7; layer++)
        cr_assert_eq(node_of(&o, ARCH_ATTENTION, layer)->window > 0, layer % 2 == 0);
    done(&o);
    kv = kv_bools("gemma3.attention.sliding_window_pattern", layers, 6);
    refuses("gemma3", &kv, NULL, ERR_FORMAT, "sliding_window_pattern is no array of one bool");
}

Test(graph_parameters, gives_every_layer_of_mistral_a_window_that_its_file_names)
{
    uint32_t window = 77;
    struct gguf_kv kv = kv_u32("llama.attention.sliding_window", &window);
    struct opened with = graph_of("mistral", &kv, NULL), without = graph_of("mistral", NULL, NULL);

    for (int32_t layer = 0; layer < 3; layer++) {
        cr_assert_eq(node_of(&with, ARCH_ATTENTION, layer)->window, 77);
        cr_assert_eq(node_of(&without, ARCH_ATTENTION, layer)->window, 0);
    }
    done(&with);
    done(&without);
}

Test(graph_parameters, caps_what_the_architecture_or_the_file_says)
{
    float none = 0;
    struct gguf_kv kv = kv_f32("gemma2.final_logit_softcapping", &none);
    struct opened capped = graph_of("gemma2", NULL, NULL), plain = graph_of("gemma2", &kv, NULL);

    cr_assert_gt(node_of(&capped, ARCH_SOFTCAP, -1)->softcap, 0);
    cr_assert_gt(node_of(&capped, ARCH_ATTENTION, 0)->softcap, 0);
    cr_assert_eq(plain.graph->n_nodes, capped.graph->n_nodes - 1);
    done(&capped);
    done(&plain);
}

Test(graph_parameters, refuses_what_would_be_run_wrongly)
{
    static const char spiral[] = "\6\0\0\0\0\0\0\0spiral";
    struct gguf_kv kv = {.key = {"llama.rope.scaling.type", 23},
                         .type = GGUF_STRING,
                         .element_type = GGUF_STRING,
                         .count = 1,
                         .value = (const unsigned char *)spiral,
                         .bytes = sizeof spiral - 1};
    uint32_t used = 9;
    float nan = NAN;

    refuses("llama", &kv, NULL, ERR_UNSUPPORTED, "known are none, linear, yarn and longrope");
    refuses("llama", NULL, "blk.1.attn_sinks.weight", ERR_UNSUPPORTED,
            "tensor blk.1.attn_sinks.weight: architecture llama has no use for it");
    kv = kv_u32("llama.expert_used_count", &used);
    refuses("mixtral", &kv, NULL, ERR_FORMAT, "9 experts used of 8");
    used = 0;
    refuses("mixtral", &kv, NULL, ERR_FORMAT, "0 experts used of 8");
    kv = kv_f32("gemma2.attn_logit_softcapping", &nan);
    refuses("gemma2", &kv, NULL, ERR_FORMAT, "gemma2.attn_logit_softcapping is nan");
}

Test(graph_parameters, knows_how_far_learned_positions_reach)
{
    struct opened o = graph_of("gpt2", NULL, NULL);
    struct engine_options wanted = {.n_context = 513}, got;

    cr_assert_eq(o.rc, 0, "%s", err_message());
    cr_assert_eq(o.graph->n_learned, 512);
    cr_assert_eq(model_options_resolve(&wanted, o.graph, &got), ERR_RANGE);
    cr_assert(strstr(err_message(), "has learned 512"), "%s", err_message());
    wanted.n_context = 512;
    cr_assert_eq(model_options_resolve(&wanted, o.graph, &got), 0);
    done(&o);
}
