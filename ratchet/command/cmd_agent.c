/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/command/cmd.h"

#include "ratchet/agent/allowed.h"
#include "ratchet/agent/context.h"
#include "ratchet/agent/landlock.h"
#include "ratchet/agent/loop.h"
#include "ratchet/agent/workspace.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: ratchet agent --exec COMMAND [OPTIONS]\n"
    "       ratchet agent --resume [--campaign ID] [OPTIONS]\n"
    "       ratchet agent --print-context [--focus OP] [--goal TEXT]\n"
    "\n"
    "Let an agent change the kernel, again and again. Each round COMMAND (a line for sh) runs in "
    "a\n"
    "throw-away folder with HEAD's files, a JSON context on its stdin. It changes one thing in\n"
    "kernel/*.c or *.inc, prints a last line \"HYPOTHESIS: what should get faster, and why\" and\n"
    "ends; the ratchet tries that like any other change. \"DONE: why\" ends the campaign. A line\n"
    "{\"hypothesis\": TEXT, \"focus\": OP} will do too.\n"
    "\n"
    "COMMAND can write in that kernel/, in $TMPDIR and in $XDG_CACHE_HOME alone (Landlock); the\n"
    "last of them is kept from round to round. Everything it started ends with it. The context is\n"
    "$PAWL_CONTEXT too; `\"$PAWL_BIN/judge\" check --source kernel` tells in a minute whether the\n"
    "change still computes the same.\n"
    "\n"
    "  --exec COMMAND        the agent\n"
    "  --attempts N          end after N experiments\n"
    "  --minutes M           end after M minutes\n"
    "  --agent-minutes M     a run of COMMAND may take so long (default 30; 0: what is left)\n"
    "  --target SCORE        end when a win has this score\n"
    "  --target-gain PCT     end when the wins together are this much faster; a win with a focus "
    "of\n"
    "                        the agent's counts by its share of the time\n"
    "  --plateau PCT         end when no operation promises more than this share of the time\n"
    "                        (default 1; 0: never)\n"
    "  --focus OP            all the weight on one operation or case, in every round, whatever "
    "the\n"
    "                        agent asks for\n"
    "  --goal TEXT           for the context\n"
    "  --author NAME         of the experiments (default: git's user.name)\n"
    "  --allow-write A:B     more files and folders that COMMAND may write, such as its own in "
    "your\n"
    "                        home; never this repository\n"
    "  --unconfined          without Landlock, as is wanted where there is none: what changed is\n"
    "                        compared all the same\n"
    "  --max-output MIB      on stdout or stderr of a round (default 16)\n"
    "  --patience N          end after N rounds in a row that came to nothing or could not be "
    "judged\n"
    "                        (default 5)\n"
    "  --backoff S           wait S seconds after the first of them, then twice that, ... (default "
    "2)\n"
    "  --resume              go on with the last campaign after whatever ended it; other options\n"
    "                        replace its own\n"
    "  --campaign ID         ... with this one\n"
    "  --print-context       print the context and run nothing\n"
    "  --json                what came of it as JSON on stdout\n"
    "\n"
    "A round ends as tried, no-change, no-hypothesis, outside-mutable, crashed, timed-out,\n"
    "too-much-output, same-as-before, refused, interrupted or stopped; all but tried and stopped\n"
    "leave the campaign going until --patience. Diary, contexts and outputs stay in\n"
    ".git/pawl/agents/ID/.\n"
    "Exit: 0 at least one win, 1 none, 2 usage, 3 cannot go on here.\n";

enum { N_NUMBERS = 9 };

struct agent_options {
    const char *exec, *focus, *goal, *author, *allow_write, *campaign;
    const char *number[N_NUMBERS];
    bool unconfined, resume, print_context, json;
};

static const struct {
    const char *option, *key;
    double least, most;
    bool whole;
} numbers[N_NUMBERS] = {
    {"--attempts", "attempts", 1, 1e6, true},
    {"--minutes", "minutes", 0, 1e6, false},
    {"--agent-minutes", "agent_minutes", 0, 1e6, false},
    {"--target", "target", 0, 1e9, false},
    {"--target-gain", "target_gain", 0, 1e6, false},
    {"--plateau", "plateau", 0, 100, false},
    {"--patience", "patience", 1, 1e6, true},
    {"--backoff", "backoff", 0, 3600, false},
    {"--max-output", "output_mib", 1, 4096, false},
};

static int set_numbers(const struct agent_options *o, json_t *out)
{
    for (int i = 0; i < N_NUMBERS; i++) {
        char *stop = NULL;
        double x;

        if (!o->number[i])
            continue;
        x = strtod(o->number[i], &stop);
        if (stop == o->number[i] || *stop || !(x >= numbers[i].least && x <= numbers[i].most) ||
            (numbers[i].whole && x != floor(x)))
            return err_set(ERR_USAGE, "%s %s: a %snumber from %.0f to %.0f is wanted",
                           numbers[i].option, o->number[i], numbers[i].whole ? "whole " : "",
                           numbers[i].least, numbers[i].most);
        json_object_set_new(out, numbers[i].key, json_real(x));
    }
    return 0;
}

static int set_text(json_t *out, const char *key, const char *text)
{
    if (text && json_object_set_new(out, key, json_string(text)))
        return err_set(ERR_USAGE, "%s is no valid UTF-8", key);
    return 0;
}

static int set_options(struct ratchet *r, const struct agent_options *o, json_t *out)
{
    struct strbuf writable = {0};
    int rc = o->allow_write ? allowed_read(r, o->allow_write, &writable) : 0;

    if (rc == 0)
        rc = set_text(out, "allow_write", writable.len ? writable.data : NULL);
    strbuf_deinit(&writable);
    TRY(rc);
    TRY(set_text(out, "exec", o->exec));
    TRY(set_text(out, "focus", o->focus));
    TRY(set_text(out, "goal", o->goal));
    TRY(set_text(out, "author", o->author));
    if (o->unconfined)
        json_object_set_new(out, "unconfined", json_true());
    return set_numbers(o, out);
}

static int check(const struct agent_options *o)
{
    if (!o->exec && !o->resume && !o->print_context)
        return err_set(ERR_USAGE, "an agent is needed: --exec COMMAND, or --resume");
    if (o->exec && o->resume)
        return err_set(ERR_USAGE, "--resume goes on with its own --exec; leave one out");
    if (o->campaign && !o->resume)
        return err_set(ERR_USAGE, "--campaign belongs to --resume");
    return judge_focus_check(o->focus);
}

static int print_context(struct ratchet *r, const struct agent_options *o)
{
    const struct context_options c = {.focus = o->focus, .goal = o->goal};
    json_t *doc = NULL;

    TRY(context_make(r, &c, &doc));
    json_dumpf(doc, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(doc);
    return 0;
}

static void print_result(const struct campaign *c, bool json)
{
    struct strbuf ended = {0};

    if (json) {
        cmd_json(campaign_json(c));
        return;
    }
    for (int i = 0; i < OUTCOME_N; i++)
        if (c->n_ended[i])
            strbuf_addf(&ended, "%s%s %lld", ended.len ? ", " : "", outcome_name((enum outcome)i),
                        (long long)c->n_ended[i]);
    printf("campaign   %s: %s\n", c->journal.id, c->stopped);
    printf("rounds     %lld: %s\n", (long long)c->n_rounds, strbuf_str(&ended));
    printf("attempts   %lld, wins %lld, together %+.2f %%, in %.1f minutes\n",
           (long long)c->spent.attempts, (long long)c->spent.wins, 100 * expm1(c->spent.gain),
           c->spent.seconds / 60);
    strbuf_deinit(&ended);
}

/* Whoever is to be confined is, or does not run. */
static int check_confinement(const json_t *options)
{
    if (landlock_version() > 0 || json_is_true(json_object_get(options, "unconfined")))
        return 0;
    return err_set(ERR_UNSUPPORTED, "this system has no Landlock, which keeps the agent out of the "
                                    "repository; --unconfined runs it without");
}

static int open_campaign(const char *store, const struct agent_options *o, const json_t *options,
                         struct campaign *c)
{
    if (!o->resume) {
        TRY(check_confinement(options));
        campaign_sweep(store);
        return campaign_start(store, options, c);
    }
    TRY(campaign_resume(store, o->campaign, options, c));
    return check_confinement(c->options);
}

/* Begin or go on, to the end. The repository is not kept open meanwhile. */
static int run(struct ratchet **r, const struct agent_options *o, struct campaign *c)
{
    struct round_setting s = {.c = c, .judge = (*r)->judge, .say = stderr};
    json_t *options = json_object();
    struct workspace w;
    char *path = strdup((*r)->root);
    int rc = set_options(*r, o, options);

    s.path = path;
    if (rc == 0)
        rc = open_campaign((*r)->store, o, options, c);
    ratchet_close(r);
    if (rc == 0) {
        fprintf(stderr, "campaign %s; if it is interrupted: ratchet agent --resume\n",
                c->journal.id);
        rc = loop_run(&s);
    }
    if (rc == 0) {
        workspace_name(c->workspace, &w);
        rc = workspace_remove(&w);
        workspace_deinit(&w);
    }
    json_decref(options);
    free(path);
    return rc;
}

int cmd_agent(int argc, char **argv)
{
    struct agent_options o = {0};
    const struct cmd_arg args[] = {
        {"--exec", NULL, &o.exec, NULL},
        {"--focus", NULL, &o.focus, NULL},
        {"--goal", NULL, &o.goal, NULL},
        {"--author", NULL, &o.author, NULL},
        {"--allow-write", NULL, &o.allow_write, NULL},
        {"--campaign", NULL, &o.campaign, NULL},
        {numbers[0].option, NULL, &o.number[0], NULL},
        {numbers[1].option, NULL, &o.number[1], NULL},
        {numbers[2].option, NULL, &o.number[2], NULL},
        {numbers[3].option, NULL, &o.number[3], NULL},
        {numbers[4].option, NULL, &o.number[4], NULL},
        {numbers[5].option, NULL, &o.number[5], NULL},
        {numbers[6].option, NULL, &o.number[6], NULL},
        {numbers[7].option, NULL, &o.number[7], NULL},
        {numbers[8].option, NULL, &o.number[8], NULL},
        {"--unconfined", NULL, NULL, &o.unconfined},
        {"--resume", NULL, NULL, &o.resume},
        {"--print-context", NULL, NULL, &o.print_context},
        {"--json", NULL, NULL, &o.json},
        {NULL, NULL, NULL, NULL},
    };
    struct campaign c = {.journal = {.fd = -1, .lock = -1}};
    struct ratchet *r = NULL;
    int code = cmd_parse(argc, argv, args, usage), rc;

    if (code != CMD_GO)
        return code;
    rc = check(&o);
    if (rc == 0)
        rc = cmd_open(stderr, &r);
    if (rc == 0)
        rc = o.print_context ? print_context(r, &o) : run(&r, &o, &c);
    if (rc == 0 && !o.print_context)
        print_result(&c, o.json);
    code = rc < 0 ? cmd_error(rc) : o.print_context || c.spent.wins ? 0 : RATCHET_EXIT_NO_WIN;
    campaign_close(&c);
    ratchet_close(&r);
    return code;
}
