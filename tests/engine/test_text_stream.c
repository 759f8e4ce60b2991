/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tokenizer/text_stream.h"

#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <string.h>

/* `in` pushed in pieces of `step` bytes. */
static void gives(const char *in, size_t step, const char *want)
{
    struct text_stream t = {0};
    struct strbuf out = {0};

    for (size_t at = 0; at < strlen(in); at += step) {
        size_t left = strlen(in) - at;

        text_stream_push(&t, in + at, left < step ? left : step, &out);
    }
    text_stream_finish(&t, &out);
    cr_assert_str_eq(strbuf_str(&out), want);
    strbuf_deinit(&out);
}

Test(text_stream, holds_a_character_back_until_it_is_whole)
{
    struct text_stream t = {0};
    struct strbuf out = {0};

    text_stream_push(&t, "a\xe2\x82", 3, &out);
    cr_assert_str_eq(strbuf_str(&out), "a");
    text_stream_push(&t, "\xac", 1, &out);
    cr_assert_str_eq(strbuf_str(&out), "a\xe2\x82\xac");
    strbuf_deinit(&out);
}

Test(text_stream, leaves_valid_text_as_it_is_however_it_is_cut)
{
    const char *text = "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80 \xed\x9f\xbf \xf4\x8f\xbf\xbf.";

    for (size_t step = 1; step < 9; step++)
        gives(text, step, text);
}

Test(text_stream, replaces_what_can_never_become_a_character)
{
    gives("\x80z", 1, "\xef\xbf\xbdz");               /* continuation without a lead */
    gives("\xe2\x82z", 1, "\xef\xbf\xbdz");           /* broken off */
    gives("\xc0\xaf", 1, "\xef\xbf\xbd\xef\xbf\xbd"); /* overlong */
    gives("\xe0\x9f\xbf", 1, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    gives("\xf0\x8f", 1, "\xef\xbf\xbd\xef\xbf\xbd");
    gives("\xf4\x90", 1, "\xef\xbf\xbd\xef\xbf\xbd");                 /* past U+10FFFF */
    gives("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* surrogate */
    gives("\xe2\xe2\x82\xac", 2, "\xef\xbf\xbd\xe2\x82\xac");         /* a lead after a lead */
    gives("a\xf0\x9f", 2, "a\xef\xbf\xbd");                           /* the end of the text */
}
