/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/source_audit.h"

#include "reference/base/strbuf.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file under audit. */
struct audit {
    const char *name;
    int line;    /* of the logical line at hand: where its last part stands */
    char *fault; /* the first is kept */
};

static void complain(struct audit *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void complain(struct audit *a, const char *fmt, ...)
{
    va_list args;
    int n;

    if (a->fault[0])
        return;
    n = snprintf(a->fault, AUDIT_FAULT, "%.80s:%d: ", a->name, a->line);
    va_start(args, fmt);
    vsnprintf(a->fault + n, (size_t)(AUDIT_FAULT - n), fmt, args);
    va_end(args);
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$';
}

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t\v\f");
}

/* Length of the identifier or number at p. */
static int name_length(const char *p)
{
    int n = 0;

    while (is_name(p[n]))
        n++;
    return n;
}

static bool name_is(const char *p, int n, const char *word)
{
    return (size_t)n == strlen(word) && strncmp(p, word, (size_t)n) == 0;
}

static bool name_in(const char *p, int n, const char *const *list)
{
    for (; *list; list++)
        if (name_is(p, n, *list))
            return true;
    return false;
}

int source_name_ok(const char *name)
{
    return name[0] && name[0] != '-' &&
           name[strspn(
               name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] == '\0';
}

/* --- pragmas --- */

/* The text after `#pragma`. What steers code generation is honest; what opens files, hides
 * warnings, renames symbols or replaces the compiler's input is not. */
static void pragma_check(struct audit *a, const char *p)
{
    static const char *const gcc[] = {"push_options", "pop_options", "reset_options", "target",
                                      "optimize",     "unroll",      "ivdep",         "diagnostic",
                                      "visibility",   NULL};
    static const char *const clang[] = {"attribute", "loop", "fp", "diagnostic", NULL};
    static const char *const plain[] = {"once",   "pack",     "push_macro", "pop_macro",
                                        "unroll", "nounroll", "STDC",       NULL};
    const char *first = skip_blanks(p), *second;
    int n = name_length(first), m;
    bool ok;

    second = skip_blanks(first + n);
    m = name_length(second);
    if (name_is(first, n, "GCC"))
        ok = name_in(second, m, gcc);
    else if (name_is(first, n, "clang"))
        ok = name_in(second, m, clang);
    else if (name_is(first, n, "omp"))
        ok = name_is(second, m, "simd");
    else
        ok = n == 0 || name_in(first, n, plain);
    if (!ok)
        complain(a,
                 "#pragma %.*s %.*s is not for kernels: code generation pragmas (target, "
                 "optimize, unroll, ivdep, ...) are what may be used",
                 n > 40 ? 40 : n, first, m > 40 ? 40 : m, second);
}

/* p stands behind the name _Pragma: a literal in parentheses must follow, or nobody can say here
 * what it will be. */
static void pragma_operator_check(struct audit *a, const char *p)
{
    char text[128];
    size_t n = 0;

    p = skip_blanks(p);
    if (*p++ == '(') {
        p = skip_blanks(p);
        if (*p++ == '"') {
            for (; *p && *p != '"' && n < sizeof text - 1; p++)
                text[n++] = *p;
            text[n] = '\0';
            if (*p == '"' && !strchr(text, '\\')) {
                pragma_check(a, text);
                return;
            }
        }
    }
    complain(a, "_Pragma needs its string written out, without escapes: _Pragma(\"GCC unroll 4\")");
}

/* --- the text as written --- */

/* The file that `what` names at p, literally and near; returns what follows it, NULL when
 * refused. */
static const char *file_name_check(struct audit *a, const char *what, const char *p)
{
    char close, name[128];
    size_t n = 0;

    p = skip_blanks(p);
    close = *p == '"' ? '"' : *p == '<' ? '>' : '\0';
    if (!close) {
        complain(a, "%s must name its file literally, not through a macro", what);
        return NULL;
    }
    for (p++; *p && *p != close && n < sizeof name - 1; p++)
        name[n++] = *p;
    name[n] = '\0';
    if (*p == close && name[0] != '/' && !strstr(name, "..") && !strchr(name, '\\'))
        return p + 1;
    complain(a,
             "%s \"%s\": only files beside the kernel and the approved headers may be read, by "
             "plain relative names",
             what, name);
    return NULL;
}

static void include_check(struct audit *a, const char *p)
{
    p = file_name_check(a, "#include", p);
    if (p && *skip_blanks(p))
        complain(a, "#include is followed by more than a file");
}

/* p stands behind the name __has_include. */
static void has_include_check(struct audit *a, const char *p)
{
    p = skip_blanks(p);
    file_name_check(a, "__has_include", *p == '(' ? p + 1 : p);
}

/* A line that starts with '#'; p stands behind it. */
static void directive_check(struct audit *a, const char *p)
{
    static const char *const fine[] = {"define", "undef", "if",    "ifdef",   "ifndef", "elif",
                                       "else",   "endif", "error", "warning", NULL};
    int n;

    p = skip_blanks(p);
    n = name_length(p);
    if (name_is(p, n, "include"))
        include_check(a, p + n);
    else if (name_is(p, n, "pragma"))
        pragma_check(a, p + n);
    else if ((n || *p) && !name_in(p, n, fine))
        complain(a, "#%.*s is not a directive for kernels", n > 40 ? 40 : n, p);
}

/* Names that ask the preprocessor for more than the sources, anywhere outside strings. */
static void names_check(struct audit *a, const char *p)
{
    while (*p) {
        int n = name_length(p);

        if (name_is(p, n, "__has_include"))
            has_include_check(a, p + n);
        if (name_is(p, n, "__has_include_next") || name_is(p, n, "__has_embed"))
            complain(a, "%.*s is not for kernels", n, p);
        if (name_is(p, n, "_Pragma"))
            pragma_operator_check(a, p + n);
        if (n) {
            p += n;
        } else if (*p == '"' || *p == '\'') {
            char quote = *p++;

            for (; *p && *p != quote; p++)
                if (*p == '\\' && p[1])
                    p++;
            p += *p != '\0';
        } else {
            p++;
        }
    }
}

static void line_check(struct audit *a, const char *line)
{
    const char *p = skip_blanks(line);

    if (p[0] == '#')
        directive_check(a, p + 1);
    else if (p[0] == '%' && p[1] == ':')
        directive_check(a, p + 2);
    names_check(a, p);
}

/* Translation phase 2: the text without backslash-newline pairs. A byte 1 stands for each in front
 * of the next newline, so that lines can be counted. Blanks between backslash and newline count as
 * none, as the compilers have it. */
static void lines_splice(const struct strbuf *text, struct strbuf *out)
{
    const char *p = text->data, *end = p + text->len;
    int n_removed = 0;

    while (p < end) {
        const char *q = p + 1;

        while (*p == '\\' && q < end && strchr(" \t\v\f", *q))
            q++;
        if (*p == '\\' && q < end && *q == '\n') {
            n_removed++;
            p = q + 1;
            continue;
        }
        for (; *p == '\n' && n_removed; n_removed--)
            strbuf_add(out, "\1", 1);
        strbuf_add(out, p++, 1);
    }
}

/* Append the string or character constant at p to *line; returns what follows it. A constant that
 * does not end ends with its line. */
static const char *constant_copy(const char *p, struct audit *a, struct strbuf *line)
{
    char quote = *p;

    do {
        if (*p == '\1')
            a->line++;
        else
            strbuf_add(line, p, 1);
        if (*p == '\\' && p[1] && p[1] != '\n')
            strbuf_add(line, ++p, 1);
        p++;
    } while (*p && *p != quote && *p != '\n');
    if (*p == quote)
        strbuf_add(line, p++, 1);
    return p;
}

/* Phase 3 and the checks, line by line: comments become blanks, constants stay. */
static void lines_check(struct audit *a, const char *p)
{
    struct strbuf line = {0};

    for (; *p; a->line++, p += *p == '\n') {
        strbuf_clear(&line);
        while (*p && *p != '\n') {
            if (*p == '\1') {
                a->line++;
                p++;
            } else if (p[0] == '/' && p[1] == '/') {
                for (; *p && *p != '\n'; p++)
                    a->line += *p == '\1';
            } else if (p[0] == '/' && p[1] == '*') {
                for (p += 2; *p && !(p[0] == '*' && p[1] == '/'); p++)
                    a->line += *p == '\1' || *p == '\n';
                p += *p ? 2 : 0;
                strbuf_add(&line, " ", 1);
            } else if (*p == '"' || *p == '\'') {
                p = constant_copy(p, a, &line);
            } else {
                strbuf_add(&line, p++, 1);
            }
        }
        line_check(a, strbuf_str(&line));
    }
    strbuf_deinit(&line);
}

void source_audit_text(const char *name, const struct strbuf *text, char fault[AUDIT_FAULT])
{
    struct audit a = {.name = name, .line = 1, .fault = fault};
    struct strbuf spliced = {0};

    fault[0] = '\0';
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];

        if ((c < ' ' && !strchr("\t\v\f\n", c)) || c == 0)
            complain(&a, "control character %d in the source", c);
        if (c == '?' && i + 2 < text->len && text->data[i + 1] == '?' &&
            strchr("=/'()!<>-", text->data[i + 2]))
            complain(&a, "trigraph ??%c: write the character itself", text->data[i + 2]);
        a.line += c == '\n';
    }
    a.line = 1;
    lines_splice(text, &spliced);
    lines_check(&a, strbuf_str(&spliced));
    strbuf_deinit(&spliced);
}

/* --- what entered --- */

static bool lies_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 && path[n] == '/';
}

void source_audit_dependencies(const struct strbuf *rule, const char *base,
                               const char *const *folders, size_t n, char fault[AUDIT_FAULT])
{
    const char *p = strchr(strbuf_str(rule), ':');

    fault[0] = '\0';
    for (p = p ? p + 1 : ""; *p && !fault[0];) {
        char name[PATH_MAX], path[2 * PATH_MAX], real[PATH_MAX];
        size_t len;
        bool ok = false;

        p += strspn(p, " \t\n\\");
        len = strcspn(p, " \t\n");
        if (len == 0)
            break;
        snprintf(name, sizeof name, "%.*s", (int)len, p);
        snprintf(path, sizeof path, "%s%s%s", name[0] == '/' ? "" : base, name[0] == '/' ? "" : "/",
                 name);
        for (size_t i = 0; realpath(path, real) && i < n; i++)
            ok = ok || lies_below(real, folders[i]);
        if (!ok)
            snprintf(fault, AUDIT_FAULT,
                     "the kernel includes %.200s, which is neither a source of its own nor an "
                     "approved header",
                     name);
        p += len;
    }
}

void source_audit_preprocessed(const struct strbuf *text, char fault[AUDIT_FAULT])
{
    struct audit a = {.name = "preprocessed kernel", .line = 1, .fault = fault};
    const char *p = strbuf_str(text);

    fault[0] = '\0';
    while (*p && !fault[0]) {
        const char *q = skip_blanks(p);

        if (*q == '#') {
            q = skip_blanks(q + 1);
            if (name_is(q, name_length(q), "pragma"))
                pragma_check(&a, q + 6);
        }
        p += strcspn(p, "\n");
        p += *p == '\n';
        a.line++;
    }
}
