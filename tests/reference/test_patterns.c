/* SPDX-License-Identifier: Apache-2.0
 *
 * test_patterns.c: the two patterns that are about structure. PROBE: nothing may be left out.
 * NONFINITE: what depends on a value that is no number may be anything, the rest may not. */
#include "reference/base/formats.h"
#include "tests/reference/oracle_check.h"
#include "tests/reference/twin.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PROBES = 3 }; /* as many as a check makes */

#define FOR_EACH_CASE(c)                                                                           \
    for (const struct problem_case *c = problem_shipped.cases;                                     \
         c < problem_shipped.cases + problem_shipped.n_cases; c++)

static bool is_matmul(const struct problem_case *c)
{
    return !strcmp(c->op, "gemv") || !strcmp(c->op, "gemm");
}

/* --- PROBE --- */

/* Block `block` of every row of the first weights becomes zero. */
static void drop_block(struct problem_instance *in, size_t block, size_t chunk)
{
    const struct kernel_tensor *t = &in->buffers[in->steps[0].in[0]].tensor;
    const struct format *f = format_find(t->type);
    size_t bytes = chunk / f->elements * f->bytes;

    for (int64_t row = 0; row < t->ne[1]; row++) {
        size_t first = block * bytes, n = t->nb[1] - first < bytes ? t->nb[1] - first : bytes;
        memset((char *)t->data + (size_t)row * t->nb[1] + first, 0, n);
    }
}

/* Values of `in` as an output; the caller frees them. */
static float *values_of(struct problem_instance *in)
{
    struct oracle_output o;
    float *values;

    oracle_output_open(in, oracle_output_buffer(in), &o);
    values = malloc(o.count * sizeof *values);
    oracle_output_values(&o, values);
    oracle_output_close(&o);
    return values;
}

static bool rejects(struct problem_instance *good, const float *got)
{
    struct oracle_output o;
    bool accepted;

    oracle_output_open(good, oracle_output_buffer(good), &o);
    accepted = oracle_output_compare(&o, got).accepted;
    oracle_output_close(&o);
    return !accepted;
}

Test(patterns, a_skipped_block_fails_wherever_it_is)
{
    FOR_EACH_CASE(c)
    {
        size_t k = (size_t)problem_param(c, "k", 0), chunk;
        if (!is_matmul(c) || !(c->patterns & 1u << PROBLEM_PROBE) || c->weight > 0.0 || k > 1024)
            continue;
        chunk = format_find((uint32_t)problem_param(c, "type", 0))->elements;
        chunk = chunk == 1 ? KERNEL_QK_32 : chunk;
        for (size_t block = 0; block < (k + chunk - 1) / chunk; block++)
            for (uint64_t seed = 1; seed <= PROBES; seed++) {
                struct problem_instance good, bad;
                float *got;
                oracle_generate(c, seed, PROBLEM_PROBE, &good);
                oracle_generate(c, seed, PROBLEM_PROBE, &bad);
                drop_block(&bad, block, chunk);
                got = values_of(&bad);
                cr_expect(rejects(&good, got), "%s without block %zu", c->name, block);
                free(got);
                problem_instance_deinit(&good);
                problem_instance_deinit(&bad);
            }
    }
}

/* Whoever guesses that a block does not matter loses nearly all of some row. */
Test(patterns, one_block_carries_nearly_all_of_each_row)
{
    struct problem_instance in;
    const struct problem_case *c = oracle_case("gemv-q4_k-77x1024");
    size_t seen[4] = {0};

    for (uint64_t seed = 1; seed <= PROBES; seed++) {
        const struct kernel_tensor *w;
        oracle_generate(c, seed, PROBLEM_PROBE, &in);
        w = &in.buffers[in.steps[0].in[0]].tensor;
        for (int64_t row = 0; row < w->ne[1]; row++) {
            double squares[4] = {0}, all = 0.0, most = 0.0;
            float values[1024];
            size_t heavy = 0;
            format_row_dequantize(format_find(w->type),
                                  (const char *)w->data + (size_t)row * w->nb[1], 1024, values);
            for (size_t i = 0; i < 1024; i++)
                squares[i / 256] += (double)values[i] * values[i];
            for (size_t b = 0; b < 4; b++) {
                all += squares[b];
                heavy = squares[b] > most ? b : heavy;
                most = fmax(most, squares[b]);
            }
            cr_expect_gt(most, 0.999 * all);
            cr_expect_lt(most, all, "the rest is not nothing");
            seen[heavy]++;
        }
        problem_instance_deinit(&in);
    }
    for (size_t b = 0; b < 4; b++)
        cr_expect_gt(seen[b], 0, "block %zu is never the heavy one", b);
}

/* In random data or in one of the probes. */
static bool skipped_page_fails(const struct problem_case *c, int64_t page)
{
    bool found = false;

    for (uint64_t seed = 0; seed <= PROBES && !found; seed++) {
        struct problem_instance in;
        float *got;
        uint32_t y;
        oracle_generate(c, seed, seed ? PROBLEM_PROBE : PROBLEM_RANDOM, &in);
        y = oracle_output_buffer(&in);
        got = malloc(problem_output_count(&in, y) * sizeof *got);
        twin_skipped_page = page;
        cr_assert(twin_run(&in, y, got));
        twin_skipped_page = -1;
        found = rejects(&in, got);
        free(got);
        problem_instance_deinit(&in);
    }
    return found;
}

Test(patterns, a_skipped_page_fails_wherever_it_is)
{
    FOR_EACH_CASE(c)
    {
        int64_t n_kv = problem_param(c, "n_kv", 0), window = problem_param(c, "window", 0);
        if (strcmp(c->op, "attention") || c->weight > 0.0 || window || n_kv > 1000 ||
            problem_param(c, "pos", -1) >= 0)
            continue;
        for (int64_t page = 0; page * KERNEL_PAGE_POSITIONS < n_kv; page++)
            cr_expect(skipped_page_fails(c, page), "%s without page %d", c->name, (int)page);
    }
}

/* Every query of every head finds its one key: another key's value in its place is far off. */
Test(patterns, each_query_rests_on_one_position)
{
    struct problem_instance in;
    float *random, *probe;
    size_t n = 0, apart = 0;

    oracle_generate(oracle_case("attention-f16-h64-gqa-8-long"), 1, PROBLEM_PROBE, &in);
    probe = values_of(&in);
    n = problem_output_count(&in, oracle_output_buffer(&in));
    problem_instance_deinit(&in);
    oracle_generate(oracle_case("attention-f16-h64-gqa-8-long"), 1, PROBLEM_RANDOM, &in);
    random = values_of(&in);
    problem_instance_deinit(&in);
    /* One row of V is of size 1, a mean of 700 far less. */
    for (size_t row = 0; row < n / 64; row++) {
        double squares[2] = {0};
        for (size_t i = row * 64; i < row * 64 + 64; i++) {
            squares[0] += (double)probe[i] * probe[i];
            squares[1] += (double)random[i] * random[i];
        }
        apart += squares[0] > 0.5 * 64 && squares[1] < 0.5 * 64;
    }
    cr_expect_gt(apart, n / 64 * 9 / 10, "%zu of %zu", apart, n / 64);
    free(probe);
    free(random);
}

/* --- NONFINITE --- */

/* Put 1 in the place of whatever is no number. Returns how many there were. */
static size_t mend(struct problem_instance *in)
{
    const struct kernel_tensor *t = &in->buffers[in->steps[in->n_steps - 1].in[0]].tensor;
    const struct format *f = format_find(t->type);
    size_t mended = 0;

    for (int64_t row = 0; row < t->ne[1] * t->ne[2]; row++)
        for (size_t i = 0; i < (size_t)t->ne[0] / f->elements; i++) {
            char *at = (char *)t->data + (size_t)row * t->nb[1] + i * f->bytes;
            float value, one = 1.0f;
            memcpy(&value, at, sizeof value);
            if (isfinite(value))
                continue;
            memcpy(at, &one, sizeof one);
            mended++;
        }
    return mended;
}

/* What must not depend on them has the same expectation when they are numbers. */
static void compare_with_mended(const struct problem_case *c, const struct oracle_output *spoiled,
                                struct problem_instance *in, uint32_t buffer)
{
    struct oracle_output o;

    cr_expect_gt(mend(in), 0, "%s: nothing is spoiled", c->name);
    oracle_output_open(in, buffer, &o);
    for (size_t i = 0; i < o.count; i++) {
        if (isinf(spoiled->bound[i]))
            continue;
        if (o.expect.exact)
            cr_assert_eq(memcmp(o.expect.bytes + i * o.element_bytes,
                                spoiled->expect.bytes + i * o.element_bytes, o.element_bytes),
                         0, "%s", c->name);
        else
            cr_assert(o.want[i] == spoiled->want[i] && o.bound[i] == spoiled->bound[i],
                      "%s: element %zu", c->name, i);
    }
    oracle_output_close(&o);
}

Test(patterns, results_that_do_not_depend_on_what_is_no_number_are_as_ever)
{
    size_t n_free = 0, n_bound = 0;

    FOR_EACH_CASE(c)
    {
        for (uint64_t seed = 1; seed <= 3 && c->patterns & 1u << PROBLEM_NONFINITE; seed++) {
            struct problem_instance in;
            struct oracle_output o;
            uint32_t y;
            oracle_generate(c, seed, PROBLEM_NONFINITE, &in);
            y = oracle_output_buffer(&in);
            oracle_output_open(&in, y, &o);
            for (size_t i = 0; i < o.count; i++) {
                n_free += isinf(o.bound[i]);
                n_bound += !isinf(o.bound[i]);
            }
            compare_with_mended(c, &o, &in, y);
            oracle_output_close(&o);
            problem_instance_deinit(&in);
        }
    }
    cr_expect_gt(n_free, 1000);
    cr_expect_gt(n_bound, 1000);
}

/* Element by element operations lose single elements, a rotation pairs of them. */
Test(patterns, single_elements_do_not_spoil_a_row)
{
    static const struct {
        const char *name;
        size_t most; /* results that depend on one value */
    } rows[] = {{"add-77x3", 1}, {"glu-172x3-silu", 1}, {"rope-64x7-neox", 2}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (uint64_t seed = 1; seed <= 5; seed++) {
            struct problem_instance in;
            struct oracle_output o;
            size_t n_free = 0, spoiled;
            oracle_generate(oracle_case(rows[i].name), seed, PROBLEM_NONFINITE, &in);
            oracle_output_open(&in, oracle_output_buffer(&in), &o);
            for (size_t k = 0; k < o.count; k++)
                n_free += isinf(o.bound[k]);
            spoiled = mend(&in);
            cr_expect(n_free >= spoiled && n_free <= rows[i].most * spoiled, "%s: %zu for %zu",
                      rows[i].name, n_free, spoiled);
            oracle_output_close(&o);
            problem_instance_deinit(&in);
        }
}

/* Both ways: garbage passes where anything goes, and a small error fails elsewhere. */
Test(patterns, anything_goes_there_and_nowhere_else)
{
    static const char *const names[] = {"gemm-q4_k-33x512-n17",
                                        "gemm-f16-17x100-n3",
                                        "attention-q8_0-h80-prompt",
                                        "rms_norm-256x5",
                                        "glu-172x3-silu",
                                        "rope-64x7-neox",
                                        "add-77x3",
                                        "quantize-q8_k-768x5",
                                        "argmax-77x3"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct problem_instance in;
        struct oracle_output o;
        unsigned char *got;
        size_t free_at = SIZE_MAX, bound_at = SIZE_MAX;
        oracle_generate(oracle_case(names[i]), 2, PROBLEM_NONFINITE, &in);
        oracle_output_open(&in, oracle_output_buffer(&in), &o);
        got = malloc(o.count * o.element_bytes);
        if (o.expect.exact)
            memcpy(got, o.expect.bytes, o.count * o.element_bytes);
        else
            oracle_output_values(&o, (float *)(void *)got);
        for (size_t k = 0; k < o.count; k++) {
            free_at = isinf(o.bound[k]) ? k : free_at;
            bound_at = isinf(o.bound[k]) ? bound_at : k;
        }
        cr_assert(free_at != SIZE_MAX && bound_at != SIZE_MAX, "%s", names[i]);
        memset(got + free_at * o.element_bytes, 0xff, o.element_bytes);
        cr_expect(oracle_output_compare(&o, got).accepted, "%s", names[i]);
        got[bound_at * o.element_bytes + o.element_bytes - 2] ^= 0x7f;
        cr_expect_not(oracle_output_compare(&o, got).accepted, "%s", names[i]);
        free(got);
        oracle_output_close(&o);
        problem_instance_deinit(&in);
    }
}

/* --- TINY --- */

/* Inputs and results under the smallest normal number read as zero. */
Test(patterns, flushing_small_numbers_fails)
{
    static const char *const names[] = {"add-77x3", "rope-64x7-neox", "rope-128x33-norm"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct problem_instance in;
        float *got;
        size_t flushed = 0;
        oracle_generate(oracle_case(names[i]), 1, PROBLEM_TINY, &in);
        got = values_of(&in);
        cr_expect_not(rejects(&in, got));
        for (size_t k = 0; k < problem_output_count(&in, oracle_output_buffer(&in)); k++)
            if (got[k] != 0.0f && fabsf(got[k]) < 0x1p-126f) {
                got[k] = 0.0f;
                flushed++;
            }
        cr_expect_gt(flushed, 0, "%s", names[i]);
        cr_expect(rejects(&in, got), "%s", names[i]);
        free(got);
        problem_instance_deinit(&in);
    }
}
