/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/lease.h"

#include "ratchet/ratchet.h"
#include "ratchet/try/progress.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME = 24, LOOK_US = 100000, PARTIES_MOST = 256 };

/* --- the queue: its folder, locked for an instant by whoever reads or changes it --- */

struct queue {
    int dir;
    size_t n;
    long number[PARTIES_MOST]; /* of the tickets that are locked, in order */
};

static void ticket_name(long number, char out[NAME])
{
    snprintf(out, NAME, "%010ld", number);
}

/* A ticket that nobody has locked is of a process that is gone, or done. */
static bool ticket_lives(int fd)
{
    return flock(fd, LOCK_SH | LOCK_NB) != 0;
}

static int by_number(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;

    return (x > y) - (x < y);
}

static void queue_look(struct queue *q, const char *name)
{
    char *end, same[NAME];
    long number = strtol(name, &end, 10);
    int fd;

    ticket_name(number, same);
    if (strcmp(name, same) != 0)
        return;
    fd = openat(q->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    if (!ticket_lives(fd))
        unlinkat(q->dir, name, 0);
    else if (q->n < PARTIES_MOST)
        q->number[q->n++] = number;
    close(fd);
}

static void queue_close(struct queue *q)
{
    close(q->dir);
}

/* Lock the folder, and read it; tickets of the dead are swept. */
static int queue_open(const char *store, struct queue *q)
{
    char path[PATH_MAX];
    struct dirent *e;
    DIR *d;

    q->n = 0;
    if (snprintf(path, sizeof path, "%s/queue", store) >= (int)sizeof path)
        return err_set(ERR_RANGE, "%s: path too long", store);
    TRY(file_make_dirs(path));
    q->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    d = q->dir < 0 ? NULL : opendir(path);
    while (d && flock(q->dir, LOCK_EX))
        if (errno != EINTR) {
            closedir(d);
            d = NULL;
        }
    if (!d) {
        int why = errno;

        if (q->dir >= 0)
            close(q->dir);
        return err_set(ERR_IO, "%s: %s", path, strerror(why));
    }
    while ((e = readdir(d)))
        queue_look(q, e->d_name);
    closedir(d);
    qsort(q->number, q->n, sizeof *q->number, by_number);
    return 0;
}

/* --- what a ticket says --- */

static void command_line(char out[512])
{
    FILE *f = fopen("/proc/self/cmdline", "re");
    size_t n = f ? fread(out, 1, 511, f) : 0;

    if (f)
        fclose(f);
    while (n && !out[n - 1])
        n--;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)out[i] < ' ' || (unsigned char)out[i] >= 127)
            out[i] = out[i] ? '?' : ' ';
    out[n] = '\0';
}

struct ticket {
    int fd;
    long number;
    json_t *text;
};

static int ticket_write(const struct ticket *t)
{
    char *text = json_dumps(t->text, JSON_COMPACT);
    size_t n = strlen(text);
    bool written = ftruncate(t->fd, 0) == 0 && pwrite(t->fd, text, n, 0) == (ssize_t)n;

    free(text);
    return written ? 0 : err_set(ERR_IO, "queue: writing a ticket: %s", strerror(errno));
}

static void ticket_describe(struct ticket *t, const char *purpose)
{
    char host[64] = "", command[512], now[32];
    json_t *said = json_string(purpose ? purpose : "");

    gethostname(host, sizeof host - 1);
    command_line(command);
    ratchet__time_now(now);
    t->text =
        json_pack("{s:i, s:s, s:s, s:o, s:s, s:s}", "pid", (int)getpid(), "host", host, "command",
                  command, "purpose", said ? said : json_string(""), "asked", now, "since", "");
}

/* The last place of the queue. */
static int ticket_draw(const struct queue *q, const char *purpose, struct ticket *t)
{
    char name[NAME];
    int rc;

    if (q->n == PARTIES_MOST)
        return err_set(ERR_CONFLICT, "%d ratchets wait in this repository already", PARTIES_MOST);
    t->number = q->n ? q->number[q->n - 1] + 1 : 1;
    ticket_name(t->number, name);
    t->fd = openat(q->dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (t->fd < 0 || flock(t->fd, LOCK_EX | LOCK_NB)) {
        rc = err_set(ERR_IO, "queue: ticket %s: %s", name, strerror(errno));
        if (t->fd >= 0)
            close(t->fd);
        return rc;
    }
    ticket_describe(t, purpose);
    rc = ticket_write(t);
    if (rc < 0) {
        json_decref(t->text);
        close(t->fd);
    }
    return rc;
}

static json_t *ticket_read(const struct queue *q, long number)
{
    struct strbuf text = {0};
    char name[NAME], buffer[4096];
    json_t *json;
    ssize_t n;
    int fd;

    ticket_name(number, name);
    fd = openat(q->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    while (fd >= 0 && (n = read(fd, buffer, sizeof buffer)) > 0)
        strbuf_add(&text, buffer, (size_t)n);
    if (fd >= 0)
        close(fd);
    json = json_loadb(strbuf_str(&text), text.len, 0, NULL);
    strbuf_deinit(&text);
    return json_is_object(json) ? json : json_object();
}

json_t *lease_parties(const char *store)
{
    json_t *all = json_array();
    struct queue q;

    if (queue_open(store, &q) < 0)
        return all;
    for (size_t i = 0; i < q.n; i++)
        json_array_append_new(all, ticket_read(&q, q.number[i]));
    queue_close(&q);
    return all;
}

void lease_party_line(const json_t *party, struct strbuf *out)
{
    const char *since = record_get_text(party, "since"),
               *purpose = record_get_text(party, "purpose");

    strbuf_addf(out, "process %d on %s, %s %s: %s",
                (int)json_integer_value(json_object_get(party, "pid")),
                record_get_text(party, "host"), *since ? "at work since" : "waiting since",
                *since ? since : record_get_text(party, "asked"),
                *purpose ? purpose : record_get_text(party, "command"));
}

/* --- waiting --- */

/* Opens the ticket right before number `mine`: a descriptor, or -1 when there is none. */
static int open_before(const struct queue *q, long mine, size_t *n_before, json_t **who)
{
    char name[NAME];
    size_t n = 0;

    while (n < q->n && q->number[n] < mine)
        n++;
    *n_before = n;
    if (n == 0)
        return -1;
    *who = ticket_read(q, q->number[0]);
    ticket_name(q->number[n - 1], name);
    return openat(q->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static int refuse(const json_t *who, const struct lease_request *r)
{
    struct strbuf line = {0};

    lease_party_line(who, &line);
    if (r->wait)
        err_set(ERR_CONFLICT,
                "another ratchet is at work in this repository (%s); gave up after %.3g minutes, "
                "nothing was begun",
                line.data, r->wait_minutes);
    else
        err_set(ERR_CONFLICT,
                "another ratchet is at work in this repository (%s); try again when it is done "
                "(`ratchet try --wait` queues)",
                line.data);
    strbuf_deinit(&line);
    return ERR_CONFLICT;
}

static void say_waiting(const struct lease_request *r, const json_t *who, size_t n_before)
{
    struct strbuf line = {0};

    if (!r->say)
        return;
    lease_party_line(who, &line);
    fprintf(r->say, "waiting for another ratchet in this repository: %s", line.data);
    if (n_before > 1)
        fprintf(r->say, "; %zu more come first", n_before - 1);
    fputc('\n', r->say);
    fflush(r->say);
    strbuf_deinit(&line);
}

/* Until the ticket behind `fd` is let go of: 1, or 0 when the time is over. */
static int outlast(int fd, double until)
{
    while (ticket_lives(fd)) {
        if (until > 0 && progress_seconds() >= until)
            return 0;
        usleep(LOOK_US);
    }
    return 1;
}

/* 0 when it is this ticket's turn. */
static int await(const char *store, const struct ticket *t, const struct lease_request *r)
{
    double until = r->wait_minutes > 0 ? progress_seconds() + 60 * r->wait_minutes : 0;
    size_t n_before, told = 0;
    struct queue q;

    for (;;) {
        json_t *who = NULL;
        char now[32];
        int before, rc;

        TRY(queue_open(store, &q));
        before = open_before(&q, t->number, &n_before, &who);
        if (n_before == 0) {
            ratchet__time_now(now);
            json_object_set_new(t->text, "since", json_string(now));
            rc = ticket_write(t);
            queue_close(&q);
            return rc;
        }
        queue_close(&q);
        rc = before < 0 ? err_set(ERR_IO, "queue: %s", strerror(errno))
             : !r->wait ? refuse(who, r)
                        : 0;
        if (rc == 0 && n_before != told)
            say_waiting(r, who, n_before);
        told = n_before;
        if (rc == 0 && !outlast(before, until))
            rc = refuse(who, r);
        if (before >= 0)
            close(before);
        json_decref(who);
        TRY(rc);
    }
}

int lease_take(const char *store, const struct lease_request *r)
{
    struct ticket t;
    struct queue q;
    int rc;

    TRY(queue_open(store, &q));
    rc = ticket_draw(&q, r->purpose, &t);
    queue_close(&q);
    TRY(rc);
    rc = await(store, &t, r);
    json_decref(t.text);
    if (rc < 0)
        close(t.fd);
    return rc < 0 ? rc : t.fd;
}
