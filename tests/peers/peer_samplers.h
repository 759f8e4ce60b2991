/* SPDX-License-Identifier: Apache-2.0
 *
 * peer_samplers.h: llama.cpp's samplers (the release of llama_library.h), found by name once its
 * library is open. Used by compare-peers alone. */
#ifndef PAWL_PEER_SAMPLERS_H
#define PAWL_PEER_SAMPLERS_H

#include "tests/peers/llama_library.h"

struct peer_candidate {
    int32_t id;
    float logit, p;
};

struct peer_candidates {
    struct peer_candidate *data; /* a sampler may move it forward */
    size_t size;
    int64_t selected;
    bool sorted;
};

/* Functions under the library's own names without llama_sampler_; init_x makes one, free frees it. */
struct peer_samplers {
    void (*apply)(void *sampler, struct peer_candidates *c);
    void (*accept)(void *sampler, int32_t id);
    void (*free)(void *sampler);
    void *(*init_top_k)(int32_t k);
    void *(*init_top_p)(float p, size_t least);
    void *(*init_min_p)(float p, size_t least);
    void *(*init_typical)(float p, size_t least);
    void *(*init_top_n_sigma)(float n);
    void *(*init_xtc)(float p, float threshold, size_t least, uint32_t seed);
    void *(*init_temp)(float t);
    void *(*init_temp_ext)(float t, float range, float exponent);
    void *(*init_penalties)(int32_t n_vocab, int32_t last_n, float repeat, float frequency,
                            float presence);
    void *(*init_dry)(const void *vocab, float multiplier, float base, int32_t allowed,
                      int32_t last_n, const char **breakers, size_t n_breakers);
    void *(*init_infill)(const void *vocab);
    void *(*init_grammar)(const void *vocab, const char *text, const char *root);
    bool (*is_eog)(const void *vocab, int32_t id); /* llama_vocab_is_eog */
};

/* Error: ERR_UNSUPPORTED naming the function that is missing. */
int peer_samplers_find(struct peer_samplers *out);

/* The n logits as candidates; *data is theirs to move, the return value is freed. NULL: no memory. */
struct peer_candidate *peer_candidates_make(const float *logits, int32_t n,
                                            struct peer_candidates *out);

#endif
