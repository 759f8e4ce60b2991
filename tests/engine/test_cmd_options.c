/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/cmd_options.h"

#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct parsed {
    const char *text, *file;
    int64_t n;
    double t;
    bool flag;
};

/* argv is "try" and the words of `line`. */
static int parse(struct parsed *x, const char *line)
{
    const struct option_spec specs[] = {
        {"--text", "-x", OPTION_TEXT, &x->text, 0, 0, "T", "a text"},
        {"--count", "-n", OPTION_INT, &x->n, 0, 100, "N", "a count"},
        {"--temp", NULL, OPTION_REAL, &x->t, 0, 2, "T", "a temperature"},
        {"--flag", NULL, OPTION_FLAG, &x->flag, 0, 0, NULL, "a flag"},
        {NULL, NULL, OPTION_TEXT, &x->file, 0, 0, "FILE", "a file"},
    };
    static char words[200];
    char *argv[16] = {(char[]){"try"}};
    int argc = 1;

    snprintf(words, sizeof words, "%s", line);
    for (char *w = strtok(words, " "); w && argc < 16; w = strtok(NULL, " "))
        argv[argc++] = w;
    return options_parse(specs, sizeof specs / sizeof *specs, "usage", argc, argv);
}

Test(cmd_options, fills_what_is_given_and_leaves_the_rest)
{
    struct parsed x = {.n = 7, .t = 0.5};

    cr_assert_eq(parse(&x, "-x hello --flag model.gguf --temp 1.25"), 0);
    cr_assert_str_eq(x.text, "hello");
    cr_assert_str_eq(x.file, "model.gguf");
    cr_assert(x.flag);
    cr_assert_eq(x.n, 7);
    cr_assert_eq(x.t, 1.25);
}

Test(cmd_options, takes_a_lone_dash_as_a_value)
{
    struct parsed x = {0};

    cr_assert_eq(parse(&x, "-x -"), 0);
    cr_assert_str_eq(x.text, "-");
}

Test(cmd_options, names_the_wrong_option_and_the_remedy)
{
    static const char *const lines[][3] = {
        {"--wrong 1", "--wrong", "engine try --help"},
        {"a b", "\"b\"", "engine try --help"},
        {"--count", "--count", "needs a value"},
        {"--count 1.5", "--count", "whole number"},
        {"--count 101", "--count", "0..100"},
        {"--count -1", "--count", "0..100"},
        {"--temp warm", "--temp", "warm"},
        {"--temp nan", "--temp", "nan"},
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct parsed x = {0};

        cr_assert_eq(parse(&x, lines[i][0]), ERR_USAGE);
        cr_assert(strstr(err_message(), lines[i][1]), "%s", err_message());
        cr_assert(strstr(err_message(), lines[i][2]), "%s", err_message());
    }
}

Test(cmd_options, turns_model_flags_into_engine_options)
{
    struct model_flags f = {.n_threads = 3, .kv = "q8_0", .features = "scalar"};
    struct engine_options o;

    cr_assert_eq(model_flags_resolve(&f, &o), 0);
    cr_assert_eq(o.n_threads, 3);
    cr_assert_eq(o.kv_type, KERNEL_Q8_0);
    cr_assert_eq(o.features, 0);
    f.kv = "q4";
    cr_assert_eq(model_flags_resolve(&f, &o), ERR_USAGE);
    cr_assert(strstr(err_message(), "--kv"));
    f = (struct model_flags){.features = "fast"};
    cr_assert_eq(model_flags_resolve(&f, &o), ERR_USAGE);
}

Test(cmd_options, lets_no_control_character_of_a_file_reach_a_terminal)
{
    static const char text[] = "a\033[2J\nb\xc2\x9b\xc3\xa9\x7f";
    char out[64] = "";
    FILE *f = fmemopen(out, sizeof out, "w");

    cr_assert_not_null(f);
    print_clean(f, text, sizeof text - 1);
    fclose(f);
    cr_assert_str_eq(out, "a?[2J?b?\xc3\xa9?");
}
