/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/machine/machine_lock.h"

#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* A /run/lock of this test's own: the real lock may be held by a real measurement. */
static bool private_lock_folder(void)
{
    if (unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS))
        return false;
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", "/run/lock", "tmpfs", 0, NULL) == 0;
}

static int said[2]; /* pipe: 'w' waiting is shown, 'g' got the lock */

static void on_progress(void *ctx, const struct judge_progress *p)
{
    (void)ctx;
    if (strstr(p->text, "another measurement") && write(said[1], "w", 1) != 1)
        _exit(1);
}

/* A process that takes the lock and keeps it until it is killed. `held` is this process's own. */
static pid_t measurer(int held)
{
    const struct judge_options o = {.progress = on_progress};
    pid_t pid = fork();

    if (pid == 0) {
        alarm(50);
        close(held);
        if (machine_lock_take(&o) >= 0 && write(said[1], "g", 1) == 1)
            pause();
        _exit(1);
    }
    cr_assert_gt(pid, 0);
    return pid;
}

static char hear(void)
{
    struct pollfd p = {.fd = said[0], .events = POLLIN};
    char c = 0;

    return poll(&p, 1, 20000) == 1 && read(said[0], &c, 1) == 1 ? c : '-';
}

static bool silent(void)
{
    struct pollfd p = {.fd = said[0], .events = POLLIN};

    return poll(&p, 1, 100) == 0;
}

Test(machine_lock, is_one_for_the_machine_says_that_it_waits_and_ends_with_its_process,
     .timeout = 60)
{
    const struct judge_options o = {.progress = on_progress};
    pid_t first, second;
    int held;

    if (!private_lock_folder())
        cr_skip_test("no mount namespace of its own can be had here");
    cr_assert_eq(pipe(said), 0);
    held = machine_lock_take(&o);
    cr_assert_geq(held, 0, "%s", err_message());
    cr_assert(silent(), "nobody measures, nothing to wait for");
    first = measurer(held);
    cr_assert_eq(hear(), 'w');
    cr_assert(silent(), "two measure at once");
    close(held);
    cr_assert_eq(hear(), 'g');
    second = measurer(-1);
    cr_assert_eq(hear(), 'w');
    cr_assert(silent(), "two measure at once");
    kill(first, SIGKILL);
    cr_assert_eq(waitpid(first, NULL, 0), first);
    cr_assert_eq(hear(), 'g');
    kill(second, SIGKILL);
    cr_assert_eq(waitpid(second, NULL, 0), second);
}
