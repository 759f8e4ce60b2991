/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/observed.h"

#include <stdlib.h>

static struct observation *find(const struct observed *o, const struct space *s,
                                const struct point *p)
{
    for (size_t i = 0; i < o->n; i++)
        if (space_same(s, &o->item[i].at, p))
            return &o->item[i];
    return NULL;
}

const struct observation *observed_find(const struct observed *o, const struct space *s,
                                        const struct point *p)
{
    return find(o, s, p);
}

void observed_put(struct observed *o, const struct space *s, const struct observation *one)
{
    struct observation *same = find(o, s, &one->at), *grown;

    if (same) {
        *same = *one;
        return;
    }
    grown = realloc(o->item, (o->n + 1) * sizeof *grown);
    if (!grown)
        abort();
    o->item = grown;
    o->item[o->n++] = *one;
}

void observed_deinit(struct observed *o)
{
    free(o->item);
    *o = (struct observed){0};
}

size_t observed_count(const struct observed *o, enum point_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < o->n; i++)
        n += o->item[i].state == state;
    return n;
}
