/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/try/locks.h"

#include "reference/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* An existing file is opened for reading only: enough for flock, and it works on another user's. */
static int lock_file_open(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT)
        fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    return fd;
}

static int store_lock_open(const char *store)
{
    char path[PATH_MAX];
    int fd;

    if (snprintf(path, sizeof path, "%s/lock", store) >= (int)sizeof path)
        return err_set(ERR_RANGE, "%s: path too long", store);
    fd = lock_file_open(path);
    return fd < 0 ? err_set(ERR_IO, "%s: %s", path, strerror(errno)) : fd;
}

int lock_repository(const char *store, FILE *say, bool wait)
{
    int fd = store_lock_open(store);

    TRY(fd);
    for (int i = 0; i < 5; i++) { /* `ratchet status` looks by holding it for an instant */
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        usleep(20000);
    }
    if (wait && say)
        fprintf(say, "another ratchet is at work in this repository; waiting for it\n");
    if (wait && flock(fd, LOCK_EX) == 0)
        return fd;
    close(fd);
    return err_set(ERR_CONFLICT,
                   "another ratchet is at work in this repository; try again when it is "
                   "done");
}

int lock_repository_busy(const char *store)
{
    int fd = store_lock_open(store), busy;

    if (fd < 0)
        return 0;
    busy = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    return busy;
}
