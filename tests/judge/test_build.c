/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/object_cache.h"
#include "judge/judge.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "tests/judge/sandbox.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* A constant to look for in the linked file. */
#define MARK "__attribute__((used)) static const char mark[] = \"constant mark\";"

Test(build, layouts_move_things_by_seed_and_repeat_exactly)
{
    struct strbuf first = {0}, again = {0}, other = {0};
    struct judge_build *b, *twin;
    size_t n_moved = 0;

    sandbox_tiny(&box, MARK);
    b = sandbox_build(&box);
    twin = sandbox_build(&box);
    read_layout(b, 42, &first);
    read_layout(twin, 42, &again);
    cr_assert_eq(first.len, again.len);
    cr_assert_eq(memcmp(first.data, again.data, first.len), 0);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        strbuf_clear(&other);
        read_layout(b, seed, &other);
        cr_assert_neq(find_bytes(&other, "constant mark"), SIZE_MAX);
        n_moved += find_bytes(&other, "constant mark") != find_bytes(&first, "constant mark");
    }
    cr_assert_gt(n_moved, 15);
    strbuf_deinit(&first);
    strbuf_deinit(&again);
    strbuf_deinit(&other);
    judge_build_close(&b);
    judge_build_close(&twin);
}

Test(build, no_file_of_the_machine_gets_in_through_the_preprocessor)
{
    sandbox_tiny(&box, "#define FILE_NAME </etc/passwd>\n#include FILE_NAME");
    expect_refusal(JUDGE_FAIL_CONTRACT, "kernel/kernel.c:2: #include must name its file");
    sandbox_tiny(&box, "#include </etc/passwd>");
    expect_refusal(JUDGE_FAIL_CONTRACT, "/etc/passwd");
    sandbox_tiny(&box, "#include <stdio.h>");
    expect_refusal(JUDGE_FAIL_BUILD, "stdio.h: No such file");
    sandbox_tiny(&box, "#include \"kernel.d\"");
    expect_refusal(JUDGE_FAIL_BUILD, "kernel.d");
}

Test(build, a_source_that_is_a_link_is_refused)
{
    char path[400];

    sandbox_tiny(&box, "#include \"kernel/x.inc\"");
    snprintf(path, sizeof path, "%s/x.inc", box.source);
    cr_assert_eq(symlink("/etc/passwd", path), 0);
    expect_refusal(JUDGE_FAIL_CONTRACT, "kernel/x.inc: sources are plain files");
}

Test(build, approved_headers_are_enough_for_intrinsics_and_no_more)
{
    struct judge_build *b;

    sandbox_tiny(
        &box,
        "#include <errno.h>\n#include <float.h>\n#include <immintrin.h>\n"
        "#include <limits.h>\n#include <stdbool.h>\n#include <stdint.h>\n#include <stdlib.h>\n"
        "_Static_assert(INT_MIN < 0 && UINT_MAX == 0xffffffff && "
        "sizeof(int_fast64_t) == 8 && INT64_MAX > 0 && SIZE_MAX > 0, \"\");");
    b = sandbox_build(&box);
    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    judge_build_close(&b);
    sandbox_tiny(&box, "#include <stdlib.h>\n#define AFTER free((void *)(uintptr_t)call)");
    expect_refusal(JUDGE_FAIL_CONTRACT, "the kernel calls or reads");
}

Test(build, the_date_is_no_input)
{
    sandbox_tiny(&box, "static const char *when(void) { return __DATE__; }\n"
                       "#define BEFORE if (when()[0] == 'J') return 7");
    expect_refusal(JUDGE_FAIL_BUILD, "date-time");
    sandbox_tiny(&box, "#define GLUE(a, b) a##b\n"
                       "static const char *when(void) { return GLUE(__TI, ME__); }\n"
                       "#define BEFORE if (when()[0] == '1') return 7");
    expect_refusal(JUDGE_FAIL_BUILD, "date-time");
}

Test(build, incbin_made_of_pieces_is_read_as_a_whole)
{
    sandbox_tiny(&box,
                 "#define S(x) #x\n"
                 "__asm__(\".section .rodata\\n.\" \"inc\" S(bin) \" \\\"/etc/passwd\\\"\");");
    expect_refusal(JUDGE_FAIL_CONTRACT, ".incbin is not for kernels");
    sandbox_tiny(&box, "__asm__(\"nop; .macro hide; syscall; .endm; hide\");");
    expect_refusal(JUDGE_FAIL_CONTRACT, ".macro is not for kernels");
}

Test(build, what_looks_like_an_attack_in_a_comment_or_string_is_none)
{
    struct judge_build *b;

    sandbox_tiny(&box, "/* #include \"/etc/passwd\" .incbin syscall */\n"
                       "static const char say[] = \"#include .incbin \\\" ; .macro __DATE__\";\n"
                       "#define BEFORE if (say[call->n_in & 7] == 1) return 7;\n"
                       "#pragma GCC push_options\n#pragma GCC optimize(\"O2\")\n"
                       "#pragma GCC pop_options");
    b = sandbox_build(&box);
    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    judge_build_close(&b);
}

Test(build, a_response_file_in_cc_is_refused)
{
    struct judge_build *b;

    sandbox_tiny(&box, "");
    setenv("CC", "gcc @options", 1);
    cr_assert_eq(judge_build_open(box.source, &box.options, &b), ERR_USAGE);
    cr_assert(strstr(err_message(), "@options") != NULL, "%s", err_message());
    setenv("CC", "no-such-compiler", 1);
    cr_assert_eq(judge_build_open(box.source, &box.options, &b), ERR_IO);
}

/* A program in front of the compiler that adds `script`'s effect. */
static void compiler_wrap(const char *script)
{
    char path[400];

    snprintf(path, sizeof path, "%s/bin", box.folder);
    cr_assert_eq(file_make_dirs(path), 0);
    snprintf(path, sizeof path, "%s/bin/cc", box.folder);
    cr_assert_eq(file_write_atomic(path, script, strlen(script)), 0);
    cr_assert_eq(chmod(path, 0755), 0);
    setenv("CC", path, 1);
}

Test(build, code_that_depends_on_the_folder_is_not_reproducible)
{
    sandbox_tiny(&box, "");
    compiler_wrap("#!/bin/sh\nset -e\ngcc \"$@\"\n"
                  "if test -f kernel.s; then echo \".ident \\\"$PWD\\\"\" >>kernel.s; fi\n");
    expect_refusal(JUDGE_FAIL_BUILD, "not reproducible");
    compiler_wrap("#!/bin/sh\nexec gcc \"$@\"\n");
    {
        struct judge_build *b = sandbox_build(&box);

        cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
        judge_build_close(&b);
    }
}

Test(build, the_callers_environment_does_not_reach_the_compiler)
{
    char before[SHA256_HEX], after[SHA256_HEX];

    sandbox_tiny(&box, "");
    key_of(before);
    setenv("CPATH", "/nowhere", 1);
    setenv("GCC_EXEC_PREFIX", "/nowhere/", 1);
    setenv("COMPILER_PATH", "/nowhere", 1);
    setenv("SOURCE_DATE_EPOCH", "1", 1);
    key_of(after);
    cr_assert_str_eq(before, after);
}

Test(build, the_wording_of_the_strings_cannot_decide_anything)
{
    struct strbuf linked = {0};
    struct judge_build *b;

    sandbox_tiny(&box, "extern const char kernel_name[];\n"
                       "#define BEFORE if (*(const volatile char *)kernel_name == 'x') return 7");
    expect_refusal(JUDGE_FAIL_CONTRACT, "reads its own kernel_name");
    sandbox_tiny(&box, "extern const char alias[] __attribute__((visibility(\"hidden\")));\n"
                       "__asm__(\".set alias, kernel_name\\n.hidden alias\");\n"
                       "#define BEFORE if (*(const volatile char *)alias == 'x') return 7");
    b = sandbox_build(&box);
    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    read_layout(b, 0, &linked);
    cr_expect_eq(find_bytes(&linked, "Q4_K times a vector"), SIZE_MAX);
    strbuf_deinit(&linked);
    judge_build_close(&b);
}

Test(build, names_its_compiler_object_and_folder)
{
    struct judge_build *b;
    struct strbuf object = {0}, twin_object = {0};
    struct judge_build *twin;

    sandbox_tiny(&box, "");
    b = sandbox_build(&box);
    twin = sandbox_build(&box);
    cr_expect(strstr(judge_build_compiler(b), "gcc") || strstr(judge_build_compiler(b), "clang"));
    cr_expect_eq(
        strncmp(judge_build_object(b), judge_build_folder(b), strlen(judge_build_folder(b))), 0);
    cr_expect_str_neq(judge_build_folder(b), judge_build_folder(twin));
    cr_expect_eq(file_read(judge_build_object(b), &object), 0);
    cr_expect_eq(file_read(judge_build_object(twin), &twin_object), 0);
    cr_expect_eq(object.len, twin_object.len);
    cr_expect_eq(memcmp(object.data, twin_object.data, object.len), 0);
    strbuf_deinit(&object);
    strbuf_deinit(&twin_object);
    judge_build_close(&b);
    judge_build_close(&twin);
}

Test(build, sanitized_object_has_checks_and_keeps_the_exports)
{
    struct judge_build *b;
    struct strbuf file = {0};
    const char *path, *again;

    sandbox_tiny(&box, "#ifdef __SANITIZE_ADDRESS__\n#error a kernel can tell\n#endif");
    b = sandbox_build(&box);
    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    cr_assert_eq(judge_build_link_sanitized(b, &path), 0, "%s", err_message());
    cr_assert_eq(judge_build_link_sanitized(b, &again), 0);
    cr_assert_eq(path, again);
    cr_assert_eq(file_read(path, &file), 0);
    cr_expect(find_bytes(&file, "__asan_load") != SIZE_MAX);
    cr_expect(find_bytes(&file, "__ubsan_handle") != SIZE_MAX);
    cr_expect(find_bytes(&file, "kernel_fn") != SIZE_MAX);
    strbuf_deinit(&file);
    judge_build_close(&b);
}

/* --- cache --- */

static void cache_make(char folder[400])
{
    snprintf(folder, 400, "%s/cache", box.folder);
    cr_assert_eq(file_make_dirs(folder), 0);
    box.options.cache_dir = folder;
}

/* Build; true when the compiler had to run. The log and the object's bytes go to *out. */
static bool was_compiled(struct strbuf *out)
{
    struct judge_build *b = sandbox_build(&box);
    char path[600];
    bool compiled;

    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    snprintf(path, sizeof path, "%s/kernel.i", judge_build_folder(b));
    compiled = access(path, F_OK) == 0;
    strbuf_clear(out);
    strbuf_addf(out, "%s", judge_build_log(b));
    cr_assert_eq(file_read(judge_build_object(b), out), 0);
    judge_build_close(&b);
    return compiled;
}

/* Read the one entry of the cache, change a byte near its end, write it back. */
static void cache_corrupt(void)
{
    struct strbuf entry = {0};
    const struct dirent *e;
    DIR *dir = opendir(box.options.cache_dir);
    char path[700];
    int n = 0;

    cr_assert(dir != NULL);
    while ((e = readdir(dir)))
        if (e->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", box.options.cache_dir, e->d_name);
            n++;
        }
    closedir(dir);
    cr_assert_eq(n, 1);
    cr_assert_eq(file_read(path, &entry), 0);
    entry.data[entry.len - 100] ^= 1;
    cr_assert_eq(file_write_atomic(path, entry.data, entry.len), 0);
    strbuf_deinit(&entry);
}

Test(build, an_object_is_compiled_once_and_never_trusted_blindly)
{
    struct strbuf first = {0}, later = {0};
    char folder[400];

    cache_make(folder);
    sandbox_tiny(&box, "static int unused;");
    cr_assert(was_compiled(&first));
    cr_assert(strstr(first.data, "unused") != NULL);
    cr_assert_not(was_compiled(&later));
    cr_assert_eq(first.len, later.len);
    cr_assert_eq(memcmp(first.data, later.data, first.len), 0);
    cache_corrupt();
    cr_assert(was_compiled(&later));
    cr_assert_eq(memcmp(first.data, later.data, first.len), 0);
    cr_assert_not(was_compiled(&later));
    sandbox_tiny(&box, "static int unused_too;");
    cr_assert(was_compiled(&later));
    strbuf_deinit(&first);
    strbuf_deinit(&later);
}

Test(build, a_cached_object_is_inspected_and_can_be_built_with_sanitizers)
{
    struct judge_build *b;
    const char *path;
    char folder[400];

    cache_make(folder);
    sandbox_tiny(&box, "#define BEFORE __asm__ volatile(\"rdtsc\" ::: \"eax\", \"edx\")");
    expect_refusal(JUDGE_CHEAT, "rdtsc");
    expect_refusal(JUDGE_CHEAT, "rdtsc");
    sandbox_tiny(&box, "");
    for (int i = 0; i < 2; i++) {
        b = sandbox_build(&box);
        cr_assert_eq(judge_build_link_sanitized(b, &path), 0, "%s", err_message());
        judge_build_close(&b);
    }
}

Test(build, the_cache_keeps_the_entries_used_last)
{
    struct strbuf object = {0}, log = {0};
    char folder[400], key[SHA256_HEX];

    cache_make(folder);
    strbuf_addf(&object, "object");
    for (int i = 0; i < OBJECT_CACHE_ENTRIES + 2; i++) {
        snprintf(key, sizeof key, "%064d", i);
        cr_assert_eq(object_cache_put(folder, key, &object, &log), 0);
        if (i == OBJECT_CACHE_ENTRIES - 1) { /* entry 0 is used again, so 1 and 2 must go */
            snprintf(key, sizeof key, "%064d", 0);
            cr_assert_eq(object_cache_get(folder, key, &object, &log), 1);
            cr_assert_str_eq(object.data, "objectobject");
        }
    }
    for (int i = 0; i < OBJECT_CACHE_ENTRIES + 2; i++) {
        snprintf(key, sizeof key, "%064d", i);
        cr_expect_eq(object_cache_get(folder, key, &object, &log), i != 1 && i != 2, "%d", i);
    }
    strbuf_deinit(&object);
    strbuf_deinit(&log);
}
