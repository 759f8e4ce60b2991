/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/proposal.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdlib.h>
#include <string.h>

json_t *proposal_json(const struct proposal *p)
{
    char attempt[REPO_HEX], parent[REPO_HEX], source[REPO_HEX];

    git_oid_tostr(attempt, sizeof attempt, &p->attempt);
    git_oid_tostr(parent, sizeof parent, &p->parent);
    git_oid_tostr(source, sizeof source, &p->source);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "attempt",
                     attempt, "parent", parent, "source", source, "branch", p->branch, "worktree",
                     p->worktree, "hypothesis", p->hypothesis, "author", p->author, "focus",
                     p->focus, "time", p->time, "kernel", p->kernel, "judge", p->judge, "origin",
                     p->origin);
}

int proposal_load(struct ratchet *r, int64_t n, struct proposal *out)
{
    struct strbuf text = {0};
    const char *attempt, *parent, *source = NULL, *branch, *t[7], *origin = NULL;
    json_t *json = NULL;
    int rc = ledger_state_find(r->ledger, n, "proposed", &text);

    memset(out, 0, sizeof *out);
    if (rc <= 0)
        goto out;
    json = json_loads(text.data, 0, NULL);
    if (json_unpack(json, "{s:s, s:s, s?s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s?s}", "attempt",
                    &attempt, "parent", &parent, "source", &source, "branch", &branch, "worktree",
                    &t[0], "hypothesis", &t[1], "author", &t[2], "focus", &t[3], "time", &t[4],
                    "kernel", &t[5], "judge", &t[6], "origin", &origin) ||
        git_oid_fromstr(&out->attempt, attempt) || git_oid_fromstr(&out->parent, parent) ||
        git_oid_fromstr(&out->source, source ? source : attempt)) {
        rc = err_set(ERR_FORMAT, "ledger: state proposed of attempt %lld is damaged", (long long)n);
        goto out;
    }
    out->n = n;
    snprintf(out->branch, sizeof out->branch, "%s", branch);
    ledger_text_set(&out->worktree, t[0]);
    ledger_text_set(&out->hypothesis, t[1]);
    ledger_text_set(&out->author, t[2]);
    ledger_text_set(&out->focus, t[3]);
    ledger_text_set(&out->time, t[4]);
    ledger_text_set(&out->kernel, t[5]);
    ledger_text_set(&out->judge, t[6]);
    ledger_text_set(&out->origin, origin);
out:
    json_decref(json);
    strbuf_deinit(&text);
    return rc;
}

void proposal_deinit(struct proposal *p)
{
    free(p->worktree);
    free(p->hypothesis);
    free(p->author);
    free(p->focus);
    free(p->time);
    free(p->kernel);
    free(p->judge);
    free(p->origin);
    memset(p, 0, sizeof *p);
}
