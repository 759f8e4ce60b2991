/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/workload.h"
#include "reference/base/err.h"
#include "tests/engine/arch_models.h"
#include "tests/engine/program_call.h"

#include <jansson.h>
#include <math.h>

/* `engine profile` of a small model as JSON. */
static json_t *profiled(const char *model, const char *options)
{
    struct arch_model m = *arch_model_find(model);
    char path[] = "/tmp/pawl-profile-XXXXXX", line[256];
    struct strbuf out = {0};
    json_t *root;
    int fd = mkstemp(path);

    cr_assert(fd >= 0);
    close(fd);
    m.extents[M_EMBED] = 256;
    m.extents[M_FFN] = 256;
    m.extents[M_EXPERT_FFN] = 256;
    m.extents[M_LAYERS] = 2;
    m.extents[M_HEADS] = 4;
    m.extents[M_KV_HEADS] = 2;
    m.extents[M_HEAD_DIM] = m.extents[M_ROPE] = 64;
    cr_assert_eq(arch_model_write(&m, arch_types_find("Q8_0"), NULL, path), 0, "%s", err_message());
    snprintf(line, sizeof line, "profile %s -t 1 --repeat 2 --json %s 2>&1", path, options);
    cr_assert_eq(program_call(line, "", &out), 0, "%s", strbuf_str(&out));
    root = json_loads(strbuf_str(&out), 0, NULL);
    cr_assert(root, "%s", strbuf_str(&out));
    unlink(path);
    strbuf_deinit(&out);
    return root;
}

static const json_t *case_named(const json_t *root, const char *name)
{
    const json_t *c;
    size_t i;

    json_array_foreach(
        json_object_get(root, "cases"), i,
        c) if (!strcmp(json_string_value(json_object_get(c, "name")), name)) return c;
    cr_assert_fail("no case %s", name);
    return NULL;
}

static json_int_t calls_of(const json_t *root, const char *name)
{
    return json_integer_value(json_object_get(case_named(root, name), "calls"));
}

/* A case of the JSON as the judge has it. Strings belong to `c`. */
static struct problem_case case_of(const json_t *c)
{
    struct problem_case out = {.name = json_string_value(json_object_get(c, "name")),
                               .op = json_string_value(json_object_get(c, "op"))};
    json_t *value;
    const char *key;
    int n = 0;

    json_object_foreach(json_object_get(c, "params"), key, value) out.params[n++] =
        (struct problem_param){key, json_integer_value(value)};
    return out;
}

/* Every line is a case that the sealed side accepts: it draws inputs for it and knows its work. */
static void judged(const json_t *root)
{
    const json_t *c;
    double sum = 0;
    size_t i;

    json_array_foreach(json_object_get(root, "cases"), i, c)
    {
        struct problem_case pc = case_of(c);
        struct problem_instance in;
        struct problem_work work;

        sum += json_number_value(json_object_get(c, "weight"));
        cr_expect_eq(compute_flops(&pc, &work), 0, "%s: %s", pc.name, err_message());
        cr_expect_gt(work.bytes_read, 0, "%s", pc.name);
        cr_assert_eq(generate_inputs(&pc, 1, PROBLEM_RANDOM, &in), 0, "%s: %s", pc.name,
                     err_message());
        problem_instance_deinit(&in);
    }
    cr_expect_lt(fabs(sum - 1), 1e-9, "shares sum to %g", sum);
}

Test(profile, is_a_workload_that_the_judge_understands)
{
    json_t *root = profiled("llama", "--prompt 24 --decode 5 --depth 8"), *share;
    double here = 0, sealed = 0;
    const char *op;

    judged(root);
    /* Two layers, two repeats; in decode five tokens each. */
    cr_expect_eq(calls_of(root, "gemm-q8_0-256+128+128x256-n24"), 4);
    cr_expect_eq(calls_of(root, "gemv-q8_0-256+128+128x256"), 20);
    cr_expect_eq(calls_of(root, "attention-f16-h64-4x2-n24-kv32"), 4);
    cr_expect_eq(calls_of(root, "attention-f16-h64-4x2-kv35"), 20, "33..37, in the mean 35");
    cr_expect_eq(calls_of(root, "kv-f16-h64x2-n24"), 4);
    cr_expect_eq(calls_of(root, "rope-k64-4-n24"), 4);
    json_object_foreach(json_object_get(root, "operations"), op, share)
    {
        here += json_number_value(json_object_get(share, "here"));
        sealed += json_number_value(json_object_get(share, "sealed"));
    }
    cr_expect(fabs(here - 1) < 1e-9 && fabs(sealed - 1) < 1e-9, "%g %g", here, sealed);
    json_decref(root);
}

Test(profile, knows_mixtures_of_experts)
{
    json_t *root = profiled("qwen2moe", "--prompt 9 --decode 0");

    judged(root);
    json_decref(root);
}

Test(profile, finds_the_nearest_sealed_case)
{
    struct problem_case c = {.op = "gemv", .n_threads = 1, .params = {{"type", KERNEL_Q4_K}}};

    c.params[1] = (struct problem_param){"m", 4096};
    c.params[2] = (struct problem_param){"k", 4096};
    cr_expect_str_eq(workload_nearest(&problem_shipped, &c)->name, "gemv-q4_k");
    c.params[0].value = KERNEL_Q6_K;
    cr_expect_str_eq(workload_nearest(&problem_shipped, &c)->name, "gemv-q6_k");
    c.op = "top_k";
    cr_expect_null(workload_nearest(&problem_shipped, &c));
}

Test(profile, writes_a_file_and_says_what_is_wrong)
{
    struct strbuf out = {0};
    char path[] = "/tmp/pawl-profile-XXXXXX", line[256];
    int fd = mkstemp(path);

    close(fd);
    snprintf(line, sizeof line, "profile --prompt 3 --decode 2 -t 1 -o %s 2>&1", path);
    if (program_call("inspect >/dev/null 2>&1", "", &out) == 0) { /* there is a built-in model */
        cr_expect_eq(program_call(line, "", &out), 0, "%s", strbuf_str(&out));
        cr_assert_eq(file_read(path, &out), 0);
        cr_expect(strstr(strbuf_str(&out), "# engine profile built-in model --prompt 3") &&
                  strstr(strbuf_str(&out), "type=Q4_K m=") &&
                  strstr(strbuf_str(&out), "sealed case"));
    }
    cr_expect_eq(program_call("profile no/such.gguf 2>&1", "", &out), 1);
    cr_expect_eq(program_call("profile --prompt 300 --ctx 200 2>&1", "", &out), 2);
    unlink(path);
    strbuf_deinit(&out);
}
