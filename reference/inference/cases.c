/* SPDX-License-Identifier: Apache-2.0
 *
 * cases.c: the workloads of the shipped problem, "Q4_K inference". Timed cases stand first; the
 * rest are checked only, and are there for their edges: ragged rows, one block, odd columns, every
 * head size, mask and page boundary. */
#include "reference/inference/inference.h"

/* Lower-case twins, so that one word makes both the parameter and the case's name. */
enum {
    type_f32 = KERNEL_F32,
    type_f16 = KERNEL_F16,
    type_bf16 = KERNEL_BF16,
    type_q8_0 = KERNEL_Q8_0,
    type_q4_0 = KERNEL_Q4_0,
    type_q4_1 = KERNEL_Q4_1,
    type_q5_0 = KERNEL_Q5_0,
    type_q5_1 = KERNEL_Q5_1,
    type_iq4_nl = KERNEL_IQ4_NL,
    type_iq4_xs = KERNEL_IQ4_XS,
    type_tq1_0 = KERNEL_TQ1_0,
    type_tq2_0 = KERNEL_TQ2_0,
    type_q2_k = KERNEL_Q2_K,
    type_q3_k = KERNEL_Q3_K,
    type_q4_k = KERNEL_Q4_K,
    type_q5_k = KERNEL_Q5_K,
    type_q6_k = KERNEL_Q6_K,
    type_q8_k = KERNEL_Q8_K,
    type_q8_32 = KERNEL_Q8_32,
};

#define BIT(p)      (1u << PROBLEM_##p)
#define ALL         PROBLEM_ALL
#define MOVES       INFERENCE__MOVES
#define SOME        (BIT(RANDOM) | BIT(EXTREME) | BIT(CANCEL) | BIT(PROBE))
#define MIB(n)      ((size_t)(n) << 20)
#define PARAMS(...) .params = {__VA_ARGS__}
/* clang-format off */
#define TYPE(t) {"type", type_##t}
/* clang-format on */
#define CHECKED(name_, op_, patterns_)                                                             \
    .name = name_, .op = op_, .n_threads = 1, .patterns = patterns_
#define TIMED(name_, op_, weight_, threads_, pool_, patterns_)                                     \
    .name = name_, .op = op_, .weight = weight_, .n_threads = threads_, .pool_bytes = pool_,       \
    .patterns = patterns_

/* [rows, depth] weights; GEMM with n columns; `...`: further parameters. */
#define GEMV(t, rows, depth)                                                                       \
    CHECKED("gemv-" #t "-" #rows "x" #depth, "gemv", ALL),                                         \
        PARAMS(TYPE(t), {"m", rows}, {"k", depth})
#define GEMM(t, rows, depth, columns, patterns)                                                    \
    CHECKED("gemm-" #t "-" #rows "x" #depth "-n" #columns, "gemm", patterns),                      \
        PARAMS(TYPE(t), {"m", rows}, {"k", depth}, {"n", columns})
/* Every width of a tile and its tail. */
#define GEMM_TO_17(t, rows, depth)                                                                 \
    {GEMM(t, rows, depth, 1, SOME)}, {GEMM(t, rows, depth, 2, SOME)},                              \
        {GEMM(t, rows, depth, 3, SOME)}, {GEMM(t, rows, depth, 4, SOME)},                          \
        {GEMM(t, rows, depth, 5, SOME)}, {GEMM(t, rows, depth, 6, SOME)},                          \
        {GEMM(t, rows, depth, 7, SOME)}, {GEMM(t, rows, depth, 8, SOME)},                          \
        {GEMM(t, rows, depth, 9, SOME)}, {GEMM(t, rows, depth, 10, SOME)},                         \
        {GEMM(t, rows, depth, 11, SOME)}, {GEMM(t, rows, depth, 12, SOME)},                        \
        {GEMM(t, rows, depth, 13, SOME)}, {GEMM(t, rows, depth, 14, SOME)},                        \
        {GEMM(t, rows, depth, 15, SOME)}, {GEMM(t, rows, depth, 16, SOME)},                        \
    {                                                                                              \
        GEMM(t, rows, depth, 17, SOME)                                                             \
    }
/* `used` of `experts_` matrices for each of n tokens. */
#define GEMM_IDS(t, rows, depth, experts_, used_, columns, ...)                                    \
    CHECKED("gemm_ids-" #t "-" #rows "x" #depth "x" #experts_ "-" #used_ "-n" #columns,            \
            "gemm_ids", SOME),                                                                     \
        PARAMS(TYPE(t), {"m", rows}, {"k", depth}, {"experts", experts_}, {"used", used_},         \
               {"n", columns}, __VA_ARGS__)
#define GET_ROWS(t, rows, depth, n_ids)                                                            \
    CHECKED("get_rows-" #t "-" #rows "x" #depth, "get_rows", MOVES),                               \
        PARAMS(TYPE(t), {"m", rows}, {"k", depth}, {"n", n_ids})
#define QUANTIZE(t, depth, columns, pad)                                                           \
    CHECKED("quantize-" #t "-" #depth "x" #columns, "quantize", ALL),                              \
        PARAMS(TYPE(t), {"k", depth}, {"n", columns}, {"x_pad", pad})
/* Stores at [pos, pos + n) and as said in `...`; loads n_load positions from pos. */
#define KV(label, t, dim, heads_, pos_, n_, ...)                                                   \
    CHECKED("kv-" #t "-h" #dim "-" label, "kv", MOVES),                                            \
        PARAMS(TYPE(t), {"head_dim", dim}, {"kv_heads", heads_}, {"pos", pos_}, {"n", n_},         \
               __VA_ARGS__)
/* n queries at the end of n_kv positions unless `...` gives pos; old: stale data past the end. */
#define ATTENTION(label, t, dim, heads_, kv_heads_, n_, n_kv_, ...)                                \
    CHECKED("attention-" #t "-h" #dim "-" label, "attention", ALL),                                \
        PARAMS(TYPE(t), {"head_dim", dim}, {"heads", heads_}, {"kv_heads", kv_heads_}, {"n", n_},  \
               {"n_kv", n_kv_}, __VA_ARGS__)
#define ROWS(op, label, depth, columns, ...)                                                       \
    CHECKED(op "-" #depth "x" #columns label, op, ALL),                                            \
        PARAMS({"k", depth}, {"n", columns}, __VA_ARGS__)

/* One block, ragged rows, one depth of a real model; every width of a tile and its tail. */
#define ONE_TYPE(t, block, depth, real)                                                            \
    {GEMV(t, 1, block)}, {GEMV(t, 33, depth)}, {GEMV(t, 17, real)},                                \
        {GEMM(t, 33, depth, 33, SOME)}, GEMM_TO_17(t, 17, depth)

/* Weights are shares of the time that a TinyLlama-shaped Q4_K_M spends on four pieces of work: two
 * chats, a long document and a prompt, as `engine profile` wrote them (profiles/, workload-NAME.txt). Of
 * an operation the mean share counts, to 0.01 (tests/reference/test_workload.c); how it is divided
 * among the cases of one operation is ours: types and shapes that other models have get a part. The
 * row operations stand for all that is neither gemv, gemm nor attention. */
static const struct problem_case cases[] = {
    {TIMED("gemv-q4_k", "gemv", 0.15, 1, MIB(64), SOME),
     PARAMS(TYPE(q4_k), {"m", 2048}, {"k", 2048})},
    {TIMED("gemv-q4_k-gate-up", "gemv", 0.09, 1, MIB(64), SOME),
     PARAMS(TYPE(q4_k), {"m", 768}, {"m2", 768}, {"k", 2048})},
    {TIMED("gemv-q6_k", "gemv", 0.08, 1, MIB(64), SOME),
     PARAMS(TYPE(q6_k), {"m", 1024}, {"k", 2048})},
    {TIMED("gemv-q8_0", "gemv", 0.02, 1, MIB(64), SOME),
     PARAMS(TYPE(q8_0), {"m", 1024}, {"k", 2048})},
    {TIMED("gemv-q4_k-2-threads", "gemv", 0.06, 2, MIB(64), BIT(RANDOM)),
     PARAMS(TYPE(q4_k), {"m", 2048}, {"k", 2048})},
    {TIMED("gemm-q4_k-n512", "gemm", 0.10, 1, MIB(8), BIT(RANDOM)),
     PARAMS(TYPE(q4_k), {"m", 256}, {"k", 2048}, {"n", 512})},
    {TIMED("gemm-q4_k-n64", "gemm", 0.09, 1, MIB(16), BIT(RANDOM)),
     PARAMS(TYPE(q4_k), {"m", 512}, {"k", 2048}, {"n", 64})},
    {TIMED("gemm-q4_k-n8", "gemm", 0.06, 1, MIB(32), SOME),
     PARAMS(TYPE(q4_k), {"m", 512}, {"k", 2048}, {"n", 8})},
    {TIMED("gemm-q6_k-n64", "gemm", 0.07, 1, MIB(16), BIT(RANDOM)),
     PARAMS(TYPE(q6_k), {"m", 512}, {"k", 2048}, {"n", 64})},
    {TIMED("gemm-q8_0-n64", "gemm", 0.02, 1, MIB(16), BIT(RANDOM)),
     PARAMS(TYPE(q8_0), {"m", 512}, {"k", 2048}, {"n", 64})},
    {TIMED("attention-f16-prefill", "attention", 0.06, 1, MIB(8), BIT(RANDOM) | BIT(OUTLIER)),
     PARAMS(TYPE(f16), {"head_dim", 64}, {"heads", 4}, {"kv_heads", 2}, {"n", 128}, {"n_kv", 512})},
    {TIMED("attention-f16-h128-prefill", "attention", 0.05, 1, MIB(8), BIT(RANDOM)),
     PARAMS(TYPE(f16), {"head_dim", 128}, {"heads", 4}, {"kv_heads", 1}, {"n", 192},
            {"n_kv", 1024})},
    {TIMED("attention-q8_0-h128-prefill", "attention", 0.02, 1, MIB(8), BIT(RANDOM)),
     PARAMS(TYPE(q8_0), {"head_dim", 128}, {"heads", 4}, {"kv_heads", 1}, {"n", 192},
            {"n_kv", 1024})},
    {TIMED("attention-f16-decode-2-threads", "attention", 0.02, 2, MIB(32), BIT(RANDOM)),
     PARAMS(TYPE(f16), {"head_dim", 128}, {"heads", 8}, {"kv_heads", 1}, {"n", 1}, {"n_kv", 4096})},
    {TIMED("attention-f16-decode", "attention", 0.03, 1, MIB(32), SOME | BIT(OUTLIER)),
     PARAMS(TYPE(f16), {"head_dim", 64}, {"heads", 8}, {"kv_heads", 4}, {"n", 1}, {"n_kv", 2048})},
    {TIMED("attention-q8_0-decode", "attention", 0.03, 1, MIB(32), SOME | BIT(OUTLIER)),
     PARAMS(TYPE(q8_0), {"head_dim", 64}, {"heads", 8}, {"kv_heads", 4}, {"n", 1}, {"n_kv", 2048})},
    /* Of no weight: timed when the focus is on them. */
    {TIMED("gemv-f16", "gemv", 0.0, 1, MIB(64), BIT(RANDOM)),
     PARAMS(TYPE(f16), {"m", 1024}, {"k", 2048})},
    {TIMED("gemm-f16-n64", "gemm", 0.0, 1, MIB(16), BIT(RANDOM)),
     PARAMS(TYPE(f16), {"m", 512}, {"k", 2048}, {"n", 64})},
    {TIMED("gemm_ids-q4_k-decode", "gemm_ids", 0.0, 1, MIB(64), BIT(RANDOM)),
     PARAMS(TYPE(q4_k), {"m", 512}, {"k", 2048}, {"experts", 16}, {"used", 4}, {"n", 1},
            {"shared", 1})},
    {TIMED("gemm_ids-q4_k-prefill", "gemm_ids", 0.0, 1, MIB(16), BIT(RANDOM)),
     PARAMS(TYPE(q4_k), {"m", 96}, {"k", 1024}, {"experts", 8}, {"used", 2}, {"n", 64})},
    {TIMED("rms_norm", "rms_norm", 0.025, 1, 0, ALL), PARAMS({"k", 2048}, {"n", 64})},
    {TIMED("quantize-q8_k", "quantize", 0.025, 1, 0, ALL),
     PARAMS(TYPE(q8_k), {"k", 2048}, {"n", 32})},

    {GEMV(q4_k, 1, 256)},
    {GEMV(q4_k, 5, 512)},
    {GEMV(q4_k, 16, 256)},
    {GEMV(q4_k, 17, 768)},
    {GEMV(q4_k, 33, 256)},
    {GEMV(q4_k, 77, 1024)},
    {GEMV(q5_k, 5, 256)},
    {GEMV(q5_k, 33, 512)},
    {GEMV(q5_k, 77, 768)},
    {GEMV(q6_k, 1, 256)},
    {GEMV(q6_k, 17, 512)},
    {GEMV(q6_k, 33, 256)},
    {GEMV(q6_k, 77, 768)},
    {GEMV(q8_0, 1, 32)},
    {GEMV(q8_0, 5, 64)},
    {GEMV(q8_0, 17, 96)},
    {GEMV(q8_0, 33, 288)},
    {GEMV(q8_0, 77, 640)},
    ONE_TYPE(q4_0, 32, 288, 896),
    ONE_TYPE(q4_1, 32, 224, 896),
    ONE_TYPE(q5_0, 32, 160, 896),
    ONE_TYPE(q5_1, 32, 96, 896),
    ONE_TYPE(iq4_nl, 32, 192, 896),
    ONE_TYPE(iq4_xs, 256, 512, 4096),
    ONE_TYPE(tq2_0, 256, 768, 2560),
    ONE_TYPE(tq1_0, 256, 768, 2560),
    ONE_TYPE(q2_k, 256, 768, 4096),
    ONE_TYPE(q3_k, 256, 512, 4096),
    {GEMV(f16, 1, 1)},
    {GEMV(bf16, 3, 1)},
    {GEMV(f16, 1, 64)},
    {GEMV(f16, 17, 100)},
    {GEMV(f16, 33, 256)},
    {GEMV(bf16, 5, 72)},
    {GEMV(bf16, 33, 256)},
    {GEMV(f32, 1, 1)},
    {GEMV(f32, 16, 64)},
    {GEMV(f32, 33, 77)},
    /* Depths of real models. */
    {GEMV(q4_k, 33, 14336)},
    {GEMV(q6_k, 17, 4864)},
    {GEMV(q8_0, 65, 896)},
    {GEMV(f16, 17, 3072)},
    {CHECKED("gemv-q4_k-list-33+17+5x512", "gemv", ALL),
     PARAMS(TYPE(q4_k), {"m", 33}, {"m2", 17}, {"m3", 5}, {"k", 512})},
    {CHECKED("gemv-q8_0-list-20+7x96", "gemv", ALL),
     PARAMS(TYPE(q8_0), {"m", 20}, {"m2", 7}, {"k", 96})},

    {GEMM(q4_k, 33, 512, 1, ALL)},
    {GEMM(q4_k, 17, 256, 2, SOME)},
    {GEMM(q4_k, 16, 768, 3, SOME)},
    {GEMM(q4_k, 5, 512, 4, SOME)},
    {GEMM(q4_k, 33, 256, 5, ALL)},
    {GEMM(q4_k, 20, 512, 6, SOME)},
    {GEMM(q4_k, 1, 256, 7, SOME)},
    {GEMM(q4_k, 32, 512, 8, SOME)},
    {GEMM(q4_k, 77, 256, 9, SOME)},
    {GEMM(q4_k, 17, 256, 10, SOME)},
    {GEMM(q4_k, 17, 512, 11, SOME)},
    {GEMM(q4_k, 48, 256, 12, SOME)},
    {GEMM(q4_k, 31, 256, 13, SOME)},
    {GEMM(q4_k, 18, 256, 14, SOME)},
    {GEMM(q4_k, 9, 768, 15, SOME)},
    {GEMM(q4_k, 64, 256, 16, SOME)},
    {GEMM(q4_k, 33, 512, 17, ALL)},
    {GEMM(q4_k, 49, 256, 33, SOME)},
    {GEMM(q4_k, 33, 4096, 9, SOME)},
    {GEMM(q8_0, 40, 896, 12, SOME)},
    {GEMM(q5_k, 33, 512, 16, ALL)},
    GEMM_TO_17(q5_k, 17, 256),
    GEMM_TO_17(q6_k, 17, 256),
    GEMM_TO_17(q8_0, 17, 64),
    GEMM_TO_17(f16, 17, 72),
    {GEMM(q6_k, 33, 512, 5, ALL)},
    {GEMM(q6_k, 20, 256, 17, SOME)},
    {GEMM(q6_k, 16, 512, 33, SOME)},
    {GEMM(q8_0, 17, 32, 1, SOME)},
    {GEMM(q8_0, 33, 96, 4, ALL)},
    {GEMM(q8_0, 20, 288, 17, SOME)},
    {GEMM(q8_0, 16, 64, 33, SOME)},
    {GEMM(f16, 17, 100, 3, ALL)},
    {GEMM(f16, 33, 256, 8, SOME)},
    {GEMM(f16, 16, 64, 17, SOME)},
    {GEMM(bf16, 17, 72, 5, ALL)},
    {GEMM(f32, 17, 77, 2, ALL)},
    {GEMM(f32, 33, 64, 9, SOME)},
    {GEMM(f32, 5, 33, 33, SOME)},
    {CHECKED("gemm-q4_k-list-33+17x512-n5", "gemm", SOME),
     PARAMS(TYPE(q4_k), {"m", 33}, {"m2", 17}, {"k", 512}, {"n", 5})},
    {CHECKED("gemm-q6_k-strided-17x256-n6", "gemm", SOME),
     PARAMS(TYPE(q6_k), {"m", 17}, {"k", 256}, {"n", 6}, {"x_pad", 20})},
    {CHECKED("gemm-f32-strided-9x40-n6", "gemm", SOME),
     PARAMS(TYPE(f32), {"m", 9}, {"k", 40}, {"n", 6}, {"x_pad", 4})},

    {CHECKED("gemm_ids-q4_k-17x256x5-2-n7", "gemm_ids", ALL),
     PARAMS(TYPE(q4_k), {"m", 17}, {"k", 256}, {"experts", 5}, {"used", 2}, {"n", 7})},
    {GEMM_IDS(q4_k, 33, 512, 1, 1, 3, {"shared", 0})},
    {GEMM_IDS(q4_k, 16, 256, 64, 4, 1, {"shared", 1})},
    {GEMM_IDS(q4_k, 5, 512, 3, 3, 100, {"shared", 1})},
    {GEMM_IDS(q4_k, 48, 256, 16, 16, 2, {"shared", 0})},
    {GEMM_IDS(q5_k, 33, 512, 4, 1, 40, {"shared", 0}, {"x_pad", 20})},
    {GEMM_IDS(q6_k, 21, 256, 8, 2, 33, {"shared", 1}, {"m2", 5})},
    {GEMM_IDS(q8_0, 20, 96, 8, 3, 9, {"shared", 0})},
    {GEMM_IDS(q4_0, 33, 64, 6, 2, 17, {"shared", 1}, {"m2", 33})},
    {GEMM_IDS(q4_1, 21, 96, 8, 2, 3, {"shared", 0})},
    {GEMM_IDS(q5_0, 17, 160, 3, 1, 9, {"shared", 0})},
    {GEMM_IDS(q5_1, 7, 96, 4, 2, 5, {"shared", 0})},
    {GEMM_IDS(iq4_nl, 33, 64, 5, 4, 2, {"shared", 1})},
    {GEMM_IDS(iq4_xs, 18, 256, 4, 2, 11, {"shared", 1})},
    {GEMM_IDS(tq1_0, 20, 256, 6, 2, 3, {"shared", 0})},
    {GEMM_IDS(tq2_0, 17, 256, 8, 2, 6, {"shared", 0})},
    {GEMM_IDS(q2_k, 33, 256, 4, 2, 20, {"shared", 1})},
    {GEMM_IDS(q3_k, 19, 512, 6, 3, 5, {"shared", 0})},
    {CHECKED("gemm_ids-f16-19x100x7-3-n12", "gemm_ids", ALL),
     PARAMS(TYPE(f16), {"m", 19}, {"k", 100}, {"experts", 7}, {"used", 3}, {"n", 12})},
    {GEMM_IDS(bf16, 33, 64, 60, 4, 1, {"shared", 1})},
    {GEMM_IDS(f32, 9, 77, 4, 2, 50, {"shared", 1}, {"x_pad", 4})},

    {GET_ROWS(q4_k, 33, 512, 9)},
    {GET_ROWS(q5_k, 17, 256, 5)},
    {GET_ROWS(q6_k, 33, 512, 9)},
    {GET_ROWS(q8_0, 21, 96, 7)},
    {GET_ROWS(q4_0, 21, 96, 7)},
    {GET_ROWS(q4_1, 21, 96, 7)},
    {GET_ROWS(q5_0, 17, 160, 5)},
    {GET_ROWS(q5_1, 17, 160, 5)},
    {GET_ROWS(iq4_nl, 21, 96, 7)},
    {GET_ROWS(iq4_xs, 33, 512, 9)},
    {GET_ROWS(tq2_0, 33, 512, 9)},
    {GET_ROWS(tq1_0, 33, 512, 9)},
    {GET_ROWS(q2_k, 33, 512, 9)},
    {GET_ROWS(q3_k, 33, 512, 9)},
    {GET_ROWS(f16, 17, 100, 5)},
    {GET_ROWS(bf16, 17, 72, 5)},
    {GET_ROWS(f32, 5, 77, 3)},

    {QUANTIZE(q8_k, 256, 1, 0)},
    {QUANTIZE(q8_k, 768, 5, 0)},
    {QUANTIZE(q8_k, 512, 17, 12)},
    {QUANTIZE(q8_32, 32, 1, 0)},
    {QUANTIZE(q8_32, 96, 7, 0)},
    {QUANTIZE(q8_32, 288, 3, 4)},

    {KV("page-and-more", f16, 64, 2, 0, 130, {"n_load", 130})},
    {KV("across-a-page", f16, 40, 4, 61, 9, {"n_load", 9})},
    {KV("rolled-back", f16, 8, 4, 3, 70, {"pos2", 50}, {"n2", 40}, {"n_load", 87})},
    {KV("last-slot", f16, 128, 1, 127, 1, {"n_load", 1})},
    {KV("three-stores", f16, 80, 2, 0, 100, {"pos2", 70}, {"n2", 10}, {"pos3", 80}, {"n3", 64},
        {"n_load", 144})},
    {KV("page-and-more", q8_0, 64, 2, 0, 130, {"n_load", 130})},
    {KV("across-a-page", q8_0, 40, 4, 61, 9, {"n_load", 9})},
    {KV("rolled-back", q8_0, 8, 4, 3, 70, {"pos2", 50}, {"n2", 40}, {"load", 30}, {"n_load", 57})},
    {KV("last-slot", q8_0, 128, 1, 127, 1, {"n_load", 1})},
    {KV("three-stores", q8_0, 80, 2, 0, 100, {"pos2", 70}, {"n2", 10}, {"pos3", 80}, {"n3", 64},
        {"n_load", 144})},

    {ATTENTION("first-token", f16, 8, 8, 4, 1, 1, {"old", 1})},
    {ATTENTION("prompt", f16, 8, 8, 4, 17, 17, {"old", 1})},
    {ATTENTION("decode", f16, 64, 4, 4, 1, 65, {"old", 1})},
    {ATTENTION("gqa-8-long", f16, 64, 8, 1, 5, 700, {"old", 1}, {"split", 333})},
    {ATTENTION("prompt", f16, 40, 4, 2, 33, 101, {"old", 1})},
    {ATTENTION("all-see-all", f16, 80, 2, 2, 7, 130, {"causal", 0}, {"old", 1})},
    {ATTENTION("gqa-4", f16, 128, 8, 2, 3, 257, {"old", 1})},
    {ATTENTION("one-page", f16, 64, 4, 2, 64, 64, {"old", 0})},
    {ATTENTION("window", f16, 64, 4, 1, 40, 300, {"window", 50}, {"old", 1})},
    {ATTENTION("window-decode", f16, 64, 2, 1, 1, 501, {"window", 128}, {"old", 1})},
    {ATTENTION("softcap", f16, 64, 2, 1, 9, 200, {"softcap", 20}, {"old", 1})},
    {ATTENTION("stored-ahead", f16, 64, 4, 2, 16, 150, {"pos", 100}, {"old", 1})},
    {ATTENTION("8192", f16, 64, 2, 1, 1, 8192, {"old", 1})},
    {ATTENTION("8192-prompt", f16, 16, 2, 1, 3, 8191, {"old", 1}, {"split", 8130})},
    {ATTENTION("gqa-7", f16, 64, 14, 2, 2, 321, {"old", 1})},
    {ATTENTION("sees-itself", f16, 128, 2, 2, 2, 129, {"window", 1}, {"old", 1})},
    {ATTENTION("decode", q8_0, 8, 8, 4, 3, 66, {"old", 1})},
    {ATTENTION("prompt", q8_0, 40, 4, 2, 10, 77, {"old", 1})},
    {ATTENTION("decode-long", q8_0, 64, 8, 2, 1, 643, {"old", 1}, {"split", 600})},
    {ATTENTION("prompt", q8_0, 80, 4, 4, 33, 97, {"old", 1})},
    {ATTENTION("gqa-8", q8_0, 128, 8, 1, 17, 190, {"old", 1})},
    {ATTENTION("window-softcap", q8_0, 64, 4, 2, 20, 211, {"window", 33}, {"softcap", 15},
               {"old", 1})},
    {ATTENTION("8192", q8_0, 64, 2, 1, 1, 8192, {"old", 1})},
    {ATTENTION("8192-window", q8_0, 32, 1, 1, 5, 8129, {"window", 4000}, {"old", 1})},
    {ATTENTION("all-see-all", q8_0, 64, 2, 2, 5, 140, {"causal", 0}, {"old", 0})},

    {ROWS("rms_norm", "", 8, 3, {"n", 3})},
    {ROWS("rms_norm", "", 77, 2, {"n", 2})},
    {ROWS("rms_norm", "", 256, 5, {"n", 5})},
    {ROWS("rms_norm", "", 896, 2, {"n", 2})},
    {ROWS("rms_norm", "", 4096, 1, {"n", 1})},
    {ROWS("layer_norm", "", 77, 2, {"bias", 0})},
    {ROWS("layer_norm", "-bias", 256, 5, {"bias", 1})},
    {ROWS("rope", "-norm", 8, 5, {"heads", 4})},
    {ROWS("rope", "-norm-part", 80, 3, {"heads", 2}, {"pairs", 16})},
    {ROWS("rope", "-neox", 64, 7, {"heads", 3}, {"style", 1})},
    {ROWS("rope", "-neox-part", 40, 2, {"heads", 1}, {"style", 1}, {"pairs", 9})},
    {ROWS("rope", "-norm", 128, 33, {"heads", 2})},
    {ROWS("glu", "-silu", 172, 3, {"act", 0})},
    {ROWS("glu", "-silu", 33, 1, {"act", 0})},
    {ROWS("glu", "-silu", 4864, 1, {"act", 0})},
    {ROWS("glu", "-gelu", 768, 2, {"act", 1})},
    {ROWS("glu", "-gelu", 5, 1, {"act", 1})},
    {ROWS("glu", "-gelu-erf", 172, 3, {"act", KERNEL_ACT_GELU_ERF})},
    {ROWS("glu", "-gelu-erf-single", 768, 2, {"act", KERNEL_ACT_GELU_ERF}, {"single", 1})},
    {ROWS("glu", "-relu", 77, 3, {"act", KERNEL_ACT_RELU})},
    {ROWS("glu", "-silu-single", 256, 2, {"act", KERNEL_ACT_SILU}, {"single", 1})},
    {ROWS("glu", "-gelu-single", 3072, 1, {"act", KERNEL_ACT_GELU}, {"single", 1})},
    {ROWS("glu", "-sigmoid", 1, 5, {"act", KERNEL_ACT_SIGMOID})},
    {ROWS("glu", "-sigmoid-single", 33, 2, {"act", KERNEL_ACT_SIGMOID}, {"single", 1})},
    {ROWS("glu", "-softcap-single", 4099, 2, {"act", KERNEL_ACT_SOFTCAP}, {"single", 1},
          {"gain_milli", 30000})},
    {ROWS("glu", "-softcap", 100, 2, {"act", KERNEL_ACT_SOFTCAP}, {"gain_milli", 500})},
    {ROWS("glu", "-scale-single", 640, 3, {"act", KERNEL_ACT_SCALE}, {"single", 1},
          {"gain_milli", 25298})},
    {ROWS("softmax", "", 1, 2, {"scale_milli", 1000})},
    {ROWS("softmax", "", 33, 3, {"scale_milli", 125})},
    {ROWS("softmax", "", 4000, 1, {"scale_milli", 3000})},
    {ROWS("add", "", 77, 3, {"broadcast", 0})},
    {ROWS("add", "-broadcast", 256, 5, {"broadcast", 1})},
    {ROWS("argmax", "", 1, 1, {"n", 1})},
    {ROWS("argmax", "", 77, 3, {"n", 3})},
    {ROWS("argmax", "", 32000, 2, {"n", 2})},
    {ROWS("top_k", "-2", 8, 5, {"used", 2}, {"normalize", 1})},
    {ROWS("top_k", "-8", 128, 7, {"used", 8}, {"normalize", 1})},
    {ROWS("top_k", "-4", 60, 3, {"used", 4})},
    {ROWS("top_k", "-16", 256, 2, {"used", 16})},
    {ROWS("top_k", "-all", 9, 2, {"used", 9})},
    {ROWS("top_k", "-40", 4000, 1, {"used", 40}, {"normalize", 1})},
    {ROWS("mix", "-1", 77, 3, {"used", 1})},
    {ROWS("mix", "-2", 2048, 2, {"used", 2})},
    {ROWS("mix", "-8", 1101, 5, {"used", 8})},
    {ROWS("mix", "-16", 5, 1, {"used", 16})},
};

const struct problem problem_shipped = {
    .name = "q4_k inference",
    .cases = cases,
    .n_cases = sizeof cases / sizeof cases[0],
    .operators = inference__operators,
    .n_operators = INFERENCE__N_OPERATORS,
    .draw = inference__draw,
    .size_step = inference__size_step,
    .survey = inference__survey,
    .n_survey = INFERENCE__N_SURVEY,
};
