/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/source_audit.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <string.h>

static char fault[AUDIT_FAULT];

static void audit(const char *source)
{
    struct strbuf text = {0};

    strbuf_addf(&text, "%s", source);
    source_audit_text("kernel/kernel.c", &text, fault);
    strbuf_deinit(&text);
}

Test(source_audit, refuses_what_reads_other_files_or_steers_the_preprocessor)
{
    static const struct {
        const char *source, *said;
    } refused[] = {
        {"#include \"/etc/passwd\"\n", "/etc/passwd"},
        {"#include </etc/passwd>\n", "/etc/passwd"},
        {"#include \"../judge/judge.h\"\n", "../judge/judge.h"},
        {"#include \"kernel/../../x\"\n", "kernel/../../x"},
        {"#define F \"/etc/passwd\"\n#include F\n", "kernel.c:2: #include must name"},
        {"  %: include F\n", "#include must name"},
        {"#inc\\\nlude \"/etc/passwd\"\n", "/etc/passwd"},
        {"#inc\\  \nlude \"/etc/passwd\"\n", "/etc/passwd"},
        {"/* a */ # /* b\n */ include </etc/passwd>\n", "/etc/passwd"},
        {"?\?=include </etc/passwd>\n", "trigraph"},
        {"'\"'; /*\"*/\n#include_next <stdint.h>\n", "#include_next"},
        {"#import \"x.inc\"\n", "#import"},
        {"#line 7 \"other.c\"\n", "#line"},
        {"# 7 \"other.c\" 3\n", "#7"},
        {"#ident \"x\"\n", "#ident"},
        {"#embed \"x\"\n", "#embed"},
        {"#if __has_include(\"/etc/passwd\")\n#endif\n", "__has_include \"/etc/passwd\""},
        {"#if __has_include ( FILE_NAME )\n#endif\n", "__has_include must name"},
        {"#if __has_inc\\\nlude_next(<unistd.h>)\n#endif\n", "__has_include_next"},
        {"#define HAS __has_include\n", "__has_include must"},
        {"#pragma GCC poison memcpy\n", "poison"},
        {"#pragma GCC system_header\n", "system_header"},
        {"#pragma GCC dependency \"/etc/passwd\"\n", "dependency"},
        {"#pragma GCC pch_preprocess \"x\"\n", "pch_preprocess"},
        {"#pragma redefine_extname a b\n", "redefine_extname"},
        {"_Pragma(\"GCC dependency \\\"/etc/passwd\\\"\")\n", "_Pragma"},
        {"_Pragma(\"GCC poison x\")\n", "poison"},
        {"#define P(x) _Pragma(#x)\n", "_Pragma"},
        {"int a;\r\n", "control character 13"},
    };

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        audit(refused[i].source);
        cr_expect(strstr(fault, refused[i].said) != NULL, "%s: %s", refused[i].source, fault);
        cr_expect(strncmp(fault, "kernel/kernel.c:", 16) == 0, "%s", fault);
    }
}

Test(source_audit, lets_honest_sources_pass_that_look_alike)
{
    static const char *const fine[] = {
        "#include <immintrin.h>\n#include \"kernel/layout.inc\" /* ours */\n",
        "/* #include \"/etc/passwd\" */\n// #include F\n//\\\n#include G\n",
        "const char *s = \"#include F\\\"\\\n#include F\";\n",
        "const char *s = \"__has_include, _Pragma(x), /* \"; // '\n#define A '\"'\n",
        "#if __has_include(<immintrin.h>) && __has_include (\"kernel/layout.inc\")\n#endif\n",
        "#if defined __has_builtin && __has_builtin(__builtin_clz)\n#endif\n",
        "#pragma GCC push_options\n#pragma GCC target(\"avx2\")\n#pragma GCC pop_options\n",
        "#pragma GCC unroll 4\n_Pragma(\"GCC ivdep\") _Pragma ( \"omp simd\" )\n",
        "#define UNROLL _Pragma(\"GCC unroll 8\")\n#\n#error no\n",
        "#if 0\ndon't /* do */ this\n#endif\nint a = 5 ? 1 : 2;\n",
    };

    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        audit(fine[i]);
        cr_expect_str_eq(fault, "", "%s: %s", fine[i], fault);
    }
}

Test(source_audit, counts_lines_as_an_editor_does)
{
    audit("/* one\ntwo */ int a; \\\nint b;\n\n#line 3\n");
    cr_assert(strncmp(fault, "kernel/kernel.c:5:", 18) == 0, "%s", fault);
}

Test(source_audit, knows_where_a_dependency_lies)
{
    static const char *const folders[] = {"/usr/include"};
    struct strbuf rule = {0};

    strbuf_addf(&rule, "kernel: stdio.h \\\n /usr/include/limits.h\n");
    source_audit_dependencies(&rule, "/usr/include", folders, 1, fault);
    cr_expect_str_eq(fault, "");
    strbuf_addf(&rule, " /usr/include/../../etc/passwd\n");
    source_audit_dependencies(&rule, "/usr/include", folders, 1, fault);
    cr_expect(strstr(fault, "etc/passwd") != NULL, "%s", fault);
    strbuf_deinit(&rule);
}

Test(source_audit, finds_a_pragma_that_the_preprocessor_made)
{
    struct strbuf text = {0};

    strbuf_addf(&text, "#pragma GCC unroll 4\nint a;\n");
    source_audit_preprocessed(&text, fault);
    cr_expect_str_eq(fault, "");
    strbuf_addf(&text, " # pragma GCC pch_preprocess \"x\"\n");
    source_audit_preprocessed(&text, fault);
    cr_expect(strstr(fault, "pch_preprocess") != NULL, "%s", fault);
    strbuf_deinit(&text);
}

Test(source_audit, file_names_are_plain)
{
    cr_expect(source_name_ok("gemv_avx512-2.inc"));
    cr_expect_not(source_name_ok("a b.inc"));
    cr_expect_not(source_name_ok("-o.inc"));
    cr_expect_not(source_name_ok("a$.inc"));
}
