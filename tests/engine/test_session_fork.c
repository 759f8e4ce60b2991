/* SPDX-License-Identifier: Apache-2.0
 *
 * Forked sessions: whatever the family does, each answers as a fresh session given its tokens. */
#include "engine/engine.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONTEXT = 200 };

static const struct tiny_model quantised = {.embed = 256,
                                            .heads = 8,
                                            .kv_heads = 2,
                                            .ffn = 256,
                                            .layers = 2,
                                            .vocab = 40,
                                            .context = CONTEXT,
                                            .type = KERNEL_Q4_K,
                                            .v_type = KERNEL_Q6_K};

static struct engine_model *model_open(const struct tiny_model *t, uint32_t n_threads,
                                       uint32_t kv_type, uint32_t n_sessions)
{
    struct engine_options o = {.features = cpu_features(),
                               .n_threads = n_threads,
                               .n_context = CONTEXT,
                               .micro_batch = 64,
                               .kv_type = kv_type,
                               .n_sessions = n_sessions};
    struct engine_model *m = NULL;
    char path[64];

    tiny_model_write(t, path);
    cr_assert_eq(engine_model_open(path, &o, &m), 0, "%s", err_message());
    unlink(path);
    return m;
}

static struct engine_session *session_open(struct engine_model *m)
{
    struct engine_session *s = NULL;

    cr_assert_eq(engine_session_open(m, &s), 0, "%s", err_message());
    return s;
}

static struct engine_session *session_fork(const struct engine_session *parent)
{
    struct engine_session *s = NULL;

    cr_assert_eq(engine_session_fork(parent, &s), 0, "%s", err_message());
    return s;
}

/* n tokens of the stream `seed`. */
static void eval(struct engine_session *s, size_t n, uint64_t seed)
{
    int32_t ids[CONTEXT];
    struct rng rng;

    rng_init(&rng, seed);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)rng_below(&rng, 40);
    cr_assert_eq(engine_session_eval(s, ids, n, NULL, NULL), 0, "%s", err_message());
}

/* s answers the token 7 as `fresh`, of another family, does after the same tokens. */
static void answers_as_fresh(struct engine_session *s, struct engine_session *fresh)
{
    const int32_t seven = 7;
    uint32_t n = engine_session_position(s);

    cr_assert_eq(engine_session_truncate(fresh, 0), 0);
    if (n)
        cr_assert_eq(engine_session_eval(fresh, engine_session_tokens(s), n, NULL, NULL), 0);
    cr_assert_eq(engine_session_eval(s, &seven, 1, NULL, NULL), 0, "%s", err_message());
    cr_assert_eq(engine_session_eval(fresh, &seven, 1, NULL, NULL), 0, "%s", err_message());
    cr_assert(!memcmp(engine_session_logits(s), engine_session_logits(fresh), 40 * sizeof(float)),
              "after %u tokens", n);
    cr_assert_eq(engine_session_truncate(s, n), 0);
}

static void parts_and_answers(const struct tiny_model *t, uint32_t kv_type)
{
    static const uint32_t shared[] = {0, 1, 63, 64, 65, 100, 128};
    struct engine_model *m = model_open(t, 1, kv_type, 3);
    struct engine_session *fresh = session_open(m), *a = session_open(m);

    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
        struct engine_session *b, *c;

        cr_assert_eq(engine_session_truncate(a, 0), 0);
        if (shared[i])
            eval(a, shared[i], 1);
        b = session_fork(a);
        cr_assert_eq(engine_session_position(b), shared[i]);
        if (shared[i])
            cr_assert(
                !memcmp(engine_session_logits(a), engine_session_logits(b), 40 * sizeof(float)));
        else
            cr_assert(engine_session_logits(b) == NULL);
        eval(b, 3, 2);
        c = session_fork(b);
        eval(a, 5, 3);
        eval(c, 66, 4);
        eval(b, 1, 5);
        answers_as_fresh(a, fresh);
        answers_as_fresh(b, fresh);
        engine_session_close(&b);
        answers_as_fresh(c, fresh);
        answers_as_fresh(a, fresh);
        engine_session_close(&c);
    }
    engine_session_close(&a);
    engine_session_close(&fresh);
    engine_model_close(&m);
}

Test(session_fork, answers_as_a_fresh_session_over_f16_pages)
{
    parts_and_answers(&tiny_f32, KERNEL_F16);
    parts_and_answers(&quantised, KERNEL_F16);
}

Test(session_fork, answers_as_a_fresh_session_over_q8_0_pages)
{
    parts_and_answers(&quantised, KERNEL_Q8_0);
}

Test(session_fork, outlives_its_parent)
{
    struct engine_model *m = model_open(&tiny_f32, 2, KERNEL_F16, 0);
    struct engine_session *fresh = session_open(m), *a = session_open(m), *b;

    eval(a, 70, 1);
    b = session_fork(a);
    engine_session_close(&a);
    answers_as_fresh(b, fresh);
    a = session_fork(b);
    engine_session_close(&b);
    eval(a, 70, 2);
    answers_as_fresh(a, fresh);
    engine_session_close(&a);
    engine_session_close(&fresh);
    engine_model_close(&m);
}

Test(session_fork, goes_back_behind_the_fork_and_on_another_way)
{
    struct engine_model *m = model_open(&tiny_f32, 1, KERNEL_F16, 2);
    struct engine_session *fresh = session_open(m), *a = session_open(m), *b;

    eval(a, 150, 1);
    b = session_fork(a);
    for (uint32_t at = 150; at-- > 0; at -= at % 19) {
        cr_assert_eq(engine_session_truncate(b, at), 0);
        eval(b, 2, at);
        answers_as_fresh(b, fresh);
        cr_assert_eq(engine_session_truncate(b, at), 0);
    }
    answers_as_fresh(a, fresh);
    engine_session_close(&b);
    engine_session_close(&a);
    engine_session_close(&fresh);
    engine_model_close(&m);
}

/* As beams do: four sessions write on, and each then becomes one of the four. */
Test(session_fork, lets_sessions_change_places)
{
    enum { N = 4 };
    struct engine_model *m = model_open(&tiny_f32, 1, KERNEL_F16, 2 * N);
    struct engine_session *fresh = session_open(m), *s[N], *before[N];
    struct rng rng;

    rng_init(&rng, 9);
    s[0] = session_open(m);
    eval(s[0], 40, 1);
    for (int i = 0; i < N; i++) {
        before[i] = session_fork(s[0]);
        if (i)
            s[i] = session_fork(s[0]);
    }
    for (uint64_t round = 0; round < 60; round++) {
        for (size_t i = 0; i < N; i++) {
            eval(s[i], 1, round * N + i);
            cr_assert_eq(engine_session_adopt(before[i], s[i], engine_session_position(s[i])), 0);
        }
        for (size_t i = 0; i < N; i++) {
            const struct engine_session *from = before[rng_below(&rng, N)];

            cr_assert_eq(engine_session_adopt(s[i], from, engine_session_position(from)), 0);
            cr_assert(!memcmp(engine_session_logits(s[i]), engine_session_logits(from),
                              40 * sizeof(float)));
        }
        if (round % 8 == 0)
            for (size_t i = 0; i < N; i++)
                answers_as_fresh(s[i], fresh);
    }
    for (int i = 0; i < N; i++) {
        engine_session_close(&s[i]);
        engine_session_close(&before[i]);
    }
    engine_session_close(&fresh);
    engine_model_close(&m);
}

Test(session_fork, takes_over_a_prefix_without_its_logits)
{
    struct engine_model *m = model_open(&tiny_f32, 1, KERNEL_F16, 2);
    struct engine_session *fresh = session_open(m), *a = session_open(m), *b = session_fork(a);

    eval(a, 130, 1);
    eval(b, 9, 2);
    cr_assert_eq(engine_session_adopt(b, a, 131), ERR_RANGE);
    cr_assert_eq(engine_session_adopt(b, fresh, 0), ERR_USAGE);
    cr_assert(strstr(err_message(), "family"), "%s", err_message());
    cr_assert_eq(engine_session_position(b), 9);
    cr_assert_eq(engine_session_adopt(b, a, 100), 0);
    cr_assert_eq(engine_session_position(b), 100);
    cr_assert(engine_session_logits(b) == NULL);
    answers_as_fresh(b, fresh);
    cr_assert_eq(engine_session_adopt(a, a, 70), 0);
    answers_as_fresh(a, fresh);
    engine_session_close(&b);
    engine_session_close(&a);
    engine_session_close(&fresh);
    engine_model_close(&m);
}

Test(session_fork, says_when_the_family_has_no_page_left)
{
    struct engine_model *m = model_open(&tiny_f32, 1, KERNEL_F16, 0);
    struct engine_session *fresh = session_open(m), *a = session_open(m), *b;
    int32_t ids[40] = {0};

    eval(a, 190, 1); /* 3 pages of 4 */
    b = session_fork(a);
    eval(b, 1, 2);
    cr_assert_eq(engine_session_eval(a, ids, 10, NULL, NULL), ERR_RANGE);
    cr_assert(strstr(err_message(), "--ctx"), "%s", err_message());
    cr_assert_eq(engine_session_position(a), 190);
    engine_session_close(&b);
    answers_as_fresh(a, fresh);
    engine_session_close(&a);
    engine_session_close(&fresh);
    engine_model_close(&m);
}

/* --- threads --- */

struct driver {
    struct engine_session *session;
    uint64_t seed;
    float logits[40];
};

static void *drive(void *ctx)
{
    struct driver *d = ctx;

    for (uint64_t round = 0; round < 10; round++) {
        eval(d->session, 40 + 3 * d->seed, d->seed + round);
        cr_assert_eq(engine_session_truncate(d->session, 71 + (uint32_t)d->seed), 0);
    }
    eval(d->session, 50, d->seed);
    memcpy(d->logits, engine_session_logits(d->session), sizeof d->logits);
    return NULL;
}

Test(session_fork, may_be_driven_by_a_thread_of_its_own, .timeout = 60)
{
    enum { N = 3 };
    struct engine_model *m = model_open(&tiny_f32, 1, KERNEL_F16, N + 1);
    struct engine_session *fresh = session_open(m), *root = session_open(m);
    struct driver d[N];
    pthread_t threads[N];

    eval(root, 75, 1);
    for (int i = 0; i < N; i++) {
        d[i] = (struct driver){.session = session_fork(root), .seed = (uint64_t)i};
        cr_assert_eq(engine_session_truncate(d[i].session, 71 + (uint32_t)i), 0);
    }
    for (int i = 0; i < N; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, drive, &d[i]), 0);
    for (int i = 0; i < N; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < N; i++) {
        answers_as_fresh(d[i].session, fresh);
        engine_session_close(&d[i].session);
    }
    answers_as_fresh(root, fresh);
    engine_session_close(&root);
    engine_session_close(&fresh);
    engine_model_close(&m);
}

/* --- shifting --- */

Test(session_fork, shifts_to_what_a_fresh_session_says_to_the_tokens_left)
{
    static const struct {
        uint32_t keep, drop;
    } cuts[] = {{0, 1}, {1, 100}, {64, 64}, {70, 20}, {100, 100}, {0, 200}, {199, 1}};
    struct engine_model *m = model_open(&tiny_f32, 1, KERNEL_F16, 2);
    struct engine_session *fresh = session_open(m), *a = session_open(m), *b;
    int32_t ids[CONTEXT];

    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        uint32_t keep = cuts[i].keep, drop = cuts[i].drop;

        cr_assert_eq(engine_session_truncate(a, 0), 0);
        eval(a, CONTEXT, 1);
        b = session_fork(a);
        memcpy(ids, engine_session_tokens(a), sizeof ids);
        cr_assert_eq(engine_session_shift(a, keep, drop), 0, "%s", err_message());
        cr_assert_eq(engine_session_position(a), CONTEXT - drop);
        cr_assert(!memcmp(engine_session_tokens(a), ids, keep * sizeof *ids));
        cr_assert(!memcmp(engine_session_tokens(a) + keep, ids + keep + drop,
                          (CONTEXT - keep - drop) * sizeof *ids));
        answers_as_fresh(a, fresh);
        cr_assert_eq(engine_session_truncate(b, CONTEXT - 1), 0);
        answers_as_fresh(b, fresh);
        engine_session_close(&b);
    }
    cr_assert_eq(engine_session_shift(a, 0, 0), ERR_RANGE);
    cr_assert_eq(engine_session_shift(a, 199, 1), ERR_RANGE);
    cr_assert_eq(engine_session_shift(a, 1, UINT32_MAX), ERR_RANGE);
    engine_session_close(&a);
    engine_session_close(&fresh);
    engine_model_close(&m);
}
