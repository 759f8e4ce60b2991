/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/init/original.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* %1$s: file, %2$s: function. */
static const char row_text[] = "#include \"kernel/%1$s\"\n"
                               "\n"
                               "/* FILL IN, where %2$s takes its arguments otherwise. */\n"
                               "static void own_row(const float *x, float *y, size_t k)\n"
                               "{\n"
                               "    %2$s(x, y, k);\n"
                               "}\n";

static const char expect_text[] =
    "#include <stdlib.h>\n"
    "\n"
    "#include \"%1$s\" /* as it was when this became a ratchet: what it computes is the truth */\n"
    "\n"
    "static void own_expect_row(struct problem_span *s)\n"
    "{\n"
    "    const float *x = problem_operand(s, 0, s->row);\n"
    "    bool spoiled = problem_row_spoiled(s->in, s->step->in[0], s->row, 0, s->k);\n"
    "    float *y = malloc(s->k * sizeof *y);\n"
    "    double largest = 0.0;\n"
    "\n"
    "    if (!y)\n"
    "        abort();\n"
    "    %2$s(x, y, s->k);\n"
    "    for (size_t j = 0; j < s->k; j++)\n"
    "        largest = fmax(largest, fabs((double)y[j]));\n"
    "    for (size_t j = s->lo; j < s->hi; j++) {\n"
    "        double want = y[j], magnitude = fabs(want);\n"
    "\n"
    "        if (spoiled || !isfinite(want))\n"
    "            problem_expect_any(s, j);\n"
    "        else\n"
    "            problem_expect_near(s, j, want, magnitude, 1e-5 * magnitude + 1e-7 * largest);\n"
    "    }\n"
    "    free(y);\n"
    "}\n";

static bool is_word(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_')
            return false;
    return n > 0;
}

static const char *after_blanks(const char *p)
{
    for (;;) {
        p += strspn(p, " \t\r\n");
        if (strncmp(p, "//", 2) == 0)
            p += strcspn(p, "\n");
        else if (strncmp(p, "/*", 2) == 0)
            p = strstr(p + 2, "*/") ? strstr(p + 2, "*/") + 2 : p + strlen(p);
        else
            return p;
    }
}

/* p is at a parenthesis: what comes behind its other half. */
static const char *after_parentheses(const char *p)
{
    int depth = 0;

    for (; *p; p++) {
        depth += (*p == '(') - (*p == ')');
        if (depth == 0)
            return p + 1;
    }
    return p;
}

/* Does the text define it: the name, arguments in parentheses, a body? */
static bool defines(const char *text, const char *function)
{
    size_t n = strlen(function);

    for (const char *at = text; (at = strstr(at, function)); at += n) {
        const char *after = after_blanks(at + n);

        if (*after == '(' && (at == text || !is_word(at - 1, 1)) &&
            *after_blanks(after_parentheses(after)) == '{')
            return true;
    }
    return false;
}

static int copy_name(const char *file, size_t n, char out[80])
{
    const char *base = file, *slash = memrchr(file, '/', n);

    if (slash)
        base = slash + 1;
    n -= (size_t)(base - file);
    if (n < 3 || n > 64 || strncmp(base + n - 2, ".c", 2) != 0 || base[0] == '.')
        return err_set(ERR_USAGE, "--kernel %s: FILE.c:FUNCTION is wanted", file);
    snprintf(out, 80, "%.*s.inc", (int)n - 2, base);
    for (const char *c = out; *c; c++)
        if (!is_word(c, 1) && *c != '.' && *c != '-')
            return err_set(ERR_USAGE, "--kernel %s: a file name of letters, digits, _ and -", file);
    return 0;
}

int original_read(const char *source, struct original *out)
{
    const char *colon = strrchr(source, ':'), *function = colon ? colon + 1 : "";
    char path[PATH_MAX];

    if (!colon || !is_word(function, strlen(function)) || colon - source >= PATH_MAX)
        return err_set(ERR_USAGE, "--kernel %s: FILE.c:FUNCTION is wanted", source);
    TRY(copy_name(source, (size_t)(colon - source), out->copy));
    snprintf(path, sizeof path, "%.*s", (int)(colon - source), source);
    TRY(file_read(path, &out->text));
    if (!defines(strbuf_str(&out->text), function))
        return err_set(ERR_USAGE, "--kernel %s: there is no function %s in that file", source,
                       function);
    if (defines(strbuf_str(&out->text), "main"))
        return err_set(ERR_USAGE,
                       "--kernel %s: that file has a main, and the judge has its own; move %s to a "
                       "file without one",
                       source, function);
    strbuf_addf(&out->row, row_text, out->copy, function);
    strbuf_addf(&out->expect, expect_text, out->copy, function);
    return 0;
}

void original_deinit(struct original *o)
{
    strbuf_deinit(&o->text);
    strbuf_deinit(&o->row);
    strbuf_deinit(&o->expect);
}
