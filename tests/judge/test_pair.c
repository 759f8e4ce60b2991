/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/unit.h"
#include "reference/base/err.h"
#include "tests/judge/sandbox.h"

#include <criterion/criterion.h>
#include <math.h>
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

TestSuite(pair, .init = setup, .fini = teardown, .timeout = 240);

static struct judge_build *shipped(void)
{
    struct judge_build *b = NULL;

    cr_assert_eq(judge_build_open("kernel", &box.options, &b), 0, "%s", err_message());
    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    return b;
}

/* Times are whatever this machine gives; the plan and the arithmetic around them are not. */
static void check_unit_case(const struct judge_unit *u, size_t i)
{
    double d[UNIT_QUADS];

    cr_assert_gt(u->cases[i].c->weight, 0);
    cr_assert_geq(u->cases[i].requests, 1);
    for (int q = 0; q < UNIT_QUADS; q++) {
        const bool *who = u->cases[i].candidate[q];
        const double *ns = u->cases[i].ns[q];
        bool outer = (q % 2 == 0) != u->swapped;

        cr_assert_eq(who[0], outer);
        cr_assert_eq(who[1], !outer);
        cr_assert_eq(who[2], !outer);
        cr_assert_eq(who[3], outer);
        for (int k = 0; k < UNIT_SLICES; k++)
            cr_assert_gt(ns[k], 0);
        d[q] = 0.5 * log(outer ? ns[1] * ns[2] / (ns[0] * ns[3]) : ns[0] * ns[3] / (ns[1] * ns[2]));
    }
    cr_assert_float_eq(u->cases[i].d, fmax(fmin(d[0], d[1]), fmin(fmax(d[0], d[1]), d[2])), 1e-9);
}

Test(pair, a_unit_follows_its_plan)
{
    struct judge_build *b = shipped();
    struct judge_pair *p = NULL;
    static struct judge_unit u[3];
    enum judge_verdict verdict;
    char message[512];

    cr_assert_eq(judge_pair_open(b, b, &box.options, 0, &p), 0, "%s", err_message());
    for (int n = 0; n < 3; n++) {
        cr_assert_eq(judge_pair_unit(p, 100 + n / 2, &u[n], &verdict, message), UNIT_DONE, "%s",
                     err_message());
        cr_assert_neq(u[n].layout[0], u[n].layout[1]);
        cr_assert_gt(u[n].n_cases, 0);
        for (size_t i = 0; i < u[n].n_cases; i++)
            check_unit_case(&u[n], i);
    }
    cr_assert_eq(u[0].layout[0], u[1].layout[0], "the same seed is the same plan");
    cr_assert_eq(u[0].swapped, u[1].swapped);
    cr_assert_neq(u[0].layout[0], u[2].layout[0]);
    judge_pair_close(&p);
    cr_assert(p == NULL);
    judge_build_close(&b);
}

/* Right for the first three calls in a row on the same shape, then twice the answer: the untimed
 * requests are right, the timed ones are not. */
static const char right_at_first[] =
    "static int64_t shape, calls;\n"
    "if (call->op == KERNEL_GEMV && team->size == 1) {\n"
    "    int rc = shipped_fn(call, team);\n"
    "    calls = shape == call->out[0].ne[0] ? calls + 1 : 0;\n"
    "    shape = call->out[0].ne[0];\n"
    "    for (int64_t i = 0; calls > 3 && i < call->out[0].ne[0]; i++)\n"
    "        ((float *)call->out[0].data)[i] *= 2;\n"
    "    return rc;\n"
    "}";

Test(pair, a_kernel_that_is_only_right_at_first_is_caught_while_timed)
{
    struct judge_build *cheat, *honest = shipped();
    struct judge_pair *p = NULL;
    static struct judge_unit u;
    enum judge_verdict verdict = JUDGE_WIN;
    char message[512] = "";

    sandbox_shipped(&box, right_at_first, "");
    cheat = sandbox_build(&box);
    cr_assert(judge_build_ok(cheat), "%s", judge_build_log(cheat));
    cr_assert_eq(judge_pair_open(cheat, honest, &box.options, 5, &p), 0, "%s", err_message());
    cr_assert_eq(judge_pair_unit(p, 1, &u, &verdict, message), UNIT_FAILED);
    cr_assert_eq(verdict, JUDGE_FAIL_CORRECTNESS);
    cr_assert(strstr(message, "timed call differs from the oracle") != NULL, "%s", message);
    judge_pair_close(&p);
    cr_assert_eq(judge_pair_open(honest, cheat, &box.options, 5, &p), 0, "%s", err_message());
    cr_assert_lt(judge_pair_unit(p, 1, &u, &verdict, message), 0,
                 "an incumbent's fault is no verdict on the candidate");
    judge_pair_close(&p);
    judge_build_close(&cheat);
    judge_build_close(&honest);
}

Test(pair, a_build_against_itself_answers_for_its_own_faults)
{
    struct judge_build *b;
    struct judge_pair *p = NULL;
    static struct judge_unit u;
    enum judge_verdict verdict = JUDGE_WIN;
    char message[512] = "";

    sandbox_shipped(&box, "if (call->op == KERNEL_GEMV) __builtin_trap();", "");
    b = sandbox_build(&box);
    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    cr_assert_eq(judge_pair_open(b, b, &box.options, 5, &p), 0, "%s", err_message());
    cr_assert_eq(judge_pair_unit(p, 1, &u, &verdict, message), UNIT_FAILED);
    cr_assert_eq(verdict, JUDGE_FAIL_CRASH);
    cr_assert(strstr(message, "SIGILL") != NULL, "%s", message);
    judge_pair_close(&p);
    judge_build_close(&b);
}

Test(pair, sides_with_other_private_bytes_are_moved_and_still_right)
{
    struct judge_build *candidate, *incumbent = shipped();
    struct judge_pair *p = NULL;
    static struct judge_unit u;
    enum judge_verdict verdict = JUDGE_WIN;
    char message[512] = "";

    /* A line of padding behind each packed tensor: another layout, so the sides cannot swap copies.
     */
    sandbox_shipped(&box, "", "if (call->op == KERNEL_PACK) out->opaque_bytes += 64;");
    candidate = sandbox_build(&box);
    cr_assert(judge_build_ok(candidate), "%s", judge_build_log(candidate));
    cr_assert_eq(judge_pair_open(candidate, incumbent, &box.options, 0, &p), 0, "%s",
                 err_message());
    for (int n = 0; n < 4; n++)
        cr_assert_eq(judge_pair_unit(p, 10 + n, &u, &verdict, message), UNIT_DONE, "%s %s", message,
                     err_message());
    judge_pair_close(&p);
    judge_build_close(&candidate);
    judge_build_close(&incumbent);
}

Test(pair, a_candidate_that_cannot_be_prepared_fails_its_units)
{
    struct judge_build *b;
    struct judge_pair *p = NULL;
    static struct judge_unit u;
    enum judge_verdict verdict = JUDGE_WIN;
    char message[512] = "";

    sandbox_tiny(&box, "#define META if (call->op == KERNEL_PACK) __builtin_trap()");
    b = sandbox_build(&box);
    cr_assert_eq(judge_pair_open(b, b, &box.options, 0, &p), 0, "%s", err_message());
    cr_assert_eq(judge_pair_unit(p, 1, &u, &verdict, message), UNIT_FAILED);
    cr_assert_eq(verdict, JUDGE_FAIL_CRASH);
    cr_assert(strstr(message, "SIGILL") != NULL, "%s", message);
    judge_pair_close(&p);
    judge_build_close(&b);
}
