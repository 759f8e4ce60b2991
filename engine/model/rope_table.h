/* SPDX-License-Identifier: Apache-2.0
 *
 * rope_table.h: cosines and sines of the rotary position embedding (Su et al. 2021) for every
 * position of a context, computed once in double so that far positions keep their angle. Only the
 * engine includes this. */
#ifndef PAWL_ROPE_TABLE_H
#define PAWL_ROPE_TABLE_H

#include <stddef.h>

struct rope_frequencies {
    size_t pairs;         /* rotated elements of a head / 2 */
    double base;          /* usually 10000 */
    double scale;         /* of positions: 1, or 1 / factor for linear scaling */
    const float *factors; /* [pairs] divisors of the frequencies, or NULL */
};

/* out[p][2i], out[p][2i+1] = cos, sin of p * scale * base^(-i / pairs) / factors[i].
 * out: f32 [2 * pairs, n_positions], overwritten.  Errors: none.  Threads: any. */
void rope_table_fill(const struct rope_frequencies *f, size_t n_positions, float *out);

#endif
