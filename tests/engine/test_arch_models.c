/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/arch_models.h"

#include "engine/gguf/gguf.h"
#include "kernel/kernel.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "tests/engine/gguf_build.h"

static struct gguf_file *written(const char *folder, const char *name, const char *types)
{
    const struct arch_model *m = arch_model_find(name);
    const struct arch_types *t = arch_types_find(types);
    struct gguf_file *f;
    char path[80];

    cr_assert_not_null(m, "%s", name);
    cr_assert_not_null(t, "%s", types);
    snprintf(path, sizeof path, "%s/model.gguf", folder);
    cr_assert_eq(arch_model_write(m, t, NULL, path), 0, "%s: %s", name, err_message());
    cr_assert_eq(gguf_open(path, &f), 0, "%s: %s", name, err_message());
    return f;
}

static void tensor_check(const struct gguf_file *f, const char *name, uint32_t type, int64_t ne0,
                         int64_t ne1, int64_t ne2)
{
    const struct gguf_tensor *t = gguf_tensor_find(f, name);

    cr_assert_not_null(t, "%s", name);
    cr_assert_eq(t->type, type, "%s", name);
    cr_assert(t->ne[0] == ne0 && t->ne[1] == ne1 && t->ne[2] == ne2, "%s", name);
}

/* Rows are whole blocks of every type, so that each model can have each. */
Test(arch_models, can_all_be_written)
{
    char folder[64];

    temp_folder(folder, sizeof folder);
    for (size_t i = 0; i < n_arch_models; i++) {
        struct gguf_file *f = written(folder, arch_models[i].name, "Q4_K_M");
        struct gguf_string architecture;

        cr_assert_eq(gguf_get_string(f, "general.architecture", &architecture), 0);
        cr_assert_eq(architecture.len, strlen(arch_models[i].architecture));
        tensor_check(f, "token_embd.weight", KERNEL_Q4_K, arch_models[i].extents[M_EMBED], 512, 1);
        gguf_close(&f);
    }
    file_remove_tree(folder);
}

Test(arch_models, have_the_shapes_of_their_structure)
{
    char folder[64];
    struct gguf_file *f;

    temp_folder(folder, sizeof folder);
    f = written(folder, "qwen2moe", "Q4_K_M");
    tensor_check(f, "blk.2.attn_k.bias", KERNEL_F32, 256, 1, 1);
    tensor_check(f, "blk.2.ffn_gate_inp.weight", KERNEL_F32, 256, 16, 1);
    tensor_check(f, "blk.2.ffn_up_exps.weight", KERNEL_Q4_K, 256, 256, 16);
    tensor_check(f, "blk.2.ffn_down_exps.weight", KERNEL_Q6_K, 256, 256, 16);
    tensor_check(f, "blk.2.ffn_gate_inp_shexp.weight", KERNEL_F32, 256, 1, 1);
    tensor_check(f, "blk.2.attn_output.weight", KERNEL_Q4_K, 256, 256, 1);
    gguf_close(&f);
    f = written(folder, "phi3-long", "Q8_0");
    tensor_check(f, "blk.1.attn_qkv.weight", KERNEL_Q8_0, 768, 1536, 1);
    tensor_check(f, "blk.1.ffn_up.weight", KERNEL_Q8_0, 768, 2048, 1);
    tensor_check(f, "rope_factors_long.weight", KERNEL_F32, 48, 1, 1);
    cr_assert_null(gguf_tensor_find(f, "blk.2.attn_qkv.weight"));
    gguf_close(&f);
    file_remove_tree(folder);
}

Test(arch_models, are_the_same_bytes_every_time)
{
    struct strbuf a = {0}, b = {0};
    char folder[64], path[80];
    struct gguf_file *f;

    temp_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/model.gguf", folder);
    f = written(folder, "gemma3", "Q6_K");
    gguf_close(&f);
    cr_assert_eq(file_read(path, &a), 0);
    f = written(folder, "gemma3", "Q6_K");
    gguf_close(&f);
    cr_assert_eq(file_read(path, &b), 0);
    cr_assert(a.len == b.len && !memcmp(a.data, b.data, a.len));
    strbuf_deinit(&a);
    strbuf_deinit(&b);
    file_remove_tree(folder);
}

Test(arch_models, names_that_are_not_there_are_not_found)
{
    cr_assert_null(arch_model_find("llama4"));
    cr_assert_null(arch_types_find("Q1_0"));
}
