/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/object_code.h"
#include "judge/judge.h"
#include "reference/base/strbuf.h"
#include "tests/judge/sandbox.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct sandbox box;

static void setup(void)
{
    sandbox_init(&box);
}

static void teardown(void)
{
    sandbox_deinit(&box);
}

TestSuite(object, .init = setup, .fini = teardown);

static void expect(const char *prologue, enum judge_verdict verdict, const char *said)
{
    struct judge_build *b;

    sandbox_tiny(&box, prologue);
    b = sandbox_build(&box);
    cr_expect_not(judge_build_ok(b), "%s", prologue);
    cr_expect_eq(judge_build_verdict(b), verdict, "%s: %s", prologue, judge_build_log(b));
    cr_expect(strstr(judge_build_log(b), said) != NULL, "%s: %s", prologue, judge_build_log(b));
    judge_build_close(&b);
}

static void expect_fine(const char *prologue)
{
    struct judge_build *b;

    sandbox_tiny(&box, prologue);
    b = sandbox_build(&box);
    cr_expect(judge_build_ok(b), "%s: %s", prologue, judge_build_log(b));
    judge_build_close(&b);
}

/* Statements in front of the multiplication. */
static void expect_cheat(const char *assembly, const char *said)
{
    char prologue[400];

    snprintf(prologue, sizeof prologue, "#define BEFORE __asm__ volatile(\"%s\")", assembly);
    expect(prologue, JUDGE_CHEAT, said);
}

/* Inspect one function, "f" in .text.f, of the given lines. */
static void inspect(struct object *o, const char *lines)
{
    static struct object_symbol f = {"f", ".text.f", 0, 32, true};
    struct strbuf text = {0};

    memset(o, 0, sizeof *o);
    o->symbols = &f;
    o->n_symbols = 1;
    strbuf_addf(&text, "\nDisassembly of section .text.f:\n\n0000000000000000 <f>:\n%s", lines);
    object_code_inspect(o, &text);
    strbuf_deinit(&text);
}

Test(object, each_instruction_that_no_kernel_needs_is_refused_by_name)
{
    static const char *const refused[] = {
        "syscall",
        "sysenter",
        "int    $0x80",
        "int3",
        "rdtsc",
        "rdtscp",
        "rdpmc",
        "rdrand %rax",
        "rdseed %eax",
        "rdpid  %rax",
        "cpuid",
        "xgetbv",
        "clflush (%rax)",
        "clwb   (%rax)",
        "wbinvd",
        "tpause %eax",
        "mwait  %rax,%rcx",
        "xbegin 3 <f+0x3>",
        "wrfsbase %rax",
        "wrpkru",
        "popf",
        "ldmxcsr (%rsp)",
        "vldmxcsr (%rsp)",
        "fldcw  (%rsp)",
        "xrstor (%rdi)",
        "lret",
        "in     (%dx),%al",
        "hlt",
        "enqcmd (%rax),%rcx",
        "senduipi %rax",
    };

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const char *name = refused[i];
        char lines[200], said[64];
        struct object o;

        snprintf(lines, sizeof lines,
                 "   0:\t90                   \tnop\n"
                 "   1:\t0f 0f                \trepz cs %s\n",
                 name);
        snprintf(said, sizeof said, "f+0x1: the instruction %.*s is", (int)strcspn(name, " "),
                 name);
        inspect(&o, lines);
        cr_expect(o.cheat && strstr(o.fault, said) != NULL, "%s: %s", name, o.fault);
        cr_expect_eq(o.n_instructions, 2);
    }
}

Test(object, segment_registers_may_be_read_and_not_written)
{
    struct object o;

    inspect(&o, "   0:\t8e d8                \tmov    %eax,%ds\n");
    cr_expect(o.cheat);
    inspect(&o, "   0:\t0f a1                \tpop    %fs\n");
    cr_expect(o.cheat);
    inspect(&o, "   0:\t8c d8                \tmov    %ds,%eax\n"
                "   2:\t64 89 04 25 00 00    \tmov    %eax,%fs:0x0\n"
                "   8:\t58                   \tpop    %rax\n");
    cr_expect_str_eq(o.fault, "");
}

Test(object, unknown_instructions_break_the_contract)
{
    struct object o;

    inspect(&o, "   0:\t06                   \t(bad)\n");
    cr_expect_not(o.cheat);
    cr_expect(strstr(o.fault, "f+0x0: no instruction") != NULL, "%s", o.fault);
}

Test(object, the_sweep_knows_where_instructions_start)
{
    struct object o;

    inspect(&o, "   0:\tb8 0f 05 90 90       \tmov    $0x9090050f,%eax\n"
                "   5:\teb f9                \tjmp    0 <f>\n");
    cr_expect_str_eq(o.fault, "");
    inspect(&o, "   0:\tb8 0f 05 90 90       \tmov    $0x9090050f,%eax\n"
                "   5:\teb fa                \tjmp    1 <f+0x1>\n");
    cr_expect(strstr(o.fault, "f+0x5: a jump into the middle") != NULL, "%s", o.fault);
    inspect(&o, "   0:\tb8 0f 05 90 90       \tmov    $0x9090050f,%eax\n"
                "   5:\te8 00 00 00 00       \tcall   a <f+0xa>\t6: R_X86_64_PLT32\tf-0x3\n");
    cr_expect(strstr(o.fault, "f+0x5: a jump into the middle") != NULL, "%s", o.fault);
    inspect(&o, "   0:\te8 00 00 00 00       \tcall   5 <f+0x5>\t1: R_X86_64_PLT32\tf-0x4\n"
                "   5:\te8 00 00 00 00       \tcall   a <f+0xa>\t6: R_X86_64_PLT32\tmemcpy-0x4\n"
                "   a:\tff e0                \tjmp    *%rax\n");
    cr_expect_str_eq(o.fault, "");
    inspect(&o, "   0:\tb8 0f 05 90 90       \tmov    $0x9090050f,%eax\n\n"
                "0000000000000001 <inside>:\n"
                "   1:\t0f 05                \tnop\n");
    cr_expect(strstr(o.fault, "a symbol in the middle") != NULL, "%s", o.fault);
}

Test(object, an_instruction_in_inline_assembly_is_named_with_its_function)
{
    expect_cheat("rdtsc", "kernel_fn+0x");
    expect_cheat(".byte 0x0f, 0x05", "the instruction syscall");
}

Test(object, a_jump_that_hides_an_instruction_is_found)
{
    /* mov $imm32: its last bytes are a system call, which the second jump reaches. */
    expect_cheat("jmp 1f; 1: .byte 0xb8, 0x0f, 0x05, 0x90, 0x90; jmp 1b+1", "middle of an instr");
    expect_cheat("je 2f; .byte 0xb8; 2: .byte 0x0f, 0x05, 0x90, 0x90", "middle of an instr");
    expect("static __attribute__((noinline, used)) int far(int a) { return a + 0x50f; }\n"
           "#define BEFORE __asm__ volatile(\"call far+1\")",
           JUDGE_CHEAT, "far");
    expect("__asm__(\".pushsection .text.x,\\\"ax\\\"\\nstray: ret\\n.popsection\");\n"
           "#define BEFORE __asm__ volatile(\"call stray\")",
           JUDGE_CHEAT, "out of all functions");
    expect("__attribute__((used)) static const char there[16];\n"
           "#define BEFORE __asm__ volatile(\"jmp there\")",
           JUDGE_CHEAT, "no function of the kernel");
}

Test(object, bytes_of_a_system_call_inside_an_honest_instruction_are_only_reported)
{
    struct judge_build *b;

    sandbox_tiny(&box, "#define BEFORE __asm__ volatile(\"movl $0x050f050f, %%eax\" ::: \"eax\")");
    b = sandbox_build(&box);
    cr_expect(judge_build_ok(b), "%s", judge_build_log(b));
    cr_expect(strstr(judge_build_log(b), "inside 2 other") != NULL, "%s", judge_build_log(b));
    judge_build_close(&b);
}

Test(object, honest_inline_assembly_passes)
{
    expect_fine("#define BEFORE do { __asm__ volatile(\"1: pause; jmp 2f; 2: prefetcht0 (%%rsp)\\n"
                "lock; addl $0, (%%rsp) # a fence\\n\\tmfence\\n\\tstmxcsr -8(%%rsp)\" ::: \"cc\", "
                "\"memory\"); } while (0)");
    expect_fine("__asm__(\".pushsection .text.x,\\\"ax\\\"\\n.type own, @function\\nown: ret\\n"
                ".size own, .-own\\n.popsection\");\n"
                "#define BEFORE __asm__ volatile(\"call own\")");
}

Test(object, writable_data_has_a_quota)
{
    expect("static char kept[10240];\n#define BEFORE kept[call->n_in] += 1; "
           "if (kept[5]) return 7",
           JUDGE_FAIL_CONTRACT, "bytes of writable data");
    expect("__attribute__((visibility(\"hidden\"))) int kept[2000] = {1};\n"
           "#define BEFORE if (kept[call->n_in]++ > 3) return 7",
           JUDGE_FAIL_CONTRACT, "bytes of writable data");
    expect("__asm__(\".comm kept,10240,8\\n.hidden kept\");", JUDGE_FAIL_CONTRACT,
           "bytes of writable data");
    expect_fine("static char kept[1024];\n#define BEFORE kept[call->n_in] += 1; "
                "if (kept[5] == 3) return 7");
}

Test(object, sections_and_symbols_are_plain)
{
    static const struct {
        const char *text, *said;
    } refused[] = {
        {"__asm__(\".section .text.x,\\\"awx\\\"\\n nop\\n.text\");", "writable and executable"},
        {"__asm__(\".section .data.x,\\\"awx\\\"\\n nop\\n.text\");", "writable and executable"},
        {"__asm__(\".section .rodata.x,\\\"ax\\\"\\n nop\\n.text\");", "section .rodata.x"},
        {"__asm__(\".section .text.x,\\\"ax\\\",@note\\n nop\\n.text\");", "section .text.x"},
        {"__asm__(\".section .text.x,\\\"axG\\\",@progbits,g,comdat\\n nop\\n.text\");", "group"},
        {"__asm__(\".section .text.x,\\\"ax\\\"\\n .quad memcpy\\n.text\");",
         "relocation of type 1"},
        {"__attribute__((section(\"mine\"), used)) static int x = 1;", "section mine"},
        {"__asm__(\".type table, @object\\n.text\\ntable: .byte 0x0f, 5\\n\");", "among code"},
        {"extern int maybe __attribute__((weak));\n#define BEFORE if (&maybe) return 9", "maybe"},
        {"__asm__(\".weak memcpy\");", "weak reference"},
        {"__asm__(\".hidden \\\"a b\\\"\\n.data\\n\\\"a b\\\": .byte 1\\n.text\");",
         "odd characters"},
    };

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        expect(refused[i].text, JUDGE_FAIL_CONTRACT, refused[i].said);
}
