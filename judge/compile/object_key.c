/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/object_reader.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

static void digest_text(struct sha256 *d, const char *text)
{
    sha256_add(d, text, strlen(text) + 1);
}

static void digest_number(struct sha256 *d, uint64_t n)
{
    sha256_add(d, &n, sizeof n);
}

/* A section's bytes, with the wording of the two strings blanked. */
static int digest_bytes(const struct object_reader *r, struct sha256 *d, size_t index,
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

static int digest_relocations(const struct object_reader *r, struct sha256 *d, Elf_Scn *section,
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
        digest_text(d, object__section_name(r, s.st_shndx));
        digest_text(d, GELF_ST_TYPE(s.st_info) == STT_SECTION ? "" : object__symbol_name(r, &s));
        digest_number(d, s.st_value);
    }
    return 0;
}

static int digest_all(const struct object_reader *r, struct sha256 *d)
{
    Elf_Scn *s = NULL;

    while ((s = elf_nextscn(r->elf, s))) {
        size_t index = elf_ndxscn(s);
        GElf_Shdr h, target;

        if (!gelf_getshdr(s, &h))
            return err_set(ERR_FORMAT, "object: section %zu: %s", index, elf_errmsg(-1));
        if (h.sh_type == SHT_RELA && gelf_getshdr(elf_getscn(r->elf, h.sh_info), &target) &&
            target.sh_flags & SHF_ALLOC) {
            digest_text(d, object__section_name(r, h.sh_info));
            TRY(digest_relocations(r, d, s, &h));
        }
        if (!(h.sh_flags & SHF_ALLOC))
            continue;
        digest_text(d, object__section_name(r, index));
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
        digest_text(d, object__symbol_name(r, &sym));
        digest_text(d, object__section_name(r, sym.st_shndx));
        digest_number(d, sym.st_value);
    }
    return 0;
}

int object__code_key(const struct object_reader *r, char hex[SHA256_HEX])
{
    struct sha256 *d = NULL;
    int rc;

    TRY(sha256_open(&d));
    rc = digest_all(r, d);
    sha256_close(&d, hex);
    return rc;
}
