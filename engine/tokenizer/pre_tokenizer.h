/* SPDX-License-Identifier: Apache-2.0
 *
 * pre_tokenizer.h: the regular expressions that cut a text into words before byte-level BPE merges
 * inside each word. tokenizer.ggml.pre names one of a fixed set, each the published definition of a
 * family of models; this holds the set, and runs it with PCRE2. Immutable and shareable after open.
 * Only engine/tokenizer includes this. */
#ifndef PAWL_PRE_TOKENIZER_H
#define PAWL_PRE_TOKENIZER_H

#include "engine/gguf/gguf.h"

struct pre_tokenizer;

/* What else hangs on the name. */
struct pre_traits {
    bool whole_words; /* a word that is a token stays whole, whatever the merges say */
    bool add_bos;     /* unless the file says otherwise */
};

/* Error: ERR_UNSUPPORTED naming the unknown name and those known. */
int pre_tokenizer_open(struct gguf_string name, struct pre_tokenizer **out,
                       struct pre_traits *traits);
void pre_tokenizer_close(struct pre_tokenizer **p);

/* The names, separated by spaces, of the i-th definition; NULL past the last. */
const char *pre_tokenizer_names(size_t i);

/* Called with each word in turn; not 0 ends the splitting. */
typedef int (*pre_word_fn)(void *context, const char *word, size_t len);

/* Cut text[0..len), which is well-formed UTF-8; the words joined are the text.
 * Errors: that of `fn`; ERR_RANGE when PCRE2 gives up, ERR_NOMEM. */
int pre_tokenizer_split(const struct pre_tokenizer *p, const char *text, size_t len, pre_word_fn fn,
                        void *context);

#endif
