/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/machine/peaks.h"

#include "judge/machine/peaks_job.h"
#include "judge/rule/rule.h"
#include "kernel/kernel.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

peaks_read_loop peaks_read_sse2, peaks_read_avx2, peaks_read_avx512;
peaks_read_loop peaks_read4_sse2, peaks_read4_avx2, peaks_read4_avx512;
peaks_compute_loop peaks_f32_sse2, peaks_f32_avx2, peaks_f32_avx512;
peaks_compute_loop peaks_int8_sse2, peaks_int8_avx2, peaks_int8_avxvnni, peaks_int8_avx512,
    peaks_int8_avx512vnni;
peaks_compute_loop peaks_bf16_avx512, peaks_int8_amx;

enum {
    REPETITIONS = PEAKS_MAX_REPETITIONS,
    REPETITIONS_QUICK = 31,
    DRAM_SEGMENT = 8 << 20, /* bytes one thread reads per repetition of the DRAM loop */
    L3_SET_MAX = 16 << 20,
    L3_CREDIBLE = 32 << 20, /* bytes of a reported L3 that are taken for ours */
};
static const double repetition_ns = 1e6, burst_ns = 5e4;
static const size_t dram_set = (size_t)512 << 20, dram_set_quick = (size_t)256 << 20;

struct loops {
    struct peaks_loop read, read4, f32, dot, int8, bf16; /* dot: the int8 one of vectors */
};

static struct loops loops_for(uint64_t features)
{
    struct loops l = {
        .read = {"sse2", NULL, peaks_read_sse2, 0},
        .read4 = {"sse2 x4", NULL, peaks_read4_sse2, 0},
        .f32 = {"sse2 mul+add", peaks_f32_sse2, NULL, 48},
        .dot = {"sse2 pmaddwd", peaks_int8_sse2, NULL, 96},
        .bf16 = {"none", NULL, NULL, 0},
    };

    if (features & KERNEL_CPU_AVX2) {
        l.read = (struct peaks_loop){"avx2", NULL, peaks_read_avx2, 0};
        l.read4 = (struct peaks_loop){"avx2 x4", NULL, peaks_read4_avx2, 0};
        l.f32 = (struct peaks_loop){"avx2 fma", peaks_f32_avx2, NULL, 192};
        l.dot = (struct peaks_loop){"avx2 maddubs+add", peaks_int8_avx2, NULL, 2048};
    }
    if (features & KERNEL_CPU_AVX_VNNI)
        l.dot = (struct peaks_loop){"avx-vnni", peaks_int8_avxvnni, NULL, 768};
    if (features & KERNEL_CPU_AVX512) {
        l.read = (struct peaks_loop){"avx512", NULL, peaks_read_avx512, 0};
        l.read4 = (struct peaks_loop){"avx512 x4", NULL, peaks_read4_avx512, 0};
        l.f32 = (struct peaks_loop){"avx512 fma", peaks_f32_avx512, NULL, 512};
        if (!(features & KERNEL_CPU_AVX_VNNI))
            l.dot = (struct peaks_loop){"avx512 maddubs+add", peaks_int8_avx512, NULL, 4096};
    }
    if (features & KERNEL_CPU_AVX512_VNNI)
        l.dot = (struct peaks_loop){"avx512-vnni", peaks_int8_avx512vnni, NULL, 2048};
    if (features & KERNEL_CPU_AVX512_BF16)
        l.bf16 = (struct peaks_loop){"avx512-bf16", peaks_bf16_avx512, NULL, 1024};
    l.int8 = l.dot;
    if (features & KERNEL_CPU_AMX_INT8)
        l.int8 = (struct peaks_loop){"amx-int8", peaks_int8_amx, NULL, 6 * 2 * 16 * 16 * 64};
    return l;
}

static int measure(struct peaks_job *j, uint32_t n_threads, struct peaks_rate *out)
{
    double work = j->loop->compute ? j->loop->ops : (double)j->segment_bytes;

    j->n_threads = n_threads;
    return peaks_job_run(j, work * (double)j->count, out);
}

/* The working sets: L1 and L2 in the core's own caches, an L3 share that other threads leave room
 * for and that L2 does not hold. */
static void choose_sets(struct judge_peaks *p, bool quick)
{
    static const size_t usual[] = {32 << 10, 512 << 10, 8 << 20};
    uint32_t n = p->n_threads[1];
    size_t l3;

    for (int i = 0; i < PEAKS_DRAM; i++) {
        p->cache_bytes[i] = cpu_cache_bytes(i + 1);
        if (!p->cache_bytes[i])
            p->cache_bytes[i] = usual[i];
    }
    l3 = p->cache_bytes[PEAKS_L3];
    p->level_bytes[PEAKS_L1] = 16 << 10;
    p->level_bytes[PEAKS_L2] = p->cache_bytes[PEAKS_L2] / 2 & ~(size_t)4095;
    p->level_bytes[PEAKS_L3] = l3 / 4 < l3 / 2 / n ? l3 / 4 : l3 / 2 / n;
    if (p->level_bytes[PEAKS_L3] > L3_SET_MAX)
        p->level_bytes[PEAKS_L3] = L3_SET_MAX;
    if (p->level_bytes[PEAKS_L3] < 2 * p->cache_bytes[PEAKS_L2])
        p->level_bytes[PEAKS_L3] = 2 * p->cache_bytes[PEAKS_L2];
    p->level_bytes[PEAKS_L3] &= ~(size_t)4095;
    p->level_bytes[PEAKS_DRAM] = quick ? dram_set_quick : dram_set;
    if (p->cache_bytes[PEAKS_L3] > L3_CREDIBLE)
        p->cache_bytes[PEAKS_L3] = L3_CREDIBLE;
}

/* The working set of each of n threads, and what of it is read in a repetition. */
static void job_set_level(struct peaks_job *j, const struct judge_peaks *p, enum peaks_level level,
                          uint32_t n)
{
    j->shared = level >= PEAKS_L3;
    j->set_bytes = j->segment_bytes = p->level_bytes[level];
    if (level != PEAKS_DRAM)
        return;
    j->set_bytes = p->level_bytes[PEAKS_DRAM] / n & ~(size_t)4095;
    j->segment_bytes = j->set_bytes < DRAM_SEGMENT ? j->set_bytes : DRAM_SEGMENT;
    j->count = 1;
}

static int measure_level(struct judge_peaks *p, const struct loops *l, enum peaks_level level,
                         struct peaks_job *j)
{
    for (int row = 0; row < PEAKS_MAX_THREADS; row++) {
        struct peaks_rate rate, four;
        uint32_t n = p->n_threads[row];

        job_set_level(j, p, level, n);
        j->loop = &l->read;
        if (row == 0 && level != PEAKS_DRAM)
            peaks_job_calibrate(j, repetition_ns);
        TRY(measure(j, n, &rate));
        if (level >= PEAKS_L3) { /* several streams keep more misses in flight than one */
            j->loop = &l->read4;
            TRY(measure(j, n, &four));
            if (four.median > rate.median)
                rate = four;
        }
        p->read_gbps[row][level] = rate.median;
        if (row == 0)
            p->fastest_gbps[level] = rate.fastest;
        if (row == 0 && level == PEAKS_DRAM)
            p->spread = rate.spread;
    }
    if (p->read_gbps[1][level] < p->read_gbps[0][level]) /* one of them could do it alone */
        p->read_gbps[1][level] = p->read_gbps[0][level];
    return 0;
}

static int measure_compute(const struct judge_peaks *p, const struct peaks_loop *loop,
                           struct peaks_job *j, double *median, double *fastest)
{
    struct peaks_rate rate;

    j->shared = false;
    j->loop = loop;
    peaks_job_calibrate(j, repetition_ns);
    for (int row = 0; row < PEAKS_MAX_THREADS; row++) {
        TRY(measure(j, p->n_threads[row], &rate));
        median[row] = rate.median;
        if (fastest)
            fastest[row] = rate.fastest;
    }
    return 0;
}

/* Loops that the features allow beside those chosen as peaks. */
static int measure_narrower(struct judge_peaks *p, uint64_t features, struct peaks_job *j)
{
    static const struct {
        uint64_t features;
        struct peaks_loop loop;
    } all[] = {
        {KERNEL_CPU_AVX2, {"avx2 fma", peaks_f32_avx2, NULL, 192}},
        {KERNEL_CPU_AVX2, {"avx2 maddubs+add", peaks_int8_avx2, NULL, 2048}},
        {KERNEL_CPU_AVX_VNNI, {"avx-vnni", peaks_int8_avxvnni, NULL, 768}},
        {KERNEL_CPU_AVX512, {"avx512 maddubs+add", peaks_int8_avx512, NULL, 4096}},
        {KERNEL_CPU_AVX512_VNNI, {"avx512-vnni", peaks_int8_avx512vnni, NULL, 2048}},
    };
    struct peaks_rate rate;

    j->shared = false;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *name = all[i].loop.name;

        if ((features & all[i].features) != all[i].features || !strcmp(name, p->f32_loop) ||
            !strcmp(name, p->int8_loop))
            continue;
        j->loop = &all[i].loop;
        peaks_job_calibrate(j, burst_ns);
        TRY(measure(j, 1, &rate));
        p->narrower[p->n_narrower].loop = name;
        p->narrower[p->n_narrower++].rate = rate.median;
    }
    return 0;
}

/* The clock of a processor moves within milliseconds and a neighbour takes slices of it. So short
 * bursts of both loops take turns, and the fastest burst of each is compared: both saw the same
 * clocks, and of many bursts one is always undisturbed. */
static double measure_dot_ratio(const struct loops *l, struct peaks_job *j)
{
    enum { TURNS = 100 };
    const struct peaks_loop *loop[2] = {&l->f32, &l->dot};
    double fastest[2] = {0, 0};
    size_t rounds[2];

    for (int k = 0; k < 2; k++) {
        j->loop = loop[k];
        rounds[k] = peaks_job_calibrate(j, burst_ns);
    }
    for (int turn = 0; turn < 2 * TURNS; turn++) {
        int k = turn % 2;
        double start = peaks_now_ns(), rate;

        loop[k]->compute(rounds[k]);
        rate = loop[k]->ops * (double)rounds[k] / (peaks_now_ns() - start);
        fastest[k] = fmax(fastest[k], rate);
    }
    return fastest[1] / fastest[0];
}

static int measure_all(struct judge_peaks *p, const struct loops *l, uint64_t features,
                       struct peaks_job *j)
{
    for (int level = 0; level < PEAKS_N_LEVELS; level++)
        TRY(measure_level(p, l, (enum peaks_level)level, j));
    TRY(measure_compute(p, &l->f32, j, p->f32_gflops, p->fastest_f32));
    TRY(measure_compute(p, &l->int8, j, p->int8_gops, p->fastest_int8));
    p->int8_to_f32 = measure_dot_ratio(l, j);
    if (l->bf16.compute)
        TRY(measure_compute(p, &l->bf16, j, p->bf16_gflops, NULL));
    return measure_narrower(p, features, j);
}

int judge_peaks_measure(uint64_t features, bool quick, struct judge_peaks *out)
{
    struct loops l = loops_for(features);
    struct judge_peaks p = {.f32_loop = l.f32.name, .int8_loop = l.int8.name};
    struct peaks_job j = {.n_repetitions = quick ? REPETITIONS_QUICK : REPETITIONS,
                          .budget_ns = quick ? 1e8 : 3e8};
    double start = peaks_now_ns();
    cpu_set_t allowed;
    size_t bytes;
    int rc;

    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
        return err_set(ERR_IO, "peaks: cannot read the processor affinity of this process");
    p.bf16_loop = l.bf16.name;
    p.n_threads[0] = 1;
    p.n_threads[1] = (uint32_t)CPU_COUNT(&allowed);
    p.wide_dot = (features & KERNEL_CPU_AVX512) && (features & KERNEL_CPU_AVX512_VNNI);
    choose_sets(&p, quick);
    bytes = p.level_bytes[PEAKS_L3] * p.n_threads[1];
    if (bytes < p.level_bytes[PEAKS_DRAM])
        bytes = p.level_bytes[PEAKS_DRAM];
    j.allowed = &allowed;
    j.memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (j.memory == MAP_FAILED)
        return err_set(ERR_NOMEM, "peaks: %zu MiB for the DRAM loop", bytes >> 20);
    madvise(j.memory, bytes, MADV_HUGEPAGE);
    memset(j.memory, 1, bytes); /* untouched pages would all be the one zero page */
    rc = measure_all(&p, &l, features, &j);
    munmap(j.memory, bytes);
    if (rc < 0)
        return rc;
    judge_peaks_cross_check(&p);
    p.seconds = (peaks_now_ns() - start) * 1e-9;
    *out = p;
    return 0;
}

void judge_peaks_cross_check(struct judge_peaks *p)
{
    double ratio = p->int8_to_f32;

    p->plausible = false;
    for (int i = 1; i < PEAKS_N_LEVELS; i++)
        if (p->fastest_gbps[i] > p->fastest_gbps[i - 1] * (1 + RULE_PEAK_ORDER_TOLERANCE)) {
            snprintf(p->doubt, sizeof p->doubt, "%s reads %.1f GB/s but the faster %s only %.1f",
                     judge_peaks_level_name((enum peaks_level)i), p->fastest_gbps[i],
                     judge_peaks_level_name((enum peaks_level)(i - 1)), p->fastest_gbps[i - 1]);
            return;
        }
    if (p->wide_dot && fabs(ratio / RULE_PEAK_RATIO - 1) > RULE_PEAK_RATIO_TOLERANCE) {
        snprintf(p->doubt, sizeof p->doubt,
                 "int8 : f32 is %.2f on 512-bit registers, %.2f was expected: the clock moved or "
                 "the processor was shared while measuring",
                 ratio, RULE_PEAK_RATIO);
        return;
    }
    if (p->fastest_f32[1] < RULE_PEAK_THREADS_MIN * p->fastest_f32[0] ||
        p->fastest_int8[1] < RULE_PEAK_THREADS_MIN * p->fastest_int8[0]) {
        snprintf(p->doubt, sizeof p->doubt, "%u threads reach less than one alone (%.0f of %.0f)",
                 p->n_threads[1], p->fastest_f32[1], p->fastest_f32[0]);
        return;
    }
    p->plausible = true;
    p->doubt[0] = '\0';
}

enum peaks_level judge_peaks_level(const struct judge_peaks *p, size_t bytes)
{
    for (int i = 0; i < PEAKS_DRAM; i++)
        if (bytes <= p->cache_bytes[i])
            return (enum peaks_level)i;
    return PEAKS_DRAM;
}

double judge_peaks_bandwidth(const struct judge_peaks *p, int row, size_t bytes)
{
    return p->read_gbps[row][judge_peaks_level(p, bytes)];
}

const char *judge_peaks_level_name(enum peaks_level level)
{
    static const char *const names[PEAKS_N_LEVELS] = {"L1", "L2", "L3", "DRAM"};

    return (unsigned)level < PEAKS_N_LEVELS ? names[level] : "?";
}

static json_t *row_json(const struct judge_peaks *p, int row)
{
    json_t *read = json_object();

    for (int i = 0; i < PEAKS_N_LEVELS; i++)
        json_object_set_new(read, judge_peaks_level_name((enum peaks_level)i),
                            json_real(p->read_gbps[row][i]));
    return json_pack("{s:i, s:o, s:f, s:f, s:f}", "threads", (int)p->n_threads[row], "read_gbps",
                     read, "f32_gflops", p->f32_gflops[row], "int8_gops", p->int8_gops[row],
                     "bf16_gflops", p->bf16_gflops[row]);
}

json_t *judge_peaks_json(const struct judge_peaks *p)
{
    json_t *sets = json_object(), *rows = json_array(), *narrower = json_object();

    for (int i = 0; i < PEAKS_N_LEVELS; i++)
        json_object_set_new(sets, judge_peaks_level_name((enum peaks_level)i),
                            json_integer((json_int_t)p->level_bytes[i]));
    for (int row = 0; row < PEAKS_MAX_THREADS; row++)
        json_array_append_new(rows, row_json(p, row));
    for (size_t i = 0; i < p->n_narrower; i++)
        json_object_set_new(narrower, p->narrower[i].loop, json_real(p->narrower[i].rate));
    return json_pack("{s:o, s:o, s:{s:s, s:s, s:s}, s:o, s:f, s:f, s:b, s:s, s:f}",
                     "working_set_bytes", sets, "rows", rows, "loops", "f32", p->f32_loop, "int8",
                     p->int8_loop, "bf16", p->bf16_loop, "narrower_gops", narrower, "int8_to_f32",
                     p->int8_to_f32, "dram_spread", p->spread, "plausible", (int)p->plausible,
                     "doubt", p->doubt, "seconds", p->seconds);
}
