/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/machine/plot.h"
#include "judge/machine/roofline.h"
#include "judge/rule/rule.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct judge_peaks machine(void)
{
    struct judge_peaks p = {.n_threads = {1, 4},
                            .cache_bytes = {32 << 10, 1 << 20, 32 << 20},
                            .read_gbps = {{400, 100, 30, 10}, {1600, 400, 60, 25}},
                            .f32_gflops = {100, 400},
                            .int8_gops = {400, 1600},
                            .bf16_gflops = {200, 800},
                            .fastest_gbps = {400, 100, 30, 10},
                            .fastest_f32 = {100, 400},
                            .fastest_int8 = {400, 1600}};

    return p;
}

static const struct problem_case *timed_case(const char *op, uint32_t n_threads)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];

        if (c->weight > 0 && !strcmp(c->op, op) && c->n_threads == n_threads)
            return c;
    }
    cr_assert_fail("no timed case of %s with %u threads", op, n_threads);
    return NULL;
}

/* The definition once more, in the plainest form: one thread, a pool in DRAM. */
Test(roofline, decode_stands_at_the_memory_wall)
{
    struct judge_peaks p = machine();
    const struct problem_case *c = timed_case("gemv", 1);
    struct problem_work w;
    struct roofline_point r;
    double bytes, memory, compute;

    cr_assert_eq(compute_flops(c, &w), 0);
    bytes = w.bytes_read + w.bytes_written;
    memory = bytes / 10;
    compute = w.flops_f32 / 100 + w.ops_int8 / 400 + w.ops_bf16 / 200;
    cr_assert_eq(roofline_locate(&p, c, 64 << 20, 2 * memory, &r), 0, "%s", err_message());
    cr_expect_eq(r.level, PEAKS_DRAM);
    cr_expect_float_eq(r.memory_ns / memory, 1, 1e-12);
    cr_expect_float_eq(r.compute_ns / compute, 1, 1e-12);
    cr_expect_str_eq(r.regime, "memory");
    cr_expect_float_eq(r.utilisation, 0.5, 1e-12);
    cr_expect_float_eq(r.distance, 2, 1e-12);
    cr_expect_float_eq(r.gbps, 5, 1e-9);
    cr_expect_lt(r.intensity, r.ridge);
}

Test(roofline, prefill_stands_at_the_compute_wall)
{
    struct judge_peaks p = machine();
    const struct problem_case *c = timed_case("gemm", 1);
    struct roofline_point r;

    cr_assert_eq(roofline_locate(&p, c, 16 << 20, 1e9, &r), 0);
    cr_expect_str_eq(r.regime, "compute");
    cr_expect_float_eq(r.floor_ns, r.compute_ns, 1e-9);
    cr_expect_gt(r.intensity, r.ridge);
}

/* Where intensity meets the ridge the two floors are equal, by definition. */
Test(roofline, the_ridge_separates_the_regimes)
{
    struct judge_peaks p = machine();

    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];
        struct roofline_point r;

        if (!(c->weight > 0))
            continue;
        cr_assert_eq(roofline_locate(&p, c, roofline_working_set(c), 1e12, &r), 0, "%s", c->name);
        cr_expect_eq(r.intensity > r.ridge, r.compute_ns > r.memory_ns, "%s", c->name);
        cr_expect_float_eq(r.intensity / r.ridge, r.compute_ns / r.memory_ns, 1e-9, "%s", c->name);
        cr_expect_leq(r.best_ns, r.floor_ns * 1.0001, "%s", c->name);
        cr_expect_leq(r.cheat_ns, r.best_ns / RULE_CHEAT_PEAK_FACTOR * 1.0001, "%s", c->name);
        cr_expect_gt(r.cheat_ns, 0, "%s", c->name);
    }
}

Test(roofline, the_level_follows_the_working_set)
{
    static const size_t sets[] = {16 << 10, 512 << 10, 8 << 20, 64 << 20};
    struct judge_peaks p = machine();
    const struct problem_case *c = timed_case("gemv", 1);
    double before = 0;

    for (int i = 0; i < PEAKS_N_LEVELS; i++) {
        struct roofline_point r;

        cr_assert_eq(roofline_locate(&p, c, sets[i], 1e6, &r), 0);
        cr_expect_eq(r.level, (enum peaks_level)i);
        cr_expect_gt(r.memory_ns, before);
        before = r.memory_ns;
    }
}

Test(roofline, a_team_shares_what_is_shared_and_multiplies_what_is_not)
{
    struct judge_peaks p = machine();
    const struct problem_case *c = timed_case("gemv", 2);
    struct problem_case alone = *c;
    struct roofline_point one, two;

    alone.n_threads = 1;
    cr_assert_eq(roofline_locate(&p, &alone, 64 << 20, 1e6, &one), 0);
    cr_assert_eq(roofline_locate(&p, c, 64 << 20, 1e6, &two), 0);
    cr_expect_float_eq(two.compute_ns / one.compute_ns, 0.5, 1e-9);
    cr_expect_float_eq(two.memory_ns / one.memory_ns, 0.5, 1e-9);
    p.read_gbps[1][PEAKS_DRAM] = 12;
    cr_assert_eq(roofline_locate(&p, c, 64 << 20, 1e6, &two), 0);
    cr_expect_float_eq(two.memory_ns / one.memory_ns, 10.0 / 12, 1e-9);
}

Test(roofline, a_tiny_call_is_overhead)
{
    struct judge_peaks p = machine();
    struct problem_case tiny = *timed_case("rms_norm", 1);
    struct roofline_point r;
    char advice[160];

    for (size_t i = 0; i < PROBLEM_MAX_PARAMS && tiny.params[i].key; i++)
        if (!strcmp(tiny.params[i].key, "n"))
            tiny.params[i].value = 1;
    cr_assert_eq(roofline_locate(&p, &tiny, 4096, 5000, &r), 0);
    cr_expect_lt(r.floor_ns, 2000);
    cr_expect_str_eq(r.regime, "overhead");
    roofline_advice(&r, advice, sizeof advice);
    cr_expect_not_null(strstr(advice, "overhead"));
    cr_assert_eq(roofline_locate(&p, &tiny, 4096, r.floor_ns * 1.1, &r), 0);
    cr_expect_str_neq(r.regime, "overhead");
    roofline_advice(&r, advice, sizeof advice);
    cr_expect_not_null(strstr(advice, "roof"));
}

Test(roofline, missing_peaks_and_times_are_refused)
{
    struct judge_peaks none = {.n_threads = {1, 1}}, p = machine();
    const struct problem_case *c = timed_case("gemv", 1);
    struct roofline_point r;

    cr_expect_eq(roofline_locate(&none, c, 1 << 20, 100, &r), ERR_RANGE);
    cr_expect_eq(roofline_locate(&p, c, 1 << 20, 0, &r), ERR_RANGE);
    cr_expect_eq(roofline_locate(&p, c, 1 << 20, NAN, &r), ERR_RANGE);
}

static const struct plot_point drawn[] = {
    {"gemv", 1, {.intensity = 3.5, .gflops = 40}},
    {"it's a team", 2, {.intensity = 3.6, .gflops = 41}},
};

Test(roofline, the_picture_has_every_roof_and_every_case)
{
    static const char *const wanted[] = {
        "DRAM read, 1 thr: 10 GB/s", "L3 read, 4 thr: 60 GB/s",  "L2 read, 1 thr: 100 GB/s",
        "f32 (fma), 1 thr: 100",     "int8 (vnni), 4 thr: 1600", "bf16 (dot), 1 thr: 200",
        "set label 'gemv'",          "set label 'it''s a team'", "set title 'machine'",
        "set output 'a.svg'",
    };
    struct judge_peaks p = machine();
    struct strbuf text = {0};

    p.f32_loop = "fma";
    p.int8_loop = "vnni";
    p.bf16_loop = "dot";
    plot_script(&p, drawn, 2, "machine", "a.svg", &text);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        cr_expect_not_null(strstr(text.data, wanted[i]), "%s", wanted[i]);
    p.bf16_gflops[0] = p.bf16_gflops[1] = 0;
    strbuf_clear(&text);
    plot_script(&p, drawn, 2, "machine", "a.svg", &text);
    cr_expect_null(strstr(text.data, "bf16"), "a rate that is not there has no line");
    strbuf_deinit(&text);
}

Test(roofline, a_missing_gnuplot_is_named_with_its_package)
{
    struct judge_peaks p = machine();
    char folder[] = "/tmp/pawl-plot-XXXXXX", svg[64];

    cr_assert_not_null(mkdtemp(folder));
    snprintf(svg, sizeof svg, "%s/a.svg", folder);
    p.f32_loop = p.int8_loop = p.bf16_loop = "x";
    setenv("PATH", folder, 1);
    cr_expect_eq(plot_roofline(&p, drawn, 2, "machine", svg, folder), ERR_UNSUPPORTED);
    cr_expect_not_null(strstr(err_message(), "gnuplot-nox"));
    file_remove_tree(folder);
}
