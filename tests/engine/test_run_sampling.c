/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of engine run by which its text is chosen, as a user gives them. */
#include "reference/base/err.h"
#include "tests/engine/program_call.h"
#include "tests/engine/shared.h"
#include "tests/engine/tiny_model.h"

#include <criterion/criterion.h>
#include <jansson.h>

static char tiny_path[64], file_path[] = "/tmp/pawl-rules-XXXXXX";

static void setup(void)
{
    int fd = mkstemp(file_path);

    cr_assert(fd >= 0);
    close(fd);
    tiny_model_write(&tiny_f32, tiny_path);
}

static void teardown(void)
{
    unlink(tiny_path);
    unlink(file_path);
}

TestSuite(run_sampling, .init = setup, .fini = teardown);

/* What "engine run -m MODEL -p abc OPTIONS" prints; stderr is dropped when it goes well. */
static int run(const char *model, const char *options, struct strbuf *out)
{
    struct strbuf line = {0};
    int status;

    strbuf_clear(out);
    strbuf_addf(&line, "run -t 1 -m %s -p abc %s 2>/tmp/pawl-stderr-%d", model, options, getpid());
    status = program_call(line.data, "", out);
    strbuf_clear(&line);
    strbuf_addf(&line, "/tmp/pawl-stderr-%d", getpid());
    if (status)
        cr_assert_eq(file_read(line.data, out), 0);
    unlink(line.data);
    strbuf_deinit(&line);
    return status;
}

static void rules(const char *text)
{
    cr_assert_eq(file_write_atomic(file_path, text, strlen(text)), 0);
}

Test(run_sampling, writes_what_a_grammar_allows_and_ends_with_it)
{
    struct strbuf options = {0}, out = {0};

    rules("root ::= [x-z]{4} ([ab] | \"cd\") [m]{2,}");
    for (int seed = 0; seed < 4; seed++) {
        strbuf_clear(&options);
        strbuf_addf(&options, "-n 12 --temp 2 --seed %d --grammar %s", seed, file_path);
        cr_assert_eq(run(tiny_path, options.data, &out), 0, "%s", out.data);
        cr_assert_geq(out.len, 6);
        cr_assert_eq(strspn(out.data, "xyz"), 4, "%s", out.data);
        cr_assert_eq(strspn(out.data + 4, "abcd") +
                         strspn(out.data + 4 + strspn(out.data + 4, "abcd"), "m"),
                     out.len - 4, "%s", out.data);
    }
    rules("root ::= \"xyz\"");
    strbuf_clear(&options);
    strbuf_addf(&options, "--grammar %s", file_path);
    cr_assert_eq(run(tiny_path, options.data, &out), 0, "%s", out.data);
    cr_assert_str_eq(out.data, "xyz");
    /* Beams and guesses keep to it too. */
    strbuf_addf(&options, " --beams 3");
    cr_assert_eq(run(tiny_path, options.data, &out), 0, "%s", out.data);
    cr_assert_str_eq(out.data, "xyz");
    strbuf_deinit(&options);
    strbuf_deinit(&out);
}

/* Read back by a JSON parser that is not ours. */
Test(run_sampling, writes_json_of_a_schema)
{
    struct strbuf options = {0}, out = {0};
    char model[512];

    shared_require();
    shared_path(model, sizeof model, "models/stories260K.gguf");
    rules(
        "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"maxLength\":8},"
        "\"age\":{\"type\":\"integer\",\"minimum\":3,\"maximum\":17},\"tags\":{\"type\":\"array\","
        "\"items\":{\"enum\":[\"big\",\"red\"]},\"minItems\":1,\"maxItems\":3}},"
        "\"required\":[\"name\",\"age\",\"tags\"]}");
    for (int seed = 0; seed < 4; seed++) {
        json_error_t wrong;
        json_t *json;

        strbuf_clear(&options);
        strbuf_addf(&options, "-n 200 --temp 1 --seed %d --json-schema %s", seed, file_path);
        cr_assert_eq(run(model, options.data, &out), 0, "%s", out.data);
        json = json_loads(out.data, 0, &wrong);
        cr_assert_not_null(json, "%s: %s", wrong.text, out.data);
        cr_assert(json_string_length(json_object_get(json, "name")) <= 8 * 4);
        cr_assert(json_integer_value(json_object_get(json, "age")) >= 3 &&
                  json_integer_value(json_object_get(json, "age")) <= 17);
        cr_assert(json_array_size(json_object_get(json, "tags")) >= 1 &&
                  json_array_size(json_object_get(json, "tags")) <= 3);
        json_decref(json);
    }
    strbuf_deinit(&options);
    strbuf_deinit(&out);
}

/* The last token of "Once upon a t" is taken back: "time" has one of its own. What is there already
 * is not printed twice. */
Test(run_sampling, heals_without_printing_the_prompt_again)
{
    struct strbuf out = {0};
    char model[512];

    shared_require();
    shared_path(model, sizeof model, "models/stories260K.gguf");
    cr_assert_eq(run(model, "-n 8 --temp 0 --heal -p 'Once upon a t'", &out), 0, "%s", out.data);
    cr_assert(!strncmp(out.data, "ime, there was", 14), "\"%s\"", out.data);
    strbuf_deinit(&out);
}

Test(run_sampling, writes_the_same_with_guidance_of_no_strength)
{
    struct strbuf plain = {0}, out = {0};

    cr_assert_eq(run(tiny_path, "-n 30 --temp 0 --ids", &plain), 0, "%s", plain.data);
    cr_assert_eq(run(tiny_path, "-n 30 --temp 0 --ids --negative-prompt xyz --cfg-scale 1", &out),
                 0, "%s", out.data);
    cr_assert_str_eq(out.data, plain.data);
    cr_assert_eq(run(tiny_path, "-n 30 --temp 0 --ids --negative-prompt xyz --cfg-scale 8", &out),
                 0);
    cr_assert_str_neq(out.data, plain.data);
    strbuf_deinit(&plain);
    strbuf_deinit(&out);
}

Test(run_sampling, is_greedy_with_one_beam)
{
    struct strbuf plain = {0}, out = {0};

    cr_assert_eq(run(tiny_path, "-n 30 --temp 0 --ids", &plain), 0, "%s", plain.data);
    cr_assert_eq(run(tiny_path, "-n 30 --beams 1 --ids", &out), 0, "%s", out.data);
    cr_assert_str_eq(out.data, plain.data);
    strbuf_deinit(&plain);
    strbuf_deinit(&out);
}

/* One seed, one text: any threads, any micro-batch, any order of the same options. */
Test(run_sampling, repeats_a_seed_through_every_stage)
{
    static const char options[] =
        "-n 40 --seed 11 --ids --top-k 30 --typical 0.95 --top-p 0.98 --min-p 0.01 --tail-free "
        "0.99 "
        "--eta 0.001 --xtc-probability 0.3 --xtc-threshold 0.05 --repeat-penalty 1.1 "
        "--presence-penalty 0.1 --frequency-penalty 0.1 --dry-multiplier 0.5 --temp 1.5 "
        "--dynatemp-range 0.5 --logit-bias 5=1.5,6=-inf --samplers "
        "'logit-bias;penalties;dry;top-n-sigma;top-k;tail-free;typical;top-p;min-p;eta;xtc;"
        "temperature;mirostat-v2' --top-n-sigma 3";
    struct strbuf line = {0}, first = {0}, out = {0};

    cr_assert_eq(run(tiny_path, options, &first), 0, "%s", first.data);
    cr_assert_gt(first.len, 20);
    strbuf_addf(&line, "%s -t 2 --micro-batch 2", options);
    cr_assert_eq(run(tiny_path, line.data, &out), 0, "%s", out.data);
    cr_assert_str_eq(out.data, first.data);
    strbuf_clear(&line);
    strbuf_addf(&line, "%s --seed 12", options);
    cr_assert_eq(run(tiny_path, line.data, &out), 0, "%s", out.data);
    cr_assert_str_neq(out.data, first.data);
    strbuf_deinit(&line);
    strbuf_deinit(&first);
    strbuf_deinit(&out);
}

static void fails(const char *options, const char *message)
{
    struct strbuf out = {0};

    cr_expect_gt(run(tiny_path, options, &out), 0, "%s", options);
    cr_expect(strstr(strbuf_str(&out), message), "%s: no \"%s\" in: %s", options, message,
              strbuf_str(&out));
    strbuf_deinit(&out);
}

Test(run_sampling, says_what_is_wrong_with_an_option)
{
    struct strbuf options = {0};

    fails("--samplers 'top-k;heat'", "no stage \"heat\": there are logit-bias;");
    fails("--logit-bias 5", "write ID=BIAS");
    fails("--logit-bias 5=1,x=2", "write ID=BIAS");
    fails("--logit-bias 4000=1", "outside the vocabulary 0..39");
    fails("--grammar /tmp/nowhere.gbnf", "/tmp/nowhere.gbnf");
    fails("--beams 2 --lookup 3", "--beams goes with none of");
    fails("--fim-suffix x", "was not made to fill gaps");
    fails("--fim-suffix x --fim-suffix-file y", "use one");
    rules("root ::= root \"a\"");
    strbuf_addf(&options, "--grammar %s", file_path);
    fails(options.data, "left recursion");
    strbuf_clear(&options);
    rules("{\"not\": {}}");
    strbuf_addf(&options, "--json-schema %s", file_path);
    fails(options.data, "the keyword \"not\" is not supported");
    strbuf_addf(&options, " --grammar %s", file_path);
    fails(options.data, "use one");
    rules("root ::= \"\\u3042\"");
    strbuf_clear(&options);
    strbuf_addf(&options, "--grammar %s", file_path);
    fails(options.data, "no token of this vocabulary may come next");
    strbuf_deinit(&options);
}
