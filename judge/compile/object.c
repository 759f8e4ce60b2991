/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/object.h"

#include "reference/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const exports_wanted[] = {
    "get_tiling_meta",
    "kernel_fn",
    "kernel_name",
    "problem_description",
};
enum { N_EXPORTS = sizeof exports_wanted / sizeof exports_wanted[0] };

static const char *const imports_allowed[] = {
    "_GLOBAL_OFFSET_TABLE_",
    "memcpy",
    "memmove",
    "memset",
};
enum { N_IMPORTS = sizeof imports_allowed / sizeof imports_allowed[0] };

/* One file being read. */
struct reader {
    Elf *elf;
    size_t names; /* section of the section names */
    Elf_Data *symbols;
    size_t n_symbols, symbol_names;
    GElf_Sym string_symbol[2]; /* kernel_name, problem_description */
    struct object *out;
};

static int index_of(const char *const *list, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return i;
    return -1;
}

static const char *section_name(const struct reader *r, size_t index)
{
    GElf_Shdr h;
    Elf_Scn *s = index < SHN_LORESERVE ? elf_getscn(r->elf, index) : NULL;
    const char *name = s && gelf_getshdr(s, &h) ? elf_strptr(r->elf, r->names, h.sh_name) : NULL;

    return name ? name : "";
}

static const char *symbol_name(const struct reader *r, const GElf_Sym *s)
{
    const char *name = elf_strptr(r->elf, r->symbol_names, s->st_name);

    return name ? name : "";
}

static void names_add(struct object_names *list, const char *name)
{
    char **grown = realloc(list->name, (list->n + 1) * sizeof *grown);
    char *copy = strdup(name);

    if (!grown || !copy)
        abort();
    list->name = grown;
    list->name[list->n++] = copy;
}

static void names_deinit(struct object_names *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->name[i]);
    free(list->name);
}

/* True for what a loader acts on before the contract's functions are called: constructors,
 * destructors and thread-local data. */
static bool section_runs_unasked(const char *name, const GElf_Shdr *h)
{
    static const char *const stems[] = {".init", ".fini", ".preinit", ".ctors", ".dtors"};

    for (size_t i = 0; i < sizeof stems / sizeof stems[0]; i++)
        if (strncmp(name, stems[i], strlen(stems[i])) == 0)
            return true;
    return h->sh_type == SHT_INIT_ARRAY || h->sh_type == SHT_FINI_ARRAY ||
           h->sh_type == SHT_PREINIT_ARRAY || h->sh_flags & SHF_TLS;
}

/* Find the symbol table and sort the sections. */
static int sections_scan(struct reader *r)
{
    Elf_Scn *s = NULL;

    while ((s = elf_nextscn(r->elf, s))) {
        const char *name = section_name(r, elf_ndxscn(s));
        GElf_Shdr h;

        if (!gelf_getshdr(s, &h))
            return err_set(ERR_FORMAT, "object: section %zu: %s", elf_ndxscn(s), elf_errmsg(-1));
        if (h.sh_type == SHT_SYMTAB) {
            r->symbols = elf_getdata(s, NULL);
            r->n_symbols = h.sh_entsize ? h.sh_size / h.sh_entsize : 0;
            r->symbol_names = h.sh_link;
        }
        if (!(h.sh_flags & SHF_ALLOC) || h.sh_size == 0)
            continue;
        if (section_runs_unasked(name, &h) && !r->out->fault[0])
            snprintf(r->out->fault, sizeof r->out->fault,
                     "the kernel has a section %s; constructors, destructors and thread-local data "
                     "are not allowed",
                     name);
        if (h.sh_flags & SHF_EXECINSTR)
            names_add(&r->out->text, name);
        else if (h.sh_type == SHT_PROGBITS && !(h.sh_flags & SHF_WRITE) &&
                 strncmp(name, ".rodata", 7) == 0)
            names_add(&r->out->rodata, name);
    }
    if (!r->symbols)
        return err_set(ERR_FORMAT, "object: no symbol table");
    return 0;
}

/* Compare exports and imports with the contract; the first fault is kept. */
static int symbols_check(struct reader *r)
{
    char *fault = r->out->fault;
    size_t room = sizeof r->out->fault;
    unsigned seen = 0;

    for (size_t i = 1; i < r->n_symbols; i++) {
        GElf_Sym s;
        const char *name;
        int which;

        if (!gelf_getsym(r->symbols, (int)i, &s))
            return err_set(ERR_FORMAT, "object: symbol %zu: %s", i, elf_errmsg(-1));
        name = symbol_name(r, &s);
        if (GELF_ST_TYPE(s.st_info) == STT_GNU_IFUNC && !fault[0])
            snprintf(fault, room,
                     "the kernel resolves %s while it is loaded (ifunc); choose by the team's "
                     "features instead",
                     name);
        if (GELF_ST_BIND(s.st_info) == STB_LOCAL)
            continue;
        if (s.st_shndx == SHN_UNDEF) {
            if (index_of(imports_allowed, N_IMPORTS, name) < 0 && !fault[0])
                snprintf(fault, room,
                         "the kernel calls or reads %s; only memcpy, memmove and memset may stay "
                         "undefined",
                         name);
            continue;
        }
        if (GELF_ST_VISIBILITY(s.st_other) == STV_HIDDEN ||
            GELF_ST_VISIBILITY(s.st_other) == STV_INTERNAL)
            continue;
        which = index_of(exports_wanted, N_EXPORTS, name);
        if (which < 0 && !fault[0])
            snprintf(fault, room,
                     "the kernel exports %s; only the contract's four symbols may be "
                     "visible (make it static)",
                     name);
        if (which < 0)
            continue;
        seen |= 1u << which;
        if (which >= 2)
            r->string_symbol[which - 2] = s;
    }
    for (int i = 0; i < N_EXPORTS; i++)
        if (!(seen >> i & 1) && !fault[0])
            snprintf(fault, room, "the kernel does not export %s", exports_wanted[i]);
    return 0;
}

static void digest_text(struct sha256 *d, const char *text)
{
    sha256_add(d, text, strlen(text) + 1);
}

static void digest_number(struct sha256 *d, uint64_t n)
{
    sha256_add(d, &n, sizeof n);
}

/* A section's bytes, with the wording of the two strings blanked. */
static int digest_bytes(const struct reader *r, struct sha256 *d, size_t index,
                        const Elf_Data *data)
{
    unsigned char *copy;

    if (!data || !data->d_buf || !data->d_size)
        return 0;
    copy = malloc(data->d_size);
    if (!copy)
        return err_set(ERR_NOMEM, "object: out of memory");
    memcpy(copy, data->d_buf, data->d_size);
    for (int i = 0; i < 2; i++) {
        const GElf_Sym *s = &r->string_symbol[i];

        if (s->st_shndx == index && s->st_value <= data->d_size &&
            s->st_size <= data->d_size - s->st_value)
            memset(copy + s->st_value, 0, s->st_size);
    }
    sha256_add(d, copy, data->d_size);
    free(copy);
    return 0;
}

static int digest_relocations(const struct reader *r, struct sha256 *d, Elf_Scn *section,
                              const GElf_Shdr *h)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t n = h->sh_entsize ? h->sh_size / h->sh_entsize : 0;

    for (size_t i = 0; i < n; i++) {
        GElf_Rela rela;
        GElf_Sym s;

        if (!gelf_getrela(data, (int)i, &rela) ||
            !gelf_getsym(r->symbols, (int)GELF_R_SYM(rela.r_info), &s))
            return err_set(ERR_FORMAT, "object: relocation %zu: %s", i, elf_errmsg(-1));
        digest_number(d, rela.r_offset);
        digest_number(d, GELF_R_TYPE(rela.r_info));
        digest_number(d, (uint64_t)rela.r_addend);
        digest_text(d, section_name(r, s.st_shndx));
        digest_text(d, GELF_ST_TYPE(s.st_info) == STT_SECTION ? "" : symbol_name(r, &s));
        digest_number(d, s.st_value);
    }
    return 0;
}

static int code_key(const struct reader *r, struct sha256 *d)
{
    Elf_Scn *s = NULL;

    while ((s = elf_nextscn(r->elf, s))) {
        size_t index = elf_ndxscn(s);
        GElf_Shdr h, target;

        if (!gelf_getshdr(s, &h))
            return err_set(ERR_FORMAT, "object: section %zu: %s", index, elf_errmsg(-1));
        if (h.sh_type == SHT_RELA && gelf_getshdr(elf_getscn(r->elf, h.sh_info), &target) &&
            target.sh_flags & SHF_ALLOC) {
            digest_text(d, section_name(r, h.sh_info));
            TRY(digest_relocations(r, d, s, &h));
        }
        if (!(h.sh_flags & SHF_ALLOC))
            continue;
        digest_text(d, section_name(r, index));
        digest_number(d, h.sh_type);
        digest_number(d, h.sh_flags);
        digest_number(d, h.sh_addralign);
        digest_number(d, h.sh_size);
        if (h.sh_type != SHT_NOBITS)
            TRY(digest_bytes(r, d, index, elf_getdata(s, NULL)));
    }
    for (size_t i = 1; i < r->n_symbols; i++) {
        GElf_Sym sym;

        if (!gelf_getsym(r->symbols, (int)i, &sym) || GELF_ST_BIND(sym.st_info) == STB_LOCAL)
            continue;
        digest_text(d, symbol_name(r, &sym));
        digest_text(d, section_name(r, sym.st_shndx));
        digest_number(d, sym.st_value);
    }
    return 0;
}

static int object_read(struct reader *r)
{
    struct sha256 *d = NULL;
    GElf_Ehdr h;
    int rc;

    if (elf_kind(r->elf) != ELF_K_ELF || !gelf_getehdr(r->elf, &h) || h.e_type != ET_REL ||
        h.e_machine != EM_X86_64 || elf_getshdrstrndx(r->elf, &r->names))
        return err_set(ERR_FORMAT, "object: not a relocatable x86-64 ELF file");
    TRY(sections_scan(r));
    TRY(symbols_check(r));
    if (r->out->fault[0])
        return 0;
    TRY(sha256_open(&d));
    rc = code_key(r, d);
    sha256_close(&d, r->out->code_key);
    return rc;
}

int object_init(const char *path, struct object *out)
{
    struct reader r = {.out = out};
    int fd, rc;

    memset(out, 0, sizeof *out);
    elf_version(EV_CURRENT);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    r.elf = elf_begin(fd, ELF_C_READ, NULL);
    rc = r.elf ? object_read(&r) : err_set(ERR_FORMAT, "object: %s", elf_errmsg(-1));
    elf_end(r.elf);
    close(fd);
    if (rc < 0)
        object_deinit(out);
    return rc;
}

void object_deinit(struct object *o)
{
    names_deinit(&o->text);
    names_deinit(&o->rodata);
    memset(o, 0, sizeof *o);
}
