/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/machine/plot.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIMEOUT_S = 60 };

/* Labels that would stand in each other's way: nearer than this part of the axes. */
#define LABEL_HEIGHT 0.026
#define LABEL_WIDTH  0.3

static const struct {
    enum peaks_level level;
    const char *colour;
} slopes[] = {{PEAKS_DRAM, "#c44e52"}, {PEAKS_L3, "#dd8452"}, {PEAKS_L2, "#937860"}};
enum { N_SLOPES = sizeof slopes / sizeof slopes[0], N_CEILINGS = 3 };

struct ceiling {
    const char *name, *loop, *colour;
    double rate[PEAKS_MAX_THREADS];
};

static void ceilings_of(const struct judge_peaks *p, struct ceiling out[N_CEILINGS])
{
    out[0] = (struct ceiling){"f32", p->f32_loop, "#4c72b0", {p->f32_gflops[0], p->f32_gflops[1]}};
    out[1] = (struct ceiling){"int8", p->int8_loop, "#8172b3", {p->int8_gops[0], p->int8_gops[1]}};
    out[2] =
        (struct ceiling){"bf16", p->bf16_loop, "#55a868", {p->bf16_gflops[0], p->bf16_gflops[1]}};
}

/* A string in single quotes, where gnuplot obeys nothing but the quote itself. */
static void add_quoted(struct strbuf *out, const char *text)
{
    strbuf_addf(out, "'");
    for (; *text; text++)
        strbuf_addf(out, *text == '\'' ? "''" : *text == '\n' ? " " : "%c", *text);
    strbuf_addf(out, "'");
}

struct frame {
    double x_low, x_high, y_low, y_high; /* powers of ten */
};

static struct frame frame_of(const struct ceiling *ceilings, const struct plot_point *points,
                             size_t n)
{
    struct frame f = {-1, 3, 0, 1};

    for (int i = 0; i < N_CEILINGS; i++)
        if (ceilings[i].rate[1] > 0)
            f.y_high = fmax(f.y_high, ceil(log10(ceilings[i].rate[1]) * 4 + 1) / 4);
    for (size_t i = 0; i < n; i++) {
        f.x_low = fmin(f.x_low, floor(log10(fmax(points[i].point.intensity, 1e-3))));
        f.x_high = fmax(f.x_high, ceil(log10(fmax(points[i].point.intensity, 1e-3))));
        f.y_low = fmin(f.y_low, floor(log10(fmax(points[i].point.gflops, 1e-3))));
    }
    return f;
}

/* Where each label goes (power of ten on the y axis): at its point, or above those it would cover. */
static void place_labels(const struct plot_point *points, size_t n, const struct frame *f,
                         double *y)
{
    double height = LABEL_HEIGHT * (f->y_high - f->y_low);
    double width = LABEL_WIDTH * (f->x_high - f->x_low);
    bool placed[PLOT_MAX_POINTS] = {false};

    for (size_t k = 0; k < n; k++) {
        size_t low = n;
        bool moved = true;

        for (size_t i = 0; i < n; i++) /* from the bottom up */
            if (!placed[i] && (low == n || points[i].point.gflops < points[low].point.gflops))
                low = i;
        y[low] = log10(fmax(points[low].point.gflops, 1e-3));
        while (moved) {
            moved = false;
            for (size_t i = 0; i < n; i++)
                if (placed[i] && fabs(y[i] - y[low]) < height * 0.999 &&
                    fabs(log10(points[i].point.intensity / points[low].point.intensity)) < width) {
                    y[low] = y[i] + height;
                    moved = true;
                }
        }
        placed[low] = true;
    }
}

static void add_labels(const struct plot_point *points, size_t n, const struct frame *f,
                       struct strbuf *out)
{
    double y[PLOT_MAX_POINTS];

    place_labels(points, n, f, y);
    for (size_t i = 0; i < n; i++) {
        double x = points[i].point.intensity;

        strbuf_addf(out, "set arrow from %g,%g to %g,%g nohead lc rgb '#999999' lw 0.7 front\n", x,
                    points[i].point.gflops, x * 1.12, pow(10, y[i]));
        strbuf_addf(out, "set label ");
        add_quoted(out, points[i].name);
        strbuf_addf(out, " noenhanced at %g,%g left font ',11' textcolor rgb '#222222' front\n",
                    x * 1.16, pow(10, y[i]));
    }
}

/* A function of x for each line, undefined where another roof is lower. */
static void add_lines(const struct judge_peaks *p, const struct ceiling *ceilings,
                      struct strbuf *out)
{
    for (int row = 0; row < PEAKS_MAX_THREADS; row++) {
        double top = 0, fastest = p->read_gbps[row][PEAKS_L2];

        if (row == 1 && p->n_threads[1] == p->n_threads[0])
            return;
        for (int i = 0; i < N_CEILINGS; i++)
            top = fmax(top, ceilings[i].rate[row]);
        for (int i = 0; i < N_SLOPES; i++) {
            double gbps = p->read_gbps[row][slopes[i].level];

            strbuf_addf(out,
                        ", (%g*x <= %g ? %g*x : NaN) lw 2 dt %d lc rgb '%s' title '%s read, %u "
                        "thr: %.3g GB/s'",
                        gbps, top, gbps, row + 1, slopes[i].colour,
                        judge_peaks_level_name(slopes[i].level), p->n_threads[row], gbps);
        }
        for (int i = 0; i < N_CEILINGS; i++)
            if (ceilings[i].rate[row] > 0)
                strbuf_addf(out,
                            ", (%g*x >= %g ? %g : NaN) lw 2 dt %d lc rgb '%s' title '%s (%s), %u "
                            "thr: %.4g GFLOP/s'",
                            fastest, ceilings[i].rate[row], ceilings[i].rate[row], row + 1,
                            ceilings[i].colour, ceilings[i].name, ceilings[i].loop,
                            p->n_threads[row], ceilings[i].rate[row]);
    }
}

static void add_points(const struct plot_point *points, size_t n, struct strbuf *out)
{
    for (int team = 0; team < 2; team++) {
        strbuf_addf(out, "$cases%d << EOD\n", team);
        for (size_t i = 0; i < n; i++)
            if ((points[i].n_threads > 1) == (team == 1))
                strbuf_addf(out, "%g %g\n", points[i].point.intensity, points[i].point.gflops);
        strbuf_addf(out, "EOD\n");
    }
}

static bool has_team(const struct plot_point *points, size_t n, bool team)
{
    for (size_t i = 0; i < n; i++)
        if ((points[i].n_threads > 1) == team)
            return true;
    return false;
}

void plot_script(const struct judge_peaks *p, const struct plot_point *points, size_t n,
                 const char *title, const char *svg, struct strbuf *out)
{
    struct ceiling ceilings[N_CEILINGS];
    struct frame f;

    n = n < PLOT_MAX_POINTS ? n : PLOT_MAX_POINTS;
    ceilings_of(p, ceilings);
    f = frame_of(ceilings, points, n);
    /* A background of its own, so that the page's colours do not matter. */
    strbuf_addf(out, "set terminal svg size 1120,640 font 'sans-serif,13' background '#ffffff'\n"
                     "set output ");
    add_quoted(out, svg);
    strbuf_addf(out, "\nset title ");
    add_quoted(out, title);
    strbuf_addf(
        out,
        " noenhanced\nset logscale xy\nset xrange [%g:%g]\nset yrange [%g:%g]\n"
        "set samples 2000\nset grid lc rgb '#dddddd'\nset border lc rgb '#444444'\n"
        "set key outside right top Left reverse noenhanced samplen 2 spacing 1.1 font ',11'\n"
        "set xlabel 'operational intensity: operations per compulsory byte'\n"
        "set ylabel 'GFLOP/s (int8: GOP/s)'\n",
        pow(10, f.x_low), pow(10, f.x_high), pow(10, f.y_low), pow(10, f.y_high));
    add_labels(points, n, &f, out);
    add_points(points, n, out);
    strbuf_addf(out, "plot 1/0 notitle");
    add_lines(p, ceilings, out);
    for (int team = 0; team < 2; team++)
        if (has_team(points, n, team == 1))
            strbuf_addf(out, ", $cases%d with points pt %d ps 0.8 lc rgb '#222222' title '%s'",
                        team, team ? 9 : 7, team ? "cases, team of threads" : "cases, 1 thread");
    strbuf_addf(out, "\n");
}

int plot_roofline(const struct judge_peaks *p, const struct plot_point *points, size_t n,
                  const char *title, const char *svg, const char *work_dir)
{
    struct strbuf script = {0}, said = {0};
    char path[PATH_MAX];
    char *argv[] = {(char[]){"gnuplot"}, path, NULL};
    int rc;

    if (snprintf(path, sizeof path, "%s/roofline.gp", work_dir) >= (int)sizeof path)
        return err_set(ERR_RANGE, "%s: path too long", work_dir);
    plot_script(p, points, n, title, svg, &script);
    rc = file_write_atomic(path, script.data, script.len);
    if (rc == 0)
        rc = process_run(argv, NULL, TIMEOUT_S, &said);
    if (rc == 127)
        rc = err_set(ERR_UNSUPPORTED, "no gnuplot to draw with; install package gnuplot-nox");
    else if (rc > 0)
        rc = err_set(ERR_IO, "gnuplot: %.300s", strbuf_str(&said));
    strbuf_deinit(&script);
    strbuf_deinit(&said);
    return rc;
}
