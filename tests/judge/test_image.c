/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/worker/image.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"
#include "tests/judge/sandbox.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static struct sandbox box;
static char object[400];
static struct strbuf original, edited;

static void compile(const char *more)
{
    struct strbuf log = {0}, command = {0};

    snprintf(object, sizeof object, "%s/kernel.so", box.folder);
    strbuf_addf(&command,
                "gcc -std=c11 -D_GNU_SOURCE -O1 -fPIC -I. -fno-stack-protector -fno-plt "
                "-fcf-protection=none -shared -nostartfiles -nostdlib -Wl,-z,now %s -o %s "
                "tests/judge/kernels/wayward.c",
                more, object);
    cr_assert_eq(process_run((char *[]){"sh", "-c", command.data, NULL}, NULL, 60, &log), 0, "%s",
                 strbuf_str(&log));
    strbuf_deinit(&log);
    strbuf_deinit(&command);
    strbuf_clear(&original);
    cr_assert_eq(file_read(object, &original), 0);
}

static void setup(void)
{
    sandbox_init(&box);
    compile("");
}

static void teardown(void)
{
    sandbox_deinit(&box);
    strbuf_deinit(&original);
    strbuf_deinit(&edited);
}

TestSuite(image, .init = setup, .fini = teardown, .timeout = 60);

/* --- a copy of the object to break --- */

static Elf64_Ehdr *edit(void)
{
    strbuf_clear(&edited);
    strbuf_add(&edited, original.data, original.len);
    return (Elf64_Ehdr *)(void *)edited.data;
}

/* The n-th segment of a type. */
static Elf64_Phdr *segment(Elf64_Ehdr *e, uint32_t type, int n)
{
    Elf64_Phdr *p = (Elf64_Phdr *)(void *)(edited.data + e->e_phoff);

    for (int i = 0; i < e->e_phnum; i++)
        if (p[i].p_type == type && n-- == 0)
            return &p[i];
    cr_assert_fail("no such segment");
    return NULL;
}

static Elf64_Shdr *section(Elf64_Ehdr *e, uint32_t type)
{
    Elf64_Shdr *s = (Elf64_Shdr *)(void *)(edited.data + e->e_shoff);

    for (int i = 0; i < e->e_shnum; i++)
        if (s[i].sh_type == type)
            return &s[i];
    cr_assert_fail("no such section");
    return NULL;
}

static Elf64_Rela *relocation(Elf64_Ehdr *e, uint32_t type)
{
    const Elf64_Shdr *s = section(e, SHT_RELA);
    Elf64_Rela *r = (Elf64_Rela *)(void *)(edited.data + s->sh_offset);

    for (size_t i = 0; i < s->sh_size / sizeof *r; i++)
        if (ELF64_R_TYPE(r[i].r_info) == type)
            return &r[i];
    cr_assert_fail("no such relocation");
    return NULL;
}

static Elf64_Sym *symbol(Elf64_Ehdr *e, const char *name)
{
    const Elf64_Shdr *all = (const Elf64_Shdr *)(void *)(edited.data + e->e_shoff);
    const Elf64_Shdr *s = section(e, SHT_DYNSYM);
    Elf64_Sym *sym = (Elf64_Sym *)(void *)(edited.data + s->sh_offset);

    for (size_t i = 0; i < s->sh_size / sizeof *sym; i++)
        if (!strcmp(edited.data + all[s->sh_link].sh_offset + sym[i].st_name, name))
            return &sym[i];
    cr_assert_fail("no such symbol");
    return NULL;
}

/* Whatever is accepted stays within its bounds. */
static void check_bounds(const struct image *im)
{
    cr_assert_leq(im->bytes, IMAGE_MAX_BYTES);
    cr_assert_leq(im->head->n_parts, WORKER_MAX_PARTS);
    cr_assert_lt(im->head->kernel_fn, im->bytes);
    cr_assert_lt(im->head->tiling_fn, im->bytes);
    for (uint32_t i = 0; i < im->head->n_parts; i++) {
        const struct worker_part *p = &im->head->parts[i];

        cr_assert_eq(p->at % WORKER_PAGE, 0);
        cr_assert_eq(p->bytes % WORKER_PAGE, 0);
        cr_assert(p->at <= im->bytes && p->bytes <= im->bytes - p->at);
        cr_assert((p->protection & (PROT_WRITE | PROT_EXEC)) != (PROT_WRITE | PROT_EXEC));
    }
    for (uint32_t i = 0; i < im->head->n_relocations; i++) {
        const struct worker_relocation *r = &im->relocations[i];

        cr_assert(r->at <= im->bytes - 8);
        cr_assert_leq(r->base, WORKER_BASE_MEMSET);
        cr_assert_leq(r->addend, im->bytes);
    }
}

static int edited_init(struct image *im)
{
    FILE *f = fopen(object, "wb");

    cr_assert(f && fwrite(edited.data, 1, edited.len, f) == edited.len);
    fclose(f);
    return image_init(object, im);
}

static void expect_refused(const char *word)
{
    struct image im;

    cr_expect_eq(edited_init(&im), ERR_FORMAT, "%s", word);
    cr_expect(strstr(err_message(), word) != NULL, "\"%s\" is not in \"%s\"", word, err_message());
    image_deinit(&im);
}

static void expect_compiled_refused(const char *flags, const char *word)
{
    compile(flags);
    edit();
    expect_refused(word);
}

/* --- */

Test(image, holds_an_honest_kernel)
{
    struct image im;
    Elf64_Ehdr *e = edit();
    uint32_t executable = 0, imports = 0;

    cr_assert_eq(edited_init(&im), 0, "%s", err_message());
    check_bounds(&im);
    cr_expect_eq(im.head->kernel_fn, symbol(e, "kernel_fn")->st_value);
    cr_expect_eq(im.head->tiling_fn, symbol(e, "get_tiling_meta")->st_value);
    for (uint32_t i = 0; i < im.head->n_parts; i++)
        executable += !!(im.head->parts[i].protection & PROT_EXEC);
    cr_expect_eq(executable, 1);
    for (uint32_t i = 0; i < im.head->n_relocations; i++)
        imports += im.relocations[i].base != WORKER_BASE_IMAGE;
    cr_expect_eq(imports, 3, "memcpy, memmove and memset");
    cr_expect_eq(im.head->n_relocations, section(e, SHT_RELA)->sh_size / sizeof(Elf64_Rela));
    cr_expect(!memcmp(im.file.data + symbol(e, "kernel_name")->st_value, "wayward", 8));
    image_deinit(&im);
}

Test(image, cannot_be_changed_by_whoever_holds_it)
{
    struct image im;

    cr_assert_eq(image_init(object, &im), 0);
    cr_expect(mmap(NULL, WORKER_PAGE, PROT_WRITE, MAP_SHARED, im.file.fd, 0) == MAP_FAILED);
    image_deinit(&im);
}

Test(image, other_files_are_refused)
{
    struct image im;

    cr_expect_eq(image_init("tests/judge", &im), ERR_FORMAT);
    cr_expect_eq(image_init("tests/judge/no-such-file", &im), ERR_IO);
    cr_expect_eq(image_init("tests/judge/sandbox.h", &im), ERR_FORMAT);
    edit()->e_machine = EM_386;
    expect_refused("x86-64");
    edit()->e_ident[EI_CLASS] = ELFCLASS32;
    expect_refused("x86-64");
    edit()->e_type = ET_EXEC;
    expect_refused("x86-64");
}

Test(image, what_only_a_dynamic_linker_does_is_refused)
{
    expect_compiled_refused("-DCONSTRUCTOR_WRITES='\"x\"'", "constructors");
    expect_compiled_refused("-DTHREAD_LOCAL", "thread-local");
    expect_compiled_refused("-DINDIRECT", "indirect");
    expect_compiled_refused("-DIMPORT=getenv", "import of getenv");
    expect_compiled_refused("-DIMPORT=__tls_get_addr", "import of __tls_get_addr");
    expect_compiled_refused("-DHUGE_BSS", "larger than");
    expect_compiled_refused("-Wl,-N", "writable and executable");
    expect_compiled_refused("-Wl,-z,pack-relative-relocs", "relocations of section type");
}

Test(image, a_missing_entry_point_is_refused)
{
    Elf64_Sym *s;

    symbol(edit(), "kernel_fn")->st_name = 0;
    expect_refused("is missing");
    symbol(edit(), "kernel_fn")->st_value = 0;
    expect_refused("no function in the code");
    symbol(edit(), "kernel_fn")->st_value = UINT64_MAX;
    expect_refused("no function in the code");
    symbol(edit(), "kernel_fn")->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
    expect_refused("no function in the code");
    symbol(edit(), "kernel_name")->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC);
    expect_refused("indirect");
    s = symbol(edit(), "memset");
    s->st_name++;
    expect_refused("import of emset");
    s = symbol(edit(), "memset");
    s->st_name = UINT32_MAX;
    expect_refused("not in the table");
}

Test(image, segments_out_of_bounds_are_refused)
{
    segment(edit(), PT_LOAD, 1)->p_offset = UINT64_MAX - 8;
    expect_refused("past the end");
    segment(edit(), PT_LOAD, 1)->p_offset = original.len;
    expect_refused("past the end");
    segment(edit(), PT_LOAD, 1)->p_memsz = 1;
    expect_refused("past the end");
    segment(edit(), PT_LOAD, 1)->p_memsz = UINT64_MAX;
    expect_refused("larger than");
    segment(edit(), PT_LOAD, 1)->p_vaddr = IMAGE_MAX_BYTES;
    expect_refused("larger than");
    segment(edit(), PT_LOAD, 1)->p_vaddr = 0;
    expect_refused("overlap");
    segment(edit(), PT_LOAD, 1)->p_flags = PF_R | PF_W | PF_X;
    expect_refused("writable and executable");
    segment(edit(), PT_GNU_STACK, 0)->p_type = PT_TLS;
    expect_refused("thread-local");
    segment(edit(), PT_GNU_RELRO, 0)->p_vaddr = 0x1000;
    expect_refused("read-only-after-relocation");
    segment(edit(), PT_GNU_RELRO, 0)->p_memsz = UINT64_MAX;
    expect_refused("read-only-after-relocation");
}

Test(image, relocations_out_of_bounds_are_refused)
{
    Elf64_Rela *r;

    r = relocation(edit(), R_X86_64_RELATIVE);
    r->r_info = ELF64_R_INFO(0, R_X86_64_IRELATIVE);
    expect_refused("type 37");
    r = relocation(edit(), R_X86_64_RELATIVE);
    r->r_offset = 0x1000;
    expect_refused("read-only");
    r = relocation(edit(), R_X86_64_RELATIVE);
    r->r_offset = UINT64_MAX - 4;
    expect_refused("read-only");
    r = relocation(edit(), R_X86_64_RELATIVE);
    r->r_addend = -8;
    expect_refused("leads out");
    r = relocation(edit(), R_X86_64_GLOB_DAT);
    r->r_info = ELF64_R_INFO(1000, R_X86_64_GLOB_DAT);
    expect_refused("not in the table");
    r = relocation(edit(), R_X86_64_GLOB_DAT);
    r->r_info = ELF64_R_INFO(ELF64_R_SYM(r->r_info), R_X86_64_TPOFF64);
    expect_refused("type 18");
    section(edit(), SHT_RELA)->sh_entsize = 23;
    expect_refused("malformed");
    section(edit(), SHT_DYNSYM)->sh_size = 25;
    expect_refused("malformed");
}

Test(image, a_file_cut_short_is_refused_wherever_it_is_cut)
{
    for (size_t n = 0; n < original.len; n += 61) {
        struct image im;

        edit();
        edited.len = n;
        cr_assert_eq(edited_init(&im), ERR_FORMAT, "cut after %zu bytes", n);
    }
}

Test(image, random_damage_never_leads_out_of_bounds)
{
    struct rng r;
    uint32_t accepted = 0, n = 1500;

    rng_init(&r, 42);
    for (uint32_t i = 0; i < n; i++) {
        struct image im;
        uint32_t flips = 1 + (uint32_t)rng_below(&r, 8);
        /* Headers and tables at both ends of the file, rather than code. */
        size_t part = original.len < 4096 ? original.len : 2048;

        edit();
        while (flips--) {
            size_t at = rng_below(&r, part);

            if (rng_below(&r, 2))
                at = edited.len - 1 - at;
            edited.data[at] = (char)rng_next(&r);
        }
        if (edited_init(&im) == 0) {
            accepted++;
            check_bounds(&im);
        }
        image_deinit(&im);
    }
    cr_expect_gt(accepted, 0);
    cr_expect_lt(accepted, n);
}
