/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/printable.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void expect(const char *text, size_t len, const char *want)
{
    char *have = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&have, &bytes);

    cr_assert(to);
    printable_write(to, text, len);
    fclose(to);
    cr_expect_eq(bytes, strlen(want));
    cr_expect_str_eq(have, want);
    free(have);
}

Test(printable, text_passes_and_what_a_terminal_obeys_does_not)
{
    static const char *const same[] = {
        "",         "plain",           "two\nlines\tand a tab\n", "\xc3\xa9 \xe2\x82\xac",
        "\xc2\xa0", "\xf0\x9f\x99\x82"};

    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        expect(same[i], strlen(same[i]), same[i]);
    expect("\033[2J\r\a\177", 7, "?[2J???");
    expect("a\0b", 3, "a?b");
    expect("\xc2\x80|\xc2\x9b|\xc2\x9f", 8, "?|?|?");
    expect("\x9b"
           "31m",
           4, "?31m"); /* C1 as one byte */
}

Test(printable, broken_utf8_hides_nothing)
{
    expect("\xe2\x82\033[2J", 6, "\xe2\x82?[2J");
    expect("\xc2", 1, "\xc2");
    expect("\xc2\033", 2, "\xc2?");
    expect("\xc3\xa9\x9b", 3, "\xc3\xa9?");
    expect("\xff\x9b\xc0\x9b", 4, "\xff?\xc0?");
}
