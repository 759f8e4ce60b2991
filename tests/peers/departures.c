/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/departures.h"

#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

typedef bool (*code_point_fn)(utf8proc_int32_t c);

/* --- properties --- */

static bool has_case_or_is_mark(utf8proc_int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);

    return c > 0x7f &&
           (k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT ||
            k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_MC || k == UTF8PROC_CATEGORY_ME);
}

static bool is_wide_space(utf8proc_int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);

    return c > 0x7f && (c == 0x85 || k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL ||
                        k == UTF8PROC_CATEGORY_ZP);
}

static bool is_spacing_mark_or_control(utf8proc_int32_t c)
{
    utf8proc_category_t k = utf8proc_category(c);

    return c == 0x0b || c == 0x0c || c == 0x85 || k == UTF8PROC_CATEGORY_MC ||
           k == UTF8PROC_CATEGORY_ME;
}

/* Their first byte, 0xf1 to 0xf3, is in no token of the vocabulary. */
static bool is_far_plane(utf8proc_int32_t c)
{
    return c >= 0x40000 && c < 0x100000;
}

static bool is_word_mark(utf8proc_int32_t c)
{
    return c == 0x2581;
}

/* --- the table --- */

static const struct departure {
    const char *vocabulary, *pre; /* NULL: any */
    code_point_fn has;            /* some character of the text, or */
    const char *holds;            /* this stands in it */
    const char *why;
} departures[] = {
    {NULL, "gpt-4o", has_case_or_is_mark, NULL, "its pattern knows case and marks in ASCII alone"},
    {NULL, "tekken", has_case_or_is_mark, NULL, "its pattern knows case and marks in ASCII alone"},
    {NULL, "deepseek-llm", is_wide_space, NULL, "wide spaces are not in its range U+0800..U+4E00"},
    {NULL, "deepseek-coder", is_wide_space, NULL,
     "wide spaces are not in its range U+0800..U+4E00"},
    {"qwen2", NULL, NULL, "</s>", "it takes </s>, an ordinary token there, for a control token"},
    {"starcoder", "", is_far_plane, NULL, "it drops bytes that no token has"},
    {"llama-spm", "", is_word_mark, NULL, "ours gives U+2581 back, which it takes for a space"},
    {"phi-3", "", is_word_mark, NULL, "ours gives U+2581 back, which it takes for a space"},
    {"bert", "", is_spacing_mark_or_control, NULL,
     "it strips spacing marks like accents, and takes three controls for spaces"},
};

static bool text_has(const struct strbuf *text, code_point_fn has)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text->data;
    utf8proc_ssize_t left = (utf8proc_ssize_t)text->len;

    while (left > 0) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate(at, left, &c);

        if (n < 1)
            return false;
        if (has(c))
            return true;
        at += n;
        left -= n;
    }
    return false;
}

static bool text_holds(const struct strbuf *text, const char *part)
{
    return memmem(text->data, text->len, part, strlen(part)) != NULL;
}

const char *departure_find(const char *vocabulary, const char *pre, const struct strbuf *text)
{
    for (size_t i = 0; i < sizeof departures / sizeof *departures; i++) {
        const struct departure *d = &departures[i];

        if ((!d->vocabulary || !strcmp(d->vocabulary, vocabulary)) &&
            (!d->pre || !strcmp(d->pre, pre)) &&
            (d->has ? text_has(text, d->has) : text_holds(text, d->holds)))
            return d->why;
    }
    return NULL;
}
