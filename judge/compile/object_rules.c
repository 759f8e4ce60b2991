/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/object_reader.h"

#include "reference/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

static void complain(struct object_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void complain(struct object_reader *r, const char *fmt, ...)
{
    va_list args;

    if (r->out->fault[0])
        return;
    va_start(args, fmt);
    vsnprintf(r->out->fault, sizeof r->out->fault, fmt, args);
    va_end(args);
}

static int index_of(const char *const *list, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return i;
    return -1;
}

static bool is_below(const char *name, const char *stem)
{
    size_t n = strlen(stem);

    return strncmp(name, stem, n) == 0 && (name[n] == '\0' || name[n] == '.');
}

/* --- sections --- */

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

/* Allocated sections: which flags and types go with which name. */
static bool section_is_plain(const char *name, const GElf_Shdr *h)
{
    uint64_t flags = h->sh_flags & ~(uint64_t)SHF_ALLOC;

    if (h->sh_type != SHT_PROGBITS && h->sh_type != SHT_NOBITS)
        return h->sh_type == SHT_NOTE && !flags && is_below(name, ".note");
    if (is_below(name, ".text"))
        return flags == SHF_EXECINSTR && h->sh_type == SHT_PROGBITS;
    if (is_below(name, ".rodata"))
        return !(flags & ~(uint64_t)(SHF_MERGE | SHF_STRINGS)) && h->sh_type == SHT_PROGBITS;
    if (is_below(name, ".data"))
        return flags == SHF_WRITE && h->sh_type == SHT_PROGBITS;
    return is_below(name, ".bss") && flags == SHF_WRITE && h->sh_type == SHT_NOBITS;
}

static bool name_is_plain(const char *name)
{
    return !name[strspn(name,
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$-")];
}

void object__section_check(struct object_reader *r, const char *name, const GElf_Shdr *h)
{
    if (!(h->sh_flags & SHF_ALLOC)) {
        if (h->sh_flags & SHF_EXECINSTR && !is_below(name, ".note.GNU-stack"))
            complain(r, "the kernel has code in section %s, which is not loaded", name);
        if (h->sh_type == SHT_GROUP)
            complain(r, "the kernel has a section group; one file of plain C has none");
        return;
    }
    if (!name_is_plain(name))
        complain(r, "the name of a section of the kernel has odd characters");
    if (h->sh_flags & SHF_WRITE)
        r->state_bytes += h->sh_size;
    if (h->sh_size == 0 && is_below(name, ".bss"))
        return;
    if (section_runs_unasked(name, h))
        complain(r,
                 "the kernel has a section %s; constructors, destructors and thread-local data are "
                 "not allowed",
                 name);
    if (h->sh_flags & SHF_EXECINSTR && h->sh_flags & SHF_WRITE)
        complain(r, "section %s of the kernel is both writable and executable", name);
    if (!section_is_plain(name, h))
        complain(r,
                 "section %s of the kernel has type %u and flags 0x%llx: code goes to .text*, "
                 "constants to .rodata*, neither writable",
                 name, h->sh_type, (unsigned long long)h->sh_flags);
    if (h->sh_flags & SHF_EXECINSTR && h->sh_size)
        for (size_t i = 0; i < r->out->text.n; i++)
            if (strcmp(r->out->text.name[i], name) == 0)
                complain(r, "two sections of the kernel are named %s", name);
}

/* --- symbols --- */

/* Where it is defined, whatever its name. */
static void definition_check(struct object_reader *r, const GElf_Sym *s, const char *name)
{
    int type = GELF_ST_TYPE(s->st_info);
    Elf_Scn *section = s->st_shndx < SHN_LORESERVE ? elf_getscn(r->elf, s->st_shndx) : NULL;
    GElf_Shdr h;

    if (type == STT_GNU_IFUNC)
        complain(r,
                 "the kernel resolves %s while it is loaded (ifunc); choose by the team's features "
                 "instead",
                 name);
    if (type == STT_TLS)
        complain(r, "%s is thread-local; a kernel keeps no state", name);
    if (s->st_shndx == SHN_ABS && type != STT_FILE)
        complain(r, "%s is an absolute address; a kernel has none", name);
    else if (s->st_shndx == SHN_COMMON)
        r->state_bytes += s->st_size;
    else if (s->st_shndx >= SHN_LORESERVE && s->st_shndx != SHN_ABS)
        complain(r, "%s lies in an odd place", name);
    if (section && s->st_shndx != SHN_UNDEF && gelf_getshdr(section, &h) &&
        h.sh_flags & SHF_EXECINSTR && type != STT_FUNC && type != STT_NOTYPE && type != STT_SECTION)
        complain(r, "%s lies among code and is not a function: constants go to .rodata", name);
}

void object__symbol_check(struct object_reader *r, const GElf_Sym *s)
{
    const char *name = object__symbol_name(r, s);
    int visibility = GELF_ST_VISIBILITY(s->st_other), which;

    if (GELF_ST_TYPE(s->st_info) != STT_FILE && (!name_is_plain(name) || strchr(name, '-')))
        complain(r, "the name of a symbol of the kernel has odd characters");
    definition_check(r, s, name);
    if (GELF_ST_BIND(s->st_info) == STB_LOCAL)
        return;
    if (s->st_shndx == SHN_UNDEF) {
        if (index_of(imports_allowed, N_IMPORTS, name) < 0)
            complain(r,
                     "the kernel calls or reads %s; only memcpy, memmove and memset may stay "
                     "undefined",
                     name);
        if (GELF_ST_BIND(s->st_info) == STB_WEAK)
            complain(r, "the kernel asks whether %s exists (a weak reference)", name);
        return;
    }
    if (visibility == STV_HIDDEN || visibility == STV_INTERNAL)
        return;
    which = index_of(exports_wanted, N_EXPORTS, name);
    if (which < 0) {
        complain(r,
                 "the kernel exports %s; only the contract's four symbols may be visible (make it "
                 "static)",
                 name);
        return;
    }
    r->exported |= 1u << which;
    if (which >= 2)
        r->string_symbol[which - 2] = *s;
}

/* --- relocations --- */

static bool relocation_is_plain(uint64_t type, const GElf_Shdr *target)
{
    switch (type) {
    case R_X86_64_64:
        return target->sh_flags & SHF_WRITE; /* else the loader would write into code */
    case R_X86_64_PC32:
    case R_X86_64_PC64:
    case R_X86_64_PLT32:
    case R_X86_64_GOTPCREL:
    case R_X86_64_GOTPCRELX:
    case R_X86_64_REX_GOTPCRELX:
    case R_X86_64_32: /* these two the linker refuses in its own words */
    case R_X86_64_32S:
        return true;
    default:
        return false;
    }
}

int object__relocations_check(struct object_reader *r, Elf_Scn *section, const GElf_Shdr *h)
{
    const char *name = object__section_name(r, h->sh_info);
    Elf_Data *data = elf_getdata(section, NULL);
    size_t n = h->sh_entsize ? h->sh_size / h->sh_entsize : 0;
    GElf_Shdr target;

    if (!gelf_getshdr(elf_getscn(r->elf, h->sh_info), &target))
        return err_set(ERR_FORMAT, "object: relocations without a section");
    if (!(target.sh_flags & SHF_ALLOC))
        return 0;
    if (h->sh_type == SHT_REL || target.sh_type != SHT_PROGBITS)
        complain(r, "the kernel has relocations of an odd kind in section %s", name);
    for (size_t i = 0; i < n && h->sh_type == SHT_RELA; i++) {
        GElf_Rela rela;
        GElf_Sym s;
        const char *to;

        if (!gelf_getrela(data, (int)i, &rela) ||
            !gelf_getsym(r->symbols, (int)GELF_R_SYM(rela.r_info), &s))
            return err_set(ERR_FORMAT, "object: relocation %zu: %s", i, elf_errmsg(-1));
        to = object__symbol_name(r, &s);
        if (index_of(exports_wanted + 2, 2, to) >= 0)
            complain(r, "the kernel reads its own %s, whose wording is not part of the code", to);
        if (!relocation_is_plain(GELF_R_TYPE(rela.r_info), &target))
            complain(r,
                     "section %s of the kernel has a relocation of type %llu at 0x%llx: refer to "
                     "symbols relative to the instruction",
                     name, (unsigned long long)GELF_R_TYPE(rela.r_info),
                     (unsigned long long)rela.r_offset);
    }
    return 0;
}

void object__whole_check(struct object_reader *r)
{
    for (int i = 0; i < N_EXPORTS; i++)
        if (!(r->exported >> i & 1))
            complain(r, "the kernel does not export %s", exports_wanted[i]);
    if (r->state_bytes > OBJECT_STATE_BYTES)
        complain(
            r,
            "the kernel has %zu bytes of writable data (.data, .bss); %d are allowed: it keeps "
            "no state, and working memory is the team's scratch",
            r->state_bytes, OBJECT_STATE_BYTES);
}
