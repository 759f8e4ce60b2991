/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/layout_id.h"

#include "engine/model/weight_store.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static void weights_id(const struct tiny_model *t, uint64_t features, char hex[SHA256_HEX])
{
    struct gguf_file *f = NULL;
    struct graph *g = NULL;
    char path[64];

    tiny_model_write(t, path);
    cr_assert_eq(gguf_open(path, &f), 0, "%s", err_message());
    unlink(path);
    cr_assert_eq(graph_open(f, &g), 0, "%s", err_message());
    cr_assert_eq(layout_id_weights(g, features, hex), 0, "%s", err_message());
    graph_close(&g);
    gguf_close(&f);
}

Test(layout_id, of_weights_depends_on_types_names_and_shapes_but_not_on_their_values)
{
    struct tiny_model t = tiny_f32;
    char a[SHA256_HEX], b[SHA256_HEX];

    weights_id(&t, cpu_features(), a);
    weights_id(&t, cpu_features(), b);
    cr_assert_str_eq(a, b);
    t.spoilt = "blk.1.ffn_norm.weight";
    t.spoilt_value = 3;
    weights_id(&t, cpu_features(), b);
    cr_assert_str_eq(a, b);
    t.type = KERNEL_F16;
    weights_id(&t, cpu_features(), b);
    cr_assert_str_neq(a, b);
    t = tiny_f32;
    t.vocab++;
    weights_id(&t, cpu_features(), b);
    cr_assert_str_neq(a, b);
}

Test(layout_id, of_pages_depends_on_what_a_page_holds)
{
    struct kv_shape shape = {
        .type = KERNEL_F16, .head_dim = 64, .kv_heads = 2, .layers = 3, .n_pages = 5};
    char a[SHA256_HEX], b[SHA256_HEX];

    cr_assert_eq(kv_page_bytes(&shape, cpu_features(), &shape.page_bytes), 0);
    cr_assert_eq(layout_id_pages(&shape, cpu_features(), a), 0, "%s", err_message());
    shape.layers = 1;
    shape.n_pages = 9;
    cr_assert_eq(layout_id_pages(&shape, cpu_features(), b), 0, "%s", err_message());
    cr_assert_str_eq(a, b);
    shape.type = KERNEL_Q8_0;
    cr_assert_eq(kv_page_bytes(&shape, cpu_features(), &shape.page_bytes), 0);
    cr_assert_eq(layout_id_pages(&shape, cpu_features(), b), 0, "%s", err_message());
    cr_assert_str_neq(a, b);
}
