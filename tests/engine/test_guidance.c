/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/guidance.h"

#include "reference/base/cpu.h"
#include "tests/engine/sampling.h"
#include "tests/engine/tiny_model.h"

#include <math.h>
#include <unistd.h>

/* Shares 0.5, 0.3, 0.2 here and 0.25, 0.25, 0.5 behind the negative prompt, at other levels. */
static const double here[3] = {0.5, 0.3, 0.2}, negative[3] = {0.25, 0.25, 0.5};

static void mixed(double scale, const double *want)
{
    float a[3], b[3], out[3];
    double sum = 0;

    for (int i = 0; i < 3; i++) {
        a[i] = (float)log(here[i]) + 4;
        b[i] = (float)log(negative[i]) - 2;
    }
    guidance_mix(a, b, 3, scale, out);
    for (int i = 0; i < 3; i++)
        sum += exp((double)out[i]);
    for (int i = 0; i < 3; i++)
        cr_assert_float_eq(exp((double)out[i]) / sum, want[i], 1e-6);
}

Test(guidance, moves_away_from_the_negative_prompt)
{
    mixed(1, here);
    mixed(0, negative);
    /* negative * (here / negative) ^ 2 = 1, 0.36, 0.08, of 1.44 */
    mixed(2, (double[]){1 / 1.44, 0.36 / 1.44, 0.08 / 1.44});
}

Test(guidance, follows_the_text_in_a_session_of_its_own)
{
    const struct engine_options o = {.features = cpu_features(), .n_threads = 1, .n_context = 24};
    const int32_t wrong[] = {4, 8, 15}, said[] = {16, 23};
    struct sampler_options plain = OPTIONS(.chain = "");
    struct engine_model *m = NULL;
    struct engine_session *s = NULL;
    struct guidance *g = NULL;
    struct sampler *sampler, *fork = NULL;
    char path[64];
    float want[64];
    size_t n_vocab;
    const float *got;

    tiny_model_write(&tiny_f32, path);
    cr_assert_eq(engine_model_open(path, &o, &m), 0, "%s", err_message());
    n_vocab = (size_t)engine_model_n_vocab(m);
    cr_assert_leq(n_vocab, 64);
    cr_assert_eq(engine_session_open(m, &s), 0);
    cr_assert_eq(guidance_open(m, wrong, 3, 1.7, &g), 0, "%s", err_message());
    sampler = sampler_of(&plain, (int32_t)n_vocab, NULL);
    sampler_guide(sampler, g);
    cr_assert_eq(sampler_fork(sampler, &fork), ERR_UNSUPPORTED);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(sampler_accept(sampler, said[i]), 0, "%s", err_message());
    /* Guided by what a fresh session says of the same tokens. */
    cr_assert_eq(engine_session_eval(s, wrong, 3, NULL, NULL), 0);
    cr_assert_eq(engine_session_eval(s, said, 2, NULL, NULL), 0);
    for (size_t i = 0; i < n_vocab; i++)
        want[i] = (float)i / 7;
    got = guidance_logits(g, want);
    guidance_mix(want, engine_session_logits(s), n_vocab, 1.7, want);
    for (size_t i = 0; i < n_vocab; i++)
        cr_assert_eq(got[i], want[i]);
    /* A full context does not stop it. */
    for (int i = 0; i < 60; i++)
        cr_assert_eq(sampler_accept(sampler, i % 30), 0, "%s", err_message());
    sampler_close(&sampler);
    guidance_close(&g);
    engine_session_close(&s);
    engine_model_close(&m);
    unlink(path);
}
