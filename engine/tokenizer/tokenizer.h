/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.h: text to token ids and back, from the vocabulary in a GGUF file: SentencePiece BPE
 * ("llama": scores, byte fallback, space prefix) and byte-level BPE ("gpt2": merges, PCRE2
 * pre-tokeniser regexes). Immutable and shareable after open. */
#ifndef PAWL_TOKENIZER_H
#define PAWL_TOKENIZER_H

#include "engine/gguf/gguf.h"

struct tokenizer;

/* Errors: ERR_FORMAT naming the key; ERR_UNSUPPORTED naming the model or pre-tokeniser and those
 * known. Borrows the strings of `f`: close the tokenizer before the file. */
int tokenizer_open(const struct gguf_file *f, struct tokenizer **out);
void tokenizer_close(struct tokenizer **t);

enum tokenizer_flags {
    TOKENIZER_ADD_SPECIAL = 1,   /* BOS/EOS as the file asks for */
    TOKENIZER_PARSE_SPECIAL = 2, /* control tokens written out in the text become their ids */
};

/* Token ids of text[0..len). *ids is malloc'ed for the caller, *n set; any bytes are accepted. The
 * pieces of the ids are the text again (after the space prefix) whenever the vocabulary has tokens
 * for all its bytes; a byte without one becomes U+FFFD, or the unknown token. User-defined tokens are found in
 * any text. The space prefix stands before the text and after each parsed control token.
 * Errors: ERR_RANGE (text too long, or PCRE2's limits), ERR_NOMEM. */
int tokenizer_encode(const struct tokenizer *t, const char *text, size_t len, unsigned flags,
                     int32_t **ids, size_t *n);

/* Append the bytes of one token to *out (streaming: concatenation of pieces is the text). Control
 * and unknown tokens give nothing. SentencePiece: the space prefix is kept; callers that decode
 * from the very start of a text drop one leading space when tokenizer_space_prefix is true. Error:
 * ERR_RANGE for an id outside the vocabulary. */
int tokenizer_piece(const struct tokenizer *t, int32_t id, struct strbuf *out);

bool tokenizer_space_prefix(const struct tokenizer *t);
int32_t tokenizer_n_vocab(const struct tokenizer *t);
int32_t tokenizer_bos(const struct tokenizer *t); /* -1: none */
int32_t tokenizer_eos(const struct tokenizer *t);
bool tokenizer_is_eog(const struct tokenizer *t, int32_t id); /* ends a generation: EOS, EOT */
bool tokenizer_add_bos(const struct tokenizer *t);

#endif
