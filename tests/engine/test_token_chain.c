/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/token_chain.h"

#include "engine/run/team.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <criterion/criterion.h>
#include <string.h>

enum { COLS = 256, HEADS = 4, MAX_TOKENS = 150 };

static struct kernel_tensor rows(void *data, uint32_t type, size_t row, int64_t n)
{
    size_t all = row * (size_t)n;

    return (struct kernel_tensor){.type = type,
                                  .ne = {COLS, n, 1, 1},
                                  .nb = {type == KERNEL_F32 ? sizeof(float) : row, row, all, all},
                                  .bytes = all,
                                  .data = data};
}

/* What a layer does between two products, and then some: x += y, x rotated, normed, quantised. */
struct pipeline {
    float x[MAX_TOKENS][COLS], y[MAX_TOKENS][COLS], normed[MAX_TOKENS][COLS], w[COLS];
    float table[MAX_TOKENS][COLS / HEADS];
    struct q8_k_block q[MAX_TOKENS];
    struct kernel_call calls[4];
};

static void pipeline_init(struct pipeline *p, int64_t n)
{
    struct kernel_tensor x = rows(p->x, KERNEL_F32, sizeof p->x[0], n), heads = x;
    struct kernel_tensor table = rows(p->table, KERNEL_F32, sizeof p->table[0], n);
    struct kernel_tensor normed = rows(p->normed, KERNEL_F32, sizeof p->normed[0], n);
    struct rng rng;

    rng_init(&rng, 5);
    memset(p->q, 0, sizeof p->q);
    for (size_t i = 0; i < sizeof p->x / sizeof(float); i++) {
        p->x[i / COLS][i % COLS] = (float)rng_uniform(&rng) - 0.5f;
        p->y[i / COLS][i % COLS] = (float)rng_uniform(&rng) - 0.5f;
    }
    for (size_t i = 0; i < COLS; i++)
        p->w[i] = (float)rng_uniform(&rng);
    for (size_t i = 0; i < sizeof p->table / sizeof(float); i++)
        p->table[i / (COLS / HEADS)][i % (COLS / HEADS)] = (float)rng_uniform(&rng);
    heads.ne[0] = table.ne[0] = COLS / HEADS;
    heads.ne[1] = HEADS;
    heads.ne[2] = n;
    heads.nb[1] = sizeof p->x[0] / HEADS;
    heads.nb[2] = sizeof p->x[0];
    p->calls[0] = (struct kernel_call){.op = KERNEL_ADD, .n_in = 2, .n_out = 1};
    p->calls[0].in[0] = p->calls[0].out[0] = x;
    p->calls[0].in[1] = rows(p->y, KERNEL_F32, sizeof p->y[0], n);
    p->calls[1] = (struct kernel_call){.op = KERNEL_ROPE, .n_in = 2, .n_out = 1};
    p->calls[1].in[0] = p->calls[1].out[0] = heads;
    p->calls[1].in[1] = table;
    p->calls[2] = (struct kernel_call){.op = KERNEL_RMS_NORM, .n_in = 2, .n_out = 1, .f = {1e-5f}};
    p->calls[2].in[0] = x;
    p->calls[2].in[1] = rows(p->w, KERNEL_F32, sizeof p->w, 1);
    p->calls[2].out[0] = normed;
    p->calls[3] = (struct kernel_call){.op = KERNEL_QUANTIZE, .n_in = 1, .n_out = 1};
    p->calls[3].in[0] = normed;
    p->calls[3].out[0] = rows(p->q, KERNEL_Q8_K, sizeof p->q[0], n);
}

/* As one job, or call by call. */
static void pipeline_run(struct pipeline *p, uint32_t n_threads, bool together)
{
    const struct kernel_call *list[4];
    struct team *t = NULL;

    for (int i = 0; i < 4; i++)
        list[i] = &p->calls[i];
    cr_assert_eq(team_open(n_threads, cpu_features(), 0, &t), 0, "%s", err_message());
    for (int i = 0; i < 4; i += together ? 4 : 1)
        cr_assert_eq(team_run(t, list + i, together ? 4 : 1), 0, "%s", err_message());
    for (int i = 0; i < 4; i++)
        cr_assert_eq(team_op_calls(t)[p->calls[i].op], 1);
    team_close(&t);
}

Test(token_chain, gives_the_bits_of_its_calls_one_by_one_for_any_tokens_and_threads, .timeout = 120)
{
    static const int64_t tokens[] = {1, 2, 5, 16, 33, MAX_TOKENS};
    static struct pipeline apart, chained;

    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        pipeline_init(&apart, tokens[i]);
        pipeline_run(&apart, 1, false);
        for (uint32_t n_threads = 1; n_threads <= 5; n_threads++) {
            pipeline_init(&chained, tokens[i]);
            pipeline_run(&chained, n_threads, true);
            cr_assert(!memcmp(chained.x, apart.x, sizeof apart.x), "%lld tokens, %u threads",
                      (long long)tokens[i], n_threads);
            cr_assert(!memcmp(chained.q, apart.q, sizeof apart.q), "%lld tokens, %u threads",
                      (long long)tokens[i], n_threads);
        }
    }
}

Test(token_chain, ends_where_tokens_meet_or_their_number_changes)
{
    static struct pipeline p;
    const struct kernel_call *list[] = {&p.calls[0], &p.calls[1], &p.calls[2], &p.calls[3]};

    pipeline_init(&p, 7);
    cr_assert_eq(token_chain_length(list, 4), 4);
    cr_assert_eq(token_chain_length(list, 0), 0);
    p.calls[2].in[0].ne[1] = 6;
    cr_assert_eq(token_chain_length(list, 4), 2);
    p.calls[1].op = KERNEL_ATTENTION;
    cr_assert_eq(token_chain_length(list, 4), 1);
    cr_assert_eq(token_chain_length(list + 1, 3), 0);
}

Test(token_chain, leaves_what_all_tokens_share_whole)
{
    static struct pipeline p;
    struct kernel_call part;

    pipeline_init(&p, 7);
    token_chain_slice(&p.calls[0], 2, 3, &part);
    cr_assert_eq(part.in[1].data, p.y[2]);
    cr_assert_eq(part.out[0].ne[1], 3);
    p.calls[0].in[1] = rows(p.w, KERNEL_F32, sizeof p.w, 1);
    token_chain_slice(&p.calls[0], 2, 3, &part);
    cr_assert_eq(part.in[1].data, p.w);
    token_chain_slice(&p.calls[1], 2, 3, &part);
    cr_assert_eq(part.in[0].data, p.x[2]);
    cr_assert_eq(part.in[0].ne[2], 3);
    cr_assert_eq(part.in[1].data, p.table[2]);
    token_chain_slice(&p.calls[2], 6, 1, &part);
    cr_assert_eq(part.in[0].data, p.x[6]);
    cr_assert_eq(part.in[1].data, p.w);
}

/* Experts' rows [cols, used, tokens] and their weights [used, tokens]: tokens are the last extent. */
Test(token_chain, cuts_experts_by_token)
{
    static float x[4][2][8], w[4][2], out[4][8];
    struct kernel_call mix = {.op = KERNEL_MIX, .n_in = 2, .n_out = 1}, part;

    mix.in[0] = (struct kernel_tensor){
        .ne = {8, 2, 4, 1}, .nb = {4, sizeof x[0][0], sizeof x[0], sizeof x}, .data = x};
    mix.in[1] = (struct kernel_tensor){
        .ne = {2, 4, 1, 1}, .nb = {4, sizeof w[0], sizeof w, sizeof w}, .data = w};
    mix.out[0] = (struct kernel_tensor){
        .ne = {8, 4, 1, 1}, .nb = {4, sizeof out[0], sizeof out, sizeof out}, .data = out};
    cr_assert_eq(token_chain_tokens(&mix), 4);
    token_chain_slice(&mix, 1, 2, &part);
    cr_assert_eq(part.in[0].data, x[1]);
    cr_assert_eq(part.in[0].ne[2], 2);
    cr_assert_eq(part.in[1].data, w[1]);
    cr_assert_eq(part.in[1].ne[1], 2);
    cr_assert_eq(part.out[0].data, out[1]);
    cr_assert_eq(part.out[0].ne[1], 2);
}
