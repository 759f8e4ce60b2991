/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/machine/roofline.h"

#include "judge/rule/rule.h"
#include "reference/base/err.h"

#include <math.h>
#include <stdio.h>

/* Below this floor, start-up of a call is what one measures. */
#define OVERHEAD_FLOOR_NS    2000.0
#define OVERHEAD_UTILISATION 0.25

/* A team of n between one thread and all of them. */
static double team_roof(const struct judge_peaks *p, const double *row, uint32_t n)
{
    if (n <= 1)
        return row[0];
    return n >= p->n_threads[1] ? row[1] : fmin(n * row[0], row[1]);
}

static double level_roof(const struct judge_peaks *p, enum peaks_level level, uint32_t n)
{
    double row[PEAKS_MAX_THREADS] = {p->read_gbps[0][level], p->read_gbps[1][level]};

    return team_roof(p, row, n);
}

static enum peaks_level level_of(const struct judge_peaks *p, size_t working_set, uint32_t n)
{
    enum peaks_level private_level = judge_peaks_level(p, working_set / (n ? n : 1));

    return private_level <= PEAKS_L2 ? private_level : judge_peaks_level(p, working_set);
}

static double compute_time_ns(const struct judge_peaks *p, const struct problem_work *w, uint32_t n)
{
    double f32 = team_roof(p, p->f32_gflops, n);
    double bf16 = team_roof(p, p->bf16_gflops, n);

    return w->flops_f32 / f32 + w->ops_int8 / team_roof(p, p->int8_gops, n) +
           w->ops_bf16 / (bf16 > 0 ? bf16 : f32);
}

/* The time that not even the fastest repetitions would allow: one thread's, times n, which is above
 * what n threads can do on any machine. */
static double fastest_time_ns(const struct judge_peaks *p, const struct problem_work *w,
                              double bytes, enum peaks_level level, uint32_t n)
{
    double bf16 = p->bf16_gflops[0] > 0 ? p->bf16_gflops[0] : p->fastest_f32[0];
    double compute =
        w->flops_f32 / p->fastest_f32[0] + w->ops_int8 / p->fastest_int8[0] + w->ops_bf16 / bf16;

    return fmax(bytes / p->fastest_gbps[level], compute) / (n ? n : 1);
}

size_t roofline_working_set(const struct problem_case *c)
{
    struct problem_work w;

    if (c->pool_bytes)
        return c->pool_bytes;
    return compute_flops(c, &w) < 0 ? 0 : (size_t)(w.bytes_read + w.bytes_written);
}

int roofline_locate(const struct judge_peaks *p, const struct problem_case *c, size_t working_set,
                    double measured_ns, struct roofline_point *out)
{
    struct problem_work w;
    struct roofline_point r = {0};
    uint32_t n = c->n_threads;
    double bytes, ops;

    TRY(compute_flops(c, &w));
    if (!(p->f32_gflops[0] > 0 && p->int8_gops[0] > 0 && p->read_gbps[0][PEAKS_DRAM] > 0))
        return err_set(ERR_RANGE, "roofline: the peaks of this machine are not measured");
    if (!(measured_ns > 0))
        return err_set(ERR_RANGE, "roofline: %s: a time of %g ns", c->name, measured_ns);
    bytes = w.bytes_read + w.bytes_written;
    ops = w.flops_f32 + w.ops_int8 + w.ops_bf16;
    r.level = level_of(p, working_set, n);
    r.memory_ns = bytes / level_roof(p, r.level, n);
    r.compute_ns = compute_time_ns(p, &w, n);
    r.floor_ns = fmax(r.memory_ns, r.compute_ns);
    r.best_ns = fastest_time_ns(p, &w, bytes, r.level, n);
    r.cheat_ns = fastest_time_ns(p, &w, bytes, r.level == PEAKS_L1 ? PEAKS_L1 : PEAKS_L2, n) /
                 RULE_CHEAT_PEAK_FACTOR;
    r.intensity = bytes > 0 ? ops / bytes : 0;
    r.ridge = r.compute_ns > 0 ? ops / r.compute_ns / level_roof(p, r.level, n) : 0;
    r.utilisation = r.floor_ns / measured_ns;
    r.distance = r.floor_ns > 0 ? measured_ns / r.floor_ns : 0;
    r.gflops = ops / measured_ns;
    r.gbps = bytes / measured_ns;
    r.regime = r.memory_ns >= r.compute_ns ? "memory" : "compute";
    if (r.floor_ns < OVERHEAD_FLOOR_NS && r.utilisation < OVERHEAD_UTILISATION)
        r.regime = "overhead";
    *out = r;
    return 0;
}

void roofline_advice(const struct roofline_point *r, char *out, size_t bytes)
{
    const char *level = judge_peaks_level_name(r->level);

    if (r->regime[0] == 'o')
        snprintf(out, bytes, "overhead: %.2f us of work takes %.1f x as long; fewer, larger calls",
                 r->floor_ns * 1e-3, r->distance);
    else if (r->utilisation >= 0.8)
        snprintf(out, bytes, "at the %s roof: only %s can make it faster",
                 r->regime[0] == 'm' ? level : "instruction",
                 r->regime[0] == 'm' ? "fewer bytes" : "fewer operations");
    else if (r->regime[0] == 'm')
        snprintf(out, bytes,
                 "under the %s roof by %.1f x: more loads in flight, fewer instructions", level,
                 r->distance);
    else
        snprintf(out, bytes, "under the instruction roof by %.1f x: less unpacking, larger tiles",
                 r->distance);
}
