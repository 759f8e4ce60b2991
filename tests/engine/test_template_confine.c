/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chat/template_confine.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What was allowed though it should not be, as bits of the exit status; 0x80: not confined. */
static int try_everything(const struct confinement *c)
{
    int fd = open("/dev/null", O_RDONLY), broken = 0;

    if (confinement_enter(c))
        return 0x80;
    broken |= (socket(AF_INET, SOCK_STREAM, 0) >= 0) << 0;
    broken |= (open("/tmp/pawl-confined", O_WRONLY | O_CREAT, 0600) >= 0) << 1;
    broken |= (open("/dev/null", O_RDWR) >= 0) << 2;
    broken |= (fork() >= 0) << 3;
    broken |= (unlink("/nowhere") == 0 || errno != EACCES) << 4;
    broken |= (fcntl(fd, F_GETFD) >= 0) << 5; /* what the parent had open */
    broken |= (open("/dev/null", O_RDONLY) < 0) << 6;
    return broken;
}

Test(template_confine, leaves_reading_alone)
{
    struct confinement c;
    int status;
    pid_t pid;

    cr_assert_eq(confinement_open(&c), 0);
    pid = fork();
    if (pid == 0)
        _exit(try_everything(&c));
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
    cr_expect_eq(WEXITSTATUS(status), 0, "0x%x", (unsigned)WEXITSTATUS(status));
    confinement_close(&c);
}
