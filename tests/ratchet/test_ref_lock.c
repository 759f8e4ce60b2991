/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/git/ref_lock.h"
#include "tests/ratchet/ratchet_fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct fixture f;

static void setup(void)
{
    fixture_init(&f);
    fixture_experiment(&f, JUDGE_LOSS, "int a;\n");
}

static void teardown(void)
{
    fixture_deinit(&f);
}

TestSuite(ref_lock, .init = setup, .fini = teardown);

/* A lock as whoever moves `ref` makes it, `age` seconds ago. */
static void lock(const char *ref, time_t age, char path[PATH_MAX])
{
    struct timespec at[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
    int fd;

    snprintf(path, PATH_MAX, "%s/.git/%s.lock", f.repo, ref);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    cr_assert(fd >= 0 && futimens(fd, at) == 0, "%s", path);
    close(fd);
}

Test(ref_lock, of_a_killed_ratchet_stops_none_after_it)
{
    char attempt[PATH_MAX], log[PATH_MAX], branch[PATH_MAX];

    lock("refs/pawl/attempts/2", 60, attempt);
    lock("refs/heads/ratchet-log", 60, log);
    lock("refs/heads/main", 60, branch);
    fixture_experiment(&f, JUDGE_WIN, "int b;\n");
    cr_assert(access(attempt, F_OK) && access(log, F_OK) && access(branch, F_OK));
}

Test(ref_lock, of_somebody_at_work_is_waited_for)
{
    git_repository *repo;
    char path[PATH_MAX];
    int tries = 0;

    lock("refs/heads/main", 0, path);
    cr_assert_eq(git_repository_open(&repo, f.repo), 0);
    cr_assert(ref_lock_wait(repo, "refs/heads/main", &tries));
    cr_assert_eq(access(path, F_OK), 0);
    tries = 1000000;
    cr_assert_not(ref_lock_wait(repo, "refs/heads/main", &tries), "not for ever");
    git_repository_free(repo);
}
