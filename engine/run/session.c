/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/session_internal.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

/* The pool is the family's, or a new one when it is NULL. */
static int session_pages(struct engine_session *s, struct kv_pool *family)
{
    const struct engine_options *o = &s->model->options;
    struct kv_shape shape = s->plan->kv;
    struct kv_pool *pool = family;
    int rc;

    shape.n_pages *= o->n_sessions;
    if (!family)
        TRY(kv_pool_open(&shape, &pool));
    rc = kv_cache_open(pool, o->n_context, &s->kv);
    if (!family)
        kv_pool_release(&pool);
    return rc;
}

static int session_make(struct engine_session *s, struct kv_pool *family)
{
    const struct engine_options *o = &s->model->options;
    struct plan_limits limits = model_plan_limits(o);

    TRY(plan_open(s->model->graph, &limits, &s->plan));
    TRY(session_pages(s, family));
    TRY(resident_map(s->plan->arena_bytes, "arena (--ctx and --micro-batch set its size)",
                     &s->arena));
    TRY(plan_attach(s->plan, s->arena.data, s->kv));
    s->ids = calloc(o->n_context, sizeof *s->ids);
    if (!s->ids)
        return err_set(ERR_NOMEM, "no memory for %u tokens", o->n_context);
    return team_open(o->n_threads, o->features, s->plan->scratch_bytes, &s->team);
}

static int session_open(struct engine_model *m, struct kv_pool *family, struct engine_session **out)
{
    struct engine_session *s = calloc(1, sizeof *s);
    int rc;

    *out = NULL;
    if (!s)
        return err_set(ERR_NOMEM, "no memory for a session");
    s->model = m;
    rc = session_make(s, family);
    if (rc < 0) {
        engine_session_close(&s);
        return rc;
    }
    *out = s;
    return 0;
}

int engine_session_open(struct engine_model *m, struct engine_session **out)
{
    return session_open(m, NULL, out);
}

int engine_session_fork(const struct engine_session *parent, struct engine_session **out)
{
    TRY(session_open(parent->model, kv_cache_pool(parent->kv), out));
    return engine_session_adopt(*out, parent, parent->position);
}

void engine_session_close(struct engine_session **s)
{
    if (!*s)
        return;
    team_close(&(*s)->team);
    resident_unmap(&(*s)->arena);
    kv_cache_close(&(*s)->kv);
    plan_close(&(*s)->plan);
    free((*s)->ids);
    free(*s);
    *s = NULL;
}

/* --- evaluation --- */

static int ids_check(const struct engine_session *s, const int32_t *ids, size_t n)
{
    uint32_t n_context = s->model->options.n_context;

    if (n > n_context - s->position)
        return err_set(ERR_RANGE,
                       "%zu tokens after %u do not fit a context of %u: shorten the text or raise "
                       "the context (--ctx)",
                       n, s->position, n_context);
    if (!s->model->graph->causal && (s->position > 0 || n > s->model->options.micro_batch))
        return err_set(ERR_RANGE,
                       "%zu tokens after %u: this model reads a text at once, up to %u tokens "
                       "(--micro-batch)",
                       n, s->position, s->model->options.micro_batch);
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= engine_model_n_vocab(s->model))
            return err_set(ERR_RANGE, "token id %d at index %zu is outside the vocabulary 0..%d",
                           ids[i], i, engine_model_n_vocab(s->model) - 1);
    return 0;
}

void session_observe(struct engine_session *s, session_observer_fn fn, void *ctx)
{
    s->observer = fn;
    s->observer_ctx = ctx;
}

/* Calls first .. first + n - 1 of the plan. */
static int calls_run(struct engine_session *s, uint32_t first, uint32_t n)
{
    if (!s->observer)
        return team_run(s->team, s->plan->list + first, n);
    for (uint32_t i = first; i < first + n; i++) {
        const struct plan_call *c = &s->plan->calls[i];
        uint64_t before = team_op_ns(s->team)[c->call.op];

        TRY(team_run(s->team, s->plan->list + i, 1));
        TRY(s->observer(s->observer_ctx, s->plan, c, team_op_ns(s->team)[c->call.op] - before));
    }
    return 0;
}

static int session_body(struct engine_session *s, const int32_t *ids, uint32_t n)
{
    struct plan *p = s->plan;

    TRY(kv_cache_reserve(s->kv, s->position + n));
    memcpy(plan_buffer_data(p, p->ids), ids, n * sizeof *ids);
    plan_bind_tokens(p, s->position, n);
    TRY(calls_run(s, 0, p->n_body));
    memmove(s->ids + s->position, ids, n * sizeof *ids);
    s->position += n;
    return 0;
}

/* Whether a choice can be made from x: the contract leaves NaN and Inf to the engine. x - x is 0
 * for what is finite and NaN for the rest, and NaN stays in a sum: no comparison stands in the way
 * of four independent chains of additions. */
bool session__all_finite(const float *x, size_t n)
{
    float sum[4] = {0};

    for (size_t i = 0; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++)
            sum[k] += x[i + k] - x[i + k];
    for (size_t i = n & ~(size_t)3; i < n; i++)
        sum[0] += x[i] - x[i];
    return sum[0] + sum[1] + sum[2] + sum[3] == 0;
}

/* Logits of n tokens of the last body run from `first` on; the last row stays as s->logits. */
static int session_head(struct engine_session *s, uint32_t first, uint32_t n)
{
    struct plan *p = s->plan;
    const float *logits = plan_buffer_data(p, p->result);
    size_t width = s->plan->width;

    plan_bind_outputs(p, first, n);
    TRY(calls_run(s, p->n_body, p->n_calls - p->n_body));
    if (!session__all_finite(logits, n * width))
        return err_set(ERR_FORMAT, "the logits are not finite: the weights hold NaN or Inf, or "
                                   "their products overflow");
    s->logits = logits + (n - 1) * width;
    return 0;
}

/* Every token's logits of the last body run, `index` of the first, chunk by chunk. */
static int session_each(struct engine_session *s, uint32_t n_tokens, size_t index,
                        engine_logits_fn each, void *ctx)
{
    uint32_t chunk = s->plan->limits.n_outputs;
    size_t width = s->plan->width;
    const float *logits = plan_buffer_data(s->plan, s->plan->result);

    for (uint32_t first = 0; first < n_tokens; first += chunk) {
        uint32_t n = n_tokens - first < chunk ? n_tokens - first : chunk;

        TRY(session_head(s, first, n));
        for (uint32_t i = 0; i < n; i++)
            TRY(each(ctx, index + first + i, logits + i * width));
    }
    return 0;
}

static void session_cut(struct engine_session *s, uint32_t position)
{
    kv_cache_truncate(s->kv, position);
    s->position = position;
}

static int session_run(struct engine_session *s, const int32_t *ids, size_t n,
                       engine_logits_fn each, void *ctx)
{
    for (size_t done = 0; done < n;) {
        uint32_t limit = s->plan->limits.micro_batch;
        uint32_t batch = n - done < limit ? (uint32_t)(n - done) : limit;

        TRY(session_body(s, ids + done, batch));
        if (each)
            TRY(session_each(s, batch, done, each, ctx));
        else if (done + batch == n)
            TRY(session_head(s, batch - 1, 1));
        done += batch;
    }
    return 0;
}

int engine_session_eval(struct engine_session *s, const int32_t *ids, size_t n,
                        engine_logits_fn each, void *ctx)
{
    uint32_t start = s->position;
    int rc;

    TRY(ids_check(s, ids, n));
    rc = session_run(s, ids, n, each, ctx);
    if (rc < 0) {
        session_cut(s, start);
        s->logits = NULL;
    }
    s->logits_from = s->position;
    return rc;
}

float *session__logits_room(const struct engine_session *s)
{
    return plan_buffer_data(s->plan, s->plan->result);
}

const float *engine_session_logits(const struct engine_session *s)
{
    return s->logits;
}

size_t engine_session_kv_bytes(const struct engine_session *s)
{
    const struct kv_pool *pool = kv_cache_pool(s->kv);

    return kv_pool_id_bytes(pool) * kv_pool_shape(pool)->n_pages;
}

uint32_t engine_session_position(const struct engine_session *s)
{
    return s->position;
}

const int32_t *engine_session_tokens(const struct engine_session *s)
{
    return s->ids;
}

int engine_session_truncate(struct engine_session *s, uint32_t position)
{
    if (position > s->position)
        return err_set(ERR_RANGE, "cannot truncate %u tokens to %u", s->position, position);
    session_cut(s, position);
    return 0;
}

int engine_session_adopt(struct engine_session *s, const struct engine_session *from,
                         uint32_t n_tokens)
{
    size_t width = s->plan->width;
    float *logits = session__logits_room(s);

    if (kv_cache_pool(s->kv) != kv_cache_pool(from->kv))
        return err_set(ERR_USAGE, "a session can take over tokens of its own family alone: fork it "
                                  "from the session that has them");
    if (n_tokens > from->position)
        return err_set(ERR_RANGE, "cannot take over %u tokens of %u", n_tokens, from->position);
    kv_cache_share(s->kv, from->kv, n_tokens);
    memmove(s->ids, from->ids, n_tokens * sizeof *s->ids);
    s->position = n_tokens;
    if (s == from)
        return 0;
    s->logits = from->logits_from == n_tokens && from->logits ? logits : NULL;
    s->logits_from = n_tokens;
    if (s->logits)
        memcpy(logits, from->logits, width * sizeof *logits);
    return 0;
}

int engine_session_shift(struct engine_session *s, uint32_t n_keep, uint32_t n_drop)
{
    int32_t *tail = s->ids + n_keep;
    uint32_t n_tail;

    if (n_drop == 0 || n_keep > s->position || n_drop > s->position - n_keep)
        return err_set(ERR_RANGE, "cannot drop %u tokens after the first %u of %u", n_drop, n_keep,
                       s->position);
    n_tail = s->position - n_keep - n_drop;
    memmove(tail, tail + n_drop, n_tail * sizeof *tail);
    session_cut(s, n_keep);
    return n_tail ? engine_session_eval(s, tail, n_tail, NULL, NULL) : 0;
}

void engine_session_op_ns(const struct engine_session *s, uint64_t out[KERNEL_N_OPS])
{
    memcpy(out, team_op_ns(s->team), KERNEL_N_OPS * sizeof *out);
}

void engine_session_op_calls(const struct engine_session *s, uint64_t out[KERNEL_N_OPS])
{
    memcpy(out, team_op_calls(s->team), KERNEL_N_OPS * sizeof *out);
}
