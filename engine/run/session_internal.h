/* SPDX-License-Identifier: Apache-2.0
 *
 * session_internal.h: what the sources of a session share. Nobody outside engine/run/session*.c
 * includes it, but for the fuzzer, which has its files in memory. */
#ifndef PAWL_SESSION_INTERNAL_H
#define PAWL_SESSION_INTERNAL_H

#include "engine/engine.h"
#include "engine/model/model.h"
#include "engine/run/observe.h"
#include "engine/run/team.h"

#include <stdbool.h>

struct engine_session {
    struct engine_model *model;
    struct plan *plan;
    struct kv_cache *kv;
    struct team *team;
    struct resident arena;
    int32_t *ids;                 /* [n_context]: the timeline, `position` of them valid */
    uint32_t position;            /* tokens on the timeline */
    const float *logits;          /* of the last evaluation, in the arena; NULL: none */
    uint32_t logits_from;         /* they follow this many tokens */
    session_observer_fn observer; /* NULL: none */
    void *observer_ctx;
};

/* Whether x[0..n-1] has neither NaN nor Inf. */
bool session__all_finite(const float *x, size_t n);

/* The room for one row of logits where a session keeps them that it did not compute. */
float *session__logits_room(const struct engine_session *s);

/* engine_session_load from memory; `name` is for messages. */
int session__load(struct engine_session *s, const void *data, size_t bytes, const char *name);

#endif
