/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit: the ledger against itself, results.tsv against the ledger, and both against git. Each
 * finding is a line of text; what is false names its row. */
#include "ratchet/audit/audit.h"
#include "ratchet/try/lease.h"
#include "ratchet/try/record.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void audit_add(json_t *list, const char *fmt, ...)
{
    va_list ap;
    char text[512], *clean = NULL;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    record_text(&clean, text); /* a cut inside a character must not lose the finding */
    json_array_append_new(list, json_string(clean));
    free(clean);
}

/* --- the ledger alone --- */

static int audit_chain(struct auditor *a)
{
    struct ledger_proof proof;
    struct ledger_fault fault;
    int rc = ledger_verify(a->r->ledger, &proof, &fault);

    if (rc < 0)
        return rc;
    a->out->n_rows = proof.n_rows;
    if (rc == 1 && fault.experiment)
        audit_add(a->out->failed, "row %lld: %s", (long long)fault.experiment, fault.text);
    else if (rc == 1)
        audit_add(a->out->failed, "%s", fault.text);
    else
        audit_add(
            a->out->proved,
            "chain: %lld rows without gaps, each hash right, each names the one before; cases, "
            "machines, controls and seals say what the rows say",
            (long long)proof.n_rows);
    if (proof.n_without_details)
        audit_add(a->out->unproved, "%lld rows have no detail record here",
                  (long long)proof.n_without_details);
    a->chain_ok = rc == 0;
    return 0;
}

static void audit_pending(struct auditor *a)
{
    char state[32];
    int64_t n;

    if (a->r->doubt[0])
        audit_add(a->out->failed, "%s", a->r->doubt);
    if (ledger_state_pending(a->r->ledger, &n, state) == 1)
        audit_add(a->out->unproved, "attempt %lld is under way or interrupted at state %s",
                  (long long)n, state);
}

/* --- results.tsv --- */

/* One results.tsv against the ledger; *rows gets how many rows it holds, -1 when it is wrong. */
static int compare_tsv(struct auditor *a, const char *which, const struct strbuf *text,
                       int64_t *rows)
{
    struct ledger_fault fault;
    int rc = ledger_verify_tsv(a->r->ledger, strbuf_str(text), text->len, rows, &fault);

    if (rc == 1 && fault.experiment)
        audit_add(a->out->failed, "row %lld: %s (%s)", (long long)fault.experiment, fault.text,
                  which);
    else if (rc == 1)
        audit_add(a->out->failed, "%s (%s)", fault.text, which);
    if (rc == 1)
        *rows = -1;
    if (rc == ERR_INTEGRITY) { /* the ledger itself is unreadable there: audit_chain said so */
        *rows = -1;
        rc = 0;
    }
    return rc < 0 ? rc : 0;
}

static int audit_tsv_on_disk(struct auditor *a, bool tracked)
{
    struct strbuf path = {0}, text = {0};
    int64_t rows = -1;
    int rc = 0;

    strbuf_addf(&path, "%s%s", a->r->root, REPO_RESULTS);
    if (access(path.data, F_OK) == 0) {
        rc = file_read(path.data, &text);
        if (rc == 0)
            rc = compare_tsv(a, "in the working tree", &text, &rows);
        if (rc == 0 && rows >= 0 && rows < a->head_rows && !a->at_work)
            audit_add(a->out->failed, "row %lld: its line is missing (in the working tree)",
                      (long long)rows + 1);
        else if (rc == 0 && rows >= 0)
            audit_add(a->out->proved, "results.tsv in the working tree: rows 1..%lld byte for byte",
                      (long long)rows);
    } else if (tracked) {
        audit_add(a->out->failed, "%s is missing in the working tree", REPO_RESULTS);
    }
    strbuf_deinit(&path);
    strbuf_deinit(&text);
    return rc;
}

static int audit_tsv(struct auditor *a)
{
    struct strbuf text = {0};
    git_tree *tree = NULL;
    int64_t rows = -1;
    int rc = 0, tracked = 0;

    if (!a->has_head)
        return 0;
    rc = repo_tree_of(a->r->repo, &a->head, &tree);
    if (rc == 0)
        tracked = rc = repo_file_read(a->r->repo, tree, REPO_RESULTS, &text);
    if (rc == 1) {
        rc = compare_tsv(a, "at HEAD", &text, &rows);
        a->head_rows = rc == 0 ? rows : -1;
        if (rc == 0 && rows >= 0)
            audit_add(a->out->proved, "results.tsv at HEAD: rows 1..%lld byte for byte",
                      (long long)rows);
        if (rc == 0 && rows >= 0 && rows < a->out->n_rows)
            audit_add(a->out->unproved,
                      "rows %lld..%lld are on ratchet-log only, not yet on this branch (ratchet "
                      "checkpoint)",
                      (long long)rows + 1, (long long)a->out->n_rows);
    } else if (rc == 0) {
        audit_add(a->out->unproved, "this branch carries no %s yet", REPO_RESULTS);
    }
    if (rc == 0)
        rc = audit_tsv_on_disk(a, tracked == 1);
    git_tree_free(tree);
    strbuf_deinit(&text);
    return rc;
}

/* --- everything --- */

/* Once the rows are counted: see audit.h. */
static void look_around(struct auditor *a)
{
    json_t *parties;

    a->has_head = git_reference_name_to_id(&a->head, a->r->repo, "HEAD") == 0;
    parties = lease_parties(a->r->store);
    a->at_work = a->r->lock < 0 && json_array_size(parties) > 0;
    json_decref(parties);
}

int ratchet_audit(struct ratchet *r, struct ratchet_audit *out)
{
    struct auditor a = {.r = r, .out = out, .head_rows = -1};
    int rc;

    memset(out, 0, sizeof *out);
    out->proved = json_array();
    out->unproved = json_array();
    out->failed = json_array();
    a.shallow = git_repository_is_shallow(r->repo) == 1;
    if (a.shallow && r->doubt[0])
        rc = err_set(ERR_UNSUPPORTED, "%s", r->doubt);
    else if (r->behind)
        rc = err_set(ERR_CONFLICT,
                     "experiments that came with git are not taken over here, because "
                     "another ratchet is at work (ratchet status); audit when it is done");
    else
        rc = audit_chain(&a);
    if (rc == 0) {
        look_around(&a);
        audit_pending(&a);
        rc = audit_tsv(&a);
    }
    if (rc == 0 && a.chain_ok && out->n_rows)
        rc = audit_git(&a);
    else if (rc == 0 && out->n_rows)
        audit_add(out->unproved, "commits, kernels, wins and seals: the chain must hold first");
    if (rc < 0)
        ratchet_audit_deinit(out);
    return rc;
}

void ratchet_audit_deinit(struct ratchet_audit *a)
{
    json_decref(a->proved);
    json_decref(a->unproved);
    json_decref(a->failed);
    memset(a, 0, sizeof *a);
}
