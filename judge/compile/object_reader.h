/* SPDX-License-Identifier: Apache-2.0
 *
 * object_reader.h: an object file while it is being read, shared by object.c (what it contains),
 * object_rules.c (what it may contain) and object_key.c (its digest). Nobody else includes it. */
#ifndef PAWL_OBJECT_READER_H
#define PAWL_OBJECT_READER_H

#include "judge/compile/object.h"

#include <gelf.h>
#include <libelf.h>

struct object_reader {
    Elf *elf;
    size_t names; /* section of the section names */
    Elf_Data *symbols;
    size_t n_symbols, symbol_names;
    GElf_Sym string_symbol[2]; /* kernel_name, problem_description */
    unsigned exported;         /* bit per wanted export, found */
    size_t state_bytes;        /* of writable sections and common symbols so far */
    struct object *out;
};

/* "" for reserved indices and bad names. Borrowed. */
const char *object__section_name(const struct object_reader *r, size_t index);
const char *object__symbol_name(const struct object_reader *r, const GElf_Sym *s);

/* Judge one section, one symbol, one relocation section; the first fault is kept in r->out. The
 * symbol table is known when symbols and relocations are judged. Error: ERR_FORMAT. */
void object__section_check(struct object_reader *r, const char *name, const GElf_Shdr *h);
void object__symbol_check(struct object_reader *r, const GElf_Sym *s);
int object__relocations_check(struct object_reader *r, Elf_Scn *section, const GElf_Shdr *h);

/* After all of them: what is missing or too much in total. */
void object__whole_check(struct object_reader *r);

int object__code_key(const struct object_reader *r, char hex[SHA256_HEX]);

#endif
