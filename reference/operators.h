/* SPDX-License-Identifier: Apache-2.0
 *
 * operators.h: what the files of reference/ share among themselves; nobody else includes it. An
 * operator family knows how to build an instance of a case, what its outputs must be, and how much
 * work the case is. problem.c holds the table and the three public symbols. */
#ifndef PAWL_OPERATORS_H
#define PAWL_OPERATORS_H

#include "reference/base/rng.h"
#include "reference/formats.h"
#include "reference/problem.h"

#include <math.h>

/* All patterns; those that suit operations which only move bytes. */
#define PROBLEM__ALL   ((1u << PROBLEM_N_PATTERNS) - 1)
#define PROBLEM__MOVES ((1u << PROBLEM_PROBE) - 1)

/* The table of survey.c. */
enum { PROBLEM__N_SURVEY = 42 };
extern const struct problem_case problem__survey[PROBLEM__N_SURVEY];

/* A flat range [first, first + count) of one output buffer. */
struct problem__range {
    uint32_t buffer;
    size_t first, count;
};

typedef int problem__generate_fn(struct problem_instance *in, struct rng *r);
typedef int problem__expect_fn(struct problem_instance *in, const struct problem__range *range,
                               struct problem_expect *out);
typedef int problem__work_fn(const struct problem_case *c, struct problem_work *out);
typedef size_t problem__pool_fn(const struct problem_case *c);

/* --- instance.c: buffers and steps --- */

/* Declare every buffer, allocate once, then fill the inputs and append the steps. */

/* A contiguous tensor of `type`, ne0 x ne1 x ne2; returns its index. ne0 is in values. */
uint32_t problem__buffer_add(struct problem_instance *in, const char *name, enum problem_role role,
                             uint32_t type, int64_t ne0, int64_t ne1, int64_t ne2);

/* Widen the column stride nb[1] of an input by `pad` bytes (before allocation). */
void problem__buffer_pad(struct problem_instance *in, uint32_t buffer, size_t pad);

/* The packed twin of plain weights `w`, of one matrix or one for each expert; KV pages for n_pages
 * x kv_heads. Both opaque. */
uint32_t problem__packed_add(struct problem_instance *in, const char *name, uint32_t w);
uint32_t problem__pages_add(struct problem_instance *in, uint32_t type, int64_t head_dim,
                            int64_t kv_heads, int64_t n_pages);

/* Give every input its 64-byte aligned piece of one block. Error: ERR_NOMEM. */
int problem__instance_allocate(struct problem_instance *in);

struct problem_step *problem__step_add(struct problem_instance *in, enum kernel_op op);
void problem__step_in(struct problem_step *s, uint32_t buffer);
void problem__step_out(struct problem_step *s, uint32_t buffer);

/* First byte of row `row` (index over ne[1] x ne[2]) of an input. */
void *problem__row(const struct problem_instance *in, uint32_t buffer, size_t row);

/* The last step: the one that is checked. */
const struct problem_step *problem__last_step(const struct problem_instance *in);

/* --- patterns.c: values --- */

/* Bell-shaped (sum of four uniforms), variance 1, |x| < 3.5; integer arithmetic and one product, so
 * the same on every machine, which libm's log and cos are not. */
float problem__normal(struct rng *r);

/* Activations x[0..n) that follow `p`; CANCEL and ZEROS work in chunks of `chunk` values. */
void problem__fill(struct rng *r, enum problem_pattern p, float *x, size_t n, size_t chunk);

/* Every row of an f32 input. */
void problem__fill_rows(struct problem_instance *in, struct rng *r, uint32_t buffer,
                        enum problem_pattern p);

/* PROBLEM_NONFINITE: NaN and infinities among the values of some rows of an activation input (f32
 * rows, or the scales of activation blocks); at least one row is hit, and when there are several at
 * least one is spared. */
void problem__spoil_rows(struct problem_instance *in, struct rng *r, uint32_t buffer);

/* Is there one of them among values [first, first + n) of a row (whole blocks)? */
bool problem__row_spoiled(const struct problem_instance *in, uint32_t buffer, size_t row,
                          size_t first, size_t n);

/* One valid row of k weights of format f that follows `p`. `row` varies the extremes; PROBE draws
 * the block that outweighs the others. */
void problem__fill_weights(struct rng *r, enum problem_pattern p, const struct format *f, void *out,
                           size_t k, size_t row);

/* Element i of a range may be anything: it depends on a value that is no number. */
static inline void problem__expect_anything(struct problem_expect *out, size_t i)
{
    out->want[i] = 0.0;
    out->bound[i] = INFINITY;
    out->unit[i] = 1.0;
}

/* --- KV stores as the steps make them (oracle_kv.c) --- */

/* K and V rows (f32 [head_dim], as given, not yet rounded) of `head` at `position` after all
 * stores; false when no step stored the position. */
bool problem__kv_find(const struct problem_instance *in, size_t position, size_t head,
                      const float **k, const float **v);

/* An empty cache of decoded K and V, which instance and views share; freed with the instance.
 * Error: ERR_NOMEM. */
int problem__attention_cache(struct problem_instance *in);
void problem__attention_cache_free(void *cache);

/* Positions [*lo, *hi) that query j of an attention call sees. */
void problem__attention_span(const int64_t *params, int64_t j, int64_t *lo, int64_t *hi);

/* --- one family per group of operations --- */
problem__generate_fn problem__matmul_generate, problem__gemm_ids_generate,
    problem__get_rows_generate, problem__quantize_generate, problem__kv_generate,
    problem__attention_generate, problem__rows_generate;
problem__expect_fn problem__matmul_expect, problem__gemm_ids_expect, problem__get_rows_expect,
    problem__quantize_expect, problem__kv_expect, problem__attention_expect, problem__rows_expect,
    problem__rank_expect;
problem__work_fn problem__matmul_work, problem__gemm_ids_work, problem__get_rows_work,
    problem__quantize_work, problem__kv_work, problem__attention_work, problem__rows_work;
problem__pool_fn problem__matmul_pool, problem__gemm_ids_pool, problem__get_rows_pool,
    problem__quantize_pool, problem__kv_pool, problem__attention_pool, problem__rows_pool;

/* The enum kernel_op of a row operation's name, KERNEL_N_OPS for others. */
enum kernel_op problem__rows_op(const char *op);

/* The weights' keys of a matmul case: "m", "m2", "m3". Returns how many are set. */
uint32_t problem__matmul_list(const struct problem_case *c, int64_t m[3]);

/* The call parameters of an attention case, as in kernel_call.i. */
void problem__attention_params(const struct problem_case *c, int64_t params[KERNEL_MAX_PARAMS]);

#endif
