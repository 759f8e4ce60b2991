/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/answer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct answer read_text(const char *text)
{
    struct answer a;

    answer_read(text, strlen(text), &a);
    return a;
}

Test(answer, takes_the_last_hypothesis_to_the_end_of_its_paragraph)
{
    struct answer a = read_text("HYPOTHESIS: an earlier thought\nwork\n"
                                "HYPOTHESIS: fewer loads in gemm,\n because they stall\n\nbye\n");

    cr_assert_str_eq(a.hypothesis, "fewer loads in gemm,\n because they stall");
    cr_assert_null(a.done);
    answer_deinit(&a);
}

Test(answer, passes_over_the_marks_of_markdown)
{
    struct answer a = read_text("Summary\n\n**HYPOTHESIS:** two columns at a time**\n");

    cr_assert_str_eq(a.hypothesis, "two columns at a time");
    answer_deinit(&a);
    a = read_text("> `DONE: no idea left`");
    cr_assert_str_eq(a.done, "no idea left");
    answer_deinit(&a);
}

Test(answer, takes_a_json_object_on_one_line)
{
    struct answer a =
        read_text("log\n{\"hypothesis\": \"a \\u00e9\", \"focus\": \"gemm\"}\ntrailing noise\n");

    cr_assert_str_eq(a.hypothesis, "a \xc3\xa9");
    cr_assert_str_eq(a.focus, "gemm");
    answer_deinit(&a);
}

Test(answer, tries_a_change_before_it_is_done_and_takes_no_work_that_is_done_for_it)
{
    struct answer a = read_text("HYPOTHESIS: two rows at a time\n\nDone: it compiles.\n");

    cr_assert_str_eq(a.hypothesis, "two rows at a time");
    cr_assert_null(a.done);
    answer_deinit(&a);
    a = read_text("HYPOTHESIS: two rows at a time\nbecause of the loads\nDONE: no further idea\n");
    cr_assert_str_eq(a.hypothesis, "two rows at a time\nbecause of the loads");
    cr_assert_str_eq(a.done, "no further idea");
    answer_deinit(&a);
}

Test(answer, of_other_text_is_nothing)
{
    static const char *const texts[] = {"",
                                        "\n\n\n",
                                        "my hypothesis: none",
                                        "{\"x\"",
                                        "{\"hypothesis\": 3}",
                                        "HYPOTHESIS:   \n",
                                        "Done: the change.\n"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct answer a = read_text(texts[i]);

        cr_assert(!a.hypothesis && !a.done, "%s", texts[i]);
        answer_deinit(&a);
    }
}

Test(answer, keeps_within_its_length_and_utf8_whatever_comes)
{
    static char text[100000];
    struct answer a;

    memset(text, 'x', sizeof text);
    memcpy(text, "HYPOTHESIS: \xff\xfe\0", 15);
    answer_read(text, sizeof text, &a);
    cr_assert_not_null(a.hypothesis);
    cr_assert_leq(strlen(a.hypothesis), ANSWER_BYTES);
    cr_assert_eq(a.hypothesis[0], '?');
    answer_deinit(&a);
    srand(7);
    for (int round = 0; round < 2000; round++) {
        size_t n = (size_t)rand() % 200;

        for (size_t i = 0; i < n; i++)
            text[i] = "\n{}\":HYPOTESIDN ,\xc3\x80"[rand() % 20];
        answer_read(text, n, &a);
        answer_deinit(&a);
    }
}
