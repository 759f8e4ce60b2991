/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/departures.h"

#include "tests/peers/name_list.h"

#include <criterion/criterion.h>
#include <string.h>

static bool excused(const char *vocabulary, const char *pre, const char *text)
{
    struct strbuf s = {0};
    bool is;

    strbuf_add(&s, text, strlen(text));
    is = departure_find(vocabulary, pre, &s) != NULL;
    strbuf_deinit(&s);
    return is;
}

Test(departures, excuse_only_what_the_text_has)
{
    cr_assert(excused("gpt-2", "gpt-4o", "\xd0\xbe\xd0\xa7"));
    cr_assert_not(excused("gpt-2", "gpt-4o", "camelCase's 123"));
    cr_assert(excused("gpt-2", "deepseek-coder", "a \xe2\x80\xaf"));
    cr_assert_not(excused("gpt-2", "deepseek-coder", "a \t"));
    cr_assert(excused("qwen2", "llama-bpe", "x</s>"));
    cr_assert_not(excused("qwen2", "llama-bpe", "x<s>"));
    cr_assert(excused("starcoder", "", "\xf1\xaa\x96\x9c"));
    cr_assert_not(excused("starcoder", "", "\xf0\x9f\x92\xa1"));
    cr_assert(excused("phi-3", "", "a\xe2\x96\x81"));
    cr_assert(excused("bert", "", "\xe0\xa5\x80"));
    cr_assert_not(excused("bert", "", "e\xcc\x81"));
}

Test(departures, excuse_nothing_where_none_is_known)
{
    cr_assert_not(excused("gpt-2", "gpt-2", "\xd0\xbe\xd0\xa7 \xe2\x80\xaf \xe2\x96\x81</s>"));
    cr_assert_not(excused("gpt-2", "qwen2", "\xe0\xa5\x80"));
}

Test(departures, a_list_names_its_members_and_no_parts_of_them)
{
    cr_assert(name_list_has(NULL, "F16"));
    cr_assert(name_list_has("F32,F16,BF16", "F16"));
    cr_assert(name_list_has("F32,F16,BF16", "BF16"));
    cr_assert_not(name_list_has("F32,BF16", "F16"));
    cr_assert_not(name_list_has("Q4_K_M", "Q4_K"));
    cr_assert_not(name_list_has("", "F16"));
}
