/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/candidates.h"

#include "reference/base/err.h"

#include <math.h>
#include <stdlib.h>

int candidates_init(struct candidates *c, size_t capacity)
{
    *c = (struct candidates){.capacity = capacity};
    c->at = calloc(capacity, sizeof *c->at);
    c->spare = calloc(capacity, sizeof *c->spare);
    if (!c->at || !c->spare)
        return err_set(ERR_NOMEM, "no memory to sample from %zu tokens", capacity);
    return 0;
}

void candidates_deinit(struct candidates *c)
{
    free(c->at);
    free(c->spare);
    *c = (struct candidates){0};
}

/* --- order --- */

static bool likelier(const struct sampler_candidate *a, const struct sampler_candidate *b)
{
    return a->logit != b->logit ? a->logit > b->logit : a->id < b->id;
}

/* A heap with the least likely at 0. */
static void heap_sift(struct sampler_candidate *heap, size_t n, size_t at)
{
    struct sampler_candidate moved = heap[at];

    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && likelier(&heap[child], &heap[child + 1]))
            child++;
        if (!likelier(&moved, &heap[child]))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

static void swap(struct sampler_candidate *a, struct sampler_candidate *b)
{
    struct sampler_candidate t = *a;

    *a = *b;
    *b = t;
}

/* The k likeliest of the rest gather in a heap beside the sorted ones: what does not beat the least
 * of them costs one comparison. */
void candidates_order(struct sampler_candidate *at, size_t n, size_t sorted, size_t k)
{
    struct sampler_candidate *heap = at + sorted;

    k = k < n ? k : n;
    if (k <= sorted)
        return;
    k -= sorted;
    n -= sorted;
    for (size_t i = k / 2; i-- > 0;)
        heap_sift(heap, k, i);
    for (size_t i = k; i < n; i++) {
        if (likelier(&heap[i], &heap[0])) {
            swap(&heap[i], &heap[0]);
            heap_sift(heap, k, 0);
        }
    }
    while (k-- > 1) {
        swap(&heap[0], &heap[k]);
        heap_sift(heap, k, 0);
    }
}

void candidates_sort(struct candidates *c, size_t k)
{
    k = k < c->n ? k : c->n;
    candidates_order(c->at, c->n, c->n_sorted, k);
    c->n_sorted = k > c->n_sorted ? k : c->n_sorted;
}

/* --- weights --- */

double candidates_highest(const struct candidates *c)
{
    float highest = c->at[0].logit;

    for (size_t i = 1; !c->n_sorted && i < c->n; i++)
        highest = c->at[i].logit > highest ? c->at[i].logit : highest;
    return (double)highest;
}

void candidates_weigh(struct candidates *c)
{
    double highest, sum = 0;

    if (c->weighed)
        return;
    highest = candidates_highest(c);
    for (size_t i = 0; i < c->n; i++)
        sum += c->at[i].p = exp((double)c->at[i].logit - highest);
    for (size_t i = 0; i < c->n; i++)
        c->at[i].p /= sum;
    c->weighed = true;
}

double candidates_entropy(const struct candidates *c)
{
    double sum = 0;

    for (size_t i = 0; i < c->n; i++)
        sum -= c->at[i].p > 0 ? c->at[i].p * log(c->at[i].p) : 0;
    return sum;
}

/* --- fewer --- */

void candidates_keep(struct candidates *c, size_t k)
{
    c->weighed &= k == c->n;
    c->n = k;
    c->n_sorted = c->n_sorted < k ? c->n_sorted : k;
}

void candidates_keep_above(struct candidates *c, double lowest)
{
    size_t kept = 0, sorted = 0;

    if (candidates_highest(c) < lowest) {
        candidates_sort(c, 1);
        candidates_keep(c, 1);
        return;
    }
    for (size_t i = 0; i < c->n; i++) {
        if ((double)c->at[i].logit < lowest)
            continue;
        sorted += i < c->n_sorted;
        c->at[kept++] = c->at[i];
    }
    candidates_keep(c, kept);
    c->n_sorted = sorted;
}

void candidates_keep_likely(struct candidates *c, double least)
{
    double highest = candidates_highest(c), sum = 0;

    for (size_t i = 0; i < c->n; i++)
        sum += exp((double)c->at[i].logit - highest);
    candidates_keep_above(c, highest + log(sum * least));
}

void candidates_changed(struct candidates *c)
{
    c->n_sorted = 0;
    c->weighed = false;
}
