/* SPDX-License-Identifier: Apache-2.0
 *
 * paired_ratio.h: what pairs of rates, taken in turns, say about the ratio. Medians, and for the
 * median of the ratios the interval of the sign test, which assumes nothing about the noise but
 * that rounds are independent. */
#ifndef PAWL_PAIRED_RATIO_H
#define PAWL_PAIRED_RATIO_H

#include <stddef.h>

enum { PAIRED_MAX = 64 };

struct paired {
    size_t n;
    double a[PAIRED_MAX], b[PAIRED_MAX]; /* rates of the same round, > 0 */
};

struct paired_ratio {
    double a, b;               /* medians */
    double spread_a, spread_b; /* half the range over the median */
    double ratio;              /* median of a / b */
    double low, high;          /* of the median ratio */
    double confidence;         /* of low..high: 0.9375 for the whole range of five rounds */
};

/* n >= 1. The narrowest interval of at least 0.93 confidence; the whole range when none is. */
struct paired_ratio paired_ratio(const struct paired *p);

/* x is sorted; n >= 1. */
double paired_median(double *x, size_t n);

#endif
