/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/beam.h"

#include "reference/base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum use {
    FREE,
    PARENT, /* of extensions that have no slot yet */
    LIVE,
};

struct beam {
    enum use use;
    struct engine_session *session;
    struct sampler *sampler;
    int32_t *ids; /* [n_predict] */
    double log_p;
};

struct extension { /* a beam and one token more */
    uint32_t beam;
    int32_t id;
    double log_p;
};

struct search {
    const struct beam_options *o;
    const struct engine_model *m;
    struct beam *beams;         /* [n_beams] slots */
    struct extension *extended; /* [2 * n_beams] the best, in order */
    uint32_t n_extended;
    size_t n; /* tokens of every live beam */
    struct beam_text best;
    double best_score;
    uint32_t n_ended;
};

/* --- life --- */

static int search_open(struct search *s, struct engine_session *session, struct sampler *sampler)
{
    uint32_t n = s->o->n_beams;

    s->beams = calloc(n, sizeof *s->beams);
    s->extended = calloc(2 * (size_t)n, sizeof *s->extended);
    s->best.ids = calloc(s->o->n_predict, sizeof *s->best.ids);
    if (!s->beams || !s->extended || !s->best.ids)
        return err_set(ERR_NOMEM, "no memory for %u beams", n);
    s->best_score = -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        struct beam *b = &s->beams[i];

        b->ids = calloc(s->o->n_predict, sizeof *b->ids);
        if (!b->ids)
            return err_set(ERR_NOMEM, "no memory for %u beams", n);
        b->session = session;
        b->sampler = sampler;
        if (i > 0) {
            b->session = NULL;
            b->sampler = NULL;
            TRY(engine_session_fork(session, &b->session));
            TRY(sampler_fork(sampler, &b->sampler));
        }
    }
    s->beams[0].use = LIVE;
    return 0;
}

/* The first beam's session and sampler are the caller's. */
static void search_close(struct search *s)
{
    for (uint32_t i = 0; s->beams && i < s->o->n_beams; i++) {
        free(s->beams[i].ids);
        if (i > 0) {
            engine_session_close(&s->beams[i].session);
            sampler_close(&s->beams[i].sampler);
        }
    }
    free(s->beams);
    free(s->extended);
}

/* --- one step --- */

/* Keep the 2 n_beams best extensions: so many that n_beams of them go on even when every beam has
 * one that ends. Of equals the one that came first. */
static void extension_add(struct search *s, struct extension e)
{
    uint32_t limit = 2 * s->o->n_beams, at = s->n_extended;

    if (at == limit && !(e.log_p > s->extended[limit - 1].log_p))
        return;
    at -= at == limit;
    for (; at > 0 && e.log_p > s->extended[at - 1].log_p; at--)
        s->extended[at] = s->extended[at - 1];
    s->extended[at] = e;
    s->n_extended += s->n_extended < limit;
}

static int beam_extend(struct search *s, uint32_t index)
{
    struct beam *b = &s->beams[index];
    const struct sampler_candidate *c;
    size_t n, first = 2 * (size_t)s->o->n_beams;

    TRY(sampler_distribution(b->sampler, engine_session_logits(b->session), first, &c, &n));
    for (size_t i = 0; i < n && i < first; i++)
        if (c[i].p > 0)
            extension_add(s, (struct extension){index, c[i].id, b->log_p + log(c[i].p)});
    return 0;
}

/* A whole text: ids and perhaps the token that ends it. */
static void text_offer(struct search *s, const int32_t *ids, size_t n, size_t n_scored,
                       double log_p)
{
    double score = log_p / pow((double)(n_scored ? n_scored : 1), s->o->length_penalty);

    if (score > s->best_score) {
        s->best_score = score;
        memcpy(s->best.ids, ids, n * sizeof *ids);
        s->best.n = n;
        s->best.log_p = log_p;
    }
}

/* Extensions that end are texts; the best n_beams of the others stay. */
static void extensions_sift(struct search *s)
{
    const struct tokenizer *t = engine_model_tokenizer(s->m);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->n_extended && kept < s->o->n_beams; i++) {
        struct extension e = s->extended[i];

        if (!tokenizer_is_eog(t, e.id)) {
            s->extended[kept++] = e;
        } else {
            text_offer(s, s->beams[e.beam].ids, s->n, s->n + 1, e.log_p);
            s->n_ended++;
        }
    }
    s->n_extended = kept;
}

static int beam_copy(struct search *s, uint32_t to, uint32_t from)
{
    struct beam *a = &s->beams[to];
    const struct beam *b = &s->beams[from];

    memcpy(a->ids, b->ids, s->n * sizeof *a->ids);
    TRY(sampler_assign(a->sampler, b->sampler));
    return engine_session_adopt(a->session, b->session, engine_session_position(b->session));
}

static uint32_t slot_free(const struct search *s)
{
    uint32_t i = 0;

    while (s->beams[i].use != FREE)
        i++;
    return i;
}

/* Give every extension a slot: the first of a beam stays in its own, the others move into slots
 * whose beams have none. Nobody goes on before all have moved. */
static int extensions_place(struct search *s)
{
    for (uint32_t i = 0; i < s->o->n_beams; i++)
        s->beams[i].use = FREE;
    for (uint32_t i = 0; i < s->n_extended; i++)
        s->beams[s->extended[i].beam].use = PARENT;
    for (uint32_t i = 0; i < s->n_extended; i++) {
        uint32_t from = s->extended[i].beam;

        if (s->beams[from].use == LIVE) {
            s->extended[i].beam = slot_free(s);
            TRY(beam_copy(s, s->extended[i].beam, from));
        }
        s->beams[s->extended[i].beam].use = LIVE;
    }
    return 0;
}

/* A beam takes its token; where it can take no other it has become a text. */
static int beam_go_on(struct search *s, const struct extension *e)
{
    struct beam *b = &s->beams[e->beam];
    bool done;

    b->ids[s->n] = e->id;
    b->log_p = e->log_p;
    TRY(sampler_accept(b->sampler, e->id));
    done = sampler_done(b->sampler);
    s->n_ended += done;
    if (!done && s->n + 1 < s->o->n_predict &&
        engine_session_position(b->session) < engine_model_n_context(s->m))
        return engine_session_eval(b->session, &e->id, 1, NULL, NULL);
    text_offer(s, b->ids, s->n + 1, s->n + 1, b->log_p);
    b->use = FREE;
    return 0;
}

static int search_step(struct search *s)
{
    s->n_extended = 0;
    for (uint32_t i = 0; i < s->o->n_beams; i++)
        if (s->beams[i].use == LIVE)
            TRY(beam_extend(s, i));
    extensions_sift(s);
    if (s->n_ended >= s->o->n_beams)
        s->n_extended = 0;
    TRY(extensions_place(s));
    for (uint32_t i = 0; i < s->n_extended; i++)
        TRY(beam_go_on(s, &s->extended[i]));
    s->n++;
    return 0;
}

static bool search_goes_on(const struct search *s)
{
    for (uint32_t i = 0; i < s->o->n_beams; i++)
        if (s->beams[i].use == LIVE)
            return s->n_ended < s->o->n_beams;
    return false;
}

int beam_search(struct engine_session *session, const struct engine_model *m,
                struct sampler *sampler, const struct beam_options *o, struct beam_text *out)
{
    struct search s = {.o = o, .m = m};
    int rc = search_open(&s, session, sampler);

    while (rc == 0 && search_goes_on(&s))
        rc = search_step(&s);
    search_close(&s);
    *out = s.best;
    if (rc < 0) {
        free(out->ids);
        *out = (struct beam_text){0};
    }
    return rc;
}
