/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/object_cache.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An entry: the digest of everything behind it, then "<bytes of log> <bytes of object>\n", log,
 * object. */
static const char suffix[] = ".object";

static int entry_path(char out[PATH_MAX], const char *folder, const char *name, const char *end)
{
    if (snprintf(out, PATH_MAX, "%s/%s%s", folder, name, end) >= PATH_MAX)
        return err_set(ERR_RANGE, "%s/%s%s: path too long", folder, name, end);
    return 0;
}

static bool entry_parse(const struct strbuf *entry, struct strbuf *object, struct strbuf *log)
{
    const size_t at = SHA256_HEX - 1;
    char hex[SHA256_HEX];
    size_t n_log, n_object;
    int n = 0;

    if (entry->len <= at)
        return false;
    sha256_hex(entry->data + at, entry->len - at, hex);
    if (memcmp(hex, entry->data, at) != 0 ||
        sscanf(entry->data + at, "%zu %zu%n", &n_log, &n_object, &n) != 2)
        return false;
    strbuf_add(log, entry->data + at + n + 1, n_log);
    strbuf_add(object, entry->data + at + n + 1 + n_log, n_object);
    return true;
}

int object_cache_get(const char *folder, const char key[SHA256_HEX], struct strbuf *object,
                     struct strbuf *log)
{
    struct strbuf entry = {0};
    char path[PATH_MAX];
    bool found;

    if (entry_path(path, folder, key, suffix) < 0 || access(path, R_OK))
        return 0;
    found = file_read(path, &entry) == 0 && entry_parse(&entry, object, log);
    if (found)
        utimensat(AT_FDCWD, path, NULL, 0);
    strbuf_deinit(&entry);
    return found;
}

struct entry {
    char name[NAME_MAX + 1];
    struct timespec used;
};

static int entry_compare(const void *a, const void *b)
{
    const struct timespec *x = &((const struct entry *)a)->used;
    const struct timespec *y = &((const struct entry *)b)->used;

    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

/* Remove the longest unused entries past the limit. Another process may do the same. */
static int trim(const char *folder)
{
    struct entry *entries = NULL;
    const struct dirent *e;
    DIR *dir = opendir(folder);
    char path[PATH_MAX];
    struct stat st;
    size_t n = 0;

    if (!dir)
        return err_set(ERR_IO, "%s: %s", folder, strerror(errno));
    while ((e = readdir(dir))) {
        const char *dot = strrchr(e->d_name, '.');
        struct entry *grown;

        if (!dot || strcmp(dot, suffix) || fstatat(dirfd(dir), e->d_name, &st, 0))
            continue;
        grown = realloc(entries, (n + 1) * sizeof *grown);
        if (!grown)
            abort();
        entries = grown;
        memcpy(entries[n].name, e->d_name, strlen(e->d_name) + 1);
        entries[n++].used = st.st_mtim;
    }
    closedir(dir);
    if (n > OBJECT_CACHE_ENTRIES)
        qsort(entries, n, sizeof *entries, entry_compare);
    for (size_t i = 0; i + OBJECT_CACHE_ENTRIES < n; i++)
        if (entry_path(path, folder, entries[i].name, "") == 0)
            unlink(path);
    free(entries);
    return 0;
}

int object_cache_put(const char *folder, const char key[SHA256_HEX], const struct strbuf *object,
                     const struct strbuf *log)
{
    struct strbuf entry = {0}, body = {0};
    char path[PATH_MAX], hex[SHA256_HEX];
    int rc;

    TRY(entry_path(path, folder, key, suffix));
    strbuf_addf(&body, "%zu %zu\n", log->len, object->len);
    strbuf_add(&body, strbuf_str(log), log->len);
    strbuf_add(&body, strbuf_str(object), object->len);
    sha256_hex(body.data, body.len, hex);
    strbuf_addf(&entry, "%s", hex);
    strbuf_add(&entry, body.data, body.len);
    rc = file_write_atomic(path, entry.data, entry.len);
    strbuf_deinit(&body);
    strbuf_deinit(&entry);
    return rc < 0 ? rc : trim(folder);
}
