/* SPDX-License-Identifier: Apache-2.0
 *
 * inference.h: what the files of the shipped problem, "Q4_K inference", share among themselves; nobody
 * else includes it. inference.c holds the table of its operators, cases.c the cases. */
#ifndef PAWL_INFERENCE_H
#define PAWL_INFERENCE_H

#include "reference/base/formats.h"
#include "reference/problem/operator.h"

/* Patterns that suit operations which only move bytes. */
#define INFERENCE__MOVES ((1u << PROBLEM_PROBE) - 1)

/* The table of survey.c, that of inference.c. */
enum { INFERENCE__N_SURVEY = 42, INFERENCE__N_OPERATORS = 16 };
extern const struct problem_case inference__survey[INFERENCE__N_SURVEY];
extern const struct problem_operator inference__operators[INFERENCE__N_OPERATORS];

typedef int inference__generate_fn(struct problem_instance *in, struct rng *r);
typedef int inference__expect_fn(struct problem_instance *in, const struct problem_range *range,
                                 struct problem_expect *out);
typedef int inference__work_fn(const struct problem_case *c, struct problem_work *out);
typedef size_t inference__pool_fn(const struct problem_case *c);

/* One valid row of k weights of format f that follows `p`. `row` varies the extremes; PROBE draws
 * the block that outweighs the others. */
void inference__fill_weights(struct rng *r, enum problem_pattern p, const struct format *f,
                             void *out, size_t k, size_t row);

/* --- draw.c --- */
void inference__draw(struct drawing *d);
int64_t inference__size_step(const struct problem_case *c, const char *key);

/* --- KV stores as the steps make them (oracle_kv.c) --- */

/* K and V rows (f32 [head_dim], as given, not yet rounded) of `head` at `position` after all
 * stores; false when no step stored the position. */
bool inference__kv_find(const struct problem_instance *in, size_t position, size_t head,
                        const float **k, const float **v);

/* An empty cache of decoded K and V, which instance and views share; freed with the instance.
 * Error: ERR_NOMEM. */
int inference__attention_cache(struct problem_instance *in);

/* Positions [*lo, *hi) that query j of an attention call sees. */
void inference__attention_span(const int64_t *params, int64_t j, int64_t *lo, int64_t *hi);

/* --- one family per group of operations --- */
inference__generate_fn inference__matmul_generate, inference__gemm_ids_generate,
    inference__get_rows_generate, inference__quantize_generate, inference__kv_generate,
    inference__attention_generate, inference__rows_generate;
inference__expect_fn inference__matmul_expect, inference__gemm_ids_expect,
    inference__get_rows_expect, inference__quantize_expect, inference__kv_expect,
    inference__attention_expect, inference__rows_expect, inference__rank_expect;
inference__work_fn inference__matmul_work, inference__gemm_ids_work, inference__get_rows_work,
    inference__quantize_work, inference__kv_work, inference__attention_work, inference__rows_work;
inference__pool_fn inference__matmul_pool, inference__gemm_ids_pool, inference__get_rows_pool,
    inference__quantize_pool, inference__kv_pool, inference__attention_pool, inference__rows_pool;

/* The enum kernel_op of a row operation's name, KERNEL_N_OPS for others. */
enum kernel_op inference__rows_op(const char *op);

/* The weights' keys of a matmul case: "m", "m2", "m3". Returns how many are set. */
uint32_t inference__matmul_list(const struct problem_case *c, int64_t m[3]);

/* The call parameters of an attention case, as in kernel_call.i. */
void inference__attention_params(const struct problem_case *c, int64_t params[KERNEL_MAX_PARAMS]);

#endif
