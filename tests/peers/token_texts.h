/* SPDX-License-Identifier: Apache-2.0
 *
 * token_texts.h: texts that are hard to split into tokens: those that come with the vocabulary files,
 * and generated ones that mix what pre-tokenisers tell apart: letters of many scripts, runs of digits
 * and spaces, line ends, apostrophes, marks, emoji, anything in Unicode. Valid UTF-8 all of them. */
#ifndef PAWL_TOKEN_TEXTS_H
#define PAWL_TOKEN_TEXTS_H

#include "reference/base/strbuf.h"

struct token_texts {
    struct strbuf *text; /* [n] */
    size_t n, longest;   /* bytes */
};

/* The texts of tokenizers/ in the folder `shared`, and n_generated more; the same every time. Errors:
 * ERR_IO when the folder is not there, ERR_NOMEM. */
int token_texts_open(const char *shared, size_t n_generated, struct token_texts *out);
void token_texts_close(struct token_texts *t);

#endif
