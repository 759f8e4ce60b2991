/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/reference/oracle_check.h"
#include "tests/reference/twin.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Every output of one instance that the twin knows is accepted. */
static void expect_accepted(const struct problem_case *c, uint64_t seed, enum problem_pattern p)
{
    struct problem_instance in;

    oracle_generate(c, seed, p, &in);
    for (uint32_t b = 0; b < in.n_buffers; b++) {
        struct oracle_output o;
        struct oracle_verdict v;
        void *got;
        if (in.buffers[b].role != PROBLEM_OUTPUT)
            continue;
        oracle_output_open(&in, b, &o);
        got = malloc(o.count * o.element_bytes);
        if (twin_run(&in, b, got)) {
            v = oracle_output_compare(&o, got);
            cr_expect(v.accepted,
                      "%s %s seed %d: %.3g of the bound at %zu (want %.9g got %.9g), rms %.3g, "
                      "nmse %.3g",
                      c->name, problem_pattern_name(p), (int)seed, v.worst_share, v.worst_index,
                      o.expect.exact ? 0.0 : o.want[v.worst_index],
                      o.expect.exact ? 0.0 : ((float *)got)[v.worst_index], v.rms, v.nmse);
        }
        free(got);
        oracle_output_close(&o);
    }
    problem_instance_deinit(&in);
}

/* Cases of `op` pass with every pattern they list; returns how many runs there were. */
static int run_cases(const char *op)
{
    int runs = 0;

    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];
        if (strcmp(c->op, op))
            continue;
        for (int p = 0; p < PROBLEM_N_PATTERNS; p++)
            for (uint64_t seed = 1; (c->patterns & 1u << p) && seed <= (c->weight > 0.0 ? 1 : 4);
                 seed++, runs++)
                expect_accepted(c, seed, (enum problem_pattern)p);
    }
    return runs;
}

Test(twin, gemv_in_f32_passes)
{
    cr_assert_gt(run_cases("gemv"), 100);
}

Test(twin, gemm_in_f32_passes)
{
    cr_assert_gt(run_cases("gemm"), 100);
}

Test(twin, gemm_ids_in_f32_passes)
{
    cr_assert_gt(run_cases("gemm_ids"), 100);
}

Test(twin, attention_in_f32_passes)
{
    cr_assert_gt(run_cases("attention"), 100);
}

Test(twin, quantize_by_another_hand_is_equal)
{
    cr_assert_gt(run_cases("quantize"), 20);
}

Test(twin, row_operations_in_f32_pass)
{
    static const char *const ops[] = {"rms_norm", "layer_norm", "rope",  "glu", "softmax",
                                      "add",      "argmax",     "top_k", "mix"};

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        cr_expect_gt(run_cases(ops[i]), 10, "%s", ops[i]);
}
