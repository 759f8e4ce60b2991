/* SPDX-License-Identifier: Apache-2.0
 *
 * peer_llama.h: a model in llama.cpp as the engine's oracle: logits or embeddings of every token,
 * token ids. Plain settings, so that its results are those of its definition: weights as
 * they are in the file, KV cache in f16, flash attention off. Used by compare-peers alone. */
#ifndef PAWL_PEER_LLAMA_H
#define PAWL_PEER_LLAMA_H

#include "tests/peers/llama_library.h"

struct peer;

struct peer_options {
    uint32_t n_context; /* positions; 0: the vocabulary alone is loaded */
    uint32_t n_threads;
    bool embeddings; /* the last hidden states instead of logits, not pooled */
};

/* The library is borrowed. Error: ERR_UNSUPPORTED with what llama.cpp complained of. */
int peer_open(const struct llama_library *lib, const char *path, const struct peer_options *o,
              struct peer **out);
void peer_close(struct peer **p);

size_t peer_n_vocab(const struct peer *p);

size_t peer_n_out(const struct peer *p); /* values of a token: n_vocab, or the embedding's */

/* Append n tokens (n <= 512); out: f32 [n][n_out], overwritten. */
int peer_eval(struct peer *p, const int32_t *ids, size_t n, float *out);

/* Forget all tokens. */
void peer_clear(struct peer *p);

/* Token ids of a text, at most n_max; *n is set. Error: ERR_RANGE when there are more. */
int peer_tokenize(const struct peer *p, const char *text, size_t len, bool add_special,
                  bool parse_special, int32_t *ids, size_t n_max, size_t *n);

#endif
