/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/loop.h"

#include "ratchet/agent/standing.h"
#include "ratchet/try/controls.h"
#include "ratchet/try/scope.h"
#include "reference/base/err.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { PATIENCE = 5, BACKOFF_S = 2, BACKOFF_MOST_S = 60, STOP_PERCENT = 1 };

static int stop(const struct round_setting *s, const char *reason)
{
    if (s->say)
        fprintf(s->say, "stop: %s\n", reason);
    return campaign_note(s->c, json_pack("{s:s, s:s}", "event", "stop", "reason", reason));
}

/* --- what to work on --- */

static int note_plateau(const struct round_setting *s, const struct standing *standing,
                        const struct plateau *p)
{
    const char *name = standing->op[p->focus].name;
    char reason[600];

    if (p->reason[0])
        snprintf(reason, sizeof reason, "%s", p->reason);
    else
        snprintf(reason, sizeof reason, "%.2f %% to expect there, the most of all",
                 100 * plateau_expected(&standing->op[p->focus]));
    if (s->say && (p->level != PLATEAU_GO || strcmp(name, s->c->focus) != 0))
        fprintf(s->say, "focus: %s%s%s: %s\n", name, p->level == PLATEAU_GO ? "" : ": ",
                p->level == PLATEAU_GO ? "" : plateau_level_name(p->level), reason);
    return campaign_note(s->c, json_pack("{s:s, s:i, s:s, s:s, s:s}", "event", "plateau", "level",
                                         (int)p->level, "name", plateau_level_name(p->level),
                                         "focus", name, "reason", reason));
}

/* Only new evidence is a reason to decide anew. */
static int choose_focus(const struct round_setting *s, struct ratchet *r)
{
    struct campaign *c = s->c;
    struct standing standing;
    struct plateau p;
    size_t current = 0;

    if (!c->evidence)
        return 0;
    TRY(standing_read(r, campaign_text(c, "focus"), &standing));
    if (standing.n == 0)
        return 0;
    while (current < standing.n && strcmp(standing.op[current].name, c->focus) != 0)
        current++;
    plateau_decide(standing.op, standing.n, current, c->level,
                   campaign_number(c, "plateau", STOP_PERCENT) / 100, &p);
    TRY(note_plateau(s, &standing, &p));
    if (p.level == PLATEAU_STOP) {
        char reason[600];

        snprintf(reason, sizeof reason, "plateau: %s", p.reason);
        return stop(s, reason);
    }
    return 0;
}

/* --- before a round --- */

/* A judge that is not HEAD's refuses whatever the agent makes. */
static int check_judge(struct ratchet *r)
{
    char branch[REPO_REF];
    git_oid head;

    TRY(repo_head(r->repo, branch, &head));
    return scope_check_judge(r, &head);
}

/* Is there any point in a further round? Says so in c->stopped when not. */
static int look_ahead(const struct round_setting *s)
{
    struct campaign *c = s->c;
    struct judge_calibration calibration;
    struct ratchet *r = NULL;
    char why[700];
    int rc;

    if (allowance_over(&c->allowance, &c->spent, why, sizeof why))
        return stop(s, why);
    if (c->n_failures >= (int)campaign_number(c, "patience", PATIENCE)) {
        snprintf(why, sizeof why, "%d rounds in a row came to nothing; the last: %s", c->n_failures,
                 c->failure);
        return stop(s, why);
    }
    TRY(ratchet_open(s->path, s->judge, s->say, &r));
    rc = check_judge(r);
    if (rc == 0)
        rc = controls_load(s->judge, &calibration);
    if (rc == 1)
        rc = controls_check_fit(&calibration);
    if (rc >= 0)
        rc = choose_focus(s, r);
    ratchet_close(&r);
    return rc;
}

/* An agent that fails at once may only need a moment: a service that is down, a limit on requests. */
static void back_off(const struct campaign *c)
{
    double first = campaign_number(c, "backoff", BACKOFF_S), wait;

    if (c->n_failures == 0)
        return;
    wait = fmin(first * exp2(c->n_failures - 1), BACKOFF_MOST_S);
    nanosleep(
        &(struct timespec){.tv_sec = (time_t)wait, .tv_nsec = (long)(1e9 * (wait - floor(wait)))},
        NULL);
}

/* What another command left unfinished must not stand in the way of the first round. */
static int begin(const struct round_setting *s)
{
    struct ratchet *r = NULL;
    int rc = ratchet_open(s->path, s->judge, s->say, &r);

    if (rc == 0) {
        r->wait = true;
        rc = ratchet_begin(r);
    }
    ratchet_close(&r);
    return rc;
}

int loop_run(const struct round_setting *s)
{
    struct campaign *c = s->c;

    TRY(begin(s));
    TRY(round_finish(s));
    while (!c->stopped[0]) {
        TRY(look_ahead(s));
        if (c->stopped[0])
            break;
        back_off(c);
        TRY(round_run(s));
    }
    return 0;
}
