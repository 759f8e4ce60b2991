/* SPDX-License-Identifier: Apache-2.0
 *
 * `ratchet agent` as a whole, with the scripted agents beside this file and a judge that pretends:
 * how each of them ends, what they could not change, and what is left after kill -9. */
#include "ratchet/agent/landlock.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONG_S = 280 }; /* for a command, on a machine that has other work too */

/* A repository, and a home that is nobody's. */
struct yard {
    char dir[64], repo[80];
    char scripts[PATH_MAX], ratchet[PATH_MAX + 32];
    char agent[PATH_MAX + 64]; /* `ratchet agent`, confined where that can be */
    struct strbuf said;        /* by the last command, on stderr */
};

/* Run a line of shell in the repository; its stdout is appended to *out (NULL: asserted empty). */
static int shell(struct yard *y, struct strbuf *out, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int shell(struct yard *y, struct strbuf *out, const char *fmt, ...)
{
    struct strbuf line = {0}, err = {0};
    char text[4096];
    va_list ap;
    int rc;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    strbuf_addf(&line, "exec 2>%s/err; %s", y->dir, text);
    rc = process_run((char *const[]){"sh", "-c", line.data, NULL}, y->repo, LONG_S, out);
    strbuf_addf(&err, "%s/err", y->dir);
    strbuf_clear(&y->said);
    cr_assert_eq(file_read(err.data, &y->said), 0);
    strbuf_deinit(&line);
    strbuf_deinit(&err);
    return rc;
}

static void yard_init(struct yard *y)
{
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
               *bin = getenv("PAWL_BIN");
    struct strbuf said = {0};
    char here[PATH_MAX];

    memset(y, 0, sizeof *y);
    snprintf(y->dir, sizeof y->dir, "%s/pawl-agents-XXXXXX", tmp);
    cr_assert(mkdtemp(y->dir));
    snprintf(y->repo, sizeof y->repo, "%s/repo", y->dir);
    cr_assert(bin && realpath(bin, here), "PAWL_BIN is not set");
    snprintf(y->ratchet, sizeof y->ratchet, "%s/ratchet-pretend", here);
    snprintf(y->agent, sizeof y->agent, "%s agent%s", y->ratchet,
             landlock_version() ? "" : " --unconfined");
    cr_assert(realpath("tests/agents", y->scripts));
    setenv("HOME", y->dir, 1);
    snprintf(here, sizeof here, "%s/cache", y->dir);
    setenv("XDG_CACHE_HOME", here, 1);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    cr_assert_eq(process_run((char *const[]){"sh", "tests/pretend/repository.sh", y->repo, NULL},
                             NULL, 60, &said),
                 0, "%s", strbuf_str(&said));
    strbuf_deinit(&said);
}

static void yard_deinit(struct yard *y)
{
    strbuf_deinit(&y->said);
    file_remove_tree(y->dir);
}

/* Digest of all that an agent has no business with: files and their modes, index, configuration,
 * hooks, HEAD and refs but the ratchet's own. */
static void fingerprint(struct yard *y, struct strbuf *out)
{
    cr_assert_eq(
        shell(y, out,
              "{ find . -path ./.git -prune -o -type f -exec stat -c '%%n %%a' {} + | sort;"
              "  find . -path ./.git -prune -o -type f -exec sha256sum {} + | sort;"
              "  find .git/config .git/HEAD .git/hooks .git/info -type f -exec sha256sum {} + |"
              "  sort; git ls-files -s;"
              "  git for-each-ref | grep -v 'refs/pawl/\\|ratchet-log'; } | sha256sum"),
        0);
}

/* `ratchet agent` with a script and options: the JSON it prints. */
static json_t *agent(struct yard *y, const char *script, const char *options, int *code)
{
    struct strbuf out = {0};
    json_t *result;

    *code = shell(y, &out, "exec %s --exec 'sh %s/%s' --backoff 0 --json %s", y->agent, y->scripts,
                  script, options);
    result = json_loads(strbuf_str(&out), 0, NULL);
    strbuf_deinit(&out);
    return result;
}

static int64_t number(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static int64_t ended(const json_t *result, const char *outcome)
{
    return number(json_object_get(result, "outcomes"), outcome);
}

static const char *stopped(const json_t *result)
{
    return json_string_value(json_object_get(result, "stopped"));
}

/* What the misbehaving have in common: two rounds that end as `outcome`, exit 1, nothing changed. */
static void expect_outcome(const char *script, const char *options, const char *outcome,
                           int64_t rows)
{
    struct strbuf before = {0}, after = {0}, log = {0};
    struct yard y;
    json_t *result;
    int code;

    yard_init(&y);
    fingerprint(&y, &before);
    result = agent(&y, script, options, &code);
    cr_assert_eq(code, 1, "%s: exit %d: %s", script, code, strbuf_str(&y.said));
    cr_assert_geq(ended(result, outcome), 2, "%s: not %s twice: %s", script, outcome,
                  strbuf_str(&y.said));
    cr_assert_eq(number(result, "attempts"), rows, "%s", script);
    fingerprint(&y, &after);
    cr_assert_str_eq(strbuf_str(&after), strbuf_str(&before), "%s changed something", script);
    cr_assert_eq(shell(&y, &log, "%s log --json", y.ratchet), 0);
    json_decref(result);
    result = json_loads(strbuf_str(&log), 0, NULL);
    cr_assert_eq(json_array_size(result), (size_t)rows, "%s: rows of the ledger", script);
    json_decref(result);
    strbuf_deinit(&before);
    strbuf_deinit(&after);
    strbuf_deinit(&log);
    yard_deinit(&y);
}

/* --- who behaves --- */

Test(agents, a_tuner_wins_alone)
{
    struct strbuf out = {0};
    struct yard y;
    json_t *result;
    int code;

    yard_init(&y);
    result = agent(&y, "tuner.sh", "--attempts 30 --plateau 0 --patience 2", &code);
    cr_assert_eq(code, 0, "%s", strbuf_str(&y.said));
    cr_assert_geq(number(result, "wins"), 3, "%s", strbuf_str(&y.said));
    cr_assert_eq(shell(&y, NULL, "exec %s audit >/dev/null", y.ratchet), 0, "%s", y.said.data);
    cr_assert_eq(shell(&y, &out, "git status --porcelain; find \"$XDG_CACHE_HOME\" -type f"), 0);
    cr_assert_str_eq(strbuf_str(&out), "", "the tree follows the wins, the workspace is gone");
    json_decref(result);
    strbuf_deinit(&out);
    yard_deinit(&y);
}

Test(agents, one_that_is_done_ends_the_campaign)
{
    struct strbuf out = {0};
    struct yard y;
    json_t *result;

    yard_init(&y);
    cr_assert_eq(shell(&y, &out, "exec %s --exec 'echo DONE: no idea left' --json", y.agent), 1);
    result = json_loads(strbuf_str(&out), 0, NULL);
    cr_assert_eq(number(result, "rounds"), 1);
    cr_assert_str_eq(stopped(result), "the agent: no idea left");
    json_decref(result);
    strbuf_deinit(&out);
    yard_deinit(&y);
}

Test(agents, one_that_is_done_with_a_change_gets_that_tried)
{
    struct strbuf out = {0};
    struct yard y;
    json_t *result;

    yard_init(&y);
    cr_assert_eq(shell(&y, &out,
                       "exec %s --json --exec 'echo \"/* PRETEND time all 0.9 */\" "
                       ">>kernel/kernel.c; echo HYPOTHESIS: a tenth; echo DONE: that is all'",
                       y.agent),
                 0, "%s", strbuf_str(&y.said));
    result = json_loads(strbuf_str(&out), 0, NULL);
    cr_assert_eq(number(result, "wins"), 1);
    cr_assert_eq(number(result, "rounds"), 1);
    cr_assert_str_eq(stopped(result), "the agent: that is all");
    json_decref(result);
    strbuf_deinit(&out);
    yard_deinit(&y);
}

/* An agent that asks for a focus: percent of its one win, as the campaign and as the row have it. */
static void win_with_focus(const char *options, const char *focus, double *of_campaign,
                           double *of_row)
{
    struct strbuf out = {0}, log = {0};
    json_t *result, *row;
    struct yard y;

    yard_init(&y);
    cr_assert_eq(
        shell(&y, &out,
              "exec %s --json --attempts 1 %s --exec 'sed -i s/PREFETCH,.4096/PREFETCH,2048/ "
              "kernel/tunables.inc; sed -i s/TILE_COLUMNS,.64/TILE_COLUMNS,32/ "
              "kernel/tunables.inc; echo \"{\\\"hypothesis\\\": \\\"less\\\", "
              "\\\"focus\\\": \\\"gemv\\\"}\"'",
              y.agent, options),
        0, "%s", strbuf_str(&y.said));
    result = json_loads(strbuf_str(&out), 0, NULL);
    cr_assert_eq(number(result, "wins"), 1);
    *of_campaign = json_number_value(json_object_get(result, "gain_percent"));
    cr_assert_eq(shell(&y, &log, "%s log --json", y.ratchet), 0);
    json_decref(result);
    result = json_loads(strbuf_str(&log), 0, NULL);
    row = json_array_get(result, 0);
    cr_assert_str_eq(json_string_value(json_object_get(row, "focus")), focus);
    *of_row = 100 * expm1(json_number_value(json_object_get(row, "estimate")));
    json_decref(result);
    strbuf_deinit(&out);
    strbuf_deinit(&log);
    yard_deinit(&y);
}

Test(agents, that_ask_for_a_focus_do_not_choose_the_yardstick)
{
    double of_campaign, of_row;

    win_with_focus("", "gemv", &of_campaign, &of_row);
    cr_assert_gt(of_row, 10);
    cr_assert(of_campaign > 0.2 * of_row && of_campaign < 0.6 * of_row, "%g of %g", of_campaign,
              of_row);
    win_with_focus("--focus gemm", "gemm", &of_campaign, &of_row);
    cr_assert_float_eq(of_campaign, of_row, 1e-3 * of_row);
}

/* --- who does not --- */

Test(agents, a_vandal_costs_no_more_than_its_rounds)
{
    expect_outcome("vandal.sh folder", "--patience 2", "outside-mutable", 0);
    expect_outcome("vandal.sh name", "--patience 2", "outside-mutable", 0);
    expect_outcome("vandal.sh many", "--patience 2", "outside-mutable", 0);
}

/* From now on this process and its children are on a system without Landlock. */
static void forget_landlock(void)
{
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof lines / sizeof *lines, lines};

    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
    cr_assert_eq(landlock_version(), 0);
}

Test(agents, that_nothing_can_confine_run_only_when_asked_for)
{
    struct strbuf out = {0};
    struct yard y;

    forget_landlock();
    yard_init(&y);
    cr_assert_eq(
        shell(&y, &out, "exec %s agent --attempts 1 --exec 'touch %s/ran'", y.ratchet, y.dir), 3);
    cr_assert(strstr(strbuf_str(&y.said), "no Landlock"), "%s", strbuf_str(&y.said));
    cr_assert_eq(shell(&y, &out, "test ! -e ../ran && test ! -e .git/pawl/agents"), 0);
    cr_assert_eq(shell(&y, &out,
                       "exec %s agent --unconfined --exec 'touch %s/ran; echo DONE: x' >/dev/null",
                       y.ratchet, y.dir),
                 1, "%s", strbuf_str(&y.said));
    cr_assert_eq(shell(&y, &out, "test -e ../ran"), 0);
    strbuf_deinit(&out);
    yard_deinit(&y);
}

Test(agents, are_not_asked_when_the_judge_is_not_heads)
{
    struct strbuf out = {0};
    struct yard y;

    yard_init(&y);
    cr_assert_eq(
        shell(&y, &out,
              "exec %s agent --unconfined --backoff 0 --exec 'echo x >>%s/ran; cd %s; echo "
              "\"int judge2;\" >judge/judge.c; git commit -qm other judge/judge.c'",
              y.ratchet, y.dir, y.repo),
        3, "%s", strbuf_str(&y.said));
    cr_assert(strstr(y.said.data, "rebuild: make"), "%s", y.said.data);
    cr_assert_eq(shell(&y, &out, "test $(wc -l <../ran) = 1"), 0, "it ran again");
    strbuf_deinit(&out);
    yard_deinit(&y);
}

Test(agents, a_liar_is_judged_like_everybody)
{
    expect_outcome("liar.sh", "--attempts 2", "tried", 2);
    expect_outcome("liar.sh slower", "--attempts 2", "tried", 2);
}

Test(agents, a_crasher_is_survived)
{
    expect_outcome("crasher.sh", "--patience 2", "crashed", 0);
    expect_outcome("crasher.sh 7", "--patience 2", "crashed", 0);
}

Test(agents, a_spammer_is_cut_short)
{
    expect_outcome("spammer.sh", "--patience 2 --max-output 1", "too-much-output", 0);
    expect_outcome("spammer.sh same", "--patience 2", "same-as-before", 1);
}

Test(agents, an_editor_of_the_judge_gets_nowhere)
{
    expect_outcome("judge_editor.sh workspace", "--patience 2", "outside-mutable", 0);
    if (landlock_version() < LANDLOCK_KEEPS_PROCESSES)
        cr_skip_test(
            "this system's Landlock keeps it from too little: it would spoil the repository "
            "or kill its keeper");
    expect_outcome("judge_editor.sh repository", "--attempts 2", "tried", 2);
}

Test(agents, an_editor_of_the_judge_is_found_out_where_nothing_confines_it)
{
    struct yard y;
    json_t *result;
    int code;

    yard_init(&y);
    result = agent(&y, "judge_editor.sh config", "--unconfined --patience 2", &code);
    cr_assert_eq(code, 1);
    cr_assert_eq(ended(result, "outside-mutable"), 2, "%s", strbuf_str(&y.said));
    cr_assert(strstr(stopped(result), "git's config") && strstr(stopped(result), "working tree") &&
                  strstr(stopped(result), "not confined"),
              "%s", stopped(result));
    json_decref(result);
    yard_deinit(&y);
}

Test(agents, an_endless_one_is_ended_with_all_it_started)
{
    char script[64], token[32];
    struct strbuf out = {0};
    struct yard y;

    snprintf(token, sizeof token, "%ld", (long)getpid());
    snprintf(script, sizeof script, "endless.sh %s", token);
    expect_outcome(script, "--agent-minutes 0.005 --patience 2", "timed-out", 0);
    yard_init(&y);
    shell(&y, &out, "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 1000[.]%s'", token);
    cr_assert_str_eq(strbuf_str(&out), "", "left behind");
    strbuf_deinit(&out);
    yard_deinit(&y);
}

Test(agents, a_silent_one_and_one_of_words_alone_are_told_apart)
{
    expect_outcome("silent.sh", "--patience 2", "no-hypothesis", 0);
    expect_outcome("silent.sh words", "--patience 2", "no-change", 0);
}

Test(agents, text_that_is_none_is_survived)
{
    struct strbuf out = {0};
    struct yard y;
    json_t *result;

    yard_init(&y);
    cr_assert_eq(shell(&y, &out,
                       "exec %s --patience 2 --backoff 0 --json --exec '"
                       "echo x >kernel/$(printf \"\\\\377\\\\033\").h; echo HYPOTHESIS: x'",
                       y.agent),
                 1, "%s", strbuf_str(&y.said));
    result = json_loads(strbuf_str(&out), 0, NULL);
    cr_assert_eq(ended(result, "outside-mutable"), 2, "%s", strbuf_str(&y.said));
    cr_assert_null(strchr(y.said.data, 27), "an escape got through");
    json_decref(result);
    strbuf_clear(&out);
    cr_assert_eq(shell(&y, &out,
                       "exec %s --json --exec 'printf DONE:; for i in $(seq 700); do printf "
                       "\"\\\\303\\\\251\"; done'",
                       y.agent),
                 1, "%s", strbuf_str(&y.said));
    result = json_loads(strbuf_str(&out), 0, NULL);
    cr_assert(result && strncmp(stopped(result), "the agent: \xc3\xa9", 13) == 0, "%s",
              strbuf_str(&out));
    json_decref(result);
    strbuf_deinit(&out);
    yard_deinit(&y);
}

/* --- the plateau --- */

/* Levels as the journal has them, one letter each, equal ones once: "gwsw...". */
static void levels(struct yard *y, struct strbuf *out)
{
    cr_assert_eq(shell(y, out,
                       "cat .git/pawl/agents/*/journal.jsonl | sed -n "
                       "'s/.*\"event\":\"plateau\".*\"name\":\"\\([a-z]\\).*/\\1/p' | uniq | "
                       "tr -d '\\n'"),
                 0);
}

Test(agents, losses_warn_then_switch_then_stop_each_with_its_reason)
{
    struct strbuf out = {0};
    struct yard y;
    json_t *result;
    int code;

    yard_init(&y);
    result = agent(&y, "liar.sh slower", "--plateau 2.5", &code);
    cr_assert_eq(code, 1, "%s", strbuf_str(&y.said));
    cr_assert(strncmp(stopped(result), "plateau: ", 9) == 0, "%s", stopped(result));
    cr_assert(strstr(stopped(result), "won lately"), "%s", stopped(result));
    levels(&y, &out);
    cr_assert(strncmp(strbuf_str(&out), "gws", 3) == 0, "%s", out.data);
    cr_assert_str_eq(strrchr(out.data, 'w'), "ws", "a warning before the end: %s", out.data);
    json_decref(result);
    strbuf_deinit(&out);
    yard_deinit(&y);
}

/* --- kill -9 --- */

/* `ratchet agent` in a process of its own, its output in the file "log". */
static pid_t start(struct yard *y, const char *how)
{
    struct strbuf line = {0};
    pid_t pid;

    strbuf_addf(&line, "cd %s && exec %s %s >>%s/log 2>&1", y->repo, y->agent, how, y->dir);
    pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", line.data, (char *)NULL);
        _exit(127);
    }
    strbuf_deinit(&line);
    return pid;
}

/* Its exit code, 128 + signal when killed. */
static int wait_for(pid_t pid)
{
    int status = 0;

    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void pause_ms(int64_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Bytes of all journals. */
static long journal_bytes(struct yard *y)
{
    struct strbuf out = {0};
    long n;

    shell(y, &out, "cat .git/pawl/agents/*/journal.jsonl | wc -c");
    n = strtol(strbuf_str(&out), NULL, 10);
    strbuf_deinit(&out);
    return n;
}

/* Rows of the ledger against the journal: each row is the experiment of one round, or one that a
 * crash interrupted and that the same round repeated; n rounds were tried. */
static void expect_counted_once(struct yard *y, int64_t n, const char *when)
{
    struct strbuf journal = {0}, log = {0};
    bool seen[512] = {false}, verdict[512] = {false};
    int64_t tried = 0;
    json_t *rows, *row;
    size_t i;

    cr_assert_eq(shell(y, &journal, "cat .git/pawl/agents/*/journal.jsonl"), 0);
    for (char *save = NULL, *p = strtok_r(journal.data, "\n", &save); p;
         p = strtok_r(NULL, "\n", &save)) {
        json_t *e = json_loads(p, 0, NULL);
        int64_t x = number(e, "experiment");

        cr_assert(e, "%s: %s", when, p);
        if (x) {
            cr_assert(!seen[x], "%s: experiment %lld counted twice", when, (long long)x);
            seen[x] = true;
            verdict[x] = json_object_get(e, "outcome") != NULL;
            tried += verdict[x];
        }
        json_decref(e);
    }
    cr_assert_eq(tried, n, "%s: %lld rounds tried", when, (long long)tried);
    cr_assert_eq(shell(y, &log, "%s log --json", y->ratchet), 0);
    rows = json_loads(strbuf_str(&log), 0, NULL);
    json_array_foreach(rows, i, row)
    {
        int64_t x = number(row, "experiment");
        const char *reason = json_string_value(json_object_get(row, "reason"));

        cr_assert(seen[x], "%s: experiment %lld is lost", when, (long long)x);
        cr_assert_neq(verdict[x], strncmp(reason, "interrupted", 11) == 0,
                      "%s: experiment %lld: %s", when, (long long)x, reason);
    }
    cr_assert_eq(shell(y, NULL, "exec %s audit >/dev/null", y->ratchet), 0, "%s: %s", when,
                 strbuf_str(&y->said));
    json_decref(rows);
    strbuf_deinit(&journal);
    strbuf_deinit(&log);
}

static void start_of(struct yard *y, const char *script, const char *options, struct strbuf *out)
{
    strbuf_addf(out, "--exec 'sh %s/%s' --backoff 0 --plateau 0 --patience 9 %s", y->scripts,
                script, options);
}

static void kill_at(const char *point)
{
    struct strbuf how = {0}, said = {0};
    struct yard y;
    int code;

    yard_init(&y);
    start_of(&y, "tuner.sh", "--attempts 2", &how);
    setenv("PAWL_KILL_AT", point, 1);
    code = wait_for(start(&y, how.data));
    unsetenv("PAWL_KILL_AT");
    cr_assert_eq(code, 128 + SIGKILL, "%s: exit %d", point, code);
    code = wait_for(start(&y, "--resume"));
    shell(&y, &said, "tail -n 5 ../log");
    cr_assert_leq(code, 1, "%s: resume: exit %d: %s", point, code, strbuf_str(&said));
    expect_counted_once(&y, 2, point);
    strbuf_deinit(&how);
    strbuf_deinit(&said);
    yard_deinit(&y);
}

/* In two tests, since each of them has but so much time on a machine that has other work too. */
Test(agents, go_on_after_kill_9_at_each_step_to_a_verdict)
{
    static const char *const points[] = {"agent:context",   "agent:answered",  "agent:try",
                                         "before:proposed", "proposed",        "built",
                                         "measured",        "before:confirmed"};

    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        kill_at(points[i]);
}

Test(agents, go_on_after_kill_9_at_each_step_after_a_verdict)
{
    static const char *const points[] = {"confirmed", "logged", "before:applied", "applied",
                                         "moved",     "done",   "agent:judged"};

    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        kill_at(points[i]);
}

/* The moments are drawn after the first thing that a session wrote down. */
Test(agents, go_on_after_kill_9_at_random_moments, .timeout = 200)
{
    struct strbuf how = {0}, tried = {0}, said = {0};
    struct rng rng;
    struct yard y;
    int64_t n;
    int code;

    rng_init(&rng, 6);
    yard_init(&y);
    setenv("PAWL_PRETEND_MS", "15", 1);
    start_of(&y, "gambler.sh", "--attempts 1000", &how);
    for (int kills = 0; kills < 20; kills++) {
        long before = journal_bytes(&y);
        pid_t pid = start(&y, before ? "--resume" : how.data);

        while (journal_bytes(&y) == before)
            pause_ms(2);
        pause_ms((int64_t)rng_below(&rng, 500));
        kill(pid, SIGKILL);
        code = wait_for(pid);
        strbuf_clear(&said);
        shell(&y, &said, "tail -n 5 ../log");
        cr_assert_eq(code, 128 + SIGKILL, "it ended by itself: exit %d: %s", code,
                     strbuf_str(&said));
    }
    shell(&y, &tried, "grep -c '\"outcome\":\"tried\"' .git/pawl/agents/*/journal.jsonl");
    n = strtol(strbuf_str(&tried), NULL, 10) + 3;
    strbuf_clear(&how);
    strbuf_addf(&how, "--resume --attempts %lld", (long long)n);
    code = wait_for(start(&y, how.data));
    cr_assert_leq(code, 1, "exit %d", code);
    expect_counted_once(&y, n, "after 20 kills");
    strbuf_deinit(&how);
    strbuf_deinit(&said);
    strbuf_deinit(&tried);
    yard_deinit(&y);
}

/* A change, and words, that another campaign had too. */
Test(agents, take_no_others_row_for_theirs_after_a_crash)
{
    struct strbuf how = {0}, first = {0}, resume = {0};
    struct yard y;

    yard_init(&y);
    start_of(&y, "spammer.sh same", "--attempts 1", &how);
    setenv("PAWL_KILL_AT", "agent:try", 1);
    cr_assert_eq(wait_for(start(&y, how.data)), 128 + SIGKILL);
    unsetenv("PAWL_KILL_AT");
    shell(&y, &first, "ls .git/pawl/agents | tr -d '\\n'");
    cr_assert_eq(wait_for(start(&y, how.data)), 1);
    strbuf_addf(&resume, "--resume --campaign %s", strbuf_str(&first));
    cr_assert_eq(wait_for(start(&y, resume.data)), 1);
    expect_counted_once(&y, 2, "the same twice");
    strbuf_deinit(&how);
    strbuf_deinit(&first);
    strbuf_deinit(&resume);
    yard_deinit(&y);
}

/* A row that could not be carried to its end is no refusal. */
Test(agents, count_an_experiment_whose_record_git_would_not_take)
{
    struct strbuf how = {0};
    char judged[96];
    struct yard y;
    pid_t pid;

    yard_init(&y);
    snprintf(judged, sizeof judged, "%s/judged", y.dir);
    setenv("PAWL_PRETEND_LOG", judged, 1);
    setenv("PAWL_PRETEND_MS", "800", 1);
    start_of(&y, "gambler.sh", "--attempts 1", &how);
    pid = start(&y, how.data);
    while (access(judged, F_OK))
        pause_ms(2);
    cr_assert_eq(shell(&y, NULL, "git update-ref refs/heads/ratchet-log HEAD"), 0);
    cr_assert_eq(wait_for(pid), 3);
    cr_assert_eq(shell(&y, NULL, "grep -q 'rename it first' ../log"), 0);
    cr_assert_eq(shell(&y, NULL, "git update-ref -d refs/heads/ratchet-log"), 0);
    setenv("PAWL_PRETEND_MS", "0", 1);
    cr_assert_leq(wait_for(start(&y, "--resume")), 1);
    expect_counted_once(&y, 1, "a record that git would not take");
    strbuf_deinit(&how);
    yard_deinit(&y);
}

/* Each row belongs to one of them. */
Test(agents, two_at_once_share_the_repository)
{
    struct strbuf how = {0};
    struct yard y;
    pid_t pid[2];

    yard_init(&y);
    setenv("PAWL_PRETEND_MS", "15", 1);
    start_of(&y, "tuner.sh", "--attempts 4", &how);
    pid[0] = start(&y, how.data);
    strbuf_clear(&how);
    start_of(&y, "gambler.sh", "--attempts 4", &how);
    pid[1] = start(&y, how.data);
    for (int i = 0; i < 2; i++)
        cr_assert_leq(wait_for(pid[i]), 1);
    expect_counted_once(&y, 8, "two at once");
    cr_assert_eq(shell(&y, NULL, "git diff --quiet HEAD"), 0, "the tree follows the wins");
    strbuf_deinit(&how);
    yard_deinit(&y);
}

/* The lock is free while an agent thinks, and a change made against what is HEAD no more is merged. */
static void think_while_another_wins(const char *options)
{
    struct strbuf how = {0}, kernel = {0};
    struct yard y;
    pid_t pid;

    yard_init(&y);
    start_of(&y, "patient.sh", options, &how);
    pid = start(&y, how.data);
    while (shell(&y, NULL, "grep -qs '\"round\"' .git/pawl/agents/*/journal.jsonl"))
        pause_ms(5);
    while (shell(&y, NULL, "test -s .git/pawl/agents/*/round-0001.context.json"))
        pause_ms(5);
    pause_ms(
        300); /* it looks at HEAD; should it look too late, it waits a minute and wins all the same */
    cr_assert_eq(shell(&y, NULL,
                       "sed -i 's/PREFETCH, 4096,/PREFETCH, 2048,/' kernel/tunables.inc &&"
                       "%s try -m 'less ahead' >/dev/null",
                       y.ratchet),
                 0, "%s", strbuf_str(&y.said));
    cr_assert_eq(wait_for(pid), 0, "%s: the merged change should win too", options);
    cr_assert_neq(shell(&y, NULL, "grep -q outside-mutable .git/pawl/agents/*/journal.jsonl"), 0,
                  "%s: another's win cost it a round", options);
    cr_assert_eq(shell(&y, &kernel, "git show HEAD:kernel/tunables.inc"), 0);
    cr_assert(strstr(strbuf_str(&kernel), "PREFETCH, 2048,") &&
                  strstr(kernel.data, "TILE_ROWS, 8,"),
              "%s", kernel.data);
    strbuf_deinit(&how);
    strbuf_deinit(&kernel);
    yard_deinit(&y);
}

Test(agents, one_who_thinks_keeps_nobody_from_winning_and_loses_nobodys_win)
{
    think_while_another_wins("--attempts 1");
    think_while_another_wins("--attempts 1 --unconfined");
}

Test(agents, are_refused_with_one_clear_line_when_asked_for_nonsense)
{
    static const struct {
        const char *options, *says;
    } rows[] = {
        {"", "--exec COMMAND"},
        {"--resume", "no agent has run here yet"},
        {"--resume --campaign ../../x", "no name of a campaign"},
        {"--exec true --resume", "leave one out"},
        {"--exec true --attempts many", "--attempts many: a whole number"},
        {"--exec true --attempts 0", "--attempts 0: a whole number from 1"},
        {"--exec true --attempts 0.5", "--attempts 0.5: a whole number"},
        {"--exec true --attempts 1e300", "--attempts 1e300: a whole number"},
        {"--exec true --patience 0", "--patience 0: a whole number from 1"},
        {"--exec true --max-output inf", "--max-output inf: a number"},
        {"--exec true --minutes -1", "--minutes -1"},
        {"--exec true --focus nosuch", "nosuch"},
        {"--exec true --allow-write /nowhere/at/all", "does not exist"},
        {"--exec true --allow-write /", "inside each other"},
        {"--exec true --allow-write .git", "inside each other"},
        {"--exec \"$(printf '\\377')\"", "no valid UTF-8"},
    };
    struct yard y;

    yard_init(&y);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct strbuf out = {0};

        cr_assert_eq(shell(&y, &out, "exec %s agent %s", y.ratchet, rows[i].options), 2, "%s",
                     rows[i].options);
        cr_assert(strstr(strbuf_str(&y.said), rows[i].says), "%s: %s", rows[i].options,
                  strbuf_str(&y.said));
        strbuf_deinit(&out);
    }
    yard_deinit(&y);
}
