/* SPDX-License-Identifier: Apache-2.0
 *
 * object.h: what a compiled kernel object contains, read with libelf before anything of it is
 * linked or run: its exports and imports against the contract, its code key, and the sections that
 * a layout may reorder. Inside judge/ only. */
#ifndef PAWL_OBJECT_H
#define PAWL_OBJECT_H

#include "reference/base/sha256.h"

#include <stdbool.h>
#include <stddef.h>

/* Names of sections, in the object's order. */
struct object_names {
    char **name;
    size_t n;
};

struct object {
    char fault[256];                  /* "" or how the contract is broken, naming the symbol */
    char code_key[SHA256_HEX];        /* "" with a fault */
    struct object_names text, rodata; /* sections with code; read-only data (.rodata*) */
};

/* Read the relocatable file at `path`. The code key digests, of every allocated section, header
 * fields, bytes (those of kernel_name and problem_description as zeros) and relocations, then the
 * exports: so comments, file names and the two strings' wording do not count. Error: ERR_IO,
 * ERR_FORMAT (no x86-64 relocatable ELF). The caller calls object_deinit. */
int object_init(const char *path, struct object *out);
void object_deinit(struct object *o);

#endif
