/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/journal.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL_NAME "journal.jsonl"
enum { LOCK_TRIES = 20 };

static int file_open(const struct journal *j, const char *name, int flags)
{
    char path[PATH_MAX];
    int fd;

    snprintf(path, sizeof path, "%s/%s", j->folder.data, name);
    fd = open(path, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    return fd < 0 ? err_set(ERR_IO, "%s: %s", path, strerror(errno)) : fd;
}

/* What follows the last newline was never whole. */
static int drop_torn_line(struct journal *j)
{
    struct strbuf text = {0};
    char path[PATH_MAX];
    int rc;

    snprintf(path, sizeof path, "%s/" JOURNAL_NAME, j->folder.data);
    rc = file_read(path, &text);
    while (rc == 0 && text.len && text.data[text.len - 1] != '\n')
        text.len--;
    if (rc == 0 && ftruncate(j->fd, (off_t)text.len))
        rc = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    strbuf_deinit(&text);
    return rc;
}

static int open_files(const char *store, struct journal *j)
{
    strbuf_addf(&j->folder, "%s/agents/%s", store, j->id);
    TRY(file_make_dirs(j->folder.data));
    TRY(j->lock = file_open(j, "lock", O_RDONLY));
    for (int i = 0; flock(j->lock, LOCK_EX | LOCK_NB); i++) {
        if (i == LOCK_TRIES) /* what a killed loop started may hold it for a moment longer */
            return err_set(ERR_CONFLICT,
                           "campaign %s is running; --campaign ID goes on with another", j->id);
        usleep(50000);
    }
    TRY(j->fd = file_open(j, JOURNAL_NAME, O_WRONLY | O_APPEND));
    return drop_torn_line(j);
}

static int finish_opening(const char *store, struct journal *j)
{
    int rc = open_files(store, j);

    if (rc < 0)
        journal_close(j);
    return rc;
}

int journal_create(const char *store, struct journal *out)
{
    time_t now = time(NULL);
    struct tm utc;
    char stamp[24];

    *out = (struct journal){.fd = -1, .lock = -1};
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", gmtime_r(&now, &utc));
    snprintf(out->id, sizeof out->id, "%s-%04x", stamp, (unsigned)(rng_seed_system() & 0xffff));
    return finish_opening(store, out);
}

static bool id_ok(const char *id)
{
    size_t n = strlen(id);

    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)id[i]) && id[i] != '-')
            return false;
    return n && n < sizeof((struct journal *)0)->id;
}

/* Has the journal a whole line? */
static bool began(const char *folder, const char *id)
{
    struct strbuf path = {0}, text = {0};
    bool line;

    strbuf_addf(&path, "%s/%s/" JOURNAL_NAME, folder, id);
    line = file_read(path.data, &text) == 0 && strchr(strbuf_str(&text), '\n');
    strbuf_deinit(&path);
    strbuf_deinit(&text);
    return line;
}

/* Ids sort by their time. */
static void newest(const char *folder, char id[40])
{
    struct dirent **names;
    int n = scandir(folder, &names, NULL, alphasort);

    id[0] = '\0';
    for (int i = n - 1; i >= 0; i--) {
        if (!id[0] && id_ok(names[i]->d_name) && began(folder, names[i]->d_name))
            snprintf(id, 40, "%.39s", names[i]->d_name);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

int journal_open(const char *store, const char *id, struct journal *out)
{
    char path[PATH_MAX];

    *out = (struct journal){.fd = -1, .lock = -1};
    snprintf(path, sizeof path, "%s/agents", store);
    if (id && !id_ok(id))
        return err_set(ERR_USAGE, "%s is no name of a campaign", id);
    if (id)
        snprintf(out->id, sizeof out->id, "%s", id);
    else
        newest(path, out->id);
    if (!out->id[0])
        return err_set(ERR_USAGE, "no agent has run here yet; --exec starts one");
    snprintf(path, sizeof path, "%s/agents/%s/" JOURNAL_NAME, store, out->id);
    if (access(path, F_OK))
        return err_set(ERR_USAGE, "there is no campaign %s", out->id);
    return finish_opening(store, out);
}

bool journal_idle(const char *store, const char *id, double seconds)
{
    char path[PATH_MAX];
    struct stat st;
    bool idle;
    int lock;

    snprintf(path, sizeof path, "%s/agents/%s/" JOURNAL_NAME, store, id);
    if (!id_ok(id) || stat(path, &st) || difftime(time(NULL), st.st_mtime) < seconds)
        return false;
    snprintf(path, sizeof path, "%s/agents/%s/lock", store, id);
    lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    idle = lock < 0 || flock(lock, LOCK_EX | LOCK_NB) == 0;
    if (lock >= 0)
        close(lock);
    return idle;
}

void journal_close(struct journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    if (j->lock >= 0)
        close(j->lock);
    j->fd = j->lock = -1;
    strbuf_deinit(&j->folder);
}

int journal_add(struct journal *j, const json_t *event)
{
    char *line = json_dumps(event, JSON_COMPACT | JSON_REAL_PRECISION(9));
    struct strbuf text = {0};
    int rc = 0;

    if (!line)
        return err_set(ERR_FORMAT, "journal of %s: an event is no valid JSON", j->id);
    strbuf_addf(&text, "%s\n", line);
    if (write(j->fd, text.data, text.len) != (ssize_t)text.len || fdatasync(j->fd))
        rc = err_set(ERR_IO, "journal of %s: %s", j->id, strerror(errno));
    free(line);
    strbuf_deinit(&text);
    return rc;
}

int journal_each(struct journal *j, int (*each)(void *ctx, const json_t *event), void *ctx)
{
    struct strbuf text = {0};
    char path[PATH_MAX];
    int rc, number = 0;

    snprintf(path, sizeof path, "%s/" JOURNAL_NAME, j->folder.data);
    rc = file_read(path, &text);
    for (size_t i = 0; rc == 0 && i < text.len;) {
        size_t n = strcspn(text.data + i, "\n");
        json_t *event = json_loadb(text.data + i, n, 0, NULL);

        number++;
        rc = json_is_object(event) ? each(ctx, event)
                                   : err_set(ERR_FORMAT, "%s: line %d is damaged", path, number);
        json_decref(event);
        i += n + 1;
    }
    strbuf_deinit(&text);
    return rc;
}

void journal_path(const struct journal *j, int64_t round, const char *kind, struct strbuf *out)
{
    strbuf_addf(out, "%s/round-%04lld.%s", j->folder.data, (long long)round, kind);
}
