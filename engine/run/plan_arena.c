/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the buffers of a plan lie: largest first, each at the lowest offset that is free during all
 * of its life. Not always the smallest arena (that problem is NP-hard). */
#include "engine/run/plan.h"

#include "reference/base/checked.h"

#include <stdbool.h>

static bool alive_together(const struct plan_buffer *a, const struct plan_buffer *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static bool goes_before(const struct plan_buffer *a, const struct plan_buffer *b)
{
    return a->bytes != b->bytes ? a->bytes > b->bytes : a->first < b->first;
}

/* Stable, and quick on the few hundred buffers there are. */
static void order_by_size(const struct plan_buffer *buffers, uint32_t n, uint32_t *order)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i;

        for (; at > 0 && goes_before(&buffers[i], &buffers[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* The lowest offset where b fits, given the `n_placed` first of `order`, sorted by offset. */
static size_t lowest_fit(const struct plan_buffer *buffers, const uint32_t *placed,
                         uint32_t n_placed, const struct plan_buffer *b)
{
    size_t offset = 0;

    for (uint32_t i = 0; i < n_placed; i++) {
        const struct plan_buffer *other = &buffers[placed[i]];

        if (!alive_together(other, b))
            continue;
        if (offset + b->bytes <= other->offset)
            break;
        if (other->offset + other->bytes > offset)
            offset = size_align(other->offset + other->bytes, KERNEL_ALIGN);
    }
    return offset;
}

size_t plan_arena_place(struct plan_buffer *buffers, uint32_t n, uint32_t *order)
{
    size_t end = 0;

    order_by_size(buffers, n, order);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i, which = order[i];
        struct plan_buffer *b = &buffers[which];

        b->offset = lowest_fit(buffers, order, i, b);
        if (b->offset + b->bytes > end)
            end = b->offset + b->bytes;
        /* The done part of `order` changes its meaning: from by size to by offset. */
        for (; at > 0 && buffers[order[at - 1]].offset > b->offset; at--)
            order[at] = order[at - 1];
        order[at] = which;
    }
    return size_align(end, KERNEL_ALIGN);
}
