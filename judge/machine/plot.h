/* SPDX-License-Identifier: Apache-2.0
 *
 * plot.h: the roofline as a picture, drawn by gnuplot. Inside judge/ only. */
#ifndef PAWL_PLOT_H
#define PAWL_PLOT_H

#include "judge/machine/roofline.h"

struct strbuf;

enum { PLOT_MAX_POINTS = 64 };

struct plot_point {
    const char *name;
    uint32_t n_threads;
    struct roofline_point point;
};

/* The script: bandwidths and ceilings of *p for one and all threads, and at most PLOT_MAX_POINTS
 * labelled points; the picture goes to `svg`. */
void plot_script(const struct judge_peaks *p, const struct plot_point *points, size_t n,
                 const char *title, const char *svg, struct strbuf *out);

/* Draw it; the script lies in the existing folder `work_dir` meanwhile. Error: ERR_UNSUPPORTED when
 * there is no gnuplot (the message names the package); ERR_IO when it fails. */
int plot_roofline(const struct judge_peaks *p, const struct plot_point *points, size_t n,
                  const char *title, const char *svg, const char *work_dir);

#endif
