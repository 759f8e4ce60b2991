/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/resident.h"

#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t huge_page_bytes = (size_t)2 << 20;

static const double gib = 1 << 30;

/* Physical memory; without an answer, no limit. */
static size_t machine_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t bytes;

    return pages > 0 && page > 0 && size_mul((size_t)pages, (size_t)page, &bytes) ? bytes
                                                                                  : SIZE_MAX;
}

int resident_map(size_t bytes, const char *what, struct resident *out)
{
    size_t total;

    *out = (struct resident){0};
    if (!size_add(bytes, 2 * huge_page_bytes, &total))
        return err_set(ERR_NOMEM, "%s: %zu bytes are too many", what, bytes);
    /* The system promises any amount and kills whoever takes it at its word. */
    if (bytes > machine_bytes())
        return err_set(ERR_NOMEM, "%s: %.1f GiB are needed, this machine has %.1f", what,
                       (double)bytes / gib, (double)machine_bytes() / gib);
    total = size_align(bytes, huge_page_bytes) + huge_page_bytes;
    void *map = mmap(NULL, total, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        return err_set(ERR_NOMEM, "%s: the system has no %zu bytes", what, bytes);
    out->map = map;
    out->map_bytes = total;
    out->bytes = bytes;
    out->data = (char *)map + (size_align((uintptr_t)map, huge_page_bytes) - (uintptr_t)map);
    /* A wish: small mappings stay on small pages, and a system without huge pages says no. */
    if (bytes >= huge_page_bytes)
        madvise(out->data, size_align(bytes, huge_page_bytes), MADV_HUGEPAGE);
    return 0;
}

/* What is left of the mapping's slack before or behind `data` stays outside the advice, so the range
 * that the system reports as one is this one alone. */
size_t resident_huge_bytes(const struct resident *r)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    size_t bytes = 0, kib;
    bool inside = false;
    char line[256];

    while (f && fgets(line, sizeof line, f)) {
        uintptr_t from, to;

        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
            inside = from <= (uintptr_t)r->data && (uintptr_t)r->data < to;
        else if (inside && sscanf(line, "AnonHugePages: %zu kB", &kib) == 1)
            bytes = kib << 10;
    }
    if (f)
        fclose(f);
    return bytes < r->bytes ? bytes : r->bytes;
}

size_t process_peak_bytes(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    size_t bytes = 0, kib;
    char line[256];

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %zu kB", &kib) == 1)
            bytes = kib << 10;
    if (f)
        fclose(f);
    return bytes;
}

void resident_unmap(struct resident *r)
{
    if (r->map)
        munmap(r->map, r->map_bytes);
    *r = (struct resident){0};
}
