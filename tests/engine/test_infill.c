/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/infill.h"

#include "engine/sample/vocabulary.h"
#include "tests/engine/gguf_build.h"
#include "tests/engine/sampling.h"

#include <math.h>

/* --- the stage --- */

static const char *const pieces[] = {"", "abc", "abcd", "abcde", "x", ""};

enum { N = 6 };

/* p of the tokens; then the ids that are left, the likeliest first, and their p. */
static void leaves(const double *p, size_t n, const int32_t *ids, const double *want)
{
    const bool is_end[N] = {true, false, false, false, false, true};
    struct sampler_options o = OPTIONS(.chain = "infill");
    struct vocabulary *v = NULL;
    const struct sampler_candidate *c;
    float logits[N];
    struct sampler *s;
    size_t got;

    for (int i = 0; i < N; i++)
        logits[i] = p[i] > 0 ? (float)log(p[i]) : -1e4F;
    cr_assert_eq(vocabulary_open_pieces(pieces, is_end, N, &v), 0);
    s = sampler_of(&o, N, v);
    cr_assert_eq(sampler_distribution(s, logits, N, &c, &got), 0, "%s", err_message());
    cr_assert_eq(got, n, "%zu tokens are left", got);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(c[i].id, ids[i]);
        cr_assert_float_eq(c[i].p, want[i], 1e-5, "p[%zu] = %g", i, c[i].p);
    }
    sampler_close(&s);
    vocabulary_close(&v);
}

Test(infill, ends_when_ends_outweigh_the_rest)
{
    /* 3 * (0.04 + 0.02) * 6 candidates = 1.08 > 0.94 */
    leaves((double[]){0.04, 0.5, 0.24, 0.1, 0.1, 0.02}, 2, (int32_t[]){0, 5},
           (double[]){2.0 / 3, 1.0 / 3});
}

Test(infill, joins_tokens_that_begin_alike)
{
    /* 3 * 0.05 * 6 = 0.9 <= 0.95; abc takes 0.25 + 0.2 + 0.15 = 0.6; x has more than 1 / (2 + 1). */
    leaves((double[]){0.05, 0.25, 0.2, 0.15, 0.35, 0}, 3, (int32_t[]){1, 4, 0},
           (double[]){0.6, 0.35, 0.05});
    /* abcd takes 0.66 + 0.1 + 0.1 = 0.86; x is below 0.2 and goes. */
    leaves((double[]){0.04, 0.1, 0.66, 0.1, 0.1, 0}, 2, (int32_t[]){2, 0},
           (double[]){0.86 / 0.9, 0.04 / 0.9});
    /* x with 0.3 stays at first, and goes as it is below 1 / (2 + 1). */
    leaves((double[]){0.02, 0.4, 0.18, 0.1, 0.3, 0}, 2, (int32_t[]){1, 0},
           (double[]){0.68 / 0.7, 0.02 / 0.7});
}

/* --- the prompt --- */

struct fim_case {
    const char *keys[3];
    const char *tokens[6];
};

static struct gguf_file *file_with(struct strbuf *s, const struct fim_case *c)
{
    struct gguf_file *f = NULL;
    size_t n_keys = c->keys[0] ? 3 : 0;

    build_header(s, 0, 4 + n_keys);
    build_kv_string(s, "tokenizer.ggml.model", "llama");
    build_kv_array(s, "tokenizer.ggml.tokens", GGUF_STRING, 6);
    for (int i = 0; i < 6; i++)
        build_string(s, c->tokens[i]);
    build_kv_array(s, "tokenizer.ggml.scores", GGUF_F32, 6);
    for (int i = 0; i < 6; i++)
        build_f32(s, 0);
    build_kv_array(s, "tokenizer.ggml.token_type", GGUF_I32, 6);
    for (int i = 0; i < 6; i++)
        build_u32(s, i == 0 ? 2 : i < 3 ? 1 : 3);
    for (uint32_t i = 0; i < n_keys; i++)
        build_kv_u32(s, c->keys[i], 5 - i);
    cr_assert_eq(gguf_open_memory(s->data, s->len, "gap", &f), 0, "%s", err_message());
    return f;
}

/* Ids of prefix "a", suffix "b", or none when the file has no marks. */
static void prompts(const struct fim_case *c, const int32_t *want, size_t n)
{
    struct strbuf bytes = {0}, prefix = {0}, suffix = {0};
    struct gguf_file *f = file_with(&bytes, c);
    struct tokenizer *t = NULL;
    int32_t *ids = NULL;
    size_t got = 0;
    int rc;

    strbuf_add(&prefix, "a", 1);
    strbuf_add(&suffix, "b", 1);
    cr_assert_eq(tokenizer_open(f, &t), 0, "%s", err_message());
    rc = infill_prompt(f, t, false, &prefix, &suffix, &ids, &got);
    cr_assert_eq(rc, n ? 0 : ERR_UNSUPPORTED, "%s", err_message());
    cr_assert_eq(got, n);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(ids[i], want[i], "token %zu is %d", i, ids[i]);
    free(ids);
    tokenizer_close(&t);
    gguf_close(&f);
    strbuf_deinit(&bytes);
    strbuf_deinit(&prefix);
    strbuf_deinit(&suffix);
}

Test(infill, puts_the_marks_around_prefix_and_suffix)
{
    const struct fim_case named = {{"tokenizer.ggml.fim_pre_token_id",
                                    "tokenizer.ggml.fim_suf_token_id",
                                    "tokenizer.ggml.fim_mid_token_id"},
                                   {"<unk>",
                                    "\xe2\x96\x81"
                                    "a",
                                    "\xe2\x96\x81"
                                    "b",
                                    "p", "s", "m"}};
    const struct fim_case older = {{"tokenizer.ggml.prefix_token_id",
                                    "tokenizer.ggml.suffix_token_id",
                                    "tokenizer.ggml.middle_token_id"},
                                   {"<unk>",
                                    "\xe2\x96\x81"
                                    "a",
                                    "\xe2\x96\x81"
                                    "b",
                                    "p", "s", "m"}};
    const struct fim_case texts = {{NULL, NULL, NULL},
                                   {"<unk>",
                                    "\xe2\x96\x81"
                                    "a",
                                    "\xe2\x96\x81"
                                    "b",
                                    "<fim_suffix>", "<fim_prefix>", "<fim_middle>"}};
    const struct fim_case none = {{NULL, NULL, NULL},
                                  {"<unk>",
                                   "\xe2\x96\x81"
                                   "a",
                                   "\xe2\x96\x81"
                                   "b",
                                   "p", "s", "m"}};

    prompts(&named, (int32_t[]){5, 1, 4, 2, 3}, 5);
    prompts(&older, (int32_t[]){5, 1, 4, 2, 3}, 5);
    prompts(&texts, (int32_t[]){4, 1, 3, 2, 5}, 5);
    prompts(&none, NULL, 0);
    cr_assert(strstr(err_message(), "fim_pre_token_id"), "%s", err_message());
}
