/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/commands.h"
#include "reference/base/fileio.h"
#include "tests/engine/gguf_build.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <jansson.h>

struct folder {
    char path[512], in[600], out[600];
};

/* A small file with one of everything that is hard to print. */
static struct folder folder_make(void)
{
    struct strbuf s = {0};
    struct folder d;

    temp_folder(d.path, sizeof d.path);
    snprintf(d.in, sizeof d.in, "%s/in.gguf", d.path);
    snprintf(d.out, sizeof d.out, "%s/out.txt", d.path);
    build_header(&s, 2, 6);
    build_kv_string(&s, "test.name", "a \"quoted\" name\n\033[31m");
    build_kv_string(&s, "test.broken", "\xff\xfe");
    build_kv_bool(&s, "test.yes", true);
    build_kv_array(&s, "test.many", GGUF_U32, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        build_u32(&s, i + 100000);
    build_kv_array(&s, "test.words", GGUF_STRING, 2);
    build_string(&s, "one");
    build_string(&s, "two");
    build_kv_array(&s, "test.nan", GGUF_F32, 1);
    build_u32(&s, 0x7fc00000);
    build_tensor(&s, "w", KERNEL_Q8_0, 2, (int64_t[]){64, 3}, 0);
    build_tensor(&s, "norm", KERNEL_F32, 1, (int64_t[]){64}, 224);
    build_pad(&s, 32);
    for (int i = 0; i < 224 + 256; i++)
        strbuf_add(&s, "", 1);
    cr_assert_eq(file_write_atomic(d.in, s.data, s.len), 0);
    strbuf_deinit(&s);
    return d;
}

/* Exit status of `engine inspect path [option]`; its stdout in *out. */
static int run(const struct folder *d, const char *path, const char *option, struct strbuf *out)
{
    char *argv[] = {(char *)(uintptr_t) "inspect", (char *)(uintptr_t)path,
                    (char *)(uintptr_t)option, NULL};
    int status;

    strbuf_clear(out);
    cr_assert_not_null(freopen(d->out, "w", stdout));
    quiet();
    status = inspect_main(option ? 3 : 2, argv);
    fflush(stdout);
    cr_assert_eq(file_read(d->out, out), 0);
    return status;
}

Test(inspect, prints_keys_tensors_and_totals)
{
    struct folder d = folder_make();
    struct strbuf out = {0};

    cr_assert_eq(run(&d, d.in, NULL, &out), 0);
    cr_expect_not_null(strstr(out.data, "GGUF version 3"));
    cr_expect_not_null(strstr(out.data, "\"a \\\"quoted\\\" name\\n\\x1b[31m\""));
    cr_expect_not_null(strstr(out.data, "\\xff\\xfe"));
    cr_expect_not_null(strstr(out.data, "u32[1000]"));
    cr_expect_not_null(strstr(out.data, "100000, 100001"));
    cr_expect_null(strstr(out.data, "100500"), "long arrays are abbreviated");
    cr_expect_not_null(strstr(out.data, "\"one\", \"two\"\n"));
    cr_expect_not_null(strstr(out.data, "64 x 3"));
    cr_expect_not_null(strstr(out.data, "192 weights"));
    for (size_t i = 0; i < out.len; i++)
        cr_assert(out.data[i] == '\n' || (unsigned char)out.data[i] >= 0x20);
    strbuf_deinit(&out);
    file_remove_tree(d.path);
}

Test(inspect, prints_json_that_parses)
{
    struct folder d = folder_make();
    struct strbuf out = {0};
    json_t *root, *metadata, *tensor;

    cr_assert_eq(run(&d, d.in, "--json", &out), 0);
    root = json_loads(out.data, 0, NULL);
    cr_assert_not_null(root);
    metadata = json_object_get(root, "metadata");
    cr_expect_eq(json_integer_value(json_object_get(root, "version")), 3);
    cr_expect_eq(json_object_size(metadata), 6);
    cr_expect_str_eq(
        json_string_value(json_object_get(json_object_get(metadata, "test.name"), "value")),
        "a \"quoted\" name\n\033[31m");
    cr_expect_str_eq(
        json_string_value(json_object_get(json_object_get(metadata, "test.broken"), "value")),
        "\\xff\\xfe");
    cr_expect(json_is_true(json_object_get(json_object_get(metadata, "test.yes"), "value")));
    cr_expect_eq(
        json_integer_value(json_object_get(json_object_get(metadata, "test.many"), "count")), 1000);
    tensor = json_array_get(json_object_get(root, "tensors"), 0);
    cr_expect_str_eq(json_string_value(json_object_get(tensor, "type")), "Q8_0");
    cr_expect_eq(json_integer_value(json_object_get(tensor, "bytes")), 3 * 2 * 34);
    cr_expect_eq(json_integer_value(json_object_get(
                     json_object_get(json_object_get(root, "totals"), "F32"), "weights")),
                 64);
    json_decref(root);
    strbuf_deinit(&out);
    file_remove_tree(d.path);
}

/* How many bytes lie on 2 MiB pages is the system's business; never more than there are. */
Test(inspect, says_where_the_packed_weights_of_a_model_lie)
{
    struct tiny_model t = tiny_f32;
    struct folder d = folder_make();
    struct strbuf out = {0};
    char model[64], *at;
    double packed, huge;

    tiny_model_write(&t, model);
    cr_assert_eq(run(&d, model, NULL, &out), 0);
    cr_expect_null(strstr(out.data, "2 MiB pages"), "nothing is loaded unless asked for");
    cr_assert_eq(run(&d, model, "--load", &out), 0);
    at = strstr(out.data, "weights: ");
    cr_assert_not_null(at);
    cr_assert_eq(sscanf(at, "weights: %lf MiB packed, %lf MiB", &packed, &huge), 2);
    cr_expect_leq(huge, packed);
    cr_assert_eq(run(&d, d.in, "--load", &out), 1, "a file that is no model");
    strbuf_deinit(&out);
    remove(model);
    file_remove_tree(d.path);
}

Test(inspect, fails_with_one_on_a_broken_file_and_two_on_usage)
{
    struct folder d = folder_make();
    struct strbuf out = {0};

    cr_expect_eq(run(&d, "no/such/file.gguf", NULL, &out), 1);
    cr_expect_eq(out.len, 0);
    cr_expect_eq(run(&d, d.in, "--yaml", &out), 2);
    cr_expect_eq(run(&d, d.in, "another", &out), 2);
    strbuf_deinit(&out);
    file_remove_tree(d.path);
}
