/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/worker/segment.h"

#include "judge/worker/worker.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int segment_open(const char *name, size_t bytes, struct segment *out)
{
    struct segment s = SEGMENT_NONE;

    *out = s;
    s.bytes = size_align(bytes ? bytes : 1, WORKER_PAGE);
    s.fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (s.fd < 0)
        return err_set(ERR_IO, "memory file %s: %s", name, strerror(errno));
    if (ftruncate(s.fd, (off_t)s.bytes) || fcntl(s.fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK))
        goto fail;
    s.data = mmap(NULL, s.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s.fd, 0);
    if (s.data == MAP_FAILED)
        goto fail;
    *out = s;
    return 0;
fail:
    err_set(ERR_IO, "memory file %s of %zu bytes: %s", name, s.bytes, strerror(errno));
    close(s.fd);
    return ERR_IO;
}

int segment_seal(const struct segment *s)
{
    if (fcntl(s->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL))
        return err_set(ERR_IO, "sealing a memory file: %s", strerror(errno));
    return 0;
}

int segment_drop(const struct segment *s, size_t offset, size_t bytes)
{
    if (bytes &&
        fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes))
        return err_set(ERR_IO, "dropping pages of a memory file: %s", strerror(errno));
    return 0;
}

void segment_close(struct segment *s)
{
    if (s->data)
        munmap(s->data, s->bytes);
    if (s->fd >= 0)
        close(s->fd);
    *s = SEGMENT_NONE;
}
