/* SPDX-License-Identifier: Apache-2.0
 *
 * generate_rows.c: instances of the row operations, one step each. */
#include "reference/inference/inference.h"

#include "reference/base/err.h"

#include <string.h>

enum kernel_op inference__rows_op(const char *op)
{
    static const struct {
        const char *name;
        enum kernel_op op;
    } ops[] = {
        {"rms_norm", KERNEL_RMS_NORM}, {"layer_norm", KERNEL_LAYER_NORM}, {"rope", KERNEL_ROPE},
        {"glu", KERNEL_GLU},           {"softmax", KERNEL_SOFTMAX},       {"add", KERNEL_ADD},
        {"argmax", KERNEL_ARGMAX},     {"top_k", KERNEL_TOP_K},           {"mix", KERNEL_MIX},
    };

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (!strcmp(op, ops[i].name))
            return ops[i].op;
    return KERNEL_N_OPS;
}

/* Cosine and sine from a rational parametrisation of the circle: no libm, the same everywhere. */
static void fill_rotations(struct problem_instance *in, struct rng *r, uint32_t table)
{
    const struct kernel_tensor *t = &in->buffers[table].tensor;

    for (int64_t j = 0; j < t->ne[1]; j++) {
        float *x = problem_row(in, table, (size_t)j);
        for (int64_t i = 0; i < t->ne[0]; i += 2) {
            double u = 4.0 * rng_uniform(r) - 2.0;
            x[i] = (float)((1.0 - u * u) / (1.0 + u * u));
            x[i + 1] = (float)(2.0 * u / (1.0 + u * u));
        }
    }
}

/* Equal largest values: the first must win. */
static void plant_ties(struct problem_instance *in, struct rng *r, uint32_t buffer)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;
    size_t k = (size_t)t->ne[0];

    for (int64_t j = 0; j < t->ne[1]; j++) {
        float *x = problem_row(in, buffer, (size_t)j), largest = x[0];
        for (size_t i = 1; i < k; i++)
            largest = x[i] > largest ? x[i] : largest;
        for (int times = 0; times < 3; times++)
            x[rng_below(r, k)] = largest;
    }
}

/* The second operand by operation: weights, table, up, addend; and an optional third. Of an `up`
 * there may be none. */
static void rows_operands(struct problem_instance *in, enum kernel_op op, uint32_t operand[3],
                          uint32_t *n_operands)
{
    const struct problem_case *c = in->c;
    int64_t k = problem_param(c, "k", 0), n = problem_param(c, "n", 1);
    int64_t heads = problem_param(c, "heads", 1), used = problem_param(c, "used", 1);

    if (op == KERNEL_ROPE || op == KERNEL_MIX)
        operand[0] = problem_buffer_add(in, "x", PROBLEM_INPUT, KERNEL_F32, k,
                                        op == KERNEL_MIX ? used : heads, n);
    else
        operand[0] = problem_buffer_add(in, "x", PROBLEM_INPUT, KERNEL_F32, k, n, 1);
    *n_operands = 1;
    if (op == KERNEL_SOFTMAX || op == KERNEL_ARGMAX || op == KERNEL_TOP_K ||
        problem_param(c, "single", 0))
        return;
    *n_operands = 2;
    if (op == KERNEL_RMS_NORM || op == KERNEL_LAYER_NORM)
        operand[1] = problem_buffer_add(in, "w", PROBLEM_INPUT, KERNEL_F32, k, 1, 1);
    else if (op == KERNEL_ROPE)
        operand[1] = problem_buffer_add(in, "table", PROBLEM_INPUT, KERNEL_F32,
                                        2 * problem_param(c, "pairs", k / 2), n, 1);
    else if (op == KERNEL_GLU)
        operand[1] = problem_buffer_add(in, "up", PROBLEM_INPUT, KERNEL_F32, k, n, 1);
    else if (op == KERNEL_MIX)
        operand[1] = problem_buffer_add(in, "w", PROBLEM_INPUT, KERNEL_F32, used, n, 1);
    else
        operand[1] = problem_buffer_add(in, "b", PROBLEM_INPUT, KERNEL_F32, k,
                                        problem_param(c, "broadcast", 0) ? 1 : n, 1);
    if (op == KERNEL_LAYER_NORM && problem_param(c, "bias", 0)) {
        operand[2] = problem_buffer_add(in, "b", PROBLEM_INPUT, KERNEL_F32, k, 1, 1);
        *n_operands = 3;
    }
}

/* One output; two of TOP_K. Returns how many. */
static uint32_t rows_outputs(struct problem_instance *in, enum kernel_op op, uint32_t y[2])
{
    int64_t k = problem_param(in->c, "k", 0), n = problem_param(in->c, "n", 1);
    int64_t used = problem_param(in->c, "used", 1);

    if (op == KERNEL_TOP_K) {
        y[0] = problem_buffer_add(in, "ids", PROBLEM_OUTPUT, KERNEL_I32, used, n, 1);
        y[1] = problem_buffer_add(in, "w", PROBLEM_OUTPUT, KERNEL_F32, used, n, 1);
        return 2;
    }
    if (op == KERNEL_ARGMAX)
        y[0] = problem_buffer_add(in, "y", PROBLEM_OUTPUT, KERNEL_I32, n, 1, 1);
    else if (op == KERNEL_ROPE)
        y[0] = problem_buffer_add(in, "y", PROBLEM_OUTPUT, KERNEL_F32, k,
                                  problem_param(in->c, "heads", 1), n);
    else
        y[0] = problem_buffer_add(in, "y", PROBLEM_OUTPUT, KERNEL_F32, k, n, 1);
    return 1;
}

/* Under the smallest normal number in every other row, where adding is exact still and the largest
 * is one of them: whoever flushes shows. */
static void shrink_rows(struct problem_instance *in, uint32_t buffer)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;

    for (int64_t j = 0; j < t->ne[1] * t->ne[2]; j += 2) {
        float *x = problem_row(in, buffer, (size_t)j);
        for (int64_t i = 0; i < t->ne[0]; i++)
            x[i] *= 0x1p-48f;
    }
}

/* A large mean under small differences is what cancels in a layer norm. */
static void shift_rows(struct problem_instance *in, uint32_t buffer, float shift)
{
    const struct kernel_tensor *t = &in->buffers[buffer].tensor;

    for (int64_t j = 0; j < t->ne[1]; j++) {
        float *x = problem_row(in, buffer, (size_t)j);
        for (int64_t i = 0; i < t->ne[0]; i++)
            x[i] += shift;
    }
}

static void rows_params(const struct problem_case *c, enum kernel_op op, struct kernel_call *call)
{
    if (op == KERNEL_ROPE)
        call->i[KERNEL_I_STYLE] = problem_param(c, "style", 0);
    if (op == KERNEL_GLU) {
        call->i[KERNEL_I_ACT] = problem_param(c, "act", 0);
        call->f[KERNEL_F_GAIN] = (float)problem_param(c, "gain_milli", 0) / 1000.0f;
    }
    if (op == KERNEL_TOP_K)
        call->i[KERNEL_I_NORMALIZE] = problem_param(c, "normalize", 0);
    if (op == KERNEL_SOFTMAX)
        call->f[KERNEL_F_SCALE] = (float)problem_param(c, "scale_milli", 1000) / 1000.0f;
    if (op == KERNEL_RMS_NORM || op == KERNEL_LAYER_NORM)
        call->f[KERNEL_F_EPS] = 1e-5f;
}

int inference__rows_generate(struct problem_instance *in, struct rng *r)
{
    enum kernel_op op = inference__rows_op(in->c->op);
    int64_t k = problem_param(in->c, "k", 0), pairs = problem_param(in->c, "pairs", k / 2);
    int64_t used = problem_param(in->c, "used", 1);
    uint32_t operand[3], n_operands, y[2], n_y;
    struct problem_step *s;

    if (k < 1 || problem_param(in->c, "n", 1) < 1 || used < 1 ||
        (op == KERNEL_ROPE && (pairs < 1 || 2 * pairs > k)) || (op == KERNEL_TOP_K && used > k))
        return err_set(ERR_USAGE, "case %s: k, n, pairs or used out of range", in->c->name);
    rows_operands(in, op, operand, &n_operands);
    n_y = rows_outputs(in, op, y);
    TRY(problem_instance_allocate(in));
    problem_fill_rows(in, r, operand[0], in->pattern);
    if (op == KERNEL_LAYER_NORM && in->pattern == PROBLEM_CANCEL)
        shift_rows(in, operand[0], 64.0f);
    if (in->pattern == PROBLEM_TINY &&
        (op == KERNEL_ADD || op == KERNEL_ROPE || op == KERNEL_ARGMAX ||
         (op == KERNEL_TOP_K && !problem_param(in->c, "normalize", 0))))
        shrink_rows(in, operand[0]);
    if (op == KERNEL_ARGMAX || op == KERNEL_TOP_K)
        plant_ties(in, r, operand[0]);
    for (uint32_t i = 1; i < n_operands; i++) {
        if (op == KERNEL_ROPE)
            fill_rotations(in, r, operand[i]);
        else
            problem_fill_rows(in, r, operand[i],
                              op == KERNEL_GLU || op == KERNEL_ADD ? in->pattern : PROBLEM_RANDOM);
        if (in->pattern == PROBLEM_TINY && op == KERNEL_ADD)
            shrink_rows(in, operand[i]);
    }
    if (in->pattern == PROBLEM_NONFINITE)
        problem_spoil_rows(in, r, operand[0]);
    s = problem_step_add(in, op);
    for (uint32_t i = 0; i < n_operands; i++)
        problem_step_in(s, operand[i]);
    for (uint32_t i = 0; i < n_y; i++)
        problem_step_out(s, y[i]);
    rows_params(in->c, op, &s->call);
    return 0;
}
