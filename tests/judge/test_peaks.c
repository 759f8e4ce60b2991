/* SPDX-License-Identifier: Apache-2.0
 *
 * No number of a machine is asserted here: only that measuring gives rates at all, and that the
 * cross-checks doubt what contradicts itself. */
#include "judge/machine/peaks.h"
#include "kernel/kernel.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct judge_peaks sound_peaks(void)
{
    struct judge_peaks p = {.n_threads = {1, 4},
                            .cache_bytes = {32 << 10, 1 << 20, 16 << 20},
                            .read_gbps = {{400, 100, 30, 10}, {1600, 400, 60, 20}},
                            .fastest_gbps = {400, 100, 30, 10},
                            .fastest_f32 = {100, 390},
                            .fastest_int8 = {400, 1560},
                            .int8_to_f32 = 4.02,
                            .wide_dot = true};

    return p;
}

Test(peaks, sound_numbers_are_believed)
{
    struct judge_peaks p = sound_peaks();

    judge_peaks_cross_check(&p);
    cr_expect(p.plausible, "%s", p.doubt);
    cr_expect_str_empty(p.doubt);
}

Test(peaks, a_wrong_dot_ratio_is_doubted_with_wide_vnni_only)
{
    struct judge_peaks p = sound_peaks();

    p.int8_to_f32 = 4.3;
    judge_peaks_cross_check(&p);
    cr_expect(!p.plausible);
    cr_expect_not_null(strstr(p.doubt, "int8 : f32"));
    p.int8_to_f32 = 3.7;
    judge_peaks_cross_check(&p);
    cr_expect(!p.plausible);
    p.int8_to_f32 = 1.4;
    p.wide_dot = false;
    judge_peaks_cross_check(&p);
    cr_expect(p.plausible);
}

Test(peaks, an_outer_level_faster_than_an_inner_one_is_doubted)
{
    for (int level = 1; level < PEAKS_N_LEVELS; level++) {
        struct judge_peaks p = sound_peaks();

        for (int outer = level + 1; outer < PEAKS_N_LEVELS; outer++)
            p.fastest_gbps[outer] = 1;
        p.fastest_gbps[level] = p.fastest_gbps[level - 1] * 1.05;
        judge_peaks_cross_check(&p);
        cr_expect(p.plausible, "5 %% is within the tolerance: %s", p.doubt);
        p.fastest_gbps[level] = p.fastest_gbps[level - 1] * 1.2;
        judge_peaks_cross_check(&p);
        cr_expect(!p.plausible);
        cr_expect_not_null(strstr(p.doubt, judge_peaks_level_name((enum peaks_level)level)));
    }
}

Test(peaks, threads_slower_than_one_are_doubted)
{
    struct judge_peaks p = sound_peaks();

    p.fastest_f32[1] = 70;
    judge_peaks_cross_check(&p);
    cr_expect(!p.plausible);
    cr_expect_not_null(strstr(p.doubt, "threads"));
}

Test(peaks, a_working_set_lives_in_the_smallest_level_that_holds_it)
{
    struct judge_peaks p = sound_peaks();

    cr_expect_eq(judge_peaks_level(&p, 1), PEAKS_L1);
    cr_expect_eq(judge_peaks_level(&p, 32 << 10), PEAKS_L1);
    cr_expect_eq(judge_peaks_level(&p, (32 << 10) + 1), PEAKS_L2);
    cr_expect_eq(judge_peaks_level(&p, 2 << 20), PEAKS_L3);
    cr_expect_eq(judge_peaks_level(&p, 64 << 20), PEAKS_DRAM);
    cr_expect_float_eq(judge_peaks_bandwidth(&p, 1, 2 << 20), 60, 1e-12);
    cr_expect_float_eq(judge_peaks_bandwidth(&p, 0, (size_t)1 << 40), 10, 1e-12);
}

static void expect_rates(const struct judge_peaks *p)
{
    cr_expect_geq(p->n_threads[1], 1);
    for (int row = 0; row < PEAKS_MAX_THREADS; row++) {
        for (int level = 0; level < PEAKS_N_LEVELS; level++)
            cr_expect(isfinite(p->read_gbps[row][level]) && p->read_gbps[row][level] > 0.05);
        cr_expect(isfinite(p->f32_gflops[row]) && p->f32_gflops[row] > 0.1);
        cr_expect(isfinite(p->int8_gops[row]) && p->int8_gops[row] > 0.1);
    }
    for (size_t i = 0; i < p->n_narrower; i++) {
        cr_expect(isfinite(p->narrower[i].rate) && p->narrower[i].rate > 0.1);
        cr_expect_str_neq(p->narrower[i].loop, p->f32_loop);
        cr_expect_str_neq(p->narrower[i].loop, p->int8_loop);
    }
    cr_expect(p->level_bytes[0] < p->level_bytes[1] && p->level_bytes[1] < p->level_bytes[2] &&
              p->level_bytes[2] < p->level_bytes[3]);
}

/* Every loop that this machine can run, one after the other. */
Test(peaks, each_set_of_features_measures_and_prints, .timeout = 120)
{
    static const char *const names[] = {"scalar", "avx2", "all"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct judge_peaks p;
        uint64_t features;
        json_t *json;

        if (cpu_features_named(names[i], &features) < 0) {
            fprintf(stderr, "peaks: skipped: %s\n", err_message());
            continue;
        }
        cr_assert_eq(judge_peaks_measure(features, true, &p), 0, "%s", err_message());
        expect_rates(&p);
        cr_expect_eq(p.wide_dot, (features & KERNEL_CPU_AVX512_VNNI) != 0);
        cr_expect((p.bf16_gflops[0] > 0) == ((features & KERNEL_CPU_AVX512_BF16) != 0));
        json = judge_peaks_json(&p);
        cr_assert_not_null(json);
        cr_expect_eq(json_array_size(json_object_get(json, "rows")), PEAKS_MAX_THREADS);
        cr_expect_eq(json_object_size(json_object_get(json, "narrower_gops")), p.n_narrower);
        cr_expect_eq(p.n_narrower > 0, (features & (KERNEL_CPU_AVX512 | KERNEL_CPU_AVX_VNNI)) != 0);
        json_decref(json);
    }
}
