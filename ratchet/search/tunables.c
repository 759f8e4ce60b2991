/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/search/tunables.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char tunables_remedy[] =
    "give each number that a search may move a line TUNABLE(NAME, value, low, high); in "
    "kernel/*.inc "
    "or *.c, after #define TUNABLE(name, value, low, high) enum { name = (value) }";

struct reader {
    const char *path, *text, *at;
};

static int fail(const struct reader *r, const char *at, const char *what)
{
    int line = 1;

    for (const char *p = r->text; p < at; p++)
        line += *p == '\n';
    return err_set(ERR_FORMAT,
                   "%s:%d: %s; a search needs TUNABLE(NAME, value, low, high) with plain integers, "
                   "low <= value <= high",
                   r->path, line, what);
}

/* --- what is no call --- */

static const char *after_comment(const char *p)
{
    const char *end = strstr(p + 2, "*/");

    return end ? end + 2 : p + strlen(p);
}

/* To the end of the line, or of the last one that a backslash joins to it. */
static const char *after_line(const char *p)
{
    while (*p && *p != '\n')
        p += p[0] == '\\' && p[1] ? 2 : 1;
    return p;
}

static const char *after_quoted(const char *p)
{
    char quote = *p++;

    while (*p && *p != quote && *p != '\n')
        p += p[0] == '\\' && p[1] ? 2 : 1;
    return *p == quote ? p + 1 : p;
}

/* The same where comments and strings count: a comment may go on in the lines below. */
static const char *after_directive(const char *p)
{
    while (*p && *p != '\n') {
        if (p[0] == '/' && p[1] == '*')
            p = after_comment(p);
        else if (p[0] == '/' && p[1] == '/')
            p = after_line(p);
        else if (*p == '"' || *p == '\'')
            p = after_quoted(p);
        else
            p += p[0] == '\\' && p[1] ? 2 : 1;
    }
    return p;
}

static const char *after_blanks(const char *p)
{
    for (;;) {
        if (isspace((unsigned char)*p))
            p++;
        else if (p[0] == '/' && p[1] == '*')
            p = after_comment(p);
        else if (p[0] == '/' && p[1] == '/')
            p = after_line(p);
        else
            return p;
    }
}

static const char *after_word(const char *p)
{
    while (isalnum((unsigned char)*p) || *p == '_')
        p++;
    return p;
}

/* --- a call --- */

static bool take(struct reader *r, char c)
{
    r->at = after_blanks(r->at);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

/* An integer and the sign behind it; *len (may be NULL) becomes the length of its text. */
static int take_integer(struct reader *r, char end, int64_t *out, size_t *len)
{
    const char *start = r->at = after_blanks(r->at);
    char *stop;

    errno = 0;
    *out = strtoll(start, &stop, 0);
    if (stop == start || errno == ERANGE || after_word(stop) != stop)
        return fail(r, start, "no integer");
    if (len)
        *len = (size_t)(stop - start);
    r->at = stop;
    return take(r, end) ? 0 : fail(r, r->at, "not the four arguments");
}

/* r->at is behind the opening parenthesis. */
static int take_call(struct reader *r, const struct tunables *known, struct tunable *t)
{
    const char *name = r->at = after_blanks(r->at);

    r->at = after_word(name);
    if (r->at == name || r->at - name >= TUNABLE_NAME)
        return fail(r, name, "no name, or one of more than 63 characters");
    memcpy(t->name, name, (size_t)(r->at - name));
    if (tunables_find(known, t->name))
        return fail(r, name, "a name used twice");
    if (!take(r, ','))
        return fail(r, r->at, "not the four arguments");
    r->at = after_blanks(r->at);
    t->at = (size_t)(r->at - r->text);
    TRY(take_integer(r, ',', &t->value, &t->len));
    TRY(take_integer(r, ',', &t->low, NULL));
    TRY(take_integer(r, ')', &t->high, NULL));
    if (t->value < t->low || t->value > t->high)
        return fail(r, r->text + t->at, "a value out of its range");
    return 0;
}

static void append(struct tunables *t, const struct tunable *one)
{
    struct tunable *grown = realloc(t->item, (t->n + 1) * sizeof *grown);

    if (!grown)
        abort();
    t->item = grown;
    t->item[t->n++] = *one;
}

/* An identifier at r->at. */
static int look_at_word(struct reader *r, size_t file, struct tunables *out)
{
    const char *start = r->at, *end = after_word(start);
    struct tunable one = {.file = file};

    r->at = end;
    if (end - start != 7 || memcmp(start, "TUNABLE", 7) != 0 || !take(r, '('))
        return 0;
    TRY(take_call(r, out, &one));
    append(out, &one);
    return 0;
}

int tunables_parse(const char *path, const char *text, size_t file, struct tunables *out)
{
    struct reader r = {.path = path, .text = text, .at = text};
    bool line_start = true;

    while (*r.at) {
        const char *p = r.at;

        if (after_blanks(p) != p) {
            r.at = after_blanks(p);
            line_start = line_start || memchr(p, '\n', (size_t)(r.at - p));
            continue;
        }
        if (*p == '#' && line_start)
            r.at = after_directive(p);
        else if (*p == '"' || *p == '\'')
            r.at = after_quoted(p);
        else if (isalnum((unsigned char)*p) || *p == '_')
            TRY(look_at_word(&r, file, out));
        else
            r.at++;
        line_start = false;
    }
    return 0;
}

void tunables_deinit(struct tunables *t)
{
    free(t->item);
    *t = (struct tunables){0};
}

const struct tunable *tunables_find(const struct tunables *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->item[i].name, name) == 0)
            return &t->item[i];
    return NULL;
}

void tunables_write(const struct tunables *t, size_t file, const char *text, const int64_t *value,
                    struct strbuf *out)
{
    size_t done = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct tunable *one = &t->item[i];

        if (one->file != file || value[i] == one->value)
            continue;
        strbuf_add(out, text + done, one->at - done);
        strbuf_addf(out, "%" PRId64, value[i]);
        done = one->at + one->len;
    }
    strbuf_add(out, text + done, strlen(text) - done);
}
