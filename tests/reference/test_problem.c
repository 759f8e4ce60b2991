/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/err.h"
#include "reference/base/half.h"
#include "reference/inference/rounding.h"
#include "tests/reference/oracle_check.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An instance of a case made for one test, its inputs to be overwritten by hand. */
static void generate(const char *op, struct problem_instance *in, struct problem_case *c,
                     const struct problem_param *params, size_t n)
{
    *c = (struct problem_case){.name = "by hand", .op = op, .n_threads = 1};
    memcpy(c->params, params, n * sizeof *params);
    oracle_generate(c, 1, PROBLEM_RANDOM, in);
}

#define GENERATE(op, in, c, ...)                                                                   \
    generate(op, in, c, (const struct problem_param[]){__VA_ARGS__},                               \
             sizeof((const struct problem_param[]){__VA_ARGS__}) / sizeof(struct problem_param))

static void *input(struct problem_instance *in, const char *name)
{
    for (uint32_t i = 0; i < in->n_buffers; i++)
        if (!strcmp(in->buffers[i].name, name) && in->buffers[i].role == PROBLEM_INPUT)
            return in->buffers[i].tensor.data;
    cr_assert_fail("no input %s", name);
    return NULL;
}

/* --- every operation by hand --- */

Test(problem, gemv_of_q4_k_by_hand)
{
    struct problem_case c;
    struct problem_instance in;
    struct oracle_output o;
    struct q4_k_block *w;
    struct q8_k_block *x;

    GENERATE("gemv", &in, &c, {"type", KERNEL_Q4_K}, {"m", 1}, {"k", 256});
    w = input(&in, "W");
    x = input(&in, "x");
    memset(w, 0, sizeof *w);
    memset(x, 0, sizeof *x);
    w->d = half_from_float(0.5f);
    w->dmin = half_from_float(2.0f);
    w->scales[0] = 3; /* scale of sub-block 0 */
    w->scales[4] = 7; /* min of sub-block 0 */
    w->qs[1] = 0x0a;
    x->d = 0.25f;
    x->qs[1] = -100;
    x->qs[2] = 10;
    x->bsums[0] = -90;
    oracle_output_open(&in, oracle_output_buffer(&in), &o);
    /* scale terms: 0.5 * 3 * 10 * -25; min terms: 2 * 7 * (-25 + 2.5) */
    cr_expect_eq(o.want[0], 0.5 * 3 * 10 * -25.0 - 2.0 * 7 * (-25.0 + 2.5));
    /* S = 375 + 350 + 35 = 760: ulp 2^-14; B = 1 */
    cr_expect_eq(o.unit[0], 0x1p-14);
    cr_expect_eq(o.bound[0], 4.5 * 0x1p-14);
    cr_expect_eq(o.expect.rms_limit, 1.0);
    oracle_output_close(&o);
    problem_instance_deinit(&in);
}

Test(problem, gemm_of_f32_by_hand)
{
    static const float w[2][3] = {{1, 2, 3}, {-1, 0.5f, 0}}, x[2][3] = {{1, 1, 1}, {2, -4, 0.5f}};
    static const double want[4] = {6, -0.5, -4.5, -4}, units[4] = {6, 1.5, 11.5, 4};
    struct problem_case c;
    struct problem_instance in;
    struct oracle_output o;

    GENERATE("gemm", &in, &c, {"type", KERNEL_F32}, {"m", 2}, {"k", 3}, {"n", 2});
    memcpy(input(&in, "W"), w, sizeof w);
    memcpy(input(&in, "x"), x, sizeof x);
    oracle_output_open(&in, oracle_output_buffer(&in), &o);
    for (int i = 0; i < 4; i++) {
        cr_expect_eq(o.want[i], want[i]);
        cr_expect_eq(o.unit[i], (double)nextafterf((float)units[i], 100) - (float)units[i]);
    }
    oracle_output_close(&o);
    problem_instance_deinit(&in);
}

Test(problem, get_rows_by_hand)
{
    static const float w[3][2] = {{1, 2}, {3, 4}, {5, 6}}, want[2][2] = {{3, 4}, {5, 6}};
    struct problem_case c;
    struct problem_instance in;
    struct oracle_output o;

    GENERATE("get_rows", &in, &c, {"type", KERNEL_F32}, {"m", 3}, {"k", 2}, {"n", 2});
    memcpy(input(&in, "W"), w, sizeof w);
    ((int32_t *)input(&in, "ids"))[0] = 1;
    oracle_output_open(&in, oracle_output_buffer(&in), &o);
    cr_expect(o.expect.exact);
    cr_expect_eq(memcmp(o.expect.bytes, want, sizeof want), 0);
    oracle_output_close(&o);
    problem_instance_deinit(&in);
}

Test(problem, quantize_gives_whole_blocks)
{
    struct problem_case c;
    struct problem_instance in;
    struct oracle_output o;
    struct q8_32_block want[2];

    GENERATE("quantize", &in, &c, {"type", KERNEL_Q8_32}, {"k", 64}, {"n", 3});
    oracle_output_open(&in, oracle_output_buffer(&in), &o);
    cr_expect_eq(o.count, 6);
    cr_expect_eq(o.element_bytes, sizeof want[0]);
    rounding_activations(KERNEL_Q8_32, (const float *)input(&in, "x") + 2 * 64, 64, want);
    cr_expect_eq(memcmp(o.expect.bytes + 4 * sizeof want[0], want, sizeof want), 0);
    oracle_output_close(&o);
    problem_instance_deinit(&in);
}

/* The last store that covers a position is the one that is read back. */
Test(problem, later_stores_win)
{
    struct problem_case c;
    struct problem_instance in;
    struct oracle_output o;
    const float *k, *k2, *got;

    GENERATE("kv", &in, &c, {"head_dim", 8}, {"kv_heads", 2}, {"pos", 5}, {"n", 10}, {"pos2", 9},
             {"n2", 3}, {"n_load", 10});
    k = input(&in, "K");
    k2 = input(&in, "K2");
    oracle_output_open(&in, oracle_output_buffer(&in), &o);
    got = (const float *)o.expect.bytes;
    for (int t = 0; t < 10; t++)
        for (int i = 0; i < 16; i++) {
            float x = t >= 4 && t < 7 ? k2[(t - 4) * 16 + i] : k[t * 16 + i];
            cr_assert_eq(got[t * 16 + i], half_to_float(half_from_float(x)), "position %d", 5 + t);
        }
    oracle_output_close(&o);
    problem_instance_deinit(&in);
}

/* Two positions with scores 0 and ln 3: weights 1/4 and 3/4. */
Test(problem, attention_by_hand)
{
    struct problem_case c;
    struct problem_instance in;
    struct oracle_output o;
    float *q, *k, *v;

    GENERATE("attention", &in, &c, {"head_dim", 8}, {"heads", 2}, {"kv_heads", 1}, {"n", 1},
             {"n_kv", 2});
    in.steps[in.n_steps - 1].call.f[KERNEL_F_SCALE] = 0.5f;
    q = input(&in, "Q");
    k = input(&in, "K");
    v = input(&in, "V");
    memset(q, 0, 16 * sizeof *q);
    memset(k, 0, 16 * sizeof *k);
    q[0] = (float)log(3.0); /* head 0; head 1 has equal scores */
    k[8] = 2.0f;
    for (int i = 0; i < 8; i++) {
        v[i] = 4.0f;
        v[8 + i] = i ? -4.0f : 8.0f;
    }
    oracle_output_open(&in, oracle_output_buffer(&in), &o);
    cr_expect_float_eq(o.want[0], 7.0, 1e-6);
    cr_expect_float_eq(o.want[1], -2.0, 1e-6);
    /* scores 0 and ln 3 */
    cr_expect_float_eq(o.bound[1], 6.4e-6 * (1.0 + log(3.0) / 4.0) * 4.0, 1e-11);
    cr_expect_float_eq(o.want[8], 6.0, 1e-12);
    cr_expect_float_eq(o.want[9], 0.0, 1e-12);
    oracle_output_close(&o);
    problem_instance_deinit(&in);
}

Test(problem, rms_norm_by_hand)
{
    static const float x[2] = {3, 4}, w[2] = {1, -2};
    struct problem_case c;
    struct problem_instance in;
    struct oracle_output o;

    GENERATE("rms_norm", &in, &c, {"k", 2}, {"n", 1});
    memcpy(input(&in, "x"), x, sizeof x);
    memcpy(input(&in, "w"), w, sizeof w);
    in.steps[0].call.f[KERNEL_F_EPS] = 12.5f;
    oracle_output_open(&in, oracle_output_buffer(&in), &o);
    cr_expect_float_eq(o.want[0], 0.6, 1e-15);
    cr_expect_float_eq(o.want[1], -1.6, 1e-15);
    oracle_output_close(&o);
    problem_instance_deinit(&in);
}

Test(problem, layer_norm_by_hand)
{
    static const float x[2] = {5, 1}, w[2] = {1, 3}, b[2] = {0, 10};
    struct problem_case c;
    struct problem_instance in;
    struct oracle_output o;

    GENERATE("layer_norm", &in, &c, {"k", 2}, {"n", 1}, {"bias", 1});
    memcpy(input(&in, "x"), x, sizeof x);
    memcpy(input(&in, "w"), w, sizeof w);
    memcpy(input(&in, "b"), b, sizeof b);
    in.steps[0].call.f[KERNEL_F_EPS] = 12.0f; /* sqrt(4 + 12) = 4 */
    oracle_output_open(&in, oracle_output_buffer(&in), &o);
    cr_expect_float_eq(o.want[0], 0.5, 1e-15);
    cr_expect_float_eq(o.want[1], 8.5, 1e-15);
    oracle_output_close(&o);
    problem_instance_deinit(&in);
}

Test(problem, rope_by_hand)
{
    static const float x[5] = {1, 2, 3, 4, 5}, table[4] = {0, 1, 0.6f, 0.8f};
    struct problem_case c;
    struct problem_instance in;
    struct oracle_output o;

    for (int style = 0; style < 2; style++) {
        /* norm pairs (1,2) (3,4); neox pairs (1,3) (2,4) */
        const double want[2][5] = {{-2, 1, 0.6f * 3.0 - 0.8f * 4.0, 0.8f * 3.0 + 0.6f * 4.0, 5},
                                   {-3, 0.6f * 2.0 - 0.8f * 4.0, 1, 0.8f * 2.0 + 0.6f * 4.0, 5}};
        GENERATE("rope", &in, &c, {"k", 5}, {"n", 1}, {"heads", 1}, {"pairs", 2}, {"style", style});
        memcpy(input(&in, "x"), x, sizeof x);
        memcpy(input(&in, "table"), table, sizeof table);
        oracle_output_open(&in, oracle_output_buffer(&in), &o);
        for (int i = 0; i < 5; i++)
            cr_expect_float_eq(o.want[i], want[style][i], 1e-15, "style %d, %d", style, i);
        cr_expect_eq(o.bound[4], 0.0, "elements past the pairs are copies");
        oracle_output_close(&o);
        problem_instance_deinit(&in);
    }
}

Test(problem, glu_by_hand)
{
    static const float g[2] = {1, -2}, u[2] = {3, 5};
    struct problem_case c;
    struct problem_instance in;
    struct oracle_output o;

    for (int act = 0; act < 2; act++) {
        const double want[2][2] = {{0.7310585786300049 * 3, -2 * 0.11920292202211755 * 5},
                                   {0.8411919906082768 * 3, -0.04540230591222 * 5}};
        GENERATE("glu", &in, &c, {"k", 2}, {"n", 1}, {"act", act});
        memcpy(input(&in, "x"), g, sizeof g);
        memcpy(input(&in, "up"), u, sizeof u);
        oracle_output_open(&in, oracle_output_buffer(&in), &o);
        for (int i = 0; i < 2; i++)
            cr_expect_float_eq(o.want[i], want[act][i], 1e-12, "%d %d: %.15g", act, i, o.want[i]);
        oracle_output_close(&o);
        problem_instance_deinit(&in);
    }
}

Test(problem, softmax_add_and_argmax_by_hand)
{
    static const float x[4] = {0, 2, 2, -1};
    struct problem_case c;
    struct problem_instance in;
    struct oracle_output o;
    double total = 1 + 2 * exp(1.0) + exp(-0.5);
    float *a, *b;

    GENERATE("softmax", &in, &c, {"k", 4}, {"n", 1}, {"scale_milli", 500});
    memcpy(input(&in, "x"), x, sizeof x);
    oracle_output_open(&in, oracle_output_buffer(&in), &o);
    cr_expect_float_eq(o.want[0], 1.0 / total, 1e-15);
    cr_expect_float_eq(o.want[3], exp(-0.5) / total, 1e-15);
    oracle_output_close(&o);
    problem_instance_deinit(&in);

    GENERATE("argmax", &in, &c, {"k", 4}, {"n", 1});
    memcpy(input(&in, "x"), x, sizeof x);
    oracle_output_open(&in, oracle_output_buffer(&in), &o);
    cr_expect_eq(*(const int32_t *)o.expect.bytes, 1, "the first of equals");
    oracle_output_close(&o);
    problem_instance_deinit(&in);

    GENERATE("add", &in, &c, {"k", 2}, {"n", 2}, {"broadcast", 1});
    a = input(&in, "x");
    b = input(&in, "b");
    oracle_output_open(&in, oracle_output_buffer(&in), &o);
    cr_expect_eq(o.want[3], (double)a[3] + b[1]);
    oracle_output_close(&o);
    problem_instance_deinit(&in);
}

/* --- ranges --- */

static void compare_range(struct problem_instance *in, uint32_t buffer,
                          const struct oracle_output *whole, size_t first, size_t count)
{
    double want[64], bound[64], unit[64];
    unsigned char bytes[64 * 292];
    struct problem_expect e = {.bytes = bytes, .want = want, .bound = bound, .unit = unit};

    cr_assert_eq(reference_fn(in, buffer, first, count, &e), 0, "%s", err_message());
    cr_assert_eq(e.exact, whole->expect.exact);
    cr_assert_eq(e.rms_limit, whole->expect.rms_limit);
    cr_assert_eq(e.nmse_limit, whole->expect.nmse_limit);
    if (e.exact) {
        cr_assert_eq(memcmp(bytes, whole->expect.bytes + first * whole->element_bytes,
                            count * whole->element_bytes),
                     0, "%s [%zu, +%zu)", in->c->name, first, count);
        return;
    }
    cr_assert_eq(memcmp(want, whole->want + first, count * sizeof *want), 0, "%s [%zu, +%zu)",
                 in->c->name, first, count);
    cr_assert_eq(memcmp(bound, whole->bound + first, count * sizeof *bound), 0);
    cr_assert_eq(memcmp(unit, whole->unit + first, count * sizeof *unit), 0);
}

Test(problem, any_range_agrees_with_the_whole)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];
        struct problem_instance in, fresh;
        if (c->weight > 0.0)
            continue;
        oracle_generate(c, 9, PROBLEM_RANDOM, &in);
        oracle_generate(c, 9, PROBLEM_RANDOM, &fresh);
        for (uint32_t b = 0; b < in.n_buffers; b++) {
            struct oracle_output o;
            if (in.buffers[b].role != PROBLEM_OUTPUT)
                continue;
            oracle_output_open(&in, b, &o);
            for (size_t first = 0; first < o.count; first += 1 + o.count / 7)
                for (size_t n = 1; n <= 64; n = n * 3 + 1)
                    compare_range(&fresh, b, &o, first, n < o.count - first ? n : o.count - first);
            oracle_output_close(&o);
        }
        problem_instance_deinit(&in);
        problem_instance_deinit(&fresh);
    }
}

Test(problem, ranges_outside_are_refused)
{
    struct problem_instance in;
    struct problem_expect e = {0};
    uint32_t y;
    size_t n;

    oracle_generate(oracle_case("gemv-q4_k-17x768"), 1, PROBLEM_RANDOM, &in);
    y = oracle_output_buffer(&in);
    n = problem_output_count(&in, y);
    cr_expect_eq(reference_fn(&in, y, n, 1, &e), ERR_USAGE);
    cr_expect_eq(reference_fn(&in, y, 1, n, &e), ERR_USAGE);
    cr_expect_eq(reference_fn(&in, y, SIZE_MAX, 2, &e), ERR_USAGE);
    cr_expect_eq(reference_fn(&in, 0, 0, 1, &e), ERR_USAGE);
    cr_expect_eq(reference_fn(&in, PROBLEM_NO_BUFFER, 0, 1, &e), ERR_USAGE);
    cr_expect_eq(reference_fn(&in, y, n, 0, &e), 0);
    problem_instance_deinit(&in);
}
