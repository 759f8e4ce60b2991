/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/profile/remarks.h"

#include "reference/base/strbuf.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_REMARKS = 2048, MAX_TEXT = 160 };

static const char no_reason[] = "no reason given";

struct remark {
    char file[64];
    unsigned long line;
    bool done; /* vectorised */
    char text[MAX_TEXT];
};

struct remarks {
    struct remark *all;
    size_t n;
    struct remark *open; /* a missed loop whose reason has not come yet */
};

/* "./kernel/x.inc:24:28: missed: ..." Sets the place and returns what follows it, or NULL. */
static const char *parse_place(const char *line, struct remark *r)
{
    const char *at = strstr(line, "kernel/"), *colon;
    char *end;

    colon = at ? strchr(at, ':') : NULL;
    if (!colon || (at != line && at != line + 2) || (size_t)(colon - at) >= sizeof r->file)
        return NULL;
    memcpy(r->file, at, (size_t)(colon - at));
    r->file[colon - at] = '\0';
    r->line = strtoul(colon + 1, &end, 10);
    if (*end != ':')
        return NULL;
    strtoul(end + 1, &end, 10);
    return *end == ':' ? end + 1 + strspn(end + 1, " ") : NULL;
}

static bool starts(const char *text, const char *with, const char **rest)
{
    size_t n = strlen(with);

    if (strncmp(text, with, n))
        return false;
    *rest = text + n + strspn(text + n, " ");
    return true;
}

static void remark_add(struct remarks *r, const struct remark *new)
{
    if (r->n < MAX_REMARKS)
        r->all[r->n++] = *new;
}

static void take_line(struct remarks *r, const char *line, size_t n)
{
    char copy[1024];
    struct remark new = {0};
    const char *text, *rest;

    snprintf(copy, sizeof copy, "%.*s", (int)n, line);
    text = parse_place(copy, &new);
    if (!text)
        return;
    if (starts(text, "optimized:", &rest) && strstr(rest, "vectorized")) {
        new.done = true;
        snprintf(new.text, sizeof new.text, "%.150s", rest);
        remark_add(r, &new);
    } else if (starts(text, "missed:", &rest) && starts(rest, "couldn't vectorize loop", &rest)) {
        snprintf(new.text, sizeof new.text, "%s", no_reason);
        remark_add(r, &new);
        r->open = r->n ? &r->all[r->n - 1] : NULL;
    } else if (starts(text, "missed:", &rest) && starts(rest, "not vectorized:", &rest) &&
               r->open) {
        snprintf(r->open->text, sizeof r->open->text, "%.150s", rest);
        r->open = NULL;
    }
}

static bool same_place(const struct remark *a, const struct remark *b)
{
    return a->line == b->line && !strcmp(a->file, b->file);
}

/* By place; of one place (the compiler tries several widths, and copies of inlined code) success
 * comes first, and a reason before none. */
static int compare(const void *pa, const void *pb)
{
    const struct remark *a = pa, *b = pb;
    int files = strcmp(a->file, b->file);

    if (files)
        return files;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->done != b->done)
        return a->done ? -1 : 1;
    if (strcmp(a->text, no_reason) == 0 || strcmp(b->text, no_reason) == 0)
        return (strcmp(a->text, no_reason) == 0) - (strcmp(b->text, no_reason) == 0);
    return strcmp(a->text, b->text);
}

static void table_print(const struct remarks *r, struct strbuf *out)
{
    size_t n_done = 0, n_missed = 0;

    for (size_t i = 0; i < r->n; i++) {
        const struct remark *m = &r->all[i];
        char place[96];

        if (i && same_place(m, m - 1))
            continue;
        snprintf(place, sizeof place, "%s:%lu", m->file, m->line);
        strbuf_addf(out, "%-36s %-10s %s\n", place, m->done ? "vectorised" : "missed", m->text);
        n_done += m->done;
        n_missed += !m->done;
    }
    strbuf_addf(out, "\nclosest wall: %zu vectorised, %zu left scalar%s\n", n_done, n_missed,
                n_missed ? "; a missed loop matters where asm/ or perf.txt shows it hot" : "");
}

void remarks_print(const char *compiler_output, struct strbuf *out)
{
    struct remarks r = {.all = calloc(MAX_REMARKS, sizeof *r.all)};
    const char *line = compiler_output;

    if (!r.all) {
        strbuf_addf(out, "unavailable: out of memory\n");
        return;
    }
    while (*line) {
        size_t n = strcspn(line, "\n");

        take_line(&r, line, n);
        line += n + (line[n] == '\n');
    }
    qsort(r.all, r.n, sizeof *r.all, compare);
    table_print(&r, out);
    free(r.all);
}
