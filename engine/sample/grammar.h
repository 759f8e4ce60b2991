/* SPDX-License-Identifier: Apache-2.0
 *
 * grammar.h: which texts may come, as a context-free grammar in GBNF (BNF with character classes,
 * groups, * + ? {m,n}; llama.cpp's grammars/README defines it), and a matcher that follows a text
 * byte by byte. Characters are compiled to their UTF-8 bytes, so a token that ends inside a
 * character needs no special care. The matcher is a pushdown automaton that remembers what it has
 * worked out: a state is the set of all stacks the text may have led to, known by a number, and a
 * byte met again in a state met before costs one look-up. Only engine/ includes this. */
#ifndef PAWL_GRAMMAR_H
#define PAWL_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct grammar; /* immutable and shareable once open */

/* Compile text[0..len); the rule "root" is where a text begins. Errors: ERR_FORMAT naming the line
 * and what is wrong there, an undefined rule, or the rules that are left-recursive (no byte would
 * come before the rule itself again: rewrite with * or +); ERR_RANGE when it grows too large;
 * ERR_NOMEM. */
int grammar_parse(const char *text, size_t len, struct grammar **out);
void grammar_close(struct grammar **g);

struct grammar_matcher; /* one thread at a time */

enum { GRAMMAR_DEAD = 0 }; /* the state in which no text can go on or end */

/* A matcher borrows its grammar. It allocates as it meets new states. Error: ERR_NOMEM. */
int grammar_matcher_open(const struct grammar *g, struct grammar_matcher **out);
void grammar_matcher_close(struct grammar_matcher **m);

/* The state before the first byte. */
uint32_t grammar_start(struct grammar_matcher *m);

/* The state after one more byte, or GRAMMAR_DEAD. */
uint32_t grammar_step(struct grammar_matcher *m, uint32_t state, unsigned char byte);

/* Whether the text may end here; whether any byte may follow. */
bool grammar_may_end(const struct grammar_matcher *m, uint32_t state);
bool grammar_may_go_on(struct grammar_matcher *m, uint32_t state);

/* The same state in another matcher of the same grammar. */
uint32_t grammar_state_copy(struct grammar_matcher *to, const struct grammar_matcher *from,
                            uint32_t state);

/* After much was learned, forget all of it but *state, which gets a new number; other numbers are
 * void then. Returns whether it did. */
bool grammar_state_keep(struct grammar_matcher *m, uint32_t *state);

/* ERR_RANGE after a step met more stacks at once than the matcher keeps (a very ambiguous grammar):
 * its answers since then were GRAMMAR_DEAD. */
int grammar_matcher_check(const struct grammar_matcher *m);

#endif
