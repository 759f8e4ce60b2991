/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/guidance.h"

#include "reference/base/err.h"

#include <math.h>
#include <stdlib.h>

struct guidance {
    struct engine_session *session;
    size_t n_vocab;
    uint32_t n_context;
    double scale;
    float *mixed; /* [n_vocab] */
};

int guidance_open(struct engine_model *m, const int32_t *ids, size_t n, double scale,
                  struct guidance **out)
{
    struct guidance *g = calloc(1, sizeof *g);
    int rc = g ? 0 : err_set(ERR_NOMEM, "no memory for guidance");

    *out = g;
    if (rc == 0) {
        g->n_vocab = (size_t)engine_model_n_vocab(m);
        g->n_context = engine_model_n_context(m);
        g->scale = scale;
        g->mixed = calloc(g->n_vocab, sizeof *g->mixed);
        rc = g->mixed ? engine_session_open(m, &g->session)
                      : err_set(ERR_NOMEM, "no memory for the logits of guidance");
    }
    if (rc == 0)
        rc = engine_session_eval(g->session, ids, n, NULL, NULL);
    if (rc < 0) {
        err_wrap("the negative prompt");
        guidance_close(out);
    }
    return rc;
}

void guidance_close(struct guidance **g)
{
    if (!*g)
        return;
    engine_session_close(&(*g)->session);
    free((*g)->mixed);
    free(*g);
    *g = NULL;
}

const float *guidance_logits(struct guidance *g, const float *logits)
{
    guidance_mix(logits, engine_session_logits(g->session), g->n_vocab, g->scale, g->mixed);
    return g->mixed;
}

int guidance_accept(struct guidance *g, int32_t id)
{
    if (engine_session_position(g->session) == g->n_context && g->n_context > 2)
        TRY(engine_session_shift(g->session, 1, g->n_context / 2));
    return engine_session_eval(g->session, &id, 1, NULL, NULL);
}

/* ln of the sum of e^x. */
static double log_sum(const float *x, size_t n)
{
    double highest = -INFINITY, sum = 0;

    for (size_t i = 0; i < n; i++)
        highest = fmax(highest, (double)x[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)x[i] - highest);
    return highest + log(fmax(sum, 1)); /* the highest alone is 1 */
}

void guidance_mix(const float *logits, const float *negative, size_t n, double scale, float *out)
{
    double all = log_sum(logits, n), negative_all = log_sum(negative, n);

    for (size_t i = 0; i < n; i++) {
        double base = (double)negative[i] - negative_all, here = (double)logits[i] - all;

        out[i] = (float)(base + scale * (here - base));
    }
}
