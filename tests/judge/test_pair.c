/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/pair.h"
#include "judge/measure/seat.h"
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
        cr_assert_gt(u[n].n_verified, u[n].n_cases * UNIT_QUADS * UNIT_SLICES);
        cr_assert(u[n].disturbed_share <= 1 && u[n].steal_share <= 1);
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

/* The kernel of `body`, on both sides, while it is prepared, calibrated or timed. */
static void check_is_caught(const char *body, const char *words)
{
    struct judge_build *b;
    struct judge_pair *p = NULL;
    static struct judge_unit u;
    enum judge_verdict verdict = JUDGE_WIN;
    char message[512] = "";
    int status = UNIT_DONE;

    sandbox_shipped(&box, body, "");
    b = sandbox_build(&box);
    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    cr_assert_eq(judge_pair_open(b, b, &box.options, 0, &p), 0, "%s", err_message());
    for (int n = 0; n < 2 && status == UNIT_DONE; n++)
        status = judge_pair_unit(p, 20 + n, &u, &verdict, message);
    cr_assert_eq(status, UNIT_FAILED, "%s", err_message());
    cr_assert_eq(verdict, JUDGE_FAIL_CORRECTNESS, "%s", message);
    cr_assert(strstr(message, words) != NULL, "%s", message);
    judge_pair_close(&p);
    judge_build_close(&b);
}

/* One answer is remembered by the address of the weights it came from: a warm-up request may be the
 * first to meet them. */
Test(pair, answers_replayed_by_address_are_caught)
{
    check_is_caught("static void *pages;\n"
                    "static float answer[512];\n"
                    "if (call->op == KERNEL_ATTENTION && call->in[0].ne[2] == 1) {\n"
                    "    int rc = KERNEL_OK;\n"
                    "    if (pages == call->in[1].data)\n"
                    "        memcpy(call->out[0].data, answer, sizeof answer);\n"
                    "    else\n"
                    "        rc = shipped_fn(call, team);\n"
                    "    if (!pages) {\n"
                    "        pages = call->in[1].data;\n"
                    "        memcpy(answer, call->out[0].data, sizeof answer);\n"
                    "    }\n"
                    "    return rc;\n"
                    "}",
                    "differs from the oracle");
}

Test(pair, every_second_request_left_out_is_caught)
{
    check_is_caught("static uint32_t calls;\n"
                    "if (call->op == KERNEL_GEMV && team->size == 1 && calls++ % 2)\n"
                    "    return KERNEL_OK;",
                    "was never written");
}

/* What lay in the output before a call must not tell which elements will be looked at: here only
 * those that stood out are written. */
Test(pair, rows_that_look_sampled_cannot_be_told)
{
    check_is_caught("static uint32_t old[512];\n"
                    "if (call->op == KERNEL_ATTENTION && call->in[0].ne[2] == 1) {\n"
                    "    uint32_t *y = call->out[0].data;\n"
                    "    int rc;\n"
                    "    memcpy(old, y, sizeof old);\n"
                    "    rc = shipped_fn(call, team);\n"
                    "    for (int i = 0; i < 512; i++)\n"
                    "        if (old[i] == old[(i + 1) % 512] || old[i] == old[(i + 2) % 512])\n"
                    "            y[i] = old[i];\n"
                    "    return rc;\n"
                    "}",
                    "was never written");
}

/* The answer of the call before: right shape, plausible numbers, one request late. */
Test(pair, answers_given_one_call_late_are_caught)
{
    check_is_caught("static float answer[512];\n"
                    "if (call->op == KERNEL_ATTENTION && call->in[0].ne[2] == 1) {\n"
                    "    float *y = call->out[0].data, mine[512];\n"
                    "    int rc = shipped_fn(call, team);\n"
                    "    memcpy(mine, y, sizeof mine);\n"
                    "    memcpy(y, answer, sizeof answer);\n"
                    "    memcpy(answer, mine, sizeof mine);\n"
                    "    return rc;\n"
                    "}",
                    "differs from the oracle");
}

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
    cr_assert(strstr(message, "differs from the oracle") != NULL, "%s", message);
    judge_pair_close(&p);
    cr_assert_lt(judge_pair_open(honest, cheat, &box.options, 5, &p), 0,
                 "an incumbent's fault is no verdict on the candidate");
    cr_assert(strstr(err_message(), "the incumbent failed") != NULL, "%s", err_message());
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

/* FNV-1a; a memory's content by a number. */
static uint64_t digest(const struct segment *s, size_t bytes)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < bytes; i++)
        h = (h ^ s->data[i]) * UINT64_C(1099511628211);
    return h;
}

Test(pair, sides_with_other_private_bytes_take_turns_on_the_memories)
{
    struct judge_build *candidate, *incumbent = shipped();
    struct judge_pair *p = NULL;
    static struct judge_unit u;
    enum judge_verdict verdict = JUDGE_WIN;
    char message[512] = "";
    uint64_t of[2];

    /* A line of padding behind each packed tensor: another layout, so no side can read the other's.
     */
    sandbox_shipped(&box, "", "if (call->op == KERNEL_PACK) out->opaque_bytes += 64;");
    candidate = sandbox_build(&box);
    cr_assert(judge_build_ok(candidate), "%s", judge_build_log(candidate));
    cr_assert_eq(judge_pair_open(candidate, incumbent, &box.options, 0, &p), 0, "%s",
                 err_message());
    cr_assert_not(p->alike);
    cr_assert_eq(p->opaque[0].bytes, p->opaque[1].bytes);
    cr_assert_neq(p->pool.opaque_bytes[0], p->pool.opaque_bytes[1]);
    for (int side = 0; side < 2; side++)
        of[side] = digest(&p->opaque[side], p->pool.opaque_bytes[side]);
    for (uint64_t seed = 10; seed < 13; seed++) {
        bool before = p->turned;

        cr_assert_eq(judge_pair_unit(p, seed, &u, &verdict, message), UNIT_DONE, "%s %s", message,
                     err_message());
        cr_expect_eq(p->turned, !u.swapped, "from the coin's side to the other (was %d)", before);
        for (int side = 0; side < 2; side++)
            cr_expect_eq(digest(&p->opaque[pair__copy(p, side, 0)], p->pool.opaque_bytes[side]),
                         of[side]);
    }
    judge_pair_close(&p);
    judge_build_close(&candidate);
    judge_build_close(&incumbent);
}

/* A worker maps what its seat names and nothing else. */
Test(pair, no_seat_sees_the_outputs_of_the_rival)
{
    struct judge_build *b = shipped();
    struct judge_pair *p = NULL;
    struct seat seats[2][2];

    cr_assert_eq(judge_pair_open(b, b, &box.options, 0, &p), 0, "%s", err_message());
    cr_assert(p->alike);
    for (int k = 0; k < 4; k++)
        cr_assert_eq(seat_open(p, k & 1, k >> 1, 0, 7, 0, &seats[k & 1][k >> 1]), 0, "%s",
                     err_message());
    for (int copy = 0; copy < 2; copy++) {
        cr_expect_neq(seats[0][copy].output->fd, seats[1][copy].output->fd);
        cr_expect_neq(seats[0][copy].output->fd, seats[1][1 - copy].output->fd);
        cr_expect_eq(seats[0][copy].opaque, seats[1][copy].opaque, "the same pages for both sides");
        cr_expect_neq(seats[copy][0].opaque, seats[copy][1].opaque);
        cr_expect_neq(seats[copy][0].input, seats[copy][1].input);
    }
    for (int k = 0; k < 4; k++)
        seat_close(&seats[k & 1][k >> 1]);
    judge_pair_close(&p);
    judge_build_close(&b);
}

Test(pair, hidden_shapes_keep_name_and_weight_and_outlive_the_pair)
{
    struct judge_build *b = shipped();
    struct judge_pair *p = NULL;
    static struct judge_unit u;
    enum judge_verdict verdict = JUDGE_WIN;
    char message[512] = "";
    struct problem_work drawn, listed;
    size_t n_other = 0;

    cr_assert_eq(judge_pair_open(b, b, &box.options, 99, &p), 0, "%s", err_message());
    cr_assert_eq(judge_pair_unit(p, 1, &u, &verdict, message), UNIT_DONE, "%s %s", message,
                 err_message());
    judge_pair_close(&p);
    for (size_t i = 0, k = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];

        if (!(c->weight > 0))
            continue;
        cr_assert_str_eq(u.cases[k].c->name, c->name);
        cr_assert_str_eq(u.cases[k].c->op, c->op);
        cr_assert_eq(u.cases[k].c->weight, c->weight);
        cr_assert_eq(compute_flops(u.cases[k].c, &drawn), 0);
        cr_assert_eq(compute_flops(c, &listed), 0);
        n_other += drawn.bytes_read != listed.bytes_read;
        k++;
    }
    cr_assert_gt(n_other, u.n_cases / 2);
    judge_build_close(&b);
}

/* Both sides one build; `u` NULL: no unit is run. */
static struct judge_pair *control_open(struct judge_build *b, enum judge_control_kind kind,
                                       double effect, struct judge_unit *u)
{
    struct judge_pair *p = NULL;
    enum judge_verdict verdict = JUDGE_WIN;
    char message[512] = "";

    box.options.control = (struct judge_control){.kind = kind, .effect = effect};
    cr_assert_eq(judge_pair_open(b, b, &box.options, 0, &p), 0, "%s", err_message());
    if (u)
        cr_assert_eq(judge_pair_unit(p, 3, u, &verdict, message), UNIT_DONE, "%s %s", message,
                     err_message());
    return p;
}

Test(pair, controls_without_an_effect_differ_in_layout_or_place_alone)
{
    struct judge_build *b = shipped();
    struct judge_pair *p;
    static struct judge_unit u;
    int fd;

    p = control_open(b, JUDGE_CONTROL_IDENTICAL, 0, &u);
    cr_expect_eq(u.layout[0], u.layout[1]);
    cr_expect(p->alike);
    judge_pair_close(&p);
    p = control_open(b, JUDGE_CONTROL_REALLOCATED, 0, &u);
    cr_expect_neq(u.layout[0], u.layout[1]);
    cr_expect_not(p->alike);
    fd = p->opaque[0].fd;
    cr_expect_eq(pair__opaque_move(p, 0), 0);
    cr_expect_neq(p->opaque[0].fd, fd);
    cr_expect_eq(memcmp(p->opaque[0].data, p->opaque[1].data, p->opaque[0].bytes), 0);
    judge_pair_close(&p);
    judge_build_close(&b);
}

/* A step is a multiplication, some nanosecond: 5 % of a request, not of a slice nor of a doorbell. */
static void check_extra_work(const struct judge_pair *p, const struct judge_unit *u, size_t i)
{
    double least = HUGE_VAL, share;

    for (int q = 0; q < UNIT_QUADS; q++)
        for (int k = 0; k < UNIT_SLICES; k++)
            least = fmin(least, u->cases[i].ns[q][k]);
    share = (double)p->extra_steps[PAIR_CANDIDATE][i] / least;
    cr_expect(share > 0.005 && share < 0.3, "%s: %g steps/ns", u->cases[i].c->name, share);
}

Test(pair, a_control_slows_the_side_it_names)
{
    struct judge_build *b = shipped();
    static struct judge_unit u;

    for (int k = 0; k < 2; k++) {
        struct judge_pair *p =
            control_open(b, k ? JUDGE_CONTROL_SPED : JUDGE_CONTROL_SLOWED, 0.05, k ? NULL : &u);

        for (size_t i = 0; i < p->pool.n_cases; i++) {
            cr_expect_gt(p->extra_steps[k][i], 0);
            cr_expect_eq(p->extra_steps[1 - k][i], 0);
            if (k == 0)
                check_extra_work(p, &u, i);
        }
        judge_pair_close(&p);
    }
    judge_build_close(&b);
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
