/* SPDX-License-Identifier: Apache-2.0
 *
 * generate.c: instances of matrix operations. Every generator declares its buffers, allocates,
 * fills the inputs by pattern and lists the steps that lead to the last one, which is checked and
 * timed. */
#include "reference/operators.h"

#include "reference/base/err.h"
#include "reference/rounding.h"

#include <stdlib.h>
#include <string.h>

static int64_t param(const struct problem_instance *in, const char *key, int64_t fallback)
{
    return problem_param(in->c, key, fallback);
}

/* --- gemv, gemm, get_rows --- */

uint32_t problem__matmul_list(const struct problem_case *c, int64_t m[3])
{
    static const char *const keys[3] = {"m", "m2", "m3"};
    uint32_t n = 0;

    while (n < 3 && (m[n] = problem_param(c, keys[n], 0)) > 0)
        n++;
    return n;
}

static int weights_check(const struct problem_instance *in, const struct format **f)
{
    int64_t k = param(in, "k", 0), m = param(in, "m", 0);

    *f = format_find((uint32_t)param(in, "type", -1));
    if (!*f || !(*f)->dequantize_block)
        return err_set(ERR_USAGE, "case %s: parameter type is no weight format", in->c->name);
    if (m < 1 || k < 1 || k % (*f)->elements)
        return err_set(ERR_USAGE, "case %s: k must be a multiple of %u and m at least 1",
                       in->c->name, (*f)->elements);
    return 0;
}

static void fill_weights(struct problem_instance *in, struct rng *r, const struct format *f,
                         uint32_t buffer)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;

    for (int64_t row = 0; row < t->ne[1]; row++)
        problem__fill_weights(r, in->pattern, f, problem__row(in, buffer, (size_t)row),
                              (size_t)t->ne[0], (size_t)row);
}

/* Activation blocks, rounded here by the reference: gemv and gemm are judged on their own. */
static int fill_activations(struct problem_instance *in, struct rng *r, uint32_t buffer)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;
    const struct format *f = format_find(t->type);
    size_t k = (size_t)t->ne[0], chunk = f->elements == 1 ? KERNEL_QK_32 : f->elements;
    float *x = malloc(k * sizeof *x);

    if (!x)
        return err_set(ERR_NOMEM, "%s: no memory for activations", in->c->name);
    for (int64_t j = 0; j < t->ne[1]; j++) {
        /* A probe is in the weights: ordinary activations let it through. */
        problem__fill(r, in->pattern == PROBLEM_PROBE ? PROBLEM_RANDOM : in->pattern, x, k, chunk);
        rounding_activations(t->type, x, k, problem__row(in, buffer, (size_t)j));
    }
    free(x);
    if (in->pattern == PROBLEM_NONFINITE)
        problem__spoil_rows(in, r, buffer);
    return 0;
}

int problem__matmul_generate(struct problem_instance *in, struct rng *r)
{
    static const char *const names[3][3] = {
        {"W", "W2", "W3"}, {"packed", "packed2", "packed3"}, {"y", "y2", "y3"}};
    int64_t k = param(in, "k", 0), n = param(in, "n", 1), m[3];
    uint32_t x, w[3], packed[3], y[3], n_w = problem__matmul_list(in->c, m);
    const struct format *f;
    struct problem_step *s;

    TRY(weights_check(in, &f));
    x = problem__buffer_add(in, "x", PROBLEM_INPUT, f->activation, k, n, 1);
    problem__buffer_pad(in, x, (size_t)param(in, "x_pad", 0));
    for (uint32_t l = 0; l < n_w; l++) {
        w[l] = problem__buffer_add(in, names[0][l], PROBLEM_INPUT, f->type, k, m[l], 1);
        packed[l] = problem__packed_add(in, names[1][l], w[l]);
        y[l] = problem__buffer_add(in, names[2][l], PROBLEM_OUTPUT, KERNEL_F32, m[l], n, 1);
    }
    TRY(problem__instance_allocate(in));
    TRY(fill_activations(in, r, x));
    for (uint32_t l = 0; l < n_w; l++) {
        fill_weights(in, r, f, w[l]);
        s = problem__step_add(in, KERNEL_PACK);
        problem__step_in(s, w[l]);
        problem__step_out(s, packed[l]);
    }
    s = problem__step_add(in, strcmp(in->c->op, "gemv") ? KERNEL_GEMM : KERNEL_GEMV);
    problem__step_in(s, x);
    for (uint32_t l = 0; l < n_w; l++) {
        problem__step_in(s, packed[l]);
        problem__step_out(s, y[l]);
    }
    return 0;
}

int problem__get_rows_generate(struct problem_instance *in, struct rng *r)
{
    int64_t k = param(in, "k", 0), m = param(in, "m", 0), n = param(in, "n", 1);
    uint32_t w, packed, ids, y;
    const struct format *f;
    struct problem_step *s;
    int32_t *id;

    TRY(weights_check(in, &f));
    w = problem__buffer_add(in, "W", PROBLEM_INPUT, f->type, k, m, 1);
    packed = problem__packed_add(in, "packed", w);
    ids = problem__buffer_add(in, "ids", PROBLEM_INPUT, KERNEL_I32, n, 1, 1);
    y = problem__buffer_add(in, "y", PROBLEM_OUTPUT, KERNEL_F32, k, n, 1);
    TRY(problem__instance_allocate(in));
    fill_weights(in, r, f, w);
    id = in->buffers[ids].tensor.data;
    for (int64_t j = 0; j < n; j++)
        id[j] = (int32_t)rng_below(r, (uint64_t)m);
    id[n - 1] = (int32_t)(m - 1); /* the last row borders on the packer's padding */
    s = problem__step_add(in, KERNEL_PACK);
    problem__step_in(s, w);
    problem__step_out(s, packed);
    s = problem__step_add(in, KERNEL_GET_ROWS);
    problem__step_in(s, packed);
    problem__step_in(s, ids);
    problem__step_out(s, y);
    return 0;
}

/* --- quantize --- */

/* Blocks whose amax is just below, at and just above the threshold, and products that fall half way
 * between two codes (amax = 127: the inverse is 1, so x = q + 1/2 is a tie). */
static void plant_edges(struct rng *r, float *x, size_t k, size_t block)
{
    static const float peaks[4] = {0x1.fffffep-101f, 0x1p-100f, 0x1.000002p-100f, 127.0f};

    for (size_t b = 0; b < k; b += block) {
        uint64_t kind = rng_below(r, 4);
        for (size_t i = 0; i < block; i++)
            x[b + i] = kind == 3 ? (float)rng_below(r, 253) - 126.0f + 0.5f
                                 : peaks[kind] * (problem__normal(r) * 0.25f);
        x[b + rng_below(r, block)] = rng_below(r, 2) ? peaks[kind] : -peaks[kind];
    }
}

int problem__quantize_generate(struct problem_instance *in, struct rng *r)
{
    int64_t k = param(in, "k", 0), n = param(in, "n", 1);
    const struct format *f = format_find((uint32_t)param(in, "type", -1));
    uint32_t x, q;
    struct problem_step *s;

    if (!f || (f->type != KERNEL_Q8_K && f->type != KERNEL_Q8_32) || k < 1 || k % f->elements)
        return err_set(ERR_USAGE, "case %s: type must be Q8_K or Q8_32, k whole blocks",
                       in->c->name);
    x = problem__buffer_add(in, "x", PROBLEM_INPUT, KERNEL_F32, k, n, 1);
    problem__buffer_pad(in, x, (size_t)param(in, "x_pad", 0));
    q = problem__buffer_add(in, "q", PROBLEM_OUTPUT, f->type, k, n, 1);
    TRY(problem__instance_allocate(in));
    for (int64_t j = 0; j < n; j++) {
        float *row = problem__row(in, x, (size_t)j);
        if (in->pattern == PROBLEM_TINY)
            plant_edges(r, row, (size_t)k, f->elements);
        else
            problem__fill(r, in->pattern, row, (size_t)k, f->elements);
    }
    if (in->pattern == PROBLEM_NONFINITE)
        problem__spoil_rows(in, r, x);
    s = problem__step_add(in, KERNEL_QUANTIZE);
    problem__step_in(s, x);
    problem__step_out(s, q);
    return 0;
}
