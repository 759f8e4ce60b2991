/* SPDX-License-Identifier: Apache-2.0
 *
 * vocabulary.h: the bytes of every token, in order of the bytes, so that what must match a text (a
 * grammar, a prefix, a breaker of repetitions) walks 150 thousand tokens once and shares the work of
 * common beginnings. Immutable and shareable after open. Only the engine includes this. */
#ifndef PAWL_VOCABULARY_H
#define PAWL_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tokenizer;
struct vocabulary;

/* Copies the pieces of `t`, which may be closed afterwards. Errors: ERR_NOMEM, ERR_RANGE. */
int vocabulary_open(const struct tokenizer *t, struct vocabulary **out);

/* From n given pieces (NUL-terminated; "" is a control token); is_end[i] ends a generation, NULL:
 * none does. Copies all. Error: ERR_NOMEM. */
int vocabulary_open_pieces(const char *const *pieces, const bool *is_end, int32_t n,
                           struct vocabulary **out);
void vocabulary_close(struct vocabulary **v);

int32_t vocabulary_n(const struct vocabulary *v);

/* Bytes of token `id` (0..n-1), borrowed; none for control tokens. */
const char *vocabulary_piece(const struct vocabulary *v, int32_t id, size_t *len);

bool vocabulary_is_end(const struct vocabulary *v, int32_t id);

/* Whether some token begins with text[0..len) and goes on. */
bool vocabulary_goes_on(const struct vocabulary *v, const char *text, size_t len);

/* The tokens that have bytes, ordered by them (a beginning before what it begins). Token number i
 * of this order shares its first shared[i] bytes with number i - 1; shared[0] == 0. Borrowed. */
size_t vocabulary_order(const struct vocabulary *v, const int32_t **ids, const uint32_t **shared);

#endif
