/* SPDX-License-Identifier: Apache-2.0
 *
 * Embeddings: the hidden states of a text made one vector. */
#include "engine/run/session_internal.h"

#include "reference/base/err.h"

#include <math.h>
#include <string.h>

struct pooled {
    float *out; /* [width] */
    size_t width, n;
    enum engine_pooling pooling;
};

/* The mean is summed in the order of the tokens, so it does not depend on threads. */
static int pool(void *ctx, size_t index, const float *hidden)
{
    struct pooled *p = ctx;

    if (p->pooling == ENGINE_POOL_MEAN)
        for (size_t i = 0; i < p->width; i++)
            p->out[i] += hidden[i] / (float)p->n;
    else if (index == (p->pooling == ENGINE_POOL_FIRST ? 0 : p->n - 1))
        memcpy(p->out, hidden, p->width * sizeof *p->out);
    return 0;
}

/* What the file asks for; where it does not say, what suits the direction of attention. */
static enum engine_pooling model_pooling(const struct graph *g)
{
    switch (g->pooling) {
    case GRAPH_POOL_MEAN:
        return ENGINE_POOL_MEAN;
    case GRAPH_POOL_CLS:
        return ENGINE_POOL_FIRST;
    case GRAPH_POOL_LAST:
        return ENGINE_POOL_LAST;
    default:
        return g->causal ? ENGINE_POOL_LAST : ENGINE_POOL_MEAN;
    }
}

int engine_session_embed(struct engine_session *s, const int32_t *ids, size_t n,
                         enum engine_pooling pooling, float *out)
{
    const struct engine_model *m = s->model;
    struct pooled p = {.out = out, .width = s->plan->width, .n = n, .pooling = pooling};

    if (!m->options.embeddings)
        return err_set(ERR_USAGE, "the model was opened for text, not for embeddings");
    if (n == 0)
        return err_set(ERR_RANGE, "a text without tokens has no embedding");
    if (pooling == ENGINE_POOL_MODEL)
        p.pooling = model_pooling(m->graph);
    memset(out, 0, p.width * sizeof *out);
    TRY(engine_session_truncate(s, 0));
    return engine_session_eval(s, ids, n, pool, &p);
}

void engine_embedding_normalize(float *x, size_t n)
{
    double squares = 0;

    for (size_t i = 0; i < n; i++)
        squares += (double)x[i] * (double)x[i];
    for (size_t i = 0; i < n && squares > 0; i++)
        x[i] = (float)((double)x[i] / sqrt(squares));
}
