/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/object.h"

#include "judge/compile/object_reader.h"
#include "reference/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *object__section_name(const struct object_reader *r, size_t index)
{
    GElf_Shdr h;
    Elf_Scn *s = index < SHN_LORESERVE ? elf_getscn(r->elf, index) : NULL;
    const char *name = s && gelf_getshdr(s, &h) ? elf_strptr(r->elf, r->names, h.sh_name) : NULL;

    return name ? name : "";
}

const char *object__symbol_name(const struct object_reader *r, const GElf_Sym *s)
{
    const char *name = elf_strptr(r->elf, r->symbol_names, s->st_name);

    return name ? name : "";
}

static void *grow(void *list, size_t n, size_t size)
{
    void *grown = realloc(list, n * size);

    if (!grown)
        abort();
    return grown;
}

static char *copy(const char *text)
{
    char *copied = strdup(text);

    if (!copied)
        abort();
    return copied;
}

static void names_add(struct object_names *list, const char *name)
{
    list->name = grow(list->name, list->n + 1, sizeof *list->name);
    list->name[list->n++] = copy(name);
}

static void names_deinit(struct object_names *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->name[i]);
    free(list->name);
}

/* Pairs of bytes that are syscall, sysenter or int 0x80 when executed, wherever they lie. */
static size_t syscall_bytes_count(const Elf_Data *data)
{
    const unsigned char *p = data ? data->d_buf : NULL;
    size_t n = 0;

    for (size_t i = 0; p && i + 1 < data->d_size; i++)
        n += (p[i] == 0x0f && (p[i + 1] == 0x05 || p[i + 1] == 0x34)) ||
             (p[i] == 0xcd && p[i + 1] == 0x80);
    return n;
}

/* Judge and sort the sections, and find the symbol table. */
static int sections_scan(struct object_reader *r)
{
    Elf_Scn *s = NULL;

    while ((s = elf_nextscn(r->elf, s))) {
        const char *name = object__section_name(r, elf_ndxscn(s));
        GElf_Shdr h;

        if (!gelf_getshdr(s, &h))
            return err_set(ERR_FORMAT, "object: section %zu: %s", elf_ndxscn(s), elf_errmsg(-1));
        if (h.sh_type == SHT_SYMTAB) {
            r->symbols = elf_getdata(s, NULL);
            r->n_symbols = h.sh_entsize ? h.sh_size / h.sh_entsize : 0;
            r->symbol_names = h.sh_link;
        }
        object__section_check(r, name, &h);
        if (!(h.sh_flags & SHF_ALLOC) || h.sh_size == 0)
            continue;
        if (h.sh_flags & SHF_EXECINSTR) {
            names_add(&r->out->text, name);
            r->out->n_syscall_bytes += syscall_bytes_count(elf_getdata(s, NULL));
        } else if (h.sh_type == SHT_PROGBITS && !(h.sh_flags & SHF_WRITE) &&
                   strncmp(name, ".rodata", 7) == 0) {
            names_add(&r->out->rodata, name);
        }
    }
    return r->symbols ? 0 : err_set(ERR_FORMAT, "object: no symbol table");
}

/* Keep the symbols that name places in code. */
static void symbol_keep(struct object_reader *r, const GElf_Sym *s)
{
    struct object *o = r->out;
    int type = GELF_ST_TYPE(s->st_info);
    Elf_Scn *section = s->st_shndx < SHN_LORESERVE ? elf_getscn(r->elf, s->st_shndx) : NULL;
    GElf_Shdr h;

    if (s->st_shndx == SHN_UNDEF || !section || !gelf_getshdr(section, &h) ||
        !(h.sh_flags & SHF_EXECINSTR) || type == STT_SECTION)
        return;
    o->symbols = grow(o->symbols, o->n_symbols + 1, sizeof *o->symbols);
    o->symbols[o->n_symbols++] = (struct object_symbol){
        .name = copy(object__symbol_name(r, s)),
        .section = copy(object__section_name(r, s->st_shndx)),
        .at = s->st_value,
        .bytes = s->st_size,
        .function = type == STT_FUNC,
    };
}

static int symbols_scan(struct object_reader *r)
{
    for (size_t i = 1; i < r->n_symbols; i++) {
        GElf_Sym s;

        if (!gelf_getsym(r->symbols, (int)i, &s))
            return err_set(ERR_FORMAT, "object: symbol %zu: %s", i, elf_errmsg(-1));
        object__symbol_check(r, &s);
        symbol_keep(r, &s);
    }
    return 0;
}

static int relocations_scan(struct object_reader *r)
{
    Elf_Scn *s = NULL;

    while ((s = elf_nextscn(r->elf, s))) {
        GElf_Shdr h;

        if (gelf_getshdr(s, &h) && (h.sh_type == SHT_RELA || h.sh_type == SHT_REL))
            TRY(object__relocations_check(r, s, &h));
    }
    return 0;
}

/* Note where the wording of the two strings lies. */
static void wording_find(struct object_reader *r)
{
    for (int i = 0; i < 2; i++) {
        const GElf_Sym *s = &r->string_symbol[i];
        Elf_Scn *section = s->st_shndx < SHN_LORESERVE ? elf_getscn(r->elf, s->st_shndx) : NULL;
        GElf_Shdr h;

        if (!section || !gelf_getshdr(section, &h) || h.sh_type == SHT_NOBITS ||
            s->st_value > h.sh_size || s->st_size > h.sh_size - s->st_value)
            continue;
        r->out->wording[i].at = h.sh_offset + s->st_value;
        r->out->wording[i].bytes = s->st_size;
    }
}

int object_wording_blank(const struct object *o, const char *path)
{
    static const char zero[1];
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0;

    for (int i = 0; i < 2; i++)
        for (uint64_t k = 0; done && k < o->wording[i].bytes; k++)
            done = pwrite(fd, zero, 1, (off_t)(o->wording[i].at + k)) == 1;
    if (!done)
        err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return done ? 0 : ERR_IO;
}

static int object_read(struct object_reader *r)
{
    GElf_Ehdr h;

    if (elf_kind(r->elf) != ELF_K_ELF || !gelf_getehdr(r->elf, &h) || h.e_type != ET_REL ||
        h.e_machine != EM_X86_64 || elf_getshdrstrndx(r->elf, &r->names))
        return err_set(ERR_FORMAT, "object: not a relocatable x86-64 ELF file");
    TRY(sections_scan(r));
    TRY(symbols_scan(r));
    TRY(relocations_scan(r));
    object__whole_check(r);
    wording_find(r);
    return r->out->fault[0] ? 0 : object__code_key(r, r->out->code_key);
}

int object_init(const char *path, struct object *out)
{
    struct object_reader r = {.out = out};
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
    for (size_t i = 0; i < o->n_symbols; i++) {
        free(o->symbols[i].name);
        free(o->symbols[i].section);
    }
    free(o->symbols);
    memset(o, 0, sizeof *o);
}
