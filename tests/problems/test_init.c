/* SPDX-License-Identifier: Apache-2.0
 *
 * `ratchet init`: what it writes, and what it keeps its hands off. */
#include "tests/problems/place.h"

#include <criterion/criterion.h>

static void refuses(struct place *p, const char *command, const char *why)
{
    cr_expect_eq(place_run(p, "git add -A && git commit -qm x --allow-empty && "
                              "git ls-files | xargs -r sha256sum"),
                 0);
    struct strbuf before = {0};

    strbuf_addf(&before, "%s", strbuf_str(&p->said));
    cr_expect_neq(place_run(p, command), 0, "%s", command);
    cr_expect(place_said(p, why), "%s: %s", command, strbuf_str(&p->said));
    place_run(p, "git add -A && git ls-files | xargs -r sha256sum");
    cr_expect_str_eq(strbuf_str(&before), strbuf_str(&p->said), "%s wrote something", command);
    strbuf_deinit(&before);
}

Test(init, is_done_once_and_commits_nothing)
{
    struct place p;

    place_init(&p);
    cr_expect_eq(place_run(&p, "echo mine >README && $R init --name squash"), 0, "%s",
                 strbuf_str(&p.said));
    cr_expect(place_said(&p, "reference/squash.c") && place_said(&p, "judge/PAWL"));
    cr_expect_neq(place_run(&p, "git rev-parse -q --verify HEAD"), 0);
    cr_expect_eq(place_run(&p, "grep -r '@NAME@' kernel reference; grep -r 'row: begin' ."), 1,
                 "%s", strbuf_str(&p.said));
    cr_expect_eq(place_run(&p, "cmp kernel/kernel.h $PAWL/kernel/kernel.h && "
                               "diff -r judge/compile/headers $PAWL/judge/compile/headers"),
                 0);
    cr_expect_eq(place_run(&p, "echo >>kernel/kernel.c && $R init --json"), 0);
    cr_expect(place_said(&p, "\"made\": []"), "%s", strbuf_str(&p.said));
    place_deinit(&p);
}

Test(init, leaves_something_to_search)
{
    struct place p;

    place_init(&p);
    cr_expect_eq(place_run(&p, "$R init && git add -A && git commit -qm ratchet && "
                               "$(dirname $R)/ratchet-pretend search --list"),
                 0, "%s", strbuf_str(&p.said));
    cr_expect(place_said(&p, "ROWS_TOGETHER"), "%s", strbuf_str(&p.said));
    place_deinit(&p);
}

Test(init, finishes_what_was_interrupted)
{
    struct place p;

    place_init(&p);
    cr_expect_eq(place_run(&p, "$R init && rm -r judge/compile kernel && $R init"), 0, "%s",
                 strbuf_str(&p.said));
    cr_expect(place_said(&p, "wrote 7 files"), "%s", strbuf_str(&p.said));
    place_deinit(&p);
}

Test(init, takes_what_is_there)
{
    struct place p;

    place_init(&p);
    cr_expect_eq(place_run(&p, "mkdir kernel reference && echo mine >kernel/kernel.c && "
                               "echo 'const struct problem problem_shipped;' >reference/a.c && "
                               "$R init && grep -qx mine kernel/kernel.c && ls reference"),
                 0, "%s", strbuf_str(&p.said));
    cr_expect(place_said(&p, "\na.c\n"), "%s", strbuf_str(&p.said));
    place_deinit(&p);
}

Test(init, refuses_what_is_in_the_way)
{
    struct place p;

    place_init(&p);
    place_run(&p, "mkdir -p src/deep kernel && echo 'int main;' >kernel/sched.c");
    refuses(&p, "$R init", "kernel/sched.c is in the way");
    place_run(&p, "rm kernel/sched.c; mkdir -p reference; echo '# x' >reference/manual.c");
    refuses(&p, "$R init", "reference/manual.c is in the way");
    place_run(&p, "rm -r reference; mkdir judge; echo 1 >judge/kernel.flags");
    refuses(&p, "$R init", "judge/kernel.flags is in the way");
    place_run(&p, "rm -r judge");
    refuses(&p, "mkdir -p src && $R init src", "not the top folder of a git repository");
    refuses(&p, "$R init --reseal", "no ratchet yet");
    refuses(&p, "$R init --name 'a b'", "letters, digits");
    refuses(&p, "$R init ../none",
            "../none: No such file or directory; first: mkdir -p ../none && "
            "git init ../none");
    refuses(&p, "mkdir ../gone && cd ../gone && rmdir ../gone && $R init", "the current folder: ");
    refuses(&p, "$R init --kernel src/none.c:f", "src/none.c");
    refuses(&p, "$R init --kernel none.c", "FILE.c:FUNCTION");
    place_run(&p, "printf 'void g(float *); /* main() is not here */\n"
                  "void f(float *y)\n{\n    g(y);\n}\n' >src/f.c && "
                  "{ cat src/f.c; printf 'int main(void) // a try\n{\n}\n'; } >src/prog.c");
    refuses(&p, "$R init --kernel src/prog.c:f", "move f to a file without one");
    refuses(&p, "$R init --kernel src/f.c:g", "no function g");
    place_deinit(&p);
}

Test(init, leaves_a_link_to_nowhere)
{
    struct place p;

    place_init(&p);
    cr_expect_eq(place_run(&p, "mkdir kernel && ln -s nowhere kernel/kernel.c && $R init"), 3);
    cr_expect(place_said(&p, "kernel/kernel.c is in the way"), "%s", strbuf_str(&p.said));
    cr_expect_eq(place_run(&p, "test -L kernel/kernel.c && ! test -e judge"), 0);
    place_deinit(&p);
}

Test(init, refuses_what_would_mix)
{
    struct place p;

    place_init(&p);
    cr_expect_eq(place_run(&p, "echo mine >README && git add README && $R init"), 3);
    cr_expect(place_said(&p, "staged changes"), "%s", strbuf_str(&p.said));
    cr_expect_neq(place_run(&p, "ls kernel"), 0);
    place_deinit(&p);
}

/* The user's function is the first kernel, and the first truth, whatever names it uses. */
Test(init, wires_a_function, .timeout = 400)
{
    struct place p;

    place_init(&p);
    cr_expect_eq(place_run(&p,
                           "mkdir src && cat >src/share.c <<'C'\n"
                           "static float work(float x) { return x < 0 ? -x : x; }\n"
                           "void row(const float *x, float *y, int n)\n"
                           "{\n"
                           "    float sum = 0;\n"
                           "    for (int i = 0; i < n; i++)\n"
                           "        sum += work(x[i]);\n"
                           "    for (int i = 0; i < n; i++)\n"
                           "        y[i] = x[i] / (sum + 1);\n"
                           "}\n"
                           "C\n"
                           "git add -A && git commit -qm mine && $R init --kernel src/share.c:f"),
                 2);
    cr_expect(place_said(&p, "no function f"), "%s", strbuf_str(&p.said));
    cr_expect_eq(place_run(&p, "$R init --kernel src/share.c:row && git add -A && "
                               "git commit -qm ratchet && cmp src/share.c kernel/share.inc"),
                 0, "%s", strbuf_str(&p.said));
    place_build(&p);
    cr_expect_eq(place_run(&p, "$J check"), 0, "%s", strbuf_str(&p.said));
    cr_expect_eq(place_run(&p, "sed -i 's/sum + 1/sum + 1.001f/' kernel/share.inc && $J check"), 1,
                 "%s", strbuf_str(&p.said));
    place_deinit(&p);
}

Test(init, says_when_the_source_tree_is_gone)
{
    struct place p;

    place_init(&p);
    cr_expect_eq(place_run(&p, "cp $R ../ratchet && ../ratchet init"), 3);
    cr_expect(place_said(&p, "source tree is not above"), "%s", strbuf_str(&p.said));
    cr_expect_eq(place_run(&p, "../ratchet --problem . log"), 3);
    cr_expect(place_said(&p, "source tree is not above"), "%s", strbuf_str(&p.said));
    place_deinit(&p);
}
