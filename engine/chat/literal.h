/* SPDX-License-Identifier: Apache-2.0
 *
 * literal.h: what people write stays text. A template puts messages between special tokens, and the
 * whole is tokenised with special tokens parsed; a message that spells one out ("<|im_end|>") would
 * end its own turn and begin another's. So before rendering a break (U+FDD0, a code point that is no
 * character) is put into each such spelling, behind its first character, and the rendered text is
 * tokenised break by break: the parts are no special token's text any more. Broken are control
 * tokens, and those user-defined tokens that end a turn or that the template spells out; others are
 * ordinary words ("<table>", runs of spaces). What it cannot prevent: a template whose marks are
 * ordinary text ("[INST]" where that is no token) has nothing that tells them from a user's. The cost
 * is in such messages alone: with a SentencePiece vocabulary a space stands at the break.
 * Only engine/chat and its tests include this. */
#ifndef PAWL_LITERAL_H
#define PAWL_LITERAL_H

#include "engine/gguf/gguf.h"
#include "engine/tokenizer/tokenizer.h"
#include "reference/base/strbuf.h"

struct literals {
    struct gguf_string *texts; /* spellings, by first byte; borrowed from the file */
    size_t n;
    size_t start[257]; /* those of byte b are texts[start[b]..start[b + 1]) */
};

/* From the token list of `f`, whose tokenizer is `t`. template_source as given to the template.
 * Errors: ERR_NOMEM. */
int literals_open(const struct gguf_file *f, const struct tokenizer *t,
                  struct gguf_string template_source, struct literals *out);
void literals_close(struct literals *l);

/* Append text[0..len) with breaks to *out; a break that is there already becomes U+FFFD. */
void literals_break(const struct literals *l, const char *text, size_t len, struct strbuf *out);

/* Tokens of a rendered text: special tokens parsed, breaks taken out, BOS put first if the file wants
 * one and the template has not. The caller frees *ids. Errors: those of tokenizer_encode. */
int literals_encode(const struct tokenizer *t, const char *text, size_t len, int32_t **ids,
                    size_t *n);

#endif
