/* SPDX-License-Identifier: Apache-2.0
 *
 * Several ratchets at once in one repository, as processes with the judge that pretends. */
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AGENTS = 4 };
static char dir[64], repo[80], log_path[80], base[48];

/* Exit code of a shell command in the repository, $R is the ratchet; output appended unless NULL. */
static int shell(const char *command, struct strbuf *out)
{
    char text[1024], *argv[] = {"sh", "-c", text, NULL};
    struct strbuf said = {0};
    int rc;

    snprintf(text, sizeof text, "R=\"$PAWL_BIN/ratchet-pretend\"; %s", command);
    rc = process_run(argv, repo, 120, &said);
    if (out)
        strbuf_add(out, strbuf_str(&said), said.len);
    strbuf_deinit(&said);
    return rc;
}

static void write_file(const char *path, const char *text)
{
    char full[160];

    snprintf(full, sizeof full, "%s/%s", dir, path);
    cr_assert_eq(file_write_atomic(full, text, strlen(text)), 0, "%s", err_message());
}

static void setup(void)
{
    char command[256], bin[PATH_MAX], *argv[] = {"sh", "-c", command, NULL};
    struct strbuf out = {0};

    snprintf(dir, sizeof dir, "%s/pawl-two-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    cr_assert(mkdtemp(dir));
    snprintf(repo, sizeof repo, "%s/repo", dir);
    snprintf(log_path, sizeof log_path, "%s/log", dir);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    setenv("PAWL_PRETEND_LOG", log_path, 1);
    setenv("PAWL_PRETEND_MS", "60", 1);
    cr_assert(getenv("PAWL_BIN") && realpath(getenv("PAWL_BIN"), bin),
              "PAWL_BIN names the folder of the programs");
    setenv("PAWL_BIN", bin, 1);
    snprintf(command, sizeof command, "sh tests/pretend/repository.sh %s", repo);
    cr_assert_eq(process_run(argv, NULL, 60, &out), 0, "%s", strbuf_str(&out));
    for (int i = 0; i < AGENTS; i++) {
        char path[64];

        snprintf(path, sizeof path, "repo/kernel/part%d.inc", i);
        write_file(path, "/* PRETEND time all 1.5 */\n");
    }
    strbuf_clear(&out);
    cr_assert_eq(shell("git add -A && git commit -qm parts && git rev-parse HEAD", &out), 0);
    snprintf(base, sizeof base, "%.40s", out.data);
    strbuf_deinit(&out);
}

static void teardown(void)
{
    file_remove_tree(dir);
}

TestSuite(two_at_once, .init = setup, .fini = teardown, .timeout = 120);

/* Agent i's folder: the kernel of `base` with part i at another speed. */
static void folder_make(int i, const char *factor)
{
    char command[256], path[64], text[64];

    snprintf(command, sizeof command, "mkdir ../agent%d && cp -r kernel ../agent%d/", i, i);
    cr_assert_eq(shell(command, NULL), 0);
    snprintf(path, sizeof path, "agent%d/kernel/part%d.inc", i, i);
    snprintf(text, sizeof text, "/* PRETEND time all %s */\n", factor);
    write_file(path, text);
}

static pid_t agent_start(int i)
{
    char command[512];
    pid_t pid = fork();

    if (pid == 0) {
        snprintf(command, sizeof command,
                 "exec \"$PAWL_BIN/ratchet-pretend\" try --wait --base %s --from %s/agent%d -m "
                 "'agent %d' >%s/said%d 2>&1",
                 base, dir, i, i, dir, i);
        if (chdir(repo) == 0)
            execlp("sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    cr_assert_gt(pid, 0);
    return pid;
}

static int ended(pid_t pid)
{
    int status = 0;

    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static json_t *status(void)
{
    struct strbuf out = {0};
    json_t *json;

    cr_assert_eq(shell("$R status --json", &out), 0, "%s", strbuf_str(&out));
    json = json_loads(out.data, 0, NULL);
    strbuf_deinit(&out);
    return json;
}

/* Wait until so many are at work or in the queue; the pid at work. */
static pid_t until_present(size_t n)
{
    size_t now = 0;
    pid_t at_work = 0;

    for (int i = 0; i < 500 && now < n; i++) {
        json_t *json = status();

        at_work =
            (pid_t)json_integer_value(json_object_get(json_object_get(json, "at_work"), "pid"));
        now = (at_work != 0) + json_array_size(json_object_get(json, "queue"));
        json_decref(json);
    }
    cr_assert_geq(now, n, "not all are in the queue");
    return at_work;
}

/* No stage that measures began before the one before it ended; how many there were. */
static int count_stages(bool killed)
{
    struct strbuf text = {0};
    int n = 0;
    bool open = false;

    cr_assert_eq(file_read(log_path, &text), 0);
    for (char *save = NULL, *p = strtok_r(text.data, "\n", &save); p;
         p = strtok_r(NULL, "\n", &save)) {
        bool start = strcmp(p, "start") == 0;

        if (start && open && killed)
            killed = open = false; /* the one that was killed never stopped */
        cr_assert_neq(start, open, "two measured at once");
        open = start;
        n += start;
    }
    cr_assert_not(open);
    strbuf_deinit(&text);
    return n;
}

static void ends_as(const char *command, int code, const char *says)
{
    struct strbuf out = {0};
    int rc = shell(command, &out);

    cr_assert_eq(rc, code, "%s: %d: %s", command, rc, strbuf_str(&out));
    cr_assert(strstr(strbuf_str(&out), says), "%s should say '%s': %s", command, says,
              strbuf_str(&out));
    strbuf_deinit(&out);
}

Test(two_at_once, four_agents_queue_and_their_wins_stack)
{
    static const char *const factors[AGENTS] = {"1.2", "1.1", "1.9", "1.3"};
    pid_t pids[AGENTS];

    for (int i = 0; i < AGENTS; i++)
        folder_make(i, factors[i]);
    for (int i = 0; i < AGENTS; i++)
        pids[i] = agent_start(i);
    until_present(2);
    for (int i = 0; i < AGENTS; i++)
        cr_assert_eq(ended(pids[i]), i == 2 ? 1 : 0, "agent %d", i);
    cr_assert_eq(count_stages(false), 4 + 3, "four measured, three confirmed");
    ends_as("cat kernel/part*.inc", 0,
            "all 1.2 */\n/* PRETEND time all 1.1 */\n/* PRETEND time all 1.5 */\n"
            "/* PRETEND time all 1.3 */");
    ends_as("$R export --format tsv | cut -f3 | sort | uniq -c | tr -s ' '", 0, "3 WIN");
    ends_as("git status --porcelain | wc -l", 0, "0");
    ends_as("$R audit", 0, "3 of them wins");
}

Test(two_at_once, one_that_is_killed_at_work_stops_nobody)
{
    pid_t pids[AGENTS], at_work;
    int n_won = 0;

    for (int i = 0; i < AGENTS; i++)
        folder_make(i, "1.2");
    setenv("PAWL_PRETEND_MS", "400", 1);
    for (int i = 0; i < AGENTS; i++)
        pids[i] = agent_start(i);
    until_present(AGENTS);
    for (int i = 0; i < 500 && access(log_path, F_OK); i++)
        usleep(10000);
    at_work = until_present(1);
    cr_assert_eq(kill(at_work, SIGKILL), 0);
    for (int i = 0; i < AGENTS; i++) {
        int code = ended(pids[i]);

        cr_assert_eq(code, pids[i] == at_work ? 128 + SIGKILL : 0, "agent %d: %d", i, code);
        n_won += code == 0;
    }
    cr_assert_eq(n_won, AGENTS - 1);
    count_stages(true);
    ends_as("$R export --format tsv | cut -f3 | sort | uniq -c | tr -s ' '", 0, "1 INCONCLUSIVE");
    ends_as("$R audit", 0, "3 of them wins");
}

/* Both start from the same HEAD; whoever comes second is merged onto the win of the first. */
Test(two_at_once, two_campaigns_of_agents_do_not_undo_each_other)
{
    static const char command[] =
        "for i in 0 1; do $R agent --attempts 1 --author agent$i --exec \"sleep 1; echo '/* "
        "PRETEND "
        "time all 1.2 */' >kernel/part$i.inc; echo HYPOTHESIS: part $i\" >../said$i 2>&1 & done; "
        "wait; cat ../said0 ../said1";

    setenv("XDG_CACHE_HOME", dir, 1);
    ends_as(command, 0, "");
    ends_as("cat ../said0 ../said1; cat kernel/part[01].inc", 0,
            "all 1.2 */\n/* PRETEND time all 1.2 */");
    ends_as("$R audit", 0, "2 of them wins");
    ends_as("git status --porcelain | wc -l", 0, "0");
}

Test(two_at_once, a_wait_is_bounded_and_says_for_whom)
{
    char command[256];
    pid_t pid;

    folder_make(0, "1.2");
    setenv("PAWL_PRETEND_MS", "3000", 1);
    pid = agent_start(0);
    until_present(1);
    snprintf(command, sizeof command, "$R try --wait-minutes 0.005 --from %s/agent0 -m other", dir);
    ends_as(command, 3, "agent 0); gave up after 0.005 minutes");
    ends_as("$R try -m other", 3, "at work since");
    ends_as("$R status", 0, "at work    process");
    ends_as("$R try --wait-minutes never -m other", 2, "--wait-minutes takes a number above 0");
    kill(pid, SIGKILL);
    ended(pid);
    ends_as("$R recover", 0, "recovered");
    ends_as("$R audit", 0, "");
}
