/* SPDX-License-Identifier: Apache-2.0
 *
 * `ratchet search` from end to end, with the judge that reads its verdict out of the sources
 * (tests/pretend), whose optimum is known. */
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/pawl-search-XXXXXX", repo[64], program[PATH_MAX], here[PATH_MAX];

/* Run a shell command in the repository, with `ratchet` in its reach as $R; its output in *out. */
static int shell(const char *command, struct strbuf *out)
{
    struct strbuf line = {0};
    char *argv[] = {"sh", "-c", NULL, NULL};
    int rc;

    strbuf_addf(&line, "R=%s; %s", program, command);
    argv[2] = line.data;
    strbuf_clear(out);
    rc = process_run(argv, repo, 120, out);
    strbuf_deinit(&line);
    return rc;
}

static void make_repository(const char *name)
{
    char *argv[] = {"sh", NULL, NULL, NULL};
    char script[PATH_MAX + 64];
    struct strbuf out = {0};

    snprintf(repo, sizeof repo, "%s/%s", dir, name);
    snprintf(script, sizeof script, "%s/tests/pretend/repository.sh", here);
    argv[1] = script;
    argv[2] = repo;
    cr_assert_eq(process_run(argv, NULL, 60, &out), 0, "%s", strbuf_str(&out));
    strbuf_deinit(&out);
}

static void setup(void)
{
    const char *bin = getenv("PAWL_BIN");
    char relative[PATH_MAX];

    cr_assert(getcwd(here, sizeof here));
    cr_assert(bin, "PAWL_BIN is not set");
    snprintf(relative, sizeof relative, "%s/ratchet-pretend", bin);
    cr_assert(realpath(relative, program), "%s is missing", relative);
    cr_assert(mkdtemp(dir));
    make_repository("repo");
}

static void teardown(void)
{
    file_remove_tree(dir);
}

TestSuite(search, .init = setup, .fini = teardown);

/* JSON that a command prints (progress goes elsewhere). The caller decrefs. */
static json_t *json_of(const char *command, int want)
{
    struct strbuf out = {0}, line = {0};
    json_error_t e;
    json_t *o;
    int rc;

    strbuf_addf(&line, "%s 2>/dev/null", command);
    rc = shell(line.data, &out);
    cr_assert_eq(rc, want, "%s: exit %d: %s", command, rc, strbuf_str(&out));
    o = json_loads(strbuf_str(&out), 0, &e);
    cr_assert(o, "%s: %s: %s", command, e.text, strbuf_str(&out));
    strbuf_deinit(&line);
    strbuf_deinit(&out);
    return o;
}

static double number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static void audit_passes(void)
{
    struct strbuf out = {0};

    cr_assert_eq(shell("$R audit", &out), 0, "%s", strbuf_str(&out));
    strbuf_deinit(&out);
}

/* How much faster than HEAD the optimum is, as the judge itself says. */
static double left_to_gain(void)
{
    json_t *o;
    double gain;
    struct strbuf out = {0};

    cr_assert_eq(
        shell("sed -i 's/TILE_ROWS, [0-9]*/TILE_ROWS, 16/; s/TILE_COLUMNS, [0-9]*/TILE_COLUMNS, 8/;"
              "s/PREFETCH, [0-9]*/PREFETCH, 1536/' kernel/tunables.inc; "
              "$R try -m optimum --json 2>/dev/null || true",
              &out),
        0);
    o = json_loads(strbuf_str(&out), 0, NULL);
    cr_assert(o, "%s", strbuf_str(&out));
    gain = number(o, "estimate");
    json_decref(o);
    strbuf_deinit(&out);
    return gain;
}

Test(search, bayes_finds_the_optimum)
{
    json_t *o = json_of("$R search bayes --budget 30 --json", 0);

    cr_assert_eq(number(o, "judged"), 30);
    cr_assert_gt(number(o, "wins"), 0);
    cr_assert_lt(number(o, "false_win_bound"), 1e-3);
    json_decref(o);
    audit_passes();
    cr_assert_lt(left_to_gain(), 0.02);
}

Test(search, evolution_wins_too)
{
    json_t *o = json_of("$R search evolution --budget 20 --json", 0);

    cr_assert_gt(number(o, "wins"), 1);
    json_decref(o);
    audit_passes();
}

/* Hypotheses of the judged points, without the search's name, one a line. */
static void points_of(struct strbuf *out)
{
    json_t *rows = json_of("$R log --json", 0), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const char *said = json_string_value(json_object_get(row, "hypothesis"));
        const char *reason = json_string_value(json_object_get(row, "reason"));

        if (strncmp(said, "search ", 7) == 0 && strncmp(reason, "interrupted", 11) != 0)
            strbuf_addf(out, "%.*s\n", (int)strcspn(strchr(said, '#'), "\n"), strchr(said, '#'));
    }
    json_decref(rows);
}

/* Killed at every kind of moment, and each time resumed: the points are those of a search that was
 * left alone, none is lost, none judged twice. */
Test(search, goes_on_after_kill_9)
{
    static const char *const moments[] = {"proposed",  "measured",        "before:rolled_back",
                                          "confirmed", "applied",         "moved",
                                          "logged",    "before:proposed", "rolled_back"};
    struct strbuf out = {0}, want = {0}, got = {0}, command = {0};

    make_repository("alone");
    cr_assert_eq(shell("$R search bayes --budget 12 --seed 3", &out), 0, "%s", strbuf_str(&out));
    points_of(&want);
    make_repository("killed");
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        strbuf_clear(&command);
        strbuf_addf(&command, "PAWL_KILL_AT=%s $R search %s", moments[i],
                    i ? "--resume" : "bayes --seed 3 --budget 12");
        cr_assert_eq(shell(command.data, &out), 137, "%s: %s", moments[i], strbuf_str(&out));
    }
    cr_assert_eq(shell("$R search --resume", &out) & ~1, 0, "%s", strbuf_str(&out));
    points_of(&got);
    cr_assert_str_eq(strbuf_str(&got), strbuf_str(&want));
    audit_passes();
    strbuf_deinit(&out);
    strbuf_deinit(&want);
    strbuf_deinit(&got);
    strbuf_deinit(&command);
}

/* The budget is a search's own until another one is given, and then that. */
Test(search, resumes_with_its_budget)
{
    struct strbuf out = {0};
    json_t *o;

    cr_assert_eq(shell("PAWL_KILL_AT=proposed $R search bayes --budget 5", &out), 137, "%s",
                 strbuf_str(&out));
    o = json_of("$R search --resume --json 2>/dev/null || true", 0);
    cr_assert_eq(number(o, "judged"), 5);
    cr_assert_eq(number(o, "budget"), 5);
    json_decref(o);
    o = json_of("$R search --resume --budget 6 --json 2>/dev/null || true", 0);
    cr_assert_eq(number(o, "judged"), 6);
    json_decref(o);
    o = json_of("$R search --report --json", 0);
    cr_assert_eq(number(o, "budget"), 6);
    json_decref(o);
    strbuf_deinit(&out);
}

/* Exit 0 says that this run won, not one before it. */
Test(search, exits_by_the_wins_of_its_run)
{
    struct strbuf out = {0};

    cr_assert_eq(shell("$R search bayes --budget 8", &out), 0, "%s", strbuf_str(&out));
    cr_assert_eq(shell("$R search --resume", &out), 1, "%s", strbuf_str(&out));
    cr_assert(strstr(strbuf_str(&out), "its budget of 8 points is spent"), "%s", strbuf_str(&out));
    strbuf_deinit(&out);
}

static size_t n_points(void)
{
    json_t *o = json_of("$R search --report --json", 0);
    size_t n = json_array_size(json_object_get(o, "points"));

    json_decref(o);
    return n;
}

/* A change of code is no step from one point to another, whatever its hypothesis says. */
Test(search, a_copied_hypothesis_adds_no_point)
{
    struct strbuf out = {0}, path = {0};
    const char *said;
    json_t *rows;

    cr_assert_eq(shell("$R search random --over TILE_ROWS --range TILE_ROWS=1..3 --budget 2", &out),
                 1, "%s", strbuf_str(&out));
    cr_assert_eq(n_points(), 3);
    rows = json_of("$R log --json", 0);
    said = json_string_value(json_object_get(json_array_get(rows, 1), "hypothesis"));
    strbuf_addf(&path, "%s/hypothesis", dir);
    cr_assert_eq(file_write_atomic(path.data, said, strlen(said)), 0);
    cr_assert_eq(shell("sed -i 's/ROWS, 4/ROWS, 5/; s/rows of/Rows of/' kernel/tunables.inc; "
                       "$R try -m \"$(cat ../hypothesis)\"",
                       &out),
                 0, "%s", strbuf_str(&out));
    cr_assert_eq(n_points(), 3);
    json_decref(rows);
    strbuf_deinit(&out);
    strbuf_deinit(&path);
}

/* What the judge before said can be looked at, but is not mixed with what this one says. */
Test(search, a_resumed_one_leaves_out_what_another_judge_said)
{
    struct strbuf out = {0};
    json_t *o;

    cr_assert_eq(shell("$R search random --over TILE_ROWS --range TILE_ROWS=1..3 --budget 2", &out),
                 1, "%s", strbuf_str(&out));
    cr_assert_eq(shell("echo 'int judge2;' >>judge/judge.c; git commit -qam judge", &out), 0);
    cr_assert_eq(n_points(), 3);
    o = json_of("$R search --resume --budget 3 --json", 1);
    cr_assert_eq(number(o, "judged"), 3);
    cr_assert_eq(json_array_size(json_object_get(o, "points")), 2);
    json_decref(o);
    strbuf_deinit(&out);
}

Test(search, says_what_a_kernel_without_tunables_lacks)
{
    static const char form[] = "TUNABLE(NAME, value, low, high)";
    struct strbuf out = {0};

    cr_assert_eq(shell(": >kernel/tunables.inc; git commit -qam none; $R search bayes", &out), 2);
    cr_assert(strstr(strbuf_str(&out), form), "%s", strbuf_str(&out));
    cr_assert_eq(shell("$R search --list", &out), 0);
    cr_assert(strstr(strbuf_str(&out), form), "%s", strbuf_str(&out));
    strbuf_deinit(&out);
}

Test(search, takes_from_the_ledger_what_was_measured)
{
    struct strbuf out = {0};
    json_t *o;

    /* by hand: 8 wins against 4, 2 loses against 8; so of 2, 4 ... 16 five are left */
    cr_assert_eq(shell("sed -i 's/ROWS, 4/ROWS, 8/' kernel/tunables.inc; $R try -m 8", &out), 0);
    cr_assert_eq(shell("sed -i 's/ROWS, 8/ROWS, 2/' kernel/tunables.inc; $R try -m 2", &out), 1);
    o = json_of("$R search grid --over TILE_ROWS --range TILE_ROWS=2..16:2 --json", 0);
    cr_assert_eq(number(o, "judged"), 5);
    cr_assert_eq(number(o, "known_before"), 2);
    cr_assert_eq(number(json_object_get(json_object_get(o, "best"), "point"), "TILE_ROWS"), 16);
    json_decref(o);
    audit_passes();
    strbuf_deinit(&out);
}

Test(search, learns_what_does_not_build)
{
    struct strbuf out = {0};
    json_t *o, *rule;
    const char *values;

    cr_assert_eq(shell("sed -i 's/rows of a tile/& PRETEND fits up to 20/' kernel/tunables.inc; "
                       "git commit -qam 'no more than 20'",
                       &out),
                 0, "%s", strbuf_str(&out));
    o = json_of("$R search random --budget 25 --json", 0);
    rule = json_array_get(json_object_get(o, "no_kernel"), 0);
    values = json_string_value(json_object_get(rule, "values"));
    cr_assert(values && strncmp(values, "TILE_ROWS from 2", 16) == 0, "%s", values);
    json_decref(o);
    cr_assert_eq(shell("$R search --report", &out), 0);
    cr_assert(strstr(out.data, "points with TILE_ROWS from 2"), "%s", out.data);
    strbuf_deinit(&out);
}

Test(search, says_what_matters)
{
    json_t *o = json_of("$R search bayes --budget 25 --json", 0), *effect, *taught;
    double sum = 0, prefetch = 0, best = 0;
    size_t i;

    taught = json_object_get(o, "taught");
    cr_assert_gt(number(taught, "explained"), 0.5);
    json_array_foreach(json_object_get(taught, "effects"), i, effect)
    {
        sum += number(effect, "share");
        if (strcmp(json_string_value(json_object_get(effect, "name")), "PREFETCH") == 0) {
            prefetch = number(effect, "share");
            best = number(effect, "best_near");
        }
    }
    cr_assert_gt(prefetch, 0.5);
    cr_assert(best > 768 && best < 3072, "%g", best);
    cr_assert(sum > 0.8 && sum < 1.1, "%g", sum);
    json_decref(o);
}

Test(search, dry_run_changes_nothing)
{
    struct strbuf out = {0};

    cr_assert_eq(shell("$R search random --budget 7 --dry-run", &out), 0);
    cr_assert(strstr(out.data, "#7 "), "%s", out.data);
    cr_assert_eq(shell("$R search bayes --budget 20 --dry-run", &out), 0);
    cr_assert(strstr(out.data, "depend on what these measure"), "%s", out.data);
    cr_assert_eq(shell("git status --porcelain; test $($R log --json | grep -c verdict) = 0", &out),
                 0);
    cr_assert_str_eq(strbuf_str(&out), "");
    strbuf_deinit(&out);
}

Test(search, refuses_nonsense_in_one_line)
{
    static const struct {
        const char *command, *words;
        int code;
    } bad[] = {
        {"$R search", "a strategy is wanted", 2},
        {"$R search annealing", "a strategy is wanted", 2},
        {"$R search bayes --budget 101", "at most 100 points", 2},
        {"$R search bayes --budget 0", "--budget", 2},
        {"$R search bayes --minutes soon", "--minutes soon", 2},
        {"$R search bayes --over NONE", "no TUNABLE \"NONE\"", 2},
        {"$R search bayes --range PREFETCH=0..64", "from 64 to 8192", 2},
        {"$R search grid --budget 7", "the smallest grid", 2},
        {"$R search --resume", "no row of any search", 2},
        {"$R search --report bayes-00000000", "no row of a search bayes-00000000", 2},
        {"$R search --report bayes", "an ID is like bayes-1f2e3d4c", 2},
        {"$R search bayes --resume --seed 4", "keeps its own", 2},
        {"sed -i 's/ROWS, 4/ROWS, 2 * 2/' kernel/tunables.inc; git commit -qam x; $R search bayes",
         "kernel/tunables.inc:1: not the four arguments", 3},
    };
    struct strbuf out = {0};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int code = shell(bad[i].command, &out);

        cr_assert_eq(code, bad[i].code, "%s: exit %d", bad[i].command, code);
        cr_assert(strstr(strbuf_str(&out), bad[i].words), "%s: %s", bad[i].command,
                  strbuf_str(&out));
    }
    strbuf_deinit(&out);
}

/* Somebody else moves a value that is searched, and wins: the search goes on from there. */
Test(search, goes_on_from_what_others_win_meanwhile)
{
    struct strbuf out = {0};
    json_t *o;

    cr_assert_eq(shell("$R search random --budget 2", &out) & ~1, 0, "%s", strbuf_str(&out));
    cr_assert_eq(shell("sed -i 's/PREFETCH, [0-9]*/PREFETCH, 1530/' kernel/tunables.inc; "
                       "$R try -m mine",
                       &out),
                 0, "%s", strbuf_str(&out));
    o = json_of("$R search --resume --budget 4 --json", 0);
    cr_assert_eq(number(o, "judged"), 4);
    cr_assert_eq(number(o, "known_before"), 1);
    cr_assert_eq(json_array_size(json_object_get(o, "points")), 6);
    json_decref(o);
    audit_passes();
    strbuf_deinit(&out);
}

/* Another kernel with other values hangs on no point of the search: it stops and says so. */
Test(search, stops_when_head_hangs_on_no_point)
{
    struct strbuf out = {0};

    cr_assert_eq(shell("$R search random --budget 2", &out) & ~1, 0, "%s", strbuf_str(&out));
    cr_assert_eq(shell("sed -i 's/PREFETCH, [0-9]*/PREFETCH, 99/; s/rows of/Rows of/' "
                       "kernel/tunables.inc; git commit -qam other; $R search --resume --budget 4",
                       &out),
                 3, "%s", strbuf_str(&out));
    cr_assert(strstr(strbuf_str(&out), "begin another search"), "%s", strbuf_str(&out));
    strbuf_deinit(&out);
}
