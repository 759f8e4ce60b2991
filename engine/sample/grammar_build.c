/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/grammar_internal.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

/* Room for one more of `size` bytes in an array that doubles. */
static int grow(void **array, uint32_t n, uint32_t *capacity, size_t size)
{
    uint32_t wanted = *capacity ? 2 * *capacity : 8;
    void *larger;

    if (n < *capacity)
        return 0;
    if (n >= GRAMMAR_MAX_SYMBOLS)
        return err_set(ERR_RANGE, "the grammar grows past %d symbols: shorten its repetitions",
                       GRAMMAR_MAX_SYMBOLS);
    larger = realloc(*array, wanted * size);
    if (!larger)
        return err_set(ERR_NOMEM, "no memory for a grammar");
    *array = larger;
    *capacity = wanted;
    return 0;
}

int grammar_new(struct grammar **out)
{
    struct grammar *g = calloc(1, sizeof *g);

    *out = g;
    if (!g)
        return err_set(ERR_NOMEM, "no memory for a grammar");
    g->masks = calloc(512, sizeof *g->masks);
    if (!g->masks) {
        grammar_close(out);
        return err_set(ERR_NOMEM, "no memory for a grammar");
    }
    g->mask_capacity = 512;
    g->n_masks = 256;
    for (unsigned b = 0; b < 256; b++)
        byte_mask_add(&g->masks[b], b, b);
    return 0;
}

void grammar_close(struct grammar **g)
{
    if (!*g)
        return;
    for (uint32_t r = 0; r < (*g)->n_rules; r++) {
        free((*g)->rules[r].name);
        free((*g)->rules[r].alternatives);
    }
    free((*g)->rules);
    free((*g)->symbols);
    free((*g)->masks);
    free(*g);
    *g = NULL;
}

int grammar_rule_add(struct grammar *g, char *name, uint32_t *rule)
{
    TRY(grow((void **)&g->rules, g->n_rules, &g->rule_capacity, sizeof *g->rules));
    g->rules[g->n_rules] = (struct grammar_rule){.name = name};
    *rule = g->n_rules++;
    return 0;
}

static int symbol_add(struct grammar *g, struct grammar_symbol symbol)
{
    TRY(grow((void **)&g->symbols, g->n_symbols, &g->symbol_capacity, sizeof *g->symbols));
    g->symbols[g->n_symbols++] = symbol;
    return 0;
}

int grammar_alternative_add(struct grammar *g, uint32_t rule, const struct grammar_symbol *symbols,
                            size_t n)
{
    struct grammar_rule *r = &g->rules[rule];

    TRY(grow((void **)&r->alternatives, r->n, &r->capacity, sizeof *r->alternatives));
    r->alternatives[r->n++] = g->n_symbols;
    r->defined = true;
    for (size_t i = 0; i < n; i++)
        TRY(symbol_add(g, symbols[i]));
    return symbol_add(g, (struct grammar_symbol){SYMBOL_END, 0});
}

int grammar_mask_add(struct grammar *g, const struct byte_mask *mask, struct grammar_symbol *out)
{
    *out = (struct grammar_symbol){SYMBOL_BYTES, 0};
    for (; out->value < g->n_masks; out->value++)
        if (!memcmp(&g->masks[out->value], mask, sizeof *mask))
            return 0;
    TRY(grow((void **)&g->masks, g->n_masks, &g->mask_capacity, sizeof *g->masks));
    g->masks[g->n_masks++] = *mask;
    return 0;
}

/* --- sets of characters --- */

static int by_low(const void *left, const void *right)
{
    const struct char_range *a = left, *b = right;

    return (a->low > b->low) - (a->low < b->low);
}

/* Sorted, apart from each other. Returns how many are left. */
static size_t ranges_merge(struct char_range *ranges, size_t n)
{
    size_t kept = 0;

    if (n)
        qsort(ranges, n, sizeof *ranges, by_low);
    for (size_t i = 0; i < n; i++) {
        if (kept && ranges[i].low <= ranges[kept - 1].high + 1) {
            if (ranges[i].high > ranges[kept - 1].high)
                ranges[kept - 1].high = ranges[i].high;
        } else {
            ranges[kept++] = ranges[i];
        }
    }
    return kept;
}

struct chars {
    struct grammar *g;
    uint32_t rule; /* an alternative for each run of byte ranges */
};

/* n bytes, each between its bounds, as one alternative. */
static int sequence_add(const struct chars *c, const uint8_t *low, const uint8_t *high, size_t n)
{
    struct grammar_symbol symbols[4];

    for (size_t i = 0; i < n; i++) {
        struct byte_mask mask = {{0}};

        byte_mask_add(&mask, low[i], high[i]);
        TRY(grammar_mask_add(c->g, &mask, &symbols[i]));
    }
    return grammar_alternative_add(c->g, c->rule, symbols, n);
}

static size_t utf8_put(uint32_t c, uint8_t out[4])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(lead[n] | c);
    return n;
}

/* The end of the longest run from low (>= 0x80) on, at most high, whose UTF-8 is a product of byte
 * ranges: of one length, and whatever stands behind a byte that moves runs through all its
 * values. */
static uint32_t run_end(uint32_t low, uint32_t high)
{
    if (low < 0x800 && high >= 0x800)
        high = 0x7ff;
    if (low < 0x10000 && high >= 0x10000)
        high = 0xffff;
    if (low < 0xd800 && high >= 0xd800)
        high = 0xd7ff;
    for (uint32_t tail = 0x3f; tail < high; tail = tail << 6 | 0x3f) {
        if ((low & ~tail) == (high & ~tail))
            break;
        if (low & tail)
            return low | tail;
        if ((high & tail) != tail)
            high = (high & ~tail) - 1;
    }
    return high;
}

/* Characters low..high but for ASCII. */
static int chars_range(const struct chars *c, uint32_t low, uint32_t high)
{
    low = low < 0x80 ? 0x80 : low;
    while (low <= high) {
        uint8_t from[4], to[4];
        uint32_t end;

        if (low >= 0xd800 && low <= 0xdfff) { /* surrogates are no characters */
            low = 0xe000;
            continue;
        }
        end = run_end(low, high);
        utf8_put(low, from);
        TRY(sequence_add(c, from, to, utf8_put(end, to)));
        low = end + 1;
    }
    return 0;
}

static int chars_add(const struct chars *c, const struct char_range *ranges, size_t n, bool negated)
{
    uint32_t next = 0;

    for (size_t i = 0; i < n; i++) {
        if (!negated)
            TRY(chars_range(c, ranges[i].low, ranges[i].high));
        else if (ranges[i].low > next)
            TRY(chars_range(c, next, ranges[i].low - 1));
        next = ranges[i].high + 1;
    }
    return negated && next <= GRAMMAR_MAX_CHAR ? chars_range(c, next, GRAMMAR_MAX_CHAR) : 0;
}

static struct byte_mask ascii_of(const struct char_range *ranges, size_t n, bool negated)
{
    struct byte_mask mask = {{0}};

    for (size_t i = 0; i < n; i++)
        if (ranges[i].low < 0x80)
            byte_mask_add(&mask, ranges[i].low, ranges[i].high < 0x80 ? ranges[i].high : 0x7f);
    for (int i = 0; i < 2 && negated; i++)
        mask.bits[i] = ~mask.bits[i];
    return mask;
}

int grammar_chars_add(struct grammar *g, struct char_range *ranges, size_t n, bool negated,
                      struct grammar_symbol *out)
{
    struct chars c = {.g = g};
    struct byte_mask mask;

    n = ranges_merge(ranges, n);
    mask = ascii_of(ranges, n, negated);
    if (!negated && (n == 0 || ranges[n - 1].high < 0x80))
        return grammar_mask_add(g, &mask, out);
    TRY(grammar_rule_add(g, NULL, &c.rule));
    TRY(grammar_mask_add(g, &mask, out));
    if (mask.bits[0] | mask.bits[1])
        TRY(grammar_alternative_add(g, c.rule, out, 1));
    *out = (struct grammar_symbol){SYMBOL_RULE, c.rule};
    return chars_add(&c, ranges, n, negated);
}

/* --- what the matcher wants to know beforehand --- */

/* Split the classes by one mask: bytes stay together that were together and are on one side. */
static void classes_split(struct grammar *g, const struct byte_mask *mask)
{
    int renamed[256][2];
    uint32_t n = 0;

    memset(renamed, -1, sizeof renamed);
    for (unsigned b = 0; b < 256; b++) {
        int *name = &renamed[g->class_of[b]][byte_mask_has(mask, (unsigned char)b)];

        if (*name < 0)
            *name = (int)n++;
        g->class_of[b] = (uint8_t)*name;
        g->byte_of[*name] = (uint8_t)b;
    }
    g->n_classes = n;
}

static void classes_find(struct grammar *g)
{
    bool used[256] = {false};

    g->n_classes = 1;
    for (uint32_t i = 0; i < g->n_symbols; i++)
        if (g->symbols[i].kind == SYMBOL_BYTES && g->symbols[i].value < 256)
            used[g->symbols[i].value] = true;
    for (uint32_t i = 0; i < g->n_masks; i++)
        if (i >= 256 || used[i])
            classes_split(g, &g->masks[i]);
}

static bool nullable_now(const struct grammar *g, const struct grammar_rule *r)
{
    for (uint32_t a = 0; a < r->n; a++) {
        const struct grammar_symbol *s = &g->symbols[r->alternatives[a]];

        while (s->kind == SYMBOL_RULE && g->rules[s->value].nullable)
            s++;
        if (s->kind == SYMBOL_END)
            return true;
    }
    return false;
}

/* Passes in both directions: chains of rules are mostly written one way or the other. */
static void nullable_find(struct grammar *g)
{
    bool changed = true;

    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < 2 * g->n_rules; i++) {
            struct grammar_rule *r = &g->rules[i < g->n_rules ? i : 2 * g->n_rules - 1 - i];

            if (!r->nullable && nullable_now(g, r))
                changed = r->nullable = true;
        }
    }
}

/* Call edge(ctx, from, to) for each rule that `from` can begin with. */
static void leftmost(const struct grammar *g, uint32_t from,
                     void (*edge)(void *ctx, uint32_t from, uint32_t to), void *ctx)
{
    const struct grammar_rule *r = &g->rules[from];

    for (uint32_t a = 0; a < r->n; a++) {
        const struct grammar_symbol *s = &g->symbols[r->alternatives[a]];

        for (; s->kind == SYMBOL_RULE; s++) {
            if (!(r->repeats && s->value == from))
                edge(ctx, from, s->value);
            if (!g->rules[s->value].nullable)
                break;
        }
    }
}

struct leftmost_edges {
    uint32_t *first;  /* [n_rules + 1] where the edges into a rule begin */
    uint32_t *from;   /* the rules that can begin with it */
    uint32_t *out;    /* [n_rules] edges to rules that are still there */
    uint32_t *queue;  /* [n_rules] */
    uint32_t *target; /* [n_rules] a rule it can begin with that is still there */
};

static void edge_count(void *ctx, uint32_t from, uint32_t to)
{
    struct leftmost_edges *e = ctx;

    e->first[to + 1]++;
    e->out[from]++;
}

static void edge_store(void *ctx, uint32_t from, uint32_t to)
{
    struct leftmost_edges *e = ctx;

    e->from[--e->first[to + 1]] = from;
}

static void edge_target(void *ctx, uint32_t from, uint32_t to)
{
    struct leftmost_edges *e = ctx;

    if (e->out[to])
        e->target[from] = to;
}

/* Take away rules that begin with no rule, until none is left but those on or before a cycle. */
static uint32_t rules_peel(struct leftmost_edges *e, uint32_t n_rules)
{
    uint32_t n = 0;

    for (uint32_t r = 0; r < n_rules; r++)
        if (!e->out[r])
            e->queue[n++] = r;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = e->first[e->queue[i] + 1]; k < e->first[e->queue[i] + 2]; k++)
            if (--e->out[e->from[k]] == 0)
                e->queue[n++] = e->from[k];
    return n;
}

/* Every rule that is left leads to another: n_rules steps end on a cycle. Rules without a name are
 * parts of one that has, so the cycle comes past a name. */
static int recursion_report(const struct grammar *g, struct leftmost_edges *e)
{
    uint32_t r = 0;

    while (!e->out[r])
        r++;
    for (uint32_t i = 0; i < g->n_rules || !g->rules[r].name; i++) {
        leftmost(g, r, edge_target, e);
        r = e->target[r];
    }
    return err_set(ERR_FORMAT,
                   "grammar, line %zu: the rule %s can begin with itself (left recursion): write "
                   "the repetition with * or +",
                   g->rules[r].line, g->rules[r].name);
}

static int recursion_check(const struct grammar *g, struct leftmost_edges *e)
{
    uint32_t n_edges = 0;

    for (uint32_t r = 0; r < g->n_rules; r++)
        leftmost(g, r, edge_count, e);
    for (uint32_t r = 0; r <= g->n_rules; r++)
        n_edges = e->first[r] += r ? e->first[r - 1] : 0;
    e->first[g->n_rules + 1] = n_edges;
    e->from = calloc((size_t)n_edges + 1, sizeof *e->from);
    if (!e->from)
        return err_set(ERR_NOMEM, "no memory for a grammar");
    for (uint32_t r = 0; r < g->n_rules; r++)
        leftmost(g, r, edge_store, e);
    return rules_peel(e, g->n_rules) == g->n_rules ? 0 : recursion_report(g, e);
}

int grammar_finish(struct grammar *g)
{
    struct leftmost_edges e = {0};
    uint32_t *room = calloc(4 * (size_t)g->n_rules + 2, sizeof *room);
    int rc;

    if (!room)
        return err_set(ERR_NOMEM, "no memory for a grammar");
    e.out = room;
    e.queue = room + g->n_rules;
    e.target = e.queue + g->n_rules;
    e.first = e.target + g->n_rules;
    classes_find(g);
    nullable_find(g);
    rc = recursion_check(g, &e);
    free(e.from);
    free(room);
    return rc;
}
