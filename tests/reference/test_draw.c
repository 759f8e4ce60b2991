/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/err.h"
#include "tests/reference/oracle_check.h"
#include "tests/reference/twin.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* What ten thousand draws have shown. */
struct seen {
    bool op[KERNEL_N_OPS], columns[18], one_row, ragged, one_block, list, strided, long_context;
    bool ratio[9], window, softcap, page_edge;
    uint64_t types; /* bit per enum kernel_type below 64 */
};

static void note(struct seen *s, const struct problem_instance *in)
{
    const struct problem_case *c = in->c;
    int64_t m = problem_param(c, "m", 0), n = problem_param(c, "n", 0);
    int64_t type = problem_param(c, "type", 0), n_kv = problem_param(c, "n_kv", 0);
    int64_t heads = problem_param(c, "heads", 0), kv_heads = problem_param(c, "kv_heads", 1);

    for (uint32_t i = 0; i < in->n_steps; i++)
        s->op[in->steps[i].call.op] = true;
    if (in->steps[in->n_steps - 1].call.op == KERNEL_GEMM && n <= 17)
        s->columns[n] = true;
    s->types |= type < 64 ? UINT64_C(1) << type : 0;
    s->one_row |= m == 1;
    s->ragged |= m % 16 != 0;
    s->one_block |= m > 0 && type == KERNEL_Q4_K && problem_param(c, "k", 0) == 256;
    s->list |= problem_param(c, "m2", 0) > 0;
    s->strided |= problem_param(c, "x_pad", 0) > 0;
    if (n_kv > 0) {
        s->long_context |= n_kv == 8192;
        s->page_edge |= n_kv % 64 == 1 || n_kv % 64 == 63;
        s->window |= problem_param(c, "window", 0) > 0;
        s->softcap |= problem_param(c, "softcap", 0) > 0;
        s->ratio[heads / kv_heads] = true;
    }
}

Test(draw, ten_thousand_cases_are_valid_and_reach_every_edge, .timeout = 120)
{
    static const uint32_t types[] = {
        KERNEL_F32,    KERNEL_F16,    KERNEL_BF16,  KERNEL_Q8_0,  KERNEL_Q4_K, KERNEL_Q5_K,
        KERNEL_Q6_K,   KERNEL_Q8_K,   KERNEL_Q4_0,  KERNEL_Q4_1,  KERNEL_Q5_0, KERNEL_Q5_1,
        KERNEL_IQ4_NL, KERNEL_IQ4_XS, KERNEL_TQ2_0, KERNEL_TQ1_0, KERNEL_Q2_K, KERNEL_Q3_K};
    struct seen s = {0};

    for (uint64_t seed = 1; seed <= 10000; seed++) {
        struct problem_drawn d;
        struct problem_instance in;
        struct problem_work w;
        problem_case_draw(seed, &d);
        cr_assert_eq(d.c.name, d.name);
        cr_assert(strlen(d.name) > 6 && strlen(d.name) + 1 < sizeof d.name, "%s", d.name);
        cr_assert_eq(d.c.weight, 0.0);
        cr_assert(d.c.patterns & 1u << PROBLEM_RANDOM);
        cr_assert_eq(compute_flops(&d.c, &w), 0, "seed %d: %s", (int)seed, err_message());
        cr_assert_lt(w.flops_f32 + w.ops_int8, 1e7, "seed %d: %s is slow", (int)seed, d.name);
        cr_assert_eq(generate_inputs(&d.c, seed, PROBLEM_RANDOM, &in), 0, "seed %d: %s", (int)seed,
                     err_message());
        note(&s, &in);
        problem_instance_deinit(&in);
    }
    for (int op = 0; op < KERNEL_N_OPS; op++)
        cr_expect(s.op[op], "operation %d", op);
    for (int n = 1; n <= 17; n++)
        cr_expect(s.columns[n], "%d columns", n);
    cr_expect(s.ratio[1] && s.ratio[2] && s.ratio[4] && s.ratio[8]);
    cr_expect(s.one_row && s.ragged && s.one_block && s.list && s.strided);
    cr_expect(s.long_context && s.page_edge && s.window && s.softcap);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        cr_expect(s.types >> types[i] & 1, "type %u", types[i]);
}

Test(draw, the_same_seed_draws_the_same_case)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct problem_drawn a, b, other;
        problem_case_draw(seed, &a);
        problem_case_draw(seed, &b);
        problem_case_draw(seed + 1000, &other);
        cr_assert_str_eq(a.name, b.name);
        cr_assert_eq(memcmp(a.c.params, b.c.params, sizeof a.c.params), 0);
        cr_assert(strcmp(a.name, other.name) != 0 ||
                  memcmp(a.c.params, other.c.params, sizeof a.c.params) != 0);
    }
}

/* An honest kernel in plain f32 passes whatever is drawn. */
Test(draw, the_twin_is_right_on_drawn_cases, .timeout = 120)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct problem_drawn d;
        problem_case_draw(seed, &d);
        for (int p = 0; p < PROBLEM_N_PATTERNS; p++) {
            struct problem_instance in;
            if (!(d.c.patterns & 1u << p) || (p != PROBLEM_RANDOM && seed % 4))
                continue;
            oracle_generate(&d.c, seed, (enum problem_pattern)p, &in);
            for (uint32_t b = 0; b < in.n_buffers; b++) {
                struct oracle_output o;
                void *got;
                if (in.buffers[b].role != PROBLEM_OUTPUT)
                    continue;
                oracle_output_open(&in, b, &o);
                got = malloc(o.count * o.element_bytes);
                if (twin_run(&in, b, got))
                    cr_expect(oracle_output_compare(&o, got).accepted, "seed %d: %s %s", (int)seed,
                              d.name, problem_pattern_name((enum problem_pattern)p));
                free(got);
                oracle_output_close(&o);
            }
            problem_instance_deinit(&in);
        }
    }
}

/* --- other sizes of timed cases --- */

static void expect_near(const struct problem_case *timed, const struct problem_case *varied)
{
    size_t changed = 0;

    for (size_t i = 0; i < PROBLEM_MAX_PARAMS && timed->params[i].key; i++) {
        int64_t was = timed->params[i].value, is = varied->params[i].value;
        cr_assert_str_eq(varied->params[i].key, timed->params[i].key);
        cr_assert(4 * is >= 3 * was && 4 * is <= 5 * was, "%s: %s = %d", timed->name,
                  timed->params[i].key, (int)is);
        changed += is != was;
    }
    cr_assert_gt(changed, 0, "%s is the listed shape", timed->name);
}

Test(draw, varied_cases_are_other_shapes_of_the_same_work)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *timed = &problem_shipped.cases[i];
        size_t distinct = 0;
        struct problem_drawn before = {0};
        for (uint64_t seed = 1; timed->weight > 0.0 && seed <= 200; seed++) {
            struct problem_drawn d;
            struct problem_work w;
            problem_case_vary(timed, seed, &d);
            expect_near(timed, &d.c);
            cr_assert_str_eq(d.c.name, timed->name);
            cr_assert_str_eq(d.c.op, timed->op);
            cr_assert(d.c.weight == timed->weight && d.c.n_threads == timed->n_threads);
            cr_assert_eq(compute_flops(&d.c, &w), 0, "%s", err_message());
            distinct += memcmp(d.c.params, before.c.params, sizeof d.c.params) != 0;
            before = d;
            if (seed <= 2) {
                struct problem_instance in;
                oracle_generate(&d.c, seed, PROBLEM_RANDOM, &in);
                problem_instance_deinit(&in);
            }
        }
        cr_expect(timed->weight == 0.0 || distinct > 100, "%s", timed->name);
    }
}

/* A focus may time the cases of kv: what they load must still have been stored. */
Test(draw, varied_kv_cases_load_what_was_stored)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        for (uint64_t seed = 1; !strcmp(problem_shipped.cases[i].op, "kv") && seed <= 4; seed++) {
            struct problem_drawn d;
            struct problem_instance in;
            struct oracle_output o;
            problem_case_vary(&problem_shipped.cases[i], seed, &d);
            oracle_generate(&d.c, seed, PROBLEM_RANDOM, &in);
            oracle_output_open(&in, oracle_output_buffer(&in), &o);
            oracle_output_close(&o);
            problem_instance_deinit(&in);
        }
}

/* --- views --- */

/* The oracle of a view is the oracle of an instance that has the other activations for its own, and
 * the base's stays what it was, whoever is asked first. */
static void compare_view(const char *name)
{
    struct problem_instance base, other, copy, view;
    void *data[PROBLEM_MAX_BUFFERS] = {0};
    struct oracle_output want, got, before, after;
    uint32_t x, y;

    oracle_generate(oracle_case(name), 1, PROBLEM_RANDOM, &base);
    oracle_generate(oracle_case(name), 1, PROBLEM_RANDOM, &copy);
    oracle_generate(oracle_case(name), 2, PROBLEM_RANDOM, &other);
    x = base.steps[base.n_steps - 1].in[0];
    y = oracle_output_buffer(&base);
    memcpy(copy.buffers[x].tensor.data, other.buffers[x].tensor.data, copy.buffers[x].tensor.bytes);
    data[x] = other.buffers[x].tensor.data;
    oracle_output_open(&base, y, &before);
    problem_instance_view(&base, data, &view);
    oracle_output_open(&view, y, &got);
    oracle_output_open(&copy, y, &want);
    oracle_output_open(&base, y, &after);
    cr_expect_eq(memcmp(got.want, want.want, want.count * sizeof(double)), 0, "%s", name);
    cr_expect_eq(memcmp(after.want, before.want, before.count * sizeof(double)), 0, "%s", name);
    cr_expect_neq(memcmp(got.want, before.want, before.count * sizeof(double)), 0, "%s", name);
    problem_instance_deinit(&view);
    oracle_output_close(&after);
    oracle_output_open(&base, y, &after); /* it has lost nothing with the view */
    cr_expect_eq(memcmp(after.want, before.want, before.count * sizeof(double)), 0, "%s", name);
    oracle_output_close(&before);
    oracle_output_close(&after);
    oracle_output_close(&want);
    oracle_output_close(&got);
    problem_instance_deinit(&base);
    problem_instance_deinit(&copy);
    problem_instance_deinit(&other);
}

Test(draw, a_view_answers_for_its_own_activations)
{
    compare_view("gemm-q4_k-33x512-n17");
    compare_view("attention-q8_0-h80-prompt");
    compare_view("attention-f16-h64-gqa-8-long");
    compare_view("rms_norm-256x5");
}
