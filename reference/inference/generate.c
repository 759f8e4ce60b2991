/* SPDX-License-Identifier: Apache-2.0
 *
 * generate.c: instances of matrix operations. Every generator declares its buffers, allocates,
 * fills the inputs by pattern and lists the steps that lead to the last one, which is checked and
 * timed. */
#include "reference/inference/inference.h"

#include "reference/base/err.h"
#include "reference/inference/rounding.h"

#include <stdlib.h>
#include <string.h>

static int64_t param(const struct problem_instance *in, const char *key, int64_t fallback)
{
    return problem_param(in->c, key, fallback);
}

/* --- gemv, gemm, gemm_ids, get_rows --- */

uint32_t inference__matmul_list(const struct problem_case *c, int64_t m[3])
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

    for (int64_t row = 0; row < t->ne[1] * t->ne[2]; row++)
        inference__fill_weights(r, in->pattern, f, problem_row(in, buffer, (size_t)row),
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
    for (int64_t j = 0; j < t->ne[1] * t->ne[2]; j++) {
        /* A probe is in the weights: ordinary activations let it through. */
        problem_fill(r, in->pattern == PROBLEM_PROBE ? PROBLEM_RANDOM : in->pattern, x, k, chunk);
        rounding_activations(t->type, x, k, problem_row(in, buffer, (size_t)j));
    }
    free(x);
    if (in->pattern == PROBLEM_NONFINITE)
        problem_spoil_rows(in, r, buffer);
    return 0;
}

/* The buffers of a list of weights and of what is made with them: y of [m, used, n]. */
struct list {
    uint32_t n, w[3], packed[3], y[3];
};

static void list_add(struct problem_instance *in, const struct format *f, int64_t experts,
                     int64_t used, struct list *list)
{
    static const char *const names[3][3] = {
        {"W", "W2", "W3"}, {"packed", "packed2", "packed3"}, {"y", "y2", "y3"}};
    int64_t k = param(in, "k", 0), n = param(in, "n", 1), m[3];

    list->n = inference__matmul_list(in->c, m);
    for (uint32_t l = 0; l < list->n; l++) {
        list->w[l] = problem_buffer_add(in, names[0][l], PROBLEM_INPUT, f->type, k, m[l], experts);
        list->packed[l] = problem_packed_add(in, names[1][l], list->w[l]);
        list->y[l] = problem_buffer_add(in, names[2][l], PROBLEM_OUTPUT, KERNEL_F32, m[l],
                                        used ? used : n, used ? n : 1);
    }
}

/* Fill the weights and pack them, one step each. */
static void list_pack(struct problem_instance *in, struct rng *r, const struct format *f,
                      const struct list *list)
{
    for (uint32_t l = 0; l < list->n; l++) {
        struct problem_step *s;

        fill_weights(in, r, f, list->w[l]);
        s = problem_step_add(in, KERNEL_PACK);
        problem_step_in(s, list->w[l]);
        problem_step_out(s, list->packed[l]);
    }
}

/* The last step: x, the packed weights, and what else there is. */
static struct problem_step *list_step(struct problem_instance *in, enum kernel_op op, uint32_t x,
                                      const struct list *list)
{
    struct problem_step *s = problem_step_add(in, op);

    problem_step_in(s, x);
    for (uint32_t l = 0; l < list->n; l++) {
        problem_step_in(s, list->packed[l]);
        problem_step_out(s, list->y[l]);
    }
    return s;
}

int inference__matmul_generate(struct problem_instance *in, struct rng *r)
{
    const struct format *f;
    struct list list;
    uint32_t x;

    TRY(weights_check(in, &f));
    x = problem_buffer_add(in, "x", PROBLEM_INPUT, f->activation, param(in, "k", 0),
                           param(in, "n", 1), 1);
    problem_buffer_pad(in, x, (size_t)param(in, "x_pad", 0));
    list_add(in, f, 1, 0, &list);
    TRY(problem_instance_allocate(in));
    TRY(fill_activations(in, r, x));
    list_pack(in, r, f, &list);
    list_step(in, strcmp(in->c->op, "gemv") ? KERNEL_GEMM : KERNEL_GEMV, x, &list);
    return 0;
}

/* Experts of each token, all different. Random ones in a way that any `used` neighbours differ, across
 * tokens too: place u gets those that leave u when divided by `used`, so that windows into a tape of
 * ids are valid (problem_instance_view). CANCEL: everybody wants the same. */
static void fill_ids(struct problem_instance *in, struct rng *r, uint32_t buffer, int64_t experts)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;
    int32_t *id = t->data;
    int64_t used = t->ne[0];

    for (int64_t i = 0; i < used * t->ne[1]; i++) {
        int64_t u = i % used;
        bool taken = in->pattern != PROBLEM_RANDOM;

        if (!taken)
            id[i] = (int32_t)(u + used * (int64_t)rng_below(r, (uint64_t)(experts / used)));
        if (in->pattern == PROBLEM_CANCEL && i >= used) {
            id[i] = id[i - used];
            continue;
        }
        while (taken) {
            id[i] = (int32_t)rng_below(r, (uint64_t)experts);
            taken = false;
            for (int64_t before = 1; before <= u; before++)
                taken |= id[i - before] == id[i];
        }
    }
}

int inference__gemm_ids_generate(struct problem_instance *in, struct rng *r)
{
    int64_t n = param(in, "n", 1), used = param(in, "used", 1), experts = param(in, "experts", 1);
    const struct format *f;
    struct list list;
    uint32_t x, ids;

    TRY(weights_check(in, &f));
    if (used < 1 || used > experts || n < 1)
        return err_set(ERR_USAGE, "case %s: used must be in 1..experts, n at least 1", in->c->name);
    x = problem_buffer_add(in, "x", PROBLEM_INPUT, f->activation, param(in, "k", 0),
                           param(in, "shared", 0) ? 1 : used, n);
    problem_buffer_pad(in, x, (size_t)param(in, "x_pad", 0));
    list_add(in, f, experts, used, &list);
    ids = problem_buffer_add(in, "ids", PROBLEM_INPUT, KERNEL_I32, used, n, 1);
    TRY(problem_instance_allocate(in));
    TRY(fill_activations(in, r, x));
    fill_ids(in, r, ids, experts);
    list_pack(in, r, f, &list);
    problem_step_in(list_step(in, KERNEL_GEMM_IDS, x, &list), ids);
    return 0;
}

int inference__get_rows_generate(struct problem_instance *in, struct rng *r)
{
    int64_t k = param(in, "k", 0), m = param(in, "m", 0), n = param(in, "n", 1);
    uint32_t w, packed, ids, y;
    const struct format *f;
    struct problem_step *s;
    int32_t *id;

    TRY(weights_check(in, &f));
    w = problem_buffer_add(in, "W", PROBLEM_INPUT, f->type, k, m, 1);
    packed = problem_packed_add(in, "packed", w);
    ids = problem_buffer_add(in, "ids", PROBLEM_INPUT, KERNEL_I32, n, 1, 1);
    y = problem_buffer_add(in, "y", PROBLEM_OUTPUT, KERNEL_F32, k, n, 1);
    TRY(problem_instance_allocate(in));
    fill_weights(in, r, f, w);
    id = in->buffers[ids].tensor.data;
    for (int64_t j = 0; j < n; j++)
        id[j] = (int32_t)rng_below(r, (uint64_t)m);
    id[n - 1] = (int32_t)(m - 1); /* the last row borders on the packer's padding */
    s = problem_step_add(in, KERNEL_PACK);
    problem_step_in(s, w);
    problem_step_out(s, packed);
    s = problem_step_add(in, KERNEL_GET_ROWS);
    problem_step_in(s, packed);
    problem_step_in(s, ids);
    problem_step_out(s, y);
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
                                 : peaks[kind] * (problem_normal(r) * 0.25f);
        x[b + rng_below(r, block)] = rng_below(r, 2) ? peaks[kind] : -peaks[kind];
    }
}

int inference__quantize_generate(struct problem_instance *in, struct rng *r)
{
    int64_t k = param(in, "k", 0), n = param(in, "n", 1);
    const struct format *f = format_find((uint32_t)param(in, "type", -1));
    uint32_t x, q;
    struct problem_step *s;

    if (!f || (f->type != KERNEL_Q8_K && f->type != KERNEL_Q8_32) || k < 1 || k % f->elements)
        return err_set(ERR_USAGE, "case %s: type must be Q8_K or Q8_32, k whole blocks",
                       in->c->name);
    x = problem_buffer_add(in, "x", PROBLEM_INPUT, KERNEL_F32, k, n, 1);
    problem_buffer_pad(in, x, (size_t)param(in, "x_pad", 0));
    q = problem_buffer_add(in, "q", PROBLEM_OUTPUT, f->type, k, n, 1);
    TRY(problem_instance_allocate(in));
    for (int64_t j = 0; j < n; j++) {
        float *row = problem_row(in, x, (size_t)j);
        if (in->pattern == PROBLEM_TINY)
            plant_edges(r, row, (size_t)k, f->elements);
        else
            problem_fill(r, in->pattern, row, (size_t)k, f->elements);
    }
    if (in->pattern == PROBLEM_NONFINITE)
        problem_spoil_rows(in, r, x);
    s = problem_step_add(in, KERNEL_QUANTIZE);
    problem_step_in(s, x);
    problem_step_out(s, q);
    return 0;
}
