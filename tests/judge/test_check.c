/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"
#include "reference/base/err.h"
#include "tests/judge/sandbox.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct sandbox box;

static void setup(void)
{
    sandbox_init(&box);
}

static void teardown(void)
{
    sandbox_deinit(&box);
}

TestSuite(check, .init = setup, .fini = teardown, .timeout = 240);

/* The one case that failed. */
static const struct judge_check_case *failed_case(const struct judge_check_report *r)
{
    const struct judge_check_case *failed = NULL;

    for (size_t i = 0; i < r->n_cases; i++)
        if (r->cases[i].failed) {
            cr_assert_null(failed);
            failed = &r->cases[i];
        }
    cr_assert_not_null(failed);
    return failed;
}

/* Check the tiny kernel with `prologue`: it must fail, and say so. */
static void expect_failure(const char *prologue, enum judge_verdict verdict, const char *said)
{
    struct judge_check_report r;
    struct judge_build *b;

    sandbox_tiny(&box, prologue);
    b = sandbox_build(&box);
    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    cr_assert_eq(judge_check(b, &box.options, &r), 0, "%s", err_message());
    cr_assert_eq(r.verdict, verdict, "%s: %s", judge_verdict_name(r.verdict), r.message);
    cr_assert(strstr(r.message, said) != NULL, "\"%s\" is not in: %s", said, r.message);
    cr_assert(strstr(r.message, failed_case(&r)->c->name) != NULL);
    cr_assert_str_eq(failed_case(&r)->message, r.message);
    judge_check_report_deinit(&r);
    judge_build_close(&b);
}

/* Check the shipped kernel, wrapped as sandbox_shipped says, on one case or (NULL) on all. */
static void check_shipped(const char *body, const char *name, struct judge_check_report *r)
{
    struct judge_build *b;

    sandbox_shipped(&box, body, "");
    b = sandbox_build(&box);
    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    box.options.only_case = name;
    cr_assert_eq(judge_check(b, &box.options, r), 0, "%s", err_message());
    judge_build_close(&b);
}

static void expect_shipped_failure(const char *body, const char *name, enum judge_verdict verdict,
                                   const char *said)
{
    struct judge_check_report r;

    check_shipped(body, name, &r);
    cr_assert_eq(r.verdict, verdict, "%s: %s", judge_verdict_name(r.verdict), r.message);
    cr_assert(strstr(r.message, said) != NULL, "\"%s\" is not in: %s", said, r.message);
    judge_check_report_deinit(&r);
}

Test(check, passes_an_honest_case_and_stops_where_the_kernel_gives_up)
{
    struct judge_check_report r;
    struct judge_build *b;

    sandbox_tiny(&box, "");
    b = sandbox_build(&box);
    cr_assert_eq(judge_check(b, &box.options, &r), 0, "%s", err_message());
    cr_assert_eq(r.verdict, JUDGE_FAIL_CONTRACT);
    cr_assert(strstr(r.message, "KERNEL_UNSUPPORTED") != NULL, "%s", r.message);
    cr_assert_gt(r.n_cases, 1);
    cr_assert_not(r.cases[0].failed);
    cr_assert_gt(r.cases[0].n_runs, 4);
    cr_assert_gt(r.cases[0].max_bound_share, 0);
    cr_assert_lt(r.cases[0].max_bound_share, 1);
    judge_check_report_deinit(&r);
    judge_build_close(&b);
}

Test(check, a_crash_is_named_by_its_signal)
{
    expect_failure("#define BEFORE *(volatile int *)(uintptr_t)(call->i[7] + 8) = 1",
                   JUDGE_FAIL_CRASH, "SIGSEGV");
    expect_failure("#define META __builtin_trap()", JUDGE_FAIL_CRASH, "SIGILL");
}

Test(check, a_hang_ends)
{
    expect_failure("#define BEFORE for (volatile int i = 0;; i++) continue", JUDGE_FAIL_TIMEOUT,
                   "hangs");
}

Test(check, a_write_past_the_output_hits_the_guard_page)
{
    expect_failure("#define AFTER ((float *)call->out[0].data)[call->out[0].ne[0]] = 1",
                   JUDGE_FAIL_CRASH, "SIGSEGV");
    /* With another output behind it. */
    expect_failure("#define AFTER if (call->n_out > 1)"
                   " ((float *)call->out[0].data)[call->out[0].ne[0]] = 1",
                   JUDGE_FAIL_CRASH, "SIGSEGV");
}

Test(check, a_write_before_the_output_is_seen)
{
    expect_failure("#define AFTER ((float *)call->out[0].data)[-1] = 1", JUDGE_FAIL_CORRECTNESS,
                   "in front of y");
}

Test(check, inputs_and_weights_are_read_only)
{
    expect_failure("#define BEFORE *(volatile char *)call->in[0].data = 1", JUDGE_FAIL_CRASH,
                   "SIGSEGV");
    expect_failure("#define BEFORE *(volatile char *)call->in[1].data = 1", JUDGE_FAIL_CRASH,
                   "SIGSEGV");
}

Test(check, one_wrong_row_is_found_and_measured)
{
    expect_failure("#define AFTER if (team->rank == 0) ((float *)call->out[0].data)[4] *= 1.001f",
                   JUDGE_FAIL_CORRECTNESS, "y[row 4, column 0] =");
}

Test(check, the_seed_in_a_message_repeats_the_failure)
{
    struct judge_check_report r[2];
    struct judge_build *b;
    const char *seed;

    sandbox_tiny(&box, "#define AFTER if (team->rank == 0) ((float *)call->out[0].data)[4] *= 2");
    b = sandbox_build(&box);
    for (int i = 0; i < 2; i++) {
        box.options.seed = 0;
        if (i == 1) {
            seed = strstr(r[0].message, "--seed ");
            cr_assert(seed != NULL, "%s", r[0].message);
            box.options.seed = strtoull(seed + 7, NULL, 0);
        }
        cr_assert_eq(judge_check(b, &box.options, &r[i]), 0, "%s", err_message());
        cr_assert_eq(r[i].verdict, JUDGE_FAIL_CORRECTNESS);
    }
    cr_expect_str_eq(r[0].message, r[1].message);
    cr_expect_gt(r[0].worst.n_cells, 1);
    cr_expect_eq(memcmp(&r[0].worst, &r[1].worst, sizeof r[0].worst), 0);
    judge_check_report_deinit(&r[0]);
    judge_check_report_deinit(&r[1]);
    judge_build_close(&b);
}

Test(check, an_element_never_written_is_called_so)
{
    expect_failure("#define BEFORE float old = ((float *)call->out[0].data)[3]\n"
                   "#define AFTER ((float *)call->out[0].data)[3] = old",
                   JUDGE_FAIL_CORRECTNESS, "y[row 3, column 0] was never written");
}

Test(check, a_result_that_depends_on_the_team_is_refused)
{
    expect_failure("#define AFTER if (team->size > 1 && team->rank == 0)"
                   " ((unsigned *)call->out[0].data)[0] ^= 1",
                   JUDGE_FAIL_CORRECTNESS, "differs in its bits");
}

Test(check, a_result_that_depends_on_the_address_is_refused)
{
    expect_failure("#define AFTER if (team->rank == 0 && ((uintptr_t)call->out[0].data & 60) == 4)"
                   " ((unsigned *)call->out[0].data)[0] ^= 1",
                   JUDGE_FAIL_CORRECTNESS, "differs in its bits");
}

Test(check, declared_sizes_are_bounded)
{
    expect_failure("#define META out->opaque_bytes *= 2", JUDGE_FAIL_CONTRACT, "bytes; allowed");
    expect_failure("#define META out->scratch_bytes = (size_t)1 << 40", JUDGE_FAIL_CONTRACT,
                   "scratch");
    expect_failure("#define META out->layout_id = call->op", JUDGE_FAIL_CONTRACT, "layout id");
}

Test(check, packing_must_give_the_same_bytes_for_every_team)
{
    expect_failure("#define PACKED if (team->size > 1 && team->rank == 0)"
                   " ((char *)call->out[0].data)[5] ^= 1",
                   JUDGE_FAIL_CORRECTNESS, "packed: byte 5 is not what it was the first time");
}

/* Room asked for but not filled would make a packed file's digest depend on old memory. */
Test(check, packing_must_write_all_it_asked_for)
{
    expect_failure("#define META if (call->op == KERNEL_PACK) out->opaque_bytes += 64",
                   JUDGE_FAIL_CORRECTNESS, "is not what it was the first time");
}

/* What packs is another process than what multiplies: nothing but the packed bytes passes over. */
Test(check, a_kernel_cannot_remember_what_it_packed)
{
    expect_failure("#define EXTRA static int packed;\n"
                   "#define PACKED packed = 1\n"
                   "#define BEFORE if (!packed) __builtin_trap()",
                   JUDGE_FAIL_CRASH, "step 2 of 2");
}

Test(check, a_changed_floating_point_unit_is_refused)
{
    expect_failure("#define AFTER __asm__ volatile(\"fld1\")", JUDGE_FAIL_CONTRACT,
                   "floating-point unit changed");
}

Test(check, a_kernel_must_survive_what_is_no_number)
{
    expect_shipped_failure("const float *x = call->in[0].data;\n"
                           "for (int64_t i = 0; call->op == KERNEL_SOFTMAX && i < 99; i++)\n"
                           "    if (x[i] != x[i] || x[i] - x[i] != 0) __builtin_trap();\n",
                           "softmax-33x3", JUDGE_FAIL_CRASH, "pattern nonfinite");
}

/* Right on every listed width, wrong on most others. */
Test(check, a_kernel_for_the_listed_shapes_alone_fails_a_drawn_one)
{
    struct judge_check_report r;

    check_shipped("if (call->op == KERNEL_GEMM && call->in[0].ne[1] > 17 &&\n"
                  "    call->in[0].ne[1] != 33 && call->in[0].ne[1] != 64 &&\n"
                  "    call->in[0].ne[1] != 512)\n"
                  "    return KERNEL_OK;\n",
                  NULL, &r);
    cr_assert_eq(r.verdict, JUDGE_FAIL_CORRECTNESS, "%s", r.message);
    cr_expect(strstr(r.message, "case drawn-gemm") != NULL, "%s", r.message);
    cr_expect(strstr(r.message, "never written") != NULL, "%s", r.message);
    judge_check_report_deinit(&r);
}

/* Within the stack frame, where no guard page is. */
Test(check, the_sanitized_build_finds_what_guard_pages_do_not)
{
    expect_shipped_failure("int table[4] = {1, 2, 3, 4};\n"
                           "volatile int past = 4, seen;\n"
                           "seen = table[past];\n"
                           "(void)seen;\n",
                           "add-77x3", JUDGE_FAIL_CORRECTNESS, "sanitizer");
}

Test(check, the_shipped_kernel_is_correct)
{
    struct judge_check_report r;
    struct judge_build *b = NULL;

    cr_assert_eq(judge_build_open("kernel", &box.options, &b), 0, "%s", err_message());
    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    cr_assert_eq(judge_check(b, &box.options, &r), 0, "%s", err_message());
    cr_assert_eq(r.verdict, JUDGE_WIN, "%s", r.message);
    cr_assert_eq(r.n_cases, problem_shipped.n_cases + r.n_drawn);
    cr_assert_geq(r.n_drawn, 40);
    cr_assert_gt(r.n_sanitized, 0);
    for (size_t i = 0; i < r.n_cases; i++) {
        cr_assert_geq(r.cases[i].n_runs, 4);
        cr_assert_leq(r.cases[i].max_bound_share, 1);
    }
    judge_check_report_deinit(&r);
    judge_build_close(&b);
}
