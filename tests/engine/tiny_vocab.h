/* SPDX-License-Identifier: Apache-2.0
 *
 * tiny_vocab.h: small vocabularies as the bytes of a GGUF file without tensors: some of given
 * tokens, and one of each kind with the commonest English pieces and a control, a user-defined and
 * an unknown token. For tests and fuzzing. */
#ifndef PAWL_TESTS_ENGINE_TINY_VOCAB_H
#define PAWL_TESTS_ENGINE_TINY_VOCAB_H

#include "reference/base/strbuf.h"

#include <stdint.h>

enum { TINY_NORMAL = 1, TINY_UNKNOWN, TINY_CONTROL, TINY_USER_DEFINED, TINY_UNUSED, TINY_BYTE };

struct tiny_token {
    const char *text;
    float score;
    uint32_t type;
};

/* Append a file with these tokens to *out. `extra` is NULL or holds n_extra more keys. */
void tiny_vocab_write(struct strbuf *out, const char *model, const struct tiny_token *tokens,
                      size_t n, const struct strbuf *extra, uint64_t n_extra);

enum tiny_vocab_kind {
    TINY_VOCAB_SPM, /* with a token for every byte */
    TINY_VOCAB_BPE, /* the same */
    TINY_VOCAB_WPM, /* printable ASCII */
    N_TINY_VOCAB_KINDS
};

#define TINY_VOCAB_CONTROL "<|control|>"
#define TINY_VOCAB_USER    "<|user|>"

/* Append a file of this kind to *out. `pre`: tokenizer.ggml.pre, NULL for none. */
void tiny_vocab_build(struct strbuf *out, enum tiny_vocab_kind kind, const char *pre);

#endif
