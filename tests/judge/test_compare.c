/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/check/compare.h"
#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first output of the first shipped case of an operation, and what the oracle says of it. */
struct subject {
    struct problem_instance in;
    struct compare_expect all;
    uint32_t buffer;
    unsigned char *got; /* agrees with the oracle until a test spoils it */
};

static uint32_t output_of(const struct problem_instance *in)
{
    for (uint32_t b = 0; b < in->n_buffers; b++)
        if (in->buffers[b].role == PROBLEM_OUTPUT)
            return b;
    cr_assert_fail("no output");
    return 0;
}

static void subject_init(struct subject *s, const char *op)
{
    const struct problem_case *c = NULL;

    for (size_t i = 0; i < problem_shipped.n_cases && !c; i++)
        if (strcmp(problem_shipped.cases[i].op, op) == 0)
            c = &problem_shipped.cases[i];
    cr_assert(c != NULL);
    cr_assert_eq(generate_inputs(c, 3, PROBLEM_RANDOM, &s->in), 0, "%s", err_message());
    s->buffer = output_of(&s->in);
    cr_assert_eq(compare_expect_init(&s->in, s->buffer, 0, 0, &s->all), 0, "%s", err_message());
    s->got = malloc(s->in.buffers[s->buffer].tensor.bytes);
    for (size_t i = 0; i < s->all.total; i++) {
        unsigned char *to = s->got + compare_element_offset(&s->in.buffers[s->buffer].tensor,
                                                            s->all.element_bytes, i, s->all.total);
        float value = (float)s->all.expect.want[i];

        if (s->all.expect.exact)
            memcpy(to, s->all.expect.bytes + i * s->all.element_bytes, s->all.element_bytes);
        else
            memcpy(to, &value, sizeof value);
    }
}

static void subject_deinit(struct subject *s)
{
    compare_expect_deinit(&s->all);
    problem_instance_deinit(&s->in);
    free(s->got);
}

static bool agrees(const struct subject *s, uint32_t sentinel, char message[256])
{
    struct compare_stats stats = {0};

    message[0] = '\0';
    return compare_check(&s->all, s->got, sentinel, &stats, message, 256);
}

static void element_set(struct subject *s, size_t i, float value)
{
    memcpy(s->got + 4 * i, &value, sizeof value);
}

Test(compare, the_oracles_own_values_pass)
{
    static const char *const ops[] = {"gemv", "gemm", "quantize", "attention", "rms_norm"};

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        struct subject s;
        char message[256];

        subject_init(&s, ops[i]);
        cr_assert(agrees(&s, 0, message), "%s: %s", ops[i], message);
        subject_deinit(&s);
    }
}

Test(compare, a_value_past_its_bound_is_found_where_it_is)
{
    struct subject s;
    char message[256];

    subject_init(&s, "gemv");
    for (size_t i = 0; i < s.all.total; i += s.all.total / 7) {
        double want = s.all.expect.want[i], bound = s.all.expect.bound[i];
        char place[64];

        element_set(&s, i, (float)(want + 0.5 * bound));
        cr_assert(agrees(&s, 0, message), "%s", message);
        element_set(&s, i, (float)(want - 2 * bound));
        cr_assert_not(agrees(&s, 0, message));
        snprintf(place, sizeof place, "[row %zu, column 0]", i);
        cr_assert(strstr(message, place) != NULL, "%s not in %s", place, message);
        element_set(&s, i, (float)want);
    }
    subject_deinit(&s);
}

Test(compare, an_error_where_none_is_allowed_is_a_number_still)
{
    struct compare_stats stats = {0};
    struct subject s;
    char message[256];

    subject_init(&s, "gemv");
    s.all.expect.bound[0] = 0;
    ((float *)(void *)s.got)[0] += 1;
    cr_assert_not(compare_check(&s.all, s.got, 0, &stats, message, sizeof message));
    cr_expect_gt(stats.max_bound_share, 1);
    cr_expect(isfinite(stats.max_bound_share));
    subject_deinit(&s);
}

Test(compare, classes_must_match)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    struct subject s;
    char message[256];

    subject_init(&s, "gemv");
    for (size_t i = 0; i < 3; i++) {
        element_set(&s, 5, bad[i]);
        cr_assert_not(agrees(&s, 0, message));
    }
    subject_deinit(&s);
}

Test(compare, a_sentinel_left_in_place_is_called_unwritten)
{
    static const char *const ops[] = {"gemv", "argmax"};

    for (size_t i = 0; i < 2; i++) {
        uint32_t sentinel = compare_sentinel(77);
        struct subject s;
        char message[256];

        subject_init(&s, ops[i]);
        memcpy(s.got, &sentinel, sizeof sentinel);
        cr_assert_not(agrees(&s, sentinel, message));
        cr_assert(strstr(message, "never written") != NULL, "%s", message);
        subject_deinit(&s);
    }
}

Test(compare, small_errors_everywhere_break_the_limit_on_the_whole)
{
    struct subject s;
    char message[256];

    subject_init(&s, "gemv");
    cr_assert_gt(s.all.expect.rms_limit, 0);
    for (size_t i = 0; i < s.all.total; i++)
        element_set(&s, i, (float)(s.all.expect.want[i] + 0.9 * s.all.expect.bound[i]));
    cr_assert_not(agrees(&s, 0, message));
    cr_assert(strstr(message, "RMS") != NULL, "%s", message);
    subject_deinit(&s);
}

Test(compare, one_flipped_bit_of_an_exact_output_fails)
{
    struct subject s;
    char message[256];

    subject_init(&s, "quantize");
    cr_assert(s.all.expect.exact);
    for (size_t i = 0; i < s.all.element_bytes; i++) {
        s.got[i] ^= 1;
        cr_assert_not(agrees(&s, 0, message), "byte %zu", i);
        s.got[i] ^= 1;
    }
    subject_deinit(&s);
}

Test(compare, a_range_looks_at_its_own_elements_only)
{
    struct compare_stats stats = {0};
    struct compare_expect range;
    struct subject s;
    char message[256];

    subject_init(&s, "gemm");
    cr_assert_eq(compare_expect_init(&s.in, s.buffer, 100, 3, &range), 0, "%s", err_message());
    element_set(&s, 99, 1e30f);
    element_set(&s, 103, 1e30f);
    cr_assert(compare_check(&range, s.got, 0, &stats, message, sizeof message), "%s", message);
    element_set(&s, 102, 1e30f);
    cr_assert_not(compare_check(&range, s.got, 0, &stats, message, sizeof message));
    compare_expect_deinit(&range);
    subject_deinit(&s);
}

static const struct judge_check_cell *worst_cell(const struct judge_check_region *r)
{
    for (uint32_t i = 0; i < r->n_cells; i++)
        if (r->cells[i].worst)
            return &r->cells[i];
    cr_assert_fail("no worst cell among %u", r->n_cells);
    return NULL;
}

Test(compare, the_worst_region_shows_the_worst_element_and_its_neighbours)
{
    struct judge_check_region r;
    const struct judge_check_cell *cell;
    struct subject s;
    size_t rows, at;

    subject_init(&s, "gemm");
    rows = (size_t)s.in.buffers[s.buffer].tensor.ne[0];
    for (size_t i = 0; i < 4; i++) { /* corners and the middle */
        size_t row = i & 1 ? rows - 1 : rows / 2, column = i & 2 ? 7 : 0;

        at = column * rows + row;
        element_set(&s, at, (float)(s.all.expect.want[at] + 100 * s.all.expect.bound[at]));
        cr_assert_eq(compare_worst(&s.all, s.got), at);
        compare_region(&s.all, s.got, at, &r);
        cell = worst_cell(&r);
        cr_expect(cell->row == row && cell->column == column);
        cr_expect_float_eq(cell->got - cell->want, 100 * cell->bound, cell->bound);
        cr_expect_gt(cell->units, 100);
        cr_expect_geq(r.n_cells, JUDGE_REGION_ROWS * 3);
        element_set(&s, at, (float)s.all.expect.want[at]);
    }
    element_set(&s, 3, NAN);
    element_set(&s, 9, 1e30f);
    cr_expect_eq(compare_worst(&s.all, s.got), 3, "no number is worse than any number");
    subject_deinit(&s);
}

Test(compare, the_worst_region_of_blocks_shows_bytes)
{
    struct judge_check_region r;
    struct subject s;

    subject_init(&s, "quantize");
    s.got[5 * s.all.element_bytes + 17] ^= 3;
    cr_assert_eq(compare_worst(&s.all, s.got), 5);
    compare_region(&s.all, s.got, 5, &r);
    cr_expect_eq(worst_cell(&r)->row, 17);
    cr_expect_neq(worst_cell(&r)->got, worst_cell(&r)->want);
    subject_deinit(&s);
}

/* PROBLEM_NONFINITE, in values and in blocks. */
Test(compare, where_anything_goes_nothing_is_compared)
{
    static const char *const ops[] = {"gemv", "quantize"};

    for (size_t i = 0; i < 2; i++) {
        struct subject s;
        char message[256];

        subject_init(&s, ops[i]);
        memset(s.got + 2 * s.all.element_bytes, 0xff, s.all.element_bytes);
        cr_assert_not(agrees(&s, 0, message));
        s.all.expect.bound[2] = INFINITY;
        cr_expect(agrees(&s, 0, message), "%s: %s", ops[i], message);
        subject_deinit(&s);
    }
}

Test(compare, offsets_follow_the_strides)
{
    struct kernel_tensor t = {
        .type = KERNEL_F32,
        .ne = {5, 3, 2, 1},
        .nb = {4, 32, 100, 200},
    };

    cr_assert_eq(compare_element_offset(&t, 4, 0, 30), 0);
    cr_assert_eq(compare_element_offset(&t, 4, 4, 30), 16);
    cr_assert_eq(compare_element_offset(&t, 4, 5, 30), 32);
    cr_assert_eq(compare_element_offset(&t, 4, 29, 30), 16 + 64 + 100);
}

Test(compare, sentinels_are_nan_and_seen_when_touched)
{
    unsigned char bytes[103];

    for (uint64_t seed = 0; seed < 1000; seed++) {
        uint32_t word = compare_sentinel(seed);
        size_t at = seed % sizeof bytes;
        float f;

        memcpy(&f, &word, sizeof f);
        cr_assert(isnan(f));
        compare_sentinel_fill(bytes, sizeof bytes, word);
        cr_assert(compare_sentinel_intact(bytes, sizeof bytes, 0, word));
        cr_assert(compare_sentinel_intact(bytes + 7, sizeof bytes - 7, 7, word));
        bytes[at] ^= 0x40;
        cr_assert_not(compare_sentinel_intact(bytes, sizeof bytes, 0, word));
    }
}
