/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/guard.h"

#include "ratchet/git/logbranch.h"
#include "ratchet/git/repo.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void settle(struct strbuf *text, char digest[SHA256_HEX])
{
    sha256_hex(strbuf_str(text), text->len, digest);
    strbuf_clear(text);
}

static int add_ref(git_repository *repo, const char *name, struct strbuf *out)
{
    git_reference *ref = NULL;
    int rc = git_reference_lookup(&ref, repo, name);

    if (rc && rc != GIT_ENOTFOUND)
        return repo_fail("%s", name);
    if (rc == 0 && git_reference_type(ref) == GIT_REFERENCE_SYMBOLIC)
        strbuf_addf(out, "%s -> %s\n", name, git_reference_symbolic_target(ref));
    else if (rc == 0)
        strbuf_addf(out, "%s %s\n", name, git_oid_tostr_s(git_reference_target(ref)));
    git_reference_free(ref);
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_refs(git_repository *repo, struct strbuf *out)
{
    git_strarray names = {0};
    int rc = 0;

    if (git_reference_list(&names, repo))
        return repo_fail("listing refs");
    if (names.count)
        qsort(names.strings, names.count, sizeof *names.strings, by_text);
    for (size_t i = 0; rc == 0 && i < names.count; i++)
        if (strcmp(names.strings[i], LOGBRANCH_REF) != 0 &&
            strncmp(names.strings[i], "refs/pawl/", strlen("refs/pawl/")) != 0)
            rc = add_ref(repo, names.strings[i], out);
    git_strarray_dispose(&names);
    return rc;
}

/* Entries, not bytes: `git status` freshens the times in the file. */
static int add_index(git_repository *repo, struct strbuf *out)
{
    git_index *index = NULL;

    if (git_repository_index(&index, repo) || git_index_read(index, 1))
        return repo_fail("reading the index");
    for (size_t i = 0; i < git_index_entrycount(index); i++) {
        const git_index_entry *e = git_index_get_byindex(index, i);

        strbuf_addf(out, "%o %d %s %s\n", e->mode, git_index_entry_stage(e),
                    git_oid_tostr_s(&e->id), e->path);
    }
    git_index_free(index);
    return 0;
}

static void add_file(const char *path, struct strbuf *out)
{
    struct strbuf content = {0};
    char hex[SHA256_HEX] = "-";
    struct stat st;

    if (lstat(path, &st))
        return;
    if (S_ISREG(st.st_mode) && file_read(path, &content) == 0)
        sha256_hex(strbuf_str(&content), content.len, hex);
    strbuf_addf(out, "%s %o %s\n", path, st.st_mode, hex);
    strbuf_deinit(&content);
}

/* What lets git run, ignore or convert something. */
static void add_config(const char *git_dir, struct strbuf *out)
{
    static const char *const files[] = {"config", "info/attributes", "info/exclude", "info/grafts"};
    char path[PATH_MAX];
    struct dirent **names;
    int n;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s%s", git_dir, files[i]);
        add_file(path, out);
    }
    snprintf(path, sizeof path, "%shooks", git_dir);
    n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%shooks/%s", git_dir, names[i]->d_name);
        add_file(path, out);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

/* Files that are not what the index says, each with its size and time. */
static int add_worktree(struct ratchet *r, struct strbuf *out)
{
    git_status_options o;
    git_status_list *list = NULL;

    git_status_options_init(&o, GIT_STATUS_OPTIONS_VERSION);
    o.show = GIT_STATUS_SHOW_WORKDIR_ONLY;
    o.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_EXCLUDE_SUBMODULES;
    if (git_status_list_new(&list, r->repo, &o))
        return repo_fail("git status");
    for (size_t i = 0; i < git_status_list_entrycount(list); i++) {
        const git_status_entry *e = git_status_byindex(list, i);
        const char *path = e->index_to_workdir->new_file.path;
        char full[PATH_MAX];
        struct stat st = {0};

        snprintf(full, sizeof full, "%s%s", r->root, path);
        lstat(full, &st);
        strbuf_addf(out, "%d %s %lld %lld.%09ld\n", (int)e->status, path, (long long)st.st_size,
                    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    }
    git_status_list_free(list);
    return 0;
}

int guard_take(struct ratchet *r, struct guard *out)
{
    struct strbuf text = {0};
    int rc = add_ref(r->repo, "HEAD", &text);

    settle(&text, out->digest[GUARD_HEAD]);
    if (rc == 0)
        rc = add_refs(r->repo, &text);
    settle(&text, out->digest[GUARD_REFS]);
    if (rc == 0)
        rc = add_index(r->repo, &text);
    settle(&text, out->digest[GUARD_INDEX]);
    add_config(git_repository_commondir(r->repo), &text);
    settle(&text, out->digest[GUARD_CONFIG]);
    if (rc == 0)
        rc = add_worktree(r, &text);
    settle(&text, out->digest[GUARD_FILES]);
    strbuf_deinit(&text);
    return rc;
}

void guard_follow(struct guard *before, const struct guard *after)
{
    static const enum guard_part moved[] = {GUARD_REFS, GUARD_INDEX, GUARD_FILES};

    for (size_t i = 0; i < sizeof moved / sizeof *moved; i++)
        memcpy(before->digest[moved[i]], after->digest[moved[i]], SHA256_HEX);
}

bool guard_differs(const struct guard *before, const struct guard *after, struct strbuf *what)
{
    static const char *const names[] = {"HEAD", "refs", "the index", "git's config or hooks",
                                        "the working tree"};
    bool any = false;

    for (int i = 0; i < GUARD_N_PARTS; i++)
        if (strcmp(before->digest[i], after->digest[i]) != 0) {
            strbuf_addf(what, "%s%s", any ? ", " : "", names[i]);
            any = true;
        }
    return any;
}
