/* SPDX-License-Identifier: Apache-2.0
 *
 * Every case of the shipped problem, each of its patterns, every path, one and two threads, against
 * the oracle; and what must not differ between teams and alignments does not. */
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "tests/kernel/run_instance.h"

#include <criterion/criterion.h>
#include <string.h>

static void check_path(struct problem_instance *in, uint64_t features)
{
    const char *path = features & KERNEL_CPU_AMX_INT8 ? "amx"
                       : features & KERNEL_CPU_AVX512 ? "avx512"
                       : features                     ? "avx2"
                                                      : "scalar";
    const char *pattern = problem_pattern_name(in->pattern);
    struct run one, two;

    cr_expect(run_instance(&one, in, features, 1, 0, RUN_NAN) && run_matches_oracle(&one),
              "%s, %s, %s: %s", in->c->name, pattern, path, one.message);
    cr_expect(run_instance(&two, in, features, 2, 4, 0), "%s, %s, %s, two threads: %s", in->c->name,
              pattern, path, two.message);
    cr_expect(run_same_outputs(&two, &one), "%s, %s, %s, two threads against one: %s", in->c->name,
              pattern, path, two.message);
    run_deinit(&one);
    run_deinit(&two);
}

static void check_op(const char *op)
{
    size_t n_runs = 0;

    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];

        if (strcmp(c->op, op))
            continue;
        for (unsigned p = 0; p < PROBLEM_N_PATTERNS; p++) {
            struct problem_instance in;

            if (!(c->patterns & 1u << p))
                continue;
            cr_assert(generate_inputs(c, 7 + p, (enum problem_pattern)p, &in) == 0, "%s: %s",
                      c->name, err_message());
            for (size_t f = 0; f < RUN_N_PATHS; f++)
                if (run_has_path(f)) {
                    check_path(&in, run_paths[f]);
                    n_runs++;
                }
            problem_instance_deinit(&in);
        }
    }
    cr_expect(n_runs > 0, "no case of %s was run", op);
}

#define AGREES(op)                                                                                 \
    Test(kernel_ops, op##_agrees_with_the_oracle)                                                  \
    {                                                                                              \
        check_op(#op);                                                                             \
    }

AGREES(gemv)
AGREES(gemm)
AGREES(gemm_ids)
AGREES(get_rows)
AGREES(quantize)
AGREES(kv)
AGREES(attention)
AGREES(rms_norm)
AGREES(layer_norm)
AGREES(rope)
AGREES(glu)
AGREES(softmax)
AGREES(add)
AGREES(argmax)
AGREES(top_k)
AGREES(mix)

Test(kernel_ops, every_operation_of_the_table_has_a_test_here)
{
    static const char *const tested[] = {
        "gemv",       "gemm", "gemm_ids", "get_rows", "quantize", "kv",     "attention", "rms_norm",
        "layer_norm", "rope", "glu",      "softmax",  "add",      "argmax", "top_k",     "mix"};

    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        bool found = false;

        for (size_t t = 0; t < sizeof tested / sizeof *tested; t++)
            found |= !strcmp(problem_shipped.cases[i].op, tested[t]);
        cr_expect(found, "%s: operation %s", problem_shipped.cases[i].name,
                  problem_shipped.cases[i].op);
    }
}

Test(kernel_ops, refuses_what_it_cannot_do_before_writing)
{
    struct kernel_call call = {.op = KERNEL_PACK, .n_in = 1, .n_out = 1};
    struct kernel_tiling meta;

    call.in[0].type = KERNEL_Q4_K;
    call.in[0].ne[0] = 250;
    call.in[0].ne[1] = 4;
    cr_expect(get_tiling_meta(&call, 1, 0, &meta) == KERNEL_UNSUPPORTED);
    call.in[0].type = KERNEL_Q8_K; /* activations only */
    call.in[0].ne[0] = 256;
    cr_expect(run_call(&call, 0, 1) == KERNEL_UNSUPPORTED);
    call.op = KERNEL_GEMM_IDS;
    call.in[1] = call.in[0];
    cr_expect(run_call(&call, KERNEL_CPU_AVX2, 2) == KERNEL_UNSUPPORTED);
    call.op = KERNEL_GLU;
    call.i[KERNEL_I_ACT] = KERNEL_N_ACTS;
    cr_expect(run_call(&call, 0, 1) == KERNEL_UNSUPPORTED);
    call.op = KERNEL_N_OPS;
    cr_expect(run_call(&call, 0, 1) == KERNEL_UNSUPPORTED);
}

/* Experts begin at multiples of 64 bytes: what lies between them is written too. */
Test(kernel_ops, packing_experts_writes_every_byte)
{
    enum { K = 25, ROWS = 19, EXPERTS = 3 };
    static uint16_t w[EXPERTS][ROWS][K];
    static _Alignas(KERNEL_ALIGN) unsigned char packed[2][8192];
    struct kernel_call call = {.op = KERNEL_PACK, .n_in = 1, .n_out = 1};
    struct kernel_tiling meta;

    call.in[0] = (struct kernel_tensor){
        .type = KERNEL_F16,
        .ne = {K, ROWS, EXPERTS, 1},
        .nb = {sizeof w[0][0][0], sizeof w[0][0], sizeof w[0], sizeof w},
        .bytes = sizeof w,
        .data = w,
    };
    call.out[0] = call.in[0];
    call.out[0].layout = KERNEL_PACKED;
    cr_assert(get_tiling_meta(&call, 1, 0, &meta) == KERNEL_OK);
    cr_assert(meta.opaque_bytes > sizeof w && meta.opaque_bytes <= sizeof packed[0]);
    call.out[0].bytes = meta.opaque_bytes;
    for (int i = 0; i < 2; i++) {
        memset(packed[i], i ? 0xaa : 0x55, sizeof packed[i]);
        call.out[0].data = packed[i];
        cr_assert(run_call(&call, 0, 2) == KERNEL_OK);
    }
    cr_expect_arr_eq(packed[0], packed[1], meta.opaque_bytes);
    cr_expect_eq(packed[0][meta.opaque_bytes], 0x55);
}
