/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/likeness.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { SHORTEST = 3 };

/* FNV-1a of the word in lower case. */
static void bag_put(struct likeness_bag *b, const char *word, size_t n)
{
    uint64_t hash = 0xcbf29ce484222325;

    if (n < SHORTEST)
        return;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (uint64_t)tolower((unsigned char)word[i])) * 0x100000001b3;
    if (b->n == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 64;
        b->word = realloc(b->word, b->cap * sizeof *b->word);
        if (!b->word)
            abort();
    }
    b->word[b->n++] = hash;
}

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static void put_parts(struct likeness_bag *b, const char *word, size_t n)
{
    size_t start = 0;

    for (size_t i = 0; i <= n; i++)
        if (i == n || word[i] == '_') {
            if (i - start < n)
                bag_put(b, word + start, i - start);
            start = i + 1;
        }
}

void likeness_add(struct likeness_bag *b, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        size_t end = i;

        while (end < bytes && in_word(text[end]))
            end++;
        bag_put(b, text + i, end - i);
        put_parts(b, text + i, end - i);
        i = end + 1;
    }
}

void likeness_deinit(struct likeness_bag *b)
{
    free(b->word);
    *b = (struct likeness_bag){0};
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Sorted, each word once. */
static void bag_settle(struct likeness_bag *b)
{
    size_t n = 0;

    if (b->n)
        qsort(b->word, b->n, sizeof *b->word, by_value);
    for (size_t i = 0; i < b->n; i++)
        if (n == 0 || b->word[n - 1] != b->word[i])
            b->word[n++] = b->word[i];
    b->n = n;
}

static bool bag_has(const struct likeness_bag *b, uint64_t word)
{
    return b->n && bsearch(&word, b->word, b->n, sizeof word, by_value);
}

/* What a word says: ln(1 + sets / sets with it). */
static double weight_of(uint64_t word, const struct likeness_bag *bags, size_t n)
{
    size_t with = 0;

    for (size_t i = 0; i < n; i++)
        with += bag_has(&bags[i], word);
    return with ? log1p((double)n / (double)with) : 0;
}

/* Words of the idea alone say nothing about the others, so its length counts only what any of them
 * has. */
void likeness_rank(struct likeness_bag *idea, struct likeness_bag *bags, size_t n,
                   double *similarity)
{
    double *weight, length = 0;

    bag_settle(idea);
    for (size_t i = 0; i < n; i++)
        bag_settle(&bags[i]);
    weight = calloc(idea->n + 1, sizeof *weight);
    if (!weight)
        abort();
    for (size_t k = 0; k < idea->n; k++) {
        weight[k] = weight_of(idea->word[k], bags, n);
        length += weight[k] * weight[k];
    }
    for (size_t i = 0; i < n; i++) {
        double shared = 0, own = 0;

        for (size_t k = 0; k < idea->n; k++)
            if (bag_has(&bags[i], idea->word[k]))
                shared += weight[k] * weight[k];
        for (size_t k = 0; shared > 0 && k < bags[i].n; k++) {
            double w = weight_of(bags[i].word[k], bags, n);

            own += w * w;
        }
        similarity[i] = shared > 0 ? shared / sqrt(length * own) : 0;
    }
    free(weight);
}
