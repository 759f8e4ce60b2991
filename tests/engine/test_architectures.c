/* SPDX-License-Identifier: Apache-2.0
 *
 * Every architecture against llama.cpp's answers to the same small models. */
#include "engine/engine.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "tests/engine/arch_small.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* llama.cpp multiplies in f32 as we do, but looks GELU up in a table of f16. */
static const double limit = 1e-5;

struct answer {
    size_t width;
    double got[ARCH_ANSWER];
};

static int answer_collect(void *ctx, size_t index, const float *values)
{
    struct answer *a = ctx;

    for (size_t i = 0; i < ARCH_ANSWER; i++)
        if (arch_answer_token(i) == index)
            a->got[i] = (double)values[arch_answer_place(i, a->width)];
    return 0;
}

static void model_run(const char *path, const struct engine_options *o, struct answer *a)
{
    struct engine_session *s;
    struct engine_model *m;
    int32_t ids[ARCH_PROMPT];

    cr_assert_eq(engine_model_open(path, o, &m), 0, "%s", err_message());
    cr_assert_eq(engine_session_open(m, &s), 0, "%s", err_message());
    arch_small_prompt(ids, (size_t)engine_model_n_vocab(m));
    a->width = (size_t)(o->embeddings ? engine_model_n_embed(m) : engine_model_n_vocab(m));
    cr_assert_eq(engine_session_eval(s, ids, ARCH_PROMPT, answer_collect, a), 0, "%s",
                 err_message());
    engine_session_close(&s);
    engine_model_close(&m);
}

/* A file with the small form of model `name`. */
static struct arch_model model_write(const char *name, const char *types, char path[64])
{
    const struct arch_model *whole = arch_model_find(name);
    struct arch_model small;
    int fd;

    snprintf(path, 64, "/tmp/pawl-architecture-XXXXXX");
    fd = mkstemp(path);
    cr_assert(fd >= 0);
    close(fd);
    cr_assert(whole, "there is no model %s", name);
    small = arch_small(whole);
    cr_assert_eq(arch_model_write(&small, arch_types_find(types), NULL, path), 0, "%s",
                 err_message());
    return small;
}

static void model_check(const char *name, const double want[ARCH_ANSWER])
{
    char path[64];
    const struct arch_model m = model_write(name, "F32", path);
    const struct engine_options o = {.features = cpu_features(),
                                     .n_threads = 2,
                                     .micro_batch = arch_embeds(&m) ? 0 : 64,
                                     .embeddings = arch_embeds(&m)};
    double error = 0, power = 0;
    struct answer a;

    model_run(path, &o, &a);
    unlink(path);
    for (size_t i = 0; i < ARCH_ANSWER; i++) {
        error += (a.got[i] - want[i]) * (a.got[i] - want[i]);
        power += want[i] * want[i];
    }
    cr_expect_leq(error / power, limit,
                  "%s: NMSE %.2e against tests/engine/arch_answers.tsv (have the models changed? "
                  "make compare SECTIONS=answers prints its lines anew)",
                  name, error / power);
}

/* Every n_turns-th line, so that two tests can run side by side. */
static void lines_check(int turn, int n_turns)
{
    FILE *f = fopen("tests/engine/arch_answers.tsv", "r");
    int line = 0;
    char name[64];

    cr_assert(f, "tests/engine/arch_answers.tsv cannot be opened");
    for (; fscanf(f, "%63s", name) == 1; line++) {
        double want[ARCH_ANSWER];

        for (int i = 0; i < ARCH_ANSWER; i++)
            cr_assert_eq(fscanf(f, "%lf", &want[i]), 1, "line %d is cut", line + 1);
        if (line % n_turns == turn)
            model_check(name, want);
    }
    cr_assert_geq(line, 28);
    fclose(f);
}

Test(architectures, answer_as_llama_cpp_does)
{
    lines_check(0, 2);
}

Test(architectures, answer_as_llama_cpp_does_the_other_half)
{
    lines_check(1, 2);
}

/* Bit for bit: norms of heads, experts, windows and positions do not see how a text is cut. */
Test(architectures, answer_the_same_for_every_micro_batch_and_team)
{
    static const char *const names[] = {"qwen3moe", "qwen2moe", "gemma3", "stablelm2-12b", "gpt2"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct engine_options o = {.features = cpu_features(), .n_threads = 1, .micro_batch = 100};
        struct answer whole, cut;
        char path[64];

        model_write(names[i], "Q8_0", path);
        model_run(path, &o, &whole);
        o.n_threads = 3;
        o.micro_batch = 7;
        model_run(path, &o, &cut);
        unlink(path);
        cr_expect_arr_eq(cut.got, whole.got, sizeof whole.got, "%s", names[i]);
    }
}
