/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tokenizer/tokenizer_internal.h"

#include <stdlib.h>

struct candidate {
    double cost;
    int32_t left, right; /* symbols */
    uint32_t len;        /* of both together when this was made: tells a stale one */
    int32_t id;
};

struct heap {
    struct candidate *c;
    size_t n;
};

static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->cost != b->cost ? a->cost < b->cost : a->left < b->left;
}

static void heap_push(struct heap *h, struct candidate c)
{
    size_t i = h->n++;

    for (; i && before(&c, &h->c[(i - 1) / 2]); i = (i - 1) / 2)
        h->c[i] = h->c[(i - 1) / 2];
    h->c[i] = c;
}

static struct candidate heap_pop(struct heap *h)
{
    struct candidate top = h->c[0], last = h->c[--h->n];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < h->n) {
        if (child + 1 < h->n && before(&h->c[child + 1], &h->c[child]))
            child++;
        if (!before(&h->c[child], &last))
            break;
        h->c[i] = h->c[child];
        i = child;
    }
    h->c[i] = last;
    return top;
}

struct merging {
    const struct tokenizer *t;
    const char *text;
    struct symbol *symbols;
    merge_fn fn;
    struct heap heap;
};

static void consider(struct merging *m, int32_t left, int32_t right)
{
    struct merge merge;

    if (left < 0 || right < 0)
        return;
    if (!m->fn(m->t, m->text, &m->symbols[left], &m->symbols[right], &merge))
        return;
    heap_push(&m->heap, (struct candidate){merge.cost, left, right,
                                           m->symbols[left].len + m->symbols[right].len, merge.id});
}

void tokenizer__merge(const struct tokenizer *t, const char *text, struct symbol *symbols, size_t n,
                      merge_fn fn)
{
    struct merging m = {t, text, symbols, fn, {0}};

    if (n < 2)
        return;
    /* n - 1 pairs to begin with; each of at most n - 1 merges pops one and pushes at most two */
    m.heap.c = malloc(2 * n * sizeof *m.heap.c);
    if (!m.heap.c)
        abort();
    for (size_t i = 0; i < n; i++) {
        symbols[i].prev = (int32_t)i - 1;
        symbols[i].next = i + 1 < n ? (int32_t)i + 1 : -1;
    }
    for (size_t i = 0; i + 1 < n; i++)
        consider(&m, (int32_t)i, (int32_t)i + 1);
    while (m.heap.n) {
        struct candidate c = heap_pop(&m.heap);
        struct symbol *a = &symbols[c.left], *b = &symbols[c.right];

        if (!a->len || !b->len || a->len + b->len != c.len)
            continue;
        a->len += b->len;
        a->id = c.id;
        a->next = b->next;
        b->len = 0;
        if (b->next >= 0)
            symbols[b->next].prev = c.left;
        consider(&m, a->prev, c.left);
        consider(&m, c.left, a->next);
    }
    free(m.heap.c);
}
