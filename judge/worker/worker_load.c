/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/worker/worker_parts.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

unsigned char *worker_file_map(int fd, size_t offset, size_t bytes, int protection, int flags,
                               void *at)
{
    void *p;

    if (!(flags & MAP_PRIVATE))
        flags |= MAP_SHARED;
    p = mmap(at, bytes, protection, flags, fd, (off_t)offset);
    if (p == MAP_FAILED)
        worker_fail("mapping the judge's memory", strerror(errno));
    return p;
}

#ifdef WORKER_SANITIZED

void worker_object_load(const char *path, struct worker_entry *out)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!object)
        worker_fail("loading the kernel", dlerror());
    *(void **)&out->kernel_fn = dlsym(object, "kernel_fn");
    *(void **)&out->tiling_fn = dlsym(object, "get_tiling_meta");
    if (!out->kernel_fn || !out->tiling_fn)
        worker_fail("loading the kernel", "kernel_fn or get_tiling_meta is missing");
}

#else

static void image_relocate(unsigned char *image, const struct worker_image *head)
{
    const struct worker_relocation *r = (const void *)(head + 1);
    const uint64_t base[] = {
        [WORKER_BASE_IMAGE] = (uint64_t)(uintptr_t)image,
        [WORKER_BASE_MEMCPY] = (uint64_t)(uintptr_t)memcpy,
        [WORKER_BASE_MEMMOVE] = (uint64_t)(uintptr_t)memmove,
        [WORKER_BASE_MEMSET] = (uint64_t)(uintptr_t)memset,
    };

    for (uint32_t i = 0; i < head->n_relocations; i++) {
        uint64_t value = base[r[i].base] + r[i].addend;

        memcpy(image + r[i].at, &value, sizeof value);
    }
}

static void protect(unsigned char *at, size_t bytes, int protection)
{
    if (mprotect(at, bytes, protection))
        worker_fail("protecting the kernel", strerror(errno));
}

void worker_image_load(size_t image_bytes, struct worker_entry *out)
{
    struct stat st;
    const struct worker_image *head;
    unsigned char *room, *image;

    if (fstat(WORKER_IMAGE, &st))
        worker_fail("the kernel's image", strerror(errno));
    room = mmap(NULL, image_bytes + 2 * WORKER_PAGE, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        worker_fail("reserving memory", strerror(errno));
    image = worker_file_map(WORKER_IMAGE, 0, image_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, room + WORKER_PAGE);
    head = (const void *)worker_file_map(WORKER_IMAGE, image_bytes,
                                         (size_t)st.st_size - image_bytes, PROT_READ, 0, NULL);
    image_relocate(image, head);
    protect(image, image_bytes, PROT_NONE);
    for (uint32_t i = 0; i < head->n_parts; i++)
        protect(image + head->parts[i].at, head->parts[i].bytes, head->parts[i].protection);
    *(void **)&out->kernel_fn = image + head->kernel_fn;
    *(void **)&out->tiling_fn = image + head->tiling_fn;
}

#endif
