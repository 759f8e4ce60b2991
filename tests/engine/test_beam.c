/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/beam.h"

#include "engine/sample/grammar.h"
#include "engine/sample/vocabulary.h"
#include "reference/base/cpu.h"
#include "reference/base/strbuf.h"
#include "tests/engine/sampling.h"
#include "tests/engine/tiny_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];
static struct engine_model *model;
static struct engine_session *session;
static size_t n_vocab;

static const int32_t prompt[] = {5, 9, 17};

enum { N_PROMPT = 3 };

static void setup(void)
{
    const struct engine_options o = {.features = cpu_features(), .n_threads = 1, .n_sessions = 64};

    tiny_model_write(&tiny_f32, path);
    cr_assert_eq(engine_model_open(path, &o, &model), 0, "%s", err_message());
    cr_assert_eq(engine_session_open(model, &session), 0, "%s", err_message());
    cr_assert_eq(engine_session_eval(session, prompt, N_PROMPT, NULL, NULL), 0);
    n_vocab = (size_t)engine_model_n_vocab(model);
}

static void teardown(void)
{
    engine_session_close(&session);
    engine_model_close(&model);
    unlink(path);
}

TestSuite(beam, .init = setup, .fini = teardown);

static struct beam_text search(uint32_t n_beams, size_t n_predict, double length_penalty)
{
    const struct beam_options o = {n_beams, n_predict, length_penalty};
    struct sampler_options plain = OPTIONS(.chain = "");
    struct sampler *s = sampler_of(&plain, (int32_t)n_vocab, NULL);
    struct beam_text text;

    cr_assert_eq(beam_search(session, model, s, &o, &text), 0, "%s", err_message());
    cr_assert_eq(engine_session_truncate(session, N_PROMPT - 1), 0);
    cr_assert_eq(engine_session_eval(session, prompt + N_PROMPT - 1, 1, NULL, NULL), 0);
    sampler_close(&s);
    return text;
}

static void log_softmax(const float *logits, double *out)
{
    double sum = 0;

    for (size_t i = 0; i < n_vocab; i++)
        sum += exp((double)logits[i]);
    for (size_t i = 0; i < n_vocab; i++)
        out[i] = (double)logits[i] - log(sum);
}

/* The best of all texts of at most two tokens, one by one. */
static void exhaust(double length_penalty, int32_t best[2], size_t *n, double *log_p)
{
    const struct tokenizer *t = engine_model_tokenizer(model);
    double *first = malloc(n_vocab * sizeof *first), *second = malloc(n_vocab * sizeof *second);
    double best_score = -INFINITY;

    log_softmax(engine_session_logits(session), first);
    for (int32_t a = 0; a < (int32_t)n_vocab; a++) {
        bool ends = tokenizer_is_eog(t, a);

        if (ends && first[a] > best_score) {
            best_score = *log_p = first[a];
            *n = 0;
        }
        if (ends)
            continue;
        cr_assert_eq(engine_session_eval(session, &a, 1, NULL, NULL), 0);
        log_softmax(engine_session_logits(session), second);
        cr_assert_eq(engine_session_truncate(session, N_PROMPT), 0);
        for (int32_t b = 0; b < (int32_t)n_vocab; b++) {
            double sum = first[a] + second[b], score = sum / pow(2, length_penalty);

            if (score > best_score) {
                best_score = score;
                *log_p = sum;
                best[0] = a;
                best[1] = b;
                *n = tokenizer_is_eog(t, b) ? 1 : 2;
            }
        }
    }
    cr_assert_eq(engine_session_truncate(session, N_PROMPT - 1), 0);
    cr_assert_eq(engine_session_eval(session, prompt + N_PROMPT - 1, 1, NULL, NULL), 0);
    free(first);
    free(second);
}

Test(beam, finds_the_likeliest_text_of_all_when_it_is_wide_enough)
{
    for (int penalty = 0; penalty < 2; penalty++) {
        int32_t want[2];
        size_t n = 0;
        double log_p = 0;
        struct beam_text text;

        exhaust(penalty, want, &n, &log_p);
        text = search((uint32_t)n_vocab, 2, penalty);
        cr_assert_eq(text.n, n);
        cr_assert(!memcmp(text.ids, want, n * sizeof *want));
        cr_assert_float_eq(text.log_p, log_p, 1e-4);
        free(text.ids);
    }
}

Test(beam, is_greedy_with_one)
{
    struct beam_text text = search(1, 12, 1);
    struct sampler_options o = OPTIONS(.temperature = 0);
    struct sampler *s = sampler_of(&o, (int32_t)n_vocab, NULL);

    for (size_t i = 0; i < text.n; i++) {
        int32_t id = sampler_picked(s, engine_session_logits(session));

        cr_assert_eq(id, text.ids[i]);
        cr_assert_eq(engine_session_eval(session, &id, 1, NULL, NULL), 0);
    }
    cr_assert(text.n == 12 || tokenizer_is_eog(engine_model_tokenizer(model),
                                               sampler_picked(s, engine_session_logits(session))));
    sampler_close(&s);
    free(text.ids);
}

/* What it says of a text is what the model says of it, however beams have changed places. */
Test(beam, adds_up_the_probabilities_of_its_text)
{
    for (uint32_t n_beams = 2; n_beams < 8; n_beams++) {
        struct beam_text text = search(n_beams, 10, 1);
        double *p = malloc(n_vocab * sizeof *p), sum = 0;

        cr_assert_eq(text.n, 10, "the tiny model does not end here");
        for (size_t i = 0; i < text.n; i++) {
            log_softmax(engine_session_logits(session), p);
            sum += p[text.ids[i]];
            cr_assert_eq(engine_session_eval(session, &text.ids[i], 1, NULL, NULL), 0);
        }
        cr_assert_float_eq(text.log_p, sum, 1e-3);
        cr_assert_eq(engine_session_truncate(session, N_PROMPT - 1), 0);
        cr_assert_eq(engine_session_eval(session, prompt + N_PROMPT - 1, 1, NULL, NULL), 0);
        free(p);
        free(text.ids);
    }
}

Test(beam, keeps_to_a_grammar_and_stops_where_it_ends)
{
    const struct beam_options o = {4, 20, 1};
    struct sampler_options with = OPTIONS(.chain = "");
    struct vocabulary *v = NULL;
    struct grammar *g = NULL;
    struct sampler *s;
    struct beam_text text;
    struct strbuf said = {0};

    cr_assert_eq(vocabulary_open(engine_model_tokenizer(model), &v), 0);
    cr_assert_eq(grammar_parse("root ::= [a-d]{3} [e-f]", 23, &g), 0, "%s", err_message());
    with.grammar = g;
    s = sampler_of(&with, (int32_t)n_vocab, v);
    cr_assert_eq(beam_search(session, model, s, &o, &text), 0, "%s", err_message());
    for (size_t i = 0; i < text.n; i++)
        cr_assert_eq(tokenizer_piece(engine_model_tokenizer(model), text.ids[i], &said), 0);
    cr_assert_eq(said.len, 4, "%s", strbuf_str(&said));
    cr_assert_eq(strspn(said.data, "abcd"), 3);
    cr_assert(strchr("ef", said.data[3]));
    strbuf_deinit(&said);
    free(text.ids);
    sampler_close(&s);
    vocabulary_close(&v);
    grammar_close(&g);
}
