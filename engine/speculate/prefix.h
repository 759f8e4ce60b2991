/* SPDX-License-Identifier: Apache-2.0
 *
 * prefix.h: a text that begins as the last one did is not computed again. Chat and draft models use
 * it. Only the engine includes this. */
#ifndef PAWL_PREFIX_H
#define PAWL_PREFIX_H

#include "engine/engine.h"

/* How many tokens two texts have in common from the start. */
size_t prefix_common(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b);

/* Make ids[0..n), n >= 1, the session's tokens: what it holds from the first difference on is
 * dropped, the rest kept; *n_kept (may be NULL) says how many tokens that was. The last token is
 * always evaluated, its logits are the session's. Errors: those of engine_session_eval; the kept
 * part then still stands. */
int prefix_follow(struct engine_session *s, const int32_t *ids, size_t n, size_t *n_kept);

#endif
