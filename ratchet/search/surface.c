/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/surface.h"

#include "reference/base/err.h"

#include <math.h>
#include <stdlib.h>

/* Labels are exact; this keeps their covariance regular. */
static const double LABEL_VARIANCE = 1e-4;

/* Of the unit cube. What does not build is a region with an edge: the likelihood of labels alone
 * would make each point an island, and every neighbour of a failure worth a try. */
static const double SHORTEST_TIME = 0.03, SHORTEST_LABEL = 0.25;

/* Data of one process: the observations that `wanted` lets in. */
struct table {
    struct gp_data d;
    double *x, *y, *variance;
};

static void table_fill(const struct space *s, const struct observed *o, bool labels,
                       struct table *t)
{
    size_t n = 0;

    t->x = calloc(o->n * s->n, sizeof *t->x);
    t->y = calloc(o->n, sizeof *t->y);
    t->variance = calloc(o->n, sizeof *t->variance);
    if (!t->x || !t->y || !t->variance)
        abort();
    for (size_t i = 0; i < o->n; i++) {
        const struct observation *one = &o->item[i];
        bool measured = one->state == POINT_MEASURED;

        if (!measured && !(labels && one->state == POINT_INFEASIBLE))
            continue;
        space_to_unit(s, &one->at, t->x + n * s->n);
        t->y[n] = labels ? measured : one->y;
        t->variance[n] = labels ? LABEL_VARIANCE : one->se * one->se;
        n++;
    }
    t->d = (struct gp_data){.n = n, .dims = s->n, .x = t->x, .y = t->y, .variance = t->variance};
}

static void table_deinit(struct table *t)
{
    free(t->x);
    free(t->y);
    free(t->variance);
}

static int learn(const struct space *s, const struct observed *o, bool labels, uint64_t seed,
                 struct gp **out)
{
    struct gp_parameters p;
    struct table t;
    int rc;

    table_fill(s, o, labels, &t);
    rc = t.d.n ? gp_fit(&t.d, labels ? SHORTEST_LABEL : SHORTEST_TIME, seed, &p)
               : err_set(ERR_RANGE, "no point was measured yet");
    if (rc == 0)
        rc = gp_open(&t.d, &p, out);
    table_deinit(&t);
    return rc;
}

int surface_learn(const struct space *s, const struct observed *o, uint64_t seed,
                  struct surface *out)
{
    int rc = learn(s, o, false, seed, &out->time);

    if (rc == 0 && observed_count(o, POINT_INFEASIBLE))
        rc = learn(s, o, true, seed, &out->feasible);
    if (rc < 0)
        surface_close(out);
    return rc;
}

void surface_close(struct surface *s)
{
    gp_close(&s->time);
    gp_close(&s->feasible);
}

struct observation surface_best(const struct surface *surface, const struct space *s,
                                const struct observed *o)
{
    struct observation best = {.y = INFINITY};
    double u[SPACE_MOST], mean, variance;

    for (size_t i = 0; i < o->n; i++) {
        if (o->item[i].state != POINT_MEASURED)
            continue;
        space_to_unit(s, &o->item[i].at, u);
        gp_predict(surface->time, u, 1, &mean, &variance);
        if (mean < best.y) {
            best = o->item[i];
            best.y = mean;
            best.se = sqrt(variance);
        }
    }
    return best;
}

/* That the label is above one half. */
void surface_feasible(const struct surface *s, const double *u, size_t m, double *probability)
{
    double *variance = calloc(m, sizeof *variance);

    if (!variance)
        abort();
    for (size_t i = 0; i < m; i++)
        probability[i] = 1;
    if (s->feasible)
        gp_predict(s->feasible, u, m, probability, variance);
    for (size_t i = 0; s->feasible && i < m; i++)
        probability[i] =
            0.5 * erfc((0.5 - probability[i]) / sqrt(2 * (variance[i] + LABEL_VARIANCE)));
    free(variance);
}
