/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/mcp_head.h"

#include "ratchet/git/repo.h"
#include "reference/base/err.h"

int mcp_head_commit(struct ratchet *r, git_oid *out)
{
    return git_reference_name_to_id(out, r->repo, "HEAD") ? repo_fail("HEAD") : 0;
}

int mcp_head_tree(struct ratchet *r, git_tree **out)
{
    git_oid head;

    TRY(mcp_head_commit(r, &head));
    return repo_tree_of(r->repo, &head, out);
}

int mcp_head_read(struct ratchet *r, const char *path, struct strbuf *out)
{
    git_tree *tree = NULL;
    int rc = mcp_head_tree(r, &tree);

    if (rc == 0)
        rc = repo_file_read(r->repo, tree, path, out);
    git_tree_free(tree);
    return rc;
}

static int each_of(struct ratchet *r, const git_tree *kernel, mcp_head_fn each, void *ctx)
{
    struct strbuf path = {0}, text = {0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < git_tree_entrycount(kernel); i++) {
        const git_tree_entry *e = git_tree_entry_byindex(kernel, i);

        strbuf_clear(&path);
        strbuf_clear(&text);
        strbuf_addf(&path, "kernel/%s", git_tree_entry_name(e));
        if (git_tree_entry_type(e) != GIT_OBJECT_BLOB || !repo_path_mutable(path.data))
            continue;
        rc = repo_blob_read(r->repo, git_tree_entry_id(e), &text);
        if (rc == 0)
            rc = each(ctx, path.data, &text);
    }
    strbuf_deinit(&path);
    strbuf_deinit(&text);
    return rc;
}

int mcp_head_each(struct ratchet *r, mcp_head_fn each, void *ctx)
{
    git_tree *tree = NULL, *kernel = NULL;
    git_tree_entry *e = NULL;
    int rc = mcp_head_tree(r, &tree);

    if (rc == 0 && (git_tree_entry_bypath(&e, tree, "kernel") ||
                    git_tree_lookup(&kernel, r->repo, git_tree_entry_id(e))))
        rc = repo_fail("HEAD has no folder kernel");
    if (rc == 0)
        rc = each_of(r, kernel, each, ctx);
    git_tree_entry_free(e);
    git_tree_free(kernel);
    git_tree_free(tree);
    return rc;
}
