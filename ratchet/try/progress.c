/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/progress.h"

#include "ratchet/git/repo.h"
#include "ratchet/ratchet.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { EVERY_SECONDS = 5, NARROWEST = 20 };
static const double PUBLISH_SECONDS = 0.2;
static const char file_name[] = "progress.json";
static const char *const stages[] = {"build", "check", "measure", "confirm"};

double progress_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_init(struct progress *p, FILE *to, bool json)
{
    struct winsize size;

    memset(p, 0, sizeof *p);
    p->to = to;
    p->json = json;
    p->terminal = to && !json && isatty(fileno(to));
    if (p->terminal && ioctl(fileno(to), TIOCGWINSZ, &size) == 0)
        p->columns = size.ws_col;
    p->start = progress_seconds();
}

/* Members of a step; NULL for text that is no UTF-8. */
static json_t *step_json(const struct progress *p, const struct judge_progress *step)
{
    return json_pack("{s:s, s:b, s:f, s:s}", "stage", stages[step->stage], "done", step->done,
                     "seconds", progress_seconds() - p->start, "text", step->text);
}

static void show_json(struct progress *p, const struct judge_progress *step)
{
    json_t *o = step_json(p, step);

    if (!o)
        return;
    json_dumpf(o, p->to, JSON_COMPACT);
    fputc('\n', p->to);
    fflush(p->to);
    json_decref(o);
}

/* --- for other processes --- */

void progress_publish(struct progress *p, const char *store, int64_t experiment,
                      const char *hypothesis)
{
    char now[32];

    ratchet__time_now(now);
    if (snprintf(p->path, sizeof p->path, "%s/%s", store, file_name) >= (int)sizeof p->path)
        p->path[0] = '\0';
    p->published = json_pack("{s:I, s:I, s:s, s:s}", "pid", (json_int_t)getpid(), "experiment",
                             (json_int_t)experiment, "hypothesis", hypothesis, "started", now);
}

/* Readers see the old step or the new one. Nothing waits for the disk: it is being measured. */
static void publish(struct progress *p, const struct judge_progress *step)
{
    double now = progress_seconds();
    char next[PATH_MAX + 8];
    json_t *o;

    if (!p->published || !p->path[0] ||
        (!step->done && p->last_published > 0 && now - p->last_published < PUBLISH_SECONDS))
        return;
    o = step_json(p, step);
    snprintf(next, sizeof next, "%s.next", p->path);
    if (o && json_object_update(o, p->published) == 0 && json_dump_file(o, next, JSON_COMPACT) == 0)
        rename(next, p->path);
    p->last_published = now;
    json_decref(o);
}

void progress_end(struct progress *p)
{
    progress_clear(p);
    if (p->path[0])
        unlink(p->path);
    json_decref(p->published);
    p->published = NULL;
}

int progress_read(const char *store, json_t **out)
{
    char path[PATH_MAX];
    json_int_t pid;

    if (snprintf(path, sizeof path, "%s/%s", store, file_name) >= (int)sizeof path)
        return 0;
    *out = json_load_file(path, 0, NULL);
    pid = json_integer_value(json_object_get(*out, "pid"));
    if (pid > 0 && pid <= INT_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM))
        return 1;
    json_decref(*out);
    *out = NULL;
    return 0;
}

/* --- for people --- */

/* The tail of the line is erased after it is written, not before: nothing flickers. A line longer
 * than the terminal would wrap and could not be written over. */
void progress_show(struct progress *p, const struct judge_progress *step)
{
    struct strbuf line = {0}, cut = {0};
    double now = progress_seconds();

    if (!step->text || !*step->text)
        return;
    publish(p, step);
    if (!p->to)
        return;
    if (p->json) {
        show_json(p, step);
        return;
    }
    if (!p->terminal && !step->done && p->last > 0 && now - p->last < EVERY_SECONDS)
        return;
    strbuf_addf(&line, "%4.0f s  %-8s %s", now - p->start, stages[step->stage], step->text);
    repo_subject(&cut, line.data, p->columns > NARROWEST ? (size_t)p->columns - 1 : line.len);
    if (p->terminal)
        fprintf(p->to, "\r%s\033[K%s", cut.data, step->done ? "\n" : "");
    else
        fprintf(p->to, "%s\n", cut.data);
    fflush(p->to);
    p->last = now;
    strbuf_deinit(&line);
    strbuf_deinit(&cut);
}

void progress_clear(struct progress *p)
{
    if (p->terminal)
        fputs("\r\033[K", p->to);
}
