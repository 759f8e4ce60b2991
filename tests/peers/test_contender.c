/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/contender.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "tests/engine/random_model.h"
#include "tests/peers/llama_library.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An engine that does as the work's number says. */
static int mock_open(const struct contest *c, void **state, struct contender_label *label)
{
    *state = NULL;
    if (c->n_prompt == 0)
        return err_set(ERR_FORMAT, "no prompt");
    snprintf(label->text, sizeof label->text, "mock of %zu", c->n_prompt);
    return 0;
}

static int mock_run(void *state, enum work work, double *seconds, float *result)
{
    const int32_t pid = getpid();

    (void)state;
    if (work == WORK_GEMM)
        return err_set(ERR_RANGE, "too much");
    if (work == WORK_GEMV)
        abort();
    memcpy(result, &pid, sizeof pid);
    *seconds = 2.5;
    return 0;
}

static const struct contender_engine mock = {"mock", mock_open, mock_run};
static const struct contest mock_contest = {.n_threads = 1, .n_prompt = 7, .n_vocab = 10};

/* The state letter of /proc/PID/stat. */
static char state_of(int32_t pid)
{
    char path[64], line[256] = "";
    const char *at;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    f = fopen(path, "r");
    cr_assert_not_null(f);
    cr_assert_not_null(fgets(line, sizeof line, f));
    fclose(f);
    at = strrchr(line, ')');
    return at ? at[2] : '?';
}

Test(contender, works_in_another_process_that_is_stopped_between_turns)
{
    struct contender *c;
    double seconds = 0;
    int32_t pid;

    cr_assert_eq(contender_open(&mock, &mock_contest, &c), 0, "%s", err_message());
    cr_assert_str_eq(contender_label(c), "mock of 7");
    for (int turn = 0; turn < 2; turn++) {
        cr_assert_eq(contender_run(c, WORK_PREFILL, &seconds), 0);
        cr_assert_eq(seconds, 2.5);
        memcpy(&pid, contender_result(c), sizeof pid);
        cr_assert_neq(pid, getpid());
        cr_assert_eq(state_of(pid), 'T');
    }
    contender_close(&c);
    cr_assert_null(c);
}

Test(contender, hands_on_the_engines_message)
{
    const struct contest bad = {.n_threads = 1, .n_vocab = 10};
    struct contender *c;
    double seconds;

    cr_assert_eq(contender_open(&mock, &bad, &c), ERR_FORMAT);
    cr_assert_str_eq(err_message(), "mock: no prompt");
    cr_assert_null(c);
    cr_assert_eq(contender_open(&mock, &mock_contest, &c), 0);
    cr_assert_eq(contender_run(c, WORK_GEMM, &seconds), ERR_RANGE);
    cr_assert_str_eq(err_message(), "mock: too much");
    cr_assert_eq(contender_run(c, WORK_PREFILL, &seconds), 0);
    contender_close(&c);
}

Test(contender, survives_an_engine_that_dies)
{
    struct contender *c;
    double seconds;

    cr_assert_eq(contender_open(&mock, &mock_contest, &c), 0);
    cr_assert_eq(contender_run(c, WORK_GEMV, &seconds), ERR_IO);
    cr_assert(strstr(err_message(), "mock: its process was ended by signal 6"), "%s",
              err_message());
    cr_assert_eq(contender_run(c, WORK_PREFILL, &seconds), ERR_IO);
    contender_close(&c);
}

static double squares_of(const float *x, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sum / (double)n;
}

/* The products keep the variance of their activations, as random_model.h promises. */
Test(contender, pawl_does_every_piece_of_work)
{
    const struct random_model small = {.embed = 256,
                                       .ffn = 256,
                                       .heads = 4,
                                       .kv_heads = 2,
                                       .layers = 1,
                                       .context = 128,
                                       .vocab = 300,
                                       .seed = 1};
    char folder[] = "/tmp/pawl-peers-XXXXXX", path[64];
    int32_t ids[LOGITS_PROMPT + LOGITS_ROWS];
    struct contest contest = {.model = path,
                              .n_threads = 2,
                              .n_prompt = LOGITS_PROMPT,
                              .n_decode = LOGITS_ROWS,
                              .n_vocab = 300,
                              .ids = ids};
    struct contender *c;
    double seconds;

    for (int i = 0; i < LOGITS_PROMPT + LOGITS_ROWS; i++)
        ids[i] = 259 + i % 41;
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/random.gguf", folder);
    cr_assert_eq(random_model_write(&small, path), 0, "%s", err_message());
    contest.features = cpu_features();
    cr_assert_eq(contender_open(&contender_pawl, &contest, &c), 0, "%s", err_message());
    for (int work = 0; work < N_WORKS; work++) {
        seconds = 0;
        cr_assert_eq(contender_run(c, (enum work)work, &seconds), 0, "%s", err_message());
        cr_assert(work == WORK_LOGITS || seconds > 0, "work %d", work);
        if (work == WORK_GEMM)
            cr_assert(fabs(squares_of(contender_result(c), PRODUCT_ROWS) - 1) < 0.3);
    }
    cr_assert(squares_of(contender_result(c), LOGITS_ROWS * 300) > 0.5);
    contender_close(&c);
    file_remove_tree(folder);
}

Test(llama_library, says_when_there_is_none)
{
    struct llama_library l;

    cr_assert_eq(llama_library_open("/nonexistent", NULL, &l), ERR_IO);
    cr_assert(strstr(err_message(), "libggml.v0.5.0.so"), "%s", err_message());
}
