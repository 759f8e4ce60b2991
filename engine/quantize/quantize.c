/* SPDX-License-Identifier: Apache-2.0
 *
 * quantize.c: `engine quantize`: a GGUF of f32, f16 or bf16 weights into one of a smaller format.
 * Metadata is copied as it is, but for the two keys that say how the file is quantised. */
#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "engine/gguf/gguf.h"
#include "engine/quantize/encode.h"
#include "engine/quantize/importance.h"
#include "engine/quantize/mix.h"
#include "engine/run/team.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"
#include "reference/base/formats.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { GGML_QUANTIZATION_VERSION = 2, MAX_THREADS = 512 };

static const char usage[] =
    "usage: engine quantize IN.gguf OUT.gguf TYPE [--imatrix FILE] [--pure] [-t T]\n"
    "Writes the model with its matrices in a smaller format; vectors become F32. TYPE is one of\n"
    "%s.\n\n"
    "Most matrices get the type of that name; the output matrix gets Q6_K, and the mixes (_S, _M,\n"
    "_L, Q2_K, IQ4) give attn_v, attn_output and ffn_down of some layers more bits, as other\n"
    "tools' mixes of the same names do. --pure: one type for all. Rows that are no whole number\n"
    "of blocks get the nearest type with smaller blocks, at last F16. An importance matrix "
    "(engine\n"
    "imatrix) says which columns meet large activations: their errors count more.\n";

struct quantize {
    const char *in_path, *out_path, *type_name, *imatrix_path;
    bool pure;
    int64_t n_threads;

    const struct mix *mix;
    struct mix_model model;
    struct gguf_file *in;
    struct gguf_writer *out;
    struct importance *importance; /* NULL: none */
};

static uint32_t type_choose(const struct quantize *q, const struct gguf_tensor *t)
{
    return mix_type(q->mix, &q->model, q->pure, t);
}

/* --- one tensor --- */

/* Rows [first, last) of a tensor, one thread's share. */
struct share {
    const struct gguf_tensor *t;
    const struct importance *importance;
    uint32_t type;
    size_t first, last;
    unsigned char *blocks; /* of the whole tensor */
    int rc;
    char message[256]; /* err_message() of that thread */
};

static int row_check(const struct gguf_tensor *t, size_t r, const float *row)
{
    for (int64_t i = 0; i < t->ne[0]; i++)
        if (!isfinite(row[i]))
            return err_set(ERR_RANGE, "tensor %s: element %" PRId64 " of row %zu is %f", t->name, i,
                           r, (double)row[i]);
    return 0;
}

/* row, weights: [k] scratch */
static int rows_encode(const struct share *s, float *row, float *weights)
{
    const struct gguf_tensor *t = s->t;
    const struct format *from = format_find(t->type), *to = format_find(s->type);
    size_t k = (size_t)t->ne[0], per_expert = (size_t)t->ne[1];
    size_t from_bytes = format_row_bytes(from, k), to_bytes = format_row_bytes(to, k);
    int weighted = 0;

    for (size_t r = s->first; r < s->last; r++) {
        if (s->importance && (r == s->first || r % per_expert == 0)) {
            weighted = importance_row(s->importance, t, (int64_t)(r / per_expert), weights);
            TRY(weighted);
        }
        format_row_dequantize(from, (const unsigned char *)t->data + r * from_bytes, k, row);
        TRY(row_check(t, r, row));
        encode_row(s->type, row, weighted ? weights : NULL, k, s->blocks + r * to_bytes);
    }
    return 0;
}

static void *share_encode(void *arg)
{
    struct share *s = arg;
    float *scratch = malloc(2 * (size_t)s->t->ne[0] * sizeof *scratch);

    s->rc = scratch ? rows_encode(s, scratch, scratch + s->t->ne[0])
                    : err_set(ERR_NOMEM, "tensor %s: no memory", s->t->name);
    if (s->rc < 0)
        snprintf(s->message, sizeof s->message, "%s", err_message());
    free(scratch);
    return NULL;
}

/* Encode tensor t as `type` into blocks, its rows shared out among the threads. */
static int tensor_encode(const struct quantize *q, const struct gguf_tensor *t, uint32_t type,
                         unsigned char *blocks)
{
    size_t n_rows = (size_t)(t->ne[1] * t->ne[2] * t->ne[3]);
    size_t n = n_rows < (size_t)q->n_threads ? n_rows : (size_t)q->n_threads;
    struct share shares[MAX_THREADS];
    pthread_t threads[MAX_THREADS];
    bool started[MAX_THREADS];
    int rc = 0;

    for (size_t i = 0; i < n; i++) {
        shares[i] = (struct share){.t = t,
                                   .importance = q->importance,
                                   .type = type,
                                   .first = n_rows * i / n,
                                   .last = n_rows * (i + 1) / n,
                                   .blocks = blocks};
        started[i] = i > 0 && !pthread_create(&threads[i], NULL, share_encode, &shares[i]);
    }
    for (size_t i = 0; i < n; i++) {
        if (started[i])
            pthread_join(threads[i], NULL);
        else
            share_encode(&shares[i]);
        if (shares[i].rc < 0 && !rc)
            rc = err_set((enum err)shares[i].rc, "%s", shares[i].message);
    }
    return rc;
}

static int tensor_write(struct quantize *q, size_t index)
{
    const struct gguf_tensor *t = gguf_tensor_at(q->in, index);
    uint32_t type = type_choose(q, t);
    unsigned char *blocks;
    size_t bytes;
    int rc;

    fprintf(stderr, "[%3zu/%3zu] %-32s %5" PRId64 " x %-6" PRId64 " %4s -> %s\n", index + 1,
            gguf_n_tensors(q->in), t->name, t->ne[0], t->ne[1] * t->ne[2] * t->ne[3],
            gguf_type_name(t->type), gguf_type_name(type));
    if (type == t->type)
        return gguf_writer_data(q->out, t->data, t->bytes);
    TRY(gguf_tensor_size(type, t->n_dims, t->ne, &bytes));
    blocks = malloc(bytes);
    if (!blocks)
        return err_set(ERR_NOMEM, "tensor %s: no memory for %zu bytes", t->name, bytes);
    rc = tensor_encode(q, t, type, blocks);
    if (!rc)
        rc = gguf_writer_data(q->out, blocks, bytes);
    free(blocks);
    return rc;
}

/* --- the file --- */

/* What is quantised already has lost what a second rounding would need. */
static int input_check(const struct quantize *q)
{
    for (size_t i = 0; i < gguf_n_tensors(q->in); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(q->in, i);

        if (format_find(t->type)->elements > 1)
            return err_set(ERR_UNSUPPORTED,
                           "tensor %s is %s already; quantize starts from F32, F16 or BF16",
                           t->name, gguf_type_name(t->type));
    }
    return 0;
}

static int headers_write(struct quantize *q)
{
    for (size_t i = 0; i < gguf_n_kv(q->in); i++)
        TRY(gguf_writer_add_kv(q->out, gguf_kv_at(q->in, i)));
    TRY(gguf_writer_set_u32(q->out, "general.file_type", q->mix->file_type));
    TRY(gguf_writer_set_u32(q->out, "general.quantization_version", GGML_QUANTIZATION_VERSION));
    for (size_t i = 0; i < gguf_n_tensors(q->in); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(q->in, i);

        TRY(gguf_writer_declare(q->out, t->name, type_choose(q, t), t->n_dims, t->ne));
    }
    return 0;
}

/* "Q4_K 31 tensors, Q6_K 5 tensors, ..." and the bytes before and after. */
static void summary_print(const struct quantize *q)
{
    size_t before = 0, after = 0, n_weights = 0;

    for (uint32_t type = 0; type <= KERNEL_TQ2_0; type++) {
        size_t n = 0, bytes = 0, one;

        for (size_t i = 0; i < gguf_n_tensors(q->in); i++) {
            const struct gguf_tensor *t = gguf_tensor_at(q->in, i);

            if (type_choose(q, t) != type || gguf_tensor_size(type, t->n_dims, t->ne, &one))
                continue;
            n++;
            bytes += one;
            before += t->bytes;
            n_weights += (size_t)(t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3]);
        }
        if (n)
            fprintf(stderr, "%-6s %4zu tensors %12zu bytes\n", gguf_type_name(type), n, bytes);
        after += bytes;
    }
    fprintf(stderr, "tensors: %zu bytes -> %zu bytes (%.2f bits per weight)\n", before, after,
            n_weights ? 8.0 * (double)after / (double)n_weights : 0.0);
}

/* The result takes OUT's place, and what rounding lost would be lost for good. */
static int output_check(const char *in, const char *out)
{
    struct stat a, b;

    if (stat(in, &a) || stat(out, &b) || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
        return 0;
    return err_set(ERR_USAGE, "%s is the input itself: name another OUT.gguf", out);
}

static int quantize_run(struct quantize *q)
{
    TRY(output_check(q->in_path, q->out_path));
    TRY(gguf_open(q->in_path, &q->in));
    if (q->imatrix_path)
        TRY(importance_open(q->imatrix_path, &q->importance));
    TRY(mix_model_read(q->in, q->importance, &q->model));
    TRY(input_check(q));
    TRY(gguf_writer_open(q->out_path, &q->out));
    TRY(headers_write(q));
    for (size_t i = 0; i < gguf_n_tensors(q->in); i++)
        TRY(tensor_write(q, i));
    TRY(gguf_writer_finish(&q->out));
    summary_print(q);
    return 0;
}

/* --- the command --- */

static int quantize_parse(struct quantize *q, int argc, char **argv)
{
    struct strbuf names = {0}, help = {0};
    const struct option_spec specs[] = {
        {NULL, NULL, OPTION_TEXT, &q->in_path, 0, 0, "IN.gguf", "holds F32, F16 or BF16 weights"},
        {NULL, NULL, OPTION_TEXT, &q->out_path, 0, 0, "OUT.gguf", "written when all went well"},
        {NULL, NULL, OPTION_TEXT, &q->type_name, 0, 0, "TYPE", "see above"},
        {"--imatrix", NULL, OPTION_TEXT, &q->imatrix_path, 0, 0, "FILE", "importance matrix"},
        {"--pure", NULL, OPTION_FLAG, &q->pure, 0, 0, NULL, "all matrices in one type"},
        {"--threads", "-t", OPTION_INT, &q->n_threads, 1, MAX_THREADS, "T",
         "threads (default: one per performance core)"},
    };
    int rc;

    mix_names(&names);
    strbuf_addf(&help, usage, strbuf_str(&names));
    rc = options_parse(specs, sizeof specs / sizeof *specs, strbuf_str(&help), argc, argv);
    if (rc == 0 && !q->type_name)
        rc = err_set(ERR_USAGE, "IN.gguf, OUT.gguf and TYPE are needed (engine quantize --help)");
    if (rc == 0 && !(q->mix = mix_find(q->type_name)))
        rc = err_set(ERR_USAGE, "unknown type \"%s\": say one of %s", q->type_name,
                     strbuf_str(&names));
    strbuf_deinit(&names);
    strbuf_deinit(&help);
    return rc;
}

int quantize_main(int argc, char **argv)
{
    struct quantize q = {.n_threads = 0};
    int rc = quantize_parse(&q, argc, argv);

    if (rc == 0 && !q.n_threads)
        q.n_threads = team_default_threads();
    if (rc == 0)
        rc = quantize_run(&q);
    gguf_writer_abandon(&q.out);
    importance_close(&q.importance);
    gguf_close(&q.in);
    return rc < 0 ? command_fail(argv[0]) : 0;
}
