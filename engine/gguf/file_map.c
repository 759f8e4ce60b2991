/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/gguf/file_map.h"

#include "reference/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int file_map_open(const char *path, struct file_map *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
    struct stat st;

    *out = (struct file_map){0};
    if (fd < 0)
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (fstat(fd, &st)) {
        rc = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        rc = err_set(ERR_IO, "%s: not a regular file", path);
    } else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

        if (p == MAP_FAILED)
            rc = err_set(ERR_IO, "%s: mmap: %s", path, strerror(errno));
        else
            *out = (struct file_map){p, (size_t)st.st_size};
    }
    close(fd);
    return rc;
}

void file_map_close(struct file_map *m)
{
    if (m->data)
        munmap(m->data, m->bytes);
    *m = (struct file_map){0};
}
