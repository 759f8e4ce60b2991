/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"
#include "ratchet/search/search_report.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: ratchet search STRATEGY [--over NAME,...] [--range NAME=A..B[:STEP],...] [--seed N]\n"
    "                      [--focus OP] [--features SET] [--budget N] [--minutes M] [--author "
    "NAME]\n"
    "                      [--dry-run] [--json] [--progress]\n"
    "       ratchet search --resume | --report [ID] [--budget N] [--minutes M] [--json] ...\n"
    "       ratchet search --list [--json]\n"
    "\n"
    "Move the TUNABLEs of the kernel by themselves: each point is an ordinary experiment, wins "
    "move\n"
    "the branch. What the ledger knows of the same kernel at other values is not measured again.\n"
    "\n"
    "  STRATEGY            bayes: where a Gaussian process expects most improvement\n"
    "                      evolution: children of the best points; grid; random\n"
    "  --over NAMES        the TUNABLEs to move (default: all)\n"
    "  --range RANGES      less than their whole range, and steps: values that only build as\n"
    "                      multiples of 12 are best searched so\n"
    "  --seed N            another seed, other points (default 1)\n"
    "  --focus, --features, --author, --progress\n"
    "                      as of ratchet try\n"
    "  --budget N          points that the whole search may judge, at most 100 (default 40, or "
    "what\n"
    "                      a search on record had): with more a false win among them would be\n"
    "                      likelier than alpha\n"
    "  --minutes M         end this run after the point that is under way by then\n"
    "  --dry-run           print the points that do not depend on what is measured; judge none\n"
    "  --resume [ID]       go on with a search (the last one), after whatever ended it\n"
    "  --report [ID]       what it found and what the surface taught; judge nothing\n"
    "  --list              the TUNABLEs of HEAD's kernel\n"
    "\n"
    "Exit: 0 a point won in this run (or --report, --list, --dry-run), 1 none did, 2 usage, 3 "
    "cannot\n"
    "judge here.\n";

struct options {
    const char *what, *over, *range, *focus, *features, *author, *seed, *budget, *minutes;
    bool resume, report, list, dry_run, json, progress;
};

static int check(const struct options *o)
{
    uint64_t features;

    if (o->resume + o->report + o->list > 1)
        return err_set(ERR_USAGE, "--resume, --report and --list: one of them");
    if ((o->resume || o->report) && (o->over || o->range || o->seed || o->focus || o->features))
        return err_set(ERR_USAGE,
                       "a search on record keeps its own --over, --range, --seed, --focus "
                       "and --features; leave them out");
    if (!o->resume && !o->report && !o->list && (!o->what || !strategy_find(o->what)))
        return err_set(ERR_USAGE, "a strategy is wanted: bayes, evolution, grid or random");
    TRY(judge_focus_check(o->focus));
    return o->features ? cpu_features_named(o->features, &features) : 0;
}

static int read_options(const struct options *o, struct search_options *out)
{
    int64_t seed = 1;

    *out = (struct search_options){
        .over = o->over, .range = o->range, .focus = o->focus, .features = o->features};
    TRY(cmd_number("--seed", o->seed, &seed));
    TRY(cmd_number("--budget", o->budget, &out->budget));
    if (out->budget > search_budget_most)
        return err_set(ERR_USAGE,
                       "--budget %" PRId64 ": a search has at most %" PRId64
                       " points, or a false win among them would be likelier than one experiment's "
                       "alpha; begin another search where this one ends",
                       out->budget, search_budget_most);
    out->seed = (uint64_t)seed;
    if (!o->resume && !o->report && !o->list)
        out->strategy = strategy_find(o->what);
    return 0;
}

static int read_limits(const struct options *o, struct search_limits *out)
{
    char *end = NULL;

    *out = (struct search_limits){.author = o->author, .json_progress = o->progress};
    if (o->minutes) {
        out->minutes = strtod(o->minutes, &end);
        if (*end || !(out->minutes > 0))
            return err_set(ERR_USAGE, "--minutes %s: a number above 0 is wanted", o->minutes);
    }
    return 0;
}

/* --- list --- */

static int list(struct ratchet *r, bool json)
{
    struct kernel_files files;
    char branch[REPO_REF];
    json_t *a = json_array();
    git_oid head;
    int rc = repo_head(r->repo, branch, &head);

    TRY(rc);
    rc = kernel_files_read(r, &head, &files);
    for (size_t i = 0; rc == 0 && i < files.tunables.n; i++) {
        const struct tunable *t = &files.tunables.item[i];

        if (json)
            json_array_append_new(a,
                                  json_pack("{s:s, s:I, s:I, s:I, s:s}", "name", t->name, "value",
                                            (json_int_t)t->value, "low", (json_int_t)t->low, "high",
                                            (json_int_t)t->high, "file", files.path[t->file]));
        else
            printf("%-24s %8" PRId64 "  %" PRId64 " .. %" PRId64 "  %s\n", t->name, t->value,
                   t->low, t->high, files.path[t->file]);
    }
    if (rc == 0 && !files.tunables.n)
        fprintf(stderr, "the kernel has no TUNABLE: %s\n", tunables_remedy);
    kernel_files_deinit(&files);
    if (json && rc == 0)
        cmd_json(json_incref(a));
    json_decref(a);
    return rc;
}

/* --- dry run --- */

static int dry_run(struct search *s, bool json)
{
    struct strategy_view view = search_view(s);
    size_t n = s->n_judged, budget = view.budget, blind = s->strategy->blind(&view);
    json_t *points = json_array();
    struct point p;
    int rc = 0;

    for (; n < budget && blind > 0 && (rc = s->strategy->propose(&view, &p)) == 1; n++) {
        const struct observation one = {.at = p, .state = POINT_PENDING};
        struct strbuf text = {0};

        observed_put(&s->observed, &s->space, &one);
        space_point_text(&s->space, &p, NULL, &text);
        if (json)
            json_array_append_new(points, json_string(text.data));
        else
            printf("#%-3zu %s\n", n + 1, text.data);
        strbuf_deinit(&text);
        blind--;
    }
    if (rc >= 0 && json)
        cmd_json(json_incref(points));
    else if (rc >= 0 && n < budget && blind == 0)
        printf("the other %zu depend on what these measure\n", budget - n);
    json_decref(points);
    return rc < 0 ? rc : 0;
}

/* --- searching --- */

static int finish(const struct search *s, const struct search_end *end, bool json)
{
    json_t *o;

    if (!json)
        return search_print(s, end);
    TRY(search_json(s, end, &o));
    cmd_json(o);
    return 0;
}

static int run(struct search *s, const struct search_limits *limits, bool json, int *code)
{
    size_t n_wins = s->n_wins; /* of earlier runs */
    struct search_end end;

    fprintf(stderr, "search %s; if it is interrupted: ratchet search --resume %s\n", s->id, s->id);
    TRY(search_run(s, limits, &end));
    *code = end.unable           ? RATCHET_EXIT_UNABLE
            : s->n_wins > n_wins ? RATCHET_EXIT_WIN
                                 : RATCHET_EXIT_NO_WIN;
    return finish(s, &end, json);
}

static int work(struct ratchet *r, const struct options *o, const struct search_options *wanted,
                const struct search_limits *limits, int *code)
{
    struct search s = {.r = r};
    int rc = o->dry_run || o->report ? 0 : search_settle(r);

    if (rc == 0)
        rc = wanted->strategy ? search_begin(r, wanted, &s)
                              : search_resume(r, o->what, wanted->budget, &s);
    if (rc == 0)
        rc = o->dry_run  ? dry_run(&s, o->json)
             : o->report ? finish(&s, NULL, o->json)
                         : run(&s, limits, o->json, code);
    search_close(&s);
    return rc;
}

int cmd_search(int argc, char **argv)
{
    struct options o = {0};
    const struct cmd_arg args[] = {
        {"", NULL, &o.what, NULL},
        {"--over", NULL, &o.over, NULL},
        {"--range", NULL, &o.range, NULL},
        {"--seed", NULL, &o.seed, NULL},
        {"--focus", NULL, &o.focus, NULL},
        {"--features", NULL, &o.features, NULL},
        {"--author", NULL, &o.author, NULL},
        {"--budget", NULL, &o.budget, NULL},
        {"--minutes", NULL, &o.minutes, NULL},
        {"--resume", NULL, NULL, &o.resume},
        {"--report", NULL, NULL, &o.report},
        {"--list", NULL, NULL, &o.list},
        {"--dry-run", NULL, NULL, &o.dry_run},
        {"--progress", NULL, NULL, &o.progress},
        {"--json", NULL, NULL, &o.json},
        {NULL, NULL, NULL, NULL},
    };
    struct search_options wanted;
    struct search_limits limits;
    struct ratchet *r = NULL;
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    code = 0;
    rc = check(&o);
    if (rc == 0)
        rc = read_options(&o, &wanted);
    if (rc == 0)
        rc = read_limits(&o, &limits);
    if (rc == 0)
        rc = cmd_open(stderr, &r);
    if (rc == 0)
        rc = o.list ? list(r, o.json) : work(r, &o, &wanted, &limits, &code);
    if (rc < 0)
        code = cmd_error(rc);
    ratchet_close(&r);
    return code;
}
