/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/logits_file.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "tests/engine/gguf_build.h"

#include <criterion/criterion.h>
#include <math.h>

static const struct logits_shape shape = {.window = 5, .n_vocab = 3, .n_windows = 2};
static const int32_t ids[10] = {0, 1, 2, 0, 1, 2, 2, 2, 1, 0};

/* Two records for each window of five: of tokens 2 and 3. */
static void file_make(const char *path)
{
    struct logits_writer *w;

    cr_assert_eq(logits_writer_open(path, &shape, ids, &w), 0, "%s", err_message());
    for (int i = 0; i < 4; i++)
        cr_assert_eq(logits_writer_add(w, (float[]){(float)i, 0, -40}), 0);
    cr_assert_eq(logits_writer_finish(w), 0, "%s", err_message());
    logits_writer_close(&w);
}

Test(logits_file, comes_back_as_log_probabilities)
{
    char folder[512], path[600];
    struct logits_reader *r;
    float p[3];

    temp_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/l.bin", folder);
    file_make(path);
    cr_assert_eq(logits_reader_open(path, &r), 0, "%s", err_message());
    cr_expect(!memcmp(logits_reader_shape(r), &shape, sizeof shape));
    cr_expect(!memcmp(logits_reader_ids(r), ids, sizeof ids));
    for (int i = 0; i < 4; i++) {
        double lse = log(exp(i) + 1 + exp(-40));

        cr_assert_eq(logits_reader_next(r, p), 0);
        cr_expect_lt(fabs(p[0] - (i - lse)), 16.0 / 65535, "%d: %g", i, (double)p[0]);
        cr_expect_lt(fabs(p[1] - (0 - lse)), 16.0 / 65535);
        cr_expect_lt(fabs(p[2] - (i - 16 - lse)), 1e-5, "the floor lies 16 below the likeliest");
    }
    cr_expect_eq(logits_reader_next(r, p), ERR_FORMAT);
    logits_reader_close(&r);
    file_remove_tree(folder);
}

/* The bytes that llama.cpp's tool expects: written down from its description. */
Test(logits_file, has_the_layout_of_the_field)
{
    struct strbuf s = {0};
    char folder[512], path[600];
    float head[2];
    uint16_t codes[4];
    int32_t v[3];

    temp_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/l.bin", folder);
    file_make(path);
    cr_assert_eq(file_read(path, &s), 0);
    cr_assert_eq(s.len, 8 + 12 + 40 + 4 * (8 + 8));
    cr_expect(!memcmp(s.data, "_logits_", 8));
    memcpy(v, s.data + 8, sizeof v);
    cr_expect(v[0] == 5 && v[1] == 3 && v[2] == 2);
    memcpy(head, s.data + 60, sizeof head);
    memcpy(codes, s.data + 68, sizeof codes);
    cr_expect(fabsf(head[0] - 16.0f / 65535) < 1e-9f, "0, 0, -40: a range of 16");
    cr_expect(fabs(head[1] - (-16 - log(2))) < 1e-5);
    cr_expect(codes[0] == 65535 && codes[1] == 65535 && codes[2] == 0 && codes[3] == 0);
    strbuf_deinit(&s);
    file_remove_tree(folder);
}

static void spoil(const char *path, size_t at, const void *bytes, size_t n, size_t len,
                  const char *why)
{
    struct logits_reader *r = NULL;
    struct strbuf s = {0};

    file_make(path);
    cr_assert_eq(file_read(path, &s), 0);
    memcpy(s.data + at, bytes, n);
    cr_assert_eq(file_write_atomic(path, s.data, len ? len : s.len), 0);
    cr_expect_eq(logits_reader_open(path, &r), ERR_FORMAT);
    cr_expect_null(r);
    cr_expect(strstr(err_message(), why), "%s", err_message());
    strbuf_deinit(&s);
}

Test(logits_file, refuses_what_is_none)
{
    const int32_t huge = INT32_MAX, one = 1, outside = 3, negative = -1;
    struct logits_reader *r;
    char folder[512], path[600];

    temp_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/l.bin", folder);
    spoil(path, 0, "GGUF", 4, 0, "no logits file");
    spoil(path, 0, "", 0, 100, "are what its head says");
    spoil(path, 0, "", 0, 10, "ends too early");
    spoil(path, 8, &huge, 4, 0, "head says");
    spoil(path, 8, &one, 4, 0, "cannot be");
    spoil(path, 12, &huge, 4, 0, "head says");
    spoil(path, 16, &negative, 4, 0, "cannot be");
    spoil(path, 20, &outside, 4, 0, "token 0 is 3");
    cr_expect_eq(logits_reader_open("no/such.bin", &r), ERR_IO);
    file_remove_tree(folder);
}

Test(logits_file, leaves_nothing_when_abandoned)
{
    struct logits_writer *w;
    char folder[512], path[600];

    temp_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/l.bin", folder);
    cr_assert_eq(logits_writer_open(path, &shape, ids, &w), 0);
    logits_writer_close(&w);
    cr_expect_eq(rmdir(folder), 0);
    cr_expect_lt(logits_writer_open("no/such/l.bin", &shape, ids, &w), 0);
    cr_expect_null(w);
}
