/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"
#include "tests/engine/naive_llama.h"
#include "tests/engine/shared.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct loaded {
    struct engine_model *model;
    struct engine_session *session;
};

static struct loaded load(const char *path, const struct engine_options *o)
{
    struct loaded x = {0};

    cr_assert_eq(engine_model_open(path, o, &x.model), 0, "%s", err_message());
    cr_assert_eq(engine_session_open(x.model, &x.session), 0, "%s", err_message());
    return x;
}

static void unload(struct loaded *x)
{
    engine_session_close(&x->session);
    engine_model_close(&x->model);
}

static struct engine_options options(uint32_t n_threads, uint32_t micro_batch)
{
    return (struct engine_options){
        .features = cpu_features(), .n_threads = n_threads, .micro_batch = micro_batch};
}

struct collected {
    size_t n_vocab, n;
    float *logits;
};

static int collect(void *ctx, size_t index, const float *logits)
{
    struct collected *c = ctx;

    cr_assert_eq(index, c->n);
    memcpy(c->logits + index * c->n_vocab, logits, c->n_vocab * sizeof *logits);
    c->n++;
    return 0;
}

/* Logits of every token, in one evaluation from an empty context: malloc'ed [n][n_vocab]. */
static float *all_logits(struct loaded *x, const int32_t *ids, size_t n)
{
    struct collected c = {.n_vocab = (size_t)engine_model_n_vocab(x->model)};

    c.logits = calloc(n * c.n_vocab, sizeof *c.logits);
    cr_assert_eq(engine_session_truncate(x->session, 0), 0);
    cr_assert_eq(engine_session_eval(x->session, ids, n, collect, &c), 0, "%s", err_message());
    cr_assert_eq(c.n, n);
    return c.logits;
}

static void draw_ids(int32_t *ids, size_t n, int32_t n_vocab, uint64_t seed)
{
    struct rng rng;

    rng_init(&rng, seed);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)rng_below(&rng, (uint64_t)n_vocab);
}

/* --- right --- */

static void agrees_with_the_naive_pass(const struct tiny_model *t)
{
    enum { N = 90 };
    struct engine_options o = options(1, 32);
    struct loaded x;
    int32_t ids[N];
    double *want, error = 0, power = 0;
    float *got;
    char path[64];
    size_t n = N * (size_t)t->vocab;

    tiny_model_write(t, path);
    x = load(path, &o);
    unlink(path);
    draw_ids(ids, N, (int32_t)t->vocab, 1);
    want = calloc(n, sizeof *want);
    naive_llama_logits(engine_model_file(x.model), ids, N, want);
    got = all_logits(&x, ids, N);
    for (size_t i = 0; i < n; i++) {
        error += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        power += want[i] * want[i];
    }
    /* f32 against double, with some keys and values on the other side of a rounding to f16. */
    cr_assert_lt(error / power, 1e-7, "NMSE %g", error / power);
    free(want);
    free(got);
    unload(&x);
}

Test(session, agrees_with_a_naive_forward_pass)
{
    agrees_with_the_naive_pass(&tiny_f32);
}

Test(session, agrees_with_biases_and_an_output_matrix)
{
    struct tiny_model t = tiny_f32;

    t.biases = true;
    t.output = true;
    agrees_with_the_naive_pass(&t);
}

Test(session, agrees_with_partial_scaled_and_divided_rotation)
{
    struct tiny_model t = tiny_f32;

    t.heads = 3;
    t.kv_heads = 1;
    t.rope = 6;
    t.rope_scaling = 4;
    t.rope_factors = true;
    agrees_with_the_naive_pass(&t);
}

Test(session, agrees_with_f16_matrices)
{
    struct tiny_model t = tiny_f32;

    t.type = KERNEL_F16;
    t.kv_heads = 6;
    agrees_with_the_naive_pass(&t);
}

/* --- batch invariance --- */

/* Bit for bit the same logits for every token, whatever the micro-batch, the number of threads and
 * the chunks the ids come in. */
static void is_batch_invariant(const char *path, size_t n, uint32_t kv_type)
{
    static const struct {
        uint32_t n_threads, micro_batch;
    } ways[] = {{1, 512}, {1, 1}, {1, 3}, {1, 64}, {2, 512}, {2, 3}, {2, 64}, {2, 1}, {3, 7}};
    int32_t *ids = calloc(n, sizeof *ids);
    float *want = NULL;

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct engine_options o = options(ways[i].n_threads, ways[i].micro_batch);
        struct loaded x;
        float *got;
        size_t bytes;

        o.kv_type = kv_type;
        x = load(path, &o);
        bytes = n * (size_t)engine_model_n_vocab(x.model) * sizeof *got;
        draw_ids(ids, n, engine_model_n_vocab(x.model), 2);
        got = all_logits(&x, ids, n);
        if (!want)
            want = got;
        cr_assert(!memcmp(got, want, bytes), "threads %u, micro-batch %u differ", ways[i].n_threads,
                  ways[i].micro_batch);
        if (got != want)
            free(got);
        unload(&x);
    }
    free(want);
    free(ids);
}

Test(session, gives_the_same_bits_for_every_batching_of_a_quantised_model, .timeout = 300)
{
    struct tiny_model t = {.embed = 256,
                           .heads = 8,
                           .kv_heads = 2,
                           .ffn = 512,
                           .layers = 2,
                           .vocab = 70,
                           .context = 160,
                           .type = KERNEL_Q4_K,
                           .v_type = KERNEL_Q6_K};
    char path[64];

    tiny_model_write(&t, path);
    is_batch_invariant(path, 150, KERNEL_F16);
    is_batch_invariant(path, 150, KERNEL_Q8_0);
    unlink(path);
}

Test(session, gives_the_same_bits_for_every_batching_of_an_f32_model, .timeout = 300)
{
    char path[64];

    tiny_model_write(&tiny_f32, path);
    is_batch_invariant(path, 150, KERNEL_F16);
    unlink(path);
}

static void trained_is_batch_invariant(const char *name)
{
    char path[512];

    shared_require();
    shared_path(path, sizeof path, "models/%s.gguf", name);
    is_batch_invariant(path, 200, KERNEL_F16);
}

Test(session, gives_the_same_bits_for_every_batching_of_stories_f32, .timeout = 300)
{
    trained_is_batch_invariant("stories260K");
}

Test(session, gives_the_same_bits_for_every_batching_of_stories_f16, .timeout = 300)
{
    trained_is_batch_invariant("stories260K-wide256-f16");
}

Test(session, gives_the_same_bits_for_every_batching_of_stories_q8_0, .timeout = 300)
{
    trained_is_batch_invariant("stories260K-wide256-q8_0");
}

Test(session, gives_the_same_bits_for_every_batching_of_stories_q4_k_m, .timeout = 300)
{
    trained_is_batch_invariant("stories260K-wide256-q4_k_m");
}

/* --- the timeline --- */

static struct loaded load_tiny(uint32_t micro_batch)
{
    struct engine_options o = options(1, micro_batch);
    struct loaded x;
    char path[64];

    tiny_model_write(&tiny_f32, path);
    x = load(path, &o);
    unlink(path);
    return x;
}

Test(session, continues_and_truncates_to_the_same_logits)
{
    struct loaded x = load_tiny(16);
    size_t row = (size_t)engine_model_n_vocab(x.model);
    int32_t ids[100], others[30];
    float *want;

    draw_ids(ids, 100, 40, 3);
    draw_ids(others, 30, 40, 4);
    want = all_logits(&x, ids, 100);
    cr_assert_eq(engine_session_truncate(x.session, 0), 0);
    for (size_t at = 0; at < 100;) {
        size_t n = at % 23 + 1 < 100 - at ? at % 23 + 1 : 100 - at;

        /* Detours are forgotten without a trace. */
        cr_assert_eq(engine_session_eval(x.session, others, 1 + at % 30, NULL, NULL), 0);
        cr_assert_eq(engine_session_truncate(x.session, (uint32_t)at), 0);
        cr_assert_eq(engine_session_eval(x.session, ids + at, n, NULL, NULL), 0);
        at += n;
        cr_assert_eq(engine_session_position(x.session), at);
        cr_assert(
            !memcmp(engine_session_logits(x.session), want + (at - 1) * row, row * sizeof *want),
            "after token %zu", at);
    }
    free(want);
    unload(&x);
}

static int stop_at_50(void *ctx, size_t index, const float *logits)
{
    (void)ctx;
    (void)logits;
    return index == 50 ? err_set(ERR_CONFLICT, "enough") : 0;
}

Test(session, leaves_the_timeline_as_it_was_after_an_error)
{
    struct loaded x = load_tiny(16);
    int32_t ids[200];

    draw_ids(ids, 200, 40, 5);
    cr_assert_eq(engine_session_eval(x.session, ids, 60, NULL, NULL), 0);
    cr_assert_eq(engine_session_eval(x.session, ids, 101, NULL, NULL), ERR_RANGE);
    cr_assert(strstr(err_message(), "context of 160"), "%s", err_message());
    ids[70] = 40;
    cr_assert_eq(engine_session_eval(x.session, ids, 80, NULL, NULL), ERR_RANGE);
    cr_assert(strstr(err_message(), "token id 40 at index 70"), "%s", err_message());
    ids[70] = -1;
    cr_assert_eq(engine_session_eval(x.session, ids, 80, NULL, NULL), ERR_RANGE);
    ids[70] = 0;
    cr_assert_eq(engine_session_eval(x.session, ids, 80, stop_at_50, NULL), ERR_CONFLICT);
    cr_assert_eq(engine_session_position(x.session), 60);
    cr_assert_eq(engine_session_truncate(x.session, 61), ERR_RANGE);
    cr_assert_eq(engine_session_eval(x.session, ids, 100, NULL, NULL), 0);
    cr_assert_eq(engine_session_position(x.session), 160);
    unload(&x);
}

Test(session, shares_a_model_between_sessions)
{
    struct loaded x = load_tiny(16), y = {.model = x.model};
    size_t row = (size_t)engine_model_n_vocab(x.model) * sizeof(float);
    int32_t ids[64];

    cr_assert_eq(engine_session_open(x.model, &y.session), 0);
    draw_ids(ids, 64, 40, 6);
    for (int i = 0; i < 64; i++) {
        cr_assert_eq(engine_session_eval(x.session, &ids[i], 1, NULL, NULL), 0);
        cr_assert_eq(engine_session_eval(y.session, &ids[i], 1, NULL, NULL), 0);
        cr_assert(!memcmp(engine_session_logits(x.session), engine_session_logits(y.session), row));
    }
    engine_session_close(&y.session);
    unload(&x);
}

/* The first failure of model, session, one evaluation: its code, with `message` in its message. */
static int first_failure(const struct tiny_model *t, const struct engine_options *o)
{
    struct engine_model *m = NULL;
    struct engine_session *s = NULL;
    const int32_t ids[] = {3, 4, 5};
    char path[64];
    int rc;

    tiny_model_write(t, path);
    rc = engine_model_open(path, o, &m);
    if (rc == 0)
        rc = engine_session_open(m, &s);
    if (rc == 0)
        rc = engine_session_eval(s, ids, 3, NULL, NULL);
    engine_session_close(&s);
    engine_model_close(&m);
    unlink(path);
    return rc;
}

#define EXPECT_FAILURE(t, o, code, message)                                                        \
    do {                                                                                           \
        cr_expect_eq(first_failure(t, o), code);                                                   \
        cr_expect(strstr(err_message(), message), "no \"%s\" in: %s", message, err_message());     \
    } while (0)

Test(session, refuses_what_it_could_only_answer_with_nonsense)
{
    struct engine_options o = options(2, 0);
    struct tiny_model t = tiny_f32;

    t.spoilt = "blk.1.ffn_norm.weight";
    t.spoilt_value = NAN;
    EXPECT_FAILURE(&t, &o, ERR_FORMAT, "the logits are not finite");
    t.spoilt_value = INFINITY;
    EXPECT_FAILURE(&t, &o, ERR_FORMAT, "the logits are not finite");
    t = tiny_f32;
    t.rope_factors = true;
    t.spoilt = "rope_freqs.weight";
    EXPECT_FAILURE(&t, &o, ERR_FORMAT, "tensor rope_freqs.weight: element 3 is 0");
    t = tiny_f32;
    t.type = KERNEL_F32;
    t.misshapen = "token_embd.weight";
    t.u32_key = "llama.vocab_size";
    t.u32_value = (uint32_t)t.vocab + 1;
    EXPECT_FAILURE(&t, &o, ERR_FORMAT, "tokenizer.ggml.tokens has 40 entries");
}

Test(session, refuses_a_context_larger_than_memory)
{
    struct engine_options o = options(1, 0);
    struct tiny_model t = tiny_f32;

    t.layers = 8;
    t.embed = 4096;
    t.heads = t.kv_heads = 1;
    t.ffn = 8;
    t.type = KERNEL_Q8_0;
    t.ffn = 32;
    o.n_context = 1 << 24;
    EXPECT_FAILURE(&t, &o, ERR_NOMEM, "KV cache (--ctx sets its size)");
}

Test(session, names_a_model_that_is_not_there)
{
    struct engine_options o = options(1, 0);
    struct engine_model *m = NULL;

    cr_assert_eq(engine_model_open("/nowhere/x.gguf", &o, &m), ERR_IO);
    cr_assert(strstr(err_message(), "/nowhere/x.gguf"));
    cr_assert(m == NULL);
}

/* --- logits of somebody else's implementation --- */

static int32_t *ids_of_json(const char *path, size_t *n)
{
    json_t *root = json_load_file(path, 0, NULL), *tokens = json_object_get(root, "tokens");
    int32_t *ids;

    cr_assert(json_is_array(tokens), "%s", path);
    *n = json_array_size(tokens);
    ids = calloc(*n, sizeof *ids);
    for (size_t i = 0; i < *n; i++)
        ids[i] = (int32_t)json_integer_value(json_array_get(tokens, i));
    json_decref(root);
    return ids;
}

/* NMSE of the model's logits against the stored ones of all four prompts, worst prompt. */
static double worst_nmse(const char *model)
{
    struct engine_options o = options(1, 0);
    struct loaded x;
    double worst = 0;
    char path[512];

    shared_require();
    shared_path(path, sizeof path, "models/%s.gguf", model);
    x = load(path, &o);
    for (int prompt = 1; prompt <= 4; prompt++) {
        struct strbuf stored = {0};
        double error = 0, power = 0;
        size_t n, count;
        int32_t *ids;
        float *got;

        shared_path(path, sizeof path, "vectors/logits/stories260K.prompt%d.tokens.json", prompt);
        ids = ids_of_json(path, &n);
        shared_path(path, sizeof path, "vectors/logits/stories260K.prompt%d.logits.f32", prompt);
        cr_assert_eq(file_read(path, &stored), 0, "%s", err_message());
        count = n * (size_t)engine_model_n_vocab(x.model);
        cr_assert_eq(stored.len, count * sizeof *got);
        got = all_logits(&x, ids, n);
        for (size_t i = 0; i < count; i++) {
            float want;

            memcpy(&want, stored.data + i * sizeof want, sizeof want);
            error += ((double)got[i] - (double)want) * ((double)got[i] - (double)want);
            power += (double)want * (double)want;
        }
        worst = fmax(worst, error / power);
        strbuf_deinit(&stored);
        free(ids);
        free(got);
    }
    unload(&x);
    return worst;
}

Test(session, agrees_with_stored_logits_in_f32)
{
    double nmse = worst_nmse("stories260K");

    cr_log_info("NMSE %g", nmse);
    cr_assert_lt(nmse, 1e-6, "NMSE %g", nmse);
}

Test(session, agrees_with_stored_logits_in_f16)
{
    double nmse = worst_nmse("stories260K-wide256-f16");

    cr_log_info("NMSE %g", nmse);
    cr_assert_lt(nmse, 1e-5, "NMSE %g", nmse);
}

Test(session, agrees_with_stored_logits_in_q8_0_within_2e_2)
{
    double nmse = worst_nmse("stories260K-wide256-q8_0");

    cr_log_info("NMSE %g", nmse);
    cr_assert_lt(nmse, 2e-2, "NMSE %g", nmse);
}
