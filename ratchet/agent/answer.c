/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/answer.h"

#include "ratchet/try/record.h"
#include "reference/base/strbuf.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A trimmed copy of at most ANSWER_BYTES, never cut inside a character; NULL for nothing. */
static char *text_copy(const char *text, size_t n)
{
    struct strbuf copy = {0};
    char *clean = NULL;

    while (n && isspace((unsigned char)*text))
        text++, n--;
    while (n && (isspace((unsigned char)text[n - 1]) || text[n - 1] == '*' || text[n - 1] == '`'))
        n--;
    if (n > ANSWER_BYTES)
        for (n = ANSWER_BYTES; n && ((unsigned char)text[n] & 0xc0) == 0x80;)
            n--;
    for (size_t i = 0; i < n; i++) /* nothing that a terminal would obey */
        strbuf_add(&copy, (unsigned char)text[i] < 0x20 && text[i] != '\n' ? " " : text + i, 1);
    if (copy.len)
        record_text(&clean, copy.data);
    strbuf_deinit(&copy);
    return clean;
}

static const char *after_markup(const char *line, const char *end)
{
    while (line < end && strchr(" \t>*_#`-", *line))
        line++;
    return line;
}

/* "Done:" is what people say of one piece of work. */
static const char HYPOTHESIS[] = "HYPOTHESIS:", DONE[] = "DONE:";

static bool at_word(const char *line, const char *end, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(end - line) < n)
        return false;
    return word == DONE ? strncmp(line, word, n) == 0 : strncasecmp(line, word, n) == 0;
}

/* End of the paragraph that begins at p, or of its lines before a DONE. */
static const char *paragraph_end(const char *p, const char *end)
{
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *next;

        if (!newline)
            return end;
        for (next = newline + 1; next < end && (*next == ' ' || *next == '\t' || *next == '\r');)
            next++;
        if (next == end || *next == '\n' || at_word(after_markup(next, end), end, DONE))
            return newline;
        p = newline + 1;
    }
    return end;
}

static bool take_word(const char *line, const char *end, const char *word, char **out)
{
    line = after_markup(line, end);
    if (*out || !at_word(line, end, word))
        return false;
    line = after_markup(line + strlen(word), end); /* "**HYPOTHESIS:** text" */
    *out = text_copy(line, (size_t)(paragraph_end(line, end) - line));
    return true;
}

static void take_member(const json_t *o, const char *key, char **out)
{
    const char *text = json_string_value(json_object_get(o, key));

    if (text && !*out)
        *out = text_copy(text, strlen(text));
}

static void take_object(const char *line, size_t n, struct answer *out)
{
    json_t *o = json_loadb(line, n, 0, NULL);

    if (json_is_object(o)) {
        take_member(o, "hypothesis", &out->hypothesis);
        take_member(o, "focus", &out->focus);
        take_member(o, "done", &out->done);
    }
    json_decref(o);
}

void answer_read(const char *text, size_t bytes, struct answer *out)
{
    const char *end = text + bytes, *line = end;

    *out = (struct answer){0};
    while (line > text && !out->hypothesis) {
        const char *stop = line[-1] == '\n' ? line - 1 : line;

        for (line = stop; line > text && line[-1] != '\n';)
            line--;
        if (line < stop && *line == '{')
            take_object(line, (size_t)(stop - line), out);
        else if (!take_word(line, end, HYPOTHESIS, &out->hypothesis))
            take_word(line, end, DONE, &out->done);
    }
}

void answer_deinit(struct answer *a)
{
    free(a->hypothesis);
    free(a->focus);
    free(a->done);
    *a = (struct answer){0};
}
