/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/mcp/mcp_known.h"

#include "ratchet/git/repo.h"
#include "ratchet/mcp/mcp_head.h"
#include "reference/base/err.h"

#include <string.h>

/* What is known of a file: {"commit", "shown", "sent"}, where it was shown, and blobs. */
static json_t *file_of(struct mcp_server *s, const char *path)
{
    json_t *file;

    if (!s->known)
        s->known = json_object();
    file = json_object_get(s->known, path);
    if (file)
        return file;
    file = json_object();
    json_object_set_new(s->known, path, file);
    return file;
}

static bool is(const json_t *file, const char *key, const char *hex)
{
    const char *text = json_string_value(json_object_get(file, key));

    return text && strcmp(text, hex) == 0;
}

static void set_id(json_t *file, const char *key, const git_oid *id)
{
    char hex[REPO_HEX];

    json_object_set_new(file, key, json_string(git_oid_tostr(hex, sizeof hex, id)));
}

/* The blob of a file in a commit, "" when there is none. */
static int blob_in(struct ratchet *r, const git_oid *commit, const char *path, char hex[REPO_HEX])
{
    git_tree *tree = NULL;
    git_oid id;
    int rc;

    TRY(repo_tree_of(r->repo, commit, &tree));
    rc = repo_entry(tree, path, &id);
    hex[0] = '\0';
    if (rc == 1)
        git_oid_tostr(hex, REPO_HEX, &id);
    git_tree_free(tree);
    return rc < 0 ? rc : 0;
}

/* --- what the client sees and says --- */

/* What cannot be read was not shown either. */
static void note_shown(struct mcp_server *s, const char *path, const git_oid *commit)
{
    char blob[REPO_HEX];

    if (blob_in(s->r, commit, path, blob) < 0 || !blob[0])
        return;
    set_id(file_of(s, path), "commit", commit);
    json_object_set_new(file_of(s, path), "shown", json_string(blob));
}

void mcp_known_shown(struct mcp_server *s, const char *path, bool whole)
{
    const json_t *file = json_object_get(s->known, path);
    char blob[REPO_HEX];
    git_oid head;

    if (mcp_head_commit(s->r, &head) < 0 || blob_in(s->r, &head, path, blob) < 0)
        return;
    if (whole || !json_object_get(file, "shown") || is(file, "shown", blob))
        note_shown(s, path, &head);
}

void mcp_known_sent(struct mcp_server *s, json_t *files, const git_oid *base)
{
    json_t *sent;
    git_oid blob;
    size_t i;

    json_array_foreach(files, i, sent)
    {
        const char *path = json_string_value(json_object_get(sent, "file"));
        const json_t *text = json_object_get(sent, "text");

        if (!json_object_get(json_object_get(s->known, path), "shown"))
            note_shown(s, path, base);
        if (json_is_string(text) && git_odb_hash(&blob, json_string_value(text),
                                                 json_string_length(text), GIT_OBJECT_BLOB) == 0)
            set_id(file_of(s, path), "sent", &blob);
    }
}

void mcp_known_won(struct mcp_server *s)
{
    char blob[REPO_HEX];
    const char *path;
    json_t *file;
    git_oid head;

    if (mcp_head_commit(s->r, &head) < 0)
        return;
    json_object_foreach(s->known, path, file)
    {
        if (blob_in(s->r, &head, path, blob) == 0 && is(file, "sent", blob))
            note_shown(s, path, &head);
    }
}

/* --- the base --- */

/* Where the client was shown a file, if HEAD has another text of it now: 1, else 0. */
static int shown_before(struct mcp_server *s, const char *path, const git_oid *head,
                        git_oid *commit)
{
    const json_t *file = json_object_get(s->known, path);
    const char *hex = json_string_value(json_object_get(file, "commit"));
    char blob[REPO_HEX];

    if (!hex)
        return 0;
    TRY(blob_in(s->r, head, path, blob));
    if (is(file, "shown", blob) || is(file, "sent", blob))
        return 0;
    return git_oid_fromstr(commit, hex) ? repo_fail("%s", path) : 1;
}

int mcp_known_base(struct mcp_server *s, json_t *files, const git_oid *head, git_oid *base)
{
    json_t *sent;
    size_t i;

    git_oid_cpy(base, head);
    json_array_foreach(files, i, sent)
    {
        const char *path = json_string_value(json_object_get(sent, "file"));
        git_oid shown, both = *base;
        int rc = shown_before(s, path, head, &shown);

        if (rc == 1 && git_merge_base(base, s->r->repo, &both, &shown))
            rc = err_set(ERR_CONFLICT,
                         "%s was read from commit %.12s, which shares no history with HEAD; read "
                         "it again, or give the base",
                         path, git_oid_tostr_s(&shown));
        TRY(rc);
    }
    return 0;
}
