/* SPDX-License-Identifier: Apache-2.0
 *
 * constraint.h: which tokens may come at all: first the bytes of a text taken back from the prompt,
 * then whatever a grammar allows. Masks a vocabulary in one walk over its sorted pieces. Only
 * engine/sample/ includes this. */
#ifndef PAWL_CONSTRAINT_H
#define PAWL_CONSTRAINT_H

#include "engine/sample/candidates.h"

struct constraint;

/* Neither grammar nor text: everything may come. grammar: NULL: anything follows the text. */
int constraint_open(const struct vocabulary *v, const struct grammar *grammar,
                    struct constraint **out);
void constraint_close(struct constraint **c);

/* The next bytes must be text[0..len). Error: ERR_NOMEM. */
int constraint_heal(struct constraint *c, const char *text, size_t len);
size_t constraint_heal_left(const struct constraint *c);

/* The state of `from`, of the same family. Error: ERR_NOMEM. */
int constraint_assign(struct constraint *to, const struct constraint *from);

/* Whether anything is forbidden now. */
bool constraint_acts(const struct constraint *c);

/* out: the allowed tokens, their logits. Errors: ERR_UNSUPPORTED when there is none; ERR_RANGE for a
 * grammar too ambiguous to follow. */
int constraint_fill(struct constraint *c, const float *logits, struct candidates *out);

/* Move on by a token; ERR_USAGE when it is not allowed. */
int constraint_accept(struct constraint *c, int32_t id);

/* Whether only the end can follow. */
bool constraint_done(struct constraint *c);

#endif
