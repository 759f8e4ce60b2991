/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/round.h"

#include "ratchet/agent/allowed.h"
#include "ratchet/agent/answer.h"
#include "ratchet/agent/context.h"
#include "ratchet/agent/guard.h"
#include "ratchet/agent/keeper.h"
#include "ratchet/agent/landlock.h"
#include "ratchet/agent/standing.h"
#include "ratchet/agent/try_rows.h"
#include "ratchet/agent/workspace.h"
#include "ratchet/git/repo.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITABLE_OURS = 3, DETAIL = 400, OUTPUT_MIB = 16 };

struct round {
    const struct round_setting *s;
    struct campaign *c;
    int64_t number;
    bool confined;
    struct workspace workspace;
    struct guard before;
    struct strbuf context_path, out_path, err_path;
    struct keeper_result ran;
    struct answer answer;
    char kernel[SHA256_HEX]; /* of what the agent left */
    char notice[256];        /* about confinement or the repository, "" = nothing to say */
};

static void round_name(struct round *d, const struct round_setting *s, int64_t number)
{
    *d = (struct round){.s = s, .c = s->c, .number = number};
    d->confined =
        !json_is_true(json_object_get(s->c->options, "unconfined")) && landlock_version() > 0;
    if (!d->confined)
        snprintf(d->notice, sizeof d->notice, "not confined (%s)",
                 landlock_version() > 0 ? "--unconfined" : "this system has no Landlock");
    workspace_name(s->c->journal.id, &d->workspace);
    journal_path(&s->c->journal, number, "context.json", &d->context_path);
    journal_path(&s->c->journal, number, "out", &d->out_path);
    journal_path(&s->c->journal, number, "err", &d->err_path);
}

static void round_deinit(struct round *d)
{
    workspace_deinit(&d->workspace);
    strbuf_deinit(&d->context_path);
    strbuf_deinit(&d->out_path);
    strbuf_deinit(&d->err_path);
    strbuf_deinit(&d->ran.tail);
    answer_deinit(&d->answer);
}

static int open_ratchet(const struct round *d, struct ratchet **out)
{
    int rc = ratchet_open(d->s->path, d->s->judge, d->s->say, out);

    if (rc == 0)
        (*out)->wait = true;
    return rc;
}

/* --- how it ended --- */

static void say_end(const struct round *d, const json_t *event)
{
    const char *detail = json_string_value(json_object_get(event, "detail"));

    if (d->s->say)
        fprintf(d->s->say, "round %lld: %s%s%s\n", (long long)d->number,
                json_string_value(json_object_get(event, "outcome")), *detail ? ": " : "", detail);
}

/* A round that led to no experiment. What it says may come from the agent: names of files, words. */
static int end(struct round *d, enum outcome o, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int end(struct round *d, enum outcome o, const char *fmt, ...)
{
    json_t *event =
        json_pack("{s:s, s:I, s:s, s:s?}", "event", "end", "round", (json_int_t)d->number,
                  "outcome", outcome_name(o), "hypothesis", d->answer.hypothesis);
    char detail[DETAIL + 300];
    va_list ap;
    size_t n;

    va_start(ap, fmt);
    vsnprintf(detail, DETAIL, fmt, ap);
    va_end(ap);
    n = strlen(detail);
    if (d->notice[0])
        snprintf(detail + n, sizeof detail - n, "%s%s", n ? "; " : "", d->notice);
    for (char *p = detail; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    record_set_text(event, "detail", detail);
    say_end(d, event);
    return campaign_note(d->c, event);
}

static json_t *real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* One that did. */
static int end_tried(struct round *d, const struct ledger_row *row, bool overtaken)
{
    char detail[DETAIL];
    json_t *event;
    int n = snprintf(detail, sizeof detail, "experiment %lld: %s", (long long)row->experiment,
                     row->verdict);

    if (isfinite(row->estimate))
        n += snprintf(detail + n, sizeof detail - (size_t)n, ", %+.2f %% (%+.2f .. %+.2f)",
                      100 * expm1(row->estimate), 100 * expm1(row->low), 100 * expm1(row->high));
    if (overtaken)
        n += snprintf(detail + n, sizeof detail - (size_t)n, ", but other wins came first");
    if (d->notice[0])
        snprintf(detail + n, sizeof detail - (size_t)n, "; %s", d->notice);
    event = json_pack("{s:s, s:I, s:s, s:s, s:I, s:s, s:s, s:o, s:o, s:b, s:O}", "event", "end",
                      "round", (json_int_t)d->number, "outcome", outcome_name(OUTCOME_TRIED),
                      "detail", detail, "experiment", (json_int_t)row->experiment, "verdict",
                      row->verdict, "hypothesis", row->hypothesis, "estimate", real(row->estimate),
                      "score", real(row->score), "overtaken", overtaken, "rows", d->c->rows);
    say_end(d, event);
    return campaign_note(d->c, event);
}

/* --- telling the agent --- */

static void confinement_text(const struct round *d, char out[400])
{
    if (d->confined)
        snprintf(out, 400,
                 "Landlock %d: you can write in kernel/, $TMPDIR and $XDG_CACHE_HOME alone",
                 landlock_version());
    else
        snprintf(out, 400,
                 "%s: keep to kernel/, $TMPDIR and $XDG_CACHE_HOME; whatever else changes ends the "
                 "round",
                 d->notice);
}

static int write_context(struct ratchet *r, struct round *d)
{
    struct campaign *c = d->c;
    json_t *budget = allowance_json(&c->allowance, &c->spent), *plateau = NULL, *doc = NULL;
    char confinement[400], *text;
    struct standing standing;
    struct plateau now = {.level = c->level};
    struct context_options o = {.goal = campaign_text(c, "goal"),
                                .focus = c->focus[0] ? c->focus : NULL,
                                .focus_reason = c->focus_reason[0] ? c->focus_reason : NULL,
                                .near_attempt = c->experiment,
                                .confinement = confinement,
                                .previous = c->previous,
                                .budget = budget};
    int rc = standing_read(r, campaign_text(c, "focus"), &standing);

    confinement_text(d, confinement);
    snprintf(now.reason, sizeof now.reason, "%s", c->focus_reason);
    if (rc == 0) {
        o.plateau = plateau = plateau_json(standing.op, standing.n, &now);
        rc = context_make(r, &o, &doc);
    }
    text = rc == 0 ? json_dumps(doc, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) : NULL;
    if (rc == 0)
        rc = text ? file_write_atomic(d->context_path.data, text, strlen(text))
                  : err_set(ERR_FORMAT, "the context is no valid JSON");
    free(text);
    json_decref(budget);
    json_decref(plateau);
    json_decref(doc);
    return rc;
}

static int prepare(struct round *d)
{
    struct ratchet *r = NULL;
    int rc = open_ratchet(d, &r);

    if (rc == 0)
        rc = write_context(r, d);
    if (rc == 0)
        rc = workspace_fill(r, &d->workspace);
    if (rc == 0)
        rc = guard_take(r, &d->before);
    ratchet_close(&r);
    return rc;
}

/* --- letting it work --- */

/* Folder of this program, where judge and engine are too. */
static void program_folder(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);

    out[n > 0 ? n : 0] = '\0';
    dirname(out);
}

enum { N_VARIABLES = 5 };

/* The variables that the agent gets. */
static void set_environment(const struct round *d, struct strbuf env[N_VARIABLES])
{
    char folder[PATH_MAX];

    program_folder(folder);
    strbuf_addf(&env[0], "TMPDIR=%s", d->workspace.scratch.data);
    strbuf_addf(&env[1], "XDG_CACHE_HOME=%s", d->workspace.cache.data);
    strbuf_addf(&env[2], "PAWL_CONTEXT=%s", d->context_path.data);
    strbuf_addf(&env[3], "PAWL_BIN=%s", folder);
    strbuf_addf(&env[4], KEEPER_MARK "=%s", d->c->journal.id);
}

static int run_agent(struct round *d)
{
    struct campaign *c = d->c;
    const char *allowed = campaign_text(c, "allow_write");
    char *list = strdup(allowed ? allowed : ""), *save = NULL;
    const char *writable[WRITABLE_OURS + ALLOWED_MAX] = {
        d->workspace.kernel.data, d->workspace.scratch.data, d->workspace.cache.data};
    const char *environment[N_VARIABLES + 1] = {NULL};
    struct strbuf env[N_VARIABLES] = {{0}};
    struct keeper_job job = {
        .command = campaign_text(c, "exec"),
        .folder = d->workspace.tree.data,
        .input = d->context_path.data,
        .out_path = d->out_path.data,
        .err_path = d->err_path.data,
        .environment = environment,
        .writable = writable,
        .seconds = allowance_round(&c->allowance, &c->spent),
        .output_bytes = (size_t)(campaign_number(c, "output_mib", OUTPUT_MIB) * (double)(1 << 20))};
    size_t n = WRITABLE_OURS;
    int rc;

    for (char *p = strtok_r(list, ":", &save); p && n < WRITABLE_OURS + ALLOWED_MAX;
         p = strtok_r(NULL, ":", &save))
        writable[n++] = p;
    job.n_writable = d->confined ? n : 0;
    set_environment(d, env);
    for (size_t i = 0; i < N_VARIABLES; i++)
        environment[i] = env[i].data;
    rc = keeper_run(&job, &d->ran);
    keeper_sweep(c->journal.id);
    for (size_t i = 0; i < N_VARIABLES; i++)
        strbuf_deinit(&env[i]);
    free(list);
    return rc;
}

/* --- looking at what it left --- */

struct earlier_kernel {
    struct ratchet *r;
    const char *kernel, *focus;
    int64_t experiment; /* found; 0: none */
    char verdict[24];
};

static int look_at(void *ctx, const struct ledger_row *row)
{
    struct earlier_kernel *e = ctx;

    if (strcmp(row->kernel, e->kernel) != 0 || strcmp(row->focus, e->focus) != 0 ||
        strcmp(row->judge, e->r->judge->hash) != 0 || !standing_counts(e->r, row))
        return 0;
    e->experiment = row->experiment;
    snprintf(e->verdict, sizeof e->verdict, "%s", row->verdict);
    return 0;
}

/* All the weight goes there: what the agent asks for, or the campaign's own. */
static const char *focus_of(const struct round *d)
{
    return d->answer.focus ? d->answer.focus : campaign_text(d->c, "focus");
}

/* 1 = the round has ended, 0 = there is something to try. */
static int look_at_run(struct round *d)
{
    const struct keeper_result *ran = &d->ran;

    if (ran->end == KEEPER_TIMED_OUT)
        TRY(end(d, OUTCOME_TIMED_OUT, "no end after %.3g s; it and all it started were killed",
                ran->seconds));
    else if (ran->end == KEEPER_TOO_MUCH)
        TRY(end(d, OUTCOME_TOO_MUCH_OUTPUT, "more than %.3g MiB; it was killed",
                campaign_number(d->c, "output_mib", OUTPUT_MIB)));
    else if (ran->end == KEEPER_SIGNALED)
        TRY(end(d, OUTCOME_CRASHED, "signal %d (%s); see %s", ran->code, strsignal(ran->code),
                d->err_path.data));
    else if (ran->code > 128) /* what a shell says of a command that a signal ended */
        TRY(end(d, OUTCOME_CRASHED, "exit code %d (%s); see %s", ran->code,
                strsignal(ran->code - 128), d->err_path.data));
    else if (ran->code != 0)
        TRY(end(d, OUTCOME_CRASHED, "exit code %d; see %s", ran->code, d->err_path.data));
    else
        return 0;
    return 1;
}

static int look_at_answer(struct round *d, bool changed)
{
    const char *focus = focus_of(d);

    if (d->answer.done && !d->answer.hypothesis)
        TRY(end(d, OUTCOME_STOPPED, "%s", d->answer.done));
    else if (!changed)
        TRY(end(d, OUTCOME_NO_CHANGE, "the mutable files are as they were"));
    else if (!d->answer.hypothesis)
        TRY(end(d, OUTCOME_NO_HYPOTHESIS, "no line HYPOTHESIS: on stdout; see %s",
                d->out_path.data));
    else if (judge_focus_check(focus) < 0)
        TRY(end(d, OUTCOME_NO_HYPOTHESIS, "its focus: %s", err_message()));
    else
        return 0;
    return 1;
}

static int look_for_same(struct ratchet *r, struct round *d)
{
    const char *focus = focus_of(d);
    struct earlier_kernel e = {.r = r, .kernel = d->kernel, .focus = focus ? focus : ""};

    TRY(ledger_each(r->ledger, 1, 0, look_at, &e));
    if (!e.experiment)
        return 0;
    TRY(end(d, OUTCOME_SAME_AS_BEFORE,
            "experiment %lld tried this kernel: %s; nothing was measured", (long long)e.experiment,
            e.verdict));
    return 1;
}

/* What the agent changed of the repository itself, when it was free to: 1 = something. Confined it
 * could not; then it was somebody else, and that is worth a word. */
static int look_at_repository(struct ratchet *r, struct round *d)
{
    struct strbuf what = {0};
    struct guard after;
    int rc = guard_take(r, &after);

    if (rc == 0 && guard_differs(&d->before, &after, &what)) {
        if (d->confined)
            snprintf(d->notice, sizeof d->notice, "somebody else changed %s meanwhile", what.data);
        else
            rc = end(d, OUTCOME_OUTSIDE_MUTABLE, "the repository: %s", what.data);
        rc = rc == 0 ? !d->confined : rc;
    }
    strbuf_deinit(&what);
    return rc;
}

static int look(struct ratchet *r, struct round *d)
{
    struct workspace_change change;
    int rc = look_at_repository(r, d);

    if (rc != 0 || (rc = look_at_run(d)) != 0)
        return rc;
    answer_read(d->ran.tail.data, d->ran.tail.len, &d->answer);
    rc = workspace_look(r, &d->workspace, &change);
    if (rc == 0 && change.outside.len) {
        rc = end(d, OUTCOME_OUTSIDE_MUTABLE, "%s", change.outside.data);
        rc = rc == 0 ? 1 : rc;
    }
    snprintf(d->kernel, sizeof d->kernel, "%s", change.kernel);
    if (rc == 0)
        rc = look_at_answer(d, change.changed);
    if (rc == 0)
        rc = look_for_same(r, d);
    strbuf_deinit(&change.outside);
    return rc;
}

/* --- trying it --- */

/* The round ends with what row n says of it. */
static int settle(struct ratchet *r, struct round *d, int64_t n)
{
    struct ledger_row row;
    int rc;

    TRY(try_rows_repeated(r, d->c, n));
    rc = ledger_find(r->ledger, n, &row);
    if (rc == 0)
        rc = err_set(ERR_INTEGRITY, "the ledger has no row %lld", (long long)n);
    TRY(rc);
    rc = end_tried(d, &row, try_rows_overtaken(r, &row));
    ledger_row_deinit(&row);
    return rc;
}

/* What the event `try` announced. */
static int try_it(struct ratchet *r, struct round *d)
{
    json_t *pending = json_incref(d->c->pending); /* the campaign lets go of it at the end */
    struct ratchet_try_options o = {.hypothesis =
                                        json_string_value(json_object_get(pending, "hypothesis")),
                                    .focus = json_string_value(json_object_get(pending, "focus")),
                                    .base = json_string_value(json_object_get(pending, "base")),
                                    .author = campaign_text(d->c, "author"),
                                    .folder = d->workspace.tree.data,
                                    .wait = true};
    struct ratchet_result result;
    int rc = ratchet_try(r, &o, &result);

    if (rc == ERR_CONFLICT || rc == ERR_USAGE) {
        rc = end(d, OUTCOME_REFUSED, "%s", err_message());
    } else if (rc == 0) {
        ratchet__kill_point("agent:", "judged");
        rc = settle(r, d, result.row.experiment);
        ratchet_result_deinit(&result);
    }
    json_decref(pending);
    return rc;
}

static int note_try(struct ratchet *r, struct round *d)
{
    char base[REPO_HEX];

    git_oid_tostr(base, sizeof base, &d->workspace.head);
    TRY(campaign_note(d->c, json_pack("{s:s, s:I, s:s, s:s, s:s, s:s?, s:I}", "event", "try",
                                      "round", (json_int_t)d->number, "kernel", d->kernel, "base",
                                      base, "hypothesis", d->answer.hypothesis, "focus",
                                      focus_of(d), "rows", (json_int_t)ledger_count(r->ledger))));
    ratchet__kill_point("agent:", "try");
    return 0;
}

int round_run(const struct round_setting *s)
{
    struct ratchet *r = NULL;
    struct round d;
    int rc;

    round_name(&d, s, s->c->n_rounds + 1);
    rc = campaign_note(s->c, json_pack("{s:s, s:I, s:s}", "event", "round", "round",
                                       (json_int_t)d.number, "focus", s->c->focus));
    if (rc == 0)
        rc = prepare(&d);
    ratchet__kill_point("agent:", "context");
    if (rc == 0)
        rc = run_agent(&d);
    ratchet__kill_point("agent:", "answered");
    if (rc == 0)
        rc = open_ratchet(&d, &r);
    if (rc == 0)
        rc = look(r, &d);
    if (rc == 0)
        rc = note_try(r, &d);
    if (rc == 0)
        rc = try_it(r, &d);
    if (rc >= 0 && d.answer.done)
        rc = campaign_note(s->c, json_pack("{s:s, s:o}", "event", "stop", "reason",
                                           json_sprintf("the agent: %s", d.answer.done)));
    ratchet_close(&r);
    round_deinit(&d);
    return rc < 0 ? rc : 0;
}

/* --- after a crash --- */

/* Is what was to be tried still there? */
static bool still_there(const struct round *d, const char *kernel)
{
    char now[SHA256_HEX];

    return workspace_kernel(&d->workspace, now) == 0 && strcmp(now, kernel) == 0;
}

static int finish_try(struct ratchet *r, struct round *d)
{
    int64_t n;

    TRY(ratchet_begin(r)); /* which finishes, or records as interrupted, what was under way */
    TRY(try_rows_find(r, d->c, &n));
    if (n)
        return settle(r, d, n);
    if (!still_there(d, json_string_value(json_object_get(d->c->pending, "kernel"))))
        return end(d, OUTCOME_INTERRUPTED, "before it was judged, and its files are gone from %s",
                   d->workspace.tree.data);
    return try_it(r, d);
}

int round_finish(const struct round_setting *s)
{
    const json_t *pending = s->c->pending;
    struct ratchet *r = NULL;
    struct round d;
    int rc;

    if (!pending)
        return 0;
    round_name(&d, s, json_integer_value(json_object_get(pending, "round")));
    keeper_sweep(s->c->journal.id);
    if (strcmp(json_string_value(json_object_get(pending, "event")), "try") != 0) {
        rc = end(&d, OUTCOME_INTERRUPTED, "while the agent was at work; it begins again");
    } else {
        rc = open_ratchet(&d, &r);
        if (rc == 0)
            rc = finish_try(r, &d);
        ratchet_close(&r);
    }
    round_deinit(&d);
    return rc < 0 ? rc : 1;
}
