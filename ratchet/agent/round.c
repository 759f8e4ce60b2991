/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/round.h"

#include "ratchet/agent/allowed.h"
#include "ratchet/agent/answer.h"
#include "ratchet/agent/context.h"
#include "ratchet/agent/guard.h"
#include "ratchet/agent/keeper.h"
#include "ratchet/agent/landlock.h"
#include "ratchet/agent/standing.h"
#include "ratchet/agent/trying.h"
#include "ratchet/git/lineage.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITABLE_OURS = 3, OUTPUT_MIB = 16, BEAT_S = 60 };

struct round {
    const struct round_setting *s;
    struct campaign *c;
    bool confined; /* by Landlock */
    bool kept_out; /* ... so well that it can change nothing of the repository */
    struct ending ending;
    struct workspace workspace;
    struct guard before;
    struct strbuf context_path, out_path, err_path;
    struct keeper_result ran;
    struct answer answer;
    char kernel[SHA256_HEX]; /* of what the agent left */
};

static void round_name(struct round *d, const struct round_setting *s, int64_t number)
{
    *d = (struct round){.s = s, .c = s->c, .ending = {.c = s->c, .say = s->say, .round = number}};
    d->confined = !json_is_true(json_object_get(s->c->options, "unconfined"));
    d->kept_out = d->confined && landlock_version() >= LANDLOCK_KEEPS_FILES;
    if (!d->confined)
        ending_notice(&d->ending, "not confined (--unconfined)");
    else if (!d->kept_out)
        ending_notice(&d->ending, "not well confined (this system's Landlock %d knows no truncate)",
                      landlock_version());
    workspace_name(s->c->workspace, &d->workspace);
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

/* --- telling the agent --- */

static void confinement_text(const struct round *d, char out[400])
{
    if (d->kept_out)
        snprintf(out, 400,
                 "Landlock %d: you can write in kernel/, $TMPDIR and $XDG_CACHE_HOME alone",
                 landlock_version());
    else
        snprintf(out, 400,
                 "%s: keep to kernel/, $TMPDIR and $XDG_CACHE_HOME; whatever else changes ends the "
                 "round",
                 d->ending.notice);
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

enum { N_VARIABLES = 5 };

/* The variables that the agent gets; judge and engine stand beside this program. */
static int set_environment(const struct round *d, struct strbuf env[N_VARIABLES])
{
    char self[PATH_MAX];

    TRY(ratchet__program(self));
    strbuf_addf(&env[0], "TMPDIR=%s", d->workspace.scratch.data);
    strbuf_addf(&env[1], "XDG_CACHE_HOME=%s", d->workspace.cache.data);
    strbuf_addf(&env[2], "PAWL_CONTEXT=%s", d->context_path.data);
    strbuf_addf(&env[3], "PAWL_BIN=%s", dirname(self));
    strbuf_addf(&env[4], KEEPER_MARK "=%s", d->c->journal.id);
    return 0;
}

/* A session that is killed has spent its minutes all the same. */
static void beat(void *campaign)
{
    campaign_note(campaign,
                  json_pack("{s:s}", "event", "beat")); /* the next event says what fails */
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
        .output_bytes = (size_t)(campaign_number(c, "output_mib", OUTPUT_MIB) * (double)(1 << 20)),
        .beat = beat,
        .beat_ctx = c,
        .beat_seconds = BEAT_S};
    size_t n = WRITABLE_OURS;
    int rc;

    for (char *p = strtok_r(list, ":", &save); p && n < WRITABLE_OURS + ALLOWED_MAX;
         p = strtok_r(NULL, ":", &save))
        writable[n++] = p;
    job.n_writable = d->confined ? n : 0;
    rc = set_environment(d, env);
    for (size_t i = 0; i < N_VARIABLES; i++)
        environment[i] = env[i].data;
    if (rc == 0)
        rc = keeper_run(&job, &d->ran);
    keeper_sweep(c->journal.id);
    if (rc == 0 && d->ran.left_behind)
        ending_notice(&d->ending, "what it started could not be ended within a second");
    workspace_clear(&d->workspace); /* should that fail, the next round says so */
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

/* All the weight goes there: the campaign's own, or what the agent asks for. */
static const char *focus_of(const struct round *d)
{
    const char *ours = campaign_text(d->c, "focus");

    return ours ? ours : d->answer.focus;
}

/* 1 = the round has ended, 0 = there is something to try. */
static int look_at_run(struct round *d)
{
    const struct keeper_result *ran = &d->ran;

    if (ran->end == KEEPER_TIMED_OUT)
        TRY(ending_untried(&d->ending, OUTCOME_TIMED_OUT,
                           "no end after %.3g s; it and all it started were killed", ran->seconds));
    else if (ran->end == KEEPER_TOO_MUCH)
        TRY(ending_untried(&d->ending, OUTCOME_TOO_MUCH_OUTPUT, "more than %.3g MiB; it was killed",
                           campaign_number(d->c, "output_mib", OUTPUT_MIB)));
    else if (ran->end == KEEPER_SIGNALED)
        TRY(ending_untried(&d->ending, OUTCOME_CRASHED, "signal %d (%s); see %s", ran->code,
                           strsignal(ran->code), d->err_path.data));
    else if (ran->code > 128) /* what a shell says of a command that a signal ended */
        TRY(ending_untried(&d->ending, OUTCOME_CRASHED, "exit code %d (%s); see %s", ran->code,
                           strsignal(ran->code - 128), d->err_path.data));
    else if (ran->code != 0)
        TRY(ending_untried(&d->ending, OUTCOME_CRASHED, "exit code %d; see %s", ran->code,
                           d->err_path.data));
    else if (ran->left_behind)
        TRY(ending_untried(&d->ending, OUTCOME_CRASHED, "it ended, but not all that it started"));
    else
        return 0;
    return 1;
}

static int look_at_answer(struct round *d, bool changed)
{
    const char *focus = focus_of(d);

    if (d->answer.done && (!d->answer.hypothesis || !changed))
        TRY(ending_untried(&d->ending, OUTCOME_STOPPED, "%s", d->answer.done));
    else if (!changed)
        TRY(ending_untried(&d->ending, OUTCOME_NO_CHANGE, "the mutable files are as they were"));
    else if (!d->answer.hypothesis)
        TRY(ending_untried(&d->ending, OUTCOME_NO_HYPOTHESIS,
                           "no line HYPOTHESIS: on stdout; see %s", d->out_path.data));
    else if (judge_focus_check(focus) < 0)
        TRY(ending_untried(&d->ending, OUTCOME_NO_HYPOTHESIS, "its focus: %s", err_message()));
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
    TRY(ending_untried(&d->ending, OUTCOME_SAME_AS_BEFORE,
                       "experiment %lld tried this kernel: %s; nothing was measured",
                       (long long)e.experiment, e.verdict));
    return 1;
}

/* Did nothing but wins of other ratchets bring the branch to where it is? 1, 0 or negative. */
static int only_wins_came(struct ratchet *r, const git_oid *from)
{
    struct lineage l;
    int rc = lineage_walk(r->repo, &l);
    size_t n = rc == 0 ? lineage_index(&l, from) : 0;

    if (rc == 0)
        rc = n > 0 && n < l.n;
    for (size_t i = 0; rc == 1 && i < n; i++)
        rc = l.joints[i].win > 0;
    lineage_deinit(&l);
    return rc;
}

/* What the agent changed of the repository itself, when it was free to: 1 = something. One that is
 * kept out could not; then it was somebody else, and that is worth a word. */
static int look_at_repository(struct ratchet *r, struct round *d)
{
    struct strbuf what = {0};
    struct guard after;
    bool differs;
    int rc;

    TRY(guard_take(r, &after));
    differs = guard_differs(&d->before, &after, &what);
    if (differs && d->kept_out) {
        ending_notice(&d->ending, "somebody else changed %s meanwhile", what.data);
        differs = false;
    }
    rc = differs ? only_wins_came(r, &d->workspace.head) : 0;
    if (rc == 1) {
        guard_follow(&d->before, &after);
        strbuf_clear(&what);
        differs = guard_differs(&d->before, &after, &what);
    }
    if (rc >= 0)
        rc = differs;
    if (rc == 1) {
        rc = ending_untried(&d->ending, OUTCOME_OUTSIDE_MUTABLE, "the repository: %s", what.data);
        rc = rc == 0 ? 1 : rc;
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
    d->ending.hypothesis = d->answer.hypothesis;
    rc = workspace_look(r, &d->workspace, &change);
    if (rc == 0 && change.outside.len) {
        rc = ending_untried(&d->ending, OUTCOME_OUTSIDE_MUTABLE, "%s", change.outside.data);
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

/* --- the whole --- */

static int note_try(struct ratchet *r, struct round *d)
{
    char base[REPO_HEX];

    git_oid_tostr(base, sizeof base, &d->workspace.head);
    TRY(campaign_note(d->c, json_pack("{s:s, s:I, s:s, s:s, s:s, s:s?, s:s?, s:I}", "event", "try",
                                      "round", (json_int_t)d->ending.round, "kernel", d->kernel,
                                      "base", base, "hypothesis", d->answer.hypothesis, "focus",
                                      focus_of(d), "done", d->answer.done, "rows",
                                      (json_int_t)ledger_count(r->ledger))));
    ratchet__kill_point("agent:", "try");
    return 0;
}

/* The round has ended, and for the agent the campaign too. */
static int note_done(struct campaign *c, const char *done)
{
    return campaign_note(
        c, json_pack("{s:s, s:o}", "event", "stop", "reason", json_sprintf("the agent: %s", done)));
}

int round_run(const struct round_setting *s)
{
    struct ratchet *r = NULL;
    struct round d;
    int rc;

    round_name(&d, s, s->c->n_rounds + 1);
    rc = campaign_note(s->c, json_pack("{s:s, s:I, s:s}", "event", "round", "round",
                                       (json_int_t)d.ending.round, "focus", s->c->focus));
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
        rc = trying_run(r, &d.ending, &d.workspace);
    if (rc >= 0 && d.answer.done)
        rc = note_done(s->c, d.answer.done);
    ratchet_close(&r);
    round_deinit(&d);
    return rc < 0 ? rc : 0;
}

int round_finish(const struct round_setting *s)
{
    json_t *pending = json_incref(s->c->pending); /* the campaign lets go of it at the end */
    const char *done = json_string_value(json_object_get(pending, "done"));
    struct ratchet *r = NULL;
    struct round d;
    int rc;

    if (!pending)
        return 0;
    round_name(&d, s, json_integer_value(json_object_get(pending, "round")));
    keeper_sweep(s->c->journal.id);
    if (strcmp(json_string_value(json_object_get(pending, "event")), "try") != 0) {
        rc = ending_untried(&d.ending, OUTCOME_INTERRUPTED,
                            "while the agent was at work; it begins again");
    } else {
        rc = open_ratchet(&d, &r);
        if (rc == 0)
            rc = trying_finish(r, &d.ending, &d.workspace);
        ratchet_close(&r);
    }
    if (rc >= 0 && done)
        rc = note_done(s->c, done);
    round_deinit(&d);
    json_decref(pending);
    return rc < 0 ? rc : 1;
}
