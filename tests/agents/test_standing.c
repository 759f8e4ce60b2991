/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/standing.h"

#include "reference/base/err.h"
#include "tests/ratchet/ratchet_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct standing read_all(struct fixture *f, const char *focus)
{
    struct ratchet *r = fixture_open(f);
    struct standing s;

    cr_assert_eq(standing_read(r, focus, &s), 0, "%s", err_message());
    ratchet_close(&r);
    return s;
}

static const struct plateau_op *op(const struct standing *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->op[i].name, name) == 0)
            return &s->op[i];
    cr_assert_fail("no operation %s", name);
    return NULL;
}

/* A try that ends with this verdict. */
static void attempt(struct fixture *f, enum judge_verdict v, const char *hypothesis,
                    const char *focus)
{
    static int n;
    struct ratchet_try_options o = {.hypothesis = hypothesis, .focus = focus};
    struct ratchet *r;
    struct ratchet_result result;
    char kernel[64];

    snprintf(kernel, sizeof kernel, "int kernel_fn = %d;\n", ++n);
    fixture_write(f, "kernel/kernel.c", kernel);
    f->verdict = v;
    r = fixture_open(f);
    cr_assert_eq(ratchet_try(r, &o, &result), 0, "%s", err_message());
    ratchet_result_deinit(&result);
    ratchet_close(&r);
}

Test(standing, of_a_new_repository_has_shares_and_no_distances)
{
    struct standing s;
    double shares = 0;
    struct fixture f;

    fixture_init(&f);
    s = read_all(&f, NULL);
    cr_assert_gt(s.n, 1);
    for (size_t i = 0; i < s.n; i++) {
        shares += s.op[i].share;
        cr_assert(isnan(s.op[i].distance));
        cr_assert_eq(s.op[i].wins + s.op[i].misses, 0);
    }
    cr_assert_float_eq(shares, 1, 1e-9);
    s = read_all(&f, "gemm");
    cr_assert_eq(s.n, 1);
    cr_assert_eq(s.op[0].share, 1, "whoever asks for it gives it all the weight");
    fixture_deinit(&f);
}

Test(standing, share_is_of_what_the_whole_is)
{
    const struct problem_case *c = &problem_shipped.cases[0];
    double op = standing_share(NULL, c->op), part = standing_share(c->op, c->name);

    cr_assert_float_eq(standing_share(NULL, ""), 1, 1e-9);
    cr_assert(op > 0 && op < 1, "%g", op);
    cr_assert_float_eq(standing_share(c->op, c->op), 1, 1e-9);
    cr_assert_float_eq(standing_share(NULL, c->name), op * part, 1e-9);
}

Test(standing, counts_an_attempt_where_it_belongs)
{
    struct standing s;
    struct fixture f;

    fixture_init(&f);
    attempt(&f, JUDGE_LOSS, "gemm: fewer loads than gemv has", NULL);
    attempt(&f, JUDGE_WIN, "something", "gemv");
    attempt(&f, JUDGE_FAIL_BUILD, "of no operation in particular", NULL);
    attempt(&f, JUDGE_UNFIT_MACHINE, "gemm: not the kernel's fault", NULL);
    s = read_all(&f, NULL);
    cr_assert_eq(op(&s, "gemm")->misses, 2, "its own and the one for all");
    cr_assert_eq(op(&s, "gemm")->wins, 0);
    cr_assert_eq(op(&s, "gemv")->wins, 1);
    cr_assert_eq(op(&s, "gemv")->misses, 1);
    cr_assert_eq(op(&s, "attention")->misses, 1);
    s = read_all(&f, "gemm");
    cr_assert_eq(s.op[0].misses, 1, "with a focus only what is surely about it");
    fixture_deinit(&f);
}

Test(standing, forgets_what_is_long_past)
{
    struct standing s;
    struct fixture f;

    fixture_init(&f);
    attempt(&f, JUDGE_WIN, "gemm: long ago", NULL);
    for (int i = 0; i < PLATEAU_RECENT; i++)
        attempt(&f, JUDGE_LOSS, "gemm: again", NULL);
    s = read_all(&f, NULL);
    cr_assert_eq(op(&s, "gemm")->wins, 0);
    cr_assert_eq(op(&s, "gemm")->misses, PLATEAU_RECENT);
    fixture_deinit(&f);
}
