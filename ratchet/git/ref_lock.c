/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/git/ref_lock.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 20, TRIES = (REF_LOCK_SECONDS + 2) * 1000 / WAIT_MS };

bool ref_lock_wait(git_repository *repo, const char *ref, int *tries)
{
    char path[PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s%s.lock", git_repository_commondir(repo), ref);

    if (n >= (int)sizeof path || (*tries)++ >= TRIES)
        return false;
    if (stat(path, &st) == 0 && time(NULL) - st.st_mtime > REF_LOCK_SECONDS)
        return unlink(path) == 0 || errno == ENOENT;
    usleep(WAIT_MS * 1000);
    return true;
}
