/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/machine/machine_lock.h"

#include "judge/rule/trial.h"
#include "reference/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* An existing file is opened for reading only: enough for flock, and it works on another user's. */
static int lock_file_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT)
        fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    return fd;
}

int machine_lock_take(const struct judge_options *o)
{
    int fd = lock_file_open("/run/lock/pawl-measure.lock"), rc;

    if (fd < 0)
        fd = lock_file_open("/tmp/pawl-measure.lock");
    if (fd < 0)
        return err_set(ERR_IO,
                       "pawl-measure.lock can be opened neither in /run/lock nor in /tmp: %s; "
                       "make one of them writable",
                       strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    trial_progress(o, JUDGE_MEASURED, false,
                   "waiting: another measurement is under way on this machine");
    do
        rc = flock(fd, LOCK_EX);
    while (rc && errno == EINTR);
    if (rc == 0)
        return fd;
    close(fd);
    return err_set(ERR_IO, "pawl-measure.lock: %s", strerror(errno));
}
