/* SPDX-License-Identifier: Apache-2.0
 *
 * Which commit each line of the kernel comes from; where nothing moves, git's own blame is the
 * oracle. */
#include "ratchet/history/blame.h"
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct fixture f;
static struct blame b;

static void begin(void)
{
    fixture_init(&f);
}

static void end(void)
{
    blame_deinit(&b);
    fixture_deinit(&f);
}

TestSuite(history_blame, .init = begin, .fini = end);

static void blame(void)
{
    struct ratchet *r = fixture_open(&f);

    blame_deinit(&b);
    cr_assert_eq(blame_kernel(r, &b), 0, "%s", err_message());
    ratchet_close(&r);
}

static const struct blame_origin *origin_of(const char *path, const char *line)
{
    const struct blame_file *file = blame_find(&b, path);

    cr_assert(file, "%s", path);
    for (size_t i = 0; i < file->n_lines; i++)
        if (file->lines[i].len == strlen(line) &&
            memcmp(file->lines[i].text, line, strlen(line)) == 0)
            return &b.origins[file->lines[i].origin];
    cr_assert_fail("%s has no line '%s'", path, line);
    return NULL;
}

static void commit(const char *subject)
{
    fixture_git(&f, "add -A", NULL);
    fixture_git(&f, subject, NULL);
}

Test(history_blame, a_line_belongs_to_the_win_that_brought_it_and_never_to_a_loss)
{
    fixture_experiment(&f, JUDGE_WIN, "/* first */\nint tile = 2;\nint kernel_fn;\n");
    fixture_experiment(&f, JUDGE_LOSS, "/* first */\nint tile = 3;\nint kernel_fn;\n");
    fixture_experiment(&f, JUDGE_WIN, "/* first */\nint tile = 2;\nint kernel_fn;\nint ahead;\n");
    blame();
    cr_expect_eq(origin_of("kernel.c", "int tile = 2;")->experiment, 1);
    cr_expect_eq(origin_of("kernel.c", "int ahead;")->experiment, 3);
    cr_expect(origin_of("kernel.c", "/* first */")->oldest);
    cr_expect_eq(origin_of("kernel.c", "/* first */")->experiment, 0);
    cr_expect_float_eq(origin_of("kernel.c", "int ahead;")->estimate, 0.0312346, 1e-9);
    cr_expect(isnan(origin_of("kernel.c", "/* first */")->estimate));
    cr_expect_str_eq(origin_of("kernel.c", "int ahead;")->text, "make it faster");
}

Test(history_blame, an_ordinary_commit_owns_what_it_adds)
{
    fixture_experiment(&f, JUDGE_WIN, FIXTURE_FASTER);
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER "int plain;\n");
    fixture_write(&f, "README.md", "no origin of the kernel\n");
    commit("commit -qm plain");
    fixture_write(&f, "README.md", "nor this\n");
    commit("commit -qm readme");
    blame();
    cr_expect_eq(b.n_origins, 3, "the first, the win, plain; not the README's");
    cr_expect_str_eq(origin_of("kernel/kernel.c", "int plain;")->text, "plain");
    cr_expect_eq(origin_of("kernel/kernel.c", "/* faster */")->experiment, 1);
}

Test(history_blame, a_win_of_which_no_line_is_left_stays_in_the_list)
{
    fixture_experiment(&f, JUDGE_WIN, "int only = 1;\n");
    fixture_experiment(&f, JUDGE_WIN, "int other = 2;\n");
    blame();
    cr_assert_eq(b.n_origins, 3);
    cr_expect_eq(b.origins[1].experiment, 1);
    cr_expect_eq(b.origins[1].n_lines, 0);
    cr_expect_eq(b.origins[2].n_lines, 1);
}

#define BODY "static int sum_of_products(int a)\n{\n    return a * 1234;\n}\n"

Test(history_blame, code_that_moves_to_another_file_keeps_its_origin)
{
    fixture_experiment(&f, JUDGE_WIN, FIXTURE_KERNEL BODY);
    fixture_write(&f, "kernel/kernel.c", FIXTURE_KERNEL);
    fixture_write(&f, "kernel/sums.inc", "/* a file of its own */\n" BODY);
    commit("commit -qm split");
    blame();
    cr_expect_eq(origin_of("sums.inc", "    return a * 1234;")->experiment, 1);
    cr_expect_eq(origin_of("sums.inc", "{")->experiment, 1, "inside a run short lines count too");
    cr_expect_str_eq(origin_of("sums.inc", "/* a file of its own */")->text, "split");
}

Test(history_blame, code_that_is_indented_keeps_its_origin)
{
    fixture_experiment(&f, JUDGE_WIN, "int kernel_fn;\nlong_enough_to_be_known(42);\n");
    fixture_write(&f, "kernel/kernel.c",
                  "int kernel_fn;\nif (x)\n    long_enough_to_be_known(42);\n");
    commit("commit -qm indent");
    blame();
    cr_expect_eq(origin_of("kernel.c", "    long_enough_to_be_known(42);")->experiment, 1);
    cr_expect_str_eq(origin_of("kernel.c", "if (x)")->text, "indent");
}

Test(history_blame, short_lines_that_come_again_are_new)
{
    fixture_experiment(&f, JUDGE_WIN, "a();\n}\nint kernel_fn;\n");
    fixture_write(&f, "kernel/kernel.c", "int kernel_fn;\n");
    fixture_write(&f, "kernel/part.inc", "/* part */\n}\n");
    commit("commit -qm braces");
    blame();
    cr_expect_str_eq(origin_of("part.inc", "}")->text, "braces");
}

Test(history_blame, a_line_that_went_once_comes_once)
{
    const struct blame_file *file;

    fixture_experiment(&f, JUDGE_WIN, "int kernel_fn;\nlong_enough_to_be_known(42);\n");
    fixture_write(&f, "kernel/kernel.c", "int kernel_fn;\n");
    fixture_write(&f, "kernel/part.inc",
                  "/* part */\nlong_enough_to_be_known(42);\n0;\nlong_enough_to_be_known(42);\n");
    commit("commit -qm twice");
    blame();
    file = blame_find(&b, "kernel/part.inc");
    cr_expect_eq(b.origins[file->lines[1].origin].experiment, 1);
    cr_expect_eq(b.origins[file->lines[3].origin].experiment, 0);
}

Test(history_blame, a_renamed_file_keeps_its_origins)
{
    fixture_write(&f, "kernel/part.inc", "/* part */\n/* one */\n/* two */\n/* three */\n");
    commit("commit -qm longer");
    fixture_git(&f, "mv kernel/part.inc kernel/renamed.inc", NULL);
    commit("commit -qm rename");
    blame();
    cr_expect_eq(blame_find(&b, "part.inc"), NULL);
    cr_expect_str_eq(origin_of("renamed.inc", "/* two */")->text, "longer");
    cr_expect(origin_of("renamed.inc", "/* part */")->oldest);
}

Test(history_blame, odd_files_do_not_disturb)
{
    const struct blame_file *file;

    fixture_write(&f, "kernel/empty.inc", "");
    fixture_write(&f, "kernel/part.inc", "no newline at its end");
    commit("commit -qm odd");
    fixture_write(&f, "kernel/part.inc", "no newline at its end\n\n\nlast");
    commit("commit -qm longer");
    blame();
    cr_expect_eq(blame_find(&b, "empty.inc")->n_lines, 0);
    file = blame_find(&b, "part.inc");
    cr_expect_eq(file->n_lines, 4);
    cr_expect_eq(blame_run(file, 0), 4, "the newline made the first line another one");
    cr_expect_eq(b.n_lines, 2 + 4);
}

Test(history_blame, a_clone_without_a_commit_is_refused)
{
    struct ratchet *r;

    fixture_git(&f, "checkout -q --orphan fresh", NULL);
    r = fixture_open(&f);
    cr_expect_eq(blame_kernel(r, &b), ERR_CONFLICT);
    ratchet_close(&r);
}

/* --- git's blame as the oracle --- */

enum { LINES_MOST = 60, STEPS = 25 };

/* Lines that never come twice, so that there is one way to see what an edit did. */
struct text {
    unsigned lines[LINES_MOST];
    size_t n;
    unsigned next;
};

static void text_edit(struct text *t, struct rng *rng)
{
    size_t at = rng_below(rng, t->n + 1), n = 1 + rng_below(rng, 4);

    if (rng_below(rng, 2) && at < t->n) {
        n = n < t->n - at ? n : t->n - at;
        memmove(t->lines + at, t->lines + at + n, (t->n - at - n) * sizeof *t->lines);
        t->n -= n;
    }
    for (n = 1 + rng_below(rng, 4); n && t->n < LINES_MOST; n--) {
        memmove(t->lines + at + 1, t->lines + at, (t->n - at) * sizeof *t->lines);
        t->lines[at] = t->next++;
        t->n++;
    }
}

static void text_write(const struct text *t)
{
    struct strbuf text = {0};

    for (size_t i = 0; i < t->n; i++)
        strbuf_addf(&text, "%u;\n", t->lines[i]);
    fixture_write(&f, "kernel/kernel.c", strbuf_str(&text));
    strbuf_deinit(&text);
}

Test(history_blame, without_moves_it_says_what_git_says, .timeout = 60)
{
    struct text t = {.next = 1000};
    struct strbuf said = {0};
    const struct blame_file *file;
    const char *p;
    struct rng rng;

    rng_init(&rng, 7);
    for (int i = 0; i < STEPS; i++) {
        text_edit(&t, &rng);
        text_write(&t);
        if (i % 5 == 4) {
            f.verdict = i % 2 ? JUDGE_LOSS : JUDGE_WIN;
            cr_assert_eq(fixture_try(&f, "an edit", NULL), 0, "%s", err_message());
        } else {
            commit("commit -qm edit");
        }
    }
    blame();
    fixture_git(&f, "blame --first-parent -l -s --root HEAD -- kernel/kernel.c", &said);
    file = blame_find(&b, "kernel/kernel.c");
    cr_assert_gt(file->n_lines, 20);
    p = strbuf_str(&said);
    for (size_t i = 0; i < file->n_lines; i++) {
        const char *mine = git_oid_tostr_s(&b.origins[file->lines[i].origin].commit);

        cr_expect_eq(strncmp(p, mine, 40), 0, "line %zu: %.60s; here %.40s", i + 1, p, mine);
        p += strcspn(p, "\n") + 1;
    }
    strbuf_deinit(&said);
}
