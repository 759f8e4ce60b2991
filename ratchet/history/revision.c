/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/history/revision.h"
#include "ratchet/git/lineage.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

int revision_here(struct ratchet *r, const git_oid *commit, const char *what)
{
    git_commit *c = NULL;

    if (git_commit_lookup(&c, r->repo, commit) == 0) {
        git_commit_free(c);
        return 1;
    }
    err_set(ERR_CONFLICT, "%s: its commit %.12s is not in this %s", what, git_oid_tostr_s(commit),
            git_repository_is_shallow(r->repo) == 1
                ? "shallow clone; first: git fetch --unshallow"
                : "repository; fetch the branch ratchet-log from where it was tried");
    return 0;
}

/* --- by number --- */

static int row_commit(const struct ledger_row *row, bool base, struct revision *out)
{
    const char *hex = base ? row->parent : row->attempt;

    snprintf(out->label, sizeof out->label,
             base ? "what experiment %lld was tried on" : "experiment %lld",
             (long long)row->experiment);
    if (strcmp(row->verdict, LEDGER_SEAL) == 0 && base)
        return err_set(ERR_USAGE,
                       "%lld^: row %lld records a change of the judge, nothing was tried on a "
                       "kernel; %lld is the commit that was HEAD then",
                       (long long)row->experiment, (long long)row->experiment,
                       (long long)row->experiment);
    if (git_oid_fromstr(&out->commit, hex))
        return err_set(ERR_INTEGRITY, "%s: the ledger names no commit ('%.40s')", out->label, hex);
    return 0;
}

static int by_number(struct ratchet *r, int64_t n, bool base, struct revision *out)
{
    struct ledger_row row;
    int rc = ledger_find(r->ledger, n, &row);

    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(ERR_USAGE, "there is no experiment %lld; the last is %lld", (long long)n,
                       (long long)ledger_count(r->ledger));
    out->experiment = base ? 0 : n;
    rc = row_commit(&row, base, out);
    ledger_row_deinit(&row);
    TRY(rc);
    return revision_here(r, &out->commit, out->label) ? 0 : ERR_CONFLICT;
}

/* --- by git's names --- */

static int by_git(struct ratchet *r, const char *name, struct revision *out)
{
    git_object *named = NULL, *commit = NULL;
    int rc = 0;

    if (git_revparse_single(&named, r->repo, name) ||
        git_object_peel(&commit, named, GIT_OBJECT_COMMIT)) {
        rc = err_set(ERR_USAGE,
                     "'%.60s': say an experiment's number (34), 34^ for what it was tried on, "
                     "first, HEAD, or a commit",
                     name);
    } else {
        git_oid_cpy(&out->commit, git_object_id(commit));
        snprintf(out->label, sizeof out->label, "%.48s (%.12s)", name,
                 git_oid_tostr_s(&out->commit));
    }
    git_object_free(named);
    git_object_free(commit);
    return rc;
}

static int by_first(struct ratchet *r, struct revision *out)
{
    struct lineage l = {0};
    size_t index;
    int rc = lineage_walk(r->repo, &l);

    if (rc == 0)
        rc = lineage_first(r, &l, 0, &index, &out->experiment);
    if (rc == 0) {
        git_oid_cpy(&out->commit, &l.joints[index].commit);
        snprintf(out->label, sizeof out->label, "the first kernel (%.12s)",
                 git_oid_tostr_s(&out->commit));
    }
    out->experiment = 0;
    lineage_deinit(&l);
    return rc;
}

int revision_find(struct ratchet *r, const char *name, struct revision *out)
{
    size_t digits = strspn(name, "0123456789");
    bool base = strcmp(name + digits, "^") == 0;

    memset(out, 0, sizeof *out);
    if (digits && digits < 7 && (base || !name[digits]))
        return by_number(r, strtoll(name, NULL, 10), base, out);
    return strcmp(name, "first") == 0 ? by_first(r, out) : by_git(r, name, out);
}
