/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.h: text to token ids and back, from the vocabulary in a GGUF file: SentencePiece BPE
 * ("llama": scores, byte fallback, space prefix), byte-level BPE ("gpt2": merges, PCRE2
 * pre-tokeniser regexes) and WordPiece ("bert": utf8proc for the normal form, longest match).
 * Immutable and shareable after open. */
#ifndef PAWL_TOKENIZER_H
#define PAWL_TOKENIZER_H

#include "engine/gguf/gguf.h"

struct tokenizer;

/* Errors: ERR_FORMAT naming the key; ERR_UNSUPPORTED naming the model or pre-tokeniser and those
 * known. Borrows the strings of `f`: close the tokenizer before the file. */
int tokenizer_open(const struct gguf_file *f, struct tokenizer **out);
void tokenizer_close(struct tokenizer **t);

enum tokenizer_flags {
    TOKENIZER_ADD_SPECIAL = 1,   /* BOS, EOS, CLS and SEP as the file asks for */
    TOKENIZER_PARSE_SPECIAL = 2, /* control tokens written out in the text become their ids */
};

/* Token ids of text[0..len). *ids is malloc'ed for the caller, *n set; any bytes are accepted. For
 * SPM and BPE tokenizer_decode gives the text again whenever the vocabulary has tokens for all its
 * bytes; a byte without one becomes U+FFFD, or the unknown token. WordPiece keeps words, not the
 * text. User-defined tokens are found in any text. SPM's space prefix stands before the text and
 * behind each special token. With TOKENIZER_PARSE_SPECIAL some tokens of some models take the white
 * space beside them, as their publishers define.
 * Errors: ERR_RANGE (text too long, or PCRE2's limits), ERR_NOMEM. */
int tokenizer_encode(const struct tokenizer *t, const char *text, size_t len, unsigned flags,
                     int32_t **ids, size_t *n);

/* Append the text of ids[0..n) to *out. Control and unknown tokens give nothing. Error: ERR_RANGE
 * for an id outside the vocabulary. */
int tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, struct strbuf *out);

/* The same one id at a time: the text of `id` where `previous` stands before it (-1: nothing does),
 * without the space prefix that an encoder would have put there. */
int tokenizer_piece_after(const struct tokenizer *t, int32_t previous, int32_t id,
                          struct strbuf *out);

/* The bytes of one token wherever it stands, the space prefix kept. */
int tokenizer_piece(const struct tokenizer *t, int32_t id, struct strbuf *out);

bool tokenizer_space_prefix(const struct tokenizer *t);
int32_t tokenizer_n_vocab(const struct tokenizer *t);
int32_t tokenizer_bos(const struct tokenizer *t); /* -1: none */
int32_t tokenizer_eos(const struct tokenizer *t);
bool tokenizer_is_eog(const struct tokenizer *t, int32_t id); /* ends a generation: EOS, EOT */
bool tokenizer_add_bos(const struct tokenizer *t);

/* The tokens around the parts of a text with a gap in it (fill in the middle). */
enum tokenizer_infill_mark {
    TOKENIZER_INFILL_PREFIX,
    TOKENIZER_INFILL_SUFFIX,
    TOKENIZER_INFILL_MIDDLE,
    TOKENIZER_N_INFILL
};
int32_t tokenizer_infill(const struct tokenizer *t, enum tokenizer_infill_mark mark); /* -1: none */

#endif
