/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const points[] = {
    "before:proposed",
    "proposed",
    "before:built",
    "built",
    "before:checked",
    "checked",
    "before:measured",
    "measured",
    "before:confirmed",
    "confirmed",
    "logged",
    "before:applied",
    "applied",
    "moved",
    "before:rolled_back",
    "rolled_back",
    "restored",
    "before:done",
    "done",
};
enum { N_POINTS = sizeof points / sizeof *points };

/* Run a try in a child that kills itself at `point`; false when the try never came by there. */
static bool killed_at(struct fixture *f, const char *point)
{
    int status = 0;
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        setenv("PAWL_KILL_AT", point, 1);
        _exit(fixture_try(f, "make it faster", NULL) == 0 ? 0 : 99);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status)) {
        cr_assert_eq(WEXITSTATUS(status), 0, "the try at %s failed", point);
        return false;
    }
    cr_assert_eq(WTERMSIG(status), SIGKILL);
    return true;
}

static void recover(struct fixture *f)
{
    struct ratchet *r = fixture_open(f);
    char state[32];
    int64_t n;

    cr_assert_eq(ratchet_begin(r), 0, "%s", err_message());
    cr_assert_eq(ledger_state_pending(r->ledger, &n, state), 0);
    ratchet_close(&r);
}

static void row_verdict(struct fixture *f, int64_t n, char out[32], char reason[64])
{
    struct ratchet *r = fixture_open(f);
    struct ledger_row row;

    cr_assert_eq(ledger_find(r->ledger, n, &row), 1);
    snprintf(out, 32, "%s", row.verdict);
    snprintf(reason, 64, "%.60s", row.reason);
    ledger_row_deinit(&row);
    ratchet_close(&r);
}

/* What must hold after recovery, whatever the point and the verdict. */
static void check_recovered(struct fixture *f, const char *point, const char *parent)
{
    char verdict[32], reason[64], head[REPO_HEX], text[512], before[REPO_HEX];
    struct strbuf kept = {0};

    fixture_rev(f, "HEAD", head);
    if (strcmp(point, "before:proposed") == 0) { /* nothing had begun */
        cr_assert_eq(fixture_rows(f), 0);
        cr_assert(fixture_file_is(f, "kernel/kernel.c", FIXTURE_FASTER));
        cr_assert_str_eq(head, parent);
        return;
    }
    cr_assert_eq(fixture_rows(f), 1, "%s: the row is lost", point);
    fixture_git(f, "show refs/pawl/attempts/1:kernel/kernel.c", &kept);
    cr_assert_str_eq(kept.data, FIXTURE_FASTER, "%s: the attempt is lost", point);
    strbuf_deinit(&kept);
    row_verdict(f, 1, verdict, reason);
    if (strcmp(verdict, "WIN") == 0) {
        cr_assert_str_neq(head, parent);
        fixture_rev(f, "HEAD^1", before);
        cr_assert_str_eq(before, parent);
        cr_assert(fixture_file_is(f, "kernel/kernel.c", FIXTURE_FASTER));
        cr_assert(fixture_clean(f), "%s: not clean after a win", point);
    } else if (strcmp(verdict, "INCONCLUSIVE") == 0) {
        cr_assert(strstr(reason, "interrupted at state"), "%s: %s", point, reason);
        cr_assert_str_eq(head, parent);
        cr_assert(fixture_file_is(f, "kernel/kernel.c", FIXTURE_FASTER), "%s: work lost", point);
    } else {
        cr_assert_str_eq(head, parent);
        cr_assert(fixture_file_is(f, "kernel/kernel.c", FIXTURE_KERNEL), "%s: not restored", point);
        cr_assert(fixture_clean(f), "%s: not clean after %s", point, verdict);
    }
    cr_assert_eq(fixture_audit(f, text), 0, "%s: audit: %s", point, text);
}

/* Returns how many points of `points` the try passes with this verdict. */
static int kill_everywhere(enum judge_verdict v)
{
    int n_killed = 0;

    for (int i = 0; i < N_POINTS; i++) {
        struct fixture f;
        char parent[REPO_HEX];

        fixture_init(&f);
        f.verdict = v;
        fixture_rev(&f, "HEAD", parent);
        fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
        if (killed_at(&f, points[i])) {
            n_killed++;
            recover(&f);
            check_recovered(&f, points[i], parent);
            recover(&f); /* a second time changes nothing */
            check_recovered(&f, points[i], parent);
            fixture_experiment(&f, JUDGE_LOSS, "int kernel_fn = 3;\n"); /* and the loop goes on */
        }
        fixture_deinit(&f);
    }
    return n_killed;
}

Test(recover, loses_nothing_when_killed_anywhere_in_a_win)
{
    cr_assert_eq(kill_everywhere(JUDGE_WIN), 16);
}

Test(recover, loses_nothing_when_killed_anywhere_in_a_loss)
{
    cr_assert_eq(kill_everywhere(JUDGE_LOSS), 14);
}

Test(recover, loses_nothing_when_killed_anywhere_in_a_failed_check)
{
    cr_assert_eq(kill_everywhere(JUDGE_FAIL_CORRECTNESS), 12);
}

Test(recover, leaves_files_that_were_edited_after_the_kill)
{
    struct fixture f;

    fixture_init(&f);
    f.verdict = JUDGE_LOSS;
    fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
    cr_assert(killed_at(&f, "rolled_back"));
    fixture_write(&f, "kernel/kernel.c", "int newer;\n");
    recover(&f);
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", "int newer;\n"));
    fixture_deinit(&f);
}

static const char *const winning[] = {"confirmed", "logged", "before:applied", "applied"};
enum { N_WINNING = sizeof winning / sizeof *winning };

static void commit_after_the_kill(struct fixture *f, const char *path, char head[REPO_HEX])
{
    char args[96];

    fixture_git(f, "stash -q", NULL);
    fixture_write(f, path, "/* of another commit */\n");
    snprintf(args, sizeof args, "commit -qm other %s", path);
    fixture_git(f, args, NULL);
    fixture_git(f, "stash pop -q", NULL);
    fixture_rev(f, "HEAD", head);
}

Test(recover, puts_a_win_on_top_of_a_commit_that_came_after_the_kill)
{
    for (int i = 0; i < N_WINNING; i++) {
        struct fixture f;
        char other[REPO_HEX], parent[REPO_HEX], text[512];

        fixture_init(&f);
        f.verdict = JUDGE_WIN;
        fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
        cr_assert(killed_at(&f, winning[i]));
        commit_after_the_kill(&f, "README.md", other);
        recover(&f);
        fixture_rev(&f, "HEAD^1", parent);
        cr_assert_str_eq(parent, other, "%s", winning[i]);
        cr_assert(fixture_file_is(&f, "kernel/kernel.c", FIXTURE_FASTER));
        cr_assert(fixture_clean(&f), "%s", winning[i]);
        cr_assert_eq(fixture_rows(&f), 1);
        cr_assert_eq(fixture_audit(&f, text), 0, "%s: %s", winning[i], text);
        fixture_deinit(&f);
    }
}

Test(recover, does_not_move_a_branch_that_got_another_kernel_after_the_kill)
{
    for (int i = 0; i < N_WINNING; i++) {
        struct fixture f;
        char head[REPO_HEX], after[REPO_HEX], text[512];

        fixture_init(&f);
        f.verdict = JUDGE_WIN;
        fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
        cr_assert(killed_at(&f, winning[i]));
        commit_after_the_kill(&f, "kernel/part.inc", head);
        recover(&f);
        fixture_rev(&f, "HEAD", after);
        cr_assert_str_eq(head, after, "%s", winning[i]);
        cr_assert(fixture_file_is(&f, "kernel/kernel.c", FIXTURE_FASTER), "%s", winning[i]);
        cr_assert_eq(fixture_rows(&f), 1);
        cr_assert_eq(fixture_audit(&f, text), 0, "%s: %s", winning[i], text);
        fixture_deinit(&f);
    }
}

static const char *second_round; /* point at which the second round of a try dies */

/* The branch gets another kernel in the first round. */
static void move_then_die(struct fixture *f)
{
    if (f->n_trials == 1)
        fixture_git(f, "update-ref refs/heads/main refs/heads/other", NULL);
    else
        setenv("PAWL_KILL_AT", second_round, 1);
}

Test(recover, loses_nothing_when_killed_in_the_second_round)
{
    static const char *const at[] = {"built",   "confirmed", "logged",
                                     "applied", "moved",     "before:done"};

    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct fixture f;
        char text[512];

        fixture_init(&f);
        fixture_git(&f, "checkout -qb other", NULL);
        fixture_write(&f, "kernel/part.inc", "/* another */\n");
        fixture_git(&f, "commit -qam other", NULL);
        fixture_git(&f, "checkout -q main", NULL);
        f.verdict = JUDGE_WIN;
        f.during = move_then_die;
        second_round = at[i];
        fixture_write(&f, "kernel/kernel.c", FIXTURE_FASTER);
        cr_assert(killed_at(&f, "nowhere"), "%s", at[i]);
        recover(&f);
        cr_assert_eq(fixture_rows(&f), 2, "%s", at[i]);
        cr_assert(fixture_file_is(&f, "kernel/kernel.c", FIXTURE_FASTER), "%s", at[i]);
        if (i > 0) { /* the row of the second round says WIN */
            cr_assert(fixture_file_is(&f, "kernel/part.inc", "/* another */\n"), "%s", at[i]);
            cr_assert(fixture_clean(&f), "%s", at[i]);
        }
        cr_assert_eq(fixture_audit(&f, text), 0, "%s: %s", at[i], text);
        fixture_deinit(&f);
    }
}

/* The files on disk are neither HEAD's nor the attempt's, which was merged from them. */
Test(recover, knows_the_files_that_a_merged_attempt_was_made_from)
{
    static const char *const at[] = {"rolled_back", "restored", "confirmed", "applied", "moved"};

    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct ratchet_try_options o = {.hypothesis = "older", .base = "HEAD~1"};
        struct ratchet_result res;
        struct fixture f;
        char text[512];
        int status = 0;
        pid_t pid;

        fixture_init(&f);
        f.verdict = i < 2 ? JUDGE_LOSS : JUDGE_WIN;
        fixture_write(&f, "kernel/kernel.c", "int a;\n\n\n\nint b;\n");
        fixture_git(&f, "commit -qam base", NULL);
        fixture_write(&f, "kernel/kernel.c", "int a = 2;\n\n\n\nint b;\n");
        fixture_git(&f, "commit -qam newer", NULL);
        fixture_write(&f, "kernel/kernel.c", "int a;\n\n\n\nint b = 2;\n");
        pid = fork();
        if (pid == 0) {
            struct ratchet *r = fixture_open(&f);

            setenv("PAWL_KILL_AT", at[i], 1);
            ratchet_try(r, &o, &res);
            _exit(0);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFSIGNALED(status), "%s", at[i]);
        recover(&f);
        cr_assert(fixture_file_is(&f, "kernel/kernel.c",
                                  i < 2 ? "int a = 2;\n\n\n\nint b;\n"
                                        : "int a = 2;\n\n\n\nint b = 2;\n"),
                  "%s", at[i]);
        cr_assert(fixture_clean(&f), "%s", at[i]);
        cr_assert_eq(fixture_audit(&f, text), 0, "%s: %s", at[i], text);
        fixture_deinit(&f);
    }
}

Test(recover, finishes_a_checkpoint)
{
    static const char *const at[] = {"before:applied", "applied", "moved", "before:done"};

    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct fixture f;
        char id[REPO_HEX], text[512];
        struct ratchet *r;
        int status = 0;
        pid_t pid;

        fixture_init(&f);
        fixture_experiment(&f, JUDGE_LOSS, FIXTURE_FASTER);
        pid = fork();
        if (pid == 0) {
            setenv("PAWL_KILL_AT", at[i], 1);
            r = fixture_open(&f);
            ratchet_checkpoint(r, id);
            _exit(0);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFSIGNALED(status));
        recover(&f);
        r = fixture_open(&f);
        cr_assert_eq(ratchet_checkpoint(r, id), i == 0 ? 1 : 0, "%s", at[i]);
        ratchet_close(&r);
        cr_assert(fixture_clean(&f), "%s", at[i]);
        cr_assert_eq(fixture_audit(&f, text), 0, "%s", text);
        fixture_deinit(&f);
    }
}
