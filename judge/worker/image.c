/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/worker/image.h"

#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What is gathered before its size is known and the file can be made. */
struct reader {
    int fd;
    Elf *elf;
    const unsigned char *raw; /* the whole object */
    size_t raw_bytes;
    size_t bytes; /* of the content */
    struct worker_image head;
    struct worker_relocation *relocations;
    size_t room; /* entries allocated */
};

static const char *libelf_says(void)
{
    const char *s = elf_errmsg(-1);

    return s ? s : "unreadable";
}

static int reader_open(struct reader *r, const char *path)
{
    GElf_Ehdr ehdr;

    r->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0)
        return err_set(ERR_IO, "%s", strerror(errno));
    if (elf_version(EV_CURRENT) == EV_NONE || !(r->elf = elf_begin(r->fd, ELF_C_READ, NULL)))
        return err_set(ERR_FORMAT, "%s", libelf_says());
    r->raw = (const void *)elf_rawfile(r->elf, &r->raw_bytes);
    if (!r->raw || elf_kind(r->elf) != ELF_K_ELF || gelf_getclass(r->elf) != ELFCLASS64 ||
        !gelf_getehdr(r->elf, &ehdr) || ehdr.e_machine != EM_X86_64 || ehdr.e_type != ET_DYN)
        return err_set(ERR_FORMAT, "no shared object for x86-64");
    return 0;
}

static void reader_close(struct reader *r)
{
    if (r->elf)
        elf_end(r->elf);
    if (r->fd >= 0)
        close(r->fd);
    free(r->relocations);
}

/* The part that holds [at, at + bytes) and has all bits of `protection`; relro, a part as well,
 * comes only after the relocations are done. */
static bool part_holds(const struct reader *r, uint64_t at, size_t bytes, int protection)
{
    for (uint32_t i = 0; i < r->head.n_parts; i++) {
        const struct worker_part *p = &r->head.parts[i];

        if (at >= p->at && at - p->at <= p->bytes && p->bytes - (at - p->at) >= bytes)
            return (p->protection & protection) == protection;
    }
    return false;
}

static int part_add(struct reader *r, size_t at, size_t end, int protection)
{
    if (r->head.n_parts == WORKER_MAX_PARTS)
        return err_set(ERR_FORMAT, "more than %d segments", WORKER_MAX_PARTS);
    r->head.parts[r->head.n_parts++] = (struct worker_part){
        .at = at,
        .bytes = end - at,
        .protection = protection,
    };
    return 0;
}

static int segment_check(struct reader *r, const GElf_Phdr *h)
{
    size_t at = h->p_vaddr & ~(size_t)(WORKER_PAGE - 1), end, file_end;
    int protection = (h->p_flags & PF_R ? PROT_READ : 0) | (h->p_flags & PF_W ? PROT_WRITE : 0) |
                     (h->p_flags & PF_X ? PROT_EXEC : 0);

    if (!size_add(h->p_vaddr, h->p_memsz, &end) || end > IMAGE_MAX_BYTES)
        return err_set(ERR_FORMAT, "larger than %zu bytes", IMAGE_MAX_BYTES);
    if (h->p_filesz > h->p_memsz || !size_add(h->p_offset, h->p_filesz, &file_end) ||
        file_end > r->raw_bytes)
        return err_set(ERR_FORMAT, "a segment past the end of the file");
    if ((h->p_flags & PF_W) && (h->p_flags & PF_X))
        return err_set(ERR_FORMAT, "a segment that is writable and executable");
    if (at < r->bytes)
        return err_set(ERR_FORMAT, "segments that overlap or share a page");
    r->bytes = size_align(end, WORKER_PAGE);
    return part_add(r, at, r->bytes, protection);
}

/* Segments, in the order of their addresses as the format wants them. */
static int segments_read(struct reader *r)
{
    GElf_Phdr h, relro = {0};
    size_t n;

    if (elf_getphdrnum(r->elf, &n))
        return err_set(ERR_FORMAT, "%s", libelf_says());
    for (size_t i = 0; i < n; i++) {
        if (!gelf_getphdr(r->elf, (int)i, &h))
            return err_set(ERR_FORMAT, "%s", libelf_says());
        if (h.p_type == PT_TLS)
            return err_set(ERR_FORMAT, "thread-local data");
        if (h.p_type == PT_GNU_RELRO)
            relro = h;
        else if (h.p_type == PT_LOAD && h.p_memsz)
            TRY(segment_check(r, &h));
    }
    if (relro.p_memsz) {
        size_t at = relro.p_vaddr & ~(size_t)(WORKER_PAGE - 1), end;

        /* A last page shared with plain data stays writable. */
        if (!size_add(relro.p_vaddr, relro.p_memsz, &end) ||
            !part_holds(r, relro.p_vaddr, relro.p_memsz, PROT_WRITE))
            return err_set(ERR_FORMAT, "read-only-after-relocation data outside the data");
        end &= ~(size_t)(WORKER_PAGE - 1);
        if (end > at)
            TRY(part_add(r, at, end, PROT_READ));
    }
    return 0;
}

/* memcpy and its kin: what a kernel may import. */
static bool base_named(const char *name, uint32_t *base)
{
    static const char *const names[] = {
        [WORKER_BASE_MEMCPY] = "memcpy",
        [WORKER_BASE_MEMMOVE] = "memmove",
        [WORKER_BASE_MEMSET] = "memset",
    };

    for (uint32_t i = WORKER_BASE_MEMCPY; i <= WORKER_BASE_MEMSET; i++)
        if (!strcmp(name, names[i])) {
            *base = i;
            return true;
        }
    return false;
}

struct symbols {
    Elf_Data *data;
    size_t strings; /* section of the names */
    int n;
};

static int symbol_get(const struct reader *r, const struct symbols *s, size_t i, GElf_Sym *sym,
                      const char **name)
{
    if (!s->data || i >= (size_t)s->n || !gelf_getsym(s->data, (int)i, sym) ||
        !(*name = elf_strptr(r->elf, s->strings, sym->st_name)))
        return err_set(ERR_FORMAT, "a symbol that is not in the table");
    return 0;
}

/* All dynamic symbols, whether anything refers to them or not; finds the entry points. */
static int symbols_read(struct reader *r, const struct symbols *s)
{
    bool found[2] = {false, false};

    for (int i = 1; i < s->n; i++) {
        GElf_Sym sym;
        const char *name;
        uint32_t base;
        int entry;

        TRY(symbol_get(r, s, (size_t)i, &sym, &name));
        if (GELF_ST_TYPE(sym.st_info) == STT_GNU_IFUNC || GELF_ST_TYPE(sym.st_info) == STT_TLS)
            return err_set(ERR_FORMAT, "symbol %s is indirect or thread-local", name);
        if (sym.st_shndx == SHN_UNDEF) {
            if (!base_named(name, &base))
                return err_set(ERR_FORMAT, "import of %s", name);
            continue;
        }
        entry = !strcmp(name, "kernel_fn") ? 0 : !strcmp(name, "get_tiling_meta") ? 1 : -1;
        if (entry < 0)
            continue;
        if (GELF_ST_TYPE(sym.st_info) != STT_FUNC || !part_holds(r, sym.st_value, 1, PROT_EXEC))
            return err_set(ERR_FORMAT, "%s is no function in the code", name);
        *(entry ? &r->head.tiling_fn : &r->head.kernel_fn) = sym.st_value;
        found[entry] = true;
    }
    if (!found[0] || !found[1])
        return err_set(ERR_FORMAT, "kernel_fn or get_tiling_meta is missing");
    return 0;
}

/* Where the symbol of a relocation is. */
static int symbol_resolve(const struct reader *r, const struct symbols *s, size_t index,
                          struct worker_relocation *to, uint64_t *value)
{
    GElf_Sym sym;
    const char *name;

    TRY(symbol_get(r, s, index, &sym, &name));
    *value = sym.st_value;
    to->base = WORKER_BASE_IMAGE;
    if (sym.st_shndx != SHN_UNDEF)
        return 0;
    *value = 0;
    if (!base_named(name, &to->base))
        return err_set(ERR_FORMAT, "import of %s", name);
    return 0;
}

static int relocation_read(const struct reader *r, const struct symbols *s, const GElf_Rela *rela,
                           struct worker_relocation *out)
{
    uint64_t type = GELF_R_TYPE(rela->r_info), value = 0, addend = (uint64_t)rela->r_addend;

    out->at = rela->r_offset;
    out->base = WORKER_BASE_IMAGE;
    if (type == R_X86_64_GLOB_DAT || type == R_X86_64_JUMP_SLOT || type == R_X86_64_64)
        TRY(symbol_resolve(r, s, GELF_R_SYM(rela->r_info), out, &value));
    else if (type != R_X86_64_RELATIVE)
        return err_set(ERR_FORMAT, "a relocation of type %u", (unsigned)type);
    if (type == R_X86_64_GLOB_DAT || type == R_X86_64_JUMP_SLOT)
        addend = 0;
    out->addend = value + addend;
    if (out->addend > (out->base == WORKER_BASE_IMAGE ? r->bytes : 0))
        return err_set(ERR_FORMAT, "a relocation that leads out of the object");
    if (!part_holds(r, out->at, sizeof(uint64_t), PROT_WRITE))
        return err_set(ERR_FORMAT, "a relocation of read-only memory");
    return 0;
}

static int relocations_read(struct reader *r, const struct symbols *s, Elf_Data *data, size_t n)
{
    size_t total = r->head.n_relocations + n;

    /* One word each at most, so the image bounds them. */
    if (total > IMAGE_MAX_BYTES / sizeof(uint64_t))
        return err_set(ERR_FORMAT, "%zu relocations", total);
    if (total > r->room) {
        struct worker_relocation *more = realloc(r->relocations, total * sizeof *more);

        if (!more)
            return err_set(ERR_NOMEM, "out of memory for relocations");
        r->relocations = more;
        r->room = total;
    }
    for (size_t i = 0; i < n; i++) {
        GElf_Rela rela;

        if (!gelf_getrela(data, (int)i, &rela))
            return err_set(ERR_FORMAT, "%s", libelf_says());
        TRY(relocation_read(r, s, &rela, &r->relocations[r->head.n_relocations]));
        r->head.n_relocations++;
    }
    return 0;
}

static int section_data(Elf_Scn *scn, const GElf_Shdr *h, size_t entry_bytes, Elf_Data **data,
                        size_t *n)
{
    *data = elf_getdata(scn, NULL);
    if (!*data || h->sh_entsize != entry_bytes || (*data)->d_size % entry_bytes)
        return err_set(ERR_FORMAT, "a malformed table");
    *n = (*data)->d_size / entry_bytes;
    return 0;
}

/* The kinds of section that only a dynamic linker knows what to do with. */
static int section_check(const GElf_Shdr *h)
{
    if (!(h->sh_flags & SHF_ALLOC))
        return 0;
    if (h->sh_flags & SHF_TLS)
        return err_set(ERR_FORMAT, "thread-local data");
    if (h->sh_type == SHT_INIT_ARRAY || h->sh_type == SHT_FINI_ARRAY ||
        h->sh_type == SHT_PREINIT_ARRAY)
        return err_set(ERR_FORMAT, "constructors or destructors");
    if (h->sh_type == SHT_REL || h->sh_type == SHT_RELR)
        return err_set(ERR_FORMAT, "relocations of section type %u", h->sh_type);
    if (h->sh_addralign > WORKER_PAGE)
        return err_set(ERR_FORMAT, "data aligned to more than a page");
    return 0;
}

static int sections_read(struct reader *r)
{
    struct symbols symbols = {0};
    Elf_Scn *scn = NULL;
    GElf_Shdr h;
    Elf_Data *data = NULL;
    size_t n = 0;

    while ((scn = elf_nextscn(r->elf, scn))) {
        if (!gelf_getshdr(scn, &h))
            return err_set(ERR_FORMAT, "%s", libelf_says());
        TRY(section_check(&h));
        if (h.sh_type != SHT_DYNSYM)
            continue;
        TRY(section_data(scn, &h, sizeof(Elf64_Sym), &symbols.data, &n));
        symbols.n = (int)n;
        symbols.strings = h.sh_link;
    }
    TRY(symbols_read(r, &symbols));
    while ((scn = elf_nextscn(r->elf, scn))) {
        if (!gelf_getshdr(scn, &h))
            return err_set(ERR_FORMAT, "%s", libelf_says());
        if (h.sh_type != SHT_RELA || !(h.sh_flags & SHF_ALLOC))
            continue;
        TRY(section_data(scn, &h, sizeof(Elf64_Rela), &data, &n));
        TRY(relocations_read(r, &symbols, data, n));
    }
    return 0;
}

/* The checked segments' bytes, the head and the relocations into a file that nobody can change. */
static int image_write(const struct reader *r, struct image *out)
{
    size_t relocation_bytes = r->head.n_relocations * sizeof *r->relocations, n;
    unsigned char *head;

    TRY(segment_open("kernel", r->bytes + sizeof r->head + relocation_bytes, &out->file));
    if (elf_getphdrnum(r->elf, &n))
        return err_set(ERR_FORMAT, "%s", libelf_says());
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr h;

        if (gelf_getphdr(r->elf, (int)i, &h) && h.p_type == PT_LOAD)
            memcpy(out->file.data + h.p_vaddr, r->raw + h.p_offset, h.p_filesz);
    }
    head = out->file.data + r->bytes;
    memcpy(head, &r->head, sizeof r->head);
    if (relocation_bytes)
        memcpy(head + sizeof r->head, r->relocations, relocation_bytes);
    out->bytes = r->bytes;
    out->head = (const void *)head;
    out->relocations = (const void *)(head + sizeof r->head);
    return segment_seal(&out->file);
}

int image_init(const char *path, struct image *out)
{
    struct reader r = {.fd = -1};
    int rc;

    *out = (struct image){.file = SEGMENT_NONE};
    rc = reader_open(&r, path);
    if (rc == 0)
        rc = segments_read(&r);
    if (rc == 0)
        rc = sections_read(&r);
    if (rc == 0)
        rc = image_write(&r, out);
    reader_close(&r);
    if (rc < 0) {
        image_deinit(out);
        return err_wrap("the kernel's shared object %s", path);
    }
    return 0;
}

void image_deinit(struct image *image)
{
    segment_close(&image->file);
    *image = (struct image){.file = SEGMENT_NONE};
}
