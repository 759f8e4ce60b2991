/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/json_schema_internal.h"

#include "engine/tokenizer/utf8.h"
#include "reference/base/err.h"

#include <string.h>

enum { MAX_NESTING = 100 };

struct pattern {
    const char *at, *end;
    struct strbuf *out;
    bool alternatives; /* a | outside all groups */
};

static char peek(const struct pattern *p)
{
    return p->at < p->end ? *p->at : '\0';
}

static int unsupported(const char *what)
{
    return err_set(ERR_UNSUPPORTED, "pattern: %s", what);
}

/* --- characters, as they stand inside a JSON string --- */

static void one_character(struct strbuf *out, const char *bytes, size_t n)
{
    char escaped[3] = {'\\', 0, 0};
    static const char plain[] = "\"\\\n\t\r\f\b", names[] = "\"\\ntrfb";
    const char *special = *bytes ? strchr(plain, *bytes) : NULL;

    if (!special) {
        gbnf_literal(out, bytes, n);
        return;
    }
    escaped[1] = names[special - plain];
    gbnf_literal(out, escaped, 2);
}

/* One character of a class, or of the text, after escapes. bytes borrowed or static. */
static int character(struct pattern *p, const char **bytes, size_t *n)
{
    static const char *const controls[] = {"n\n", "t\t", "r\r", "f\f"};

    *bytes = p->at;
    *n = p->at < p->end ? utf8_char_bytes(p->at, (size_t)(p->end - p->at)) : 0;
    if (*n == 0)
        return err_set(ERR_FORMAT, "pattern: it ends too early, or is not UTF-8");
    p->at += *n;
    if (**bytes != '\\')
        return 0;
    *bytes = p->at;
    *n = 1;
    if (p->at == p->end)
        return err_set(ERR_FORMAT, "pattern: a backslash at the end");
    p->at++;
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
        if (**bytes == controls[i][0]) {
            *bytes = controls[i] + 1;
            return 0;
        }
    }
    if (strchr("^$\\.*+?()[]{}|/-\"'#:=!<>,@%&~_ ", **bytes))
        return 0;
    return err_set(ERR_UNSUPPORTED, "pattern: the escape \\%c", **bytes > ' ' ? **bytes : '?');
}

struct class_body {
    struct strbuf body; /* in GBNF's notation */
    char special[8];    /* of the characters that JSON escapes, those that are in the class */
};

/* Returns false for one that JSON escapes. */
static bool class_put(struct class_body *c, const char *bytes, size_t n)
{
    if (n == 1 && *bytes && strchr("\"\\\n\t\r", *bytes)) {
        if (!strchr(c->special, *bytes))
            c->special[strlen(c->special)] = *bytes;
        return false;
    }
    if (n == 1 && strchr("]^-[", *bytes))
        strbuf_addf(&c->body, "\\");
    strbuf_add(&c->body, bytes, n);
    return true;
}

static void class_put_named(struct class_body *c, char name)
{
    if (name == 's')
        for (const char *space = " \t\n\r"; *space; space++)
            class_put(c, space, 1);
    else
        strbuf_addf(&c->body, "%s", name == 'd' ? "0-9" : "a-zA-Z0-9_");
}

static int class_item(struct pattern *p, struct class_body *c)
{
    const char *bytes;
    size_t n;
    bool plain;

    if (peek(p) == '\\' && p->at + 1 < p->end && p->at[1] && strchr("dws", p->at[1])) {
        class_put_named(c, p->at[1]);
        p->at += 2;
        return 0;
    }
    TRY(character(p, &bytes, &n));
    plain = class_put(c, bytes, n);
    if (peek(p) != '-' || p->at + 1 >= p->end || p->at[1] == ']')
        return 0;
    p->at++;
    if (!plain)
        return unsupported("a range that begins at a quotation mark, a backslash or a control");
    strbuf_addf(&c->body, "-");
    TRY(character(p, &bytes, &n));
    return class_put(c, bytes, n) ? 0 : unsupported("a range that ends at a backslash");
}

/* Controls that JSON writes in no short form are left out of either kind. */
static void class_write(struct pattern *p, bool negated, const struct class_body *c)
{
    strbuf_addf(p->out, "(");
    if (negated)
        strbuf_addf(p->out, "[^%s\"\\\\\\x00-\\x1F\\x7F]", strbuf_str(&c->body));
    else
        strbuf_addf(p->out, "[%s]", strbuf_str(&c->body));
    for (const char *s = "\"\\\n\t\r"; *s; s++) {
        if ((strchr(c->special, *s) != NULL) != negated) {
            strbuf_addf(p->out, " | ");
            one_character(p->out, s, 1);
        }
    }
    strbuf_addf(p->out, ")");
}

/* After "[". */
static int class(struct pattern *p)
{
    struct class_body c = {0};
    bool negated = peek(p) == '^';
    int rc = 0;

    p->at += negated;
    while (rc == 0 && peek(p) != ']')
        rc = class_item(p, &c);
    if (rc == 0) {
        p->at++;
        class_write(p, negated, &c);
    }
    strbuf_deinit(&c.body);
    return rc;
}

static void escaped_class(struct pattern *p)
{
    struct class_body c = {0};
    char name = (char)(p->at[1] | 0x20);

    class_put_named(&c, name);
    class_write(p, name != p->at[1], &c);
    strbuf_deinit(&c.body);
    p->at += 2;
}

/* --- structure --- */

static int choice(struct pattern *p, int nesting);

static int group(struct pattern *p, int nesting)
{
    if (nesting == MAX_NESTING)
        return unsupported("groups inside each other that deep");
    if (peek(p) == '?') {
        if (p->end - p->at < 2 || p->at[1] != ':')
            return unsupported("a group that begins with (? but is not (?:");
        p->at += 2;
    }
    strbuf_addf(p->out, "(");
    TRY(choice(p, nesting + 1));
    if (peek(p) != ')')
        return err_set(ERR_FORMAT, "pattern: a group is not closed");
    p->at++;
    strbuf_addf(p->out, ")");
    return 0;
}

static int item(struct pattern *p, int nesting)
{
    const char *bytes;
    size_t n;
    char c = peek(p);

    if (c == '(' || c == '[') {
        p->at++;
        return c == '(' ? group(p, nesting) : class(p);
    }
    if (c == '.') {
        p->at++;
        strbuf_addf(p->out, "char");
        return 0;
    }
    if (c == '\\' && p->at + 1 < p->end && p->at[1] && strchr("dwsDWS", p->at[1])) {
        escaped_class(p);
        return 0;
    }
    if (c == '^' || c == '$')
        return unsupported("^ or $ in the middle");
    if (c && strchr("*+?{", c))
        return err_set(ERR_FORMAT, "pattern: %c repeats nothing", c);
    TRY(character(p, &bytes, &n));
    one_character(p->out, bytes, n);
    return 0;
}

/* The repetition is GBNF's own; lazy ones mean the same texts. */
static int repetition(struct pattern *p)
{
    char c = peek(p);

    if (!c || !strchr("*+?{", c))
        return 0;
    do {
        if (p->at == p->end)
            return err_set(ERR_FORMAT, "pattern: a { is not closed");
        strbuf_add(p->out, p->at++, 1);
    } while (c == '{' && p->at[-1] != '}');
    p->at += peek(p) == '?';
    return 0;
}

static bool at_end(const struct pattern *p)
{
    return p->at == p->end || (*p->at == '$' && p->at + 1 == p->end);
}

static int choice(struct pattern *p, int nesting)
{
    while (!at_end(p) && peek(p) != ')') {
        if (peek(p) == '|') {
            p->alternatives |= nesting == 0;
            strbuf_add(p->out, p->at++, 1);
            continue;
        }
        TRY(item(p, nesting));
        TRY(repetition(p));
        strbuf_addf(p->out, " ");
    }
    return 0;
}

int json_pattern(struct strbuf *out, const char *pattern, size_t len)
{
    struct pattern p = {.at = pattern, .end = pattern + len, .out = out};
    bool begins = peek(&p) == '^';

    p.at += begins;
    strbuf_addf(out, begins ? "(" : "char* (");
    TRY(choice(&p, 0));
    if (!at_end(&p))
        return err_set(ERR_FORMAT, "pattern: a ) closes nothing");
    if (p.alternatives && (begins || p.at < p.end))
        return unsupported("^ or $ beside a | that stands in no group");
    strbuf_addf(out, p.at < p.end ? ")" : ") char*");
    return 0;
}
