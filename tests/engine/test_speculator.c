/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/speculate/speculator.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "tests/engine/arch_small.h"
#include "tests/engine/program_call.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define PROMPTS "tests/engine/speculation_prompts.txt"

static struct engine_model *model_load(const char *path, uint32_t n_context)
{
    struct engine_options o = {
        .features = cpu_features(), .n_threads = 1, .micro_batch = 64, .n_context = n_context};
    struct engine_model *m;

    cr_assert_eq(engine_model_open(path, &o, &m), 0, "%s", err_message());
    return m;
}

static struct engine_model *tiny_load(const struct tiny_model *t, uint32_t n_context)
{
    struct engine_model *m;
    char path[64];

    tiny_model_write(t, path);
    m = model_load(path, n_context);
    unlink(path);
    return m;
}

static struct tiny_model tiny_draft(void)
{
    struct tiny_model t = tiny_f32;

    t.layers = 1;
    return t;
}

struct writer {
    struct engine_session *session;
    struct speculator *speculator;
    struct sampler *sampler;
};

static struct writer writer_open(struct engine_model *m, const struct speculator_options *o,
                                 double temperature, uint64_t seed)
{
    struct sampler_options s = sampler_neutral;
    struct writer w = {0};

    s.temperature = temperature;
    s.seed = seed;
    cr_assert_eq(engine_session_open(m, &w.session), 0, "%s", err_message());
    cr_assert_eq(speculator_open(w.session, m, o, &w.speculator), 0, "%s", err_message());
    cr_assert_eq(sampler_open(&s, engine_model_n_vocab(m), NULL, &w.sampler), 0, "%s",
                 err_message());
    return w;
}

static void writer_close(struct writer *w)
{
    speculator_close(&w->speculator);
    sampler_close(&w->sampler);
    engine_session_close(&w->session);
}

/* n tokens after the prompt. */
static void write_on(struct writer *w, const int32_t *prompt, size_t n_prompt, int32_t *out,
                     size_t n)
{
    cr_assert_eq(speculator_prompt(w->speculator, prompt, n_prompt, NULL), 0, "%s", err_message());
    for (size_t done = 0; done < n;) {
        const int32_t *ids;
        size_t n_ids;

        cr_assert_eq(speculator_next(w->speculator, w->sampler, n - done, &ids, &n_ids), 0, "%s",
                     err_message());
        cr_assert(n_ids >= 1 && n_ids <= n - done);
        memcpy(out + done, ids, n_ids * sizeof *ids);
        done += n_ids;
    }
}

static void expect_same_text(struct engine_model *m, const struct speculator_options *o,
                             double temperature, uint64_t least_accepted)
{
    static const int32_t prompt[] = {1, 5, 9, 5, 9, 12, 5};
    struct speculator_options plain = {0};
    int32_t want[90], got[90];
    struct writer a = writer_open(m, &plain, temperature, 3);
    struct writer b = writer_open(m, o, temperature, 3);

    write_on(&a, prompt, 7, want, 90);
    write_on(&b, prompt, 7, got, 90);
    cr_expect_arr_eq(want, got, sizeof want);
    cr_expect_geq(speculator_stats(b.speculator)->n_accepted, least_accepted, "%llu of %llu",
                  (unsigned long long)speculator_stats(b.speculator)->n_accepted,
                  (unsigned long long)speculator_stats(b.speculator)->n_guessed);
    writer_close(&a);
    writer_close(&b);
}

Test(speculator, greedy_text_is_the_same_token_for_token)
{
    struct tiny_model t = tiny_draft();
    struct engine_model *m = tiny_load(&tiny_f32, 0), *d = tiny_load(&t, 0);

    expect_same_text(m, &(struct speculator_options){.lookup = 1}, 0, 1);
    expect_same_text(m, &(struct speculator_options){.draft = d}, 0, 1);
    expect_same_text(m, &(struct speculator_options){.draft = d, .n_guesses = 1}, 0, 1);
    expect_same_text(m, &(struct speculator_options){.draft = m, .n_guesses = 40}, 0, 80);
    engine_model_close(&d);
    engine_model_close(&m);
}

Test(speculator, looked_up_guesses_do_not_change_what_a_seed_draws)
{
    struct engine_model *m = tiny_load(&tiny_f32, 0);

    expect_same_text(m, &(struct speculator_options){.lookup = 1}, 0.5, 1);
    expect_same_text(m, &(struct speculator_options){.lookup = 1}, 2, 0);
    engine_model_close(&m);
}

/* Windows, experts, parallel blocks: a batch answers as its tokens one by one everywhere. Drafting
 * for itself a model guesses right, so that batches are as long as they get. */
static void expect_same_text_of(const struct arch_model *whole)
{
    struct arch_model small = arch_small(whole);
    char path[] = "/tmp/pawl-arch-XXXXXX";
    int32_t prompt[ARCH_PROMPT], want[40], got[40];
    struct engine_model *m;
    struct writer plain, guessing;

    close(mkstemp(path));
    cr_assert_eq(arch_model_write(&small, arch_types_find("Q8_0"), NULL, path), 0, "%s",
                 err_message());
    m = model_load(path, 160);
    unlink(path);
    arch_small_prompt(prompt, (size_t)engine_model_n_vocab(m));
    plain = writer_open(m, &(struct speculator_options){0}, 0, 0);
    guessing = writer_open(m, &(struct speculator_options){.draft = m}, 0, 0);
    write_on(&plain, prompt, ARCH_PROMPT, want, 40);
    write_on(&guessing, prompt, ARCH_PROMPT, got, 40);
    cr_expect_arr_eq(want, got, sizeof want, "%s", whole->name);
    cr_expect_gt(speculator_stats(guessing.speculator)->n_accepted, 30, "%s", whole->name);
    writer_close(&plain);
    writer_close(&guessing);
    engine_model_close(&m);
}

Test(speculator, greedy_text_is_the_same_on_every_architecture)
{
    for (size_t i = 0; i < n_arch_models; i++)
        if (!arch_embeds(&arch_models[i]))
            expect_same_text_of(&arch_models[i]);
}

/* --- drawn guesses --- */

enum { VOCAB = 12, ROUNDS = 6000 };

/* The target's own distribution after ids[0..n), by token id. */
static void distribution(struct writer *w, const int32_t *ids, size_t n, double out[VOCAB])
{
    const struct sampler_candidate *c;
    size_t n_c;

    cr_assert_eq(speculator_prompt(w->speculator, ids, n, NULL), 0, "%s", err_message());
    cr_assert_eq(sampler_distribution(w->sampler, engine_session_logits(w->session), 0, &c, &n_c),
                 0);
    memset(out, 0, VOCAB * sizeof *out);
    for (size_t i = 0; i < n_c; i++)
        out[c[i].id] = c[i].p;
}

/* Pearson's statistic of three tokens in a row: seen against the chain rule over the target's own
 * distributions; triples that are expected fewer than five times count as one. */
static double chi_square(struct writer *w, const int32_t *prompt, size_t n, uint32_t *seen,
                         int *cells)
{
    int32_t ids[8];
    double chi2 = 0, rest_want = 0, rest_seen = 0, first[VOCAB], second[VOCAB], third[VOCAB];

    *cells = 0;
    memcpy(ids, prompt, n * sizeof *ids);
    distribution(w, ids, n, first);
    for (int a = 0; a < VOCAB; a++) {
        ids[n] = a;
        distribution(w, ids, n + 1, second);
        for (int b = 0; b < VOCAB; b++) {
            ids[n + 1] = b;
            distribution(w, ids, n + 2, third);
            for (int c = 0; c < VOCAB; c++) {
                double want = ROUNDS * first[a] * second[b] * third[c];
                double got = seen[(a * VOCAB + b) * VOCAB + c];

                if (want < 5) {
                    rest_want += want;
                    rest_seen += got;
                    continue;
                }
                chi2 += (got - want) * (got - want) / want;
                ++*cells;
            }
        }
    }
    return chi2 + (rest_seen - rest_want) * (rest_seen - rest_want) / rest_want;
}

/* The first token after a prompt is never guessed, the next two are; what was drawn must be
 * distributed as plain sampling is. With k degrees of freedom the statistic has mean k and variance
 * 2k; the bound is five standard deviations above, the seeds are fixed. */
Test(speculator, drawn_guesses_leave_the_distribution_as_it_is)
{
    static const int32_t prompt[] = {1, 4, 7, 3};
    static uint32_t seen[VOCAB * VOCAB * VOCAB];
    struct tiny_model t = tiny_f32, small = tiny_draft();
    struct engine_model *m, *d;
    struct writer w;
    int cells;
    double chi2;

    t.vocab = small.vocab = VOCAB;
    m = tiny_load(&t, 64);
    d = tiny_load(&small, 64);
    w = writer_open(
        m, &(struct speculator_options){.draft = d, .n_guesses = 2, .temperature = 1.5, .seed = 11},
        1.5, 12);
    for (int i = 0; i < ROUNDS; i++) {
        int32_t ids[3];

        write_on(&w, prompt, 4, ids, 3);
        seen[(ids[0] * VOCAB + ids[1]) * VOCAB + ids[2]]++;
    }
    cr_expect_gt(speculator_stats(w.speculator)->n_accepted, ROUNDS / 4);
    cr_expect_lt(speculator_stats(w.speculator)->n_accepted,
                 speculator_stats(w.speculator)->n_guessed);
    chi2 = chi_square(&w, prompt, 4, seen, &cells);
    cr_expect_lt(chi2, cells + 5 * sqrt(2.0 * cells), "chi-square %.1f of %d cells", chi2, cells);
    cr_expect_gt(cells, 50);
    writer_close(&w);
    engine_model_close(&d);
    engine_model_close(&m);
}

/* --- edges --- */

Test(speculator, writes_to_the_end_of_the_context_and_says_that_it_is_full)
{
    static const int32_t prompt[] = {1, 5, 9, 5, 9};
    struct tiny_model t = tiny_draft();
    struct engine_model *m = tiny_load(&tiny_f32, 32), *d = tiny_load(&t, 20);
    struct speculator_options options[] = {{0}, {.lookup = 1}, {.draft = d}, {.draft = m}};
    int32_t want[28], got[28];

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct writer w = writer_open(m, &options[i], 0, 0);
        const int32_t *ids;
        size_t n;

        /* 27 places after the prompt, and one token that has none. */
        write_on(&w, prompt, 5, i ? got : want, 28);
        cr_expect(speculator_full(w.speculator));
        cr_expect_eq(speculator_next(w.speculator, w.sampler, 9, &ids, &n), ERR_RANGE);
        cr_expect_not_null(strstr(err_message(), "32 positions"), "%s", err_message());
        if (i)
            cr_expect_arr_eq(want, got, sizeof want, "source %zu", i);
        writer_close(&w);
    }
    engine_model_close(&d);
    engine_model_close(&m);
}

static void expect_refused(struct engine_model *m, const struct speculator_options *o,
                           const char *says)
{
    struct engine_session *session;
    struct speculator *s;

    cr_assert_eq(engine_session_open(m, &session), 0, "%s", err_message());
    cr_expect(speculator_open(session, m, o, &s) < 0);
    cr_expect_null(s);
    cr_expect_not_null(strstr(err_message(), says), "%s", err_message());
    engine_session_close(&session);
}

Test(speculator, refuses_a_draft_of_another_vocabulary)
{
    struct tiny_model large = tiny_draft(), padded = tiny_draft();
    struct engine_model *m = tiny_load(&tiny_f32, 64), *embedded = model_load(NULL, 64), *big, *pad;

    large.vocab = 400;
    padded.vocab = 48;
    big = tiny_load(&large, 64);
    pad = tiny_load(&padded, 64);
    expect_refused(m, &(struct speculator_options){.draft = big}, "400 tokens");
    expect_refused(m, &(struct speculator_options){.draft = embedded}, "same family");
    expect_refused(m, &(struct speculator_options){.draft = m, .lookup = 2}, "use one");
    expect_refused(m, &(struct speculator_options){.lookup = 2, .n_guesses = 65}, "at most 64");
    engine_model_close(&big);
    engine_model_close(&pad);
    engine_model_close(&embedded);
    engine_model_close(&m);
}

Test(speculator, takes_a_draft_whose_vocabulary_is_padded)
{
    struct tiny_model padded = tiny_draft();
    struct engine_model *m = tiny_load(&tiny_f32, 0), *pad;

    padded.vocab = 48;
    pad = tiny_load(&padded, 0);
    expect_same_text(m, &(struct speculator_options){.draft = pad}, 0, 0);
    engine_model_close(&pad);
    engine_model_close(&m);
}

/* --- engine speculate --- */

Test(speculator, fifty_prompts_come_out_the_same)
{
    struct strbuf out = {0};

    cr_expect_eq(program_call("speculate --prompts " PROMPTS " -t 1 -n 32", "", &out), 0);
    cr_expect_not_null(strstr(strbuf_str(&out), "identical: 50/50 prompts"), "%s",
                       strbuf_str(&out));
    cr_expect_not_null(strstr(strbuf_str(&out), "speed-up"));
    strbuf_deinit(&out);
}

Test(speculator, fifty_prompts_come_out_the_same_with_a_draft_model)
{
    struct strbuf out = {0};

    cr_expect_eq(program_call("speculate -m engine/embedded/kjv-f16.gguf --draft "
                              "engine/embedded/kjv-q4_k_m.gguf --prompts " PROMPTS " -t 1 -n 12",
                              "", &out),
                 0);
    cr_expect_not_null(strstr(strbuf_str(&out), "identical: 50/50 prompts"), "%s",
                       strbuf_str(&out));
    strbuf_deinit(&out);
}

/* A seed draws the same text with guesses that were looked up; with drawn guesses it draws another
 * one, but always that. */
Test(speculator, run_writes_the_same_text)
{
    static const char run[] = "run -t 1 -n 40 --temp 0.7 --seed 5 -p 'And the sons of Levi'";
    static const char *const more[] = {"", "--lookup 2", "--draft engine/embedded/kjv-f16.gguf",
                                       "--draft engine/embedded/kjv-f16.gguf"};
    struct strbuf out[4] = {{0}};

    for (int i = 0; i < 4; i++) {
        char line[256];

        snprintf(line, sizeof line, "%s %s 2>/dev/null", run, more[i]);
        cr_expect_eq(program_call(line, "", &out[i]), 0);
    }
    cr_expect_str_eq(strbuf_str(&out[0]), strbuf_str(&out[1]));
    cr_expect_str_eq(strbuf_str(&out[2]), strbuf_str(&out[3]));
    cr_expect_gt(out[2].len, 40);
    for (int i = 0; i < 4; i++)
        strbuf_deinit(&out[i]);
}

Test(speculator, a_context_that_shifts_takes_the_guesses_along)
{
    static const char run[] =
        "run -t 1 -n 150 --temp 0 --ctx 48 --ctx-shift -p 'And the king said'";
    struct strbuf out[2] = {{0}};

    for (int i = 0; i < 2; i++) {
        char line[160];

        snprintf(line, sizeof line, "%s %s 2>/dev/null", run, i ? "--lookup 2" : "");
        cr_expect_eq(program_call(line, "", &out[i]), 0);
    }
    cr_expect_str_eq(strbuf_str(&out[0]), strbuf_str(&out[1]));
    strbuf_deinit(&out[0]);
    strbuf_deinit(&out[1]);
}

Test(speculator, command_says_what_it_needs)
{
    struct strbuf out = {0};

    cr_expect_eq(program_call("speculate", "", &out), 2);
    cr_expect_not_null(strstr(strbuf_str(&out), "--prompts FILE"), "%s", strbuf_str(&out));
    strbuf_clear(&out);
    cr_expect_eq(program_call("speculate --prompts /dev/null", "", &out), 2);
    cr_expect_not_null(strstr(strbuf_str(&out), "no prompt in it"), "%s", strbuf_str(&out));
    strbuf_deinit(&out);
}
