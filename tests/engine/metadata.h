/* SPDX-License-Identifier: Apache-2.0
 *
 * metadata.h: the metadata of a GGUF file that a test writes: values by kind, the vocabulary of
 * another file, and small vocabularies made up here. After the first failure every further call does
 * nothing, so that a caller looks at `rc` once, at the end. For tests and benchmarks. */
#ifndef PAWL_TESTS_ENGINE_METADATA_H
#define PAWL_TESTS_ENGINE_METADATA_H

#include "engine/gguf/gguf.h"
#include "reference/base/strbuf.h"

struct metadata {
    struct gguf_writer *w;
    int rc; /* of the first step that failed */
};

void metadata_u32(struct metadata *x, const char *key, int64_t value);
void metadata_f32(struct metadata *x, const char *key, double value);
void metadata_bool(struct metadata *x, const char *key, bool value);
void metadata_string(struct metadata *x, const char *key, const char *text);

/* count elements of `type` (enum gguf_type), as they stand in the file. */
void metadata_array(struct metadata *x, const char *key, uint32_t type, int64_t count,
                    const struct strbuf *elements);

/* A string as it stands in a file: its length in 64 bits, its bytes. */
void metadata_append_string(struct strbuf *s, const char *text);

/* Every key of `f` that begins with `prefix` ("" for all). */
void metadata_copy(struct metadata *x, const struct gguf_file *f, const char *prefix);

enum { METADATA_FIRST_WORD = 3 + 256 };

/* A SentencePiece vocabulary of n >= METADATA_FIRST_WORD tokens: unknown, BOS, EOS, 256 bytes, and
 * words that no text has. */
void metadata_words(struct metadata *x, int64_t n);

/* A WordPiece vocabulary of n >= 300 tokens: the five special ones of BERT, printable ASCII and some
 * letters beyond it, alone and as continuations, some English pieces, then words that no text has. */
void metadata_word_pieces(struct metadata *x, int64_t n);

#endif
