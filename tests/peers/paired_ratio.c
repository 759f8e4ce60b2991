/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/paired_ratio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return (a > b) - (a < b);
}

double paired_median(double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_value);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static double median_and_spread(const double *x, size_t n, double *spread)
{
    double sorted[PAIRED_MAX], median;

    memcpy(sorted, x, n * sizeof *x);
    median = paired_median(sorted, n);
    *spread = (sorted[n - 1] - sorted[0]) / 2 / median;
    return median;
}

/* The median lies between the k-th smallest and the k-th largest of n values unless fewer than k of
 * them fall on one side of it, each with probability 1/2. */
static double confidence_of(size_t n, size_t k)
{
    double term = pow(0.5, (double)n), tail = 0;

    for (size_t i = 0; i < k; i++) {
        tail += term;
        term = term * (double)(n - i) / (double)(i + 1);
    }
    return 1 - 2 * tail;
}

struct paired_ratio paired_ratio(const struct paired *p)
{
    struct paired_ratio r;
    double ratios[PAIRED_MAX];
    size_t k = 1;

    for (size_t i = 0; i < p->n; i++)
        ratios[i] = p->a[i] / p->b[i];
    r.a = median_and_spread(p->a, p->n, &r.spread_a);
    r.b = median_and_spread(p->b, p->n, &r.spread_b);
    r.ratio = paired_median(ratios, p->n);
    while (2 * (k + 1) <= p->n && confidence_of(p->n, k + 1) >= 0.93)
        k++;
    r.low = ratios[k - 1];
    r.high = ratios[p->n - k];
    r.confidence = confidence_of(p->n, k);
    return r;
}
