/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/gguf/gguf.h"
#include "engine/quantize/encode.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/half.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"
#include "reference/base/formats.h"
#include "tests/engine/shared.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>

/* Formats with blocks. record: relative RMS error on the real weights of source.f32, what our search
 * has reached, rounded up in the fourth digit; a change that gives some of it back has to say so
 * here. gauss: a fiftieth above what a Gaussian costs. worst: what an easy grid may cost. */
static const struct {
    uint32_t type;
    double record, gauss, worst;
} types[] = {
    {KERNEL_Q4_0, 0.08141, 0.0824, 0.05},   {KERNEL_Q4_1, 0.07648, 0.0703, 8e-3},
    {KERNEL_Q5_0, 0.04110, 0.0407, 0.03},   {KERNEL_Q5_1, 0.03591, 0.0338, 8e-3},
    {KERNEL_Q8_0, 0.005510, 0.0055, 8e-3},  {KERNEL_Q2_K, 0.2813, 0.2636, 0.26},
    {KERNEL_Q3_K, 0.1488, 0.146, 0.15},     {KERNEL_Q4_K, 0.07675, 0.0707, 8e-3},
    {KERNEL_Q5_K, 0.03601, 0.0348, 8e-3},   {KERNEL_Q6_K, 0.016025, 0.017, 8e-3},
    {KERNEL_IQ4_NL, 0.07460, 0.0747, 0.07}, {KERNEL_IQ4_XS, 0.07482, 0.0752, 0.07},
    {KERNEL_TQ1_0, 0.4684, 0.443, 0.41},    {KERNEL_TQ2_0, 0.4684, 0.443, 0.41},
};
enum { N_TYPES = sizeof types / sizeof *types };

/* Encode x[0..k) as `type` and decode it into y. */
static void there_and_back(uint32_t type, const float *x, const float *w, size_t k, float *y)
{
    const struct format *f = format_find(type);
    unsigned char *blocks = malloc(format_row_bytes(f, k));

    cr_assert_not_null(blocks);
    encode_row(type, x, w, k, blocks);
    format_row_dequantize(f, blocks, k, y);
    free(blocks);
}

static double relative_rmse(const float *x, const float *y, size_t k)
{
    double error = 0, power = 0;

    for (size_t i = 0; i < k; i++) {
        error += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
        power += (double)x[i] * x[i];
    }
    return power > 0 ? sqrt(error / power) : sqrt(error);
}

/* What the manifest says the field's own encoder reaches on the same weights. */
static double manifest_rmse(uint32_t type)
{
    char path[4096];
    json_t *manifest;
    double v;

    shared_path(path, sizeof path, "vectors/quant/manifest.json");
    manifest = json_load_file(path, 0, NULL);
    cr_assert_not_null(manifest);
    v = json_number_value(
        json_object_get(json_object_get(manifest, gguf_type_name(type)), "rel_rmse_real_weights"));
    json_decref(manifest);
    cr_assert_gt(v, 0);
    return v;
}

static void source_read(float *x, size_t n)
{
    struct strbuf source = {0};
    char path[4096];

    shared_require();
    shared_path(path, sizeof path, "vectors/quant/source.f32");
    cr_assert_eq(file_read(path, &source), 0, "%s", err_message());
    cr_assert_geq(source.len, n * sizeof *x);
    memcpy(x, strbuf_str(&source), n * sizeof *x);
    strbuf_deinit(&source);
}

enum { REAL = 24576 }; /* real weights at the start of source.f32, then 16384 of a Gaussian */

Test(encode, loses_less_than_the_field_on_real_weights)
{
    static float x[REAL], y[REAL];

    source_read(x, REAL);
    for (size_t i = 0; i < N_TYPES; i++) {
        const char *name = gguf_type_name(types[i].type);
        double ours;

        there_and_back(types[i].type, x, NULL, REAL, y);
        ours = relative_rmse(x, y, REAL);
        cr_expect_leq(ours, types[i].record, "%s: %.6f", name, ours);
        if (types[i].type != KERNEL_TQ1_0 && types[i].type != KERNEL_TQ2_0)
            cr_expect_leq(ours, manifest_rmse(types[i].type), "%s: %.6f", name, ours);
    }
}

#define F16_ROUNDING 5e-4 /* of a scale: what decides between two encodings that are nearly exact */

/* The whole source, edge rows too, against the blocks that the field's encoder made of it. */
Test(encode, loses_less_than_the_blocks_of_others)
{
    enum { ALL = 43008, EDGE = 40960 };
    static float x[ALL], y[ALL], z[ALL];
    struct strbuf blocks = {0};
    char path[4096];

    source_read(x, ALL);
    for (size_t i = 0; i < N_TYPES; i++) {
        const char *name = gguf_type_name(types[i].type);

        shared_path(path, sizeof path, "vectors/quant/%s.q.blocks", name);
        if (access(path, R_OK))
            continue;
        strbuf_clear(&blocks);
        cr_assert_eq(file_read(path, &blocks), 0, "%s", err_message());
        format_row_dequantize(format_find(types[i].type), strbuf_str(&blocks), ALL, z);
        there_and_back(types[i].type, x, NULL, ALL, y);
        cr_expect_leq(relative_rmse(x, y, EDGE), relative_rmse(x, z, EDGE), "%s", name);
        for (size_t row = EDGE; row < ALL; row += 256)
            cr_expect_leq(relative_rmse(x + row, y + row, 256),
                          1.01 * relative_rmse(x + row, z + row, 256) + F16_ROUNDING,
                          "%s: edge row %zu", name, (row - EDGE) / 256);
    }
    strbuf_deinit(&blocks);
}

/* Columns of very different importance: the weighted error falls, the plain one may not. */
Test(encode, spends_its_precision_where_it_counts)
{
    static float x[8192], w[8192], plain[8192], weighted[8192];
    struct rng r;

    rng_init(&r, 17);
    for (size_t i = 0; i < 8192; i++) {
        x[i] = 0.02f * (float)rng_normal(&r);
        w[i] = i % 16 == 3 ? 14 : 0.1333f;
    }
    for (size_t i = 0; i < N_TYPES; i++) {
        double e[2] = {0, 0};

        if (types[i].type == KERNEL_Q8_0)
            continue; /* its scale is the peak's */
        there_and_back(types[i].type, x, NULL, 8192, plain);
        there_and_back(types[i].type, x, w, 8192, weighted);
        for (size_t j = 0; j < 8192; j++) {
            e[0] += w[j] * pow((double)x[j] - plain[j], 2);
            e[1] += w[j] * pow((double)x[j] - weighted[j], 2);
        }
        cr_expect_lt(e[1], 0.95 * e[0], "%s: %g -> %g", gguf_type_name(types[i].type), e[0], e[1]);
    }
}

Test(encode, loses_little_on_gaussian_weights)
{
    static float x[16384], y[16384];
    struct rng r;

    rng_init(&r, 11);
    for (size_t i = 0; i < 16384; i++)
        x[i] = 0.02f * (float)rng_normal(&r);
    for (size_t i = 0; i < N_TYPES; i++) {
        there_and_back(types[i].type, x, NULL, 16384, y);
        cr_expect_leq(relative_rmse(x, y, 16384), types[i].gauss, "%s: %g",
                      gguf_type_name(types[i].type), relative_rmse(x, y, 16384));
    }
}

Test(encode, represents_what_the_format_can_represent)
{
    float x[256], y[256];

    for (size_t i = 0; i < N_TYPES; i++) {
        memset(x, 0, sizeof x);
        there_and_back(types[i].type, x, NULL, 256, y);
        cr_expect(!memcmp(x, y, sizeof x), "%s: zeros", gguf_type_name(types[i].type));
        for (int c = 0; c < 2; c++) {
            for (int j = 0; j < 256; j++)
                x[j] = c ? -0.5f : 0.5f;
            there_and_back(types[i].type, x, NULL, 256, y);
            cr_expect_leq(relative_rmse(x, y, 256), 1e-3, "%s: constant %g",
                          gguf_type_name(types[i].type), (double)x[0]);
        }
        for (int j = 0; j < 256; j++) /* a grid of sixteen values around zero */
            x[j] = 0.25f * (float)(j * 7 % 16 - 8);
        there_and_back(types[i].type, x, NULL, 256, y);
        cr_expect_leq(relative_rmse(x, y, 256), types[i].worst, "%s: grid",
                      gguf_type_name(types[i].type));
    }
}

/* Whatever finite numbers come in, finite ones come out, of the right sign where it matters. */
Test(encode, survives_any_finite_weights)
{
    float x[256], y[256];
    struct rng r;

    rng_init(&r, 12);
    for (int round = 0; round < 300; round++) {
        double exponent = rng_uniform(&r) * 250 - 125;

        for (int j = 0; j < 256; j++)
            x[j] = (float)(rng_normal(&r) * exp2(exponent + rng_uniform(&r) * (round % 16)));
        for (int j = 0; j < 256; j++)
            x[j] = isfinite(x[j]) ? x[j] : 3e38f;
        for (size_t i = 0; i < N_TYPES; i++) {
            there_and_back(types[i].type, x, NULL, 256, y);
            for (int j = 0; j < 256; j++)
                cr_assert(isfinite(y[j]), "%s round %d: %g -> %g", gguf_type_name(types[i].type),
                          round, (double)x[j], (double)y[j]);
        }
    }
}

Test(encode, narrow_floats_are_rounded_to_nearest)
{
    float x[4] = {1.0f, -0.1f, 70000.0f, 1e-9f}, y[4];

    there_and_back(KERNEL_F16, x, NULL, 4, y);
    cr_expect(y[0] == 1 && y[1] == half_to_float(half_from_float(-0.1f)) && y[2] == 65504 &&
              y[3] == 0);
    there_and_back(KERNEL_BF16, x, NULL, 4, y);
    cr_expect(y[0] == 1 && fabsf(y[1] + 0.1f) < 4e-4f);
    there_and_back(KERNEL_F32, x, NULL, 4, y);
    cr_expect(!memcmp(x, y, sizeof x));
    cr_expect(!encode_knows(KERNEL_Q8_K) && !encode_knows(KERNEL_I8));
}

/* What is ternary stays what it is. */
Test(encode, ternary_weights_are_kept_exactly)
{
    static const uint32_t ternary[] = {KERNEL_TQ1_0, KERNEL_TQ2_0};
    float x[512], y[512];
    struct rng r;

    rng_init(&r, 18);
    for (int i = 0; i < 512; i++)
        x[i] = 0.375f * (float)((int)rng_below(&r, 3) - 1);
    for (int t = 0; t < 2; t++) {
        there_and_back(ternary[t], x, NULL, 512, y);
        cr_expect(!memcmp(x, y, sizeof x), "%s", gguf_type_name(ternary[t]));
    }
}
