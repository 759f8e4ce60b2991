/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sensitivity.c: the gates must close. Each test computes what a particular mistake would give
 * (the oracle on perturbed inputs or parameters, rounded to f32, so as good as a wrong kernel can
 * be) and demands that the comparison with the true oracle rejects it, on random inputs. */
#include "reference/base/half.h"
#include "reference/base/formats.h"
#include "tests/reference/oracle_check.h"
#include "tests/reference/twin.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 3 };

/* A true instance, a twin of it that the test spoils, and both outputs. */
struct pair {
    struct problem_instance good, bad;
    uint32_t buffer;
    struct oracle_output want;
    float *got; /* [want.count] */
};

static void pair_open(struct pair *p, const struct problem_case *c, uint64_t seed)
{
    oracle_generate(c, seed, PROBLEM_RANDOM, &p->good);
    oracle_generate(c, seed, PROBLEM_RANDOM, &p->bad);
    p->buffer = oracle_output_buffer(&p->good);
    while (p->good.buffers[p->buffer].tensor.type == KERNEL_I32) /* exact: see the last test */
        p->buffer++;
    oracle_output_open(&p->good, p->buffer, &p->want);
    p->got = malloc(p->want.count * sizeof *p->got);
    oracle_output_values(&p->want, p->got);
    cr_assert(oracle_output_compare(&p->want, p->got).accepted, "%s: the truth fails", c->name);
}

static void pair_close(struct pair *p)
{
    oracle_output_close(&p->want);
    problem_instance_deinit(&p->good);
    problem_instance_deinit(&p->bad);
    free(p->got);
}

/* Elements [first, first + n) as the spoiled instance gives them, the rest true. */
static void pair_take(struct pair *p, size_t first, size_t n)
{
    struct oracle_output o;

    oracle_output_open(&p->bad, p->buffer, &o);
    oracle_output_values(&p->want, p->got);
    for (size_t i = first; i < first + n; i++)
        p->got[i] = (float)o.want[i];
    oracle_output_close(&o);
}

static void expect_rejected(const struct pair *p, const char *mistake)
{
    cr_expect_not(oracle_output_compare(&p->want, p->got).accepted, "%s passes with %s",
                  p->good.c->name, mistake);
}

static void take_and_expect_rejected(struct pair *p, const char *mistake)
{
    pair_take(p, 0, p->want.count);
    expect_rejected(p, mistake);
}

static struct kernel_call *call(struct pair *p)
{
    return &p->bad.steps[p->bad.n_steps - 1].call;
}

/* --- all operations --- */

Test(sensitivity, zero_output_fails_everywhere)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];
        struct problem_instance in;
        if (!strcmp(c->name, "argmax-1x1")) /* index 0 is the answer */
            continue;
        oracle_generate(c, 1, PROBLEM_RANDOM, &in);
        for (uint32_t b = 0; b < in.n_buffers; b++) {
            struct oracle_output o;
            void *zero;
            if (in.buffers[b].role != PROBLEM_OUTPUT)
                continue;
            oracle_output_open(&in, b, &o);
            zero = calloc(o.count, o.element_bytes);
            cr_expect_not(oracle_output_compare(&o, zero).accepted, "%s %s", c->name,
                          in.buffers[b].name);
            free(zero);
            oracle_output_close(&o);
        }
        problem_instance_deinit(&in);
    }
}

/* NaN in one element is no wildcard. */
Test(sensitivity, one_nan_fails)
{
    struct pair p;

    pair_open(&p, oracle_case("gemv-q4_k-77x1024"), 1);
    p.got[40] = NAN;
    expect_rejected(&p, "a NaN");
    pair_close(&p);
}

/* --- gemv and gemm --- */

/* First byte of block `block` of row `row` of the weights behind the first output. */
static unsigned char *block_of(struct pair *p, size_t row, size_t block, const struct format **f)
{
    const struct kernel_tensor *t = &p->bad.buffers[p->bad.steps[0].in[0]].tensor;

    *f = format_find(t->type);
    return (unsigned char *)t->data + row * t->nb[1] + block * (*f)->bytes;
}

/* Misplace the codes of one block: nibbles of 32 bytes swapped (all 16 where there are no more),
 * halves of Q8_0, two plain numbers. */
static void swap_codes(unsigned char *b, const struct format *f)
{
    bool small = f->elements == KERNEL_QK_32 && f->type != KERNEL_Q8_0;
    size_t at = f->type == KERNEL_Q4_K     ? 16
                : f->type == KERNEL_Q5_K   ? 48
                : f->type == KERNEL_IQ4_XS ? 8
                : f->type == KERNEL_Q2_K   ? 16
                : f->type == KERNEL_Q3_K   ? 32
                : small                    ? f->bytes - 16
                                           : 0;
    size_t offset = f->elements == 1 ? 0 : 2, n = f->elements == 1 ? f->bytes : 16;
    unsigned char tmp[16];

    if (f->elements == KERNEL_QK_K || small) {
        for (size_t i = at; i < at + (small ? 16 : 32); i++)
            b[i] = (unsigned char)(b[i] << 4 | b[i] >> 4);
        return;
    }
    memcpy(tmp, b + offset, n);
    memcpy(b + offset, b + offset + n, n);
    memcpy(b + offset + n, tmp, n);
}

static void drop_block(unsigned char *b, const struct format *f)
{
    memset(b + f->scale_offset, 0, f->elements == 1 ? f->bytes : sizeof(uint16_t));
    if (f->min_offset)
        memset(b + f->min_offset, 0, sizeof(uint16_t));
}

/* Spoil one of the last blocks of the last row: that row alone must be enough. */
static void spoil_block(const struct problem_case *c, uint64_t seed, const char *mistake,
                        void (*spoil)(unsigned char *, const struct format *))
{
    const struct format *f = format_find((uint32_t)problem_param(c, "type", 0));
    size_t blocks = (size_t)problem_param(c, "k", 0) / f->elements;
    struct pair p;

    if (f->elements == 1 && blocks < 2)
        return; /* one number cannot be swapped with another */
    pair_open(&p, c, seed);
    spoil(block_of(&p, (size_t)problem_param(c, "m", 0) - 1, blocks >= 2 ? blocks - 2 : 0, &f), f);
    take_and_expect_rejected(&p, mistake);
    pair_close(&p);
}

static void spoil_blocks(const char *mistake, void (*spoil)(unsigned char *, const struct format *))
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];
        if (strcmp(c->op, "gemv") && strcmp(c->op, "gemm"))
            continue;
        for (uint64_t seed = 1; seed <= (c->weight > 0.0 ? 1 : SEEDS); seed++)
            spoil_block(c, seed, mistake, spoil);
    }
}

Test(sensitivity, swapped_codes_in_one_block_fail)
{
    spoil_blocks("swapped codes in one block", swap_codes);
}

Test(sensitivity, one_dropped_block_fails)
{
    spoil_blocks("a dropped block", drop_block);
}

static void skip_mins(unsigned char *b, const struct format *f)
{
    if (f->min_offset)
        memset(b + f->min_offset, 0, sizeof(uint16_t));
    else
        drop_block(b, f);
}

/* In one block of one row, for the formats that have mins. */
Test(sensitivity, skipped_mins_of_one_block_fail)
{
    spoil_blocks("skipped mins", skip_mins);
}

/* -128 read as -127 in one weight: the classic of saturating products. */
Test(sensitivity, saturated_minus_128_fails)
{
    const struct format *f;
    struct pair p;
    struct q8_0_block *b;
    const struct q8_32_block *x;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        pair_open(&p, oracle_case("gemv-q8_0-77x640"), seed);
        x = p.good.buffers[0].tensor.data;
        b = (struct q8_0_block *)(void *)block_of(&p, 3, 2, &f);
        for (int j = 0; j < 32; j++)
            if (x[2].qs[j]) { /* the first weight that takes part */
                b->qs[j] = (int8_t)(b->qs[j] == 127 ? 126 : b->qs[j] + 1);
                break;
            }
        take_and_expect_rejected(&p, "one code off by one");
        pair_close(&p);
    }
}

Test(sensitivity, one_wrong_row_fails)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];
        struct pair p;
        if ((strcmp(c->op, "gemv") && strcmp(c->op, "gemm")) || problem_param(c, "m", 0) < 2)
            continue;
        pair_open(&p, c, 1);
        p.got[1] = p.got[0];
        expect_rejected(&p, "row 0 in the place of row 1");
        pair_close(&p);
    }
}

/* Cheaper arithmetic: results in bf16 or f16, and activation scales in f16. */
Test(sensitivity, coarse_arithmetic_fails)
{
    static const char *const names[] = {"gemv-q4_k", "gemv-q6_k", "gemv-q8_0-77x640",
                                        "gemv-f16-33x256", "gemm-q4_k-n8"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct pair p;
        pair_open(&p, oracle_case(names[i]), 1);
        for (size_t j = 0; j < p.want.count; j++)
            p.got[j] = bf16_to_float(bf16_from_float(p.got[j]));
        expect_rejected(&p, "results in bf16");
        oracle_output_values(&p.want, p.got);
        for (size_t j = 0; j < p.want.count; j++)
            p.got[j] = half_to_float(half_from_float(p.got[j]));
        expect_rejected(&p, "results in f16");
        pair_close(&p);
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct pair p;
        struct q8_k_block *x;
        pair_open(&p, oracle_case("gemv-q4_k-77x1024"), seed);
        x = p.bad.buffers[0].tensor.data;
        x[1].d = half_to_float(half_from_float(x[1].d));
        take_and_expect_rejected(&p, "one activation scale in f16");
        pair_close(&p);
    }
}

/* One entry with another expert, or with the column of its neighbour. */
Test(sensitivity, one_wrong_expert_or_column_fails)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];
        int64_t used = problem_param(c, "used", 1), n = problem_param(c, "n", 1);
        size_t m = (size_t)problem_param(c, "m", 0);
        struct pair p;
        int32_t *ids;
        if (strcmp(c->op, "gemm_ids") || problem_param(c, "experts", 1) < 2)
            continue;
        pair_open(&p, c, 1);
        ids = p.bad.buffers[p.bad.steps[p.bad.n_steps - 1].in[call(&p)->n_in - 1]].tensor.data;
        ids[used * n - 1] = (ids[used * n - 1] + 1) % (int32_t)problem_param(c, "experts", 1);
        pair_take(&p, p.want.count - m, m);
        expect_rejected(&p, "the next expert in the last entry");
        oracle_output_values(&p.want, p.got);
        if (used * n > 1) {
            memcpy(p.got, p.got + m, m * sizeof *p.got);
            expect_rejected(&p, "the second entry in the place of the first");
        }
        pair_close(&p);
    }
}

/* --- attention --- */

#define FOR_EACH_ATTENTION(c)                                                                      \
    for (const struct problem_case *c = problem_shipped.cases;                                     \
         c < problem_shipped.cases + problem_shipped.n_cases; c++)                                 \
        if (!strcmp(c->op, "attention"))

/* The last query sees the slot after its own, which holds older data. */
Test(sensitivity, one_position_past_the_end_fails)
{
    FOR_EACH_ATTENTION(c)
    {
        struct pair p;
        size_t row;
        if (!problem_param(c, "old", 0))
            continue;
        pair_open(&p, c, 1);
        row = p.want.count / (size_t)problem_param(c, "n", 1);
        call(&p)->i[KERNEL_I_N_KV]++;
        call(&p)->i[KERNEL_I_POS]++;
        call(&p)->i[KERNEL_I_WINDOW] += call(&p)->i[KERNEL_I_WINDOW] > 0;
        if (problem_param(c, "pos", -1) < 0 || !problem_param(c, "causal", 1)) {
            pair_take(&p, p.want.count - row, row);
            expect_rejected(&p, "stale data of one slot in the last query");
        }
        pair_close(&p);
    }
}

/* One query of many sees its right neighbour. */
Test(sensitivity, one_unmasked_position_fails)
{
    FOR_EACH_ATTENTION(c)
    {
        int64_t n = problem_param(c, "n", 1);
        struct pair p;
        size_t row;
        if (n < 2 || !problem_param(c, "causal", 1))
            continue;
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            pair_open(&p, c, seed);
            row = p.want.count / (size_t)n;
            call(&p)->i[KERNEL_I_POS]++;
            call(&p)->i[KERNEL_I_WINDOW] += call(&p)->i[KERNEL_I_WINDOW] > 0;
            pair_take(&p, (size_t)(n - 2) * row, row);
            expect_rejected(&p, "one unmasked position in one query");
            pair_close(&p);
        }
    }
}

/* Every query loses or gains a position on either side of its window. */
Test(sensitivity, a_window_off_by_one_fails)
{
    FOR_EACH_ATTENTION(c)
    {
        if (problem_param(c, "window", 0) < 2)
            continue;
        for (int step = -1; step <= 1; step += 2) {
            struct pair p;
            pair_open(&p, c, 1);
            call(&p)->i[KERNEL_I_WINDOW] += step;
            take_and_expect_rejected(&p, "a window off by one");
            pair_close(&p);
        }
    }
}

/* The oldest position is left out, at every length up to 2048. */
Test(sensitivity, one_skipped_position_fails)
{
    FOR_EACH_ATTENTION(c)
    {
        struct pair p;
        int64_t n_kv = problem_param(c, "n_kv", 1), n = problem_param(c, "n", 1);
        if (n > 1 || n_kv < 2 || problem_param(c, "window", 0))
            continue;
        pair_open(&p, c, 1);
        call(&p)->i[KERNEL_I_WINDOW] = n_kv - 1;
        take_and_expect_rejected(&p, "the first position skipped");
        pair_close(&p);
    }
}

Test(sensitivity, a_dropped_or_swapped_head_fails)
{
    FOR_EACH_ATTENTION(c)
    {
        size_t dim = (size_t)problem_param(c, "head_dim", 0);
        struct pair p;
        pair_open(&p, c, 1);
        memset(p.got + p.want.count - dim, 0, dim * sizeof *p.got);
        expect_rejected(&p, "a dropped head");
        oracle_output_values(&p.want, p.got);
        memcpy(p.got, p.got + p.want.count - dim, dim * sizeof *p.got);
        if (p.want.count > dim && problem_param(c, "n_kv", 1) > 1)
            expect_rejected(&p, "the last head in the place of the first");
        pair_close(&p);
    }
}

Test(sensitivity, forgotten_scale_and_softcap_fail)
{
    FOR_EACH_ATTENTION(c)
    {
        struct pair p;
        if (problem_param(c, "n_kv", 1) < 2 || problem_param(c, "window", 0) == 1)
            continue;
        pair_open(&p, c, 1);
        call(&p)->f[KERNEL_F_SCALE] *= 1.002f; /* what an 8-bit scale would make of it */
        take_and_expect_rejected(&p, "a coarse scale");
        if (problem_param(c, "softcap", 0)) {
            call(&p)->f[KERNEL_F_SCALE] = p.good.steps[p.good.n_steps - 1].call.f[KERNEL_F_SCALE];
            call(&p)->f[KERNEL_F_SOFTCAP] = 0.0f;
            take_and_expect_rejected(&p, "a forgotten softcap");
        }
        pair_close(&p);
    }
}

static float through_f16(float x)
{
    return half_to_float(half_from_float(x));
}

static float through_bf16(float x)
{
    return bf16_to_float(bf16_from_float(x));
}

/* Softmax weights in 16 bits: faster, and outside the contract over either kind of page. */
Test(sensitivity, softmax_weights_in_16_bits_fail)
{
    FOR_EACH_ATTENTION(c)
    {
        struct pair p;
        if (problem_param(c, "n_kv", 1) < 2 || problem_param(c, "window", 0) == 1)
            continue;
        pair_open(&p, c, 1);
        twin_weight_rounding = through_bf16;
        cr_assert(twin_run(&p.good, p.buffer, p.got));
        expect_rejected(&p, "softmax weights in bf16");
        twin_weight_rounding = through_f16;
        cr_assert(twin_run(&p.good, p.buffer, p.got));
        expect_rejected(&p, "softmax weights in f16");
        twin_weight_rounding = NULL;
        pair_close(&p);
    }
}

/* --- row operations --- */

/* One element less in a sum, one row in another's place. */
Test(sensitivity, norms_need_every_element_and_their_own_row)
{
    static const char *const names[] = {"rms_norm-256x5", "rms_norm", "layer_norm-256x5-bias",
                                        "layer_norm-77x2"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct problem_case *c = oracle_case(names[i]);
        size_t k = (size_t)problem_param(c, "k", 0);
        struct pair p;
        pair_open(&p, c, 2);
        ((float *)p.bad.buffers[0].tensor.data)[k - 1] = 0.0f;
        pair_take(&p, 0, k - 1);
        expect_rejected(&p, "the last element left out of the sums");
        oracle_output_values(&p.want, p.got);
        memcpy(p.got, p.got + k, k * sizeof *p.got);
        expect_rejected(&p, "row 1 in the place of row 0");
        oracle_output_values(&p.want, p.got);
        call(&p)->f[KERNEL_F_EPS] = 1e-3f;
        memcpy(p.bad.memory, p.good.memory, p.good.memory_bytes);
        take_and_expect_rejected(&p, "another eps");
        pair_close(&p);
    }
}

static void expect_parameter_matters(const char *name, int i, int64_t value, const char *mistake)
{
    struct pair p;

    pair_open(&p, oracle_case(name), 1);
    call(&p)->i[i] = value;
    take_and_expect_rejected(&p, mistake);
    pair_close(&p);
}

Test(sensitivity, style_and_activation_matter)
{
    expect_parameter_matters("rope-64x7-neox", KERNEL_I_STYLE, 0, "the other style");
    expect_parameter_matters("rope-80x3-norm-part", KERNEL_I_STYLE, 1, "the other style");
    expect_parameter_matters("glu-172x3-silu", KERNEL_I_ACT, 1, "GELU");
    expect_parameter_matters("glu-768x2-gelu", KERNEL_I_ACT, 0, "SiLU");
    expect_parameter_matters("glu-172x3-gelu-erf", KERNEL_I_ACT, KERNEL_ACT_GELU,
                             "GELU by its tanh");
    expect_parameter_matters("glu-77x3-relu", KERNEL_I_ACT, KERNEL_ACT_SILU, "SiLU");
    expect_parameter_matters("glu-33x2-sigmoid-single", KERNEL_I_ACT, KERNEL_ACT_SILU, "SiLU");
    expect_parameter_matters("glu-4099x2-softcap-single", KERNEL_I_ACT, KERNEL_ACT_RELU, "ReLU");
    expect_parameter_matters("top_k-128x7-8", KERNEL_I_NORMALIZE, 0, "plain weights");
}

/* A cap that is left out of small values, a gain that went through f16. */
Test(sensitivity, gains_matter_in_every_element)
{
    struct pair p;
    const float *g;

    pair_open(&p, oracle_case("glu-4099x2-softcap-single"), 1);
    g = p.good.buffers[0].tensor.data;
    for (size_t i = 0; i < p.want.count; i++)
        p.got[i] = fabsf(g[i]) < 0.5f ? g[i] : p.got[i];
    expect_rejected(&p, "no softcap below 0.5");
    pair_close(&p);
    pair_open(&p, oracle_case("glu-640x3-scale-single"), 1);
    call(&p)->f[KERNEL_F_GAIN] = half_to_float(half_from_float(call(&p)->f[KERNEL_F_GAIN]));
    take_and_expect_rejected(&p, "a gain in f16");
    pair_close(&p);
}

Test(sensitivity, a_dropped_or_swapped_row_of_a_mixture_fails)
{
    static const char *const names[] = {"mix-2048x2-2", "mix-1101x5-8", "mix-5x1-16"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct pair p;
        float *w, first;
        pair_open(&p, oracle_case(names[i]), 1);
        w = p.bad.buffers[1].tensor.data;
        first = w[0];
        w[0] = 0.0f;
        take_and_expect_rejected(&p, "a row left out");
        w[0] = w[1];
        w[1] = first;
        take_and_expect_rejected(&p, "weights swapped");
        pair_close(&p);
    }
}

/* sigmoid(1.702 g) is near enough to GELU for some programs, not here. */
Test(sensitivity, quick_gelu_fails)
{
    struct pair p;
    const float *g, *u;

    pair_open(&p, oracle_case("glu-768x2-gelu"), 1);
    g = p.good.buffers[0].tensor.data;
    u = p.good.buffers[1].tensor.data;
    for (size_t i = 0; i < p.want.count; i++)
        p.got[i] = g[i] / (1.0f + expf(-1.702f * g[i])) * u[i];
    expect_rejected(&p, "quick GELU");
    pair_close(&p);
}

Test(sensitivity, softmax_add_and_rope_catch_small_errors)
{
    static const char *const names[] = {"softmax-4000x1",      "softmax-33x3",     "add-77x3",
                                        "add-256x5-broadcast", "rope-128x33-norm", "mix-1101x5-8"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct pair p;
        pair_open(&p, oracle_case(names[i]), 1);
        for (size_t j = 0; j < p.want.count; j++)
            p.got[j] *= 1.00003f;
        expect_rejected(&p, "a relative error of 3e-5");
        oracle_output_values(&p.want, p.got);
        p.got[p.want.count - 1] = p.got[0] == p.got[p.want.count - 1] ? 0.0f : p.got[0];
        expect_rejected(&p, "one element in another's place");
        pair_close(&p);
    }
}

/* --- exact operations --- */

Test(sensitivity, one_flipped_bit_fails_where_bytes_are_exact)
{
    static const char *const names[] = {"quantize-q8_k-768x5", "get_rows-q4_k-33x512",
                                        "kv-q8_0-h80-three-stores", "argmax-77x3", "top_k-60x3-4"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct problem_instance in;
        struct oracle_output o;
        unsigned char *got;
        size_t bytes;
        oracle_generate(oracle_case(names[i]), 1, PROBLEM_RANDOM, &in);
        oracle_output_open(&in, oracle_output_buffer(&in), &o);
        cr_assert(o.expect.exact);
        bytes = o.count * o.element_bytes;
        got = malloc(bytes);
        memcpy(got, o.expect.bytes, bytes);
        cr_expect(oracle_output_compare(&o, got).accepted);
        got[bytes - 1] ^= 1;
        cr_expect_not(oracle_output_compare(&o, got).accepted, "%s", names[i]);
        free(got);
        oracle_output_close(&o);
        problem_instance_deinit(&in);
    }
}
