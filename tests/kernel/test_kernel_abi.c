/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel looks like from outside: its shared object as the judge loads it. Read with the
 * section and symbol tables of ELF, so that the list of names is exact. */
#include "kernel/kernel.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

struct object {
    struct strbuf file;
    const Elf64_Ehdr *header;
    const Elf64_Shdr *sections;
    const char *names;
};

static void object_open(struct object *o)
{
    const char *bin = getenv("PAWL_BIN");
    char path[1024];

    memset(o, 0, sizeof *o);
    if (SANITIZED)
        cr_skip_test("a sanitizer adds imports and constructors of its own");
    if (!bin)
        cr_skip_test("PAWL_BIN is not set: there is no kernel.so to look at");
    snprintf(path, sizeof path, "%s/kernel.so", bin);
    cr_assert(file_read(path, &o->file) == 0, "%s", err_message());
    o->header = (const Elf64_Ehdr *)o->file.data;
    cr_assert(o->file.len > sizeof *o->header && !memcmp(o->header->e_ident, ELFMAG, SELFMAG));
    o->sections = (const Elf64_Shdr *)(o->file.data + o->header->e_shoff);
    o->names = o->file.data + o->sections[o->header->e_shstrndx].sh_offset;
}

static const Elf64_Shdr *object_section(const struct object *o, const char *name)
{
    for (size_t i = 0; i < o->header->e_shnum; i++)
        if (!strcmp(o->names + o->sections[i].sh_name, name))
            return &o->sections[i];
    return NULL;
}

static bool in_list(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(name, list[i]))
            return true;
    return false;
}

Test(kernel_abi, exports_the_four_symbols_and_imports_three_at_most)
{
    static const char *const exports[] = {"kernel_name", "problem_description", "kernel_fn",
                                          "get_tiling_meta"};
    static const char *const imports[] = {"memcpy", "memmove", "memset"};
    struct object o;
    const Elf64_Shdr *table;
    const Elf64_Sym *symbol;
    const char *strings;
    size_t n_exports = 0;

    object_open(&o);
    table = object_section(&o, ".dynsym");
    cr_assert(table);
    symbol = (const Elf64_Sym *)(o.file.data + table->sh_offset);
    strings = o.file.data + o.sections[table->sh_link].sh_offset;
    for (size_t i = 1; i < table->sh_size / sizeof *symbol; i++) {
        const char *name = strings + symbol[i].st_name;

        if (symbol[i].st_shndx == SHN_UNDEF) {
            cr_expect(in_list(name, imports, 3), "imports %s", name);
            continue;
        }
        cr_expect(in_list(name, exports, 4), "exports %s", name);
        n_exports++;
    }
    cr_expect_eq(n_exports, 4);
    strbuf_deinit(&o.file);
}

Test(kernel_abi, runs_nothing_when_loaded_and_keeps_no_state)
{
    struct object o;

    object_open(&o);
    for (size_t i = 0; i < o.header->e_shnum; i++) {
        const Elf64_Shdr *s = &o.sections[i];
        const char *name = o.names + s->sh_name;

        cr_expect(s->sh_type != SHT_INIT_ARRAY && s->sh_type != SHT_FINI_ARRAY &&
                      s->sh_type != SHT_PREINIT_ARRAY,
                  "%s runs code at load time", name);
        cr_expect(strcmp(name, ".init") && strcmp(name, ".ctors"), "%s runs code at load time",
                  name);
        cr_expect(!(s->sh_flags & SHF_TLS), "%s is thread-local", name);
        cr_expect((s->sh_flags & (SHF_WRITE | SHF_EXECINSTR)) != (SHF_WRITE | SHF_EXECINSTR),
                  "%s can be written and run", name);
        if (!strcmp(name, ".data") || !strcmp(name, ".bss"))
            cr_expect_eq(s->sh_size, 0, "%s holds state", name);
    }
    strbuf_deinit(&o.file);
}

Test(kernel_abi, names_itself_in_one_line)
{
    cr_expect(strlen(kernel_name) > 0 && !strchr(kernel_name, '\n'));
    cr_expect(strlen(problem_description) > 0 && !strchr(problem_description, '\n'));
}
