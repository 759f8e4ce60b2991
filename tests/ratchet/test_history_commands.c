/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands that look back, as a user calls them, on a campaign with the judge that pretends. */
#include "ledger/ledger.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static struct strbuf said; /* by the last command, stdout and stderr */

/* Run a shell line in a folder below dir; "ratchet" is the program. */
static int shell_in(const char *folder, const char *line)
{
    struct strbuf script = {0}, where = {0};
    char *argv[] = {"sh", "-c", NULL, NULL};
    int code;

    strbuf_addf(&script, "PATH=%s/bin:$PATH; %s", dir, line);
    strbuf_addf(&where, "%s/%s", dir, folder);
    argv[2] = script.data;
    strbuf_clear(&said);
    code = process_run(argv, where.data, 60, &said);
    strbuf_deinit(&script);
    strbuf_deinit(&where);
    return code;
}

static int shell(const char *line)
{
    return shell_in("repo", line);
}

static void must(const char *line)
{
    cr_assert_eq(shell(line), 0, "%s: %s", line, strbuf_str(&said));
}

static void expect(const char *line, int code, const char *word)
{
    int got = shell(line);

    cr_expect_eq(got, code, "%s: exit %d: %s", line, got, strbuf_str(&said));
    cr_expect(strstr(strbuf_str(&said), word), "%s: no '%s' in: %s", line, word, strbuf_str(&said));
}

static void begin(void)
{
    char bin[PATH_MAX], link[PATH_MAX + 100], repo[80];

    snprintf(dir, sizeof dir, "%s/pawl-history-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    cr_assert(mkdtemp(dir));
    cr_assert(getenv("PAWL_BIN") && realpath(getenv("PAWL_BIN"), bin), "PAWL_BIN is not set");
    snprintf(link, sizeof link, "%s/bin", dir);
    cr_assert_eq(file_make_dirs(link), 0);
    snprintf(link + strlen(link), 32, "/ratchet");
    snprintf(bin + strlen(bin), 32, "/ratchet-pretend");
    cr_assert_eq(symlink(bin, link), 0);
    snprintf(repo, sizeof repo, "%s/repo", dir);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    unsetenv("CC");
    cr_assert_eq(process_run((char *const[]){"sh", "tests/pretend/repository.sh", repo, NULL}, NULL,
                             60, NULL),
                 0);
}

static void end(void)
{
    strbuf_deinit(&said);
    file_remove_tree(dir);
}

/* 1 WIN, 2 LOSS, an ordinary commit, 3 WIN that slows attention, 4 FAIL_BUILD, 5 WIN. */
static void campaign(void)
{
    begin();
    must("sed -i 's/TILE_ROWS, 4/TILE_ROWS, 16/' kernel/tunables.inc; "
         "ratchet try -m 'gemm: sixteen rows'");
    must("sed -i 's/PREFETCH, 4096/PREFETCH, 8192/' kernel/tunables.inc; "
         "! ratchet try -m 'gemv: farther ahead'");
    must("echo hello >README; git add README; git commit -qm readme");
    must("sed -i 's/PREFETCH, 4096/PREFETCH, 1536/' kernel/tunables.inc; "
         "echo '/* PRETEND time attention 1.03 */' >>kernel/kernel.c; "
         "ratchet try -m 'gemv: nearer'");
    must("echo '/* PRETEND broken */' >>kernel/kernel.c; ! ratchet try -m 'cannot work'");
    must("sed -i 's/TILE_COLUMNS, 64/TILE_COLUMNS, 8/' kernel/tunables.inc; "
         "echo 'int kernel_other(int a) { return a + 1; }' >>kernel/kernel.c; "
         "ratchet try -m 'gemm: eight columns'");
}

TestSuite(history_commands, .init = campaign, .fini = end, .timeout = 120);

/* Numbers of the rows that a log command prints as JSON. */
static void expect_rows(const char *words, const char *want)
{
    struct strbuf line = {0}, got = {0};
    json_t *rows, *row;
    size_t i;

    strbuf_addf(&line, "ratchet log --json %s", words);
    must(line.data);
    rows = json_loads(said.data, 0, NULL);
    json_array_foreach(rows, i, row)
    {
        strbuf_addf(&got, "%d ", (int)json_integer_value(json_object_get(row, "experiment")));
    }
    cr_expect_str_eq(strbuf_str(&got), want, "%s", words);
    json_decref(rows);
    strbuf_deinit(&line);
    strbuf_deinit(&got);
}

Test(history_commands, log_chooses_rows)
{
    expect_rows("", "1 2 3 4 5 ");
    expect_rows("--verdict win", "1 3 5 ");
    expect_rows("--grep GEMV --last 1", "3 ");
    expect_rows("--op attention", "3 ");
    expect_rows("--op gemv", "2 3 ");
    expect_rows("--epoch 1 --verdict FAIL_BUILD,LOSS", "2 4 ");
    expect("ratchet log --verdict good", 2, "good");
    expect("ratchet log --since tomorrow", 2, "tomorrow");
    expect("ratchet log --op nonsense", 2, "nonsense");
    expect("ratchet log --json --graph", 2, "--graph");
    expect("ratchet log --case attention-f16-prefill", 0, "-2.91 % (-3.11 .. -2.72)");
    must("ratchet log --verdict LOSS");
    cr_expect_eq(strstr(said.data, "probability"), NULL, "the bound is about all attempts");
}

Test(history_commands, graph_hangs_attempts_below_what_they_were_made_against)
{
    static const char *const order[] = {"o   ",           "first\n",  "*      1",
                                        "|      2  LOSS", "*      3", "|      4  FAIL_BUILD",
                                        "*      5"};
    const char *at;

    must("ratchet log --graph");
    at = said.data;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        at = strstr(at, order[i]);
        cr_assert(at, "'%s' is not where it should be: %s", order[i], said.data);
    }
    must("ratchet log --graph | awk 'length($0) > 80' | wc -l");
    cr_expect_str_eq(said.data, "0\n");
    must("ratchet log --graph --verdict FAIL_BUILD");
    cr_expect_eq(strstr(said.data, "LOSS"), NULL);
    cr_expect(strstr(said.data, "*      1"), "the trunk stays whole");
}

Test(history_commands, graph_adds_up_what_the_wins_gained)
{
    /* in the whole workload, so the sum of the log ratios; 2 and 4 did not win */
    must("ratchet export --format jsonl --verdict WIN | python3 -c \"import json, math, sys\n"
         "print('%7.3f x' % math.exp(sum(json.loads(l)['estimate'] for l in sys.stdin)), end='')\" "
         ">sum; ratchet log --graph | grep '^[*]      5' | grep -cF \"$(cat sum)\"");
    cr_expect_str_eq(said.data, "1\n");
}

Test(history_commands, show_and_diff_say_what_changed)
{
    expect("ratchet show 1", 0, "+TUNABLE(TILE_ROWS, 16");
    expect("ratchet show 9", 1, "there is no experiment 9");
    expect("ratchet show x", 2, "which experiment?");
    expect("ratchet diff 1 --stat", 0, "1 file, 1 line added, 1 removed");
    expect("ratchet diff first HEAD --stat", 0, "2 files, 5 lines added, 3 removed");
    expect("ratchet diff 1 3", 0, "+/* PRETEND time attention 1.03 */");
    expect("ratchet diff", 2, "from what?");
    expect("ratchet diff 1 2 3", 2, "too many");
    must("ratchet diff 5 --json");
    cr_expect(strstr(said.data, "\"patch\""));
    must("ratchet diff 5^ 5 --json | python3 -c 'import json, sys; o = json.load(sys.stdin); "
         "print(o[\"a\"][\"experiment\"], o[\"b\"][\"experiment\"])'");
    cr_expect_str_eq(said.data, "None 5\n");
    must("git checkout -q HEAD~1; ratchet diff 5 >p; git apply --check p");
}

Test(history_commands, assembly_is_compared_function_by_function)
{
    json_t *o;

    expect("ratchet show 5 --asm", 0, "A      0 ->      2 instructions  kernel_other");
    expect("ratchet diff 5 --asm --stat", 0, "assembly: 1 function changed, 0 the same");
    cr_expect_eq(strstr(said.data, "+++"), NULL);
    must("ratchet show 5 --asm --json 2>/dev/null");
    o = json_loads(said.data, 0, NULL);
    cr_expect_eq(json_array_size(json_object_get(json_object_get(o, "assembly"), "functions")), 1);
    json_decref(o);
}

Test(history_commands, a_profile_of_the_code_is_shown)
{
    must("k=$(ratchet show 1 --json | sed -n 's/.*\"code_key\": \"\\(............\\).*/\\1/p'); "
         "mkdir -p profiles/$k; echo 'the wall is near' >profiles/$k/summary.md");
    expect("ratchet show 1", 0, "/summary.md:\nthe wall is near\n");
    expect("ratchet show 1 --json", 0, "\"profile\": \"the wall is near\\n\"");
    must("ratchet show 3");
    cr_expect_eq(strstr(said.data, "the wall"), NULL, "another code");
}

Test(history_commands, blame_names_the_experiment_of_a_line)
{
    expect("ratchet blame tunables.inc:1", 0, "gemm: sixteen rows");
    expect("ratchet blame kernel/tunables.inc:3", 0, "gemv: nearer");
    expect("ratchet blame kernel.c:1-1", 0, "seed");
    expect("ratchet blame", 0, "lines in 2 files");
    expect("ratchet blame nothing.inc", 2, "nothing.inc");
    expect("ratchet blame kernel.c:9-2", 2, "kernel.c:9-2");
    expect("ratchet blame kernel.c:0", 2, "kernel.c:0");
    expect("ratchet blame kernel.c:-", 2, "after the colon");
    expect("ratchet blame kernel.c:1-99", 2, "has 4 lines");
    must("ratchet blame kernel.c --json | python3 -m json.tool");
}

Test(history_commands, export_is_results_tsv_or_cases)
{
    must("ratchet checkpoint >/dev/null 2>&1; ratchet export | cmp - ledger/results.tsv");
    expect("ratchet export --format csv --cases --verdict WIN", 0, "experiment,time,verdict,focus");
    expect("ratchet export --format xml", 2, "xml");
    expect("ratchet export >/dev/full", 3, "writing the export");
}

Test(history_commands, bisect_names_the_experiment)
{
    expect("ratchet bisect attention-f16-prefill", 0, "clearly slower in: experiment 3 (-2.91 %)");
    expect("ratchet bisect attention-f16-prefill --from 3", 0, "clearly slower in: no step");
    expect("ratchet bisect attention-f16-prefill --measure", 0,
           "attention-f16-prefill got slower in experiment 3 against experiment 1: -2.91 %");
    expect("ratchet bisect attention-f16-prefill --measure --from 3", 1, "cannot tell");
    expect("ratchet bisect", 2, "which case?");
    expect("ratchet bisect nothing", 2, "nothing");
    expect("ratchet bisect gemm", 2, "bisect gemm: no case has this name");
    expect("ratchet bisect gemm --measure", 2, "bisect gemm: no case has this name");
    expect("ratchet bisect attention-f16-prefill --to 2", 2, "2^");
    expect("ratchet bisect attention-f16-prefill --units 3", 2, "--measure");
    expect("ratchet bisect attention-f16-prefill --features vax", 2, "vax");
    must("ratchet bisect attention-f16-prefill --measure --json | python3 -m json.tool");
    expect_rows("", "1 2 3 4 5 ");
}

Test(history_commands, a_replay_holds_and_records_nothing)
{
    expect("ratchet audit --replay 1", 0, "the claim holds");
    expect("ratchet audit --replay 4", 0, "FAIL_BUILD then, FAIL_BUILD now");
    expect("ratchet audit --replay 9", 2, "there is no experiment 9");
    expect("ratchet audit --replay x", 2, "--replay x");
    expect("ratchet audit --replay 1 --units 5000000000", 2, "from 1 to 4294967295");
    expect("ratchet audit --replay 1 --cumulative", 2, "--replay");
    must("ratchet audit --replay 3 --json | python3 -m json.tool");
    expect_rows("", "1 2 3 4 5 ");
    must("ratchet audit && git status --porcelain");
}

Test(history_commands, the_wins_add_up_and_it_is_said_how_much_was_compared)
{
    expect("ratchet audit --cumulative", 0, "the cases of 100 % of the weight, over 3 wins");
    expect("ratchet audit --cumulative", 0, "the wins add up");
    expect("ratchet audit --cumulative --from 9", 2, "there is no experiment 9");
    must("ratchet audit --cumulative --json | python3 -c 'import json, sys; "
         "o = json.load(sys.stdin); print(o[\"finding\"], o[\"compared\"])' 2>/dev/null");
    cr_expect(strstr(said.data, "adds up 1.0\n"), "%s", said.data);
}

Test(history_commands, what_a_killed_replay_left_is_swept_away)
{
    must("PAWL_PRETEND_MS=60000 ratchet audit --replay 1 >/dev/null 2>&1 & p=$!; "
         "until ls .git/pawl/scratch 2>/dev/null | grep -q '^-'; do sleep 0.02; done; "
         "kill -9 $p; wait $p; echo left $(ls .git/pawl/scratch | grep -c '^-')");
    cr_expect(strstr(said.data, "left 1\n"), "%s", said.data); /* the shell may say more */
    must("ratchet audit --replay 1 2>/dev/null; ls .git/pawl/scratch | grep -c '^-'; true");
    cr_expect(strstr(said.data, "the claim holds\n0\n"), "%s", said.data);
}

Test(history_commands, a_shallow_clone_says_what_is_not_there)
{
    must("ratchet checkpoint");
    cr_assert_eq(shell_in(".", "git clone -q --depth 1 file://$PWD/repo shallow"), 0, "%s",
                 strbuf_str(&said));
    cr_expect_eq(shell_in("shallow", "ratchet blame"), 0);
    cr_expect(strstr(said.data, "shallow"), "%s", said.data);
    cr_expect_eq(shell_in("shallow", "ratchet diff first HEAD"), 3);
    cr_expect_eq(shell_in("shallow", "ratchet log"), 0);
    cr_expect(strstr(said.data, "git fetch --unshallow"), "%s", said.data);
    cr_expect_eq(shell_in("shallow", "ratchet log --graph"), 0, "%s", said.data);
}

/* Row 7 as a repository from elsewhere may bring it: row 6, and ESC, DEL and C1 in its texts. */
static void append_hostile_row(void)
{
    static const char evil[] = "here \033[31m\177\xc2\x9b\nand here";
    struct ledger *l = NULL;
    struct ledger_row row;
    char path[100];

    snprintf(path, sizeof path, "%s/repo/.git/pawl/ledger.db", dir);
    cr_assert_eq(ledger_open(path, &l), 0, "%s", err_message());
    cr_assert_eq(ledger_find(l, 6, &row), 1);
    row.experiment = 0;
    ledger_text_set(&row.verdict, "LOSS");
    ledger_text_set(&row.hypothesis, evil);
    ledger_text_set(&row.author, evil);
    ledger_text_set(&row.machine, evil);
    ledger_text_set(&row.reason, evil);
    ledger_text_set(&row.counters, evil);
    cr_assert_eq(ledger_append(l, &row, "{}", NULL), 0, "%s", err_message());
    ledger_row_deinit(&row);
    ledger_close(&l);
}

Test(history_commands, text_of_others_cannot_command_the_terminal)
{
    static const char *const lines[] = {
        "ratchet show 6",
        "ratchet show 7",
        "ratchet log",
        "ratchet log --graph",
        "ratchet status",
        "ratchet lessons",
        "ratchet blame",
        "ratchet blame kernel.c",
        "ratchet audit --replay 7 || test $? = 1",
        "python3 -c 'import pty; pty.spawn([\"ratchet\", \"diff\", \"6\"])' </dev/null"};

    must("printf '/* \\033]0;here\\a\\177\\302\\233 PRETEND time all 0.9 */\\n' >>kernel/kernel.c; "
         "ratchet try -m 'is here'");
    append_hostile_row();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        must(lines[i]);
        cr_expect(strstr(said.data, "here"), "%s: %s", lines[i], said.data);
        cr_expect_not(strpbrk(said.data, "\033\177\a") || strstr(said.data, "\xc2\x9b"), "%s: %s",
                      lines[i], said.data);
    }
    /* which draws with escapes of its own */
    must("TERM=xterm python3 -c 'import pty; pty.spawn([\"timeout\", \"--foreground\", \"3\", "
         "\"ratchet\", \"watch\"])' </dev/null");
    cr_expect(strstr(said.data, "[31m") && !strstr(said.data, "^[") &&
                  !strstr(said.data, "here \033") && !strchr(said.data, '\177') &&
                  !strstr(said.data, "\xc2\x9b"),
              "ratchet watch: %s", said.data);
    must("ratchet diff 6 >p; git checkout -q HEAD~1; git apply --check p");
}

Test(history_commands, output_that_nobody_gets_is_an_error)
{
    expect("ratchet log --json >/dev/full", 3, "could not be written");
    expect("ratchet status >/dev/full", 3, "could not be written");
    expect("ratchet blame kernel.c >/dev/full", 3, "could not be written");
    expect("ratchet --help >/dev/full", 3, "could not be written");
}

Test(history_commands, commits_that_are_gone_leave_the_row_readable)
{
    must("git branch -q -D ratchet-log; git checkout -q --orphan alone; git commit -qm alone; "
         "git branch -q -D main; rm -rf .git/refs/pawl; git reflog expire --expire=now --all; "
         "git gc -q --prune=now");
    expect("ratchet show 2", 0, "no diff    what experiment 2 was tried on: its commit");
    expect("ratchet show 2 --asm --json", 0, "no_diff");
    expect("ratchet diff 2", 3, "ratchet-log");
    expect("ratchet audit --replay 2", 3, "is not in this repository");
    expect("ratchet log", 0, "gemv: farther ahead");
    expect("ratchet log --graph", 3, "ancestor of HEAD");
}

Test(history_commands, nothing_yet_is_no_error, .init = begin)
{
    expect("ratchet log", 0, "no experiment yet");
    expect("ratchet log --graph", 0, "no experiment yet");
    expect("ratchet log --json", 0, "[]");
    expect("ratchet blame kernel.c", 0, "seed");
    expect("ratchet export --format csv", 0, "experiment,time,");
    expect("ratchet bisect gemv-q4_k", 3, "no experiment was tried");
    expect("ratchet audit --replay 1", 2, "no experiment 1");
}

Test(history_commands, each_explains_itself)
{
    static const char *const names[] = {"log",    "show",   "diff", "blame",
                                        "export", "bisect", "audit"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char line[64];

        snprintf(line, sizeof line, "ratchet %s --help", names[i]);
        expect(line, 0, "usage: ratchet ");
    }
}
