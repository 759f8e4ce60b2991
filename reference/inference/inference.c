/* SPDX-License-Identifier: Apache-2.0
 *
 * inference.c: the operators of the shipped problem, as a table over families. */
#include "reference/inference/inference.h"

#define FAMILY(op, name)                                                                           \
    {                                                                                              \
        op, inference__##name##_generate, inference__##name##_expect, inference__##name##_work,    \
            inference__##name##_pool                                                               \
    }

/* Row operations whose results are places. */
#define RANKS(op)                                                                                  \
    {                                                                                              \
        op, inference__rows_generate, inference__rank_expect, inference__rows_work,                \
            inference__rows_pool                                                                   \
    }

const struct problem_operator inference__operators[INFERENCE__N_OPERATORS] = {
    FAMILY("gemv", matmul),
    FAMILY("gemm", matmul),
    FAMILY("get_rows", get_rows),
    FAMILY("gemm_ids", gemm_ids),
    FAMILY("quantize", quantize),
    FAMILY("kv", kv),
    FAMILY("attention", attention),
    FAMILY("rms_norm", rows),
    FAMILY("layer_norm", rows),
    FAMILY("rope", rows),
    FAMILY("glu", rows),
    FAMILY("softmax", rows),
    FAMILY("add", rows),
    FAMILY("mix", rows),
    RANKS("argmax"),
    RANKS("top_k"),
};
