/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/command/tables.h"

#include "judge/measure/counters.h"
#include "judge/profile/profile.h"

#include <string.h>

static void size_text(size_t bytes, char out[24])
{
    if (bytes >= (size_t)1 << 20)
        snprintf(out, 24, "%zu MiB", bytes >> 20);
    else
        snprintf(out, 24, "%zu KiB", bytes >> 10);
}

void tables_peaks(FILE *out, const struct judge_peaks *p)
{
    char machine[256], counters[128], size[24], name[48];

    judge_machine_fingerprint(machine);
    counters_probe(counters, sizeof counters);
    fprintf(out, "%s\n\n%-38s %12s %12s\n", machine, "peak", "1 thread", "all threads");
    for (int i = 0; i < PEAKS_N_LEVELS; i++) {
        size_text(p->level_bytes[i], size);
        snprintf(name, sizeof name, "read %s, %s", judge_peaks_level_name((enum peaks_level)i),
                 size);
        fprintf(out, "%-38s %7.1f GB/s %7.1f GB/s\n", name, p->read_gbps[0][i], p->read_gbps[1][i]);
    }
    snprintf(name, sizeof name, "f32 (%s)", p->f32_loop);
    fprintf(out, "%-38s %5.0f GFLOP/s %4.0f GFLOP/s\n", name, p->f32_gflops[0], p->f32_gflops[1]);
    snprintf(name, sizeof name, "int8 (%s)", p->int8_loop);
    fprintf(out, "%-38s %7.0f GOP/s %6.0f GOP/s\n", name, p->int8_gops[0], p->int8_gops[1]);
    snprintf(name, sizeof name, "bf16 (%s)", p->bf16_loop);
    if (p->bf16_gflops[0] > 0)
        fprintf(out, "%-38s %5.0f GFLOP/s %4.0f GFLOP/s\n", name, p->bf16_gflops[0],
                p->bf16_gflops[1]);
    for (size_t i = 0; i < p->n_narrower; i++)
        fprintf(out, "  code with no more than %-25s %5.0f GOP/s\n", p->narrower[i].loop,
                p->narrower[i].rate);
    fprintf(out, "\nint8 : f32 = %.3f; DRAM reads vary by %.0f %%; %u threads; %.1f s\n",
            p->int8_to_f32, p->spread * 100, p->n_threads[1], p->seconds);
    if (p->plausible)
        fprintf(out, "the peaks agree with each other\n");
    else
        fprintf(out, "DOUBTFUL: %s\n", p->doubt);
    fprintf(out, "counters %s\n", counters);
}

void tables_check(FILE *out, const struct judge_check_report *r)
{
    fprintf(out, "%-34s %5s %9s %9s %9s %7s\n", "case", "runs", "max ulp", "p99 ulp", "rms ulp",
            "of gate");
    for (size_t i = 0; i < r->n_cases; i++) {
        const struct judge_check_case *c = &r->cases[i];

        fprintf(out, "%-34s %5u %9.3g %9.3g %9.3g %6.1f%%%s\n", c->c->name, c->n_runs, c->max_units,
                c->p99_units, c->rms_units, c->max_bound_share * 100, c->failed ? "  FAILED" : "");
        if (c->failed)
            fprintf(out, "    %s\n", c->message);
    }
    if (r->verdict == JUDGE_WIN)
        fprintf(out, "correct: %zu cases in %.1f s\n", r->n_cases, r->seconds);
    else
        fprintf(out, "%s: %s\n", judge_verdict_name(r->verdict), r->message);
}

static void print_score(FILE *out, const struct bench *b)
{
    fprintf(out,
            "score %.1f = %.1f %% of the roof x 100 / %.4f ms (the mix, weighted by its share of "
            "time)\n",
            b->score, b->utilisation * 100, b->latency_ms);
}

static void print_doubt(FILE *out, const struct bench *b)
{
    if (!b->peaks.plausible)
        fprintf(out, "the peaks are doubtful, and the roofs with them: %s\n", b->peaks.doubt);
}

/* The events that cannot be counted, those with the same reason together. */
static void print_missing(FILE *out, const struct counters *c)
{
    for (size_t i = 0; i < c->n; i++) {
        bool same = i && !strcmp(c->reason[i], c->reason[i - 1]);

        if (!c->reason[i][0])
            continue;
        fprintf(out, "%s%s", same ? ", " : "counters unavailable: ", c->event[i].name);
        if (i + 1 == c->n || strcmp(c->reason[i], c->reason[i + 1]))
            fprintf(out, ": %s\n", c->reason[i]);
    }
}

/* Per request; misses are told in KiB, to be held against what the case has to read. */
static void print_counts(FILE *out, const struct bench *b)
{
    const struct counters *c = &b->counts.events;

    if (counters_any(c)) {
        fprintf(out, "\n%-34s %3s", "counters of a request, user mode", "thr");
        for (size_t k = 0; k < c->n; k++)
            if (!c->reason[k][0])
                fprintf(out, c->event[k].line_bytes ? " %10s KiB" : " %14s", c->event[k].name);
        fprintf(out, " %6s\n", "IPC");
    }
    for (size_t i = 0; i < b->n_cases && counters_any(c); i++) {
        const double *count = b->counts.per_request[i];
        double ipc = counters_ipc(c, count);

        fprintf(out, "%-34s %3u", b->cases[i].c->name, b->cases[i].c->n_threads);
        for (size_t k = 0; k < c->n; k++)
            if (!c->reason[k][0])
                fprintf(out, " %14.1f",
                        count[k] * (c->event[k].line_bytes ? c->event[k].line_bytes / 1024.0 : 1));
        if (ipc > 0)
            fprintf(out, " %6.2f\n", ipc);
        else
            fprintf(out, " %6s\n", "-");
    }
    print_missing(out, c);
}

void tables_bench(FILE *out, const struct bench *b)
{
    fprintf(out, "%-34s %3s %7s %12s %7s %9s %8s %6s\n", "case", "thr", "weight", "median us",
            "spread", "GFLOP/s", "GB/s", "roof");
    for (size_t i = 0; i < b->n_cases; i++) {
        const struct bench_case *c = &b->cases[i];

        fprintf(out, "%-34s %3u %6.1f%% %12.2f %6.1f%% %9.1f %8.2f %5.1f%%\n", c->c->name,
                c->c->n_threads, c->weight * 100, c->median_ns * 1e-3, c->spread * 100,
                c->point.gflops, c->point.gbps, c->point.utilisation * 100);
    }
    fprintf(out, "%u units; ", b->n_units);
    print_score(out, b);
    print_doubt(out, b);
    print_counts(out, b);
}

/* Lower roofs that the same cases could stand under, for reading the picture without it. */
static void print_ceilings(FILE *out, const struct judge_peaks *p)
{
    for (int row = 0; row < PEAKS_MAX_THREADS; row++) {
        if (row && p->n_threads[1] == p->n_threads[0])
            return;
        fprintf(out, "ceilings, %2u thread%s DRAM %.1f, L3 %.1f, L2 %.1f GB/s; f32 %.0f, int8 %.0f",
                p->n_threads[row],
                p->n_threads[row] == 1 ? ": " : "s:", p->read_gbps[row][PEAKS_DRAM],
                p->read_gbps[row][PEAKS_L3], p->read_gbps[row][PEAKS_L2], p->f32_gflops[row],
                p->int8_gops[row]);
        if (p->bf16_gflops[row] > 0)
            fprintf(out, ", bf16 %.0f", p->bf16_gflops[row]);
        fprintf(out, " GFLOP/s\n");
    }
}

/* The ceilings of code that leaves the best instructions alone. */
static void print_narrower(FILE *out, const struct judge_peaks *p)
{
    for (size_t i = 0; i < p->n_narrower; i++)
        fprintf(out, "%s%s %.0f", i ? ", " : "          narrower:  ", p->narrower[i].loop,
                p->narrower[i].rate);
    if (p->n_narrower)
        fprintf(out, " GOP/s\n");
}

void tables_roofline(FILE *out, const struct bench *b, const char *budgets)
{
    char closing[200];

    fprintf(out, "%-32s %3s %-13s %7s %7s %9s %9s %6s %6s %8s %7s\n", "case", "thr", "wall",
            "ops/B", "ridge", "floor us", "time us", "roof", "dist", "GFLOP/s", "GB/s");
    for (size_t i = 0; i < b->n_cases; i++) {
        const struct bench_case *c = &b->cases[i];
        const struct roofline_point *r = &c->point;
        char wall[24];

        snprintf(wall, sizeof wall, "%s%s%s", r->regime, r->regime[0] == 'm' ? " " : "",
                 r->regime[0] == 'm' ? judge_peaks_level_name(r->level) : "");
        fprintf(out, "%-32s %3u %-13s %7.2f %7.2f %9.2f %9.2f %5.1f%% %5.1fx %8.1f %7.2f\n",
                c->c->name, c->c->n_threads, wall, r->intensity, r->ridge, r->floor_ns * 1e-3,
                c->median_ns * 1e-3, r->utilisation * 100, r->distance, r->gflops, r->gbps);
    }
    print_ceilings(out, &b->peaks);
    print_narrower(out, &b->peaks);
    print_score(out, b);
    print_doubt(out, b);
    print_counts(out, b);
    profile_closing(b, closing, sizeof closing);
    fprintf(out, "\n%s\n%s\n", budgets, closing);
}
