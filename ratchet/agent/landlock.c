/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/landlock.h"

#include "reference/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of Debian 12. */
#define RIGHT_TRUNCATE (1ULL << 14)
#define SCOPE_SIGNAL   (1ULL << 1)

struct ruleset {
    uint64_t fs, net, scoped;
};

static const uint64_t MAKE_AND_REMOVE =
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom",
                                      "/dev/tty",  "/dev/ptmx", "/dev/pts"};

int landlock_version(void)
{
    long v = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return v > 0 ? (int)v : 0;
}

static uint64_t rights_of(int version, bool folder)
{
    uint64_t rights =
        LANDLOCK_ACCESS_FS_WRITE_FILE | (version >= LANDLOCK_KEEPS_FILES ? RIGHT_TRUNCATE : 0);

    if (folder)
        rights |= MAKE_AND_REMOVE | (version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0);
    return rights;
}

static int allow(int ruleset, int version, const char *path)
{
    struct landlock_path_beneath_attr rule = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
    struct stat st;
    long rc;

    if (rule.parent_fd < 0)
        return errno == ENOENT ? 0 : err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (fstat(rule.parent_fd, &st))
        st.st_mode = 0;
    rule.allowed_access = rights_of(version, S_ISDIR(st.st_mode));
    rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(rule.parent_fd);
    return rc ? err_set(ERR_IO, "landlock: %s: %s", path, strerror(errno)) : 0;
}

int landlock_confine(const char *const *paths, size_t n)
{
    int version = landlock_version(), fd, rc = 0;
    struct ruleset what = {.fs = rights_of(version, true),
                           .scoped = version >= LANDLOCK_KEEPS_PROCESSES ? SCOPE_SIGNAL : 0};
    size_t bytes = version >= LANDLOCK_KEEPS_PROCESSES ? sizeof what : sizeof what.fs;

    if (version == 0)
        return err_set(ERR_UNSUPPORTED, "this system's kernel has no Landlock");
    fd = (int)syscall(SYS_landlock_create_ruleset, &what, bytes, 0);
    if (fd < 0)
        return err_set(ERR_IO, "landlock: %s", strerror(errno));
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = allow(fd, version, paths[i]);
    for (size_t i = 0; rc == 0 && i < sizeof devices / sizeof *devices; i++)
        rc = allow(fd, version, devices[i]);
    if (rc == 0 &&
        (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_landlock_restrict_self, fd, 0)))
        rc = err_set(ERR_IO, "landlock: %s", strerror(errno));
    close(fd);
    return rc;
}
