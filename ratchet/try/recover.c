/* SPDX-License-Identifier: Apache-2.0
 *
 * Finishing what a killed command left. An attempt without a row gets one (INCONCLUSIVE, and the
 * user's files stay); an attempt with a row is carried to the end its verdict demands. */
#include "ratchet/try/apply.h"
#include "ratchet/git/logbranch.h"
#include "ratchet/ratchet.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdlib.h>
#include <string.h>

static int never_proposed(int64_t n)
{
    return err_set(ERR_INTEGRITY, "ledger: attempt %lld was never proposed", (long long)n);
}

static int finish_elsewhere(struct ratchet *r, int64_t n, char *happened)
{
    char win[REPO_HEX] = "";
    struct proposal p;
    int rc = proposal_load(r, n, &p);

    if (rc == 0)
        return never_proposed(n);
    if (rc == 1)
        rc = apply_win(r, &p, happened, win);
    proposal_deinit(&p);
    return rc;
}

static int finish_applied(struct ratchet *r, int64_t n, char *happened)
{
    struct strbuf data = {0};
    char win[REPO_HEX] = "";
    int rc = ledger_state_find(r->ledger, n, "applied", &data);

    if (rc == 1)
        rc = apply_finish(r, n, data.data, happened, win);
    if (rc == 0) /* the branch went elsewhere before it could move */
        rc = n ? finish_elsewhere(r, n, happened) : apply_forget_checkpoint(r, happened);
    strbuf_deinit(&data);
    return rc < 0 ? rc : 0;
}

/* The row that an attempt killed before its verdict gets. */
static int record_interrupted(struct ratchet *r, const struct proposal *p, const char *state)
{
    struct strbuf reason = {0};
    struct ledger_row row;
    json_t *details;
    char hex[REPO_HEX], machine[256] = "", now[32], *text;
    int rc;

    ratchet__time_now(now);
    r->judge->machine(machine);
    strbuf_addf(&reason, "interrupted at state %s", state);
    ledger_row_init(&row);
    ledger_text_set(&row.time, now);
    ledger_text_set(&row.verdict, r->judge->verdict_name(JUDGE_INCONCLUSIVE));
    ledger_text_set(&row.hypothesis, p->hypothesis);
    ledger_text_set(&row.author, p->author);
    ledger_text_set(&row.focus, p->focus);
    ledger_text_set(&row.kernel, p->kernel);
    ledger_text_set(&row.judge, p->judge);
    record_text(&row.machine, machine);
    ledger_text_set(&row.reason, reason.data);
    ledger_text_set(&row.parent, git_oid_tostr(hex, sizeof hex, &p->parent));
    ledger_text_set(&row.attempt, git_oid_tostr(hex, sizeof hex, &p->attempt));
    details = json_pack("{s:s, s:s}", "reason", reason.data, "next", "run the try again");
    if (p->origin[0])
        record_set_text(details, "origin", p->origin);
    text = json_dumps(details, JSON_COMPACT);
    rc = ratchet__append(r, &row, text, p->n, "rolled_back", true);
    ledger_row_deinit(&row);
    strbuf_deinit(&reason);
    json_decref(details);
    free(text);
    return rc;
}

/* 1 when row n is this proposal's, *win says its verdict; 0 when there is none. */
static int row_of(struct ratchet *r, const struct proposal *p, bool *win)
{
    struct ledger_row row;
    char attempt[REPO_HEX];
    int rc = ledger_find(r->ledger, p->n, &row);

    if (rc <= 0)
        return rc;
    git_oid_tostr(attempt, sizeof attempt, &p->attempt);
    *win = strcmp(row.verdict, r->judge->verdict_name(JUDGE_WIN)) == 0;
    rc = strcmp(row.attempt, attempt) == 0;
    ledger_row_deinit(&row);
    return rc;
}

static int must_keep(struct ratchet *r, int64_t n)
{
    struct strbuf data = {0};
    int rc = ledger_state_find(r->ledger, n, "rolled_back", &data);

    if (rc == 1)
        rc = strstr(strbuf_str(&data), "\"keep\"") != NULL;
    strbuf_deinit(&data);
    return rc;
}

static int finish_attempt(struct ratchet *r, int64_t n, const char *state, char *happened)
{
    struct proposal p;
    char id[REPO_HEX] = "";
    bool win = false;
    int keep = 0, rc = proposal_load(r, n, &p);

    if (rc <= 0)
        return rc < 0 ? rc : never_proposed(n);
    rc = ratchet__attempt_ref(r, n, &p.attempt);
    if (rc == 0)
        rc = row_of(r, &p, &win);
    if (rc == 0) {
        rc = record_interrupted(r, &p, state);
        win = false;
    }
    if (rc >= 0)
        rc = logbranch_sync(r);
    if (rc == 0)
        rc = keep = must_keep(r, n);
    if (rc >= 0)
        rc = win && !keep ? apply_win(r, &p, happened, id)
                          : apply_rollback(r, &p, keep == 1, happened);
    proposal_deinit(&p);
    return rc < 0 ? rc : 0;
}

int ratchet__recover(struct ratchet *r)
{
    char state[32], happened[1024];
    int64_t n;
    int rc;

    while ((rc = ledger_state_pending(r->ledger, &n, state)) == 1) {
        happened[0] = '\0';
        ratchet__say(r, "recovering: %s %lld was interrupted at state %s",
                     n ? "experiment" : "checkpoint", (long long)n, state);
        if (strcmp(state, "applied") == 0)
            TRY(finish_applied(r, n, happened));
        else if (n == 0)
            TRY(ratchet__state(r, n, "done", NULL));
        else
            TRY(finish_attempt(r, n, state, happened));
        ratchet__work_remove(r, n);
        ratchet__say(r, "recovered: %s", happened);
    }
    return rc;
}
