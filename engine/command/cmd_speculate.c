/* SPDX-License-Identifier: Apache-2.0
 *
 * engine speculate: many prompts written on at temperature 0, once token by token and once with
 * guesses, in turns: is the text the same, and what did the guesses save? */
#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "engine/command/speculation_flags.h"
#include "engine/sample/sampler.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOKUP_DEFAULT = 3 };

struct outcome {
    int32_t *ids; /* [n_predict] */
    size_t n, n_timed;
    double seconds; /* from the first token on */
};

struct comparison {
    struct model_flags flags;
    struct speculation_flags speculation;
    const char *prompts_path;
    int64_t n_predict;

    struct engine_model *model;
    struct engine_session *session;
    struct sampler *sampler;
    struct speculator *speculator;
    size_t n_prompts, n_identical;
    struct outcome plain, guessed; /* of the prompt at hand, but n_timed and seconds of all */
};

static const char usage[] =
    "usage: engine speculate --prompts FILE [-m FILE] [--draft FILE | --lookup N] [OPTION...]\n"
    "Writes on from each line of FILE at temperature 0, token by token and with guesses (without\n"
    "--draft: looked up, N = 3), and prints for how many lines the tokens are the same, how many\n"
    "guesses were right, and both speeds. Exit status 1 when a text differs.\n";

static int comparison_parse(struct comparison *c, int argc, char **argv)
{
    const struct option_spec specs[] = {
        MODEL_OPTION_SPECS(&c->flags),
        {"--prompts", "-p", OPTION_TEXT, &c->prompts_path, 0, 0, "FILE",
         "a prompt in each line that is not empty"},
        SPECULATION_OPTION_SPECS(&c->speculation),
        {"--n-predict", "-n", OPTION_INT, &c->n_predict, 1, 1 << 16, "N",
         "tokens to generate for each prompt at most (default 64)"},
    };

    return options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);
}

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* Write on from ids[0..n) until the end of the text; room 1 is token by token. */
static int write_on(struct comparison *c, const int32_t *ids, size_t n, bool guessing,
                    struct outcome *out)
{
    const struct tokenizer *t = engine_model_tokenizer(c->model);
    size_t limit = (size_t)c->n_predict, n_new;
    const int32_t *new_ids;
    bool ended = false;
    double start = 0;

    out->n = 0;
    TRY(speculator_prompt(c->speculator, ids, n, NULL));
    while (out->n < limit && !ended && !speculator_full(c->speculator)) {
        TRY(speculator_next(c->speculator, c->sampler, guessing ? limit - out->n : 1, &new_ids,
                            &n_new));
        memcpy(out->ids + out->n, new_ids, n_new * sizeof *new_ids);
        out->n += n_new;
        ended = tokenizer_is_eog(t, new_ids[n_new - 1]);
        if (start == 0)
            start = now_s();
    }
    out->n_timed += out->n - 1;
    out->seconds += now_s() - start;
    return 0;
}

static int compare_prompt(struct comparison *c, const char *text, size_t len)
{
    bool guessing_first = c->n_prompts % 2, same;
    int32_t *ids;
    size_t n;
    int rc;

    TRY(tokenizer_encode(engine_model_tokenizer(c->model), text, len, TOKENIZER_ADD_SPECIAL, &ids,
                         &n));
    rc = write_on(c, ids, n, guessing_first, guessing_first ? &c->guessed : &c->plain);
    if (rc == 0)
        rc = write_on(c, ids, n, !guessing_first, guessing_first ? &c->plain : &c->guessed);
    free(ids);
    TRY(rc);
    same = c->plain.n == c->guessed.n &&
           !memcmp(c->plain.ids, c->guessed.ids, c->plain.n * sizeof *c->plain.ids);
    c->n_prompts++;
    c->n_identical += same;
    if (!same)
        printf("prompt %zu: the texts differ\n", c->n_prompts);
    return 0;
}

static int compare_all(struct comparison *c, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");

        if (len && compare_prompt(c, text, len) < 0)
            return err_wrap("%s, prompt %zu", c->prompts_path, c->n_prompts + 1);
        text += len + (text[len] == '\n');
    }
    if (!c->n_prompts)
        return err_set(ERR_USAGE, "%s: no prompt in it; write one in each line", c->prompts_path);
    return 0;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static void report(const struct comparison *c)
{
    struct speculator_stats s = *speculator_stats(c->speculator);
    double plain = ratio((double)c->plain.n_timed, c->plain.seconds);
    double guessed = ratio((double)c->guessed.n_timed, c->guessed.seconds);

    /* The plain passes are verifications without a guess. */
    s.n_batches -= c->plain.n_timed;
    s.n_tokens -= c->plain.n_timed;
    printf("identical: %zu/%zu prompts\n", c->n_identical, c->n_prompts);
    speculation_print(&s, stdout);
    printf("token by token: %zu tokens, %.1f tokens/s\n", c->plain.n_timed, plain);
    printf("with guesses: %zu tokens, %.1f tokens/s, speed-up %.2f\n", c->guessed.n_timed, guessed,
           ratio(guessed, plain));
}

static int comparison_open(struct comparison *c)
{
    struct sampler_options greedy = sampler_neutral;
    struct speculator_options o;

    greedy.temperature = 0;
    TRY(model_flags_open(&c->flags, &c->model, &c->session));
    if (!c->speculation.draft_path && !c->speculation.lookup)
        c->speculation.lookup = LOOKUP_DEFAULT;
    TRY(speculation_flags_open(&c->speculation, &c->flags, c->model, 0, 0, &o));
    TRY(sampler_open(&greedy, engine_model_n_vocab(c->model), NULL, &c->sampler));
    c->plain.ids = calloc((size_t)c->n_predict, sizeof *c->plain.ids);
    c->guessed.ids = calloc((size_t)c->n_predict, sizeof *c->guessed.ids);
    if (!c->plain.ids || !c->guessed.ids)
        return err_set(ERR_NOMEM, "no memory for %lld tokens", (long long)c->n_predict);
    return speculator_open(c->session, c->model, &o, &c->speculator);
}

static int comparison_run(struct comparison *c)
{
    struct strbuf prompts = {0};
    int rc;

    if (!c->prompts_path)
        return err_set(ERR_USAGE, "no prompts: give --prompts FILE");
    rc = file_read(c->prompts_path, &prompts);
    if (rc == 0)
        rc = comparison_open(c);
    if (rc == 0)
        rc = compare_all(c, strbuf_str(&prompts));
    if (rc == 0)
        report(c);
    strbuf_deinit(&prompts);
    return rc;
}

int speculate_main(int argc, char **argv)
{
    struct comparison c = {.n_predict = 64};
    int rc = comparison_parse(&c, argc, argv);
    bool help = rc == 1;

    if (rc == 0)
        rc = comparison_run(&c);
    speculator_close(&c.speculator);
    sampler_close(&c.sampler);
    engine_session_close(&c.session);
    speculation_flags_deinit(&c.speculation);
    engine_model_close(&c.model);
    free(c.plain.ids);
    free(c.guessed.ids);
    if (rc < 0)
        return command_fail(argv[0]);
    return help || c.n_identical == c.n_prompts ? 0 : 1;
}
