/* SPDX-License-Identifier: Apache-2.0
 *
 * quantize.c: `engine quantize`: a GGUF of f32, f16 or bf16 weights into one of a smaller format.
 * Metadata is copied as it is, but for the two keys that say how the file is quantised. */
#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "engine/quantize/encode.h"
#include "engine/gguf/gguf.h"

#include "reference/base/err.h"
#include "reference/formats.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* file_type: the values of general.file_type in the GGUF specification. */
struct recipe {
    const char *name;
    uint32_t type;   /* of every matrix */
    uint32_t better; /* of those that suffer most from rounding; equal to `type`: no difference */
    uint32_t file_type;
};

static const struct recipe recipes[] = {
    {"Q4_K_M", KERNEL_Q4_K, KERNEL_Q6_K, 15}, {"Q4_K", KERNEL_Q4_K, KERNEL_Q4_K, 14},
    {"Q5_K", KERNEL_Q5_K, KERNEL_Q5_K, 16},   {"Q6_K", KERNEL_Q6_K, KERNEL_Q6_K, 18},
    {"Q8_0", KERNEL_Q8_0, KERNEL_Q8_0, 7},
};

enum { GGML_QUANTIZATION_VERSION = 2 };

static const char usage[] =
    "usage: engine quantize IN.gguf OUT.gguf TYPE\n"
    "Writes the model with its matrices in a smaller format; rows that are no whole number of "
    "blocks\n"
    "keep their type, vectors become F32. Q4_K_M is Q4_K with Q6_K for the output matrix and for\n"
    "attn_v and ffn_down of about half the layers.\n";

struct quantize {
    const struct recipe *recipe;
    struct gguf_file *in;
    struct gguf_writer *out;
    int64_t n_layers;
    bool tied; /* the embedding is the output matrix too */
};

static bool is_float(uint32_t type)
{
    return type == KERNEL_F32 || type == KERNEL_F16 || type == KERNEL_BF16;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && !strcmp(s + n - m, end);
}

/* Where the mixed recipe spends its bits: the output matrix (the embedding when it serves as that),
 * and attn_v and ffn_down in the first eighth of the layers (rounded up), the last eighth, and
 * every third of those between: about half. Errors in these reach the result with the least
 * averaging. */
static bool deserves_better(const struct quantize *q, const char *name)
{
    int64_t layer, eighth = (q->n_layers + 7) / 8;

    if (!strcmp(name, "output.weight"))
        return true;
    if (!strcmp(name, "token_embd.weight"))
        return q->tied;
    if (!ends_with(name, ".attn_v.weight") && !ends_with(name, ".ffn_down.weight"))
        return false;
    if (sscanf(name, "blk.%" SCNd64 ".", &layer) != 1)
        return false;
    return layer < eighth || layer >= q->n_layers - eighth || (layer - eighth) % 3 == 2;
}

static uint32_t type_choose(const struct quantize *q, const struct gguf_tensor *t)
{
    uint32_t type = deserves_better(q, t->name) ? q->recipe->better : q->recipe->type;

    if (!is_float(t->type))
        return t->type;
    if (t->n_dims == 1)
        return KERNEL_F32;
    if (t->n_dims != 2 || !ends_with(t->name, ".weight") || t->ne[0] % format_find(type)->elements)
        return t->type;
    return type;
}

/* Encode tensor t as `type` into blocks. */
static int tensor_encode(const struct gguf_tensor *t, uint32_t type, unsigned char *blocks)
{
    const struct format *from = format_find(t->type), *to = format_find(type);
    size_t k = (size_t)t->ne[0], n_rows = (size_t)(t->ne[1] * t->ne[2] * t->ne[3]);
    size_t from_bytes = format_row_bytes(from, k), to_bytes = format_row_bytes(to, k);
    float *row = malloc(k * sizeof *row);
    encode_fn encode = encode_find(type);
    int rc = 0;

    if (!row)
        return err_set(ERR_NOMEM, "tensor %s: no memory", t->name);
    for (size_t r = 0; r < n_rows && !rc; r++) {
        format_row_dequantize(from, (const unsigned char *)t->data + r * from_bytes, k, row);
        for (size_t i = 0; i < k && !rc; i++)
            if (!isfinite(row[i]))
                rc = err_set(ERR_RANGE, "tensor %s: element %zu of row %zu is %f", t->name, i, r,
                             (double)row[i]);
        if (!rc)
            encode(row, k, blocks + r * to_bytes);
    }
    free(row);
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
            gguf_n_tensors(q->in), t->name, t->ne[0], t->ne[1], gguf_type_name(t->type),
            gguf_type_name(type));
    if (type == t->type)
        return gguf_writer_data(q->out, t->data, t->bytes);
    TRY(gguf_tensor_size(type, t->n_dims, t->ne, &bytes));
    blocks = malloc(bytes);
    if (!blocks)
        return err_set(ERR_NOMEM, "tensor %s: no memory for %zu bytes", t->name, bytes);
    rc = tensor_encode(t, type, blocks);
    if (!rc)
        rc = gguf_writer_data(q->out, blocks, bytes);
    free(blocks);
    return rc;
}

/* Read what the recipe's rule needs to know; refuse what cannot be quantised again. */
static int input_check(struct quantize *q)
{
    struct gguf_string architecture = {"", 0};
    char key[128];

    TRY(gguf_get_string(q->in, "general.architecture", &architecture));
    snprintf(key, sizeof key, "%.*s.block_count",
             (int)(architecture.len < 64 ? architecture.len : 64), architecture.data);
    TRY(gguf_get_int(q->in, key, &q->n_layers));
    q->tied = !gguf_tensor_find(q->in, "output.weight");
    for (size_t i = 0; i < gguf_n_tensors(q->in); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(q->in, i);

        if (!is_float(t->type) && format_find(t->type)->elements > 1)
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
    TRY(gguf_writer_set_u32(q->out, "general.file_type", q->recipe->file_type));
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

static int quantize_file(const char *in, const char *out, const struct recipe *recipe)
{
    struct quantize q = {.recipe = recipe};
    int rc = output_check(in, out);

    if (!rc)
        rc = gguf_open(in, &q.in);
    if (!rc)
        rc = input_check(&q);
    if (!rc)
        rc = gguf_writer_open(out, &q.out);
    if (!rc)
        rc = headers_write(&q);
    for (size_t i = 0; !rc && i < gguf_n_tensors(q.in); i++)
        rc = tensor_write(&q, i);
    if (!rc)
        rc = gguf_writer_finish(&q.out);
    if (!rc)
        summary_print(&q);
    gguf_writer_abandon(&q.out);
    gguf_close(&q.in);
    return rc;
}

/* ERR_USAGE for a name that is no recipe, with those that are. */
static int recipe_find(const char *name, const struct recipe **out)
{
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
        if (!strcmp(recipes[i].name, name)) {
            *out = &recipes[i];
            return 0;
        }
    return err_set(ERR_USAGE, "unknown type \"%s\": say Q4_K_M, Q4_K, Q5_K, Q6_K or Q8_0", name);
}

int quantize_main(int argc, char **argv)
{
    const char *in = NULL, *out = NULL, *type = NULL;
    const struct recipe *recipe = NULL;
    const struct option_spec specs[] = {
        {NULL, NULL, OPTION_TEXT, &in, 0, 0, "IN.gguf", "holds F32, F16 or BF16 weights"},
        {NULL, NULL, OPTION_TEXT, &out, 0, 0, "OUT.gguf", "written when all went well"},
        {NULL, NULL, OPTION_TEXT, &type, 0, 0, "TYPE", "Q4_K_M, Q4_K, Q5_K, Q6_K or Q8_0"},
    };
    int rc = options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);

    if (rc == 0 && !type)
        rc = err_set(ERR_USAGE, "IN.gguf, OUT.gguf and TYPE are needed (engine quantize --help)");
    if (rc == 0)
        rc = recipe_find(type, &recipe);
    if (rc == 0)
        rc = quantize_file(in, out, recipe);
    return rc < 0 ? command_fail(argv[0]) : 0;
}
