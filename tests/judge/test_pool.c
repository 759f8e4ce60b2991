/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/check/compare.h"
#include "judge/measure/batch.h"
#include "judge/measure/pool.h"
#include "judge/measure/verify.h"
#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(pool, .timeout = 120);

static const struct judge_options options = {.root = ".", .features = "all"};

static const struct problem_case *case_named(const char *name)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        if (!strcmp(problem_shipped.cases[i].name, name))
            return &problem_shipped.cases[i];
    cr_assert(false, "no case %s", name);
    return NULL;
}

static uint32_t buffer_named(const struct problem_instance *in, const char *name)
{
    for (uint32_t b = 0; b < in->n_buffers; b++)
        if (!strcmp(in->buffers[b].name, name))
            return b;
    cr_assert(false, "no buffer %s", name);
    return 0;
}

static bool suits(const char *case_name, const char *buffer)
{
    struct problem_instance in;
    bool yes;

    cr_assert_eq(generate_inputs(case_named(case_name), 1, PROBLEM_RANDOM, &in), 0);
    yes = tape_suits(&in, buffer_named(&in, buffer));
    problem_instance_deinit(&in);
    return yes;
}

Test(pool, only_what_no_setup_step_reads_comes_from_a_tape)
{
    cr_expect(suits("gemv-q4_k", "x"));
    cr_expect(suits("attention-f16-decode", "Q"));
    cr_expect(suits("rms_norm", "w"));
    cr_expect_not(suits("attention-f16-decode", "table"), "the pages were stored by it");
    cr_expect_not(suits("gemv-q4_k", "W"));
    cr_expect_not(suits("gemm-q6_k-strided-17x256-n6", "x"), "its columns have gaps");
}

/* What the workers read and what the oracle reads are the same bytes, at every place. */
static void check_tape(const struct tape *t, struct rng *r)
{
    unsigned char *memory = malloc(t->bytes);

    cr_assert_not_null(memory);
    for (int k = 0; k < 20; k++) {
        size_t origin = rng_below(r, tape_origins(t)), place = rng_below(r, tape_places(t));
        size_t at = tape_offset(t, place);

        tape_write(t, origin, memory);
        cr_assert(tape_intact(t, origin, memory));
        cr_assert_eq(at % KERNEL_ALIGN, 0);
        cr_assert_eq(at % t->block, 0);
        cr_assert_leq(at + t->window, t->bytes);
        cr_assert_eq(memcmp(memory + at, tape_window(t, origin, place), t->window), 0);
        memory[rng_below(r, t->bytes)] ^= 1;
        cr_assert_not(tape_intact(t, origin, memory));
    }
    cr_assert_leq(tape_offset(t, tape_places(t) - 1) + t->window, t->bytes);
    free(memory);
}

Test(pool, the_oracle_reads_what_the_workers_read)
{
    static struct pool p;
    struct rng r;

    rng_init(&r, 1);
    cr_assert_eq(pool_init(&p, &options, 1, false), 0, "%s", err_message());
    for (size_t i = 0; i < p.n_cases; i++) {
        cr_expect_gt(p.cases[i].n_tapes, 0, "%s", p.cases[i].c->name);
        for (uint32_t t = 0; t < p.cases[i].n_tapes; t++)
            check_tape(&p.cases[i].tapes[t], &r);
    }
    pool_deinit(&p);
}

static const struct pool_case *pool_named(const struct pool *p, const char *name)
{
    for (size_t i = 0; i < p->n_cases; i++)
        if (!strcmp(p->cases[i].c->name, name))
            return &p->cases[i];
    cr_assert(false, "%s is not timed", name);
    return NULL;
}

static void check_no_twins(const struct batch *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        for (uint32_t k = 0; k < i; k++) {
            cr_assert_neq(b->slot[i], b->slot[k]);
            for (uint32_t t = 0; t < b->c->n_tapes; t++)
                cr_assert(!b->c->tapes[t].stride || b->place[i][t] != b->place[k][t]);
        }
}

Test(pool, no_request_of_a_batch_shares_memory_it_could_profit_from)
{
    static struct pool p;
    static struct batch b;
    struct rng r;

    rng_init(&r, 2);
    cr_assert_eq(pool_init(&p, &options, 1, false), 0, "%s", err_message());
    for (size_t i = 0; i < p.n_cases; i++) {
        const struct pool_case *c = &p.cases[i];

        for (int k = 0; k < 10; k++) {
            batch_draw(&b, c, k ? 1 + (uint32_t)rng_below(&r, c->n) : c->n, &r);
            check_no_twins(&b);
        }
    }
    cr_expect_gt(pool_named(&p, "rms_norm")->tapes[0].stride, 0, "rows alone tell requests apart");
    cr_expect_eq(pool_named(&p, "gemv-q4_k")->tapes[0].stride, 0);
    pool_deinit(&p);
}

/* An instance meets other activations at another address in nearly every batch. */
Test(pool, batches_are_fresh)
{
    static struct pool p;
    static struct batch old, fresh;
    const struct pool_case *c;
    uint32_t n_content = 0, n_address = 0, n_order = 0;
    struct rng r;

    rng_init(&r, 3);
    cr_assert_eq(pool_init(&p, &options, 1, false), 0, "%s", err_message());
    c = pool_named(&p, "gemv-q4_k");
    for (int k = 0; k < 50; k++) {
        const struct tape *t = &c->tapes[0];
        uint32_t i = 0;

        batch_draw(&old, c, c->n, &r);
        batch_draw(&fresh, c, c->n, &r);
        while (fresh.slot[i] != old.slot[0])
            i++;
        n_order += i == 0;
        n_address += old.place[0][0] == fresh.place[i][0];
        n_content += !memcmp(tape_window(t, old.origin[0], old.place[0][0]),
                             tape_window(t, fresh.origin[0], fresh.place[i][0]), t->window);
    }
    cr_expect_lt(n_order, 8);
    cr_expect_lt(n_address, 4);
    cr_expect_lt(n_content, 4);
    pool_deinit(&p);
}

/* Windows across the seams of instances are as good as any: the oracle has finite answers. */
Test(pool, every_window_is_valid_content)
{
    static struct pool p;
    static struct batch b;
    struct rng r;

    rng_init(&r, 4);
    cr_assert_eq(pool_init(&p, &options, 77, true), 0, "%s", err_message());
    for (size_t i = 0; i < p.n_cases; i++)
        for (int k = 0; k < 5; k++) {
            struct problem_instance view;
            struct compare_expect e;
            uint32_t y = 0;

            batch_draw(&b, &p.cases[i], 1, &r);
            batch_view(&b, 0, &view);
            while (view.buffers[y].role != PROBLEM_OUTPUT)
                y++;
            cr_assert_eq(compare_expect_init(&view, y, problem_output_count(&view, y) / 2, 1, &e),
                         0, "%s", err_message());
            cr_expect(e.expect.exact || (isfinite(e.expect.want[0]) && e.expect.unit[0] > 0));
            compare_expect_deinit(&e);
            problem_instance_deinit(&view);
        }
    pool_deinit(&p);
}

/* A seat without a worker: its outputs are written here. */
struct stage {
    struct pool pool;
    struct segment output;
    struct seat seat;
    struct batch batch;
};

static void stage_init(struct stage *s, const char *name, struct rng *r)
{
    const struct pool_case *c;

    cr_assert_eq(pool_init(&s->pool, &options, 5, false), 0, "%s", err_message());
    c = pool_named(&s->pool, name);
    cr_assert_eq(segment_open("output", s->pool.output_bytes + WORKER_PAGE, &s->output), 0);
    s->seat = (struct seat){.output = &s->output, .shift = 128};
    batch_draw(&s->batch, c, c->n, r);
}

static void stage_deinit(struct stage *s)
{
    segment_close(&s->output);
    pool_deinit(&s->pool);
}

static void answer_write(const struct compare_expect *e, unsigned char *y)
{
    for (size_t i = 0; i < e->count; i++) {
        unsigned char *at =
            y + compare_element_offset(&e->buffer->tensor, e->element_bytes, i, e->total);
        float value;

        if (e->expect.exact) {
            memcpy(at, e->expect.bytes + i * e->element_bytes, e->element_bytes);
            continue;
        }
        value = (float)e->expect.want[i];
        memcpy(at, &value, sizeof value);
    }
}

/* Right answers for request i, or none at all. */
static void request_answer(struct stage *s, uint32_t i, bool right)
{
    const struct batch *b = &s->batch;
    struct problem_instance view;

    batch_view(b, i, &view);
    for (uint32_t k = 0; k < view.n_buffers; k++) {
        unsigned char *y = seat_output(&s->seat, b->c, b->slot[i], k);
        struct compare_expect e;

        if (view.buffers[k].role != PROBLEM_OUTPUT)
            continue;
        compare_sentinel_fill(y, view.buffers[k].tensor.bytes, b->sentinel);
        if (!right)
            continue;
        cr_assert_eq(compare_expect_init(&view, k, 0, 0, &e), 0, "%s", err_message());
        answer_write(&e, y);
        compare_expect_deinit(&e);
    }
    problem_instance_deinit(&view);
}

/* How many of `n` verifications find fault. */
static uint32_t faults_found(struct stage *s, int n, struct rng *r)
{
    uint32_t found = 0, n_verified = 0;

    for (int k = 0; k < n; k++) {
        struct judge_fault fault = {0};

        cr_assert_eq(verify_batch(&s->batch, &s->seat, VERIFY_REQUESTS, r, &n_verified, &fault), 0);
        found += fault.found;
    }
    cr_assert_geq(n_verified, (uint32_t)n);
    return found;
}

static void check_verification(const char *name, uint64_t seed)
{
    static struct stage s;
    uint32_t last, found;
    struct rng r;

    rng_init(&r, seed);
    stage_init(&s, name, &r);
    last = s.batch.count - 1;
    for (uint32_t i = 0; i <= last; i++)
        request_answer(&s, i, true);
    cr_expect_eq(faults_found(&s, 100, &r), 0, "%s: right answers pass", name);
    request_answer(&s, last, false);
    cr_expect_eq(faults_found(&s, 30, &r), 30, "%s: the last request is always looked at", name);
    request_answer(&s, last, true);
    request_answer(&s, last / 2, false);
    found = faults_found(&s, 300, &r);
    cr_expect_gt(found, 300 * (VERIFY_REQUESTS - 1) / s.batch.count / 2, "%s: %u", name, found);
    cr_expect_lt(found, 300, "%s: but not every other one", name);
    stage_deinit(&s);
}

Test(pool, the_last_request_and_drawn_ones_are_held_against_the_oracle)
{
    check_verification("gemv-q4_k-gate-up", 6);
    check_verification("quantize-q8_k", 7);
}

/* One wrong element of a hundred thousand in each request: hardly ever drawn by itself. */
Test(pool, now_and_then_a_whole_output_is_held_against_the_oracle)
{
    static struct stage s;
    struct rng r;
    uint32_t found, y = 0;

    rng_init(&r, 8);
    stage_init(&s, "rms_norm", &r);
    for (uint32_t i = 0; i < s.batch.count; i++)
        request_answer(&s, i, true);
    while (s.batch.c->in[0].buffers[y].role != PROBLEM_OUTPUT)
        y++;
    for (uint32_t i = 0; i < s.batch.count; i++)
        seat_output(&s.seat, s.batch.c, s.batch.slot[i], y)[3] ^= 0x40; /* the exponent */
    found = faults_found(&s, 480, &r);
    cr_expect_gt(found, 480 / VERIFY_WHOLE / 2, "%u", found);
    stage_deinit(&s);
}
