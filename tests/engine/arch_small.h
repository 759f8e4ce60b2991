/* SPDX-License-Identifier: Apache-2.0
 *
 * arch_small.h: the models of arch_models.h at a quarter of their width, which a test can afford to
 * run one after the other, and the prompt they are asked about. What llama.cpp answers stands in
 * tests/engine/arch_answers.tsv; compare-peers writes it, test_architectures.c reads it. */
#ifndef PAWL_TESTS_ENGINE_ARCH_SMALL_H
#define PAWL_TESTS_ENGINE_ARCH_SMALL_H

#include "tests/engine/arch_models.h"

#include <stdbool.h>

enum {
    ARCH_PROMPT = 100, /* tokens */
    ARCH_PLACES = 3,   /* tokens whose results are kept */
    ARCH_SAMPLES = 8,  /* values kept of each */
    ARCH_ANSWER = ARCH_PLACES * ARCH_SAMPLES,
};

/* The small form of m, with another name; it borrows m's tables. */
struct arch_model arch_small(const struct arch_model *m);

/* The prompt, of a vocabulary of n_vocab words. */
void arch_small_prompt(int32_t ids[ARCH_PROMPT], size_t n_vocab);

/* Whether it has no logits: then the answer is of its hidden states. */
bool arch_embeds(const struct arch_model *m);

/* Entry i of the answer, 0 <= i < ARCH_ANSWER: of which token, and which of its `width` values. */
size_t arch_answer_token(size_t i);
size_t arch_answer_place(size_t i, size_t width);

#endif
