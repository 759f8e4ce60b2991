/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/seal.h"

#include "judge/judge.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct paths {
    char **items;
    size_t n, room;
};

static int paths_add(struct paths *p, const char *path)
{
    if (p->n == p->room) {
        size_t room = p->room ? 2 * p->room : 64;
        char **items = realloc(p->items, room * sizeof *items);

        if (!items)
            return err_set(ERR_NOMEM, "seal: %zu paths", room);
        p->items = items;
        p->room = room;
    }
    p->items[p->n] = strdup(path);
    if (!p->items[p->n])
        return err_set(ERR_NOMEM, "seal: %s", path);
    p->n++;
    return 0;
}

static void paths_deinit(struct paths *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->items[i]);
    free(p->items);
}

static int paths_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool name_counts(const char *name)
{
    size_t n = strlen(name);

    return name[0] != '.' && n && name[n - 1] != '~' && !(n > 3 && !strcmp(name + n - 3, ".md"));
}

static int paths_collect(const char *root, const char *folder, struct paths *out);

static int paths_visit(const char *root, const char *path, const char *name, struct paths *out)
{
    struct strbuf full = {0};
    struct stat st;
    int rc = 0;

    strbuf_addf(&full, "%s/%s", root, path);
    if (lstat(strbuf_str(&full), &st) < 0)
        rc = err_set(ERR_IO, "seal: %s: %s", strbuf_str(&full), strerror(errno));
    strbuf_deinit(&full);
    TRY(rc);
    if (S_ISDIR(st.st_mode))
        return paths_collect(root, path, out);
    return S_ISREG(st.st_mode) && name_counts(name) ? paths_add(out, path) : 0;
}

static int paths_collect(const char *root, const char *folder, struct paths *out)
{
    struct strbuf path = {0};
    struct dirent *entry;
    DIR *dir;
    int rc = 0;

    strbuf_addf(&path, "%s/%s", root, folder);
    dir = opendir(strbuf_str(&path));
    if (!dir)
        rc = err_set(ERR_IO, "seal: %s: %s", strbuf_str(&path), strerror(errno));
    while (rc == 0 && (entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        strbuf_clear(&path);
        strbuf_addf(&path, "%s/%s", folder, entry->d_name);
        rc = paths_visit(root, strbuf_str(&path), entry->d_name, out);
    }
    if (dir)
        closedir(dir);
    strbuf_deinit(&path);
    return rc;
}

static int digest_lines(const char *root, const struct paths *p, struct strbuf *lines)
{
    for (size_t i = 0; i < p->n; i++) {
        struct strbuf path = {0}, bytes = {0};
        char hex[SHA256_HEX];
        int rc;

        strbuf_addf(&path, "%s/%s", root, p->items[i]);
        rc = file_read(strbuf_str(&path), &bytes);
        if (rc == 0) {
            sha256_hex(strbuf_str(&bytes), bytes.len, hex);
            strbuf_addf(lines, "%s  %s\n", hex, p->items[i]);
        }
        strbuf_deinit(&bytes);
        strbuf_deinit(&path);
        TRY(rc);
    }
    return 0;
}

int judge_seal_compute(const char *root, char hex[SHA256_HEX])
{
    struct paths paths = {0};
    struct strbuf lines = {0};
    int rc;

    rc = paths_collect(root, "judge", &paths);
    if (rc == 0)
        rc = paths_collect(root, "reference", &paths);
    if (rc == 0)
        rc = paths_add(&paths, "kernel/kernel.h");
    if (rc == 0) {
        qsort(paths.items, paths.n, sizeof *paths.items, paths_compare);
        rc = digest_lines(root, &paths, &lines);
    }
    if (rc == 0)
        sha256_hex(strbuf_str(&lines), lines.len, hex);
    strbuf_deinit(&lines);
    paths_deinit(&paths);
    return rc;
}

int judge_seal_check(const char *root)
{
    char hex[SHA256_HEX];

    TRY(judge_seal_compute(root, hex));
    if (!strcmp(hex, judge_hash))
        return 0;
    return err_set(ERR_CONFLICT,
                   "the sealed files in %s are not those this program was built from (%.12s, built "
                   "with %.12s): run make",
                   root, hex, judge_hash);
}
