/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees as git would never write them: libgit2 reads them all the same. */
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fixture f;
static git_repository *repo;

static void setup(void)
{
    fixture_init(&f);
    git_libgit2_init();
    cr_assert_eq(git_repository_open(&repo, f.repo), 0);
}

static void teardown(void)
{
    git_repository_free(repo);
    git_libgit2_shutdown();
    fixture_deinit(&f);
}

TestSuite(sealed, .init = setup, .fini = teardown);

/* Store a tree of one entry. */
static void tree_write(const char *mode, const char *name, const git_oid *id, git_oid *out)
{
    struct strbuf raw = {0};
    git_odb *odb = NULL;

    strbuf_addf(&raw, "%s %s", mode, name);
    strbuf_add(&raw, "", 1);
    strbuf_add(&raw, (const char *)id->id, GIT_OID_RAWSZ);
    cr_assert_eq(git_repository_odb(&odb, repo), 0);
    cr_assert_eq(git_odb_write(out, odb, raw.data, raw.len, GIT_OBJECT_TREE), 0);
    git_odb_free(odb);
    strbuf_deinit(&raw);
}

/* Neither exported nor digested: kernel/ with that entry, a folder or a file. */
static void refused(const char *mode, const char *name, const git_oid *id)
{
    char dir[PATH_MAX], victim[PATH_MAX], hex[SHA256_HEX];
    git_oid kernel, root;
    git_tree *tree = NULL;

    snprintf(dir, sizeof dir, "%s/scratch/in", f.dir);
    snprintf(victim, sizeof victim, "%s/scratch/victim", f.dir);
    tree_write(mode, name, id, &kernel);
    tree_write("40000", "kernel", &kernel, &root);
    cr_assert_eq(git_tree_lookup(&tree, repo, &root), 0);
    cr_assert_eq(repo_export(repo, tree, "kernel/", dir), ERR_INTEGRITY, "%s", name);
    cr_assert(strstr(err_message(), name), "%s", err_message());
    cr_assert_neq(access(victim, F_OK), 0, "%s", name);
    cr_assert_eq(repo_kernel_digest(repo, tree, hex), ERR_INTEGRITY, "%s", name);
    cr_assert_eq(repo_judge_hash(repo, tree, hex), ERR_INTEGRITY, "%s", name);
    git_tree_free(tree);
}

Test(sealed, takes_no_name_that_leads_out_of_the_folder_or_into_git)
{
    static const char *const names[] = {".", "..", ".git", ".GiT", "../../victim", "a/b"};
    git_oid blob, folder, up;

    cr_assert_eq(git_blob_create_from_buffer(&blob, repo, "x", 1), 0);
    tree_write("100644", "victim", &blob, &folder);
    tree_write("40000", "..", &folder, &up);
    refused("40000", "..", &up);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        refused("100644", names[i], &blob);
        refused("40000", names[i], &folder);
    }
}

Test(sealed, the_audit_names_the_row_of_such_an_attempt)
{
    char hex[REPO_HEX], *text;
    struct ratchet_audit a;
    struct repo_commit c = {.message = "attempt 1: x\n", .n_parents = 1};
    git_oid blob, kernel, root, made;
    struct ledger_row row;
    struct ratchet *r;

    cr_assert_eq(git_blob_create_from_buffer(&blob, repo, "x", 1), 0);
    tree_write("100644", "../../config", &blob, &kernel);
    tree_write("40000", "kernel", &kernel, &root);
    c.tree = &root;
    cr_assert_eq(git_reference_name_to_id(&c.parents[0], repo, "HEAD"), 0);
    cr_assert_eq(repo_commit_store(repo, &c, &made), 0, "%s", err_message());
    r = fixture_open(&f);
    ledger_row_init(&row);
    ledger_text_set(&row.verdict, "LOSS");
    ledger_text_set(&row.judge, f.hash);
    ledger_text_set(&row.attempt, git_oid_tostr(hex, sizeof hex, &made));
    ledger_text_set(&row.parent, git_oid_tostr(hex, sizeof hex, &c.parents[0]));
    cr_assert_eq(ledger_append(r->ledger, &row, "{}", NULL), 0);
    ledger_row_deinit(&row);
    cr_assert_eq(ratchet_audit(r, &a), 0, "%s", err_message());
    text = json_dumps(a.failed, 0);
    cr_assert(strstr(text, "row 1: a tree has an entry 'kernel/../../config'"), "%s", text);
    free(text);
    ratchet_audit_deinit(&a);
    ratchet_close(&r);
}
