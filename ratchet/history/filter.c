/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/history/filter.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { VERDICT_SEAL = JUDGE_N_VERDICTS }; /* its bit, beside those of enum judge_verdict */

static const double CLEARLY = 0.01; /* log ratio: what `show` marks in a case, too */

/* --- reading the words --- */

static int verdict_index(const char *word)
{
    if (strcasecmp(word, LEDGER_SEAL) == 0)
        return VERDICT_SEAL;
    for (int v = 0; v < JUDGE_N_VERDICTS; v++)
        if (strcasecmp(word, judge_verdict_name((enum judge_verdict)v)) == 0)
            return v;
    return -1;
}

static int verdict_unknown(const char *word)
{
    struct strbuf names = {0};

    for (int v = 0; v < JUDGE_N_VERDICTS; v++)
        strbuf_addf(&names, "%s, ", judge_verdict_name((enum judge_verdict)v));
    err_set(ERR_USAGE, "verdict '%.40s': there are %s%s; several with commas between", word,
            names.data, LEDGER_SEAL);
    strbuf_deinit(&names);
    return ERR_USAGE;
}

static int verdicts_parse(const char *text, uint32_t *out)
{
    while (true) {
        size_t n = strcspn(text, ",");
        char word[48];
        int v;

        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), text);
        v = verdict_index(word);
        if (v < 0)
            return verdict_unknown(word);
        *out |= 1u << v;
        if (!text[n])
            return 0;
        text += n + 1;
    }
}

/* A day, or a second of it; the calendar must know it. `rest` completes a day. */
static int date_parse(const char *name, const char *text, const char *rest, char out[24])
{
    char again[32];
    struct tm utc;
    time_t seconds;

    snprintf(out, 24, "%s%s", text, strlen(text) == 10 ? rest : "");
    seconds = (time_t)ratchet__time_parse(out);
    strftime(again, sizeof again, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
    if (strcmp(out, again) != 0)
        return err_set(ERR_USAGE,
                       "%s %.40s: say a day such as 2026-01-31, or a second of it such as "
                       "2026-01-31T23:59:59Z (UTC)",
                       name, text);
    return 0;
}

static int count_parse(const char *name, const char *text, int64_t *out)
{
    char *end;

    *out = strtoll(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || *out < 1 || *out > UINT32_MAX)
        return err_set(ERR_USAGE, "%s '%.40s': say a number from 1 to %u%s", name, text, UINT32_MAX,
                       strcmp(name, "epoch") == 0 ? ", or last" : "");
    return 0;
}

/* What today's problem does not have may stand in older rows. */
static int subject_check(struct ledger *l, const char *name, int (*check)(const char *))
{
    int known = ledger_knows_case(l, name);

    return known ? (known < 0 ? known : 0) : check(name);
}

int filter_parse(struct ledger *l, const struct filter_text *text, struct filter *out)
{
    *out = (struct filter){.op = text->op,
                           .case_name = text->case_name,
                           .author = text->author,
                           .grep = text->grep,
                           .machine = text->machine};
    if (text->verdict)
        TRY(verdicts_parse(text->verdict, &out->verdicts));
    if (text->since)
        TRY(date_parse("since", text->since, "T00:00:00Z", out->since));
    if (text->until)
        TRY(date_parse("until", text->until, "T23:59:59Z", out->until));
    if (text->last)
        TRY(count_parse("last", text->last, &out->last));
    if (text->epoch && strcmp(text->epoch, "last") == 0)
        out->epoch = FILTER_EPOCH_LAST;
    else if (text->epoch)
        TRY(count_parse("epoch", text->epoch, &out->epoch));
    if (text->op)
        TRY(subject_check(l, text->op, judge_focus_check));
    return text->case_name ? subject_check(l, text->case_name, judge_case_check) : 0;
}

/* --- does a row pass? --- */

static bool has(const char *part, const char *text)
{
    return !part || strcasestr(text, part);
}

static bool passes_verdict(const struct filter *f, const struct ledger_row *row)
{
    int v = f->verdicts ? verdict_index(row->verdict) : 0;

    return !f->verdicts || (v >= 0 && (f->verdicts >> v & 1));
}

/* `name` in a sentence, not as a part of a longer name. */
static bool names(const char *text, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = strstr(text, name); p; p = strstr(p + 1, name)) {
        bool starts = p == text || (!isalnum((unsigned char)p[-1]) && !strchr("-_", p[-1]));

        if (starts && !isalnum((unsigned char)p[n]) && !(p[n] && strchr("-_", p[n])))
            return true;
    }
    return false;
}

struct concern {
    const struct ledger_row *row;
    const char *subject; /* operation or case */
};

static int case_concerns(void *ctx, const struct ledger_case *c)
{
    const struct concern *about = ctx;

    if (strcmp(c->name, about->subject) != 0 && strcmp(c->op, about->subject) != 0)
        return 0;
    return strcmp(about->row->focus, c->name) == 0 || strcmp(about->row->focus, c->op) == 0 ||
           c->low > CLEARLY || c->high < -CLEARLY || names(about->row->reason, c->name);
}

/* A refused attempt has no cases in the ledger: what the problem knows must do. */
static bool refused_concerns(const struct ledger_row *row, const char *subject)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];

        if (problem_in_focus(c, subject) &&
            (problem_in_focus(c, row->focus) || names(row->reason, c->name)))
            return true;
    }
    return false;
}

static int concerns(struct ledger *l, const struct ledger_row *row, const char *subject)
{
    struct concern about = {row, subject};

    if (strcmp(row->focus, subject) == 0 || refused_concerns(row, subject))
        return 1;
    return ledger_cases(l, row->experiment, case_concerns, &about);
}

static int passes(struct ledger *l, const struct filter *f, const struct ledger_row *row)
{
    if (!passes_verdict(f, row) || !has(f->author, row->author) || !has(f->machine, row->machine) ||
        (!has(f->grep, row->hypothesis) && !has(f->grep, row->reason)) ||
        (f->since[0] && strcmp(row->time, f->since) < 0) ||
        (f->until[0] && strcmp(row->time, f->until) > 0))
        return 0;
    if (f->op) {
        int rc = concerns(l, row, f->op);

        if (rc <= 0)
            return rc;
    }
    return f->case_name ? concerns(l, row, f->case_name) : 1;
}

/* --- all rows --- */

/* Numbers of the rows that pass: which are the last is known at the end only. */
struct selection {
    struct ledger *l;
    const struct filter *f;
    int64_t epoch; /* of the row at hand */
    int64_t *numbers;
    size_t n, room;
};

static int selection_add(struct selection *s, int64_t number)
{
    if (s->n == s->room) {
        size_t room = s->room ? 2 * s->room : 256;
        int64_t *numbers = realloc(s->numbers, room * sizeof *numbers);

        if (!numbers)
            return err_set(ERR_NOMEM, "ledger: out of memory");
        s->numbers = numbers;
        s->room = room;
    }
    s->numbers[s->n++] = number;
    return 0;
}

static int selection_look(void *ctx, const struct ledger_row *row)
{
    struct selection *s = ctx;
    int rc;

    if (strcmp(row->verdict, LEDGER_SEAL) == 0) {
        s->epoch++;
        if (s->f->epoch == FILTER_EPOCH_LAST)
            s->n = 0; /* what was found before is older than the last epoch */
    }
    if (s->f->epoch > 0 && s->epoch != s->f->epoch)
        return 0;
    rc = passes(s->l, s->f, row);
    return rc == 1 ? selection_add(s, row->experiment) : rc;
}

int filter_each(struct ledger *l, const struct filter *f, ledger_row_fn each, void *ctx)
{
    struct selection s = {.l = l, .f = f, .epoch = 1};
    int rc = ledger_each(l, 1, 0, selection_look, &s);
    size_t first = f->last && (size_t)f->last < s.n ? s.n - (size_t)f->last : 0;

    for (size_t i = first; rc == 0 && i < s.n; i++)
        rc = ledger_each(l, s.numbers[i], s.numbers[i], each, ctx);
    free(s.numbers);
    return rc;
}

static int row_add(void *ctx, const struct ledger_row *row)
{
    return json_array_append_new(ctx, ledger_row_json(row));
}

int filter_rows_json(struct ledger *l, const struct filter *f, json_t **out)
{
    int rc;

    *out = json_array();
    rc = filter_each(l, f, row_add, *out);
    if (rc < 0) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}
