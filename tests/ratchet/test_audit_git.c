/* SPDX-License-Identifier: Apache-2.0
 *
 * What the audit makes of git: where the rows end, what cannot be read, who works beside it. */
#include "ratchet/audit/audit.h"
#include "ratchet/git/lineage.h"
#include "ratchet/git/logbranch.h"
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fixture f;
static struct strbuf older; /* ledger.db as it was after the second row */

static void ledger_path(char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/.git/pawl/ledger.db", f.repo);
}

/* Three rows: loss, win, loss. */
static void setup(void)
{
    char path[PATH_MAX];

    fixture_init(&f);
    fixture_experiment(&f, JUDGE_LOSS, "int a;\n");
    fixture_experiment(&f, JUDGE_WIN, "int b;\n");
    ledger_path(path);
    cr_assert_eq(file_read(path, &older), 0);
    fixture_experiment(&f, JUDGE_LOSS, "int c;\n");
}

static void teardown(void)
{
    strbuf_deinit(&older);
    fixture_deinit(&f);
}

TestSuite(audit_git, .init = setup, .fini = teardown);

static void passes(void)
{
    char text[512];

    cr_assert_eq(fixture_audit(&f, text), 0, "%s", text);
}

/* The audit must fail, and its first finding must begin with `words`. */
static void fails(const char *words)
{
    char text[512];

    cr_assert_gt(fixture_audit(&f, text), 0, "not noticed: %s", words);
    cr_assert_eq(strncmp(text, words, strlen(words)), 0, "should begin '%s': %s", words, text);
}

/* The audit must pass, and one of its lines must hold `words`. */
static void passes_saying(const char *words)
{
    struct ratchet *r = fixture_open(&f);
    struct ratchet_audit a;
    char *text;

    cr_assert_eq(ratchet_audit(r, &a), 0, "%s", err_message());
    text = json_dumps(a.failed, 0);
    cr_assert_eq(json_array_size(a.failed), 0, "%s", text);
    free(text);
    json_array_extend(a.proved, a.unproved);
    text = json_dumps(a.proved, JSON_INDENT(1));
    cr_assert(strstr(text, words), "no '%s' in %s", words, text);
    free(text);
    ratchet_audit_deinit(&a);
    ratchet_close(&r);
}

/* --- where the rows end --- */

/* Put the older ledger back and ratchet-log to the last join: row 3, a loss, is gone. */
static void cut(void)
{
    char path[PATH_MAX];

    ledger_path(path);
    cr_assert_eq(file_write_atomic(path, older.data, older.len), 0);
    fixture_git(&f, "update-ref refs/heads/ratchet-log HEAD^2", NULL);
    cr_assert_eq(fixture_rows(&f), 2);
}

Test(audit_git, notices_that_the_last_rows_were_cut_off)
{
    passes_saying("nothing was cut off after row 2");
    cut();
    fails("row 3: refs/pawl/attempts/3 was tried here, but no row names it");
    fixture_experiment(&f, JUDGE_LOSS, "int d;\n"); /* takes number and ref: that trace is gone */
    passes_saying("nothing was cut off after row 2");
    fixture_git(&f, "update-ref refs/pawl/attempts/3 refs/pawl/attempts/1", NULL);
    passes(); /* a row names it, if another one */
    fixture_git(&f, "update-ref refs/pawl/attempts/3 HEAD", NULL);
    fails("row 3: refs/pawl/attempts/3 was tried here, but no row names it");
}

Test(audit_git, notices_what_a_remote_still_has)
{
    fixture_git(&f, "clone -q --bare . ../copy", NULL);
    fixture_git(&f, "remote add origin ../copy", NULL);
    fixture_git(&f, "fetch -q origin", NULL);
    passes();
    cut();
    fixture_git(&f, "update-ref -d refs/pawl/attempts/3", NULL);
    fails("row 3: refs/remotes/origin/ratchet-log has it, this ledger does not");
    fixture_git(&f, "fetch -q . refs/remotes/origin/ratchet-log:ratchet-log", NULL);
    passes(); /* the remedy that it names */
    cr_assert_eq(fixture_rows(&f), 3);
    cut();
    fixture_experiment(&f, JUDGE_LOSS, "int d;\n");
    fails("row 3: refs/remotes/origin/ratchet-log has another one");
}

static void audit_now(struct fixture *fx)
{
    (void)fx;
    passes();
}

Test(audit_git, an_attempt_under_way_is_no_finding)
{
    f.during = audit_now;
    fixture_experiment(&f, JUDGE_WIN, "int d;\n");
    cr_assert_eq(f.n_trials, 4);
    passes();
}

/* --- beside a running try --- */

static void audit_of(struct auditor *a, size_t n_failed)
{
    char *text;

    a->out->proved = json_array();
    a->out->unproved = json_array();
    a->out->failed = json_array();
    cr_assert_eq(audit_git(a), 0, "%s", err_message());
    text = json_dumps(a->out->failed, 0);
    cr_assert_eq(json_array_size(a->out->failed), n_failed, "%s", text);
    free(text);
}

Test(audit_git, a_win_that_lands_meanwhile_is_no_finding)
{
    struct ratchet *r = fixture_open(&f);
    struct ratchet_audit out = {.n_rows = 3};
    struct auditor a = {.r = r, .out = &out, .chain_ok = true, .has_head = true, .head_rows = 2};

    cr_assert_eq(git_reference_name_to_id(&a.head, r->repo, "HEAD"), 0);
    fixture_experiment(&f, JUDGE_WIN, "int d;\n");
    fixture_experiment(&f, JUDGE_WIN, "int e;\n");
    audit_of(&a, 0); /* after HEAD was read */
    ratchet_audit_deinit(&out);
    out.n_rows = 3;
    a.head_rows = 5;
    cr_assert_eq(git_reference_name_to_id(&a.head, r->repo, "HEAD"), 0);
    audit_of(&a, 0); /* after the rows were counted */
    ratchet_audit_deinit(&out);
    ratchet_close(&r);
}

Test(audit_git, a_row_that_is_not_yet_on_ratchet_log_waits_for_the_ratchet_at_work)
{
    struct ratchet *r = fixture_open(&f);
    struct ratchet_audit out = {.n_rows = 3};
    struct auditor a = {.r = r, .out = &out, .chain_ok = true, .has_head = true, .head_rows = 2};

    cr_assert_eq(git_reference_name_to_id(&a.head, r->repo, "HEAD"), 0);
    fixture_git(&f, "update-ref refs/heads/ratchet-log ratchet-log^", NULL);
    audit_of(&a, 1);
    ratchet_audit_deinit(&out);
    out.n_rows = 3;
    a.at_work = true;
    audit_of(&a, 0);
    ratchet_audit_deinit(&out);
    ratchet_close(&r);
}

/* --- what cannot be read, and what is wide --- */

Test(audit_git, a_commit_that_cannot_be_read_is_not_the_end_of_the_branch)
{
    char hex[REPO_HEX], object[80], text[512];
    struct lineage line;
    struct ratchet *r;

    for (int i = 0; i < 2; i++) {
        fixture_write(&f, "README.md", i ? "two\n" : "one\n");
        fixture_git(&f, "commit -qam ordinary", NULL);
    }
    passes();
    fixture_rev(&f, "HEAD^", hex);
    snprintf(object, sizeof object, ".git/objects/%.2s/%s", hex, hex + 2);
    fixture_remove(&f, object);
    cr_assert_gt(fixture_audit(&f, text), 0);
    cr_assert(strstr(text, "cannot be read"), "%s", text);
    r = fixture_open(&f);
    cr_assert_eq(lineage_walk(r->repo, &line), ERR_INTEGRITY);
    lineage_deinit(&line);
    ratchet_close(&r);
}

Test(audit_git, a_wide_ordinary_commit_does_not_disable_it)
{
    char path[32];

    for (int i = 0; i <= REPO_MAX_CHANGES; i++) {
        snprintf(path, sizeof path, "kernel/wide%d.inc", i);
        fixture_write(&f, path, "/* wide */\n");
    }
    fixture_git(&f, "add -A", NULL);
    fixture_git(&f, "commit -qm wide", NULL);
    passes_saying("ordinary commits of this branch that change the kernel: 1;");
}

/* --- ratchet-log --- */

/* Write the last commit of ratchet-log again, with another hash or without its detail record. */
static void write_again(const char *hash, bool with_details)
{
    struct ratchet *r = fixture_open(&f);
    struct repo_commit c = {.n_parents = 2};
    struct strbuf message = {0};
    git_treebuilder *builder = NULL;
    git_commit *last = NULL;
    git_tree *tree = NULL;
    git_oid tip, id, made;

    cr_assert_eq(logbranch_tip(r->repo, &tip), 1);
    cr_assert_eq(git_commit_lookup(&last, r->repo, &tip), 0);
    cr_assert_eq(git_commit_tree(&tree, last), 0);
    cr_assert_eq(git_treebuilder_new(&builder, r->repo, tree), 0);
    if (!with_details)
        cr_assert_eq(git_treebuilder_remove(builder, "details"), 0);
    cr_assert_eq(git_treebuilder_write(&id, builder), 0);
    strbuf_addf(&message, "again\n\nRow: 3\nRow-Hash: %s\n", hash);
    c.message = message.data;
    c.tree = &id;
    git_oid_cpy(&c.parents[0], git_commit_parent_id(last, 0));
    git_oid_cpy(&c.parents[1], git_commit_parent_id(last, 1));
    cr_assert_eq(repo_commit_store(r->repo, &c, &made), 0);
    cr_assert_eq(repo_ref_swap(r->repo, LOGBRANCH_REF, &tip, &made, "test"), 1);
    git_treebuilder_free(builder);
    git_tree_free(tree);
    git_commit_free(last);
    strbuf_deinit(&message);
    ratchet_close(&r);
}

Test(audit_git, counts_the_detail_records_that_it_saw_and_checks_the_hash)
{
    struct ratchet *r = fixture_open(&f);
    struct ledger_row row;

    cr_assert_eq(ledger_find(r->ledger, 3, &row), 1);
    ratchet_close(&r);
    passes_saying("3 of them with its detail record");
    write_again(row.hash, false);
    passes_saying("2 of them with its detail record");
    write_again("0123", true);
    fails("row 3: its ratchet-log commit names another hash");
    ledger_row_deinit(&row);
}
