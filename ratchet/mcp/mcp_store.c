/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/mcp_store.h"

#include "ratchet/git/repo.h"
#include "ratchet/mcp/mcp_head.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NUMBER_MOST = 999999999, SWEPT_MOST = 20 };

void mcp_store_path(const struct ratchet *r, const char *name, struct strbuf *out)
{
    strbuf_addf(out, "%s/mcp/%s", r->store, name);
}

static DIR *store_open(const struct ratchet *r)
{
    struct strbuf path = {0};
    DIR *d;

    mcp_store_path(r, "", &path);
    d = opendir(path.data);
    strbuf_deinit(&path);
    return d;
}

static int store_make(const struct ratchet *r)
{
    struct strbuf path = {0};
    int rc;

    strbuf_addf(&path, "%s/mcp", r->store);
    rc = file_make_dirs(path.data);
    strbuf_deinit(&path);
    return rc;
}

int mcp_store_scratch(const struct ratchet *r, struct strbuf *out)
{
    TRY(store_make(r));
    mcp_store_path(r, "new.XXXXXX", out);
    return mkdtemp(out->data) ? 0 : err_set(ERR_IO, "%s: %s", out->data, strerror(errno));
}

/* --- proposals --- */

/* The largest number of a proposal there. */
static int number_last(const struct ratchet *r)
{
    DIR *d = store_open(r);
    struct dirent *e;
    int last = 0;

    while (d && (e = readdir(d))) {
        char *end = e->d_name;
        long n = e->d_name[0] == 'p' ? strtol(e->d_name + 1, &end, 10) : 0;

        if (n > last && n <= NUMBER_MOST && !*end)
            last = (int)n;
    }
    if (d)
        closedir(d);
    return last;
}

/* Another server of this repository may be looking for a number as well. */
int mcp_store_number(const struct ratchet *r, char name[16], struct strbuf *folder)
{
    TRY(store_make(r));
    for (int n = number_last(r) + 1; n <= NUMBER_MOST; n++) {
        snprintf(name, 16, "p%d", n);
        strbuf_clear(folder);
        mcp_store_path(r, name, folder);
        if (mkdir(folder->data, 0755) == 0)
            return 0;
        if (errno != EEXIST)
            return err_set(ERR_IO, "%s: %s", folder->data, strerror(errno));
    }
    return err_set(ERR_RANGE, "too many proposals; empty %s/mcp", r->store);
}

/* --- HEAD's kernel --- */

/* Filled beside, then renamed: whoever finds it finds all of it. */
static int head_make(struct ratchet *r, const git_oid *commit, const char *folder)
{
    struct strbuf beside = {0};
    git_tree *tree = NULL;
    int rc = mcp_store_scratch(r, &beside);

    if (rc == 0)
        rc = repo_tree_of(r->repo, commit, &tree);
    if (rc == 0)
        rc = repo_export(r->repo, tree, "kernel/", beside.data);
    if (rc == 0 && rename(beside.data, folder) && errno != ENOTEMPTY && errno != EEXIST)
        rc = err_set(ERR_IO, "%s: %s", folder, strerror(errno));
    if (beside.len)
        file_remove_tree(beside.data); /* when it failed, or another server was first */
    git_tree_free(tree);
    strbuf_deinit(&beside);
    return rc;
}

int mcp_store_head(struct ratchet *r, struct strbuf *folder)
{
    char name[sizeof "head-" + GIT_OID_HEXSZ];
    git_oid head;

    TRY(mcp_head_commit(r, &head));
    snprintf(name, sizeof name, "head-%s", git_oid_tostr_s(&head));
    mcp_store_path(r, name, folder);
    if (access(folder->data, F_OK))
        TRY(head_make(r, &head, folder->data));
    mcp_store_use(folder->data);
    mcp_store_sweep(r);
    return 0;
}

/* --- keeping --- */

void mcp_store_use(const char *folder)
{
    utimensat(AT_FDCWD, folder, NULL, 0);
}

static bool earlier(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* The one that was used longest ago; returns how many there are. */
static size_t find_oldest(const struct ratchet *r, char name[NAME_MAX + 1])
{
    struct timespec used = {0};
    DIR *d = store_open(r);
    const struct dirent *e;
    struct stat st;
    size_t n = 0;

    while (d && (e = readdir(d))) {
        if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
            continue;
        if (n++ == 0 || earlier(&st.st_mtim, &used)) {
            used = st.st_mtim;
            snprintf(name, NAME_MAX + 1, "%s", e->d_name);
        }
    }
    if (d)
        closedir(d);
    return n;
}

void mcp_store_sweep(const struct ratchet *r)
{
    struct strbuf path = {0};
    char name[NAME_MAX + 1];

    for (int i = 0; i < SWEPT_MOST && find_oldest(r, name) > MCP_STORE_MOST; i++) {
        strbuf_clear(&path);
        mcp_store_path(r, name, &path);
        file_remove_tree(path.data);
    }
    strbuf_deinit(&path);
}
