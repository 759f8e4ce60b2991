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

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

/* A shared mapping at a multiple of a large page; NULL when there is no room. What was reserved
 * around it for that goes back. */
static unsigned char *map_aligned(int fd, size_t bytes)
{
    size_t room = bytes + WORKER_LARGE_PAGE;
    unsigned char *all = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *p;

    if (all == MAP_FAILED)
        return NULL;
    p = (unsigned char *)size_align((size_t)all, WORKER_LARGE_PAGE);
    if (p > all)
        munmap(all, (size_t)(p - all));
    if (all + room > p + bytes)
        munmap(p + bytes, (size_t)(all + room - (p + bytes)));
    if (mmap(p, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == p)
        return p;
    munmap(p, bytes);
    return NULL;
}

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
    s.data = map_aligned(s.fd, s.bytes);
    if (!s.data)
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

void segment_large_pages(const struct segment *s)
{
    /* Refused by older systems, and where no large page is free: then small ones do. */
    (void)madvise(s->data, s->bytes / WORKER_LARGE_PAGE * WORKER_LARGE_PAGE, MADV_COLLAPSE);
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
