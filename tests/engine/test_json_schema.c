/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/json_schema.h"

#include "engine/sample/grammar.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

static struct grammar *grammar_of(const char *schema)
{
    struct strbuf rules = {0};
    struct grammar *g = NULL;

    cr_assert_eq(json_schema_grammar(schema, strlen(schema), &rules), 0, "%s: %s", schema,
                 err_message());
    cr_assert_eq(grammar_parse(rules.data, rules.len, &g), 0, "%s: %s\n%s", schema, err_message(),
                 rules.data);
    strbuf_deinit(&rules);
    return g;
}

static bool allows(struct grammar_matcher *m, const char *text)
{
    uint32_t state = grammar_start(m);

    for (; *text && state != GRAMMAR_DEAD; text++)
        state = grammar_step(m, state, (unsigned char)*text);
    return state != GRAMMAR_DEAD && grammar_may_end(m, state);
}

/* texts: those that the schema allows, NULL, those that it does not, NULL. */
static void parts(const char *schema, const char *const *texts)
{
    struct grammar *g = grammar_of(schema);
    struct grammar_matcher *m = NULL;
    bool wanted = true;

    cr_assert_eq(grammar_matcher_open(g, &m), 0);
    for (; *texts || wanted; texts++) {
        if (!*texts) {
            wanted = false;
            continue;
        }
        cr_expect_eq(allows(m, *texts), wanted, "%s: %s %s", schema, *texts,
                     wanted ? "is refused" : "is allowed");
    }
    grammar_matcher_close(&m);
    grammar_close(&g);
}

#define PARTS(schema, ...) parts(schema, (const char *const[]){__VA_ARGS__, NULL})

Test(json_schema, types)
{
    PARTS("{\"type\":\"string\"}", "\"\"", "\"a\\n\\u00e9\\\"\"", "\"\xc3\xa9\"", NULL, "a",
          "\"\n\"", "\"\\x\"", "1", "\"\\ud800\"");
    PARTS("{\"type\":\"integer\"}", "0", "-12", "123456789012345678", NULL, "01", "1.0", "--1",
          "1234567890123456789", "+1");
    PARTS("{\"type\":\"number\"}", "0", "-1.5e+10", "0.25", "1E3", NULL, ".5", "1.", "1e", "00");
    PARTS("{\"type\":\"boolean\"}", "true", "false", NULL, "null", "True");
    PARTS("{\"type\":\"null\"}", "null", NULL, "0");
    PARTS("{\"type\":[\"integer\",\"null\"]}", "5", "null", NULL, "true");
    PARTS("{\"type\":\"object\"}", "{}", "{\"a\":[1,{\"b\":null}]}", "{ \"a\" : 1 , \"b\":2 }",
          NULL, "[]", "{\"a\"}", "{,}");
    PARTS("{\"type\":\"array\"}", "[]", "[1,\"x\",[true]]", NULL, "[1,]", "{}");
    PARTS("{}", "1", "\"x\"", "[]", "{}", "null", " true", NULL, "x");
    PARTS("true", "[1]", NULL, "[1");
}

Test(json_schema, properties_in_order_with_commas_where_they_belong)
{
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}"
                                 ",\"b\":{\"type\":\"null\"},"
                                 "\"c\":{\"type\":\"integer\"}},\"required\":[\"b\"]}";

    PARTS(schema, "{\"b\":null}", "{\"a\":1,\"b\":null}", "{\"b\":null,\"c\":2}",
          "{\"a\":1, \"b\" : null,\n  \"c\":2}", NULL, "{}", "{\"a\":1}", "{,\"b\":null}",
          "{\"a\":1\"b\":null}", "{\"b\":null,}", "{\"c\":2,\"b\":null}", "{\"b\":null,\"d\":1}",
          "{\"b\":1}");
    PARTS("{\"properties\":{\"a\":{},\"b\":{}}}", "{}", "{\"a\":1}", "{\"b\":[]}",
          "{\"a\":1,\"b\":2}", NULL, "{\"b\":2,\"a\":1}", "{\"a\":1,\"a\":2}");
    PARTS(
        "{\"properties\":{\"say \\\"x\\\"\":{\"type\":\"null\"}},\"required\":[\"say \\\"x\\\"\"]}",
        "{\"say \\\"x\\\"\":null}", NULL, "{\"say x\":null}");
}

Test(json_schema, additional_properties_have_other_names)
{
    PARTS("{\"properties\":{\"ab\":{\"type\":\"null\"},\"ac\":{\"type\":\"null\"}},"
          "\"additionalProperties\":{\"type\":\"integer\"}}",
          "{}", "{\"ab\":null}", "{\"a\":1}", "{\"abc\":1,\"b\":2}",
          "{\"ab\":null,\"ad\":1,\"\":2}", "{\"\xc3\xa9\":1}", NULL, "{\"ab\":1}", "{\"ac\":1}",
          "{\"a\":null}", "{\"x\":1,\"ab\":null}");
    PARTS("{\"type\":\"object\",\"additionalProperties\":{\"type\":\"null\"}}", "{}",
          "{\"x\":null,\"y\":null}", NULL, "{\"x\":1}");
    PARTS("{\"type\":\"object\",\"additionalProperties\":false}", "{}", NULL, "{\"x\":1}");
    PARTS("{\"properties\":{\"\xc3\xa9t\xc3\xa9\":{}},\"additionalProperties\":true}",
          "{\"\xc3\xa9t\xc3\xa9\":1}", "{\"\xc3\xa9\":1}", "{\"\xc3\xa8\":1}", NULL,
          "{\"x\":1,\"\xc3\xa9t\xc3\xa9\":1}");
}

Test(json_schema, arrays)
{
    PARTS("{\"items\":{\"type\":\"integer\"}}", "[]", "[1]", "[1, 2,3]", NULL, "[null]", "[1 2]");
    PARTS("{\"items\":{\"type\":\"integer\"},\"minItems\":2,\"maxItems\":3}", "[1,2]", "[1,2,3]",
          NULL, "[]", "[1]", "[1,2,3,4]");
    PARTS("{\"items\":{\"type\":\"integer\"},\"maxItems\":1}", "[]", "[1]", NULL, "[1,2]");
    PARTS("{\"type\":\"array\",\"maxItems\":0}", "[]", "[ ]", NULL, "[1]");
    PARTS("{\"type\":\"array\",\"minItems\":1}", "[1]", "[{},2]", NULL, "[]");
    PARTS("{\"prefixItems\":[{\"type\":\"null\"},{\"type\":\"integer\"}]}", "[null,1]", NULL, "[]",
          "[null]", "[null,1,2]", "[1,null]");
    PARTS("{\"prefixItems\":[{\"type\":\"null\"}],\"items\":{\"type\":\"integer\"},\"minItems\":2}",
          "[null,1]", "[null,1,2]", NULL, "[null]", "[null,null]");
}

Test(json_schema, listed_values)
{
    PARTS("{\"enum\":[\"a\\\"b\",1,null,{\"x\":[1]}]}", "\"a\\\"b\"", "1", "null", "{\"x\":[1]}",
          NULL, "2", "\"a\"", "{\"x\":1}");
    PARTS("{\"type\":\"string\",\"enum\":[\"a\",1]}", "\"a\"", NULL, "1");
    PARTS("{\"const\":\"\xc3\xa9\\n\"}", "\"\xc3\xa9\\n\"", NULL, "\"e\"");
}

Test(json_schema, choices_and_what_is_joined)
{
    PARTS("{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"integer\"}]}", "null", "3", NULL, "\"\"");
    PARTS("{\"oneOf\":[{\"const\":1},{\"const\":\"x\"}],\"title\":\"t\"}", "1", "\"x\"", NULL, "2");
    PARTS("{\"type\":\"object\",\"properties\":{\"k\":{\"type\":\"null\"}},\"required\":[\"k\"],"
          "\"anyOf\":[{\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]},"
          "{\"properties\":{\"b\":{\"type\":\"integer\"}},\"required\":[\"b\"]}]}",
          "{\"k\":null,\"a\":1}", "{\"k\":null,\"b\":1}", NULL, "{\"k\":null}", "{\"a\":1}",
          "{\"k\":null,\"a\":1,\"b\":1}");
    PARTS("{\"allOf\":[{\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"]},"
          "{\"$ref\":\"#/$defs/b\"}],\"$defs\":{\"b\":{\"properties\":{\"b\":{}},"
          "\"required\":[\"b\"]}}}",
          "{\"a\":1,\"b\":2}", NULL, "{\"a\":1}", "{\"b\":2}");
    PARTS("{\"allOf\":[{\"type\":\"integer\",\"minimum\":3,\"maximum\":9},{\"minimum\":5}]}", "5",
          "9", NULL, "4", "10");
    PARTS("{\"allOf\":[{\"enum\":[1,2,3]},{\"enum\":[2,3,4]}]}", "2", "3", NULL, "1", "4");
}

Test(json_schema, references)
{
    PARTS("{\"$ref\":\"#/$defs/tree\",\"$defs\":{\"tree\":{\"type\":\"object\",\"properties\":{"
          "\"v\":{\"type\":\"integer\"},\"kids\":{\"type\":\"array\",\"items\":{"
          "\"$ref\":\"#/$defs/tree\"}}},\"required\":[\"v\"]}}}",
          "{\"v\":1}", "{\"v\":1,\"kids\":[{\"v\":2},{\"v\":3,\"kids\":[]}]}", NULL,
          "{\"kids\":[]}", "{\"v\":1,\"kids\":[1]}");
    PARTS("{\"definitions\":{\"a/b\":{\"type\":\"null\"}},\"$ref\":\"#/definitions/a~1b\"}", "null",
          NULL, "1");
    PARTS("{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}]}",
          "null", "[null,[[]]]", NULL, "1");
}

Test(json_schema, strings)
{
    PARTS("{\"minLength\":2,\"maxLength\":3}", "\"ab\"", "\"\xc3\xa9\\n\xe6\x97\xa5\"", NULL,
          "\"a\"", "\"abcd\"");
    PARTS("{\"type\":\"string\",\"maxLength\":1}", "\"\"", "\"a\"", NULL, "\"ab\"");
    PARTS("{\"format\":\"date\"}", "\"2024-02-29\"", NULL, "\"2024-13-01\"", "\"2024-1-1\"",
          "\"2024-10-32\"");
    PARTS("{\"format\":\"time\"}", "\"23:59:59Z\"", "\"00:00:00.5+02:00\"", NULL, "\"24:00:00Z\"",
          "\"12:00:00\"");
    PARTS("{\"format\":\"date-time\"}", "\"2024-02-29T12:30:00Z\"", NULL,
          "\"2024-02-29 12:30:00Z\"");
    PARTS("{\"format\":\"uuid\"}", "\"123e4567-e89b-12d3-a456-426614174000\"", NULL,
          "\"123e4567e89b12d3a456426614174000\"");
}

Test(json_schema, patterns)
{
    PARTS("{\"pattern\":\"^[a-c]{2}\\\\d+$\"}", "\"ab1\"", "\"cc42\"", NULL, "\"ab\"", "\"abd1\"",
          "\"ab1 \"");
    PARTS("{\"pattern\":\"b\"}", "\"b\"", "\"abc\"", NULL, "\"\"", "\"ac\"");
    PARTS("{\"pattern\":\"^(?:a|b.)?c*$\"}", "\"\"", "\"acc\"", "\"bxc\"", "\"b\\\"\"", NULL,
          "\"bc\\\"\"", "\"aa\"");
    PARTS("{\"pattern\":\"^\\\"\\\\\\\\$\"}", "\"\\\"\\\\\"", NULL, "\"\\\"\"");
    PARTS("{\"pattern\":\"^[^\\\\s\\\"x]$\"}", "\"y\"", "\"\\\\\"", "\"\xc3\xa9\"", NULL, "\"x\"",
          "\" \"", "\"\\n\"", "\"\\\"\"");
    PARTS("{\"pattern\":\"^[\\\\w.\\\\-]+@\\\\w+\\\\.com$\"}", "\"a-b.c@x_1.com\"", NULL,
          "\"@x.com\"", "\"a@x,com\"");
    PARTS("{\"pattern\":\"^\\\\S\\\\D\\\\W$\"}", "\"1a-\"", "\"\\\\\\n\\t\"", NULL, "\" a-\"",
          "\"11-\"", "\"1aa\"");
}

/* Numbers around and between the bounds, whole and in front of more digits. */
static void range_is(int64_t low, int64_t high)
{
    char schema[100], text[32];
    struct grammar *g;
    struct grammar_matcher *m = NULL;
    struct rng rng;

    snprintf(schema, sizeof schema, "{\"type\":\"integer\",\"minimum\":%lld,\"maximum\":%lld}",
             (long long)low, (long long)high);
    g = grammar_of(schema);
    cr_assert_eq(grammar_matcher_open(g, &m), 0);
    rng_init(&rng, (uint64_t)(low ^ high));
    for (int i = 0; i < 2000; i++) {
        int64_t near = i % 3 == 0 ? low : i % 3 == 1 ? high : 0;
        int64_t x = near + (int64_t)rng_below(&rng, 1ULL << (i % 40)) - (1LL << (i % 40) >> 1);

        snprintf(text, sizeof text, "%lld", (long long)x);
        cr_assert_eq(allows(m, text), x >= low && x <= high, "%lld in %lld..%lld", (long long)x,
                     (long long)low, (long long)high);
    }
    grammar_matcher_close(&m);
    grammar_close(&g);
}

Test(json_schema, integer_bounds)
{
    static const int64_t bounds[] = {
        -999999999999999999, -12345, -100, -99, -1, 0, 1, 7, 10, 99, 1000, 54321,
        999999999999999999};
    enum { N = sizeof bounds / sizeof *bounds };

    for (int i = 0; i < N; i++)
        for (int k = i; k < N; k++)
            range_is(bounds[i], bounds[k]);
    PARTS("{\"minimum\":2.5,\"exclusiveMaximum\":5}", "3", "4", NULL, "2", "5");
    PARTS("{\"type\":\"integer\",\"exclusiveMinimum\":-1}", "0", "7", "123456", NULL, "-1");
}

static void refused(const char *schema, int code, const char *message)
{
    struct strbuf rules = {0};

    cr_expect_eq(json_schema_grammar(schema, strlen(schema), &rules), code, "%s: %s", schema,
                 err_message());
    cr_expect(strstr(err_message(), message), "%s: %s", schema, err_message());
    strbuf_deinit(&rules);
}

Test(json_schema, says_what_it_does_not_understand)
{
    refused("{", ERR_FORMAT, "no JSON");
    refused("[]", ERR_FORMAT, "no schema");
    refused("false", ERR_FORMAT, "no schema that allows anything");
    refused("{\"properties\":{\"a\":{\"multipleOf\":2}}}", ERR_UNSUPPORTED,
            "schema at #/a: the keyword \"multipleOf\" is not supported");
    refused("{\"not\":{}}", ERR_UNSUPPORTED, "\"not\"");
    refused("{\"items\":{\"items\":{\"if\":{}}}}", ERR_UNSUPPORTED, "#/items/items: the keyword");
    refused("{\"type\":\"text\"}", ERR_FORMAT, "\"type\" is none of");
    refused("{\"type\":\"number\",\"minimum\":1}", ERR_UNSUPPORTED, "bounds of numbers");
    refused("{\"format\":\"email\"}", ERR_UNSUPPORTED, "\"email\"");
    refused("{\"$ref\":\"other.json\"}", ERR_UNSUPPORTED, "out of the document");
    refused("{\"$ref\":\"#/$defs/x\"}", ERR_FORMAT, "leads nowhere");
    refused("{\"allOf\":[{\"pattern\":\"a\"},{\"pattern\":\"b\"}]}", ERR_UNSUPPORTED,
            "two values of \"pattern\"");
    refused("{\"required\":[\"x\"]}", ERR_UNSUPPORTED, "names what is not in");
    refused("{\"minimum\":3,\"maximum\":2}", ERR_FORMAT, "no integer lies");
    refused("{\"minItems\":-1}", ERR_FORMAT, "\"minItems\" is no whole number");
    refused("{\"minItems\":3,\"maxItems\":2}", ERR_FORMAT, "maxItems is less");
    refused("{\"pattern\":\"^a|b$\"}", ERR_UNSUPPORTED, "in no group");
    refused("{\"pattern\":\"(a\"}", ERR_FORMAT, "not closed");
    refused("{\"pattern\":\"a)\"}", ERR_FORMAT, "closes nothing");
    refused("{\"pattern\":\"(?=a)\"}", ERR_UNSUPPORTED, "(?");
    refused("{\"pattern\":\"\\\\bx\"}", ERR_UNSUPPORTED, "the escape \\b");
    refused("{\"pattern\":\"*\"}", ERR_FORMAT, "repeats nothing");
    refused("{\"pattern\":\"[a\"}", ERR_FORMAT, "ends too early");
    refused("{\"allOf\":[{\"$ref\":\"#\"}]}", ERR_UNSUPPORTED, "circle");
    refused("{\"enum\":[]}", ERR_FORMAT, "no value is allowed");
}
