/* SPDX-License-Identifier: Apache-2.0
 *
 * image.h: the linked kernel as a worker is given it. A dynamic linker runs constructors, resolves
 * names and obeys whatever a file asks for; so the judge reads the shared object itself, refuses
 * all that a kernel has no business with, and hands over bytes, protections and plain relocations
 * (struct worker_image). No candidate code runs for that. Inside judge/ only. */
#ifndef PAWL_IMAGE_H
#define PAWL_IMAGE_H

#include "judge/worker/segment.h"
#include "judge/worker/worker.h"

/* Bytes of address space a kernel may take. */
#define IMAGE_MAX_BYTES ((size_t)64 << 20)

struct image {
    struct segment file;                         /* sealed: content, head, relocations */
    size_t bytes;                                /* of the content, whole pages */
    const struct worker_image *head;             /* in the judge's mapping of `file` */
    const struct worker_relocation *relocations; /* [head->n_relocations], likewise */
};

/* Read the shared object at `path`. Error: ERR_IO; ERR_FORMAT, naming what is malformed or not
 * allowed: another machine or file type, thread-local data, indirect functions, constructors or
 * destructors, undefined symbols but memcpy, memmove and memset, relocations of other types or into
 * read-only memory, segments both writable and executable or sharing a page, more than
 * IMAGE_MAX_BYTES. The caller calls image_deinit. */
int image_init(const char *path, struct image *out);
void image_deinit(struct image *image);

#endif
