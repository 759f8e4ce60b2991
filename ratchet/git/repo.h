/* SPDX-License-Identifier: Apache-2.0
 *
 * repo.h: what ratchet/ needs of git, over libgit2, with errors in the manner of err.h. All
 * functions are for ratchet/ only; a repository handle belongs to one thread. */
#ifndef PAWL_RATCHET_REPO_H
#define PAWL_RATCHET_REPO_H

#include "reference/base/sha256.h"

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

enum { REPO_HEX = GIT_OID_HEXSZ + 1, REPO_REF = 256 };

#define REPO_RESULTS "ledger/results.tsv"

/* ERR_IO with "<formatted>: <libgit2's message>". */
int repo_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Full name of the branch HEAD is on, and its commit. Errors: ERR_CONFLICT for a detached HEAD, a
 * branch without commits, or a merge, rebase or the like under way. */
int repo_head(git_repository *repo, char branch[REPO_REF], git_oid *commit);

/* Tree of a commit; the caller frees it. */
int repo_tree_of(git_repository *repo, const git_oid *commit, git_tree **out);

/* Blob id at `path` in the tree: 1, or 0 when there is no blob. */
int repo_entry(const git_tree *tree, const char *path, git_oid *id);

/* Append the blob's bytes. */
int repo_blob_read(git_repository *repo, const git_oid *id, struct strbuf *out);

/* As repo_entry, and append its bytes: 1, 0 or negative. */
int repo_file_read(git_repository *repo, const git_tree *tree, const char *path,
                   struct strbuf *out);

/* Store a commit that no ref points at. The date is `time` (epoch seconds), so the same arguments
 * give the same id again. `author` NULL = git's user. */
struct repo_commit {
    const char *message, *author;
    int64_t time;
    const git_oid *tree;
    git_oid parents[2];
    size_t n_parents;
};
int repo_commit_store(git_repository *repo, const struct repo_commit *c, git_oid *out);

/* First line of `text`, at most `columns` bytes ("..." included), never cut inside a character. */
void repo_subject(struct strbuf *out, const char *text, size_t columns);

/* Name of git's user, "unknown" when there is none. Appends. */
void repo_user_name(git_repository *repo, struct strbuf *out);

/* Commit a full ref name points at: 1, or 0 when there is no such ref. */
int repo_ref_target(git_repository *repo, const char *name, git_oid *out);

/* Call `each` for the refs that a glob selects and the commits they point at; stops at a non-zero
 * return and returns it. */
typedef int (*repo_ref_fn)(void *ctx, const char *name, const git_oid *target);
int repo_refs_each(git_repository *repo, const char *glob, repo_ref_fn each, void *ctx);

/* Point `name` at `to`, wherever it was. */
int repo_ref_set(git_repository *repo, const char *name, const git_oid *to, const char *why);

/* Point `name` at `to` if it still is at `from` (NULL: must not exist). 1 = done, 0 = somebody else
 * moved it. */
int repo_ref_swap(git_repository *repo, const char *name, const git_oid *from, const git_oid *to,
                  const char *why);

/* Value of trailer `key` in the last paragraph of a commit message, copied to out: true when found.
 */
bool repo_trailer(const char *message, const char *key, char *out, size_t bytes);

/* --- sealed and mutable files --- */

/* Mutable: kernel/NAME.c and kernel/NAME.inc, nothing below, no hidden names. */
bool repo_path_mutable(const char *path);

/* In judge/, reference/ or kernel/. */
bool repo_path_sealed_folder(const char *path);

/* The next three read trees that others may have written by hand: ERR_INTEGRITY for an entry named
 * ".", "..", ".git" or with a slash in it.
 *
 * What judge/hash.sh computes, from a tree. */
int repo_judge_hash(git_repository *repo, const git_tree *tree, char hex[SHA256_HEX]);

/* Digest of the mutable files of a tree, made the same way. */
int repo_kernel_digest(git_repository *repo, const git_tree *tree, char hex[SHA256_HEX]);

/* Write the blobs of `tree` under `prefix` ("kernel/", "judge/") to dir/<path>. */
int repo_export(git_repository *repo, const git_tree *tree, const char *prefix, const char *dir);

/* A mutable file that differs between two trees, or between HEAD and the working tree. */
struct repo_change {
    char path[REPO_REF];
    bool has_before, has_after;
    git_oid before, after;
    git_filemode_t mode; /* HEAD's where it has the file: a try never changes it */
};
enum { REPO_MAX_CHANGES = 64 };
struct repo_changes {
    size_t n;
    struct repo_change item[REPO_MAX_CHANGES];
};

/* Do two commits have the same mutable files and the same judge hash? 1, 0 or negative. */
int repo_same_code(git_repository *repo, const git_oid *a, const git_oid *b);

/* Store tree `base` with these changes made. */
int repo_changes_apply(git_repository *repo, git_tree *base, const struct repo_changes *c,
                       git_oid *out);

/* Store the tree of commit `onto` with the mutable files of commit `kernel`. */
int repo_kernel_onto(git_repository *repo, const git_oid *kernel, const git_oid *onto,
                     git_oid *out);

/* Merge the change of mutable files from commit `base` to commit `change` onto commit `onto`, line
 * by line: 1 and *tree stored, or 0 and the paths where both changed the same appended to
 * *conflicts. */
int repo_change_merge(git_repository *repo, const git_oid *base, const git_oid *change,
                      const git_oid *onto, git_oid *tree, struct strbuf *conflicts);

/* Mutable files that differ; *others counts differing paths outside the mutable set. */
int repo_changes_between(git_repository *repo, const git_oid *before, const git_oid *after,
                         struct repo_changes *out, size_t *others);

/* Compare the mutable files of two trees (`before` NULL: with nothing), renames followed, whatever
 * git's configuration says of them. `flags` as in git_diff_options. The caller frees *out. */
int repo_kernel_diff(git_repository *repo, git_tree *before, git_tree *after,
                     uint32_t context_lines, uint32_t flags, git_diff **out);

#endif
