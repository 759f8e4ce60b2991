/* SPDX-License-Identifier: Apache-2.0
 *
 * engine imatrix: how large the activations are that meet each column of each weight matrix, over a
 * text; engine quantize weighs its errors with that. */
#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "engine/quantize/importance.h"
#include "engine/run/observe.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "reference/base/formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct imatrix {
    struct model_flags flags;
    const char *text_path, *out_path;
    int64_t window, n_windows; /* n_windows 0: all */

    struct engine_model *model;
    struct engine_session *session;
    struct importance_sums *sums;
    float *column; /* one activation vector, [n_column] */
    size_t n_column;
    struct strbuf text;
    int32_t *ids;
    size_t n_ids;
};

static const char usage[] =
    "usage: engine imatrix [-m FILE] -f TEXT -o OUT.gguf [--window W] [OPTION...]\n"
    "Runs a text through the model and writes, for every weight matrix of its layers, the sums of\n"
    "the squared activations that each column met: an importance matrix for engine quantize\n"
    "--imatrix, in the GGUF format that llama.cpp's tools read and write. Best from the "
    "unquantised\n"
    "model and some hundred thousand tokens of the kind of text that it is for. The text is cut\n"
    "into windows of W tokens, each begun anew with BOS in the place of its first token (when the\n"
    "model wants one). The output matrix is not looked at.\n";

static int imatrix_parse(struct imatrix *x, int argc, char **argv)
{
    const struct option_spec specs[] = {
        MODEL_OPTION_SPECS(&x->flags),
        {"--file", "-f", OPTION_TEXT, &x->text_path, 0, 0, "TEXT", "the text"},
        {"--output", "-o", OPTION_TEXT, &x->out_path, 0, 0, "OUT", "written when all went well"},
        {"--window", "-w", OPTION_INT, &x->window, 1, 1 << 24, "W",
         "tokens evaluated together (default 512)"},
        {"--windows", NULL, OPTION_INT, &x->n_windows, 1, 1 << 30, "N",
         "stop after N windows (default: all)"},
    };

    return options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);
}

/* --- looking --- */

/* Column `at` of an activation tensor as f32 [k], in x->column. */
static int column_read(struct imatrix *x, const struct kernel_tensor *t, const unsigned char *at)
{
    size_t k = (size_t)t->ne[0];

    if (k > x->n_column) {
        float *grown = realloc(x->column, k * sizeof *grown);

        if (!grown)
            return err_set(ERR_NOMEM, "no memory for %zu activations", k);
        x->column = grown;
        x->n_column = k;
    }
    format_row_dequantize(format_find(t->type), at, k, x->column);
    return 0;
}

/* The tensor's name in the file: of the whole one where the graph takes a part. */
static const char *weight_name(const struct plan *p, const struct plan_call *c, uint32_t input)
{
    return p->graph->weights[c->in[input].weight].source->name;
}

/* GEMV, GEMM: x [k, n], then matrices. */
static int product_add(struct imatrix *x, const struct plan *p, const struct plan_call *c)
{
    const struct kernel_tensor *in = &c->call.in[0];

    for (int64_t j = 0; j < in->ne[1]; j++) {
        TRY(column_read(x, in, (const unsigned char *)in->data + (size_t)j * in->nb[1]));
        for (uint32_t l = 1; l < c->call.n_in; l++)
            TRY(importance_sums_add(x->sums, weight_name(p, c, l), in->ne[0], 1, 0, x->column));
    }
    return 0;
}

/* GEMM_IDS: x [k, 1 or used, n], then matrices of all experts, ids [used, n]. */
static int experts_add(struct imatrix *x, const struct plan *p, const struct plan_call *c)
{
    const struct kernel_tensor *in = &c->call.in[0], *ids = &c->call.in[c->call.n_in - 1];

    for (int64_t j = 0; j < ids->ne[1]; j++)
        for (int64_t u = 0; u < ids->ne[0]; u++) {
            size_t at = (size_t)(in->ne[1] > 1 ? u : 0) * in->nb[1] + (size_t)j * in->nb[2];
            int32_t expert;

            memcpy(&expert,
                   (const unsigned char *)ids->data + (size_t)u * ids->nb[0] +
                       (size_t)j * ids->nb[1],
                   sizeof expert);
            TRY(column_read(x, in, (const unsigned char *)in->data + at));
            for (uint32_t l = 1; l + 1 < c->call.n_in; l++)
                TRY(importance_sums_add(x->sums, weight_name(p, c, l), in->ne[0],
                                        c->call.in[l].ne[2], expert, x->column));
        }
    return 0;
}

static int call_look(void *ctx, const struct plan *p, const struct plan_call *c, uint64_t ns)
{
    (void)ns;
    if (c->layer < 0)
        return 0;
    if (c->call.op == KERNEL_GEMV || c->call.op == KERNEL_GEMM)
        return product_add(ctx, p, c);
    return c->call.op == KERNEL_GEMM_IDS ? experts_add(ctx, p, c) : 0;
}

/* --- the command --- */

static int text_encode(struct imatrix *x)
{
    const struct tokenizer *t = engine_model_tokenizer(x->model);

    TRY(file_read(x->text_path, &x->text));
    TRY(tokenizer_encode(t, strbuf_str(&x->text), x->text.len, 0, &x->ids, &x->n_ids));
    if (!x->n_ids)
        return err_set(ERR_USAGE, "%s: the text is empty", x->text_path);
    return 0;
}

/* All whole windows; a text that fills none is one. Returns how many in *n. */
static int windows_run(struct imatrix *x, uint32_t *n)
{
    const struct tokenizer *t = engine_model_tokenizer(x->model);
    size_t window = (size_t)x->window < x->n_ids ? (size_t)x->window : x->n_ids;
    size_t all = x->n_ids / window;

    if (x->n_windows && (size_t)x->n_windows < all)
        all = (size_t)x->n_windows;
    for (size_t i = 0; i < all; i++) {
        if (tokenizer_add_bos(t) && tokenizer_bos(t) >= 0)
            x->ids[i * window] = tokenizer_bos(t);
        TRY(engine_session_truncate(x->session, 0));
        TRY(engine_session_eval(x->session, x->ids + i * window, window, NULL, NULL));
        fprintf(stderr, "window %zu of %zu\n", i + 1, all);
    }
    *n = (uint32_t)all;
    x->window = (int64_t)window;
    return 0;
}

static int imatrix_run(struct imatrix *x)
{
    uint32_t n;

    if (!x->text_path || !x->out_path)
        return err_set(ERR_USAGE, "-f TEXT and -o OUT.gguf are needed (engine imatrix --help)");
    if (!x->flags.n_context)
        x->flags.n_context = x->window;
    if (x->flags.n_context < x->window)
        return err_set(ERR_USAGE, "option --ctx: %lld is less than a window of %lld",
                       (long long)x->flags.n_context, (long long)x->window);
    TRY(model_flags_open(&x->flags, &x->model, &x->session));
    TRY(text_encode(x));
    TRY(importance_sums_open(&x->sums));
    session_observe(x->session, call_look, x);
    TRY(windows_run(x, &n));
    TRY(importance_sums_write(x->sums, x->out_path, x->text_path, n, (uint32_t)x->window));
    fprintf(stderr, "%s: %zu matrices, %u windows of %lld tokens\n", x->out_path,
            importance_sums_n_matrices(x->sums), n, (long long)x->window);
    return 0;
}

int imatrix_main(int argc, char **argv)
{
    struct imatrix x = {.window = 512};
    int rc = imatrix_parse(&x, argc, argv);

    if (rc == 0)
        rc = imatrix_run(&x);
    engine_session_close(&x.session);
    engine_model_close(&x.model);
    importance_sums_close(&x.sums);
    strbuf_deinit(&x.text);
    free(x.column);
    free(x.ids);
    return rc < 0 ? command_fail(argv[0]) : 0;
}
