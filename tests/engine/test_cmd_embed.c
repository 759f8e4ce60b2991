/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/commands.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "tests/engine/arch_small.h"
#include "tests/engine/gguf_build.h"

#include <criterion/criterion.h>
#include <math.h>

struct folder {
    char path[512], model[600], in[600], out[600];
};

static struct folder folder_make(void)
{
    struct arch_model m = arch_small(arch_model_find("nomic-bert"));
    struct folder d;

    temp_folder(d.path, sizeof d.path);
    snprintf(d.model, sizeof d.model, "%s/model.gguf", d.path);
    snprintf(d.in, sizeof d.in, "%s/in.txt", d.path);
    snprintf(d.out, sizeof d.out, "%s/out.txt", d.path);
    cr_assert_eq(arch_model_write(&m, arch_types_find("F32"), NULL, d.model), 0, "%s",
                 err_message());
    return d;
}

/* Exit status of `engine embed -m MODEL args...`; its stdout in *out. */
static int run(const struct folder *d, const char *const *args, struct strbuf *out)
{
    const char *argv[16] = {"embed", "-m", d->model};
    int argc = 3, status;

    while (*args)
        argv[argc++] = *args++;
    strbuf_clear(out);
    cr_assert_not_null(freopen(d->out, "w", stdout));
    quiet();
    status = embed_main(argc, (char **)(uintptr_t)argv);
    fflush(stdout);
    cr_assert_eq(file_read(d->out, out), 0);
    return status;
}

#define RUN(d, out, ...) run(d, (const char *const[]){__VA_ARGS__, NULL}, out)

/* Numbers of the line at *at, which goes on to the next. */
static size_t line_read(const char **at, float *out)
{
    size_t n = 0;

    while (**at && **at != '\n') {
        char *end;

        out[n++] = strtof(*at, &end);
        cr_assert(end != *at);
        *at = end;
    }
    *at += **at == '\n';
    return n;
}

Test(cmd_embed, prints_a_line_of_length_1_for_each_text)
{
    struct folder d = folder_make();
    struct strbuf out = {0};
    float x[2][1024];
    const char *at;

    cr_assert_eq(RUN(&d, &out, "hello world", "hello"), 0);
    at = out.data;
    for (int line = 0; line < 2; line++) {
        double squares = 0;

        cr_assert_eq(line_read(&at, x[line]), 128);
        for (int i = 0; i < 128; i++)
            squares += (double)x[line][i] * (double)x[line][i];
        cr_assert_float_eq(squares, 1, 1e-5);
    }
    cr_assert_eq(*at, '\0');
    cr_assert_arr_neq(x[0], x[1], sizeof(float) * 128);
    cr_assert_eq(RUN(&d, &out, "--raw", "--pooling", "cls", "hello"), 0);
    at = out.data;
    cr_assert_eq(line_read(&at, x[0]), 128);
    file_remove_tree(d.path);
    strbuf_deinit(&out);
}

Test(cmd_embed, reads_lines_where_no_text_is_given)
{
    struct folder d = folder_make();
    struct strbuf given = {0}, read = {0};

    cr_assert_eq(RUN(&d, &given, "hello world", "hello"), 0);
    cr_assert_eq(file_write_atomic(d.in, "hello world\nhello", 17), 0);
    cr_assert_not_null(freopen(d.in, "r", stdin));
    cr_assert_eq(RUN(&d, &read, "--threads", "1"), 0);
    cr_assert_str_eq(read.data, given.data);
    file_remove_tree(d.path);
    strbuf_deinit(&given);
    strbuf_deinit(&read);
}

Test(cmd_embed, refuses_another_pooling)
{
    struct folder d = folder_make();
    struct strbuf out = {0};

    cr_assert_eq(RUN(&d, &out, "--pooling", "best", "hello"), 2);
    cr_assert_eq(out.len, 0);
    file_remove_tree(d.path);
    strbuf_deinit(&out);
}

Test(cmd_graph, shows_a_model_that_gives_embeddings_too)
{
    struct folder d = folder_make();
    char *argv[] = {(char *)(uintptr_t) "graph", d.model, NULL};
    struct strbuf out = {0};

    cr_assert_not_null(freopen(d.out, "w", stdout));
    cr_assert_eq(graph_main(2, argv), 0);
    fflush(stdout);
    cr_assert_eq(file_read(d.out, &out), 0);
    cr_assert(strstr(out.data, "architecture nomic-bert"));
    cr_assert(strstr(out.data, "attention    in both directions"));
    cr_assert(strstr(out.data, "blk.1.attn_qkv.weight              F32   [embed 128, kv_embed 128] "
                               "from qk_embed 256 on"));
    cr_assert(strstr(out.data, "x -> final"));
    file_remove_tree(d.path);
    strbuf_deinit(&out);
}
