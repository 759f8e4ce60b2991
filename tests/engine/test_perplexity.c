/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"
#include "reference/base/err.h"
#include "tests/engine/program_call.h"
#include "tests/engine/tiny_model.h"

#include <math.h>

enum { WINDOW = 24, STRIDE = 10, MAX_IDS = 400 };
static const char text[] = "the quick brown fox jumps over the lazy dog; a lazy dog jumps over "
                           "nothing at all, and the fox is quick. pack my box with five jugs.";

static char model_path[64], text_path[80], logits_path[80];
static int32_t ids[MAX_IDS];
static size_t n_ids;
static struct engine_model *model;
static struct engine_session *session;

static void setup(void)
{
    const struct engine_options o = {.n_context = 64, .n_threads = 1};
    const struct tokenizer *t;
    int32_t *encoded;
    size_t n;

    tiny_model_write(&tiny_f32, model_path);
    snprintf(text_path, sizeof text_path, "%s.txt", model_path);
    snprintf(logits_path, sizeof logits_path, "%s.logits", model_path);
    cr_assert_eq(file_write_atomic(text_path, text, sizeof text - 1), 0);
    cr_assert_eq(engine_model_open(model_path, &o, &model), 0, "%s", err_message());
    cr_assert_eq(engine_session_open(model, &session), 0, "%s", err_message());
    t = engine_model_tokenizer(model);
    cr_assert(tokenizer_add_bos(t), "the rule about BOS is tested too");
    cr_assert_eq(tokenizer_encode(t, text, sizeof text - 1, 0, &encoded, &n), 0);
    cr_assert(n > 3 * WINDOW && n < MAX_IDS - 1, "%zu tokens", n);
    ids[0] = tokenizer_bos(t);
    memcpy(ids + 1, encoded, n * sizeof *ids);
    n_ids = n + 1;
    free(encoded);
}

static void teardown(void)
{
    engine_session_close(&session);
    engine_model_close(&model);
    unlink(model_path);
    unlink(text_path);
    unlink(logits_path);
}

TestSuite(perplexity, .init = setup, .fini = teardown);

/* -ln p of ids[from + first .. from + WINDOW - 1] given what stands before them in the window, whose
 * first token is `start`. One token at a time, sums in long double. */
static long double window_nll(size_t from, size_t first, int32_t start)
{
    int32_t n = engine_model_n_vocab(model);
    long double nll = 0;

    cr_assert_eq(engine_session_truncate(session, 0), 0);
    for (size_t i = 0; i + 1 < WINDOW; i++) {
        const float *logits;
        long double sum = 0;

        cr_assert_eq(engine_session_eval(session, i ? ids + from + i : &start, 1, NULL, NULL), 0);
        logits = engine_session_logits(session);
        for (int32_t j = 0; j < n; j++)
            sum += expl((long double)logits[j]);
        if (i + 1 >= first)
            nll += logl(sum) - (long double)logits[ids[from + i + 1]];
    }
    return nll;
}

/* stdout of `engine perplexity ARGUMENTS`, which must go well. The caller releases it. */
static struct strbuf printed(const char *arguments)
{
    struct strbuf out = {0};
    char line[1024];

    snprintf(line, sizeof line, "perplexity -t 1 -m %s %s 2>/dev/null", model_path, arguments);
    cr_assert_eq(program_call(line, "", &out), 0, "%s", line);
    return out;
}

static double value(const char *options)
{
    char arguments[512];
    struct strbuf out;
    double v;

    snprintf(arguments, sizeof arguments, "-f %s %s", text_path, options);
    out = printed(arguments);
    v = strtod(strbuf_str(&out), NULL);
    strbuf_deinit(&out);
    return v;
}

/* Whole windows, each begun with BOS, tokens WINDOW / 2 + 1 .. WINDOW - 1 of each. */
Test(perplexity, chunked_scores_the_second_half_of_whole_windows)
{
    long double nll = 0;
    size_t n = n_ids / WINDOW, each = WINDOW - WINDOW / 2 - 1;
    double want;

    for (size_t i = 0; i < n; i++)
        nll += window_nll(i * WINDOW, WINDOW / 2 + 1, ids[0]);
    want = (double)expl(nll / (long double)(n * each));
    cr_expect_lt(fabs(value("--chunked -w 24") - want), 2e-4 * want, "want %g", want);
    nll = window_nll(0, WINDOW / 2 + 1, ids[0]);
    want = (double)expl(nll / (long double)each);
    cr_expect_lt(fabs(value("--chunked -w 24 --windows 1") - want), 2e-4 * want, "want %g", want);
}

/* Windows keep their first token; the last STRIDE tokens of each are scored. */
Test(perplexity, chunked_with_a_stride_scores_the_end_of_each_window)
{
    size_t n = (n_ids - WINDOW + STRIDE - 1) / STRIDE;
    long double nll = 0;
    double want;

    for (size_t i = 0; i < n; i++)
        nll += window_nll(i * STRIDE, WINDOW - STRIDE, ids[i * STRIDE]);
    want = (double)expl(nll / (long double)(n * STRIDE));
    cr_expect_lt(fabs(value("--chunked -w 24 --stride 10") - want), 2e-4 * want, "want %g", want);
}

/* Without --chunked every token but the first of a window counts, the short last window too. */
Test(perplexity, scores_everything_when_not_chunked)
{
    double all = value("-w 24"), first = value("-w 24 --windows 1");
    double want = (double)expl(window_nll(0, 1, ids[0]) / (WINDOW - 1));

    cr_expect_lt(fabs(first - want), 2e-4 * want, "want %g", want);
    cr_expect(all > 1 && fabs(all - first) > 1e-6);
}

/* The number behind `label` in a report. */
static double number(const struct strbuf *report, const char *label)
{
    const char *at = strstr(strbuf_str(report), label);

    cr_assert(at, "%s in %s", label, strbuf_str(report));
    return strtod(at + strlen(label), NULL);
}

Test(perplexity, a_model_does_not_diverge_from_itself)
{
    struct tiny_model other = tiny_f32;
    char arguments[512], other_path[64], kept[64];
    struct strbuf same, different;
    double saved;

    snprintf(arguments, sizeof arguments, "-w 24 --save-logits %s", logits_path);
    saved = value(arguments);
    cr_expect_float_eq(saved, value("--chunked -w 24"), 1e-9);
    snprintf(arguments, sizeof arguments, "--kl-divergence %s", logits_path);
    same = printed(arguments);
    cr_expect_float_eq(number(&same, "\nperplexity "), saved, 1e-4);
    cr_expect_float_eq(number(&same, "perplexity of the file"), saved, 1e-3 * saved);
    cr_expect_float_eq(number(&same, "KL divergence, mean"), 0, 1e-5);
    cr_expect_float_eq(number(&same, "same likeliest token, %"), 100, 1e-9);
    other.type = KERNEL_Q8_0;
    other.heads = 4;
    other.embed = 64;
    other.ffn = 96;
    tiny_model_write(&other, other_path);
    memcpy(kept, model_path, sizeof kept);
    memcpy(model_path, other_path, sizeof kept);
    different = printed(arguments);
    memcpy(model_path, kept, sizeof kept);
    unlink(other_path);
    cr_expect_gt(number(&different, "KL divergence, mean"), 1e-3);
    cr_expect_geq(number(&different, "  largest "), number(&different, "  median "));
    strbuf_deinit(&same);
    strbuf_deinit(&different);
}

static void fails(int status, const char *why, const char *options)
{
    struct strbuf out = {0};
    char line[1024];

    snprintf(line, sizeof line, "perplexity -m %s %s 2>&1", model_path, options);
    cr_expect_eq(program_call(line, "", &out), status, "%s", options);
    cr_expect(strstr(strbuf_str(&out), why), "%s: %s", options, strbuf_str(&out));
    strbuf_deinit(&out);
}

Test(perplexity, says_what_is_wrong)
{
    char options[512];

    fails(1, "no.txt: No such file", "-f no.txt");
    snprintf(options, sizeof options, "-f %s --chunked -w 160", text_path);
    fails(2, "smaller --window", options);
    snprintf(options, sizeof options, "-f %s --stride 600", text_path);
    fails(2, "leave tokens out", options);
    snprintf(options, sizeof options, "-f %s --save-logits x --stride 9", text_path);
    fails(2, "without --stride", options);
    snprintf(options, sizeof options, "--kl-divergence %s", text_path);
    fails(1, "no logits file", options);
    snprintf(options, sizeof options, "--kl-divergence %s -f x", text_path);
    fails(2, "text and windows come from the file", options);
}
