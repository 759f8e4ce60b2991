/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/search.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

enum { FRUITLESS_MOST = 3 }; /* attempts in a row that taught nothing */

static double now_minutes(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return ((double)t.tv_sec + (double)t.tv_nsec / 1e9) / 60;
}

__attribute__((format(printf, 2, 3))) static void stop(struct search_end *end, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(end->why, sizeof end->why, fmt, ap);
    va_end(ap);
}

static void say_result(const struct search *s, const struct ratchet_result *res)
{
    const struct ledger_row *row = &res->row;

    if (isfinite(row->estimate))
        ratchet__say(s->r, "  %s, experiment %" PRId64 ": %+.2f %% (%+.2f .. %+.2f)", row->verdict,
                     row->experiment, 100 * expm1(row->estimate), 100 * expm1(row->low),
                     100 * expm1(row->high));
    else
        ratchet__say(s->r, "  %s, experiment %" PRId64 ": %.100s", row->verdict, row->experiment,
                     row->reason);
}

/* The point as files, made from the kernel that HEAD has. */
static int write_point(struct search *s, const git_oid *head, const struct point *p,
                       struct point *from, const char *folder)
{
    struct kernel_files files;
    int rc = kernel_files_read(s->r, head, &files);

    if (rc == 0)
        rc = kernel_files_point(&files, &s->space, from);
    if (rc == 0)
        rc = kernel_files_write(&files, &s->space, p, folder);
    kernel_files_deinit(&files);
    return rc;
}

static int judge_point(struct search *s, const struct search_limits *limits, const char *base,
                       const char *folder, const char *hypothesis, struct search_end *end)
{
    const struct ratchet_try_options o = {.hypothesis = hypothesis,
                                          .author = limits->author,
                                          .focus = s->focus[0] ? s->focus : NULL,
                                          .features = s->features,
                                          .folder = folder,
                                          .base = base,
                                          .wait = true,
                                          .json_progress = limits->json_progress};
    struct ratchet_result res;
    int rc = ratchet_try(s->r, &o, &res);

    ratchet_end(s->r);
    TRY(rc);
    say_result(s, &res);
    end->unable = res.unable || res.verdict == JUDGE_UNFIT_MACHINE;
    if (end->unable)
        stop(end, "nothing can be judged here now: %.400s", res.row.reason);
    ratchet_result_deinit(&res);
    return 0;
}

/* Has somebody else won meanwhile? */
static bool overtaken(struct search *s, const git_oid *head)
{
    char branch[REPO_REF];
    git_oid now;

    return repo_head(s->r->repo, branch, &now) == 0 && !git_oid_equal(&now, head);
}

static int try_point(struct search *s, const struct search_limits *limits, const struct point *p,
                     struct search_end *end)
{
    struct strbuf folder = {0}, hypothesis = {0}, text = {0};
    char branch[REPO_REF], base[REPO_HEX];
    struct point from;
    git_oid head;
    int rc = repo_head(s->r->repo, branch, &head);

    strbuf_addf(&folder, "%s/search/%s", s->r->store, s->id);
    if (rc == 0)
        rc = write_point(s, &head, p, &from, folder.data);
    if (rc == 0) {
        git_oid_tostr(base, sizeof base, &head);
        search_hypothesis(s, p, &from, &hypothesis);
        space_point_text(&s->space, p, &from, &text);
        ratchet__say(s->r, "point %zu of %" PRId64 ": %s", s->n_judged + 1, s->budget,
                     strbuf_str(&text));
        rc = judge_point(s, limits, base, folder.data, hypothesis.data, end);
        if (rc == ERR_CONFLICT && overtaken(s, &head)) {
            ratchet__say(s->r, "  %s", err_message());
            rc = 0; /* the next choice knows what the other one won */
        }
        file_remove_tree(folder.data); /* what stays is emptied before the next point */
    }
    strbuf_deinit(&folder);
    strbuf_deinit(&hypothesis);
    strbuf_deinit(&text);
    return rc;
}

/* A kernel that others changed in code and searched values at once hangs on no point known here. */
static int check_head(struct search *s)
{
    char branch[REPO_REF];
    struct shape head;
    git_oid id;

    TRY(repo_head(s->r->repo, branch, &id));
    if (shapes_find(&s->shapes, s->r, &s->space, git_oid_tostr_s(&id), &head) != 1)
        return err_set(ERR_CONFLICT,
                       "HEAD's kernel has lost TUNABLEs of this search; begin another");
    if (!observed_find(&s->observed, &s->space, &head.at))
        return err_set(
            ERR_CONFLICT,
            "HEAD's kernel is at a point that this search can compare with none of its "
            "own (somebody changed its TUNABLEs together with other code, or another judge or "
            "machine measured them); begin another search from here");
    return 0;
}

/* 1 and the next point, or 0 with the reason in *end. */
static int next_point(struct search *s, const struct search_limits *limits, double deadline,
                      struct point *out, struct search_end *end)
{
    const struct strategy_view view = search_view(s);
    int rc;

    if (s->n_judged >= (size_t)s->budget)
        stop(end, "its budget of %" PRId64 " points is spent", s->budget);
    else if (now_minutes() >= deadline)
        stop(end, "its %g minutes are over", limits->minutes);
    if (end->why[0])
        return 0;
    TRY(check_head(s));
    rc = s->strategy->propose(&view, out);
    if (rc == 0)
        stop(end, "%s has no other point to offer", s->strategy->name);
    return rc;
}

int search_settle(struct ratchet *r)
{
    int rc;

    r->wait = true;
    rc = ratchet_begin(r);
    ratchet_end(r);
    return rc;
}

int search_run(struct search *s, const struct search_limits *limits, struct search_end *end)
{
    double deadline = limits->minutes > 0 ? now_minutes() + limits->minutes : INFINITY;
    int fruitless = 0, rc;
    struct point p;

    *end = (struct search_end){.unable = false};
    search_here(s);
    rc = search_learn(s);
    while (rc == 0 && !end->why[0]) {
        size_t before = s->n_judged;

        rc = next_point(s, limits, deadline, &p, end);
        if (rc != 1)
            break;
        rc = try_point(s, limits, &p, end);
        if (rc == 0)
            rc = search_learn(s);
        fruitless = s->n_judged > before ? 0 : fruitless + 1;
        if (rc == 0 && !end->why[0] && fruitless == FRUITLESS_MOST) {
            stop(end, "%d attempts in a row came to no verdict", fruitless);
            end->unable = true;
        }
    }
    return rc;
}
