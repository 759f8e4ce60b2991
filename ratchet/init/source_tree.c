/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/init/source_tree.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static bool holds(const char *folder, const char *name)
{
    char path[PATH_MAX + 32];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, R_OK) == 0;
}

int source_tree_find(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    char self[PATH_MAX];

    if (n < 0)
        return err_set(ERR_IO, "/proc/self/exe: %s", strerror(errno));
    out[n] = '\0';
    memcpy(self, out, (size_t)n + 1);
    for (char *slash; (slash = strrchr(out, '/')) && slash != out;) {
        *slash = '\0';
        if (holds(out, "Makefile") && holds(out, "judge/hash.sh"))
            return 0;
    }
    return err_set(ERR_UNSUPPORTED,
                   "Pawl's source tree is not above %s: the judge of a problem is linked there; "
                   "keep the tree, and run the ratchet of its build/bin",
                   self);
}

int source_tree_digest(const char *tree, char hex[SHA256_HEX])
{
    char *argv[] = {"sh", "judge/hash.sh", "--shared", NULL};
    struct strbuf text = {0};
    int rc = process_run(argv, tree, 60, &text);

    if (rc == 0 && text.len == SHA256_HEX) /* a newline takes the place of the NUL */
        snprintf(hex, SHA256_HEX, "%.*s", SHA256_HEX - 1, text.data);
    else if (rc >= 0)
        rc = err_set(ERR_IO, "%s/judge/hash.sh --shared: %s", tree, strbuf_str(&text));
    strbuf_deinit(&text);
    return rc;
}

/* Its name is that of the Makefile's P_ID. */
static int programs_path(const char *tree, const char *folder, char out[PATH_MAX])
{
    char hex[SHA256_HEX];

    sha256_hex(folder, strlen(folder), hex);
    if (snprintf(out, PATH_MAX, "%s/build/problems/%s-%.12s", tree, strrchr(folder, '/') + 1,
                 hex) >= PATH_MAX)
        return err_set(ERR_RANGE, "%s: path too long", folder);
    return 0;
}

static int make(const char *tree, const char *folder, FILE *say)
{
    struct strbuf variable = {0}, said = {0};
    int rc;

    strbuf_addf(&variable, "PROBLEM=%s", folder);
    rc = process_run((char *[]){"make", "--no-print-directory", variable.data, NULL}, tree, 0,
                     &said);
    if (rc > 0) {
        if (say)
            fputs(strbuf_str(&said), say);
        rc = err_set(ERR_CONFLICT, "the judge of %s could not be built", folder);
    }
    strbuf_deinit(&variable);
    strbuf_deinit(&said);
    return rc;
}

int source_tree_build(const char *tree, const char *folder, FILE *say, char programs[PATH_MAX])
{
    char lock[PATH_MAX + 32];
    int fd, rc;

    TRY(programs_path(tree, folder, programs));
    if (say && access(programs, F_OK))
        fprintf(say, "ratchet: building the judge of %s (make PROBLEM=%s)\n", folder, folder);
    snprintf(lock, sizeof lock, "%s/build/problems.lock", tree);
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        rc = err_set(ERR_IO, "%s: %s", lock, strerror(errno));
    else
        rc = make(tree, folder, say);
    if (fd >= 0)
        close(fd);
    return rc;
}
