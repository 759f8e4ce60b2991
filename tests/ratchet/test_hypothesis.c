/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/hypothesis.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>

Test(hypothesis, is_text_that_says_something_and_commands_no_terminal)
{
    static const struct {
        const char *text;
        bool fine;
    } cases[] = {
        {"prefetch what comes next", true},
        {"tab\there\nand two lines", true},
        {"h\xc3\xa9 \xe2\x86\x92 \xf0\x9f\x90\xa7 \xc2\xa0", true},
        {"", false},
        {" \n\t", false},
        {"\xff\xfe", false},
        {"bell\a", false},
        {"escape \x1b[2J", false},
        {"delete \x7f", false},
        {"return\r", false},
        {"C1 \xc2\x9b", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(hypothesis_check(cases[i].text), cases[i].fine ? 0 : ERR_USAGE, "case %zu: %s",
                     i, err_message());
}

Test(hypothesis, has_an_end)
{
    struct strbuf text = {0};

    for (int i = 0; i < HYPOTHESIS_MOST; i++)
        strbuf_add(&text, "h", 1);
    cr_expect_eq(hypothesis_check(text.data), 0);
    strbuf_add(&text, "h", 1);
    cr_expect_eq(hypothesis_check(text.data), ERR_USAGE);
    strbuf_deinit(&text);
}
