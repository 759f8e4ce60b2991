/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/err.h"
#include "tests/reference/oracle_check.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FOR_EACH_CASE(c)                                                                           \
    for (const struct problem_case *c = problem_shipped.cases;                                     \
         c < problem_shipped.cases + problem_shipped.n_cases; c++)

Test(cases, names_are_unique)
{
    FOR_EACH_CASE(a)
    {
        for (const struct problem_case *b = problem_shipped.cases; b < a; b++)
            cr_expect_str_neq(a->name, b->name);
    }
}

Test(cases, are_a_sound_table)
{
    cr_expect_eq(problem_verify(), 0, "%s", err_message());
}

Test(cases, weights_sum_to_one)
{
    double sum = 0.0;
    int timed = 0;

    FOR_EACH_CASE(c)
    {
        cr_expect_geq(c->weight, 0.0);
        cr_expect(c->n_threads >= 1);
        sum += c->weight;
        timed += c->weight > 0.0;
    }
    cr_expect_float_eq(sum, 1.0, 1e-12);
    cr_expect(timed >= 8 && timed <= 20, "%d timed cases", timed);
}

Test(cases, every_case_has_patterns_and_the_random_one)
{
    FOR_EACH_CASE(c)
    {
        cr_expect(c->patterns & 1u << PROBLEM_RANDOM, "%s", c->name);
        cr_expect_lt(c->patterns, 1u << PROBLEM_N_PATTERNS, "%s", c->name);
    }
}

/* Every operation is the last step of some case or a setup step of one. */
Test(cases, every_operation_is_covered)
{
    bool seen[KERNEL_N_OPS] = {0};

    FOR_EACH_CASE(c)
    {
        struct problem_instance in;
        oracle_generate(c, 1, PROBLEM_RANDOM, &in);
        for (uint32_t s = 0; s < in.n_steps; s++)
            seen[in.steps[s].call.op] = true;
        problem_instance_deinit(&in);
    }
    for (int op = 0; op < KERNEL_N_OPS; op++)
        cr_expect(seen[op], "operation %d", op);
}

Test(cases, every_weight_type_is_multiplied_and_read_back)
{
    static const int64_t types[] = {
        KERNEL_F32,    KERNEL_F16,   KERNEL_BF16,  KERNEL_Q8_0, KERNEL_Q4_K, KERNEL_Q5_K,
        KERNEL_Q6_K,   KERNEL_Q4_0,  KERNEL_Q4_1,  KERNEL_Q5_0, KERNEL_Q5_1, KERNEL_IQ4_NL,
        KERNEL_IQ4_XS, KERNEL_TQ2_0, KERNEL_TQ1_0, KERNEL_Q2_K, KERNEL_Q3_K};
    static const char *const ops[] = {"gemv", "gemm", "gemm_ids", "get_rows"};

    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
        for (size_t o = 0; o < sizeof ops / sizeof ops[0]; o++) {
            bool found = false;
            FOR_EACH_CASE(c)
            {
                found |= !strcmp(c->op, ops[o]) && problem_param(c, "type", -1) == types[t];
            }
            cr_expect(found, "%s of type %d", ops[o], (int)types[t]);
        }
}

/* Roles, alignment and steps are what the judge supposes. */
static void check_instance(const struct problem_instance *in)
{
    const struct problem_step *last = &in->steps[in->n_steps - 1];
    const char *end = (const char *)in->memory + in->memory_bytes;

    cr_expect(in->n_steps >= 1 && in->n_steps <= PROBLEM_MAX_STEPS);
    for (uint32_t i = 0; i < in->n_buffers; i++) {
        const struct problem_buffer *b = &in->buffers[i];
        bool input = b->role == PROBLEM_INPUT;
        cr_expect_eq(input, b->tensor.data != NULL, "%s %s", in->c->name, b->name);
        cr_expect_eq((uintptr_t)b->tensor.data % KERNEL_ALIGN, 0);
        cr_expect_gt(b->max_bytes, 0);
        if (input)
            cr_expect((char *)b->tensor.data + b->tensor.bytes <= end, "%s", in->c->name);
    }
    for (uint32_t s = 0; s < in->n_steps; s++) {
        const struct problem_step *step = &in->steps[s];
        for (uint32_t i = 0; i < step->call.n_out; i++)
            cr_expect_eq(in->buffers[step->out[i]].role,
                         step == last ? PROBLEM_OUTPUT : PROBLEM_OPAQUE, "%s step %u", in->c->name,
                         s);
        for (uint32_t i = 0; i < step->call.n_in; i++)
            cr_expect(step->in[i] < in->n_buffers &&
                      in->buffers[step->in[i]].role != PROBLEM_OUTPUT);
        for (uint32_t i = step->call.n_in; i < KERNEL_MAX_TENSORS; i++)
            cr_expect_eq(step->in[i], PROBLEM_NO_BUFFER);
    }
}

Test(cases, instances_are_well_formed)
{
    FOR_EACH_CASE(c)
    {
        for (int p = 0; p < PROBLEM_N_PATTERNS; p++) {
            struct problem_instance in;
            if (!(c->patterns & 1u << p))
                continue;
            oracle_generate(c, 3, (enum problem_pattern)p, &in);
            check_instance(&in);
            problem_instance_deinit(&in);
        }
    }
}

Test(cases, inputs_repeat_with_the_seed_and_differ_without)
{
    FOR_EACH_CASE(c)
    {
        struct problem_instance a, b, other;
        oracle_generate(c, 5, PROBLEM_RANDOM, &a);
        oracle_generate(c, 5, PROBLEM_RANDOM, &b);
        oracle_generate(c, 6, PROBLEM_RANDOM, &other);
        cr_expect_eq(a.memory_bytes, b.memory_bytes);
        cr_expect_eq(memcmp(a.memory, b.memory, a.memory_bytes), 0, "%s", c->name);
        cr_expect_neq(memcmp(a.memory, other.memory, a.memory_bytes), 0, "%s", c->name);
        problem_instance_deinit(&a);
        problem_instance_deinit(&b);
        problem_instance_deinit(&other);
    }
}

/* f32 inputs are finite in every other pattern: anything else is outside the contract. */
Test(cases, f32_inputs_are_finite)
{
    FOR_EACH_CASE(c)
    {
        for (int p = 0; p < PROBLEM_N_PATTERNS; p++) {
            struct problem_instance in;
            if (c->weight > 0.0 || !(c->patterns & 1u << p) || p == PROBLEM_NONFINITE)
                continue;
            oracle_generate(c, 4, (enum problem_pattern)p, &in);
            for (uint32_t i = 0; i < in.n_buffers; i++) {
                const struct kernel_tensor *t = &in.buffers[i].tensor;
                if (in.buffers[i].role != PROBLEM_INPUT || t->type != KERNEL_F32)
                    continue;
                for (int64_t row = 0; row < t->ne[1] * t->ne[2]; row++)
                    for (int64_t j = 0; j < t->ne[0]; j++)
                        cr_assert(isfinite(((const float *)((const char *)t->data +
                                                            (size_t)row * t->nb[1]))[j]),
                                  "%s %s %s", c->name,
                                  problem_pattern_name((enum problem_pattern)p),
                                  in.buffers[i].name);
            }
            problem_instance_deinit(&in);
        }
    }
}

Test(cases, work_is_counted_for_every_case)
{
    FOR_EACH_CASE(c)
    {
        struct problem_work w;
        cr_assert_eq(compute_flops(c, &w), 0, "%s", err_message());
        cr_expect(w.flops_f32 >= 0.0 && w.ops_int8 >= 0.0 && w.bytes_read > 0.0 &&
                      w.bytes_written > 0.0,
                  "%s", c->name);
        cr_expect_gt(problem_instance_pool_bytes(c), 0, "%s", c->name);
    }
}

Test(cases, work_of_gemv_by_hand)
{
    struct problem_work w;

    cr_assert_eq(compute_flops(oracle_case("gemv-q4_k-17x768"), &w), 0);
    cr_expect_eq(w.ops_int8, 2.0 * 17 * 768);
    cr_expect_eq(w.flops_f32, 4.0 * 17 * 3);
    cr_expect_eq(w.bytes_read, 17.0 * 3 * 144 + 3 * 292);
    cr_expect_eq(w.bytes_written, 17.0 * 4);
}

/* Two queries of a one-page prompt see one and two positions; 64 of them 64 * 65 / 2. */
Test(cases, causal_attention_counts_visible_pairs_only)
{
    struct problem_work w;
    double pairs = 64.0 * 65 / 2 * 4;

    cr_assert_eq(compute_flops(oracle_case("attention-f16-h64-one-page"), &w), 0);
    cr_expect_eq(w.flops_f32, pairs * (4 * 64 + 3) + 64.0 * 4 * 64);
    cr_expect_eq(w.ops_int8, 0);
    cr_expect_eq(w.bytes_read, 4.0 * 64 * 4 * 64 + 2.0 * 64 * 2 * 128);
    cr_assert_eq(compute_flops(oracle_case("attention-q8_0-h8-decode"), &w), 0);
    cr_expect_eq(w.ops_int8, 2.0 * 8 * 8 * (64 + 65 + 66));
}

/* 40 queries at 260..299 of 300 with a window of 50: 50 positions each, 89 in all. */
Test(cases, windowed_attention_reads_the_windows_only)
{
    struct problem_work w;

    cr_assert_eq(compute_flops(oracle_case("attention-f16-h64-window"), &w), 0);
    cr_expect_eq(w.flops_f32, 40.0 * 4 * 50 * (4 * 64 + 3) + 40.0 * 4 * 64);
    cr_expect_eq(w.bytes_read, 4.0 * 40 * 4 * 64 + 2.0 * 89 * 128);
}

Test(cases, get_rows_asks_for_different_rows_within_the_tensor)
{
    const struct problem_case *c = oracle_case("get_rows-q4_k-33x512");
    struct problem_instance in;
    const int32_t *ids;
    bool differ = false;

    oracle_generate(c, 1, PROBLEM_RANDOM, &in);
    ids = in.buffers[in.steps[1].in[1]].tensor.data;
    for (int64_t j = 0; j < problem_param(c, "n", 1); j++) {
        cr_expect(ids[j] >= 0 && ids[j] < problem_param(c, "m", 0));
        differ |= j + 1 < problem_param(c, "n", 1) && ids[j] != ids[0];
    }
    cr_expect(differ);
    problem_instance_deinit(&in);
}

/* Whoever takes any `used` neighbours for the experts of a token gets different ones: the timed ids are
 * such windows. All patterns stay in range, and some leave an expert out or crowd it. */
Test(cases, experts_of_a_token_differ_wherever_a_window_begins)
{
    FOR_EACH_CASE(c)
    {
        int64_t used = problem_param(c, "used", 1), experts = problem_param(c, "experts", 1);
        for (int p = 0; p < PROBLEM_N_PATTERNS && !strcmp(c->op, "gemm_ids"); p++) {
            struct problem_instance in;
            const struct kernel_tensor *t;
            const int32_t *id;
            if (!(c->patterns & 1u << p))
                continue;
            oracle_generate(c, 2, (enum problem_pattern)p, &in);
            t = &in.buffers[in.steps[in.n_steps - 1].in[in.steps[in.n_steps - 1].call.n_in - 1]]
                     .tensor;
            id = t->data;
            for (int64_t i = 0; i < used * t->ne[1]; i++) {
                int64_t before = p == PROBLEM_RANDOM ? used - 1 : i % used;
                cr_expect(id[i] >= 0 && id[i] < experts, "%s", c->name);
                for (int64_t j = 1; j <= before && j <= i; j++)
                    cr_expect_neq(id[i - j], id[i], "%s", c->name);
            }
            problem_instance_deinit(&in);
        }
    }
}

Test(cases, work_of_a_mixture_by_hand)
{
    struct problem_work w;

    cr_assert_eq(compute_flops(oracle_case("gemm_ids-q4_k-17x256x5-2-n7"), &w), 0);
    cr_expect_eq(w.ops_int8, 2.0 * 17 * 256 * 2 * 7);
    cr_expect_eq(w.bytes_read, 2.0 * 17 * 144 + 2 * 7 * (292 + 4));
    cr_expect_eq(w.bytes_written, 17.0 * 4 * 2 * 7);
    cr_expect_eq(problem_instance_pool_bytes(oracle_case("gemm_ids-q4_k-17x256x5-2-n7")),
                 5 * 17 * 144);
}

/* A table of pages names each page at most once, and not in order of time. */
Test(cases, page_tables_are_shuffled_and_distinct)
{
    struct problem_instance in;
    const struct kernel_tensor *table;
    const int32_t *id;
    bool in_order = true;

    oracle_generate(oracle_case("attention-f16-h64-gqa-8-long"), 1, PROBLEM_RANDOM, &in);
    table = &in.buffers[in.steps[in.n_steps - 1].in[2]].tensor;
    id = table->data;
    for (int64_t i = 0; i < table->ne[0]; i++) {
        cr_expect(id[i] >= 0 && id[i] < in.buffers[in.steps[in.n_steps - 1].in[1]].tensor.ne[3]);
        in_order &= id[i] == i;
        for (int64_t j = 0; j < i; j++)
            cr_expect_neq(id[i], id[j]);
    }
    cr_expect_not(in_order);
    problem_instance_deinit(&in);
}

Test(cases, nonsense_is_refused_with_a_reason)
{
    struct problem_case c = *oracle_case("gemv-q4_k-17x768");
    struct problem_instance in;

    c.params[2].value = 700;
    cr_expect_eq(generate_inputs(&c, 1, PROBLEM_RANDOM, &in), ERR_USAGE);
    cr_expect_not_null(strstr(err_message(), "k must be a multiple of 256"));
    c.op = "juggle";
    cr_expect_eq(generate_inputs(&c, 1, PROBLEM_RANDOM, &in), ERR_USAGE);
    c = *oracle_case("gemv-q4_k-17x768");
    cr_expect_eq(generate_inputs(&c, 1, PROBLEM_N_PATTERNS, &in), ERR_USAGE);
    c = *oracle_case("attention-f16-h64-decode");
    c.params[1].value = 63;
    cr_expect_eq(generate_inputs(&c, 1, PROBLEM_RANDOM, &in), ERR_USAGE);
}

Test(cases, the_survey_names_each_case_once_and_its_shapes_can_be_had)
{
    for (size_t i = 0; i < problem_shipped.n_survey; i++) {
        const struct problem_case *c = &problem_shipped.survey[i];
        struct problem_work work;

        for (size_t k = 0; k < i; k++)
            cr_expect_str_neq(c->name, problem_shipped.survey[k].name);
        cr_assert(compute_flops(c, &work) == 0, "%s: %s", c->name, err_message());
        cr_expect(work.bytes_read > 0 && work.flops_f32 > 0, "%s", c->name);
        cr_expect(c->weight == 0 && c->pool_bytes > 0 && c->n_threads >= 1, "%s", c->name);
    }
}
