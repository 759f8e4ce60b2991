/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/gguf/file_writer.h"

#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file_writer {
    char path[PATH_MAX], tmp[PATH_MAX];
    FILE *f; /* on tmp */
    unsigned mode;
    size_t at;
};

int file_writer_open(const char *path, unsigned mode, struct file_writer **out)
{
    struct file_writer *w;
    struct stat st;
    int fd;

    *out = NULL;
    /* Finishing renames: it would put a file where a device or a pipe was. */
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(ERR_IO, "%s: not a regular file", path);
    w = calloc(1, sizeof *w);
    if (!w)
        return err_set(ERR_NOMEM, "%s: no memory", path);
    if (snprintf(w->path, sizeof w->path, "%s", path) >= (int)sizeof w->path ||
        snprintf(w->tmp, sizeof w->tmp, "%s.XXXXXX", path) >= (int)sizeof w->tmp) {
        free(w);
        return err_set(ERR_RANGE, "the output path is too long");
    }
    w->mode = mode;
    fd = mkstemp(w->tmp);
    if (fd >= 0)
        w->f = fdopen(fd, "wb");
    if (!w->f) {
        int rc = err_set(ERR_IO, "%s: %s", path, strerror(errno));

        if (fd >= 0) {
            close(fd);
            unlink(w->tmp);
        }
        free(w);
        return rc;
    }
    *out = w;
    return 0;
}

int file_writer_add(struct file_writer *w, const void *data, size_t bytes)
{
    if (bytes && fwrite(data, 1, bytes, w->f) != bytes)
        return err_set(ERR_IO, "%s: %s", w->path, strerror(errno));
    w->at += bytes;
    return 0;
}

int file_writer_align(struct file_writer *w, size_t align)
{
    static const char zeros[64];
    size_t left = size_align(w->at, align) - w->at;

    while (left) {
        size_t n = left < sizeof zeros ? left : sizeof zeros;

        TRY(file_writer_add(w, zeros, n));
        left -= n;
    }
    return 0;
}

size_t file_writer_at(const struct file_writer *w)
{
    return w->at;
}

int file_writer_finish(struct file_writer **out)
{
    struct file_writer *w = *out;

    if (fflush(w->f) || fchmod(fileno(w->f), w->mode) || fsync(fileno(w->f)) ||
        rename(w->tmp, w->path))
        return err_set(ERR_IO, "%s: %s", w->path, strerror(errno));
    fclose(w->f);
    free(w);
    *out = NULL;
    return 0;
}

void file_writer_abandon(struct file_writer **w)
{
    if (!*w)
        return;
    fclose((*w)->f);
    unlink((*w)->tmp);
    free(*w);
    *w = NULL;
}
