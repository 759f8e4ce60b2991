/* SPDX-License-Identifier: Apache-2.0
 *
 * likeness.h: which earlier attempts are like an idea, by the words they share: those of the
 * hypothesis and of the lines that the change touched. Rare words count more (inverse document
 * frequency, cosine of the sets; Salton and Buckley 1988). Pure but for memory. For ratchet/ only. */
#ifndef PAWL_RATCHET_LIKENESS_H
#define PAWL_RATCHET_LIKENESS_H

#include <stddef.h>
#include <stdint.h>

/* A set of words, as sorted hashes. Zero-initialise, add texts, release. */
struct likeness_bag {
    uint64_t *word;
    size_t n, cap;
};

/* Add the words of a text: runs of letters, digits and '_' of at least three bytes, lower case;
 * those with '_' also by their parts. */
void likeness_add(struct likeness_bag *b, const char *text, size_t bytes);
void likeness_deinit(struct likeness_bag *b);

/* similarity[i] in 0..1 of bags[i] with `idea`, for i in 0..n-1; an empty set is like nothing. Sorts
 * the bags. */
void likeness_rank(struct likeness_bag *idea, struct likeness_bag *bags, size_t n,
                   double *similarity);

#endif
