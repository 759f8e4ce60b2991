/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/keeper.h"

#include "ratchet/agent/landlock.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A folder with inside/, outside/ and a file that is stdin. */
static char dir[64];
static struct strbuf input, out_path, err_path, inside;

static void prepare(void)
{
    struct strbuf outside = {0};

    snprintf(dir, sizeof dir, "/tmp/pawl-keeper-XXXXXX");
    cr_assert(mkdtemp(dir));
    strbuf_addf(&input, "%s/input", dir);
    strbuf_addf(&out_path, "%s/out", dir);
    strbuf_addf(&err_path, "%s/err", dir);
    strbuf_addf(&inside, "%s/inside", dir);
    strbuf_addf(&outside, "%s/outside", dir);
    cr_assert_eq(file_make_dirs(inside.data), 0);
    cr_assert_eq(file_make_dirs(outside.data), 0);
    cr_assert_eq(file_write_atomic(input.data, "asked\n", 6), 0);
    strbuf_deinit(&outside);
}

static void clean(void)
{
    file_remove_tree(dir);
    strbuf_deinit(&input);
    strbuf_deinit(&out_path);
    strbuf_deinit(&err_path);
    strbuf_deinit(&inside);
}

TestSuite(keeper, .init = prepare, .fini = clean, .timeout = 60);

static void count(void *ctx)
{
    ++*(int *)ctx;
}

/* With at most so much output; *n_beats (NULL: nobody counts) counts the beats, ten a second. */
static struct keeper_result keep_of(const char *command, bool confined, double seconds,
                                    size_t output_bytes, int *n_beats)
{
    static char mark[64];
    const char *const writable[] = {inside.data};
    const char *const environment[] = {mark, "PAWL_TEST=told", NULL};
    struct keeper_result r;

    snprintf(mark, sizeof mark, KEEPER_MARK "=test-%d", (int)getpid());
    cr_assert_eq(keeper_run(&(struct keeper_job){.command = command,
                                                 .folder = dir,
                                                 .input = input.data,
                                                 .out_path = out_path.data,
                                                 .err_path = err_path.data,
                                                 .environment = environment,
                                                 .writable = writable,
                                                 .n_writable = confined,
                                                 .seconds = seconds,
                                                 .output_bytes = output_bytes,
                                                 .beat = n_beats ? count : NULL,
                                                 .beat_ctx = n_beats,
                                                 .beat_seconds = 0.1},
                            &r),
                 0, "%s", err_message());
    return r;
}

static struct keeper_result keep(const char *command, bool confined, double seconds)
{
    return keep_of(command, confined, seconds, 1 << 20, NULL);
}

static bool said(const char *path, const char *text)
{
    struct strbuf have = {0};
    bool same = file_read(path, &have) == 0 && strcmp(strbuf_str(&have), text) == 0;

    strbuf_deinit(&have);
    return same;
}

/* Processes whose command line has `token`, but for this shell's own. */
static size_t alive(const char *token)
{
    struct strbuf line = {0}, out = {0};
    size_t n;

    strbuf_addf(&line,
                "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -o '[%c]%s' | wc -l",
                token[0], token + 1);
    process_run((char *const[]){"sh", "-c", line.data, NULL}, NULL, 0, &out);
    n = strtoul(strbuf_str(&out), NULL, 10);
    strbuf_deinit(&line);
    strbuf_deinit(&out);
    return n;
}

Test(keeper, hands_over_input_environment_folder_and_output)
{
    struct keeper_result r =
        keep("cat; echo $PAWL_TEST; test -d inside && echo here; echo aside >&2; exit 3", false, 0);

    cr_assert_eq(r.end, KEEPER_EXITED);
    cr_assert_eq(r.code, 3);
    cr_assert_str_eq(r.tail.data, "asked\ntold\nhere\n");
    cr_assert(said(out_path.data, "asked\ntold\nhere\n"));
    cr_assert(said(err_path.data, "aside\n"));
    strbuf_deinit(&r.tail);
}

Test(keeper, keeps_the_end_of_long_output)
{
    struct keeper_result r =
        keep("head -c 900000 /dev/zero | tr '\\0' x; echo; echo END", false, 0);

    cr_assert_eq(r.end, KEEPER_EXITED);
    cr_assert_lt(r.tail.len, 3 * KEEPER_TAIL);
    cr_assert_str_eq(r.tail.data + r.tail.len - 6, "x\nEND\n");
    strbuf_deinit(&r.tail);
}

Test(keeper, tells_a_signal_from_an_exit)
{
    struct keeper_result r = keep("kill -SEGV $$", false, 0);

    cr_assert_eq(r.end, KEEPER_SIGNALED);
    cr_assert_eq(r.code, SIGSEGV);
    strbuf_deinit(&r.tail);
}

Test(keeper, ends_what_a_command_leaves_behind_when_it_ends_itself)
{
    char command[200], token[32];
    struct keeper_result r;

    snprintf(token, sizeof token, "sleep 2000.%d", (int)getpid());
    snprintf(command, sizeof command,
             "setsid env -i sh -c '%s & %s' >/dev/null 2>&1 & sleep 0.1; echo bye", token, token);
    r = keep(command, false, 0);
    cr_assert_eq(r.end, KEEPER_EXITED);
    cr_assert_eq(alive(token), 0);
    strbuf_deinit(&r.tail);
}

Test(keeper, ends_a_tree_that_ignores_everything_at_the_limit)
{
    char command[200], token[32];
    struct keeper_result r;

    snprintf(token, sizeof token, "sleep 3000.%d", (int)getpid());
    snprintf(command, sizeof command, "trap '' TERM INT HUP; (setsid %s &) ; %s", token, token);
    r = keep(command, false, 0.3);
    cr_assert_eq(r.end, KEEPER_TIMED_OUT);
    cr_assert_lt(r.seconds, 20);
    cr_assert_eq(alive(token), 0);
    strbuf_deinit(&r.tail);
}

Test(keeper, ends_one_that_says_too_much_on_either_stream)
{
    struct keeper_result r = keep("yes", false, 0);

    cr_assert_eq(r.end, KEEPER_TOO_MUCH);
    strbuf_deinit(&r.tail);
    r = keep("yes >&2", false, 0);
    cr_assert_eq(r.end, KEEPER_TOO_MUCH);
    strbuf_deinit(&r.tail);
}

Test(keeper, that_is_stopped_ends_all_the_same)
{
    struct keeper_result r =
        keep("read -r _ _ _ keeper _ </proc/$$/stat; kill -STOP $keeper", false, 0.3);

    cr_assert_eq(r.end, KEEPER_TIMED_OUT);
    cr_assert_lt(r.seconds, 10);
    cr_assert_not(r.left_behind);
    strbuf_deinit(&r.tail);
}

Test(keeper, says_so_when_it_cannot_know_what_is_left)
{
    struct keeper_result r =
        keep("read -r _ _ _ keeper _ </proc/$$/stat; kill -KILL $keeper; sleep 60", false, 0);

    cr_assert_eq(r.end, KEEPER_SIGNALED);
    cr_assert(r.left_behind);
    strbuf_deinit(&r.tail);
}

Test(keeper, beats_while_a_command_runs)
{
    int n = 0;
    struct keeper_result r = keep_of("sleep 1", false, 0, 1 << 20, &n);

    cr_assert_geq(n, 3, "%d", n);
    cr_assert_leq(n, 10 * (r.seconds + 1), "%d in %g s", n, r.seconds);
    strbuf_deinit(&r.tail);
}

Test(keeper, bounds_what_fills_a_disk)
{
    struct keeper_result r =
        keep_of("dd if=/dev/zero of=inside/big bs=1 count=1 seek=5G || echo refused;"
                "head -c 3000000 /dev/zero | tr '\\0' x; echo END",
                false, 0, 8 << 20, NULL);
    struct strbuf kept = {0};

    cr_assert_eq(r.end, KEEPER_EXITED);
    cr_assert_eq(file_read(out_path.data, &kept), 0);
    cr_assert_eq(strncmp(kept.data, "refused\nxx", 10), 0, "%.20s", kept.data);
    cr_assert_lt(kept.len, KEEPER_KEPT + 3 * KEEPER_TAIL);
    cr_assert_str_eq(kept.data + kept.len - 5, "xEND\n");
    strbuf_deinit(&kept);
    strbuf_deinit(&r.tail);
}

Test(keeper, confines_writing_and_signals_to_where_it_is_told)
{
    struct keeper_result r;

    if (landlock_version() == 0)
        cr_skip_test("this system has no Landlock");
    r = keep("echo a >inside/a && mkdir inside/b && mv inside/a inside/b/a && echo within;"
             "echo no >outside/a || mkdir outside/b || mv inside/b/a outside/a ||"
             " true >input || ln -s x outside/l || rm input || echo without;"
             "cat outside/nothing input; echo x >/dev/null && echo devices",
             true, 0);
    cr_assert_str_eq(r.tail.data, "within\nwithout\nasked\ndevices\n", "%s", r.tail.data);
    strbuf_deinit(&r.tail);
    if (landlock_version() < LANDLOCK_KEEPS_PROCESSES)
        cr_skip_test("this system's Landlock does not keep from signals");
    r = keep("read -r _ _ _ keeper _ </proc/$$/stat; kill -9 $keeper || echo refused", true, 0);
    cr_assert_str_eq(r.tail.data, "refused\n");
    strbuf_deinit(&r.tail);
}

Test(keeper, finds_by_their_mark_those_that_outlived_keeper_and_caller)
{
    char mark[64], token[32], command[160];
    struct strbuf out = {0};

    snprintf(mark, sizeof mark, "gone-%d", (int)getpid());
    snprintf(token, sizeof token, "sleep 4000.%d", (int)getpid());
    snprintf(command, sizeof command, "setsid env " KEEPER_MARK "=%s %s >/dev/null 2>&1 &", mark,
             token);
    process_run((char *const[]){"sh", "-c", command, NULL}, NULL, 0, &out);
    cr_assert_eq(keeper_sweep("another"), 0);
    while (keeper_sweep(mark) == 0) /* it has its mark once env has made way for sleep */
        usleep(10000);
    while (alive(token) != 0)
        usleep(10000);
    strbuf_deinit(&out);
}
