/* SPDX-License-Identifier: Apache-2.0
 *
 * survey.c: the shapes by which kernels are compared across machines and with other projects: GEMV
 * of seven matrices of real models from memory, the same from the last-level cache, GEMM by the
 * number of columns, attention over short and long contexts by the heads that share a KV head.
 * Timed one by one by `judge survey`; in no experiment, and checked only as far as they are timed. */
#include "reference/inference/inference.h"

#define MIB(n)      ((size_t)(n) << 20)
#define RANDOM      (1u << PROBLEM_RANDOM)
#define PARAMS(...) .params = {__VA_ARGS__}

/* Larger than the caches of any machine here; small enough for one, with weights that stay in it. */
#define FROM_DRAM MIB(512)
#define FROM_L3   MIB(16)

#define CASE(name_, op_, threads_, pool_)                                                          \
    .name = name_, .op = op_, .n_threads = threads_, .pool_bytes = pool_, .patterns = RANDOM
#define GEMV(name, type_, rows, depth, threads, pool)                                              \
    {                                                                                              \
        CASE(name, "gemv", threads, pool),                                                         \
            PARAMS({"type", KERNEL_##type_}, {"m", rows}, {"k", depth})                            \
    }
#define GEMV_BOTH(rows, depth)                                                                     \
    GEMV("gemv-q4_k-dram-" #rows "x" #depth, Q4_K, rows, depth, 1, FROM_DRAM),                     \
        GEMV("gemv-q4_k-dram-" #rows "x" #depth "-2t", Q4_K, rows, depth, 2, FROM_DRAM)
#define GEMM(name, type_, rows, columns, threads)                                                  \
    {                                                                                              \
        CASE(name, "gemm", threads, FROM_L3),                                                      \
            PARAMS({"type", KERNEL_##type_}, {"m", rows}, {"k", 4096}, {"n", columns})             \
    }
#define PREFILL(type_, dim, positions)                                                             \
    {                                                                                              \
        CASE("prefill-" #type_ "-h" #dim "-kv" #positions, "attention", 1, FROM_L3),               \
            PARAMS({"type", KERNEL_##type_}, {"head_dim", dim}, {"heads", 4}, {"kv_heads", 1},     \
                   {"n", 512}, {"n_kv", positions})                                                \
    }
#define DECODE(type_, heads_, kv_heads_, group)                                                    \
    {                                                                                              \
        CASE("decode-" #type_ "-h128-kv8192-group" #group, "attention", 1, FROM_DRAM),             \
            PARAMS({"type", KERNEL_##type_}, {"head_dim", 128}, {"heads", heads_},                 \
                   {"kv_heads", kv_heads_}, {"n", 1}, {"n_kv", 8192})                              \
    }

const struct problem_case inference__survey[INFERENCE__N_SURVEY] = {
    GEMV_BOTH(2560, 2560),
    GEMV_BOTH(10240, 2560),
    GEMV_BOTH(2560, 10240),
    GEMV_BOTH(4096, 4096),
    GEMV_BOTH(11008, 4096),
    GEMV_BOTH(4096, 11008),
    GEMV_BOTH(32000, 4096),
    GEMV("gemv-q4_k-l3-4096x4096", Q4_K, 4096, 4096, 1, FROM_L3),
    GEMV("gemv-q6_k-dram-4096x4096", Q6_K, 4096, 4096, 1, FROM_DRAM),
    GEMV("gemv-q6_k-dram-4096x4096-2t", Q6_K, 4096, 4096, 2, FROM_DRAM),
    GEMV("gemv-q8_0-dram-4096x4096", Q8_0, 4096, 4096, 1, FROM_DRAM),
    GEMV("gemv-q8_0-dram-4096x4096-2t", Q8_0, 4096, 4096, 2, FROM_DRAM),
    GEMV("gemv-f16-dram-4096x4096", F16, 4096, 4096, 1, FROM_DRAM),
    GEMM("gemm-q4_k-n8", Q4_K, 2048, 8, 1),
    GEMM("gemm-q4_k-n32", Q4_K, 2048, 32, 1),
    GEMM("gemm-q4_k-n128", Q4_K, 2048, 128, 1),
    GEMM("gemm-q4_k-n512", Q4_K, 1024, 512, 1),
    GEMM("gemm-q4_k-n512-2t", Q4_K, 1024, 512, 2),
    GEMM("gemm-q6_k-n512", Q6_K, 1024, 512, 1),
    GEMM("gemm-q5_k-n512", Q5_K, 1024, 512, 1),
    GEMM("gemm-q8_0-n8", Q8_0, 1024, 8, 1),
    GEMM("gemm-q8_0-n512", Q8_0, 1024, 512, 1),
    GEMM("gemm-f16-n64", F16, 512, 64, 1),
    PREFILL(F16, 128, 2048),
    PREFILL(F16, 128, 512),
    PREFILL(F16, 64, 2048),
    PREFILL(F16, 80, 2048),
    PREFILL(Q8_0, 128, 2048),
    PREFILL(Q8_0, 128, 512),
    DECODE(F16, 8, 8, 1),
    DECODE(F16, 32, 8, 4),
    DECODE(F16, 32, 4, 8),
    DECODE(Q8_0, 8, 8, 1),
    DECODE(Q8_0, 32, 8, 4),
    DECODE(Q8_0, 32, 4, 8),
};
