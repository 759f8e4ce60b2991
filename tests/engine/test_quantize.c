/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/commands.h"
#include "engine/quantize/encode.h"
#include "engine/gguf/gguf.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/half.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"
#include "reference/base/formats.h"
#include "tests/engine/gguf_build.h"
#include "tests/engine/shared.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <sys/stat.h>

static double relative_rmse(const float *x, const float *y, size_t k)
{
    double error = 0, power = 0;

    for (size_t i = 0; i < k; i++) {
        error += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
        power += (double)x[i] * x[i];
    }
    return power > 0 ? sqrt(error / power) : sqrt(error);
}

enum { N_LAYERS = 8, N_MATRICES = 3 };
static const char *const matrices[N_MATRICES] = {"attn_q", "attn_v", "ffn_down"};

struct input {
    uint32_t type;
    bool output; /* a matrix of its own, not the embedding */
    float spoil; /* replaces one weight when it is no finite number */
};

static void input_add(struct gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                      const int64_t *ne)
{
    cr_assert_eq(gguf_writer_declare(w, name, type, n_dims, ne), 0, "%s", err_message());
}

static void input_data(struct gguf_writer *w, uint32_t type, size_t n, struct rng *r, float spoil)
{
    float *x = malloc(n * sizeof *x);
    unsigned char *bytes = malloc(n * sizeof *x);

    cr_assert(x && bytes);
    for (size_t i = 0; i < n; i++)
        x[i] = 0.05f * (float)rng_normal(r);
    if (!isfinite(spoil))
        x[n / 2] = spoil;
    encode_row(type, x, NULL, n, bytes);
    if (!isfinite(spoil) && type == KERNEL_F32)
        memcpy(bytes, x, n * sizeof *x);
    cr_assert_eq(gguf_writer_data(w, bytes, n * format_find(type)->bytes), 0, "%s", err_message());
    free(x);
    free(bytes);
}

static void input_write(const char *path, const struct input *in)
{
    static const char architecture[] = "\5\0\0\0\0\0\0\0llama";
    struct gguf_writer *w;
    struct rng r;
    char name[64];

    rng_init(&r, 13);
    cr_assert_eq(gguf_writer_open(path, &w), 0, "%s", err_message());
    gguf_writer_add_kv(w, &(struct gguf_kv){.key = {"general.architecture", 20},
                                            .type = GGUF_STRING,
                                            .count = 1,
                                            .value = (const unsigned char *)architecture,
                                            .bytes = 13});
    gguf_writer_set_u32(w, "llama.block_count", N_LAYERS);
    gguf_writer_set_u32(w, "general.file_type", 1);
    gguf_writer_set_u32(w, "test.kept", 4711);
    input_add(w, "token_embd.weight", in->type, 2, (int64_t[]){256, 4});
    input_add(w, "output_norm.weight", in->type, 1, (int64_t[]){256});
    input_add(w, "odd.weight", in->type, 2, (int64_t[]){100, 4});
    for (int l = 0; l < N_LAYERS; l++)
        for (int m = 0; m < N_MATRICES; m++) {
            snprintf(name, sizeof name, "blk.%d.%s.weight", l, matrices[m]);
            input_add(w, name, in->type, 2, (int64_t[]){256, 2});
        }
    if (in->output)
        input_add(w, "output.weight", in->type, 2, (int64_t[]){256, 4});
    input_data(w, in->type, 1024, &r, in->spoil);
    input_data(w, in->type, 256, &r, 0);
    input_data(w, in->type, 400, &r, 0);
    for (int i = 0; i < N_LAYERS * N_MATRICES; i++)
        input_data(w, in->type, 512, &r, 0);
    if (in->output)
        input_data(w, in->type, 1024, &r, 0);
    cr_assert_eq(gguf_writer_finish(&w), 0, "%s", err_message());
}

struct paths {
    char folder[512], in[600], out[600];
};

static struct paths paths_make(void)
{
    struct paths p;

    temp_folder(p.folder, sizeof p.folder);
    snprintf(p.in, sizeof p.in, "%s/in.gguf", p.folder);
    snprintf(p.out, sizeof p.out, "%s/out.gguf", p.folder);
    return p;
}

static int run(const char *in, const char *out, const char *type)
{
    char *argv[] = {(char *)(uintptr_t) "quantize", (char *)(uintptr_t)in, (char *)(uintptr_t)out,
                    (char *)(uintptr_t)type, NULL};

    return quantize_main(4, argv);
}

static uint32_t type_of(const struct gguf_file *f, const char *name)
{
    const struct gguf_tensor *t = gguf_tensor_find(f, name);

    cr_assert_not_null(t, "%s", name);
    return t->type;
}

/* First eighth (0), last eighth (7), every third between (3, 6). */
static void mix_check(const struct gguf_file *f, bool output)
{
    char name[64];

    cr_expect_eq(type_of(f, "token_embd.weight"), output ? KERNEL_Q4_K : KERNEL_Q6_K);
    if (output)
        cr_expect_eq(type_of(f, "output.weight"), KERNEL_Q6_K);
    for (int l = 0; l < N_LAYERS; l++)
        for (int m = 0; m < N_MATRICES; m++) {
            bool better = m > 0 && (l == 0 || l == 3 || l == 6 || l == 7);

            snprintf(name, sizeof name, "blk.%d.%s.weight", l, matrices[m]);
            cr_expect_eq(type_of(f, name), better ? KERNEL_Q6_K : KERNEL_Q4_K, "%s", name);
        }
}

Test(quantize, mixes_types_by_the_documented_rule)
{
    struct paths p = paths_make();
    int64_t v = 0;

    quiet();
    for (int output = 0; output < 2; output++) {
        struct gguf_file *f;

        input_write(p.in, &(struct input){.type = KERNEL_F16, .output = output});
        cr_assert_eq(run(p.in, p.out, "Q4_K_M"), 0, "%s", err_message());
        cr_assert_eq(gguf_open(p.out, &f), 0, "%s", err_message());
        mix_check(f, output);
        cr_expect_eq(type_of(f, "output_norm.weight"), KERNEL_F32);
        cr_expect_eq(type_of(f, "odd.weight"), KERNEL_F16);
        cr_expect(!gguf_get_int(f, "general.file_type", &v) && v == 15);
        cr_expect(!gguf_get_int(f, "general.quantization_version", &v) && v == 2);
        cr_expect(!gguf_get_int(f, "test.kept", &v) && v == 4711);
        gguf_close(&f);
    }
    file_remove_tree(p.folder);
}

Test(quantize, keeps_the_values_of_every_source_type)
{
    static const uint32_t sources[] = {KERNEL_F32, KERNEL_F16, KERNEL_BF16};
    static const struct {
        const char *name;
        double limit;
    } mixes[] = {{"F32", 0},      {"F16", 3e-4},   {"BF16", 3e-3},  {"Q8_0", 0.01},
                 {"Q6_K", 0.03},  {"Q5_K_M", .05}, {"Q5_K_S", .05}, {"Q5_1", .05},
                 {"Q5_0", .06},   {"Q4_K_M", 0.1}, {"Q4_K_S", 0.1}, {"IQ4_NL", 0.1},
                 {"IQ4_XS", 0.1}, {"Q4_1", 0.1},   {"Q4_0", 0.1},   {"Q3_K_L", 0.2},
                 {"Q3_K_M", 0.2}, {"Q3_K_S", 0.2}, {"Q2_K", 0.35},  {"Q2_K_S", 0.35},
                 {"TQ2_0", 0.5},  {"TQ1_0", 0.5}};
    struct paths p = paths_make();
    float x[256], y[256];

    quiet();
    for (size_t s = 0; s < 3; s++)
        for (size_t n = 0; n < sizeof mixes / sizeof *mixes; n++) {
            const struct gguf_tensor *a, *b;
            struct gguf_file *in, *out;

            input_write(p.in, &(struct input){.type = sources[s]});
            cr_assert_eq(run(p.in, p.out, mixes[n].name), 0, "%s", err_message());
            cr_assert(!gguf_open(p.in, &in) && !gguf_open(p.out, &out), "%s", err_message());
            for (size_t i = 0; i < gguf_n_tensors(in); i++) {
                a = gguf_tensor_at(in, i);
                b = gguf_tensor_at(out, i);
                cr_assert(!strcmp(a->name, b->name) && a->ne[0] == b->ne[0] &&
                          a->ne[1] == b->ne[1]);
                format_row_dequantize(format_find(a->type), a->data, (size_t)a->ne[0], x);
                format_row_dequantize(format_find(b->type), b->data, (size_t)b->ne[0], y);
                cr_expect_leq(relative_rmse(x, y, (size_t)a->ne[0]),
                              a->n_dims == 1 ? 0 : mixes[n].limit + (a->ne[0] == 100 ? 3e-4 : 0),
                              "%s %s", mixes[n].name, a->name);
            }
            gguf_close(&in);
            gguf_close(&out);
        }
    file_remove_tree(p.folder);
}

Test(quantize, writes_the_same_bytes_twice)
{
    struct strbuf first = {0}, second = {0};
    struct paths p = paths_make();

    quiet();
    input_write(p.in, &(struct input){.type = KERNEL_F32});
    cr_assert_eq(run(p.in, p.out, "Q4_K_M"), 0);
    cr_assert_eq(file_read(p.out, &first), 0);
    cr_assert_eq(run(p.in, p.out, "Q4_K_M"), 0);
    cr_assert_eq(file_read(p.out, &second), 0);
    cr_expect(first.len == second.len && !memcmp(first.data, second.data, first.len));
    strbuf_deinit(&first);
    strbuf_deinit(&second);
    file_remove_tree(p.folder);
}

Test(quantize, refuses_what_it_cannot_do_and_leaves_no_file)
{
    struct paths p = paths_make();

    quiet();
    input_write(p.in, &(struct input){.type = KERNEL_F32, .spoil = NAN});
    cr_expect_eq(run(p.in, p.out, "Q4_K"), 1);
    cr_expect_not_null(strstr(err_message(), "token_embd.weight"));
    cr_expect_neq(access(p.out, F_OK), 0);
    input_write(p.in, &(struct input){.type = KERNEL_F32});
    cr_expect_eq(run(p.in, p.out, "Q3_K_XL"), 2);
    cr_expect_not_null(strstr(err_message(), "TQ1_0"));
    cr_expect_eq(run("no/such.gguf", p.out, "Q4_K"), 1);
    cr_assert_eq(run(p.in, p.out, "Q8_0"), 0);
    cr_expect_eq(run(p.out, p.in, "Q4_K"), 1);
    cr_expect_not_null(strstr(err_message(), "is Q8_0 already"));
    cr_expect_eq(run(p.out, p.out, "Q4_K"), 2);
    cr_expect_not_null(strstr(err_message(), "is the input itself"));
    cr_assert(!unlink(p.out) && !mkfifo(p.out, 0600));
    cr_expect_eq(run(p.in, p.out, "Q4_K"), 1);
    cr_expect_not_null(strstr(err_message(), "not a regular file"));
    cr_assert(!unlink(p.in) && !unlink(p.out));
    cr_expect_eq(rmdir(p.folder), 0, "something was left in %s", p.folder);
}
