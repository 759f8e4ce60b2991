/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/progress.h"

#include "ratchet/git/repo.h"
#include "reference/base/strbuf.h"

#include <jansson.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { EVERY_SECONDS = 5, NARROWEST = 20 };

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

static void show_json(struct progress *p, const char *stage, const struct judge_progress *step)
{
    json_t *o = json_pack("{s:s, s:b, s:f, s:s}", "stage", stage, "done", step->done, "seconds",
                          progress_seconds() - p->start, "text", step->text);

    if (!o) /* text that is no UTF-8: a step without its words */
        return;
    json_dumpf(o, p->to, JSON_COMPACT);
    fputc('\n', p->to);
    fflush(p->to);
    json_decref(o);
}

/* The tail of the line is erased after it is written, not before: nothing flickers. A line longer
 * than the terminal would wrap and could not be written over. */
void progress_show(struct progress *p, const struct judge_progress *step)
{
    static const char *const stages[] = {"build", "check", "measure", "confirm"};
    struct strbuf line = {0}, cut = {0};
    double now = progress_seconds();

    if (!p->to || !step->text || !*step->text)
        return;
    if (p->json) {
        show_json(p, stages[step->stage], step);
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
