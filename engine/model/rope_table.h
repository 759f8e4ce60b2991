/* SPDX-License-Identifier: Apache-2.0
 *
 * rope_table.h: cosines and sines of the rotary position embedding (Su et al. 2021) for every
 * position of a context, computed once in double so that far positions keep their angle. Only the
 * engine includes this. */
#ifndef PAWL_ROPE_TABLE_H
#define PAWL_ROPE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct rope_frequencies {
    size_t pairs;         /* rotated elements of a head / 2 */
    double base;          /* usually 10000 */
    double scale;         /* of positions: 1, or 1 / factor for linear scaling */
    double magnitude;     /* of cosines and sines, usually 1 */
    const float *factors; /* [pairs] divisors of the frequencies, or NULL */
    bool yarn;            /* scale slow pairs alone (Peng et al. 2023, section 3.2) */
    double fast, slow;    /* turns within `original` positions from which on none, and up to which
                           * all of the scale applies */
    double original;      /* positions of the first training */
};

/* out[p][2i], out[p][2i+1] = magnitude * cos, sin of p * scale_i * base^(-i / pairs) / factors[i].
 * scale_i is scale, with YaRN between scale and 1.
 * out: f32 [2 * pairs, n_positions], overwritten.  Errors: none.  Threads: any. */
void rope_table_fill(const struct rope_frequencies *f, size_t n_positions, float *out);

#endif
