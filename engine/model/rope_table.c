/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/rope_table.h"

#include <math.h>

void rope_table_fill(const struct rope_frequencies *f, size_t n_positions, float *out)
{
    for (size_t i = 0; i < f->pairs; i++) {
        double frequency = f->scale * pow(f->base, -(double)i / (double)f->pairs);

        if (f->factors)
            frequency /= (double)f->factors[i];
        for (size_t p = 0; p < n_positions; p++) {
            double angle = (double)p * frequency;

            out[p * 2 * f->pairs + 2 * i] = (float)cos(angle);
            out[p * 2 * f->pairs + 2 * i + 1] = (float)sin(angle);
        }
    }
}
