/* SPDX-License-Identifier: Apache-2.0
 *
 * object.h: what a compiled kernel object contains, read with libelf before anything of it is
 * linked or run: its exports and imports against the contract, its sections, symbols and
 * relocations, its code key, and the sections that a layout may reorder. object_code.h looks at
 * the instructions. Inside judge/ only. */
#ifndef PAWL_OBJECT_H
#define PAWL_OBJECT_H

#include "reference/base/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a kernel may keep writable, in bytes. It needs none; compilers put constant tables of
 * addresses into .data.rel.ro (the shipped kernel: some hundred bytes). A cache of answers needs
 * more: the smallest timed output is larger than this. */
enum { OBJECT_STATE_BYTES = 4096 };

/* Names of sections, in the object's order. */
struct object_names {
    char **name;
    size_t n;
};

/* A symbol that is defined in a section with code. */
struct object_symbol {
    char *name, *section;
    uint64_t at, bytes; /* offset in the section; 0 bytes when nobody said */
    bool function;
};

struct object {
    char fault[320];                  /* "" or how the contract is broken, naming the symbol */
    bool cheat;                       /* the fault is one that no honest kernel needs */
    char code_key[SHA256_HEX];        /* "" with a fault */
    struct object_names text, rodata; /* sections with code; read-only data (.rodata*) */
    struct object_symbol *symbols;    /* in sections with code */
    size_t n_symbols;
    size_t n_instructions;  /* set by object_code_inspect */
    size_t n_syscall_bytes; /* places in code where the bytes of a system call lie */
    struct {
        uint64_t at, bytes; /* in the file: the wording of one of the two strings */
    } wording[2];
};

/* Read the relocatable file at `path`. The code key digests, of every allocated section, header
 * fields, bytes (those of kernel_name and problem_description as zeros) and relocations, then the
 * exports: so comments, file names and the two strings' wording do not count. Error: ERR_IO,
 * ERR_FORMAT (no x86-64 relocatable ELF). The caller calls object_deinit. */
int object_init(const char *path, struct object *out);

/* Overwrite the wording of the two strings in the file at `path` with zeros: what does not count in
 * the code key cannot decide what the code does. Error: ERR_IO. */
int object_wording_blank(const struct object *o, const char *path);

void object_deinit(struct object *o);

#endif
