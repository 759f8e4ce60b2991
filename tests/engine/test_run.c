/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/commands.h"

#include "engine/embedded/embedded.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "tests/engine/shared.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ARGS = 24 };

struct outcome {
    int status;
    struct strbuf out, err; /* what went to stdout and stderr */
};

static int redirect(int fd, char path[32])
{
    int kept = dup(fd), file;

    snprintf(path, 32, "/tmp/pawl-run-XXXXXX");
    file = mkstemp(path);
    cr_assert(kept >= 0 && file >= 0);
    dup2(file, fd);
    close(file);
    return kept;
}

static void restore(int fd, int kept, const char *path, struct strbuf *text)
{
    dup2(kept, fd);
    close(kept);
    cr_assert_eq(file_read(path, text), 0);
    unlink(path);
}

/* main(argc, argv) where argv is `words` (NULL-terminated), stdin from `input`. */
static struct outcome call(int (*main_of)(int, char **), const char *input,
                           const char *const *words)
{
    struct outcome o = {0};
    char *argv[MAX_ARGS] = {0}, paths[3][32];
    int kept[3], argc = 0, fd;

    for (; words[argc] && argc < MAX_ARGS - 1; argc++)
        argv[argc] = strdup(words[argc]);
    fflush(NULL);
    for (int i = 0; i < 3; i++)
        kept[i] = redirect(i, paths[i]);
    fd = open(paths[0], O_WRONLY);
    cr_assert_eq(write(fd, input, strlen(input)), (ssize_t)strlen(input));
    close(fd);
    o.status = main_of(argc, argv);
    fflush(NULL);
    restore(1, kept[1], paths[1], &o.out);
    restore(2, kept[2], paths[2], &o.err);
    dup2(kept[0], 0);
    close(kept[0]);
    unlink(paths[0]);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return o;
}

#define CALL(main_of, input, ...) call(main_of, input, (const char *const[]){__VA_ARGS__, NULL})

static void discard(struct outcome *o)
{
    strbuf_deinit(&o->out);
    strbuf_deinit(&o->err);
}

/* --- against the files of the shared folder --- */

static char model_path[512];

static const char *model(const char *name)
{
    shared_require();
    shared_path(model_path, sizeof model_path, "models/%s.gguf", name);
    return model_path;
}

static void continues_as_expected(const char *name, const char *n_threads, const char *micro_batch)
{
    struct strbuf want = {0};
    struct outcome o =
        CALL(run_main, "", "run", "-m", model(name), "-p", "Once upon a time", "-n", "160",
             "--temp", "0", "--ids", "--threads", n_threads, "--micro-batch", micro_batch);
    char path[512];

    cr_assert_eq(o.status, 0, "%s", strbuf_str(&o.err));
    shared_path(path, sizeof path, "models/%s.expected.ids", name);
    cr_assert_eq(file_read(path, &want), 0, "%s", err_message());
    cr_assert_str_eq(o.out.data, want.data);
    strbuf_deinit(&want);
    discard(&o);
}

Test(run, continues_the_f32_model_token_for_token)
{
    continues_as_expected("stories260K", "1", "512");
    continues_as_expected("stories260K", "2", "1");
    continues_as_expected("stories260K", "2", "3");
}

Test(run, continues_the_f16_model_token_for_token)
{
    continues_as_expected("stories260K-wide256-f16", "1", "512");
    continues_as_expected("stories260K-wide256-f16", "2", "2");
}

Test(run, prints_the_generated_text_alone)
{
    struct strbuf want = {0};
    struct outcome o = CALL(run_main, "Once upon a time", "run", "-m", model("stories260K"), "-p",
                            "-", "-n", "160", "--temp", "0", "-t", "1");
    char path[512];

    shared_path(path, sizeof path, "models/stories260K.expected.txt");
    cr_assert_eq(file_read(path, &want), 0);
    /* The stored text may end in a newline of its own. */
    cr_assert_eq(o.status, 0);
    cr_assert_gt(o.out.len, 300);
    cr_assert(!strncmp(want.data, o.out.data, o.out.len), "%s", o.out.data);
    cr_assert_leq(want.len, o.out.len + 1);
    cr_assert(strstr(o.err.data, "kernel: ") && strstr(o.err.data, "time to first token") &&
              strstr(o.err.data, "decode: 159 tokens"));
    strbuf_deinit(&want);
    discard(&o);
}

static void holds_perplexity(const char *name, double want, double tolerance)
{
    char text[512];
    struct outcome o;
    double got;

    shared_require();
    shared_path(text, sizeof text, "text/tinystories-dev.txt");
    o = CALL(perplexity_main, "", "perplexity", "-m", model(name), "-f", text);
    cr_assert_eq(o.status, 0, "%s", strbuf_str(&o.err));
    got = strtod(o.out.data, NULL);
    cr_assert_lt(fabs(got / want - 1), tolerance, "%s: %g, want %g", name, got, want);
    discard(&o);
}

Test(run, holds_the_perplexity_of_the_f32_model)
{
    holds_perplexity("stories260K", 4.0408, 1e-4);
}

Test(run, holds_the_perplexity_of_the_f16_model)
{
    holds_perplexity("stories260K-wide256-f16", 4.0409, 1e-4);
}

Test(run, holds_the_perplexity_of_the_q8_0_model)
{
    holds_perplexity("stories260K-wide256-q8_0", 4.0444, 0.01);
}

Test(run, holds_the_perplexity_of_the_q4_k_m_model)
{
    holds_perplexity("stories260K-wide256-q4_k_m", 4.1032, 0.01);
}

/* The trainer wrote down, from its own framework, how the f16 file goes on after three prompts. */
Test(run, continues_our_own_model_as_its_trainer_did)
{
    FILE *prompts = fopen("engine/embedded/expected_greedy.tsv", "r");
    FILE *expected = fopen("engine/embedded/expected_greedy.ids", "r");
    char prompt[4096], ids[4096];
    int n = 0;

    if (!prompts || !expected || access("engine/embedded/kjv-f16.gguf", R_OK))
        cr_skip_test("engine/embedded/ is not below the working folder");
    while (fgets(prompt, sizeof prompt, prompts) && fgets(ids, sizeof ids, expected)) {
        struct outcome o;

        prompt[strcspn(prompt, "\t")] = '\0';
        ids[strcspn(ids, "\n")] = '\0';
        o = CALL(run_main, "", "run", "-m", "engine/embedded/kjv-f16.gguf", "-p", prompt, "-n",
                 "64", "--temp", "0", "--ids", "-t", "1");
        cr_assert_eq(o.status, 0, "%s", strbuf_str(&o.err));
        cr_assert(!strncmp(o.out.data, ids, strlen(ids)), "%s: %s", prompt, o.out.data);
        cr_assert_leq(o.out.len, strlen(ids) + 2);
        discard(&o);
        n++;
    }
    fclose(prompts);
    fclose(expected);
    cr_assert_gt(n, 0);
}

/* --- on models of our own --- */

static char tiny_path[64];

static void tiny_setup(void)
{
    tiny_model_write(&tiny_f32, tiny_path);
}

static void tiny_teardown(void)
{
    unlink(tiny_path);
}

TestSuite(run_tiny, .init = tiny_setup, .fini = tiny_teardown);

Test(run_tiny, repeats_a_seed_and_not_another)
{
    struct outcome o[3];

    for (int i = 0; i < 3; i++)
        o[i] = CALL(run_main, "", "run", "-m", tiny_path, "-p", "abc", "-n", "60", "--temp", "2",
                    "--top-k", "0", "--top-p", "1", "--seed", i < 2 ? "7" : "8", "--ids");
    cr_assert_eq(o[0].status, 0, "%s", strbuf_str(&o[0].err));
    cr_assert_gt(o[0].out.len, 0);
    cr_assert_str_eq(o[0].out.data, o[1].out.data);
    cr_assert_str_neq(o[0].out.data, o[2].out.data);
    for (int i = 0; i < 3; i++)
        discard(&o[i]);
}

Test(run_tiny, writes_the_same_text_on_every_path_of_threads_and_chunks)
{
    static const char *const ways[][2] = {{"1", "512"}, {"1", "1"}, {"2", "3"}, {"3", "64"}};
    struct strbuf want = {0};

    for (int i = 0; i < 4; i++) {
        struct outcome o =
            CALL(run_main, "", "run", "-m", tiny_path, "-p", "abcdefghijklm", "-n", "60", "--temp",
                 "0", "-t", ways[i][0], "--micro-batch", ways[i][1], "--ids");

        cr_assert_eq(o.status, 0);
        if (i == 0)
            strbuf_add(&want, o.out.data, o.out.len);
        cr_assert_str_eq(o.out.data, want.data);
        discard(&o);
    }
    strbuf_deinit(&want);
}

/* `words` end with `status`, nothing on stdout, and `message` on stderr. */
static void fails(int (*main_of)(int, char **), int status, const char *message,
                  const char *const *words)
{
    struct outcome o = call(main_of, "", words);

    cr_assert_eq(o.status, status, "%s", strbuf_str(&o.err));
    cr_assert_eq(o.out.len, 0);
    cr_assert(strstr(strbuf_str(&o.err), message), "no \"%s\" in: %s", message, strbuf_str(&o.err));
    discard(&o);
}

#define FAILS(main_of, status, message, ...)                                                       \
    fails(main_of, status, message, (const char *const[]){__VA_ARGS__, NULL})

Test(run_tiny, says_what_is_wrong_and_what_to_do)
{
    char longer[200];

    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    FAILS(run_main, 1, "the context 160: shorten it or raise --ctx", "run", "-m", tiny_path, "-p",
          longer);
    FAILS(run_main, 1, "nowhere.gguf", "run", "-m", "/tmp/nowhere.gguf");
    FAILS(run_main, 2, "--colour", "run", "-m", tiny_path, "--colour");
    FAILS(run_main, 2, "use one", "run", "-m", tiny_path, "-p", "a", "-f", "b");
    FAILS(run_main, 2, "the prompt is empty", "run", "-m", tiny_path, "--no-bos");
    FAILS(run_main, 1, "/tmp/nowhere.txt", "run", "-m", tiny_path, "-f", "/tmp/nowhere.txt");
    FAILS(perplexity_main, 2, "-f FILE", "perplexity", "-m", tiny_path);
    FAILS(bench_main, 2, "--threads", "bench", "-m", tiny_path, "--threads", "1,x");
    FAILS(bench_main, 2, "fast", "bench", "-m", tiny_path, "--features", "scalar,fast");
    FAILS(graph_main, 1, "nowhere", "graph", "nowhere");
    if (engine_embedded_model_bytes == 0)
        FAILS(run_main, 2, "carries no model", "run");
}

Test(run_tiny, stops_when_the_context_is_full)
{
    struct outcome o =
        CALL(run_main, "", "run", "-m", tiny_path, "-p", "abc", "-n", "500", "--temp", "5",
             "--top-k", "0", "--top-p", "1", "--seed", "1", "-c", "20");

    cr_assert_eq(o.status, 0);
    cr_assert(strstr(o.err.data, "context of 20 positions is full") ||
              strstr(o.err.data, "decode: "));
    discard(&o);
}

Test(run_tiny, forgets_half_of_a_full_context_and_goes_on)
{
    struct outcome o =
        CALL(run_main, "", "run", "-m", tiny_path, "-p", "abc", "-c", "20", "--temp", "0", "-n",
             "90", "--ids", "--ctx-shift", "--keep", "3", "--logit-bias", "2=-inf");
    size_t n = 0;

    cr_assert_eq(o.status, 0, "%s", strbuf_str(&o.err));
    for (size_t i = 0; i < o.out.len; i++)
        n += o.out.data[i] == ' ';
    cr_assert_eq(n, 90);
    cr_assert(!strstr(o.err.data, "is full"), "%s", o.err.data);
    discard(&o);
    o = CALL(run_main, "", "run", "-m", tiny_path, "-p", "abc", "-c", "20", "--temp", "0", "-n",
             "90", "--ctx-shift", "--keep", "19");
    cr_assert_eq(o.status, 2);
    cr_assert(strstr(o.err.data, "--keep 19 leaves nothing"), "%s", o.err.data);
    discard(&o);
}

Test(run_tiny, goes_on_from_a_session_file_with_the_same_text)
{
    char path[] = "/tmp/pawl-session-XXXXXX";
    struct outcome plain, first, second;
    int fd = mkstemp(path);

    cr_assert(fd >= 0);
    close(fd);
    unlink(path);
    plain = CALL(run_main, "", "run", "-m", tiny_path, "-p", "abcab", "--temp", "0", "-n", "20");
    first = CALL(run_main, "", "run", "-m", tiny_path, "-p", "abc", "--temp", "0", "-n", "5",
                 "--session", path);
    cr_assert_eq(first.status, 0, "%s", strbuf_str(&first.err));
    cr_assert(strstr(first.err.data, "session: 0 of"), "%s", first.err.data);
    second = CALL(run_main, "", "run", "-m", tiny_path, "-p", "abcab", "--temp", "0", "-n", "20",
                  "--session", path);
    cr_assert_eq(second.status, 0, "%s", strbuf_str(&second.err));
    cr_assert(!strstr(second.err.data, "session: 0 of"), "%s", second.err.data);
    cr_assert_str_eq(strbuf_str(&plain.out), strbuf_str(&second.out));
    discard(&second);
    cr_assert_eq(truncate(path, 100), 0);
    second = CALL(run_main, "", "run", "-m", tiny_path, "-p", "abc", "--session", path);
    cr_assert_eq(second.status, 1);
    cr_assert(strstr(second.err.data, "no session file"), "%s", second.err.data);
    unlink(path);
    discard(&plain);
    discard(&first);
    discard(&second);
}

Test(run_tiny, prints_graph_and_bench)
{
    struct outcome o = CALL(graph_main, "", "graph", tiny_path);

    cr_assert_eq(o.status, 0, "%s", strbuf_str(&o.err));
    cr_assert(strstr(o.out.data, "blk.2.ffn_down.weight") && strstr(o.out.data, "[head_dim 8, ") &&
              strstr(o.out.data, "arena: ") && strstr(o.out.data, "attention"));
    discard(&o);
    o = CALL(bench_main, "", "bench", "-m", tiny_path, "--prompt", "8", "--decode", "3", "--repeat",
             "2", "--features", "scalar", "--threads", "1,2", "--json");
    cr_assert_eq(o.status, 0, "%s", strbuf_str(&o.err));
    cr_assert(strstr(o.out.data, "\"threads\": 2") && strstr(o.out.data, "\"gemm_gemv\""));
    discard(&o);
    o = CALL(bench_main, "", "bench", "-m", tiny_path, "--prompt", "4,8", "--depth", "6,0",
             "--decode", "2", "--repeat", "1", "--features", "scalar", "--operations");
    cr_assert_eq(o.status, 0, "%s", strbuf_str(&o.err));
    cr_assert(strstr(o.out.data, "     6      8 |") && strstr(o.out.data, "calls a token"));
    discard(&o);
}
