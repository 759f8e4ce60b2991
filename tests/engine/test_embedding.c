/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "tests/engine/arch_models.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 9, MAX_EMBED = 512 };

static const int32_t text[N] = {3, 17, 4, 4, 9, 30, 12, 5, 8};

struct loaded {
    struct engine_model *model;
    struct engine_session *session;
};

static struct loaded load(const char *path, bool embeddings, uint32_t micro_batch)
{
    const struct engine_options o = {.features = cpu_features(),
                                     .n_threads = 2,
                                     .micro_batch = micro_batch,
                                     .embeddings = embeddings};
    struct loaded x = {0};

    cr_assert_eq(engine_model_open(path, &o, &x.model), 0, "%s", err_message());
    cr_assert_eq(engine_session_open(x.model, &x.session), 0, "%s", err_message());
    return x;
}

static void unload(struct loaded *x)
{
    engine_session_close(&x->session);
    engine_model_close(&x->model);
}

static void embed(struct loaded *x, const int32_t *ids, size_t n, enum engine_pooling pooling,
                  float *out)
{
    cr_assert_leq(engine_model_n_embed(x->model), MAX_EMBED);
    cr_assert_eq(engine_session_embed(x->session, ids, n, pooling, out), 0, "%s", err_message());
}

static struct loaded nomic(uint32_t micro_batch)
{
    char path[] = "/tmp/pawl-nomic-XXXXXX";
    int fd = mkstemp(path);
    struct loaded x;

    cr_assert(fd >= 0);
    close(fd);
    cr_assert_eq(
        arch_model_write(arch_model_find("nomic-bert"), arch_types_find("F32"), NULL, path), 0,
        "%s", err_message());
    x = load(path, true, micro_batch);
    unlink(path);
    return x;
}

/* The output matrix is the embedding table: logits are its products with the hidden state. */
Test(embedding, is_what_logits_are_made_of)
{
    char path[64];
    struct loaded hidden, whole;
    const struct gguf_tensor *table;
    float x[MAX_EMBED];

    tiny_model_write(&tiny_f32, path);
    hidden = load(path, true, 4);
    whole = load(path, false, 4);
    unlink(path);
    embed(&hidden, text, N, ENGINE_POOL_LAST, x);
    cr_assert_eq(engine_session_eval(whole.session, text, N, NULL, NULL), 0);
    table = gguf_tensor_find(engine_model_file(whole.model), "token_embd.weight");
    for (int64_t id = 0; id < table->ne[1]; id++) {
        const float *row = (const float *)table->data + id * table->ne[0];
        double sum = 0;

        for (int64_t i = 0; i < table->ne[0]; i++)
            sum += (double)row[i] * (double)x[i];
        cr_assert_float_eq(engine_session_logits(whole.session)[id], sum, 1e-4);
    }
    unload(&hidden);
    unload(&whole);
}

Test(embedding, pools_the_first_the_last_or_all)
{
    struct loaded x = nomic(0);
    static float each[N][MAX_EMBED], mean[MAX_EMBED], model[MAX_EMBED], first[MAX_EMBED];
    size_t width = (size_t)engine_model_n_embed(x.model);

    embed(&x, text, N, ENGINE_POOL_FIRST, first);
    embed(&x, text, N, ENGINE_POOL_LAST, each[N - 1]);
    embed(&x, text, N, ENGINE_POOL_MEAN, mean);
    embed(&x, text, N, ENGINE_POOL_MODEL, model); /* the file says mean */
    cr_assert_arr_eq(model, mean, width * sizeof *mean);
    cr_assert_arr_neq(first, each[N - 1], width * sizeof *first);
    cr_assert_arr_neq(mean, first, width * sizeof *first);
    /* Of one token all are the same. */
    embed(&x, text, 1, ENGINE_POOL_FIRST, first);
    embed(&x, text, 1, ENGINE_POOL_MEAN, mean);
    cr_assert_arr_eq(first, mean, width * sizeof *mean);
    unload(&x);
}

/* The first token's state after its text was read to `n` tokens. */
static void first_state(struct loaded *x, size_t n, float *out)
{
    embed(x, text, n, ENGINE_POOL_FIRST, out);
}

Test(embedding, reads_ahead_where_the_model_does)
{
    float shorter[MAX_EMBED], longer[MAX_EMBED];
    struct loaded both = nomic(0), causal;
    char path[64];

    first_state(&both, N - 1, shorter);
    first_state(&both, N, longer);
    cr_assert_arr_neq(shorter, longer, sizeof(float) * 512);
    tiny_model_write(&tiny_f32, path);
    causal = load(path, true, 0);
    unlink(path);
    first_state(&causal, N - 1, shorter);
    first_state(&causal, N, longer);
    cr_assert_arr_eq(shorter, longer, sizeof(float) * 48);
    unload(&both);
    unload(&causal);
}

Test(embedding, has_length_1_once_it_is_normalized)
{
    float x[3] = {3, 0, -4}, zeros[2] = {0, 0};

    engine_embedding_normalize(x, 3);
    cr_assert_float_eq(x[0], 0.6, 1e-7);
    cr_assert_float_eq(x[2], -0.8, 1e-7);
    engine_embedding_normalize(zeros, 2);
    cr_assert_eq(zeros[0], 0);
}

static void refuses(struct loaded *x, const int32_t *ids, size_t n, int code, const char *word)
{
    float out[MAX_EMBED];

    cr_assert_eq(engine_session_embed(x->session, ids, n, ENGINE_POOL_MODEL, out), code);
    cr_assert(strstr(err_message(), word), "no \"%s\" in: %s", word, err_message());
}

Test(embedding, refuses_what_it_cannot_pool)
{
    struct loaded x = nomic(8), text_model;
    char path[64];

    refuses(&x, text, 0, ERR_RANGE, "without tokens");
    refuses(&x, text, N, ERR_RANGE, "reads a text at once");
    tiny_model_write(&tiny_f32, path);
    text_model = load(path, false, 0);
    unlink(path);
    refuses(&text_model, text, N, ERR_USAGE, "opened for text");
    unload(&x);
    unload(&text_model);
}

Test(embedding, is_all_that_some_models_give)
{
    char path[] = "/tmp/pawl-nomic-XXXXXX";
    const struct engine_options o = {.features = cpu_features(), .n_threads = 1};
    struct engine_model *m;
    int fd = mkstemp(path);

    cr_assert(fd >= 0);
    close(fd);
    cr_assert_eq(
        arch_model_write(arch_model_find("nomic-bert"), arch_types_find("Q8_0"), NULL, path), 0);
    cr_assert_eq(engine_model_open(path, &o, &m), ERR_USAGE);
    cr_assert(strstr(err_message(), "engine embed"), "%s", err_message());
    unlink(path);
}
