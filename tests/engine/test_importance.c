/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quantize/importance.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "tests/engine/gguf_build.h"

#include <criterion/criterion.h>
#include <math.h>

static const struct gguf_tensor dense = {.name = "blk.0.ffn_up.weight", .ne = {4, 8, 1, 1}},
                                experts = {.name = "blk.0.ffn_up_exps.weight", .ne = {2, 8, 3, 1}},
                                absent = {.name = "blk.1.ffn_up.weight", .ne = {4, 8, 1, 1}};

static void file_make(const char *path)
{
    struct importance_sums *s;

    cr_assert_eq(importance_sums_open(&s), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(importance_sums_add(s, dense.name, 4, 1, 0, (float[]){1, -2, 0, 3}), 0);
    cr_assert_eq(importance_sums_add(s, experts.name, 2, 3, 1, (float[]){1, 1}), 0);
    cr_assert_eq(importance_sums_add(s, experts.name, 2, 3, 2, (float[]){1, 3}), 0);
    cr_expect_eq(importance_sums_n_matrices(s), 2);
    cr_assert_eq(importance_sums_write(s, path, "some.txt", 5, 512), 0, "%s", err_message());
    importance_sums_close(&s);
}

Test(importance, comes_back_as_weights_of_mean_one)
{
    char folder[512], path[600];
    struct importance *m;
    struct gguf_tensor other = dense;
    float w[4];

    temp_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/m.gguf", folder);
    file_make(path);
    cr_assert_eq(importance_open(path, &m), 0, "%s", err_message());
    cr_assert_eq(importance_row(m, &dense, 0, w), 1);
    cr_expect(fabsf(w[0] - 1 / 3.5f) < 1e-6f && fabsf(w[1] - 4 / 3.5f) < 1e-6f && w[2] == 1e-3f &&
              fabsf(w[3] - 9 / 3.5f) < 1e-6f);
    cr_expect_eq(importance_row(m, &experts, 0, w), 0, "an expert that no token chose");
    cr_assert_eq(importance_row(m, &experts, 2, w), 1);
    cr_expect(fabsf(w[0] - 0.2f) < 1e-6f && fabsf(w[1] - 1.8f) < 1e-6f);
    cr_expect_eq(importance_row(m, &absent, 0, w), 0);
    other.ne[0] = 8;
    cr_expect_eq(importance_row(m, &other, 0, w), ERR_FORMAT);
    cr_expect_not_null(strstr(err_message(), "another model"));
    importance_close(&m);
    file_remove_tree(folder);
}

/* The names and shapes that the field's tools look for. */
Test(importance, writes_the_format_of_the_field)
{
    char folder[512], path[600];
    const struct gguf_tensor *t;
    struct gguf_string s;
    struct gguf_file *f;
    int64_t v;

    temp_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/m.gguf", folder);
    file_make(path);
    cr_assert_eq(gguf_open(path, &f), 0, "%s", err_message());
    cr_expect(!gguf_get_string(f, "general.type", &s) && s.len == 7 &&
              !memcmp(s.data, "imatrix", 7));
    cr_expect(!gguf_get_int(f, "imatrix.chunk_count", &v) && v == 5);
    cr_expect(!gguf_get_int(f, "imatrix.chunk_size", &v) && v == 512);
    t = gguf_tensor_find(f, "blk.0.ffn_up.weight.in_sum2");
    cr_assert(t && t->type == KERNEL_F32 && t->ne[0] == 4 && t->ne[1] == 1);
    cr_expect(((const float *)t->data)[3] == 18);
    t = gguf_tensor_find(f, "blk.0.ffn_up_exps.weight.counts");
    cr_assert(t && t->ne[0] == 1 && t->ne[1] == 3);
    cr_expect(((const float *)t->data)[0] == 0 && ((const float *)t->data)[2] == 1);
    gguf_close(&f);
    file_remove_tree(folder);
}

Test(importance, refuses_what_is_none)
{
    char folder[512], path[600];
    struct gguf_writer *w;
    struct importance *m;

    temp_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/m.gguf", folder);
    cr_assert_eq(gguf_writer_open(path, &w), 0);
    cr_assert_eq(gguf_writer_finish(&w), 0);
    cr_expect_eq(importance_open(path, &m), ERR_FORMAT);
    cr_expect_null(m);
    cr_expect_not_null(strstr(err_message(), "no importance matrix"));
    file_make(path);
    {
        struct importance_sums *s;

        cr_assert_eq(importance_sums_open(&s), 0);
        cr_assert_eq(importance_sums_add(s, dense.name, 4, 1, 0, (float[]){1, INFINITY, 0, 3}), 0);
        cr_assert_eq(importance_sums_write(s, path, "", 1, 1), 0);
        importance_sums_close(&s);
    }
    cr_expect_eq(importance_open(path, &m), ERR_FORMAT);
    cr_expect_not_null(strstr(err_message(), "element 1 is inf"));
    cr_expect_lt(importance_open("no/such.gguf", &m), 0);
    file_remove_tree(folder);
}
