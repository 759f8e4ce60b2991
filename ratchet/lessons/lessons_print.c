/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/lessons/lessons.h"

#include "ratchet/git/repo.h"
#include "ratchet/try/record.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SUBJECT = 100 };

static const char mark_begin[] = "<!-- ratchet lessons: experiments 1 to ";
static const char mark_note[] = "; made by `ratchet lessons --write` -->\n";
static const char mark_end[] = "<!-- end of ratchet lessons -->\n";

/* "#3 +15.4 %", "#1 LOSS (gemv slower)". */
static void attempt_print(const json_t *a, struct strbuf *out)
{
    double gain = 100 * expm1(json_number_value(json_object_get(a, "estimate")));
    const char *verdict = record_get_text(a, "verdict"), *slower = record_get_text(a, "slower");

    strbuf_addf(out, "#%lld ", (long long)json_integer_value(json_object_get(a, "experiment")));
    if (strcmp(verdict, "WIN") != 0)
        strbuf_addf(out, "%s ", verdict);
    if (*slower)
        strbuf_addf(out, "(%s slower)", slower);
    else
        strbuf_addf(out, "%+.1f %%", gain);
}

static void attempts_print(const json_t *attempts, struct strbuf *out)
{
    for (size_t i = 0; i < json_array_size(attempts); i++) {
        strbuf_addf(out, "%s", i ? ", " : "");
        attempt_print(json_array_get(attempts, i), out);
    }
}

static void numbers_print(const json_t *numbers, struct strbuf *out)
{
    for (size_t i = 0; i < json_array_size(numbers); i++)
        strbuf_addf(out, "%s#%lld", i ? ", " : "",
                    (long long)json_integer_value(json_array_get(numbers, i)));
}

static void tier_markdown(const json_t *tier, int number, struct strbuf *out)
{
    const json_t *rows = json_object_get(tier, "rows");

    strbuf_addf(
        out, "\n### %d. %s\n%s.\n\n| symptom | first thing to try | borne out? |\n|---|---|---|\n",
        number, record_get_text(tier, "name"), record_get_text(tier, "what"));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);

        strbuf_addf(out, "| %s | %s | %s", record_get_text(row, "symptom"),
                    record_get_text(row, "first"), record_get_text(row, "verdict"));
        strbuf_addf(out, "%s", json_array_size(json_object_get(row, "attempts")) ? ": " : "");
        attempts_print(json_object_get(row, "attempts"), out);
        strbuf_addf(out, " |\n");
    }
}

void lessons_markdown(const json_t *lessons, struct strbuf *out)
{
    const json_t *tiers = json_object_get(lessons, "tiers");

    strbuf_addf(out, "%s%lld%s", mark_begin,
                (long long)json_integer_value(json_object_get(lessons, "last")), mark_note);
    for (size_t i = 0; i < json_array_size(tiers); i++)
        tier_markdown(json_array_get(tiers, i), (int)i + 1, out);
    strbuf_addf(out, "\nIn no row: ");
    attempts_print(json_object_get(lessons, "other"), out);
    strbuf_addf(out, "%s. Without a measured verdict: ",
                json_array_size(json_object_get(lessons, "other")) ? "" : "none");
    numbers_print(json_object_get(lessons, "unjudged"), out);
    strbuf_addf(out, "%s.\n%s", json_array_size(json_object_get(lessons, "unjudged")) ? "" : "none",
                mark_end);
}

/* --- for a terminal --- */

static void attempts_text(const json_t *attempts, struct strbuf *out)
{
    for (size_t i = 0; i < json_array_size(attempts); i++) {
        const json_t *a = json_array_get(attempts, i);

        strbuf_addf(out, "      ");
        attempt_print(a, out);
        if (*record_get_text(a, "words"))
            strbuf_addf(out, "  \"%s\"", record_get_text(a, "words"));
        strbuf_addf(out, "  ");
        repo_subject(out, record_get_text(a, "hypothesis"), SUBJECT);
        strbuf_addf(out, "\n");
    }
}

void lessons_text(const json_t *lessons, struct strbuf *out)
{
    const json_t *tiers = json_object_get(lessons, "tiers");
    const json_t *other = json_object_get(lessons, "other");

    for (size_t i = 0; i < json_array_size(tiers); i++) {
        const json_t *tier = json_array_get(tiers, i), *rows = json_object_get(tier, "rows");

        strbuf_addf(out, "%s%zu. %s\n", i ? "\n" : "", i + 1, record_get_text(tier, "name"));
        for (size_t k = 0; k < json_array_size(rows); k++) {
            const json_t *row = json_array_get(rows, k);

            strbuf_addf(out, "  %-12s %s\n    -> %s\n    %s\n", record_get_text(row, "id"),
                        record_get_text(row, "symptom"), record_get_text(row, "first"),
                        record_get_text(row, "verdict"));
            attempts_text(json_object_get(row, "attempts"), out);
        }
    }
    strbuf_addf(out, "\nother\n");
    attempts_text(other, out);
    strbuf_addf(out, "without a measured verdict: ");
    numbers_print(json_object_get(lessons, "unjudged"), out);
    strbuf_addf(out, "\n");
}

/* --- the block of a file --- */

int lessons_block_find(const char *text, size_t *begin, size_t *end, int64_t *last)
{
    const char *from = strstr(text, mark_begin), *to = strstr(text, mark_end);
    char *rest;

    if (!from && !to)
        return 0;
    if (!from || !to || to < from || strstr(from + 1, mark_begin) || strstr(to + 1, mark_end))
        return err_set(ERR_FORMAT,
                       "the marks of `ratchet lessons` are damaged: one line \"%s...\" "
                       "before one line \"%.*s\" is needed",
                       mark_begin, (int)strlen(mark_end) - 1, mark_end);
    *last = strtoll(from + strlen(mark_begin), &rest, 10);
    if (strncmp(rest, mark_note, strlen(mark_note)) != 0)
        return err_set(ERR_FORMAT, "the first mark of `ratchet lessons` names no experiment");
    *begin = (size_t)(from - text);
    *end = (size_t)(to - text) + strlen(mark_end);
    return 1;
}
