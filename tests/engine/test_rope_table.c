/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/rope_table.h"

#include <criterion/criterion.h>
#include <math.h>

enum { PAIRS = 4, POSITIONS = 300 };

Test(rope_table, turns_pair_i_by_position_times_base_to_the_minus_i_over_pairs)
{
    struct rope_frequencies f = {.pairs = PAIRS, .base = 10000, .scale = 1, .magnitude = 1};
    static float table[POSITIONS][2 * PAIRS];
    const double frequency[PAIRS] = {1, 0.1, 0.01, 0.001};

    rope_table_fill(&f, POSITIONS, table[0]);
    for (int p = 0; p < POSITIONS; p++)
        for (int i = 0; i < PAIRS; i++) {
            cr_assert_float_eq(table[p][2 * i], cos(p * frequency[i]), 1e-7);
            cr_assert_float_eq(table[p][2 * i + 1], sin(p * frequency[i]), 1e-7);
        }
}

Test(rope_table, stretches_positions_and_divides_frequencies)
{
    const float factors[PAIRS] = {1, 2, 4, 8};
    struct rope_frequencies f = {.pairs = PAIRS, .base = 500000, .scale = 0.25, .magnitude = 1};
    static float plain[POSITIONS][2 * PAIRS], divided[POSITIONS][2 * PAIRS];

    rope_table_fill(&f, POSITIONS, plain[0]);
    cr_assert_float_eq(plain[8][1], sin(2.0), 1e-7);
    f.factors = factors;
    rope_table_fill(&f, POSITIONS, divided[0]);
    for (int p = 0; p * 8 < POSITIONS; p++)
        for (int i = 0; i < PAIRS; i++)
            cr_assert_float_eq(divided[p * (int)factors[i]][2 * i], plain[p][2 * i], 1e-7);
}

/* Peng et al. 2023: pairs that turn 32 times or more within the original context keep their
 * frequency, those that turn once or less are scaled whole; cosines and sines have the magnitude. */
Test(rope_table, scales_slow_pairs_alone_with_yarn)
{
    enum { MANY = 32 };
    const struct rope_frequencies f = {.pairs = MANY,
                                       .base = 10000,
                                       .scale = 0.25,
                                       .magnitude = 1.5,
                                       .yarn = true,
                                       .fast = 32,
                                       .slow = 1,
                                       .original = 2048};
    static float table[2][2 * MANY];
    int n_between = 0;

    rope_table_fill(&f, 2, table[0]);
    for (int i = 0; i < MANY; i++) {
        double plain = pow(10000, -(double)i / MANY), turns = 2048 * plain / (2 * M_PI);
        double scale = asin((double)table[1][2 * i + 1] / 1.5) / plain;

        cr_assert_float_eq(hypot((double)table[1][2 * i], (double)table[1][2 * i + 1]), 1.5, 1e-6);
        if (turns >= 33 && i > 0)
            cr_assert_float_eq(scale, 1, 1e-4, "pair %d: %g", i, scale);
        if (turns <= 0.7)
            cr_assert_float_eq(scale, 0.25, 1e-3, "pair %d: %g", i, scale);
        n_between += scale > 0.3 && scale < 0.95;
    }
    cr_assert_gt(n_between, 2);
}
