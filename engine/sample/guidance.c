/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/guidance.h"

#include <math.h>

static double log_sum(const float *logits, size_t n)
{
    double highest = -INFINITY, sum = 0;

    for (size_t i = 0; i < n; i++)
        highest = fmax(highest, (double)logits[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - highest);
    return highest + log(sum);
}

void guidance_mix(const float *logits, const float *negative, size_t n, double scale, float *out)
{
    double all = log_sum(logits, n), negative_all = log_sum(negative, n);

    for (size_t i = 0; i < n; i++) {
        double base = (double)negative[i] - negative_all, here = (double)logits[i] - all;

        out[i] = here == -INFINITY ? -INFINITY : (float)(base + scale * (here - base));
    }
}
