/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/history/log_graph.h"
#include "ratchet/command/cmd.h"
#include "ratchet/printable.h"
#include "ratchet/git/lineage.h"
#include "ratchet/history/gain.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An attempt's line, and the joint that it hangs off (l->n: none of this line). */
struct leaf {
    size_t joint;
    struct strbuf line;
};

struct graph {
    struct ratchet *r;
    struct lineage l;
    size_t first; /* the first kernel's joint */
    struct leaf *leaves;
    size_t n_leaves;
    double together; /* gain of the wins printed so far */
};

/* The joints that get a line. */
static bool is_node(const struct graph *g, size_t i)
{
    return i == g->first || (i < g->first && (g->l.joints[i].win || g->l.joints[i].kernel));
}

/* --- leaves --- */

static size_t joint_of(const struct graph *g, const struct ledger_row *row)
{
    bool seal = strcmp(row->verdict, LEDGER_SEAL) == 0;
    git_oid on;
    size_t i;

    if (git_oid_fromstr(&on, seal ? row->attempt : row->parent))
        return g->l.n;
    i = lineage_index(&g->l, &on);
    while (i < g->l.n && !is_node(g, i)) /* back to where its kernel came from */
        i++;
    return i;
}

static bool on_trunk(const struct graph *g, int64_t experiment)
{
    for (size_t i = 0; i < g->l.n; i++)
        if (g->l.joints[i].win == experiment)
            return true;
    return false;
}

static void leaf_line(const struct ledger_row *row, struct strbuf *out)
{
    char gain[24] = "";

    if (isfinite(row->estimate))
        snprintf(gain, sizeof gain, "%+.2f %%", 100 * expm1(row->estimate));
    strbuf_addf(out, "|   %4lld  %-16s %9s  ", (long long)row->experiment, row->verdict, gain);
    cmd_line(out, row->hypothesis, 39);
}

static int leaf_add(void *ctx, const struct ledger_row *row)
{
    struct graph *g = ctx;
    struct leaf *leaves;

    if (on_trunk(g, row->experiment))
        return 0;
    leaves = realloc(g->leaves, (g->n_leaves + 1) * sizeof *leaves);
    if (!leaves)
        return err_set(ERR_NOMEM, "log: out of memory");
    g->leaves = leaves;
    leaves[g->n_leaves] = (struct leaf){.joint = joint_of(g, row)};
    leaf_line(row, &leaves[g->n_leaves].line);
    g->n_leaves++;
    return 0;
}

static void leaves_print(const struct graph *g, size_t joint)
{
    for (size_t i = 0; i < g->n_leaves; i++)
        if (g->leaves[i].joint == joint)
            printable_printf(stdout, "%s\n", strbuf_str(&g->leaves[i].line));
}

/* --- the trunk --- */

static int win_line(struct graph *g, int64_t n, struct strbuf *out)
{
    char gain[24], score[24] = "-", features[16];
    struct ledger_row row;
    double whole;
    int rc = ledger_find(g->r->ledger, n, &row);

    if (rc == 0)
        return err_set(ERR_INTEGRITY, "row %lld: a win commit names it, but it is not here",
                       (long long)n);
    TRY(rc);
    rc = gain_of(g->r, &row, &whole, features);
    g->together += rc == 0 ? whole : 0;
    if (isfinite(row.score))
        snprintf(score, sizeof score, "%.4g", row.score);
    snprintf(gain, sizeof gain, "%+.2f %%", 100 * expm1(row.estimate));
    strbuf_addf(out, "*   %4lld  %9s %7.3f x %9s  ", (long long)n, gain, exp(g->together), score);
    if (row.focus[0])
        strbuf_addf(out, "[%s] ", row.focus);
    if (features[0] && strcmp(features, RECORD_FEATURES_ALL) != 0)
        strbuf_addf(out, "[%s] ", features);
    cmd_line(out, row.hypothesis, 0);
    ledger_row_deinit(&row);
    return rc;
}

static int commit_line(struct graph *g, size_t i, struct strbuf *out)
{
    const git_oid *id = &g->l.joints[i].commit;
    git_commit *c = NULL;

    if (git_commit_lookup(&c, g->r->repo, id))
        return repo_fail("commit %.12s", git_oid_tostr_s(id));
    strbuf_addf(out, "o   %.10s  ", git_oid_tostr_s(id));
    repo_subject(out, git_commit_message(c), 200);
    git_commit_free(c);
    return 0;
}

static int node_print(struct graph *g, size_t i)
{
    struct strbuf line = {0}, cut = {0};
    int rc = i < g->first && g->l.joints[i].win ? win_line(g, g->l.joints[i].win, &line)
                                                : commit_line(g, i, &line);

    cmd_line(&cut, strbuf_str(&line), 77);
    if (rc == 0)
        puts(strbuf_str(&cut));
    strbuf_deinit(&line);
    strbuf_deinit(&cut);
    return rc;
}

static int graph_print(struct graph *g, const struct filter *f)
{
    int64_t experiment;

    if (ledger_count(g->r->ledger) == 0) {
        puts("no experiment yet");
        return 0;
    }
    TRY(lineage_walk(g->r->repo, &g->l));
    TRY(lineage_first(g->r, &g->l, 0, &g->first, &experiment));
    TRY(filter_each(g->r->ledger, f, leaf_add, g));
    printf("%-10s %9s %9s %9s  %s\n", "experiment", "gain", "together", "score", "hypothesis");
    for (size_t i = g->first + 1; i-- > 0;)
        if (is_node(g, i)) {
            TRY(node_print(g, i));
            leaves_print(g, i);
        }
    for (size_t i = 0; i < g->n_leaves; i++)
        if (g->leaves[i].joint == g->l.n) {
            puts("not on this line:");
            leaves_print(g, g->l.n);
            break;
        }
    return 0;
}

int log_graph_print(struct ratchet *r, const struct filter *f)
{
    struct graph g = {.r = r};
    int rc = graph_print(&g, f);

    for (size_t i = 0; i < g.n_leaves; i++)
        strbuf_deinit(&g.leaves[i].line);
    free(g.leaves);
    lineage_deinit(&g.l);
    return rc;
}
