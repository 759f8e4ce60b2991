/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/speculate/prefix.h"

#include "reference/base/err.h"

#include <assert.h>

size_t prefix_common(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b)
{
    size_t n = n_a < n_b ? n_a : n_b, i = 0;

    while (i < n && a[i] == b[i])
        i++;
    return i;
}

int prefix_follow(struct engine_session *s, const int32_t *ids, size_t n, size_t *n_kept)
{
    size_t kept = prefix_common(engine_session_tokens(s), engine_session_position(s), ids, n);

    assert(n);
    if (kept == n)
        kept--;
    if (n_kept)
        *n_kept = kept;
    TRY(engine_session_truncate(s, (uint32_t)kept));
    return engine_session_eval(s, ids + kept, n - kept, NULL, NULL);
}
