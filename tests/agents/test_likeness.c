/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/likeness.h"

#include <criterion/criterion.h>
#include <string.h>

static void add(struct likeness_bag *b, const char *text)
{
    likeness_add(b, text, strlen(text));
}

Test(likeness, finds_the_attempt_that_shares_the_rare_word)
{
    struct likeness_bag idea = {0}, past[3] = {{0}};
    double s[3];

    add(&idea, "gemm: a larger COLUMN_BLOCK for the panel");
    add(&past[0], "gemm: prefetch the panel further ahead");
    add(&past[1], "gemm: column_block 256 instead of 128");
    add(&past[2], "rope: a table of angles");
    likeness_rank(&idea, past, 3, s);
    cr_assert_gt(s[1], s[0]);
    cr_assert_gt(s[0], 0);
    cr_assert_eq(s[2], 0);
    likeness_deinit(&idea);
    for (int i = 0; i < 3; i++)
        likeness_deinit(&past[i]);
}

Test(likeness, is_one_for_the_same_words_whatever_their_order_and_case)
{
    struct likeness_bag idea = {0}, past[2] = {{0}};
    double s[2];

    add(&idea, "unroll the inner loop of attention");
    add(&past[0], "ATTENTION: the loop (inner) of the unroll, unroll");
    likeness_rank(&idea, past, 2, s);
    cr_assert_float_eq(s[0], 1, 1e-12);
    cr_assert_eq(s[1], 0, "an empty set is like nothing");
    likeness_deinit(&idea);
    likeness_deinit(&past[0]);
}
