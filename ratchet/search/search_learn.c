/* SPDX-License-Identifier: Apache-2.0
 *
 * From rows of the ledger to what a search knows. */
#include "ratchet/search/search.h"

#include "ratchet/history/interval.h"
#include "reference/base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A row that compares two points of the surface. */
struct comparison {
    int64_t experiment;
    struct point before, after;
    bool own, used;
    bool feasible;
    double gain, se; /* ln(time before / time after) */
};

struct reading {
    struct search *s;
    char shape[SHA256_HEX]; /* HEAD's; "" = HEAD is none of this search's kernels */
    struct comparison *item;
    size_t n;
};

/* What a verdict says of a point: false for none at all. */
static bool judged(const struct ledger_row *row, struct comparison *c)
{
    static const char *const measured[] = {"WIN", "LOSS", "INCONCLUSIVE"};

    c->feasible = true;
    if (strcmp(row->verdict, "SAME_CODE") == 0)
        return true;
    for (size_t i = 0; i < sizeof measured / sizeof *measured; i++)
        if (strcmp(row->verdict, measured[i]) == 0 && isfinite(row->estimate)) {
            c->gain = row->estimate;
            c->se = interval_se(row->low, row->high);
            return true;
        }
    c->feasible = false;
    return strncmp(row->verdict, "FAIL_", 5) == 0 || strcmp(row->verdict, "CHEAT") == 0;
}

static bool is_own(const struct search *s, const char *hypothesis)
{
    size_t n = strlen(s->id);

    return strncmp(hypothesis, "search ", 7) == 0 && strncmp(hypothesis + 7, s->id, n) == 0 &&
           hypothesis[7 + n] == ' ';
}

static int same_features(struct search *s, const struct ledger_row *row)
{
    struct strbuf text = {0};
    int rc = ledger_details_text(s->r->ledger, row->experiment, "$.features", &text);

    if (rc == 1)
        rc = strcmp(strbuf_str(&text), s->features) == 0;
    strbuf_deinit(&text);
    return rc;
}

/* 1 when a row tells how far two points of one surface are apart: the same question, put by the same
 * judge on the same machine. Somebody else's surface must be HEAD's; the search's own may be that of
 * earlier code, since it went on from there. */
static int concerns(struct reading *g, const struct ledger_row *row, bool own,
                    const struct shape *before, const struct shape *after)
{
    if (strcmp(row->judge, g->s->judge) != 0 || strcmp(row->machine, g->s->machine) != 0 ||
        strcmp(row->focus, g->s->focus) != 0 || strcmp(before->digest, after->digest) != 0 ||
        (!own && strcmp(before->digest, g->shape) != 0))
        return 0;
    return same_features(g->s, row);
}

static void add(struct reading *g, const struct comparison *c)
{
    struct comparison *grown = realloc(g->item, (g->n + 1) * sizeof *grown);

    if (!grown)
        abort();
    g->item = grown;
    g->item[g->n++] = *c;
}

static void count_own(struct search *s, const struct ledger_row *row)
{
    s->n_judged++;
    s->n_wins += strcmp(row->verdict, "WIN") == 0;
    s->seconds += row->seconds > 0 ? row->seconds : 0;
}

static int look_at_row(void *ctx, const struct ledger_row *row)
{
    struct reading *g = ctx;
    struct comparison c = {.experiment = row->experiment, .own = is_own(g->s, row->hypothesis)};
    struct shape before, after;
    int rc;

    if (!judged(row, &c))
        return 0;
    if (c.own)
        count_own(g->s, row);
    if (shapes_find(&g->s->shapes, g->s->r, &g->s->space, row->parent, &before) != 1 ||
        shapes_find(&g->s->shapes, g->s->r, &g->s->space, row->attempt, &after) != 1)
        return 0;
    rc = concerns(g, row, c.own, &before, &after);
    c.before = before.at;
    c.after = after.at;
    if (rc == 1)
        add(g, &c);
    return rc < 0 ? rc : 0;
}

/* --- chaining --- */

static const struct observation *time_of(const struct search *s, const struct point *p)
{
    const struct observation *o = observed_find(&s->observed, &s->space, p);

    return o && o->state == POINT_MEASURED ? o : NULL;
}

static void put(struct search *s, const struct comparison *c, const struct point *p, double y,
                double se)
{
    const struct observation one = {.at = *p,
                                    .state = c->feasible ? POINT_MEASURED : POINT_INFEASIBLE,
                                    .y = y,
                                    .se = se,
                                    .experiment = c->experiment};

    observed_put(&s->observed, &s->space, &one);
    s->n_taken += !c->own;
}

/* Hang one end of a comparison on the other: true when that said something new. */
static bool chain(struct search *s, struct comparison *c)
{
    const struct observation *before = time_of(s, &c->before), *after = time_of(s, &c->after);

    if (c->used || (!before && !after))
        return false;
    c->used = true;
    if (before && after)
        return false;
    if (before)
        put(s, c, &c->after, before->y - c->gain, hypot(before->se, c->se));
    else if (c->feasible)
        put(s, c, &c->before, after->y + c->gain, hypot(after->se, c->se));
    return true;
}

static int head_shape(struct search *s, char digest[SHA256_HEX])
{
    char branch[REPO_REF];
    struct shape head = {.readable = false};
    git_oid id;

    digest[0] = '\0';
    TRY(repo_head(s->r->repo, branch, &id));
    if (shapes_find(&s->shapes, s->r, &s->space, git_oid_tostr_s(&id), &head) == 1)
        memcpy(digest, head.digest, sizeof head.digest);
    s->head_at = head.at;
    return 0;
}

int search_learn(struct search *s)
{
    const struct observation start = {.at = s->start_at, .state = POINT_MEASURED};
    struct reading g = {.s = s};
    bool more = true;
    int rc;

    observed_deinit(&s->observed);
    observed_put(&s->observed, &s->space, &start);
    s->n_judged = s->n_wins = s->n_taken = 0;
    s->seconds = 0;
    rc = head_shape(s, g.shape);
    if (rc == 0)
        rc = ledger_each(s->r->ledger, 1, 0, look_at_row, &g);
    while (rc == 0 && more) {
        more = false;
        for (size_t i = 0; i < g.n; i++)
            more = chain(s, &g.item[i]) || more;
    }
    free(g.item);
    return rc;
}
