/* SPDX-License-Identifier: Apache-2.0
 *
 * work.c: algorithmic operations and compulsory bytes of a case's last step, from its sizes alone.
 * What is counted: multiplies and adds that no correct kernel can leave out (a multiply-accumulate
 * is two); exp, tanh, division and square root as one operation each; comparisons, index arithmetic
 * and conversions not at all. Bytes are canonical: weights and KV rows as GGUF blocks, each read
 * once. */
#include "reference/inference/inference.h"

#include "reference/base/err.h"
#include "reference/inference/rounding.h"

#include <string.h>

static double param(const struct problem_case *c, const char *key, int64_t fallback)
{
    return (double)problem_param(c, key, fallback);
}

static const struct format *weight_format(const struct problem_case *c)
{
    const struct format *f = format_find((uint32_t)problem_param(c, "type", -1));

    return f && f->dequantize_block && problem_param(c, "k", 0) % f->elements == 0 ? f : NULL;
}

/* --- matrices --- */

size_t inference__matmul_pool(const struct problem_case *c)
{
    const struct format *f = weight_format(c);
    int64_t m[3];
    uint32_t n_w = inference__matmul_list(c, m);
    size_t rows = 0;

    for (uint32_t l = 0; l < n_w; l++)
        rows += (size_t)m[l];
    return f ? rows * format_row_bytes(f, (size_t)problem_param(c, "k", 0)) : 0;
}

/* Quantised: k int8 multiply-accumulates per element, and per block one f32 multiply-accumulate for
 * its scale, one more for its mins. Plain numbers: k f32 multiply-accumulates. */
int inference__matmul_work(const struct problem_case *c, struct problem_work *out)
{
    const struct format *f = weight_format(c);
    double k = param(c, "k", 0), n = param(c, "n", 1), rows = 0.0;
    int64_t m[3];
    uint32_t n_w = inference__matmul_list(c, m);

    if (!f)
        return err_set(ERR_USAGE, "case %s: parameter type or k is wrong", c->name);
    for (uint32_t l = 0; l < n_w; l++)
        rows += (double)m[l];
    if (f->elements == 1) {
        out->flops_f32 = 2.0 * rows * k * n;
    } else {
        out->ops_int8 = 2.0 * rows * k * n;
        out->flops_f32 = (f->min_offset ? 4.0 : 2.0) * rows * n * k / f->elements;
    }
    out->bytes_read = (double)inference__matmul_pool(c) +
                      n * (double)format_row_bytes(format_find(f->activation), (size_t)k);
    out->bytes_written = 4.0 * rows * n;
    return 0;
}

size_t inference__gemm_ids_pool(const struct problem_case *c)
{
    return inference__matmul_pool(c) * (size_t)problem_param(c, "experts", 1);
}

/* That of `used` columns for each token; of the weights no more need be read than `used` experts', if
 * all tokens want the same. */
int inference__gemm_ids_work(const struct problem_case *c, struct problem_work *out)
{
    double n = param(c, "n", 1), used = param(c, "used", 1);
    double weights = (double)inference__matmul_pool(c), column;

    TRY(inference__matmul_work(c, out));
    column = (out->bytes_read - weights) / n;
    out->ops_int8 *= used;
    out->flops_f32 *= used;
    out->bytes_read =
        used * weights + 4.0 * used * n + column * n * (problem_param(c, "shared", 0) ? 1.0 : used);
    out->bytes_written *= used;
    return 0;
}

size_t inference__get_rows_pool(const struct problem_case *c)
{
    return inference__matmul_pool(c);
}

/* Dequantisation: one multiply per weight, one subtraction more with mins; only the rows asked for.
 */
int inference__get_rows_work(const struct problem_case *c, struct problem_work *out)
{
    const struct format *f = weight_format(c);
    double k = param(c, "k", 0), n = param(c, "n", 1);

    if (!f)
        return err_set(ERR_USAGE, "case %s: parameter type or k is wrong", c->name);
    out->flops_f32 = f->elements == 1 ? 0.0 : (f->min_offset ? 2.0 : 1.0) * k * n;
    out->bytes_read = n * ((double)format_row_bytes(f, (size_t)k) + 4.0);
    out->bytes_written = 4.0 * k * n;
    return 0;
}

size_t inference__quantize_pool(const struct problem_case *c)
{
    return (size_t)(4 * problem_param(c, "k", 0) * problem_param(c, "n", 1));
}

/* One multiply per value (finding the largest is comparisons), two divisions per block. */
int inference__quantize_work(const struct problem_case *c, struct problem_work *out)
{
    const struct format *f = format_find((uint32_t)problem_param(c, "type", -1));
    double values = param(c, "k", 0) * param(c, "n", 1);

    if (!f)
        return err_set(ERR_USAGE, "case %s: parameter type is wrong", c->name);
    out->flops_f32 = values + 2.0 * values / f->elements;
    out->bytes_read = 4.0 * values;
    out->bytes_written = values / f->elements * f->bytes;
    return 0;
}

/* --- KV --- */

/* Canonical bytes of K and V of `n` positions of all KV heads. */
static double kv_bytes(const struct problem_case *c, double n)
{
    uint32_t type = (uint32_t)problem_param(c, "type", KERNEL_F16);
    size_t row = rounding_kv_row_bytes(type, (size_t)problem_param(c, "head_dim", 0));

    return 2.0 * n * param(c, "kv_heads", 0) * (double)row;
}

size_t inference__kv_pool(const struct problem_case *c)
{
    return (size_t)kv_bytes(c, param(c, "n_load", problem_param(c, "n", 1)));
}

int inference__kv_work(const struct problem_case *c, struct problem_work *out)
{
    double n = param(c, "n_load", problem_param(c, "n", 1));
    double values = 2.0 * n * param(c, "kv_heads", 0) * param(c, "head_dim", 0);

    out->flops_f32 = problem_param(c, "type", KERNEL_F16) == KERNEL_F16 ? 0.0 : values;
    out->bytes_read = kv_bytes(c, n);
    out->bytes_written = 4.0 * values;
    return 0;
}

size_t inference__attention_pool(const struct problem_case *c)
{
    return (size_t)kv_bytes(c, param(c, "n_kv", 1));
}

/* Per visible (query head, position): Q.K (int8 over q8_0 pages, plus one f32 multiply-accumulate
 * per block of 32), one multiply by SCALE, one exp, one addition to the sum, three more for a
 * softcap, and P.V in f32. Per output one division. */
int inference__attention_work(const struct problem_case *c, struct problem_work *out)
{
    int64_t call[KERNEL_MAX_PARAMS], first = INT64_MAX, last = 0;
    double heads = param(c, "heads", 0), head_dim = param(c, "head_dim", 0);
    double n = param(c, "n", 1), pairs = 0.0, per_pair;
    bool int8 = problem_param(c, "type", KERNEL_F16) == KERNEL_Q8_0;

    inference__attention_params(c, call);
    for (int64_t j = 0; j < (int64_t)n; j++) {
        int64_t lo, hi;
        inference__attention_span(call, j, &lo, &hi);
        pairs += (double)(hi - lo);
        first = lo < first ? lo : first;
        last = hi > last ? hi : last;
    }
    pairs *= heads;
    per_pair = 2.0 * head_dim + 3.0 + (param(c, "softcap", 0) > 0.0 ? 3.0 : 0.0);
    per_pair += int8 ? 2.0 * (double)((problem_param(c, "head_dim", 0) + 31) / 32) : 2.0 * head_dim;
    out->flops_f32 = pairs * per_pair + n * heads * head_dim;
    out->ops_int8 = int8 ? pairs * 2.0 * head_dim : 0.0;
    out->bytes_read = 4.0 * n * heads * head_dim + kv_bytes(c, (double)(last - first));
    out->bytes_written = 4.0 * n * heads * head_dim;
    return 0;
}

/* --- row operations --- */

size_t inference__rows_pool(const struct problem_case *c)
{
    int64_t used = strcmp(c->op, "mix") ? 1 : problem_param(c, "used", 1);

    return (size_t)(4 * problem_param(c, "k", 0) * problem_param(c, "n", 1) *
                    problem_param(c, "heads", 1) * used);
}

int inference__rows_work(const struct problem_case *c, struct problem_work *out)
{
    static const double act_flops[KERNEL_N_ACTS] = {3.0, 8.0, 5.0, 0.0, 3.0, 3.0, 1.0};
    double k = param(c, "k", 0), n = param(c, "n", 1), values = k * n * param(c, "heads", 1);
    double used = param(c, "used", 1), two = param(c, "single", 0) > 0.0 ? 0.0 : 1.0;
    double pairs = param(c, "pairs", problem_param(c, "k", 0) / 2);

    out->bytes_read = out->bytes_written = 4.0 * values;
    switch (inference__rows_op(c->op)) {
    case KERNEL_RMS_NORM: /* square and add; scale and weight; mean, eps, root, reciprocal */
        out->flops_f32 = 4.0 * values + 4.0 * n;
        out->bytes_read += 4.0 * k;
        break;
    case KERNEL_LAYER_NORM: /* sum; subtract, square and add; scale, weight, bias */
        out->flops_f32 = (6.0 + param(c, "bias", 0)) * values + 5.0 * n;
        out->bytes_read += 4.0 * k * (1.0 + param(c, "bias", 0));
        break;
    case KERNEL_ROPE: /* four multiplies and two additions a pair */
        out->flops_f32 = 6.0 * pairs * n * param(c, "heads", 1);
        out->bytes_read += 8.0 * pairs * n;
        break;
    case KERNEL_GLU: /* SiLU: exp, add, divide; GELU: a cubic, tanh, add, two multiplies; and one for
                      * what is gated */
        out->flops_f32 = (act_flops[problem_param(c, "act", 0)] + two) * values;
        out->bytes_read *= 1.0 + two;
        break;
    case KERNEL_MIX: /* a multiply and an add for each row but the first */
        out->flops_f32 = (2.0 * used - 1.0) * values;
        out->bytes_read = 4.0 * used * (values + n);
        break;
    case KERNEL_TOP_K: /* compares; and a sum and its quotients */
        out->flops_f32 = param(c, "normalize", 0) > 0.0 ? (2.0 * used - 1.0) * n : 0.0;
        out->bytes_written = 8.0 * used * n;
        break;
    case KERNEL_SOFTMAX: /* scale, subtract, exp, add, divide */
        out->flops_f32 = 5.0 * values;
        break;
    case KERNEL_ADD:
        out->flops_f32 = values;
        out->bytes_read += problem_param(c, "broadcast", 0) ? 4.0 * k : 4.0 * values;
        break;
    default: /* argmax compares */
        out->bytes_written = 4.0 * n;
    }
    return 0;
}
