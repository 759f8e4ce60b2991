/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/judge.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "tests/judge/sandbox.h"

#include <criterion/criterion.h>
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

TestSuite(build, .init = setup, .fini = teardown);

/* Build what was written; the code key goes to `key`. */
static void key_of(char key[SHA256_HEX])
{
    struct judge_build *b = sandbox_build(&box);

    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    memcpy(key, judge_build_code_key(b), SHA256_HEX);
    judge_build_close(&b);
    cr_assert(b == NULL);
}

Test(build, code_key_ignores_comments_and_the_wording_of_the_strings)
{
    char plain[SHA256_HEX], comment[SHA256_HEX], wording[SHA256_HEX];
    struct strbuf text = {0};
    char *name;

    sandbox_tiny(&box, "");
    key_of(plain);
    cr_assert_eq(strlen(plain), SHA256_HEX - 1);
    sandbox_tiny(&box, "/* a comment\n * of two lines */");
    key_of(comment);
    cr_assert_str_eq(plain, comment);
    cr_assert_eq(file_read("tests/judge/kernels/tiny_q4_k.c", &text), 0);
    name = strstr(text.data, "\"tiny\"");
    cr_assert(name != NULL);
    memcpy(name, "\"TINY\"", 6);
    sandbox_write(&box, "kernel.c", text.data);
    strbuf_deinit(&text);
    key_of(wording);
    cr_assert_str_eq(plain, wording);
}

Test(build, code_key_follows_code_and_constants)
{
    char plain[SHA256_HEX], code[SHA256_HEX], constant[SHA256_HEX];

    sandbox_tiny(&box, "");
    key_of(plain);
    sandbox_tiny(&box, "#define AFTER if (call->n_in == 7) return 1");
    key_of(code);
    cr_assert_str_neq(plain, code);
    sandbox_tiny(&box, "#define AFTER if (call->n_in == 8) return 1");
    key_of(constant);
    cr_assert_str_neq(code, constant);
}

/* What the judge says to a kernel that must be refused. */
static void expect_refusal(enum judge_verdict verdict, const char *said)
{
    struct judge_build *b = sandbox_build(&box);
    const char *path;

    cr_assert_not(judge_build_ok(b));
    cr_assert_eq(judge_build_verdict(b), verdict, "%s", judge_build_log(b));
    cr_assert(strstr(judge_build_log(b), said) != NULL, "\"%s\" is not in: %s", said,
              judge_build_log(b));
    cr_assert_str_eq(judge_build_code_key(b), "");
    cr_assert_eq(judge_build_link(b, 0, &path), ERR_USAGE);
    judge_build_close(&b);
}

Test(build, names_an_export_too_many)
{
    sandbox_tiny(&box, "#define EXTRA __attribute__((visibility(\"default\"))) int fifth(void) "
                       "{ return 5; }");
    expect_refusal(JUDGE_FAIL_CONTRACT, "exports fifth");
}

Test(build, names_an_import_off_the_list)
{
    sandbox_tiny(&box, "#define EXTRA int printf(const char *, ...);\n"
                       "#define AFTER printf(\"%f\", 1.0)");
    expect_refusal(JUDGE_FAIL_CONTRACT, "printf");
}

Test(build, names_a_missing_export)
{
    sandbox_tiny(&box, "#define get_tiling_meta static_meta\n#include \"kernel/kernel.h\"");
    expect_refusal(JUDGE_FAIL_CONTRACT, "static_meta");
    sandbox_write(&box, "kernel.c",
                  "#include \"kernel/kernel.h\"\nconst char kernel_name[] = \"\";\n"
                  "const char problem_description[] = \"\";\n");
    expect_refusal(JUDGE_FAIL_CONTRACT, "does not export get_tiling_meta");
}

Test(build, nothing_may_run_while_the_kernel_is_loaded)
{
    static const char *const refused[] = {
        "__attribute__((constructor)) static void early(void) { __builtin_trap(); }",
        "__attribute__((destructor)) static void late(void) { __builtin_trap(); }",
        "__thread int own; int *kernel_own(void); __attribute__((visibility(\"hidden\")))"
        " int *kernel_own(void) { return &own; }",
        "static void *pick(void) { return 0; }"
        "__attribute__((visibility(\"hidden\"), ifunc(\"pick\"))) void picked(void);",
    };

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct judge_build *b;

        sandbox_tiny(&box, refused[i]);
        b = sandbox_build(&box);
        cr_expect_not(judge_build_ok(b), "%s", refused[i]);
        cr_expect_eq(judge_build_verdict(b), JUDGE_FAIL_CONTRACT, "%s", judge_build_log(b));
        judge_build_close(&b);
    }
}

Test(build, what_does_not_link_fails_to_build)
{
    struct judge_build *b;

    sandbox_tiny(&box, "__asm__(\".section .text.far,\\\"ax\\\"\\n movl memcpy, %eax\\n\");");
    b = sandbox_build(&box);
    cr_assert_not(judge_build_ok(b));
    cr_assert_eq(judge_build_verdict(b), JUDGE_FAIL_BUILD);
    cr_assert(strstr(judge_build_log(b), "R_X86_64_32S") != NULL, "%s", judge_build_log(b));
    judge_build_close(&b);
}

Test(build, shows_the_compiler_error_without_machine_paths)
{
    sandbox_tiny(&box, "#define AFTER return undeclared_thing");
    expect_refusal(JUDGE_FAIL_BUILD, "undeclared_thing");
    {
        struct judge_build *b = sandbox_build(&box);

        cr_assert(strstr(judge_build_log(b), "kernel/kernel.c:") != NULL);
        cr_assert(strstr(judge_build_log(b), box.folder) == NULL);
        judge_build_close(&b);
    }
}

Test(build, takes_the_sealed_header_whatever_lies_beside_the_source)
{
    sandbox_write(&box, "kernel.h", "#error not sealed\n");
    sandbox_tiny(&box, "");
    {
        struct judge_build *b = sandbox_build(&box);

        cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
        judge_build_close(&b);
    }
}

Test(build, a_missing_source_is_an_error_and_no_verdict)
{
    struct judge_build *b = NULL;

    cr_assert_eq(judge_build_open(box.source, &box.options, &b), ERR_IO);
    cr_assert(b == NULL);
}

static void read_layout(struct judge_build *b, uint64_t seed, struct strbuf *out)
{
    const char *path;

    cr_assert_eq(judge_build_link(b, seed, &path), 0, "%s", err_message());
    cr_assert_eq(file_read(path, out), 0);
}

/* Position of the needle in the file, or SIZE_MAX. */
static size_t find_bytes(const struct strbuf *file, const char *needle)
{
    const char *at = memmem(file->data, file->len, needle, strlen(needle));

    return at ? (size_t)(at - file->data) : SIZE_MAX;
}

Test(build, layouts_move_things_by_seed_and_repeat_exactly)
{
    struct strbuf first = {0}, again = {0}, other = {0};
    struct judge_build *b, *twin;
    size_t n_moved = 0;

    sandbox_tiny(&box, "");
    b = sandbox_build(&box);
    twin = sandbox_build(&box);
    read_layout(b, 42, &first);
    read_layout(twin, 42, &again);
    cr_assert_eq(first.len, again.len);
    cr_assert_eq(memcmp(first.data, again.data, first.len), 0);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        strbuf_clear(&other);
        read_layout(b, seed, &other);
        n_moved +=
            find_bytes(&other, "Q4_K times a vector") != find_bytes(&first, "Q4_K times a vector");
    }
    cr_assert_gt(n_moved, 15);
    strbuf_deinit(&first);
    strbuf_deinit(&again);
    strbuf_deinit(&other);
    judge_build_close(&b);
    judge_build_close(&twin);
}
