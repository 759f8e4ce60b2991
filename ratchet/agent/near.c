/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/near.h"

#include "ratchet/agent/likeness.h"
#include "ratchet/git/repo.h"
#include "reference/base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LIKE_AT_LEAST = 0.05;
enum {
    LINES_BYTES = 1 << 16
}; /* of one change: a kernel rewritten from scratch is like anything */

struct touched {
    struct likeness_bag *bag;
    size_t bytes;
};

static int add_line(const git_diff_delta *delta, const git_diff_hunk *hunk,
                    const git_diff_line *line, void *ctx)
{
    struct touched *t = ctx;

    (void)delta;
    (void)hunk;
    if (line->origin != GIT_DIFF_LINE_ADDITION && line->origin != GIT_DIFF_LINE_DELETION)
        return 0;
    if (t->bytes + line->content_len <= LINES_BYTES)
        likeness_add(t->bag, line->content, line->content_len);
    t->bytes += line->content_len;
    return 0;
}

/* Words of the lines that an attempt touched; none when its commits are not here. */
static void add_change(struct ratchet *r, const struct ledger_row *row, struct likeness_bag *bag)
{
    struct touched t = {.bag = bag};
    git_diff_options o;
    git_oid parent, attempt;
    git_tree *a = NULL, *b = NULL;
    git_diff *diff = NULL;

    git_diff_options_init(&o, GIT_DIFF_OPTIONS_VERSION);
    o.context_lines = 0;
    if (git_oid_fromstr(&parent, row->parent) == 0 &&
        git_oid_fromstr(&attempt, row->attempt) == 0 && repo_tree_of(r->repo, &parent, &a) == 0 &&
        repo_tree_of(r->repo, &attempt, &b) == 0 &&
        git_diff_tree_to_tree(&diff, r->repo, a, b, &o) == 0)
        git_diff_foreach(diff, NULL, NULL, NULL, add_line, &t);
    git_diff_free(diff);
    git_tree_free(a);
    git_tree_free(b);
}

struct attempts {
    struct ratchet *r;
    int64_t near_attempt;
    struct likeness_bag *idea;
    size_t n;
    struct {
        int64_t experiment;
        double similarity;
    } item[NEAR_MAX_ROWS];
    struct likeness_bag bag[NEAR_MAX_ROWS];
};

static int add_row(void *ctx, const struct ledger_row *row)
{
    struct attempts *all = ctx;
    struct likeness_bag *bag = &all->bag[all->n];

    if (strcmp(row->verdict, LEDGER_SEAL) == 0 || all->n == NEAR_MAX_ROWS)
        return 0;
    if (row->experiment == all->near_attempt)
        bag = all->idea; /* it is not like itself, it is what others are like */
    else
        all->item[all->n++].experiment = row->experiment;
    likeness_add(bag, row->hypothesis, strlen(row->hypothesis));
    add_change(all->r, row, bag);
    return 0;
}

static void add_text(struct likeness_bag *bag, const char *text)
{
    if (text)
        likeness_add(bag, text, strlen(text));
}

/* The likest that is left, or all->n. */
static size_t likest(const struct attempts *all)
{
    size_t best = all->n;

    for (size_t i = 0; i < all->n; i++)
        if (all->item[i].similarity >= LIKE_AT_LEAST &&
            (best == all->n || all->item[i].similarity >= all->item[best].similarity))
            best = i; /* of two alike the newer */
    return best;
}

static int list(struct attempts *all, size_t wanted, json_t *out)
{
    size_t i;

    while (json_array_size(out) < wanted && (i = likest(all)) < all->n) {
        struct ledger_row row;
        json_t *attempt;
        int rc = ledger_find(all->r->ledger, all->item[i].experiment, &row);

        if (rc <= 0)
            return rc;
        attempt = context_attempt(all->r, &row);
        json_object_set_new(attempt, "similarity",
                            json_real(round(100 * all->item[i].similarity) / 100));
        json_array_append_new(out, attempt);
        ledger_row_deinit(&row);
        all->item[i].similarity = 0;
    }
    return 0;
}

int near_find(struct ratchet *r, const struct context_options *o, size_t n, json_t **out)
{
    struct likeness_bag idea = {0};
    struct attempts *all = calloc(1, sizeof *all);
    double similarity[NEAR_MAX_ROWS];
    int64_t last = ledger_count(r->ledger);
    int rc;

    if (!all)
        return err_set(ERR_NOMEM, "likeness: out of memory");
    *all = (struct attempts){.r = r, .near_attempt = o->near_attempt, .idea = &idea};
    if (o->near)
        add_text(&idea, o->near);
    else {
        add_text(&idea, o->focus);
        add_text(&idea, o->goal);
    }
    rc = last < 0 ? (int)last
                  : ledger_each(r->ledger, last > NEAR_MAX_ROWS ? last - NEAR_MAX_ROWS + 1 : 1, 0,
                                add_row, all);
    *out = json_array();
    if (rc == 0) {
        likeness_rank(&idea, all->bag, all->n, similarity);
        for (size_t i = 0; i < all->n; i++)
            all->item[i].similarity = similarity[i];
        rc = list(all, n, *out);
    }
    for (size_t i = 0; i < all->n; i++)
        likeness_deinit(&all->bag[i]);
    likeness_deinit(&idea);
    free(all);
    if (rc < 0) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}
