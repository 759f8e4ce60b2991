/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/rope_table.h"

#include <math.h>

/* The pair that makes `turns` turns in the original context: 2 pi turns = original * base^(-i /
 * pairs). */
static double pair_of_turns(const struct rope_frequencies *f, double turns)
{
    return (double)f->pairs * log(f->original / (turns * 2 * M_PI)) / log(f->base);
}

/* What part of the scale pair i takes: 0 for fast pairs, 1 for slow ones, a ramp between. */
static double yarn_part(const struct rope_frequencies *f, size_t i)
{
    double from = fmax(0, floor(pair_of_turns(f, f->fast)));
    double to = fmin(2 * (double)f->pairs - 1, ceil(pair_of_turns(f, f->slow)));

    return fmin(1, fmax(0, ((double)i - from) / fmax(0.001, to - from)));
}

static double pair_scale(const struct rope_frequencies *f, size_t i)
{
    double part = f->yarn ? yarn_part(f, i) : 1;

    return f->scale * part + (1 - part);
}

void rope_table_fill(const struct rope_frequencies *f, size_t n_positions, float *out)
{
    for (size_t i = 0; i < f->pairs; i++) {
        double frequency = pair_scale(f, i) * pow(f->base, -(double)i / (double)f->pairs);

        if (f->factors)
            frequency /= (double)f->factors[i];
        for (size_t p = 0; p < n_positions; p++) {
            double angle = (double)p * frequency;

            out[p * 2 * f->pairs + 2 * i] = (float)(f->magnitude * cos(angle));
            out[p * 2 * f->pairs + 2 * i + 1] = (float)(f->magnitude * sin(angle));
        }
    }
}
