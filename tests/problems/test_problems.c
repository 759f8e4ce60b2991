/* SPDX-License-Identifier: Apache-2.0
 *
 * Problems that are not ours, judged by our judge: the examples and the template of `ratchet init`.
 * Wins and losses are for loop.sh: here nothing depends on time. */
#include "tests/problems/place.h"

#include <criterion/criterion.h>
#include <string.h>

static void check_passes_and_tells_wrong(const char *name)
{
    struct place p;

    place_init(&p);
    place_problem(&p, name);
    place_build(&p);
    cr_expect_eq(place_run(&p, "$J check"), 0, "%s", strbuf_str(&p.said));
    cr_expect(place_said(&p, "correct: "));
    cr_expect_eq(place_run(&p, "git apply $PAWL/tests/problems/$NAME/faster.patch && $J check"), 0,
                 "%s", strbuf_str(&p.said));
    cr_expect_eq(place_run(&p, "$R try --dry-run -m faster"), 0, "%s", strbuf_str(&p.said));
    cr_expect(place_said(&p, "it builds"), "%s", strbuf_str(&p.said));
    cr_expect_eq(place_run(&p, "git checkout -q kernel && "
                               "git apply $PAWL/tests/problems/$NAME/wrong.patch && $J check"),
                 1, "%s", strbuf_str(&p.said));
    cr_expect_eq(
        place_run(&p, "git checkout -q kernel && awk '/^int kernel_fn/ {f = 1} {print} f && /^{/ "
                      "{print \"if (call) return KERNEL_OK;\"; f = 0}' kernel/kernel.c >k "
                      "&& mv k kernel/kernel.c && $J check"),
        1, "a kernel that computes nothing: %s", strbuf_str(&p.said));
    place_deinit(&p);
}

Test(problems, rms_norm, .timeout = 400)
{
    check_passes_and_tells_wrong("rms_norm");
}

Test(problems, softmax, .timeout = 400)
{
    check_passes_and_tells_wrong("softmax");
}

Test(problems, rope, .timeout = 400)
{
    check_passes_and_tells_wrong("rope");
}

Test(problems, template, .timeout = 400)
{
    check_passes_and_tells_wrong("template");
}

/* Verdicts and their record, up to what measuring would add. */
Test(problems, a_failure_is_recorded_and_the_audit_passes, .timeout = 400)
{
    struct place p;

    place_init(&p);
    place_problem(&p, "rms_norm");
    place_build(&p);
    cr_expect_eq(place_run(&p, "git apply $PAWL/tests/problems/rms_norm/wrong.patch && "
                               "$R try -m 'no tail'"),
                 1, "%s", strbuf_str(&p.said));
    cr_expect(place_said(&p, "experiment 1: FAIL_CORRECTNESS"), "%s", strbuf_str(&p.said));
    cr_expect_eq(place_run(&p, "git diff --exit-code && $R audit"), 0, "%s", strbuf_str(&p.said));
    cr_expect(place_said(&p, "audit of 1 row"), "%s", strbuf_str(&p.said));
    cr_expect_eq(place_run(&p, "echo '/**/' >>kernel/kernel.c && $R try -m comment"), 1);
    cr_expect(place_said(&p, "experiment 2: SAME_CODE"), "%s", strbuf_str(&p.said));
    cr_expect_eq(place_run(&p, "echo >>reference/rms_norm.c && $R try -m lenient"), 3);
    cr_expect(place_said(&p, "reference/rms_norm.c"), "%s", strbuf_str(&p.said));
    place_deinit(&p);
}

/* Another problem is another reference/ and another hash, and nothing else: no source and no object
 * of judge, ratchet and ledger changes, and no object of theirs is made for it. */
Test(problems, leave_judge_ratchet_and_ledger_as_they_are, .timeout = 400)
{
    static const char digest[] =
        "cd $PAWL && git ls-files judge ratchet ledger | xargs sha256sum && "
        "cd $PAWL_OBJECTS && "
        "find judge ratchet ledger -name '*.o' | sort | xargs sha256sum";
    char objects[PATH_MAX];
    struct strbuf before = {0};
    struct place p;

    cr_assert_not_null(realpath(getenv("PAWL_BIN"), objects));
    *strrchr(objects, '/') = '\0';
    setenv("PAWL_OBJECTS", objects, 1);
    place_init(&p);
    cr_assert_eq(place_run(&p, digest), 0, "%s", strbuf_str(&p.said));
    cr_expect(place_said(&p, "  judge/rule/decide.c\n") && place_said(&p, "  ledger/chain.o\n"));
    strbuf_add(&before, p.said.data, p.said.len);
    place_problem(&p, "rope");
    place_build(&p);
    cr_expect_eq(place_run(&p, "$J check"), 0, "%s", strbuf_str(&p.said));
    cr_expect_eq(place_run(&p, digest), 0);
    cr_expect_str_eq(before.data, p.said.data);
    cr_expect_eq(place_run(&p, "cd $(readlink -f $(dirname $J))/.. && find . -name '*.o' | sort"),
                 0);
    cr_expect_str_eq(strbuf_str(&p.said), "./judge/hash.o\n./reference/rope.o\n");
    strbuf_deinit(&before);
    place_deinit(&p);
}

Test(problems, of_an_unsound_table_are_refused, .timeout = 400)
{
    struct place p;

    place_init(&p);
    place_problem(&p, "rope");
    cr_assert_eq(
        place_run(&p, "sed -i '0,/0\\.6/s//0.7/' reference/rope.c && git commit -qam more"), 0);
    place_build(&p);
    cr_expect_eq(place_run(&p, "$J check"), 2, "%s", strbuf_str(&p.said));
    cr_expect(place_said(&p, "the weights of the cases sum to 1.1"), "%s", strbuf_str(&p.said));
    place_deinit(&p);
}

Test(problems, of_another_pawl_are_sealed_again, .timeout = 400)
{
    struct place p;

    place_init(&p);
    place_problem(&p, "rope");
    cr_assert_eq(place_run(&p, "sed -i 's/^....../abcdef/' judge/PAWL && "
                               "echo >>kernel/kernel.h && git commit -qam older"),
                 0);
    cr_expect_eq(place_run(&p, "$R --problem . log"), 3);
    cr_expect(place_said(&p, "ratchet init --reseal"), "%s", strbuf_str(&p.said));
    cr_expect_eq(place_run(&p, "$R init && exit 9; $R init --reseal"), 0, "%s",
                 strbuf_str(&p.said));
    cr_expect(place_said(&p, "renewed 2 files") && place_said(&p, "judge/PAWL"), "%s",
              strbuf_str(&p.said));
    cr_expect_eq(place_run(&p, "$R --problem . log"), 0, "%s", strbuf_str(&p.said));
    place_deinit(&p);
}
