/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/program_call.h"
#include "tests/engine/tiny_model.h"

#include <jansson.h>
#include <math.h>

static char path[64];

static void setup(void)
{
    tiny_model_write(&tiny_f32, path);
}

static void teardown(void)
{
    unlink(path);
}

TestSuite(bench, .init = setup, .fini = teardown);

/* Two paths, two depths, two prompts: eight results. */
static struct strbuf measured(const char *option)
{
    struct strbuf out = {0};
    char line[256];

    snprintf(
        line, sizeof line,
        "bench -m %s --features scalar,all -t 1 --prompt 4,8 --depth 0,6 --decode 3 --repeat 3 "
        "%s 2>/dev/null",
        path, option);
    cr_assert_eq(program_call(line, "", &out), 0);
    return out;
}

static double number(const json_t *o, const char *key)
{
    cr_assert(json_is_number(json_object_get(o, key)), "%s", key);
    return json_number_value(json_object_get(o, key));
}

static void phase_check(const json_t *phase, double n_tokens)
{
    const json_t *shares = json_object_get(phase, "time_share"), *share;
    const json_t *samples = json_object_get(phase, "samples");
    double median = number(phase, "tokens_per_s"), low = INFINITY, high = 0, ops = 0;
    const char *op;

    cr_expect_eq(number(phase, "tokens"), n_tokens);
    cr_assert_eq(json_array_size(samples), 3);
    for (size_t i = 0; i < 3; i++) {
        low = fmin(low, json_number_value(json_array_get(samples, i)));
        high = fmax(high, json_number_value(json_array_get(samples, i)));
    }
    cr_expect(low > 0 && low <= median && median <= high);
    cr_expect_lt(fabs(number(phase, "spread") - (high - low) / median), 1e-9);
    cr_expect_lt(fabs(number(shares, "gemm_gemv") + number(shares, "attention") +
                      number(shares, "rest") - 1),
                 1e-9);
    json_object_foreach(json_object_get((json_t *)(uintptr_t)phase, "operations"), op, share) ops +=
        number(share, "time_share");
    cr_expect_lt(fabs(ops + number(shares, "engine") - 1), 1e-9);
}

Test(bench, json_is_valid_and_adds_up)
{
    static const double depths[] = {0, 0, 6, 6}, prompts[] = {4, 8, 4, 8};
    struct strbuf out = measured("--json");
    json_error_t error;
    json_t *root = json_loads(strbuf_str(&out), 0, &error), *rows;

    cr_assert(root, "line %d: %s", error.line, error.text);
    rows = json_object_get(root, "results");
    cr_assert_eq(json_array_size(rows), 8);
    for (size_t i = 0; i < 8; i++) {
        const json_t *row = json_array_get(rows, i);

        cr_expect_str_eq(json_string_value(json_object_get(row, "features")),
                         i < 4 ? "scalar" : "all");
        cr_expect_eq(number(row, "threads"), 1);
        cr_expect_eq(number(row, "depth"), depths[i % 4]);
        phase_check(json_object_get(row, "prefill"), prompts[i % 4]);
        phase_check(json_object_get(row, "decode"), 3);
    }
    json_decref(root);
    strbuf_deinit(&out);
}

Test(bench, csv_has_a_line_for_each_phase)
{
    struct strbuf out = measured("--csv");
    char *save, *line = strtok_r(out.data, "\n", &save);
    size_t n = 0;

    cr_assert_str_eq(line, "features,threads,depth,phase,tokens,repeats,tokens_per_s,least,largest,"
                           "gemm_gemv,attention,rest,engine");
    while ((line = strtok_r(NULL, "\n", &save))) {
        double rate, least, largest, share[4];
        char features[16], phase[16];
        unsigned threads, depth, tokens, repeats;

        cr_assert_eq(sscanf(line, "%15[^,],%u,%u,%15[^,],%u,%u,%lf,%lf,%lf,%lf,%lf,%lf,%lf",
                            features, &threads, &depth, phase, &tokens, &repeats, &rate, &least,
                            &largest, &share[0], &share[1], &share[2], &share[3]),
                     13, "%s", line);
        cr_expect_str_eq(phase, n % 2 ? "decode" : "prefill");
        cr_expect(threads == 1 && repeats == 3 && least <= rate && rate <= largest);
        cr_expect_lt(fabs(share[0] + share[1] + share[2] - 1), 2e-4);
        n++;
    }
    cr_expect_eq(n, 16);
    strbuf_deinit(&out);
}

Test(bench, has_one_format_at_a_time)
{
    struct strbuf out = {0};

    cr_expect_eq(program_call("bench --json --csv 2>&1", "", &out), 2);
    cr_expect(strstr(strbuf_str(&out), "use one of them"));
    strbuf_deinit(&out);
}
