/* SPDX-License-Identifier: Apache-2.0
 *
 * lookup.h: guesses without a second model: what followed the last few tokens where the text had
 * them before. Pays where a text repeats itself: summaries, code, quotations, lists.
 * Source: Saxena 2023, "Prompt Lookup Decoding". Only the engine includes this. */
#ifndef PAWL_LOOKUP_H
#define PAWL_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

/* Guess up to n_max tokens after ids[0..n): the last `longest` tokens are searched for earlier in
 * the text, then one fewer, down to two (or `longest` when that is one); of several places the
 * latest counts. A continuation that reaches the end of the text goes on with what it has guessed.
 * Returns the count, 0 when nothing is found. */
size_t lookup_guess(const int32_t *ids, size_t n, size_t longest, int32_t *out, size_t n_max);

#endif
