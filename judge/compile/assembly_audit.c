/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/assembly_audit.h"

#include "reference/base/strbuf.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What gcc and clang emit for C without debug and unwind tables, and what honest inline assembly
 * may add: data, alignment, sections of its own. */
static const char *const directives[] = {
    ".att_syntax", ".intel_syntax", ".addrsig",    ".addrsig_sym", ".align",     ".ascii",
    ".asciz",      ".balign",       ".bss",        ".byte",        ".comm",      ".data",
    ".double",     ".file",         ".float",      ".global",      ".globl",     ".hidden",
    ".hword",      ".ident",        ".int",        ".internal",    ".local",     ".long",
    ".octa",       ".p2align",      ".popsection", ".previous",    ".protected", ".pushsection",
    ".quad",       ".section",      ".set",        ".short",       ".single",    ".size",
    ".skip",       ".space",        ".string",     ".text",        ".type",      ".value",
    ".weak",       ".word",         ".zero",       NULL,
};

/* Refused in comments too: should the assembler not take for a comment what we do, these are what
 * must not stand there. */
static const char *const never[] = {
    ".incbin", ".include", ".macro", ".rept", ".irp", ".irpc", ".altmacro", ".print", NULL,
};

struct reading {
    int line;
    char *fault; /* the first is kept */
};

static void complain(struct reading *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void complain(struct reading *r, const char *fmt, ...)
{
    va_list args;
    int n;

    if (r->fault[0])
        return;
    n = snprintf(r->fault, ASSEMBLY_FAULT, "assembly of the kernel, line %d: ", r->line);
    va_start(args, fmt);
    vsnprintf(r->fault + n, (size_t)(ASSEMBLY_FAULT - n), fmt, args);
    va_end(args);
}

static bool is_symbol(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$' || c == '@';
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\v' || *p == '\f' || *p == '\r'))
        p++;
    return p;
}

static const char *skip_symbol(const char *p, const char *end)
{
    while (p < end && is_symbol(*p))
        p++;
    return p;
}

/* Behind the string literal that starts at p; NULL when its line ends first. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end)
            p++;
    return p < end ? p + 1 : NULL;
}

static bool in_list(const char *p, size_t n, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == n && strncasecmp(p, *list, n) == 0)
            return true;
    return false;
}

/* Refuse the names of `never` in p..end, whatever stands around them. */
static void never_check(struct reading *r, const char *p, const char *end)
{
    while (p < end) {
        const char *q = skip_symbol(p, end);

        if (*p == '.' && in_list(p, (size_t)(q - p), never))
            complain(r, "%.*s is not for kernels", (int)(q - p), p);
        p = q > p ? q : p + 1;
    }
}

/* Operands of .section: a name of the usual stems; flags are judged in the object. */
static void section_check(struct reading *r, const char *p, const char *end)
{
    static const char *const stems[] = {".text", ".rodata",         ".data",
                                        ".bss",  ".note.GNU-stack", ".llvm_addrsig"};
    const char *q;

    p = skip_blanks(p, end);
    p += p < end && *p == '"';
    q = skip_symbol(p, end);
    if (q < end && *q == '-')
        q = skip_symbol(q + 1, end);
    for (size_t i = 0; i < sizeof stems / sizeof stems[0]; i++) {
        size_t n = strlen(stems[i]);

        if ((size_t)(q - p) >= n && strncmp(p, stems[i], n) == 0 &&
            ((size_t)(q - p) == n || p[n] == '.'))
            return;
    }
    complain(r, ".section %.*s is not for kernels: code goes to .text*, constants to .rodata*",
             (int)(q - p > 80 ? 80 : q - p), p);
}

/* Operands of .set: name, name [+- number], which is how compilers share constants. */
static void set_check(struct reading *r, const char *p, const char *end)
{
    const char *from = skip_blanks(p, end), *q = skip_symbol(from, end);
    bool ok = q > from && !(q - from == 1 && *from == '.');

    q = skip_blanks(q, end);
    ok = ok && q < end && *q == ',';
    p = skip_blanks(q + ok, end);
    q = skip_symbol(p, end);
    ok = ok && q > p && !isdigit((unsigned char)*p) && !(q - p == 1 && *p == '.');
    q = skip_blanks(q, end);
    if (q < end && (*q == '+' || *q == '-'))
        for (q = skip_blanks(q + 1, end); q < end && isdigit((unsigned char)*q);)
            q++;
    if (!ok || skip_blanks(q, end) < end)
        complain(r, ".set %.*s: only another name for a symbol may be set",
                 (int)(end - from > 80 ? 80 : end - from), from);
}

static void directive_check(struct reading *r, const char *p, const char *name_end, const char *end)
{
    size_t n = (size_t)(name_end - p);

    if (!in_list(p, n, directives))
        complain(r, "%.*s is not for kernels", (int)(n > 80 ? 80 : n), p);
    else if (n == 8 && strncasecmp(p, ".section", n) == 0)
        section_check(r, name_end, end);
    else if (n == 12 && strncasecmp(p, ".pushsection", n) == 0)
        section_check(r, name_end, end);
    else if (n == 4 && strncasecmp(p, ".set", n) == 0)
        set_check(r, name_end, end);
}

/* One statement: labels, then a directive or an instruction. */
static void statement_check(struct reading *r, const char *p, const char *end)
{
    for (;;) {
        const char *from = p = skip_blanks(p, end), *q;

        if (p == end)
            return;
        if (*p == '"') {
            q = skip_string(p, end);
            q = q ? q : end;
        } else {
            q = skip_symbol(p, end);
        }
        p = skip_blanks(q, end);
        if (q > from && p < end && *p == ':') {
            p++;
            continue;
        }
        if (p < end && *p == '=')
            complain(r, "assigning to %.*s is not for kernels",
                     (int)(q - from > 80 ? 80 : q - from), from);
        else if (*from == '.')
            directive_check(r, from, q, end);
        else if (!isalpha((unsigned char)*from) && *from != '{')
            complain(r, "a statement starts with '%c'", *from);
        return;
    }
}

/* Where the statement that starts at p ends: at ';', at a comment or with the line. */
static const char *statement_end(struct reading *r, const char *p, const char *end)
{
    while (p < end && *p != ';' && *p != '#') {
        if (*p == '\'')
            complain(r, "character constants ('%c) are not for kernels: write the number",
                     p + 1 < end ? p[1] : ' ');
        if (*p == '/' && p + 1 < end && (p[1] == '*' || p[1] == '/'))
            complain(r, "write comments of inline assembly outside its text");
        if (*p == '"') {
            const char *q = skip_string(p, end);

            if (!q)
                complain(r, "a string does not end with its line");
            p = q ? q : end;
        } else {
            p++;
        }
    }
    return p;
}

/* Every statement of a line; a comment ends it. */
static void line_check(struct reading *r, const char *p, const char *end)
{
    while (p < end && !r->fault[0]) {
        const char *q = statement_end(r, p, end);

        statement_check(r, p, q);
        if (q < end && *q == '#') {
            never_check(r, q, end);
            return;
        }
        p = q + 1;
    }
}

void assembly_audit(const struct strbuf *text, char fault[ASSEMBLY_FAULT])
{
    struct reading r = {.line = 1, .fault = fault};
    const char *p = strbuf_str(text), *end = p + text->len;

    fault[0] = '\0';
    if (memchr(p, '\0', text->len))
        complain(&r, "a byte of value 0 in the text");
    for (; p < end && !fault[0]; r.line++) {
        const char *q = memchr(p, '\n', (size_t)(end - p));

        q = q ? q : end;
        line_check(&r, p, q);
        p = q + 1;
    }
}
