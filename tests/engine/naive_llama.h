/* SPDX-License-Identifier: Apache-2.0
 *
 * naive_llama.h: the Llama forward pass once more, in double, one token after the other, straight
 * from its definition and from a file of F32 matrices: what session.c must agree with. Tests of
 * engine/ only. */
#ifndef PAWL_TESTS_ENGINE_NAIVE_LLAMA_H
#define PAWL_TESTS_ENGINE_NAIVE_LLAMA_H

#include "engine/gguf/gguf.h"

/* logits: [n][vocab] for ids[0..n-1] from an empty context. Keys and values are rounded to f16, as
 * a cache of that type holds them. */
void naive_llama_logits(const struct gguf_file *f, const int32_t *ids, size_t n, double *logits);

#endif
