/* SPDX-License-Identifier: Apache-2.0
 *
 * What must not change a single bit: how many columns, queries or rows are in a call, how many
 * threads there are, whether the output is the input, what lay in unused KV slots before. */
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "tests/kernel/run_instance.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void instance_of(const struct problem_case *c, struct problem_instance *in)
{
    cr_assert(generate_inputs(c, 11, PROBLEM_RANDOM, in) == 0, "%s", err_message());
}

static void run_of(struct problem_instance *in, uint64_t path, uint32_t n_threads, struct run *r)
{
    cr_assert(run_instance(r, in, path, n_threads, 0, RUN_NAN), "%s: %s", in->c->name, r->message);
}

/* --- gemm --- */

static void columns_are_gemv(struct run *r, uint64_t path)
{
    struct kernel_call gemm = run_last_call(r), gemv;
    size_t m = (size_t)gemm.in[1].ne[1];
    float *y = malloc(m * sizeof *y);

    for (size_t j = 0; j < (size_t)gemm.in[0].ne[1]; j++) {
        gemv = gemm;
        gemv.op = KERNEL_GEMV;
        gemv.in[0].ne[1] = gemv.out[0].ne[1] = 1;
        gemv.in[0].data = (char *)gemm.in[0].data + j * gemm.in[0].nb[1];
        gemv.out[0].data = y;
        cr_assert(run_call(&gemv, path, 1) == KERNEL_OK);
        cr_expect(!memcmp(y, (char *)gemm.out[0].data + j * gemm.out[0].nb[1], m * sizeof *y),
                  "%s: column %zu, features %#lx", r->in->c->name, j, (unsigned long)path);
    }
    free(y);
}

static void check_columns(int64_t type, int64_t k)
{
    for (int64_t n = 1; n <= 33; n = n == 17 ? 33 : n + 1) {
        const struct problem_case c = {
            .name = "columns",
            .op = "gemm",
            .params = {{"type", type}, {"m", 21}, {"k", k}, {"n", n}},
        };
        struct problem_instance in;

        instance_of(&c, &in);
        for (size_t f = 0; f < RUN_N_PATHS; f++)
            for (uint32_t threads = 1; threads <= 3 && run_has_path(f); threads++) {
                struct run r;

                run_of(&in, run_paths[f], threads, &r);
                columns_are_gemv(&r, run_paths[f]);
                run_deinit(&r);
            }
        problem_instance_deinit(&in);
    }
}

Test(kernel_invariance, q4_k_columns_are_gemv)
{
    check_columns(KERNEL_Q4_K, 512);
}

Test(kernel_invariance, q5_k_columns_are_gemv)
{
    check_columns(KERNEL_Q5_K, 256);
}

Test(kernel_invariance, q6_k_columns_are_gemv)
{
    check_columns(KERNEL_Q6_K, 512);
}

Test(kernel_invariance, q2_k_and_q3_k_columns_are_gemv)
{
    check_columns(KERNEL_Q2_K, 512);
    check_columns(KERNEL_Q3_K, 512);
}

Test(kernel_invariance, q8_0_columns_are_gemv)
{
    check_columns(KERNEL_Q8_0, 352);
}

Test(kernel_invariance, q4_32_columns_are_gemv)
{
    check_columns(KERNEL_Q4_0, 352);
    check_columns(KERNEL_Q4_1, 352);
    check_columns(KERNEL_IQ4_NL, 352);
}

Test(kernel_invariance, q5_32_columns_are_gemv)
{
    check_columns(KERNEL_Q5_0, 352);
    check_columns(KERNEL_Q5_1, 352);
}

Test(kernel_invariance, iq4_xs_and_ternary_columns_are_gemv)
{
    check_columns(KERNEL_TQ1_0, 512);
    check_columns(KERNEL_IQ4_XS, 512);
    check_columns(KERNEL_TQ2_0, 512);
}

Test(kernel_invariance, float_columns_are_gemv)
{
    check_columns(KERNEL_F16, 172);
    check_columns(KERNEL_BF16, 64);
    check_columns(KERNEL_F32, 333);
}

/* Tiles sum other numbers in another order: their integers are exact, their floats must round alike.
 * Three groups, the last one not full; a tile of columns not full, full, one more, several. */
Test(kernel_invariance, tiles_give_the_bits_of_avx512)
{
    static const int64_t types[] = {KERNEL_Q4_K, KERNEL_Q5_K, KERNEL_Q6_K}, n[] = {5, 16, 33, 100};

    if (!run_has_path(RUN_N_PATHS - 1))
        cr_skip_test("this machine has no tiles");
    for (size_t i = 0; i < sizeof types / sizeof *types * 4; i++) {
        const struct problem_case c = {
            .name = "tiles",
            .op = "gemm",
            .params = {{"type", types[i / 4]}, {"m", 43}, {"k", 768}, {"n", n[i % 4]}},
        };
        struct problem_instance in;
        struct run tiles, vectors;

        instance_of(&c, &in);
        run_of(&in, run_paths[RUN_N_PATHS - 2], 1, &vectors);
        for (uint32_t threads = 1; threads <= 3; threads++) {
            run_of(&in, run_paths[RUN_N_PATHS - 1], threads, &tiles);
            cr_expect(run_same_outputs(&tiles, &vectors), "type %d, %d columns: %s",
                      (int)types[i / 4], (int)n[i % 4], tiles.message);
            run_deinit(&tiles);
        }
        run_deinit(&vectors);
        problem_instance_deinit(&in);
    }
}

/* Q8_0 weights of -128 with the largest activations: 128 * 127 * 2 must not saturate 16 bits. */
Test(kernel_invariance, q8_0_weights_of_minus_128_do_not_saturate)
{
    struct q8_0_block w[8];
    struct q8_32_block x = {.d = 1, .sum = 32 * 127};
    char packed[KERNEL_PACK_ROWS * sizeof w[0] * 9 / 8] __attribute__((aligned(64)));
    float y[8];
    struct kernel_call pack = {.op = KERNEL_PACK, .n_in = 1, .n_out = 1};
    struct kernel_call gemv = {.op = KERNEL_GEMV, .n_in = 2, .n_out = 1};

    for (unsigned r = 0; r < 8; r++) {
        w[r].d = 0x3c00;
        memset(w[r].qs, -128, sizeof w[r].qs);
    }
    memset(x.qs, 127, sizeof x.qs);
    pack.in[0] = (struct kernel_tensor){KERNEL_Q8_0,        KERNEL_PLAIN, {32, 8, 1, 1},
                                        {34, 34, 272, 272}, sizeof w,     w};
    pack.out[0] = pack.in[0];
    pack.out[0].layout = KERNEL_PACKED;
    pack.out[0].data = packed;
    cr_assert(run_call(&pack, 0, 1) == KERNEL_OK);
    gemv.in[0] = (struct kernel_tensor){KERNEL_Q8_32,     KERNEL_PLAIN, {32, 1, 1, 1},
                                        {40, 40, 40, 40}, sizeof x,     &x};
    gemv.in[1] = pack.out[0];
    gemv.out[0] = (struct kernel_tensor){KERNEL_F32,      KERNEL_PLAIN, {8, 1, 1, 1},
                                         {4, 32, 32, 32}, sizeof y,     y};
    for (size_t f = 0; f < RUN_N_PATHS; f++) {
        if (!run_has_path(f))
            continue;
        cr_assert(run_call(&gemv, run_paths[f], 1) == KERNEL_OK);
        for (unsigned r = 0; r < 8; r++)
            cr_expect(y[r] == -128.0f * 127 * 32, "row %u: %g", r, (double)y[r]);
    }
}

/* --- gemm_ids --- */

/* GEMV of expert `e` of weight tensor l and the column of entry (u, j). */
static struct kernel_call gemv_of(const struct kernel_call *ids, uint32_t l, size_t e, size_t u,
                                  size_t j, float *y)
{
    struct kernel_call gemv = {.op = KERNEL_GEMV, .n_in = 2, .n_out = 1};
    const struct kernel_tensor *x = &ids->in[0];

    gemv.in[0] = *x;
    gemv.in[0].ne[1] = gemv.in[0].ne[2] = 1;
    gemv.in[0].data = (char *)x->data + (x->ne[1] == 1 ? 0 : u) * x->nb[1] + j * x->nb[2];
    gemv.in[1] = ids->in[1 + l];
    gemv.in[1].bytes /= (size_t)gemv.in[1].ne[2];
    gemv.in[1].data = (char *)ids->in[1 + l].data + e * gemv.in[1].bytes;
    gemv.in[1].ne[2] = 1;
    gemv.out[0] = ids->out[l];
    gemv.out[0].ne[1] = gemv.out[0].ne[2] = 1;
    gemv.out[0].data = y;
    return gemv;
}

static void entries_are_gemv(struct run *r, uint64_t path)
{
    struct kernel_call ids = run_last_call(r);
    const int32_t *id = ids.in[ids.n_in - 1].data;

    for (uint32_t l = 0; l < ids.n_out; l++) {
        const struct kernel_tensor *out = &ids.out[l];
        size_t m = (size_t)out->ne[0], used = (size_t)out->ne[1];
        float *y = malloc(m * sizeof *y);

        for (size_t i = 0; i < used * (size_t)out->ne[2]; i++) {
            size_t u = i % used, j = i / used;
            struct kernel_call gemv = gemv_of(&ids, l, (size_t)id[i], u, j, y);

            cr_assert(run_call(&gemv, path, 1) == KERNEL_OK);
            cr_expect(!memcmp(y, (char *)out->data + u * out->nb[1] + j * out->nb[2], m * 4),
                      "%s: place %zu of token %zu, features %#lx", r->in->c->name, u, j,
                      (unsigned long)path);
        }
        free(y);
    }
}

/* One column an expert, some, more than one block of them; by one thread and by three. */
static void check_entries(int64_t type, int64_t k)
{
    static const struct {
        int64_t experts, used, n;
    } shapes[] = {{6, 2, 1}, {9, 4, 3}, {5, 2, 21}, {2, 1, 40}, {3, 3, 70}};

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct problem_case c = {
            .name = "entries",
            .op = "gemm_ids",
            .params = {{"type", type},
                       {"m", 21},
                       {"m2", 53},
                       {"k", k},
                       {"n", shapes[i].n},
                       {"experts", shapes[i].experts},
                       {"used", shapes[i].used},
                       {"shared", (int64_t)i % 2}},
        };
        struct problem_instance in;

        instance_of(&c, &in);
        for (size_t f = 0; f < RUN_N_PATHS; f++)
            for (uint32_t threads = 1; threads <= 3 && run_has_path(f); threads += 2) {
                struct run r;

                run_of(&in, run_paths[f], threads, &r);
                entries_are_gemv(&r, run_paths[f]);
                run_deinit(&r);
            }
        problem_instance_deinit(&in);
    }
}

Test(kernel_invariance, entries_of_mixtures_are_gemv_of_their_expert)
{
    check_entries(KERNEL_Q4_K, 512);
    check_entries(KERNEL_Q5_K, 256);
    check_entries(KERNEL_Q6_K, 256);
    check_entries(KERNEL_IQ4_XS, 256);
    check_entries(KERNEL_TQ2_0, 256);
    check_entries(KERNEL_Q2_K, 256);
    check_entries(KERNEL_Q3_K, 256);
    check_entries(KERNEL_TQ1_0, 256);
    check_entries(KERNEL_Q8_0, 96);
    check_entries(KERNEL_Q4_1, 64);
    check_entries(KERNEL_Q5_0, 64);
    check_entries(KERNEL_F16, 172);
    check_entries(KERNEL_F32, 77);
}

static struct kernel_call ids_call(int64_t type, int64_t k, int64_t n)
{
    const uint32_t x = type == KERNEL_F16 ? KERNEL_F32 : KERNEL_Q8_K;

    return (struct kernel_call){
        .op = KERNEL_GEMM_IDS,
        .n_in = 3,
        .n_out = 1,
        .in = {{.type = x, .ne = {k, 8, n, 1}},
               {.type = (uint32_t)type, .layout = KERNEL_PACKED, .ne = {k, 768, 128, 1}},
               {.type = KERNEL_I32, .ne = {8, n, 1, 1}}},
        .out = {{.type = KERNEL_F32, .ne = {768, 8, n, 1}}}};
}

/* Who runs a model asks once, for its largest batch. Besides a few megabytes that is a number an
 * entry. */
Test(kernel_invariance, scratch_of_mixtures_is_bounded_and_that_of_the_largest_batch)
{
    static const int64_t types[] = {KERNEL_Q4_K, KERNEL_Q6_K, KERNEL_TQ2_0, KERNEL_F16};

    for (size_t i = 0; i < sizeof types / sizeof *types * RUN_N_PATHS; i++) {
        size_t before = 0;

        for (int64_t n = 1; n <= 4096; n = n < 40 ? n + 1 : 2 * n) {
            struct kernel_call call = ids_call(types[i / RUN_N_PATHS], 4096, n);
            struct kernel_tiling meta;

            cr_assert(get_tiling_meta(&call, 2, run_paths[i % RUN_N_PATHS], &meta) == KERNEL_OK);
            cr_expect(meta.scratch_bytes >= before, "type %d, %d tokens", (int)types[i / 4],
                      (int)n);
            before = meta.scratch_bytes;
        }
        cr_expect(before < (4u << 20) + 8 * 4096 * sizeof(int32_t), "%zu bytes", before);
    }
}

/* --- attention --- */

/* The queries of a run again, `chunk` at a time. */
static void chunks_agree(struct run *r, uint64_t path, size_t chunk)
{
    struct kernel_call whole = run_last_call(r), part;
    size_t n = (size_t)whole.in[0].ne[2], bytes = whole.out[0].nb[2];
    char *y = malloc(bytes * chunk);

    for (size_t j = 0; j < n; j += chunk) {
        size_t count = n - j < chunk ? n - j : chunk;

        part = whole;
        part.in[0].ne[2] = part.out[0].ne[2] = (int64_t)count;
        part.in[0].data = (char *)whole.in[0].data + j * whole.in[0].nb[2];
        part.out[0].data = y;
        part.i[KERNEL_I_POS] += (int64_t)j;
        cr_assert(run_call(&part, path, 1) == KERNEL_OK);
        cr_expect(!memcmp(y, (char *)whole.out[0].data + j * bytes, count * bytes),
                  "%s: queries %zu.. by %zu, features %#lx", r->in->c->name, j, chunk,
                  (unsigned long)path);
    }
    free(y);
}

static void check_attention(const struct problem_case *c)
{
    static const size_t chunks[] = {1, 3, 16};
    struct problem_instance in;
    struct run one, other;

    instance_of(c, &in);
    for (size_t f = 0; f < RUN_N_PATHS; f++) {
        if (!run_has_path(f))
            continue;
        run_of(&in, run_paths[f], 1, &one);
        for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
            chunks_agree(&one, run_paths[f], chunks[i]);
        for (uint32_t threads = 2; threads <= 4; threads++) {
            run_of(&in, run_paths[f], threads, &other);
            cr_expect(run_same_outputs(&other, &one), "%s, %u threads: %s", c->name, threads,
                      other.message);
            run_deinit(&other);
        }
        /* slots that nobody stored hold zeros here and NaN there */
        cr_assert(run_instance(&other, &in, run_paths[f], 1, 4, 0), "%s", other.message);
        cr_expect(run_same_outputs(&other, &one), "%s, unused slots: %s", c->name, other.message);
        run_deinit(&other);
        run_deinit(&one);
    }
    problem_instance_deinit(&in);
}

#define ATTENTION_CASE(label, t, ...)                                                              \
    {                                                                                              \
        .name = label, .op = "attention", .params = { {"type", t}, __VA_ARGS__ }                   \
    }

Test(kernel_invariance, a_query_does_not_know_its_neighbours_over_f16_pages)
{
    const struct problem_case prompt =
        ATTENTION_CASE("prompt", KERNEL_F16, {"head_dim", 40}, {"heads", 6}, {"kv_heads", 2},
                       {"n", 70}, {"n_kv", 150});
    const struct problem_case window =
        ATTENTION_CASE("window", KERNEL_F16, {"head_dim", 64}, {"heads", 2}, {"kv_heads", 2},
                       {"n", 35}, {"n_kv", 203}, {"window", 20});
    const struct problem_case full =
        ATTENTION_CASE("full", KERNEL_F16, {"head_dim", 8}, {"heads", 5}, {"kv_heads", 1}, {"n", 9},
                       {"n_kv", 67}, {"causal", 0});

    check_attention(&prompt);
    check_attention(&window);
    check_attention(&full);
}

/* A context of several splits and fewer tiles than threads: threads take splits. */
Test(kernel_invariance, splits_among_threads_are_added_as_one_thread_does)
{
    const struct problem_case long_f16 =
        ATTENTION_CASE("long", KERNEL_F16, {"head_dim", 24}, {"heads", 6}, {"kv_heads", 2},
                       {"n", 2}, {"n_kv", 2500});
    const struct problem_case long_q8_0 =
        ATTENTION_CASE("long window", KERNEL_Q8_0, {"head_dim", 32}, {"heads", 3}, {"kv_heads", 1},
                       {"n", 3}, {"n_kv", 2500}, {"window", 1200});

    check_attention(&long_f16);
    check_attention(&long_q8_0);
}

static size_t attention_scratch(size_t n, size_t n_kv, uint64_t features, uint32_t n_threads)
{
    struct kernel_tiling meta;
    struct kernel_call call = {
        .op = KERNEL_ATTENTION,
        .n_in = 3,
        .n_out = 1,
        .in = {{.type = KERNEL_F32, .ne = {64, 8, (int64_t)n, 1}},
               {.type = KERNEL_F16, .layout = KERNEL_PAGES, .ne = {64, 64, 2, (int64_t)n_kv / 64}},
               {.type = KERNEL_I32, .ne = {(int64_t)n_kv / 64, 1, 1, 1}}},
        .out = {{.type = KERNEL_F32, .ne = {64, 8, (int64_t)n, 1}}}};

    call.i[KERNEL_I_POS] = (int64_t)(n_kv - n);
    call.i[KERNEL_I_N_KV] = (int64_t)n_kv;
    call.i[KERNEL_I_CAUSAL] = 1;
    cr_assert(get_tiling_meta(&call, n_threads, features, &meta) == KERNEL_OK);
    return meta.scratch_bytes;
}

/* Who runs a model asks once, for one query at the end of the context. */
Test(kernel_invariance, scratch_of_attention_is_that_of_one_query_on_the_longest_context)
{
    const size_t longest = (size_t)8 << 20;

    for (uint32_t threads = 1; threads <= 4; threads++) {
        size_t most = attention_scratch(1, longest, 0, threads);

        for (size_t n_kv = 64; n_kv <= longest; n_kv *= 2)
            for (size_t n = 1; n <= 16; n++)
                cr_expect(attention_scratch(n, n_kv, 0, threads) <= most,
                          "%zu queries on %zu positions, %u threads", n, n_kv, threads);
    }
}

Test(kernel_invariance, a_query_does_not_know_its_neighbours_over_q8_0_pages)
{
    const struct problem_case prompt =
        ATTENTION_CASE("prompt", KERNEL_Q8_0, {"head_dim", 80}, {"heads", 6}, {"kv_heads", 2},
                       {"n", 70}, {"n_kv", 150});
    const struct problem_case window =
        ATTENTION_CASE("window", KERNEL_Q8_0, {"head_dim", 64}, {"heads", 2}, {"kv_heads", 1},
                       {"n", 35}, {"n_kv", 203}, {"window", 20}, {"softcap", 15});

    check_attention(&prompt);
    check_attention(&window);
}

/* --- rows --- */

/* Once more with the output in the place of input `which`. */
static void in_place_agrees(struct run *r, uint64_t path, uint32_t which)
{
    struct kernel_call call = run_last_call(r);
    struct kernel_tensor *t = &call.in[which];
    char *copy = malloc(t->bytes);

    memcpy(copy, t->data, t->bytes);
    cr_assert_eq(t->bytes, call.out[0].bytes);
    t->data = copy;
    cr_assert_eq(t->nb[1], call.out[0].nb[1]);
    call.out[0].data = copy;
    cr_assert(run_call(&call, path, 2) == KERNEL_OK);
    cr_expect(!memcmp(copy, r->tensor[r->in->steps[r->in->n_steps - 1].out[0]].data, t->bytes),
              "%s in place of input %u, features %#lx", r->in->c->name, which, (unsigned long)path);
    free(copy);
}

/* Column j alone gives what it gives among others. */
static void columns_alone_agree(struct run *r, uint64_t path)
{
    struct kernel_call all = run_last_call(r), one;
    uint32_t d = all.op == KERNEL_ROPE || all.op == KERNEL_MIX ? 2 : 1;
    uint32_t dy = all.op == KERNEL_ROPE ? 2 : 1;
    char *y = malloc(all.out[0].nb[dy]);

    for (size_t j = 0; j < (size_t)all.in[0].ne[d]; j++) {
        one = all;
        for (uint32_t i = 0; i < all.n_in; i++) {
            uint32_t di = one.in[i].ne[2] > 1 ? 2 : 1;

            if (one.in[i].ne[di] == 1)
                continue;
            one.in[i].ne[di] = 1;
            one.in[i].data = (char *)all.in[i].data + j * all.in[i].nb[di];
        }
        one.out[0].ne[dy] = 1;
        one.out[0].data = y;
        cr_assert(run_call(&one, path, 1) == KERNEL_OK);
        cr_expect(!memcmp(y, (char *)all.out[0].data + j * all.out[0].nb[dy], all.out[0].nb[dy]),
                  "%s: column %zu, features %#lx", r->in->c->name, j, (unsigned long)path);
    }
    free(y);
}

static void check_rows(const struct problem_case *c, uint32_t n_in_place)
{
    struct problem_instance in;
    struct run r;

    instance_of(c, &in);
    for (size_t f = 0; f < RUN_N_PATHS; f++) {
        if (!run_has_path(f))
            continue;
        run_of(&in, run_paths[f], 1, &r);
        for (uint32_t i = 0; i < n_in_place; i++)
            in_place_agrees(&r, run_paths[f], i);
        columns_alone_agree(&r, run_paths[f]);
        run_deinit(&r);
    }
    problem_instance_deinit(&in);
}

#define ROWS_CASE(operation, ...)                                                                  \
    {                                                                                              \
        .name = operation, .op = operation, .params = { {"k", 1101}, {"n", 7}, __VA_ARGS__ }       \
    }

Test(kernel_invariance, rows_are_independent_and_work_in_place)
{
    const struct {
        struct problem_case c;
        uint32_t n_in_place; /* inputs that the output may equal */
    } ops[] = {
        {ROWS_CASE("rms_norm", {NULL, 0}), 1},
        {ROWS_CASE("layer_norm", {"bias", 1}), 1},
        {ROWS_CASE("glu", {"act", 0}), 2},
        {ROWS_CASE("glu", {"act", 1}), 2},
        {ROWS_CASE("glu", {"act", KERNEL_ACT_GELU_ERF}, {"single", 1}), 1},
        {ROWS_CASE("glu", {"act", KERNEL_ACT_SOFTCAP}, {"gain_milli", 2000}), 2},
        {ROWS_CASE("softmax", {"scale_milli", 500}), 1},
        {ROWS_CASE("add", {"broadcast", 0}), 2},
        {ROWS_CASE("add", {"broadcast", 1}), 1},
    };
    const struct problem_case rope[] = {
        {.name = "rope norm",
         .op = "rope",
         .params = {{"k", 72}, {"n", 5}, {"heads", 3}, {"pairs", 27}}},
        {.name = "rope neox",
         .op = "rope",
         .params = {{"k", 72}, {"n", 5}, {"heads", 3}, {"pairs", 27}, {"style", 1}}},
    };
    const struct problem_case mix[] = {
        {.name = "mix 1", .op = "mix", .params = {{"k", 1101}, {"n", 5}, {"used", 1}}},
        {.name = "mix 5", .op = "mix", .params = {{"k", 1101}, {"n", 5}, {"used", 5}}},
    };
    const struct problem_case quantize = {
        .name = "quantize",
        .op = "quantize",
        .params = {{"type", KERNEL_Q8_K}, {"k", 768}, {"n", 5}},
    };

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        check_rows(&ops[i].c, ops[i].n_in_place);
    check_rows(&rope[0], 1);
    check_rows(&rope[1], 1);
    check_rows(&quantize, 0);
    check_rows(&mix[0], 1);
    check_rows(&mix[1], 0);
}
