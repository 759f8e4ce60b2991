/* SPDX-License-Identifier: Apache-2.0
 *
 * segment.h: a memory file that the judge keeps mapped for writing and shares with a worker. After
 * segment_seal nobody can map it for writing any more, while the judge's own mapping stays
 * writable: inputs can be refilled, yet no worker can change them. Inside judge/ only.
 *
 * A mapping of a segment, here or in a worker, starts at a multiple of WORKER_LARGE_PAGE, so that
 * large pages of the file can be large pages of the mapping. */
#ifndef PAWL_SEGMENT_H
#define PAWL_SEGMENT_H

#include <stddef.h>

struct segment {
    int fd;              /* close-on-exec */
    size_t bytes;        /* multiple of the page size */
    unsigned char *data; /* the judge's mapping */
};

/* An empty segment: closing it does nothing. */
#define SEGMENT_NONE ((struct segment){.fd = -1})

/* Zero-filled, `bytes` (>= 1) rounded up to whole pages, never to grow or shrink. Error: ERR_IO. */
int segment_open(const char *name, size_t bytes, struct segment *out);

/* Forbid later writable mappings and other seals. Error: ERR_IO. */
int segment_seal(const struct segment *s);

/* Move a filled, unsealed segment onto 2 MiB pages where the system gives them, as the engine holds
 * its weights: otherwise it stays as it is. Mappings of it must not live in other processes. */
void segment_large_pages(const struct segment *s);

/* Give whole pages of an unsealed segment back to the system: they read as zeros, in every mapping.
 * Error: ERR_IO. */
int segment_drop(const struct segment *s, size_t offset, size_t bytes);

/* Unmap and close; *s becomes SEGMENT_NONE. Workers keep their own mappings. */
void segment_close(struct segment *s);

#endif
