/* SPDX-License-Identifier: Apache-2.0
 *
 * grammar_parse.c: GBNF text to rules.
 *   grammar     ::= (name "::=" choice newline)*
 *   choice      ::= sequence ("|" sequence)*
 *   sequence    ::= (item ("*" | "+" | "?" | "{" m ["," [n]] "}")*)*
 *   item        ::= "literal" | [class] | [^class] | . | name | "(" choice ")"
 * A sequence ends with its line, but for lines inside parentheses and after "|". */
#include "engine/sample/grammar_internal.h"

#include "engine/tokenizer/utf8.h"
#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NESTING = 200, MAX_REPEAT = 100000, UNBOUNDED = UINT32_MAX };

struct parser {
    struct grammar *g;
    const char *text, *at, *end;
    size_t line;
};

struct sequence { /* symbols of the alternative being read */
    struct grammar_symbol *symbols;
    size_t n, capacity;
    size_t item; /* where the last item begins: what a repetition repeats */
};

/* --- characters --- */

static bool more(const struct parser *p)
{
    return p->at < p->end;
}

static char peek(const struct parser *p)
{
    return more(p) ? *p->at : '\0';
}

static int wrong(const struct parser *p, const char *expected)
{
    char c = peek(p);

    if (!more(p))
        return err_set(ERR_FORMAT, "grammar, line %zu: it ends where %s is expected", p->line,
                       expected);
    return err_set(ERR_FORMAT, "grammar, line %zu: \"%c\" where %s is expected", p->line,
                   c >= ' ' && c < 0x7f ? c : '?', expected);
}

/* Blanks and comments, and line ends when they may come. */
static void skip_space(struct parser *p, bool lines)
{
    for (; more(p); p->at++) {
        if (*p->at == '#')
            while (p->at + 1 < p->end && p->at[1] != '\n' && p->at[1] != '\r')
                p->at++;
        else if (*p->at == '\n' && lines)
            p->line++;
        else if (*p->at != ' ' && *p->at != '\t' && !(lines && *p->at == '\r'))
            return;
    }
}

static bool in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static int hex_digits(struct parser *p, int n, uint32_t *c)
{
    *c = 0;
    for (int i = 0; i < n; i++, p->at++) {
        char d = peek(p);

        if (!more(p) || !strchr("0123456789abcdefABCDEF", d) || !d)
            return wrong(p, "a hexadecimal digit");
        *c = *c << 4 | (uint32_t)(d <= '9' ? d - '0' : (d | 0x20) - 'a' + 10);
    }
    if (*c > GRAMMAR_MAX_CHAR || (*c >= 0xd800 && *c <= 0xdfff))
        return err_set(ERR_FORMAT, "grammar, line %zu: U+%X is no character", p->line, *c);
    return 0;
}

static int escape(struct parser *p, uint32_t *c)
{
    static const char plain[] = "\\\"[]^-/";
    char e = peek(p);

    if (!more(p))
        return wrong(p, "an escaped character");
    if (e == 'x' || e == 'u' || e == 'U') {
        p->at++;
        return hex_digits(p, e == 'x' ? 2 : e == 'u' ? 4 : 8, c);
    }
    if (e == 'n' || e == 'r' || e == 't')
        *c = e == 'n' ? '\n' : e == 'r' ? '\r' : '\t';
    else if (e && strchr(plain, e))
        *c = (uint32_t)e;
    else
        return wrong(p, "one of n r t x u U \\ \" [ ] ^ - / after a backslash");
    p->at++;
    return 0;
}

/* One character of a literal or a class, escapes resolved. */
static int character(struct parser *p, uint32_t *c)
{
    size_t n = utf8_char_bytes(p->at, (size_t)(p->end - p->at));

    if (*p->at == '\\') {
        p->at++;
        return escape(p, c);
    }
    if (n == 0)
        return err_set(ERR_FORMAT, "grammar, line %zu: the text is not UTF-8", p->line);
    *c = (unsigned char)p->at[0];
    if (n > 1)
        *c &= 0x3fU >> (n - 1);
    for (size_t i = 1; i < n; i++)
        *c = *c << 6 | ((unsigned char)p->at[i] & 0x3f);
    p->line += *c == '\n';
    p->at += n;
    return 0;
}

/* --- items --- */

static int push(struct sequence *s, struct grammar_symbol symbol)
{
    if (s->n == s->capacity) {
        size_t wanted = s->capacity ? 2 * s->capacity : 16;
        struct grammar_symbol *larger = realloc(s->symbols, wanted * sizeof *larger);

        if (!larger)
            return err_set(ERR_NOMEM, "no memory for a grammar");
        s->symbols = larger;
        s->capacity = wanted;
    }
    s->symbols[s->n++] = symbol;
    return 0;
}

static int literal(struct parser *p, struct sequence *s)
{
    while (peek(p) != '"') {
        const char *from = p->at;
        struct char_range one;
        struct grammar_symbol symbol;

        if (!more(p))
            return wrong(p, "the \" that ends a literal");
        TRY(character(p, &one.low));
        if (*from != '\\') { /* as it stands */
            for (; from < p->at; from++)
                TRY(push(s, (struct grammar_symbol){SYMBOL_BYTES, (unsigned char)*from}));
            continue;
        }
        one.high = one.low;
        TRY(grammar_chars_add(p->g, &one, 1, false, &symbol));
        TRY(push(s, symbol));
    }
    p->at++;
    return 0;
}

static int class_ranges(struct parser *p, struct char_range **ranges, size_t *n)
{
    size_t capacity = 0;

    while (peek(p) != ']') {
        struct char_range r;

        if (!more(p))
            return wrong(p, "the ] that ends a class");
        TRY(character(p, &r.low));
        r.high = r.low;
        if (peek(p) == '-' && p->at + 1 < p->end && p->at[1] != ']') {
            p->at++;
            TRY(character(p, &r.high));
        }
        if (r.high < r.low)
            return err_set(ERR_FORMAT, "grammar, line %zu: the range U+%04X-U+%04X is backwards",
                           p->line, r.low, r.high);
        if (*n == capacity) {
            struct char_range *larger;

            capacity = capacity ? 2 * capacity : 16;
            larger = realloc(*ranges, capacity * sizeof *larger);
            if (!larger)
                return err_set(ERR_NOMEM, "no memory for a grammar");
            *ranges = larger;
        }
        (*ranges)[(*n)++] = r;
    }
    p->at++;
    return 0;
}

static int class(struct parser *p, struct sequence *s)
{
    struct char_range *ranges = NULL;
    struct grammar_symbol symbol = {0};
    bool negated = peek(p) == '^';
    size_t n = 0;
    int rc;

    p->at += negated;
    rc = class_ranges(p, &ranges, &n);
    if (rc == 0)
        rc = grammar_chars_add(p->g, ranges, n, negated, &symbol);
    free(ranges);
    return rc < 0 ? rc : push(s, symbol);
}

static int any_character(struct parser *p, struct sequence *s)
{
    struct grammar_symbol symbol;

    TRY(grammar_chars_add(p->g, NULL, 0, true, &symbol));
    return push(s, symbol);
}

/* The rule of that name, made when it is new. */
static int rule_named(struct parser *p, const char *name, size_t len, uint32_t *rule)
{
    struct grammar *g = p->g;
    char *copy;
    int rc;

    for (uint32_t r = 0; r < g->n_rules; r++) {
        if (g->rules[r].name && !strncmp(g->rules[r].name, name, len) && !g->rules[r].name[len]) {
            *rule = r;
            return 0;
        }
    }
    copy = strndup(name, len);
    if (!copy)
        return err_set(ERR_NOMEM, "no memory for a grammar");
    rc = grammar_rule_add(g, copy, rule);
    if (rc < 0) {
        free(copy);
        return rc;
    }
    g->rules[*rule].line = p->line;
    return 0;
}

static size_t name_length(const struct parser *p)
{
    size_t n = 0;

    while (p->at + n < p->end && in_name(p->at[n]))
        n++;
    return n;
}

static int reference(struct parser *p, struct sequence *s)
{
    size_t len = name_length(p);
    uint32_t rule;

    TRY(rule_named(p, p->at, len, &rule));
    p->at += len;
    return push(s, (struct grammar_symbol){SYMBOL_RULE, rule});
}

/* --- repetitions --- */

/* What is repeated as one symbol: a rule of its own unless it is one already. */
static int item_symbol(struct parser *p, struct sequence *s, struct grammar_symbol *out)
{
    uint32_t rule;

    if (s->n - s->item == 1) {
        *out = s->symbols[s->item];
    } else {
        TRY(grammar_rule_add(p->g, NULL, &rule));
        TRY(grammar_alternative_add(p->g, rule, s->symbols + s->item, s->n - s->item));
        *out = (struct grammar_symbol){SYMBOL_RULE, rule};
    }
    s->n = s->item;
    return 0;
}

/* A rule for `item` followed by `tail`, or nothing at all. */
static int optional(struct parser *p, struct grammar_symbol item, const struct grammar_symbol *tail,
                    struct grammar_symbol *out)
{
    struct grammar_symbol symbols[2] = {item, tail ? *tail : item};
    uint32_t rule;

    TRY(grammar_rule_add(p->g, NULL, &rule));
    *out = (struct grammar_symbol){SYMBOL_RULE, rule};
    TRY(grammar_alternative_add(p->g, rule, symbols, tail ? 2 : 1));
    return grammar_alternative_add(p->g, rule, NULL, 0);
}

static int star(struct parser *p, struct grammar_symbol item, struct grammar_symbol *out)
{
    struct grammar_symbol symbols[2] = {item, {SYMBOL_RULE, 0}};
    uint32_t rule;

    TRY(grammar_rule_add(p->g, NULL, &rule));
    *out = symbols[1] = (struct grammar_symbol){SYMBOL_RULE, rule};
    p->g->rules[rule].repeats = true;
    TRY(grammar_alternative_add(p->g, rule, symbols, 2));
    return grammar_alternative_add(p->g, rule, NULL, 0);
}

/* The last item from `least` to `most` times: x x x (x (x)?)?, or x x x x*. */
static int repeat(struct parser *p, struct sequence *s, uint32_t least, uint32_t most)
{
    struct grammar_symbol item, tail = {SYMBOL_END, 0};

    if (s->n == s->item)
        return 0; /* an empty literal */
    TRY(item_symbol(p, s, &item));
    for (uint32_t i = 0; i < least; i++)
        TRY(push(s, item));
    if (most == UNBOUNDED)
        TRY(star(p, item, &tail));
    for (uint32_t i = least; i < most && most != UNBOUNDED; i++)
        TRY(optional(p, item, i > least ? &tail : NULL, &tail));
    return tail.kind == SYMBOL_END ? 0 : push(s, tail);
}

static int count(struct parser *p, uint32_t *out)
{
    *out = 0;
    skip_space(p, true);
    if (peek(p) < '0' || peek(p) > '9')
        return wrong(p, "a number of repetitions");
    for (; peek(p) >= '0' && peek(p) <= '9'; p->at++) {
        *out = *out * 10 + (uint32_t)(*p->at - '0');
        if (*out > MAX_REPEAT)
            return err_set(ERR_RANGE, "grammar, line %zu: more than %d repetitions", p->line,
                           MAX_REPEAT);
    }
    skip_space(p, true);
    return 0;
}

/* After "{". */
static int repeat_counted(struct parser *p, struct sequence *s)
{
    uint32_t least, most;

    TRY(count(p, &least));
    most = least;
    if (peek(p) == ',') {
        p->at++;
        skip_space(p, true);
        most = UNBOUNDED;
        if (peek(p) != '}')
            TRY(count(p, &most));
    }
    if (peek(p) != '}')
        return wrong(p, "the } of a repetition");
    p->at++;
    if (most < least)
        return err_set(ERR_FORMAT, "grammar, line %zu: {%u,%u} is backwards", p->line, least, most);
    return repeat(p, s, least, most);
}

/* --- sequences, choices, rules --- */

static int choice(struct parser *p, uint32_t rule, int nesting);

static int group(struct parser *p, struct sequence *s, int nesting)
{
    uint32_t rule;

    if (nesting == MAX_NESTING)
        return err_set(ERR_RANGE, "grammar, line %zu: more than %d parentheses inside each other",
                       p->line, MAX_NESTING);
    TRY(grammar_rule_add(p->g, NULL, &rule));
    TRY(choice(p, rule, nesting + 1));
    if (peek(p) != ')')
        return wrong(p, "a closing parenthesis");
    p->at++;
    return push(s, (struct grammar_symbol){SYMBOL_RULE, rule});
}

/* Returns 1 when no item begins here. */
static int item(struct parser *p, struct sequence *s, int nesting)
{
    char c = peek(p);

    s->item = s->n;
    if (in_name(c))
        return reference(p, s);
    if (!c || !strchr("\"[.(", c))
        return 1;
    p->at++;
    switch (c) {
    case '"':
        return literal(p, s);
    case '[':
        return class(p, s);
    case '.':
        return any_character(p, s);
    default:
        return group(p, s, nesting);
    }
}

static int repetitions(struct parser *p, struct sequence *s, int nesting)
{
    for (;; skip_space(p, nesting > 0)) {
        char c = peek(p);

        if (!c || !strchr("*+?{", c))
            return 0;
        p->at++;
        if (c == '{')
            TRY(repeat_counted(p, s));
        else
            TRY(repeat(p, s, c == '+', c == '?' ? 1 : UNBOUNDED));
        /* What was repeated is an item again: (x{2})* is all of it. */
    }
}

static int sequence(struct parser *p, struct sequence *s, int nesting)
{
    int rc;

    skip_space(p, true);
    while ((rc = item(p, s, nesting)) == 0) {
        skip_space(p, nesting > 0);
        TRY(repetitions(p, s, nesting));
    }
    return rc < 0 ? rc : 0;
}

static int choice(struct parser *p, uint32_t rule, int nesting)
{
    bool again = true;

    while (again) {
        struct sequence s = {0};
        int rc = sequence(p, &s, nesting);

        if (rc == 0)
            rc = grammar_alternative_add(p->g, rule, s.symbols, s.n);
        free(s.symbols);
        TRY(rc);
        again = peek(p) == '|';
        p->at += again;
    }
    return 0;
}

static int rule_parse(struct parser *p)
{
    size_t len = name_length(p);
    const char *name = p->at;
    uint32_t rule;

    if (len == 0)
        return wrong(p, "the name of a rule");
    TRY(rule_named(p, name, len, &rule));
    p->g->rules[rule].line = p->line;
    if (p->g->rules[rule].defined)
        return err_set(ERR_FORMAT, "grammar, line %zu: the rule %.*s is there already", p->line,
                       (int)(len < 100 ? len : 100), name);
    p->at += len;
    skip_space(p, false);
    if (p->end - p->at < 3 || memcmp(p->at, "::=", 3))
        return wrong(p, "::= after the name of a rule");
    p->at += 3;
    TRY(choice(p, rule, 0));
    if (more(p) && peek(p) != '\n' && peek(p) != '\r')
        return wrong(p, "an item, | or the end of the rule");
    return 0;
}

static int rules_parse(struct parser *p)
{
    struct grammar *g = p->g;
    uint32_t n_named = 0;

    for (skip_space(p, true); more(p); skip_space(p, true))
        TRY(rule_parse(p));
    for (uint32_t r = 0; r < g->n_rules; r++) {
        if (!g->rules[r].name)
            continue;
        if (!g->rules[r].defined)
            return err_set(ERR_FORMAT, "grammar, line %zu: the rule %.100s is not defined",
                           g->rules[r].line, g->rules[r].name);
        if (!strcmp(g->rules[r].name, "root")) {
            g->root = r;
            n_named++;
        }
    }
    if (!n_named)
        return err_set(ERR_FORMAT, "grammar: there is no rule \"root\" to begin with");
    return grammar_finish(g);
}

int grammar_parse(const char *text, size_t len, struct grammar **out)
{
    struct parser p = {.text = text, .at = text, .end = text + len, .line = 1};
    int rc;

    TRY(grammar_new(out));
    p.g = *out;
    rc = rules_parse(&p);
    if (rc < 0)
        grammar_close(out);
    return rc;
}
