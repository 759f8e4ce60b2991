/* SPDX-License-Identifier: Apache-2.0
 *
 * random_model.h: Llama models of any size in the Q4_K_M recipe whose weights are random blocks, so
 * that a benchmark has a file of a real model's shape without anybody's model. Scales are chosen so
 * that every product keeps the variance of its input: activations stay near 1, attention is neither
 * flat nor one-hot, logits are finite. For tests and benchmarks. */
#ifndef PAWL_TESTS_ENGINE_RANDOM_MODEL_H
#define PAWL_TESTS_ENGINE_RANDOM_MODEL_H

#include <stdint.h>

struct random_model {
    int64_t embed, ffn; /* multiples of 256 */
    int64_t heads, kv_heads, layers, context;
    int64_t vocab; /* >= 259: unknown, BOS, EOS and 256 bytes come first */
    uint64_t seed;
};

/* 22 layers of 2048, 32 heads of 64 over 4 KV heads, 32000 tokens: 1.1e9 weights. */
extern const struct random_model random_model_tinyllama;

/* Write the model to `path` as GGUF v3 with a SentencePiece vocabulary: the same bytes for the same
 * description. About a second per GB. Errors: ERR_USAGE for impossible extents; those of
 * gguf_writer. */
int random_model_write(const struct random_model *m, const char *path);

/* The smallest that has every part: one layer of 256. */
extern const struct random_model random_model_small;

/* Write a model to a temporary file, let `open` open it, and remove the file. Its result, or an
 * error of random_model_write; ERR_IO. */
int random_model_with(const struct random_model *m, int (*open)(const char *path));

#endif
