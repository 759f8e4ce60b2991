/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/standing.h"

#include "ratchet/agent/roof.h"
#include "reference/base/err.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

bool standing_interrupted(const struct ledger_row *row)
{
    return begins(row->reason, "interrupted at");
}

bool standing_unable(const struct ledger_row *row)
{
    return begins(row->reason, "no verdict could be reached");
}

double standing_share(const char *whole, const char *focus)
{
    double all = 0, part = 0;

    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];

        if (whole && !problem_in_focus(c, whole))
            continue;
        all += c->weight;
        part += !*focus || problem_in_focus(c, focus) ? c->weight : 0;
    }
    return all > 0 ? part / all : 0;
}

bool standing_counts(const struct ratchet *r, const struct ledger_row *row)
{
    return !standing_interrupted(row) && !standing_unable(row) &&
           strcmp(row->verdict, LEDGER_SEAL) != 0 &&
           strcmp(row->verdict, r->judge->verdict_name(JUDGE_UNFIT_MACHINE)) != 0;
}

static struct plateau_op *op_named(struct standing *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->op[i].name, name) == 0)
            return &s->op[i];
    if (s->n == PLATEAU_MAX_OPS)
        return NULL;
    snprintf(s->op[s->n].name, sizeof s->op[s->n].name, "%s", name);
    return &s->op[s->n++];
}

/* Shares, and distances weighted by them; an operation with one unknown case counts the known. */
static void add_cases(const struct roof *roof, const char *focus, struct standing *s)
{
    double known[PLATEAU_MAX_OPS] = {0}, total = 0;

    for (size_t i = 0; i < roof->n; i++) {
        const struct roof_case *c = &roof->item[i];
        struct plateau_op *op = op_named(s, focus ? focus : c->c->op);
        double distance = roof_distance(c);

        total += c->c->weight;
        if (!op)
            continue;
        op->share += c->c->weight;
        if (isnan(distance))
            continue;
        op->distance += c->c->weight * distance;
        known[op - s->op] += c->c->weight;
    }
    for (size_t i = 0; i < s->n; i++) {
        s->op[i].share = total > 0 ? s->op[i].share / total : 0;
        s->op[i].distance = known[i] > 0 ? s->op[i].distance / known[i] : NAN;
    }
}

/* --- attempts --- */

/* Where `word` stands in the text as a word of its own; NULL: nowhere. */
static const char *find_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = text; (p = strcasestr(p, word)); p++)
        if ((p == text || !isalnum((unsigned char)p[-1])) && !isalnum((unsigned char)p[n]))
            return p;
    return NULL;
}

static bool case_has(const char *focus, const char *op)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        if (problem_in_focus(&problem_shipped.cases[i], focus) &&
            problem_in_focus(&problem_shipped.cases[i], op))
            return true;
    return false;
}

/* The one operation an attempt was about, or NULL for all. */
static const struct plateau_op *op_of(const struct standing *s, const struct ledger_row *row)
{
    const struct plateau_op *first = NULL;
    const char *at = NULL;

    for (size_t i = 0; i < s->n; i++) {
        const char *found = find_word(row->hypothesis, s->op[i].name);

        if (row->focus[0] && case_has(row->focus, s->op[i].name))
            return &s->op[i];
        if (found && (!at || found < at)) {
            at = found;
            first = &s->op[i];
        }
    }
    return row->focus[0] ? NULL : first;
}

static void add_attempt(struct ratchet *r, const struct ledger_row *row, bool focused,
                        struct standing *s)
{
    bool win = strcmp(row->verdict, r->judge->verdict_name(JUDGE_WIN)) == 0;
    const struct plateau_op *about = op_of(s, row);

    if (strcmp(row->judge, r->judge->hash) != 0 || !standing_counts(r, row))
        return;
    if (focused && !about)
        return; /* about something else, as far as anybody can tell */
    for (size_t i = 0; i < s->n; i++) {
        struct plateau_op *op = &s->op[i];

        if ((!about || about == op) && op->wins + op->misses < PLATEAU_RECENT) {
            op->wins += win;
            op->misses += !win;
        }
    }
}

int standing_read(struct ratchet *r, const char *focus, struct standing *out)
{
    int64_t last = ledger_count(r->ledger);
    struct roof roof;

    memset(out, 0, sizeof *out);
    TRY(roof_read(r, focus, &roof));
    add_cases(&roof, focus, out);
    for (int64_t n = last; n > 0 && n > last - ROOF_MAX_ROWS; n--) {
        struct ledger_row row;
        int rc = ledger_find(r->ledger, n, &row);

        if (rc <= 0)
            return rc;
        add_attempt(r, &row, focus != NULL, out);
        ledger_row_deinit(&row);
    }
    return 0;
}
