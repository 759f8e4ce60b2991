/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled kernels in a form that can be compared. */
#include "ratchet/history/listing.h"
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As objdump prints it. */
static const char printed[] =
    "\n/tmp/k.o:     file format elf64-x86-64\n\n\nDisassembly of section .text.f:\n\n"
    "0000000000000000 <f>:\n"
    "   0:\tsub    $0x18,%rsp\n"
    "   4:\tmulps  0x0(%rip),%xmm0        # b <f+0xb>\t7: R_X86_64_PC32\t.LC17-0x4\n"
    "   b:\tmov    %edx,0x1f8(%rsp,%rax,8)\n"
    "  12:\tjle    30 <f+0x30>\n"
    "  14:\tnopl   0x0(%rax)\n"
    "  20:\tadd    -0x10(%rax),%edx\n"
    "  26:\tjne    20 <f+0x20>\n"
    "  28:\tcall   2d <f+0x2d>\t29: R_X86_64_PLT32\tg-0x4\n"
    "  2d:\tdata16 cs nopw 0x0(%rax,%rax,1)\n"
    "  30:\tjmp    35 <f+0x35>\t31: R_X86_64_PLT32\tff+0xc\n"
    "\nDisassembly of section .text.f.cold:\n\n"
    "0000000000000000 <f.cold>:\n"
    "   0:\tmovabs $0x0,%rax\t2: R_X86_64_64\ttable\n"
    "   a:\tjmp    f <f.cold+0xf>\t# not a jump inside\tb: R_X86_64_PC32\tf+0x1c\n"
    "\nDisassembly of section .text.a:\n\n"
    "0000000000000000 <a>:\n"
    "   0:\tret\n";

static void parse(const char *text, struct listing *out)
{
    char *copy = strdup(text);

    cr_assert(copy);
    listing_parse(copy, out);
    free(copy);
}

Test(history_listing, has_no_addresses_offsets_of_the_frame_or_padding)
{
    struct listing l;

    parse(printed, &l);
    cr_assert_eq(l.n, 3);
    cr_expect_str_eq(l.functions[0].name, "a");
    cr_expect_str_eq(l.functions[1].name, "f");
    cr_expect_str_eq(l.functions[2].name, "f.cold");
    cr_expect_str_eq(l.functions[1].text.data, "\tsub    $0x18,%rsp\n"
                                               "\tmulps  .LC(%rip),%xmm0\n"
                                               "\tmov    %edx,(%rsp,%rax,8)\n"
                                               "\tjle .L>\n"
                                               ".L:\n"
                                               "\tadd    -0x10(%rax),%edx\n"
                                               "\tjne .L<\n"
                                               "\tcall g\n"
                                               ".L:\n"
                                               "\tjmp ff\n");
    cr_expect_eq(l.functions[1].n_instructions, 8);
    cr_expect_str_eq(l.functions[2].text.data, "\tmovabs $0x0,%rax [table]\n\tjmp f\n");
    listing_deinit(&l);
}

Test(history_listing, what_is_no_listing_is_an_empty_one)
{
    static const char *const odd[] = {"", "\n\n", "objdump: no such file\n", " <:\n>:\n",
                                      "   0:\tret\n"};

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct listing l;

        parse(odd[i], &l);
        cr_expect_eq(l.n, 0, "'%s'", odd[i]);
        listing_deinit(&l);
    }
}

Test(history_listing, functions_are_compared_by_name)
{
    struct listing before, after;
    struct listing_diff d;

    parse("0 <gone>:\n   0:\tret\n\n0 <same>:\n   0:\tret\n\n0 <other>:\n   0:\tinc %eax\n   "
          "2:\tret\n",
          &before);
    parse("0 <same>:\n   4:\tret\n\n0 <other>:\n   0:\tdec %eax\n   2:\tret\n\n0 <new>:\n   "
          "0:\tret\n",
          &after);
    cr_assert_eq(listing_compare(&before, &after, &d), 0, "%s", err_message());
    cr_assert_eq(d.n, 3);
    cr_expect_eq(d.n_same, 1);
    cr_expect_str_eq(d.changes[0].name, "gone");
    cr_expect_eq(d.changes[0].status, 'D');
    cr_expect_str_eq(d.changes[1].name, "new");
    cr_expect_eq(d.changes[1].status, 'A');
    cr_expect_eq(d.changes[1].after, 1);
    cr_expect_eq(d.changes[2].status, 'M');
    cr_expect(strstr(d.changes[2].patch.data, "-\tinc %eax\n+\tdec %eax\n \tret\n"), "%s",
              d.changes[2].patch.data);
    listing_diff_deinit(&d);
    listing_deinit(&before);
    listing_deinit(&after);
}

/* --- from commits, with a plain compiler --- */

static int plain_object(void *ctx, const struct ratchet_request *q, const char *to,
                        struct strbuf *why)
{
    char source[512], object[512];
    char *argv[] = {"gcc", "-O2", "-ffunction-sections", "-c", "-o", object, source, NULL};
    int rc;

    (void)ctx;
    snprintf(source, sizeof source, "%s/kernel.c", q->candidate_dir);
    snprintf(object, sizeof object, "%s", to);
    rc = process_run(argv, NULL, 60, why);
    return rc > 0 ? 1 : rc;
}

static int make(struct fixture *f, const char *name, struct listing *out)
{
    struct ratchet *r = fixture_open(f);
    struct revision v;
    int rc = revision_find(r, name, &v);

    cr_assert_eq(rc, 0, "%s", err_message());
    rc = listing_make(r, &v, out);
    ratchet_close(&r);
    return rc;
}

Test(history_listing, is_made_from_the_commit_and_leaves_nothing_behind)
{
    struct listing before, after, broken;
    struct listing_diff d;
    struct fixture f;
    char left[64];

    fixture_init(&f);
    f.judge.object = plain_object;
    fixture_write(&f, "kernel/kernel.c", "int kept(int a) { return a; }\nint kernel_fn;\n");
    fixture_git(&f, "commit -qam functions", NULL);
    fixture_experiment(&f, JUDGE_LOSS,
                       "int kept(int a) { return a; }\nint twice(int a) { return 2 * a; }\n");
    fixture_experiment(&f, JUDGE_FAIL_BUILD, "int kept(int a) { return b; }\n");
    cr_assert_eq(make(&f, "1^", &before), 0, "%s", err_message());
    cr_assert_eq(make(&f, "1", &after), 0, "%s", err_message());
    cr_assert_eq(listing_compare(&before, &after, &d), 0);
    cr_assert_eq(d.n, 1);
    cr_expect_str_eq(d.changes[0].name, "twice");
    cr_expect_eq(d.n_same, 1);
    cr_expect_eq(make(&f, "2", &broken), ERR_CONFLICT);
    cr_expect(strstr(err_message(), "experiment 2 does not build") &&
                  strstr(err_message(), "undeclared"),
              "%s", err_message());
    cr_expect(fixture_clean(&f));
    snprintf(left, sizeof left, ".git/pawl/scratch/%d", -(int)getpid());
    cr_expect_not(fixture_exists(&f, left));
    listing_deinit(&broken);
    listing_diff_deinit(&d);
    listing_deinit(&before);
    listing_deinit(&after);
    fixture_deinit(&f);
}
