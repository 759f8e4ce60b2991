/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/history/bisect.h"
#include "ratchet/git/lineage.h"
#include "ratchet/history/feature_path.h"
#include "ratchet/history/revision.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- the range --- */

/* A win's attempt is not on the line, but the win is. */
static int joint_find(struct ratchet *r, const struct lineage *l, const char *name, size_t *out)
{
    struct revision v;

    TRY(revision_find(r, name, &v));
    *out = lineage_index(l, &v.commit);
    for (size_t i = 0; *out == l->n && v.experiment && i < l->n; i++)
        if (l->joints[i].win == v.experiment)
            *out = i;
    if (*out < l->n)
        return 0;
    if (v.experiment)
        return err_set(ERR_USAGE,
                       "experiment %lld is no win on the line of kernels that leads to HEAD: say "
                       "%lld^ for what it was tried on",
                       (long long)v.experiment, (long long)v.experiment);
    return err_set(ERR_USAGE,
                   "%s is not on the line of kernels that leads to HEAD (git log --first-parent); "
                   "`ratchet diff` compares any two",
                   v.label);
}

static int range_find(struct ratchet *r, const struct bisect_options *o, const struct lineage *l,
                      size_t *from, size_t *to)
{
    TRY(joint_find(r, l, o->from ? o->from : "first", from));
    TRY(joint_find(r, l, o->to ? o->to : "HEAD", to));
    if (*from <= *to)
        return err_set(ERR_USAGE, "%s does not come before %s", o->from ? o->from : "first",
                       o->to ? o->to : "HEAD");
    return 0;
}

/* --- what the ledger says --- */

struct case_search {
    const char *name;
    struct bisect_point *p;
};

static int case_take(void *ctx, const struct ledger_case *c)
{
    struct case_search *s = ctx;

    if (strcmp(c->name, s->name) != 0 || isnan(c->estimate))
        return 0;
    s->p->kind = BISECT_MEASURED;
    s->p->estimate = c->estimate;
    s->p->low = c->low;
    s->p->high = c->high;
    s->p->step = (struct honesty_sum){c->estimate, honesty_variance(c->low, c->high)};
    return 1;
}

static int win_read(struct ratchet *r, const struct bisect_options *o, struct bisect_point *p)
{
    struct ledger_row row;
    struct case_search search = {o->case_name, p};
    int rc = ledger_find(r->ledger, p->experiment, &row);

    if (rc == 0)
        return err_set(ERR_INTEGRITY, "row %lld: a win commit names it, but it is not here",
                       (long long)p->experiment);
    TRY(rc);
    ledger_text_set(&p->text, row.hypothesis);
    rc = feature_path_same(r, &row, o->features ? o->features : RECORD_FEATURES_ALL, NULL);
    p->kind = rc == 0 ? BISECT_OTHER_PATH : BISECT_UNMEASURED;
    if (rc == 1)
        rc = ledger_cases(r->ledger, p->experiment, case_take, &search);
    ledger_row_deinit(&row);
    return rc < 0 ? rc : 0;
}

static int plain_read(struct ratchet *r, struct bisect_point *p)
{
    struct strbuf subject = {0};
    git_commit *c = NULL;

    if (git_commit_lookup(&c, r->repo, &p->commit))
        return repo_fail("commit %.12s", git_oid_tostr_s(&p->commit));
    repo_subject(&subject, git_commit_message(c), 200);
    ledger_text_set(&p->text, strbuf_str(&subject));
    p->kind = BISECT_PLAIN;
    git_commit_free(c);
    strbuf_deinit(&subject);
    return 0;
}

static int points_read(struct ratchet *r, const struct bisect_options *o, const struct lineage *l,
                       size_t from, size_t to, struct bisect *out)
{
    out->points = calloc(from - to + 1, sizeof *out->points);
    if (!out->points)
        return err_set(ERR_NOMEM, "bisect: out of memory");
    for (size_t i = from + 1; i-- > to;) {
        const struct joint *j = &l->joints[i];
        struct bisect_point *p = &out->points[out->n];

        if (i != from && !j->kernel)
            continue;
        out->n++;
        git_oid_cpy(&p->commit, &j->commit);
        p->experiment = j->win;
        p->estimate = p->low = p->high = NAN;
        TRY(p->experiment ? win_read(r, o, p) : plain_read(r, p));
        if (out->n == 1)
            p->step = (struct honesty_sum){0, 0}; /* what led to the start is not in the range */
        else
            p->so_far = (struct honesty_sum){p[-1].so_far.mean + p->step.mean,
                                             p[-1].so_far.variance + p->step.variance};
    }
    return 0;
}

int bisect_open(struct ratchet *r, const struct bisect_options *o, struct bisect *out)
{
    struct lineage l = {0};
    size_t from, to;
    int rc = lineage_walk(r->repo, &l);

    memset(out, 0, sizeof *out);
    if (rc == 0)
        rc = range_find(r, o, &l, &from, &to);
    if (rc == 0)
        rc = points_read(r, o, &l, from, to, out);
    lineage_deinit(&l);
    return rc;
}

void bisect_deinit(struct bisect *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->points[i].text);
    free(b->points);
    memset(b, 0, sizeof *b);
}

int bisect_clear(const struct honesty_sum *step)
{
    double reach = 3 * sqrt(step->variance);

    return step->mean + reach < 0 ? -1 : step->mean - reach > 0 ? 1 : 0;
}

void bisect_point_name(const struct bisect_point *p, struct strbuf *out)
{
    if (p->experiment)
        strbuf_addf(out, "experiment %lld", (long long)p->experiment);
    else
        strbuf_addf(out, "commit %.10s", git_oid_tostr_s(&p->commit));
}
