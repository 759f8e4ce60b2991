/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/rule/clopper_pearson.h"

#include <assert.h>
#include <float.h>
#include <math.h>

enum { BISECTIONS = 100 };

/* P(at most k of n) at probability p, 0 < p < 1. Summed from the largest term down, until what is
 * left no longer counts. */
static double binomial_at_most(uint64_t k, uint64_t n, double p)
{
    double top = lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) +
                 (double)k * log(p) + (double)(n - k) * log1p(-p);
    double ratio = 1, sum = 0;

    for (uint64_t i = k;; i--) {
        sum += ratio;
        if (i == 0)
            break;
        ratio *= (double)i / (double)(n - i + 1) * (1 - p) / p;
        if (ratio < 1e-18 * sum)
            break;
    }
    return fmin(1, exp(top + log(sum)));
}

double clopper_pearson_upper(uint64_t k, uint64_t n, double level)
{
    double low = DBL_MIN, high = 1;

    assert(k <= n);
    if (k == n)
        return 1;
    for (int i = 0; i < BISECTIONS; i++) {
        double p = (low + high) / 2;

        if (binomial_at_most(k, n, p) >= 1 - level)
            low = p;
        else
            high = p;
    }
    return low;
}

/* k successes are n - k failures. */
double clopper_pearson_lower(uint64_t k, uint64_t n, double level)
{
    return k ? 1 - clopper_pearson_upper(n - k, n, level) : 0;
}
