/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/speculate/lookup.h"

#include <string.h>

/* Where the text goes on after the latest earlier occurrence of its last `len` tokens; 0: none. */
static size_t continuation(const int32_t *ids, size_t n, size_t len)
{
    for (size_t end = n - 1; end >= len; end--)
        if (!memcmp(ids + end - len, ids + n - len, len * sizeof *ids))
            return end;
    return 0;
}

size_t lookup_guess(const int32_t *ids, size_t n, size_t longest, int32_t *out, size_t n_max)
{
    size_t shortest = longest < 2 ? longest : 2;

    if (n <= shortest || !shortest)
        return 0;
    for (size_t len = longest < n ? longest : n - 1; len >= shortest; len--) {
        size_t at = continuation(ids, n, len);

        if (!at)
            continue;
        for (size_t i = 0; i < n_max; i++)
            out[i] = at + i < n ? ids[at + i] : out[at + i - n];
        return n_max;
    }
    return 0;
}
