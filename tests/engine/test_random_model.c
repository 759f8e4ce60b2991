/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/random_model.h"

#include "engine/engine.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "tests/engine/gguf_build.h"

static const struct random_model small = {.embed = 256,
                                          .ffn = 512,
                                          .heads = 4,
                                          .kv_heads = 2,
                                          .layers = 3,
                                          .context = 64,
                                          .vocab = 300,
                                          .seed = 5};

static void written(char folder[64], char path[80])
{
    temp_folder(folder, 64);
    snprintf(path, 80, "%s/random.gguf", folder);
    cr_assert_eq(random_model_write(&small, path), 0, "%s", err_message());
}

static void type_check(const struct gguf_file *f, const char *name, uint32_t type, int64_t cols,
                       int64_t rows)
{
    const struct gguf_tensor *t = gguf_tensor_find(f, name);

    cr_assert_not_null(t, "%s", name);
    cr_assert_eq(t->type, type, "%s", name);
    cr_assert_eq(t->ne[0], cols, "%s", name);
    cr_assert_eq(t->ne[1], rows, "%s", name);
}

Test(random_model, has_the_shapes_and_types_of_the_recipe)
{
    char folder[64], path[80];
    struct gguf_file *f;

    written(folder, path);
    cr_assert_eq(gguf_open(path, &f), 0, "%s", err_message());
    cr_assert_eq(gguf_n_tensors(f), 3 + 9 * 3);
    type_check(f, "token_embd.weight", KERNEL_Q4_K, 256, 300);
    type_check(f, "output.weight", KERNEL_Q6_K, 256, 300);
    type_check(f, "output_norm.weight", KERNEL_F32, 256, 1);
    type_check(f, "blk.0.attn_k.weight", KERNEL_Q4_K, 256, 128);
    /* Three layers: an eighth of them is none, the last one starts at 7 * 3 / 8 = 2. */
    type_check(f, "blk.1.attn_v.weight", KERNEL_Q4_K, 256, 128);
    type_check(f, "blk.2.attn_v.weight", KERNEL_Q6_K, 256, 128);
    type_check(f, "blk.2.ffn_down.weight", KERNEL_Q6_K, 512, 256);
    type_check(f, "blk.2.ffn_gate.weight", KERNEL_Q4_K, 256, 512);
    gguf_close(&f);
    file_remove_tree(folder);
}

Test(random_model, is_the_same_bytes_every_time)
{
    char folder[64], path[80], again[80];
    struct strbuf a = {0}, b = {0};

    written(folder, path);
    snprintf(again, sizeof again, "%s/again.gguf", folder);
    cr_assert_eq(random_model_write(&small, again), 0);
    cr_assert_eq(file_read(path, &a), 0);
    cr_assert_eq(file_read(again, &b), 0);
    cr_assert_eq(a.len, b.len);
    cr_assert_eq(memcmp(a.data, b.data, a.len), 0);
    strbuf_deinit(&a);
    strbuf_deinit(&b);
    file_remove_tree(folder);
}

/* Finite, of a spread that a softmax can work with, and different after another token. */
Test(random_model, runs_in_the_engine)
{
    const struct engine_options o = {.features = cpu_features(), .n_threads = 1};
    const int32_t ids[] = {1, 280, 290, 299};
    struct engine_session *s;
    struct engine_model *m;
    char folder[64], path[80];
    double squares = 0, changes = 0;
    float before[300];

    written(folder, path);
    cr_assert_eq(engine_model_open(path, &o, &m), 0, "%s", err_message());
    cr_assert_eq(engine_session_open(m, &s), 0, "%s", err_message());
    cr_assert_eq(engine_model_n_vocab(m), 300);
    cr_assert_eq(engine_session_eval(s, ids, 3, NULL, NULL), 0, "%s", err_message());
    memcpy(before, engine_session_logits(s), sizeof before);
    cr_assert_eq(engine_session_eval(s, ids + 3, 1, NULL, NULL), 0, "%s", err_message());
    for (int i = 0; i < 300; i++) {
        double change = (double)engine_session_logits(s)[i] - before[i];

        squares += (double)before[i] * before[i];
        changes += change * change;
    }
    cr_assert(squares / 300 > 0.5 && squares / 300 < 20, "mean square %g", squares / 300);
    cr_assert(changes / 300 > 0.5, "mean square of the change %g", changes / 300);
    engine_session_close(&s);
    engine_model_close(&m);
    file_remove_tree(folder);
}

Test(random_model, refuses_what_no_block_can_hold)
{
    struct random_model odd = small;

    odd.ffn = 500;
    cr_assert_eq(random_model_write(&odd, "/dev/null"), ERR_USAGE);
    odd = small;
    odd.vocab = 258;
    cr_assert_eq(random_model_write(&odd, "/dev/null"), ERR_USAGE);
}
