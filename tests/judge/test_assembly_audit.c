/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/assembly_audit.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <string.h>

static char fault[ASSEMBLY_FAULT];

static void audit(const char *assembly)
{
    struct strbuf text = {0};

    strbuf_addf(&text, "%s", assembly);
    assembly_audit(&text, fault);
    strbuf_deinit(&text);
}

Test(assembly_audit, refuses_directives_by_name_wherever_they_stand)
{
    static const struct {
        const char *text, *said;
    } refused[] = {
        {"\t.incbin \"/etc/passwd\"\n", ".incbin"},
        {"\tnop; .INCBIN \"/etc/passwd\"\n", ".INCBIN"},
        {"1: a: \"b\": .incbin \"x\"\n", ".incbin"},
        {".string \"a;b\\\"#\"; .incbin \"x\"\n", ".incbin"},
        {"\tnop # .incbin \"x\"\n", ".incbin"},
        {".byte '\"\n.incbin \"x\"\n", "character constants"},
        {"/* \n.incbin \"x\"\n*/\n", "write comments"},
        {".string \"a\n.incbin \"b\"\n", "does not end"},
        {".include \"x\"\n", ".include"},
        {".macro m\n", ".macro"},
        {".rept 3\n", ".rept"},
        {".irp x, a\n", ".irp"},
        {".altmacro\n", ".altmacro"},
        {".if 1\n", ".if"},
        {".ifdef x\n", ".ifdef"},
        {".symver a, b@c\n", ".symver"},
        {".weakref a, b\n", ".weakref"},
        {".reloc 0, R_X86_64_64, a\n", ".reloc"},
        {".org 0x100\n", ".org"},
        {".code32\n", ".code32"},
        {".set a, 0x1234\n", "only another name"},
        {".set ., b\n", "only another name"},
        {".set a, b+c\n", "only another name"},
        {"a = 0x1234\n", "assigning to a"},
        {". = . + 4\n", "assigning"},
        {".section .init_array,\"aw\"\n", ".init_array"},
        {".pushsection \".textual\",\"ax\"\n", ".textual"},
        {"/ comment\n", "starts with '/'"},
    };

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        audit(refused[i].text);
        cr_expect(strstr(fault, refused[i].said) != NULL, "%s: %s", refused[i].text, fault);
    }
}

Test(assembly_audit, lets_pass_what_compilers_and_honest_inline_assembly_write)
{
    static const char *const fine[] = {
        "\t.file\t\"kernel.c\"\n#APP\n# 3 \"kernel/kernel.c\" 1\n\tlock; addl $1, "
        "(%rax)\n#NO_APP\n",
        "\t.section\t.text.f,\"ax\",@progbits\n\t.p2align 4,,10\n\t.type f, @function\nf:\n.L1:\n",
        "\t.section\t.rodata.cst16,\"aM\",@progbits,16\n\t.set .LC1,.LC0+4\n\t.long .L4-.L3\n",
        "\t.string \".incbin \\\"x\\\"; .macro\"\n\t.section .note.GNU-stack,\"\",@progbits\n",
        "1: vpdpbusd (%rax), %zmm1, %zmm2{%k1}{z} # sums; more\n\t{vex} vpdpbusd "
        "%xmm1,%xmm2,%xmm3\n",
        ".pushsection .rodata; t: .byte 1, 2; .popsection\n\tjmp 1b\n",
    };

    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        audit(fine[i]);
        cr_expect_str_eq(fault, "", "%s: %s", fine[i], fault);
    }
}

Test(assembly_audit, names_the_line)
{
    audit("\tnop\n\tnop\n\t.macro x\n");
    cr_assert(strstr(fault, "line 3") != NULL, "%s", fault);
}
