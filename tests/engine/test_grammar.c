/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/grammar.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"
#include "tests/engine/shared.h"

#include <criterion/criterion.h>
#include <string.h>

static struct grammar *parsed(const char *text)
{
    struct grammar *g = NULL;

    cr_assert_eq(grammar_parse(text, strlen(text), &g), 0, "%s: %s", err_message(), text);
    return g;
}

/* How many bytes of the text are accepted; *whole: and it may end there. */
static size_t follow(struct grammar_matcher *m, const char *text, size_t len, bool *whole)
{
    uint32_t state = grammar_start(m);
    size_t n = 0;

    for (; n < len; n++) {
        uint32_t next = grammar_step(m, state, (unsigned char)text[n]);

        if (next == GRAMMAR_DEAD)
            break;
        state = next;
    }
    *whole = n == len && grammar_may_end(m, state);
    return n;
}

struct text_case {
    const char *text;
    int refused_at; /* byte that is refused; -1: none, but more must come; -2: a whole text */
};

enum { WHOLE = -2, UNFINISHED = -1 };

static void follows(const struct grammar *g, const struct text_case *cases, size_t n)
{
    struct grammar_matcher *m = NULL;

    cr_assert_eq(grammar_matcher_open(g, &m), 0);
    for (size_t i = 0; i < n; i++) {
        bool whole;
        size_t len = strlen(cases[i].text);
        size_t got = follow(m, cases[i].text, len, &whole);

        cr_expect_eq(got, cases[i].refused_at < 0 ? len : (size_t)cases[i].refused_at,
                     "\"%s\": followed for %zu bytes", cases[i].text, got);
        cr_expect_eq(whole, cases[i].refused_at == WHOLE, "\"%s\": whole %d", cases[i].text, whole);
    }
    cr_assert_eq(grammar_matcher_check(m), 0, "%s", err_message());
    grammar_matcher_close(&m);
}

#define FOLLOWS(g, ...)                                                                            \
    follows(g, (const struct text_case[]){__VA_ARGS__},                                            \
            sizeof((const struct text_case[]){__VA_ARGS__}) / sizeof(struct text_case))

#define GRAMMAR_FOLLOWS(text, ...)                                                                 \
    do {                                                                                           \
        struct grammar *g_ = parsed(text);                                                         \
                                                                                                   \
        FOLLOWS(g_, __VA_ARGS__);                                                                  \
        grammar_close(&g_);                                                                        \
    } while (0)

/* --- the notation --- */

Test(grammar, takes_literals_and_choices)
{
    GRAMMAR_FOLLOWS("root ::= \"ab\" | \"ac\" \"d\"", {"ab", WHOLE}, {"acd", WHOLE},
                    {"a", UNFINISHED}, {"ad", 1}, {"abc", 2}, {"", UNFINISHED});
    GRAMMAR_FOLLOWS("root ::= \"\" | \"x\"", {"", WHOLE}, {"x", WHOLE}, {"xx", 1});
}

Test(grammar, takes_escapes)
{
    GRAMMAR_FOLLOWS("root ::= \"\\n\\t\\r\\\\\\\"\\x41\\u00e9\\U0001F600\"",
                    {"\n\t\r\\\"A\xc3\xa9\xf0\x9f\x98\x80", WHOLE}, {"\n\t\r\\\"A\xc3\xa8", 7});
    GRAMMAR_FOLLOWS("root ::= [\\]\\[\\^\\-a]+", {"]", WHOLE}, {"[^-a", WHOLE}, {"b", 0});
}

Test(grammar, takes_classes)
{
    GRAMMAR_FOLLOWS("root ::= [a-cX]", {"a", WHOLE}, {"c", WHOLE}, {"X", WHOLE}, {"d", 0},
                    {"aa", 1});
    GRAMMAR_FOLLOWS("root ::= [-+]", {"-", WHOLE}, {"+", WHOLE}, {",", 0});
    GRAMMAR_FOLLOWS("root ::= [+-]", {"-", WHOLE}, {"+", WHOLE}, {",", 0});
    GRAMMAR_FOLLOWS("root ::= [^a-c]", {"a", 0}, {"d", WHOLE}, {"\n", WHOLE}, {"\xc3\xa9", WHOLE},
                    {"\xe6\x97\xa5", WHOLE});
    GRAMMAR_FOLLOWS("root ::= .", {"a", WHOLE}, {"\n", WHOLE}, {"\xf0\x9f\x98\x80", WHOLE},
                    {"ab", 1});
}

Test(grammar, takes_repetitions)
{
    GRAMMAR_FOLLOWS("root ::= \"a\"* \"b\"+ \"c\"?", {"b", WHOLE}, {"aabbc", WHOLE}, {"c", 0},
                    {"bcc", 2}, {"aa", UNFINISHED});
    GRAMMAR_FOLLOWS("root ::= \"a\"{2}", {"a", UNFINISHED}, {"aa", WHOLE}, {"aaa", 2});
    GRAMMAR_FOLLOWS("root ::= \"a\"{2,}", {"a", UNFINISHED}, {"aa", WHOLE}, {"aaaaa", WHOLE});
    GRAMMAR_FOLLOWS("root ::= \"a\"{1,3}", {"", UNFINISHED}, {"a", WHOLE}, {"aaa", WHOLE},
                    {"aaaa", 3});
    GRAMMAR_FOLLOWS("root ::= \"a\"{0,1} \"b\"{0}", {"", WHOLE}, {"a", WHOLE}, {"b", 0});
    GRAMMAR_FOLLOWS("root ::= \"ab\"{2} [xy]{2}", {"ababxy", WHOLE}, {"abb", 2});
    GRAMMAR_FOLLOWS("root ::= (\"a\" | \"b\" \"c\"){2}*", {"", WHOLE}, {"abc", WHOLE},
                    {"a", UNFINISHED}, {"bcbcaa", WHOLE}, {"b", UNFINISHED});
}

Test(grammar, takes_repetitions_of_what_may_be_empty)
{
    GRAMMAR_FOLLOWS("root ::= ws* \"x\"\nws ::= | \" \"", {"x", WHOLE}, {"   x", WHOLE}, {"y", 0});
    GRAMMAR_FOLLOWS("root ::= (\"a\"* | \"b\"?)+ ((\"c\"?)*)*", {"", WHOLE}, {"abacc", WHOLE},
                    {"ca", 1});
}

Test(grammar, takes_comments_groups_and_lines)
{
    GRAMMAR_FOLLOWS("# first\nroot ::= # here\n  (\"a\"\n   # inside\n | \"b\") tail |\n  \"c\"\n\n"
                    "tail ::= \"#\" [#]\r\n",
                    {"a##", WHOLE}, {"b##", WHOLE}, {"c", WHOLE}, {"c#", 1});
}

Test(grammar, nests_as_deep_as_the_text)
{
    char deep[4001];
    struct grammar *g = parsed("root ::= \"(\" root \")\" | \"x\"");

    memset(deep, '(', 2000);
    deep[2000] = 'x';
    memset(deep + 2001, ')', 1999);
    deep[4000] = '\0';
    FOLLOWS(g, {"x", WHOLE}, {"((x))", WHOLE}, {"((x)))", 5}, {"(()", 2});
    follows(g, &(struct text_case){deep, UNFINISHED}, 1);
    grammar_close(&g);
}

/* Every code point, against the plain meaning of the class. */
static void class_is(const char *class, bool (*has)(uint32_t c))
{
    struct strbuf text = {0};
    struct grammar *g;
    struct grammar_matcher *m = NULL;

    strbuf_addf(&text, "root ::= %s", class);
    g = parsed(text.data);
    cr_assert_eq(grammar_matcher_open(g, &m), 0);
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        char u[4];
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        bool whole;

        u[0] = (char)(n == 1 ? c : (0xf00U >> n & 0xff) | c >> (6 * (n - 1)));
        for (size_t i = 1; i < n; i++)
            u[i] = (char)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
        follow(m, u, n, &whole);
        cr_assert_eq(whole, has(c) && !(c >= 0xd800 && c < 0xe000), "%s: U+%04X", class, c);
    }
    grammar_matcher_close(&m);
    grammar_close(&g);
    strbuf_deinit(&text);
}

static bool odd_ranges(uint32_t c)
{
    return c == 'k' || (c >= 0x7f && c <= 0x3f7) || (c >= 0x3fe && c <= 0xd7ff) ||
           (c >= 0xfffe && c <= 0x1003f) || (c >= 0x20123 && c <= 0x10abcd);
}

static bool but_odd_ranges(uint32_t c)
{
    return !odd_ranges(c);
}

static bool all(uint32_t c)
{
    (void)c;
    return true;
}

static bool quoted(uint32_t c)
{
    return c != '"' && c != '\\' && c != 0x7f && c > 0x1f;
}

Test(grammar, knows_the_utf8_of_every_character_of_a_class)
{
    class_is("[k\\x7f-\\u03f7\\u03fe-\\ud7ff\\ufffe-\\U0001003f\\U00020123-\\U0010abcd]",
             odd_ranges);
    class_is("[^k\\x7f-\\u03f7\\u03fe-\\ud7ff\\ufffe-\\U0001003f\\U00020123-\\U0010abcd]",
             but_odd_ranges);
    class_is(".", all);
    class_is("[^\"\\\\\\x7F\\x00-\\x1F]", quoted);
}

Test(grammar, follows_no_bytes_that_are_no_utf8)
{
    GRAMMAR_FOLLOWS("root ::= .+", {"a\x80", 1}, {"\xc0\xaf", 0}, {"\xed\xa0\x80", 1},
                    {"\xf4\x90", 1}, {"\xe6\x97", UNFINISHED});
}

/* --- what is refused --- */

static void refused(const char *text, int code, const char *message)
{
    struct grammar *g = NULL;

    cr_expect_eq(grammar_parse(text, strlen(text), &g), code, "%s", text);
    cr_expect(strstr(err_message(), message), "%s: %s", text, err_message());
    cr_assert(g == NULL);
}

Test(grammar, says_where_it_is_wrong)
{
    refused("", ERR_FORMAT, "no rule \"root\"");
    refused("start ::= \"a\"", ERR_FORMAT, "no rule \"root\"");
    refused("root ::= \"a\"\n\nroot ::= \"b\"", ERR_FORMAT, "line 3: the rule root is there");
    refused("root ::= a\n", ERR_FORMAT, "line 1: the rule a is not defined");
    refused("root := \"a\"", ERR_FORMAT, "line 1: \":\" where ::=");
    refused("root ::= \"a", ERR_FORMAT, "the \" that ends a literal");
    refused("root ::= [a", ERR_FORMAT, "the ] that ends a class");
    refused("root ::= \n(\"a\"\n", ERR_FORMAT, "line 3: it ends where a closing parenthesis");
    refused("root ::= \"a\")", ERR_FORMAT, "\")\" where an item, |");
    refused("root ::= *", ERR_FORMAT, "\"*\" where an item");
    refused("root ::= \"\\q\"", ERR_FORMAT, "\"q\" where one of n r t");
    refused("root ::= \"\\x1g\"", ERR_FORMAT, "a hexadecimal digit");
    refused("root ::= \"\\ud800\"", ERR_FORMAT, "U+D800 is no character");
    refused("root ::= \"\\U00110000\"", ERR_FORMAT, "U+110000 is no character");
    refused("root ::= [z-a]", ERR_FORMAT, "U+007A-U+0061 is backwards");
    refused("root ::= \"a\"{3,2}", ERR_FORMAT, "{3,2} is backwards");
    refused("root ::= \"a\"{,2}", ERR_FORMAT, "a number of repetitions");
    refused("root ::= \"a\"{2", ERR_FORMAT, "the } of a repetition");
    refused("root ::= \"a\"{9999999}", ERR_RANGE, "repetitions");
    refused("root ::= \"\xff\"", ERR_FORMAT, "not UTF-8");
}

Test(grammar, refuses_left_recursion_by_name)
{
    refused("root ::= expr\nexpr ::= expr \"+\" \"1\" | \"1\"", ERR_FORMAT,
            "line 2: the rule expr can begin with itself (left recursion)");
    refused("root ::= a\na ::= \" \"* b\nb ::= (a | \"x\")", ERR_FORMAT, "left recursion");
    refused("root ::= root", ERR_FORMAT, "left recursion");
    refused("root ::= \"\"? (\"x\"? root)*", ERR_FORMAT, "the rule root can begin");
}

Test(grammar, refuses_what_would_fill_the_memory)
{
    struct strbuf text = {0};

    refused("root ::= ((\"a\" \"b\"){90000}) {90000} (\"c\"{90000} \"d\"{90000}){90000} "
            "(\"a\"{0,90000}) (\"b\"{0,90000}) (\"b\"{0,90000}) (\"b\"{0,90000}) (\"b\"{0,90000})",
            ERR_RANGE, "shorten its repetitions");
    strbuf_addf(&text, "root ::= ");
    for (int i = 0; i < 100000; i++)
        strbuf_addf(&text, "(");
    refused(text.data, ERR_RANGE, "parentheses inside each other");
    strbuf_deinit(&text);
}

Test(grammar, gives_up_on_endless_ambiguity_with_a_message)
{
    struct grammar *g = parsed("root ::= (\"a\" x? x? x?)*\nx ::= \"a\" x? x? x? | \"a\" x x");
    struct grammar_matcher *m = NULL;
    uint32_t state;

    cr_assert_eq(grammar_matcher_open(g, &m), 0);
    state = grammar_start(m);
    for (int n = 0; n < 20; n++)
        state = grammar_step(m, state, 'a');
    cr_assert_eq(state, GRAMMAR_DEAD);
    cr_assert_eq(grammar_matcher_check(m), ERR_RANGE);
    cr_assert(strstr(err_message(), "ambiguous"), "%s", err_message());
    grammar_matcher_close(&m);
    grammar_close(&g);
}

Test(grammar, remembers_a_state_elsewhere)
{
    struct grammar *g = parsed("root ::= \"(\" root \")\" | [a-z]+");
    struct grammar_matcher *a = NULL, *b = NULL;
    uint32_t s, t;

    cr_assert_eq(grammar_matcher_open(g, &a), 0);
    cr_assert_eq(grammar_matcher_open(g, &b), 0);
    s = grammar_start(a);
    for (const char *c = "((ab"; *c; c++)
        s = grammar_step(a, s, (unsigned char)*c);
    t = grammar_state_copy(b, a, s);
    for (const char *c = "c))"; *c; c++) {
        cr_assert(!grammar_may_end(b, t) && grammar_may_go_on(b, t));
        t = grammar_step(b, t, (unsigned char)*c);
    }
    cr_assert(grammar_may_end(b, t) && !grammar_may_go_on(b, t));
    cr_assert(!grammar_may_end(a, s));
    grammar_matcher_close(&a);
    grammar_matcher_close(&b);
    grammar_close(&g);
}

Test(grammar, forgets_what_it_learned_but_not_where_it_is)
{
    enum { DEEP = 400000 };
    struct grammar *g = parsed("root ::= \"(\" root \")\" | [a-z]");
    struct grammar_matcher *m = NULL;
    uint32_t state;
    int forgot = 0;

    cr_assert_eq(grammar_matcher_open(g, &m), 0);
    state = grammar_start(m);
    for (int i = 0; i < DEEP; i++) {
        state = grammar_step(m, state, '(');
        cr_assert_neq(state, GRAMMAR_DEAD);
        forgot += grammar_state_keep(m, &state);
    }
    cr_assert_gt(forgot, 0);
    state = grammar_step(m, state, 'x');
    for (int i = 0; i < DEEP; i++) {
        cr_assert(!grammar_may_end(m, state));
        state = grammar_step(m, state, ')');
        forgot += grammar_state_keep(m, &state);
    }
    cr_assert(grammar_may_end(m, state));
    cr_assert_lt(forgot, 10);
    grammar_matcher_close(&m);
    grammar_close(&g);
}

/* --- the grammars of the shared folder --- */

static struct grammar *shared_grammar(const char *name)
{
    struct strbuf text = {0};
    struct grammar *g = NULL;
    char path[512];

    shared_require();
    shared_path(path, sizeof path, "vectors/grammars/%s.gbnf", name);
    cr_assert_eq(file_read(path, &text), 0, "%s", err_message());
    cr_assert_eq(grammar_parse(text.data, text.len, &g), 0, "%s: %s", name, err_message());
    strbuf_deinit(&text);
    return g;
}

#define SHARED_FOLLOWS(name, ...)                                                                  \
    do {                                                                                           \
        struct grammar *g_ = shared_grammar(name);                                                 \
                                                                                                   \
        FOLLOWS(g_, __VA_ARGS__);                                                                  \
        grammar_close(&g_);                                                                        \
    } while (0)

Test(grammar_shared, arithmetic)
{
    SHARED_FOLLOWS("arithmetic", {"1 +2 = 3\n", WHOLE}, {"1 + 2", 3},
                   {"(a1*2)/x-7= 1\nb=2\n", WHOLE}, {"1=2", UNFINISHED}, {"=", 0}, {"1++2=3\n", 2},
                   {"(1=2\n", 2}, {"1=2+3\n", 3}, {"1=2\n\n\n3=", UNFINISHED});
}

Test(grammar_shared, c)
{
    SHARED_FOLLOWS("c", {"", WHOLE}, {"int main(){return 0;}", WHOLE},
                   {"int f(int x){return x+1*2;}float g(){}", WHOLE},
                   {"int f(){if(a<=b){x = 1;}else{y(1,2);}}", 30}, {"int g(){//x\n/* y */}", WHOLE},
                   {"int g(){/* **/}", UNFINISHED}, {"int f(){return -1;}", WHOLE}, {"long f", 0},
                   {"int 1", 4}, {"int f(int){", 9}, {"int f(){return;}", 14},
                   {"int f(){x=(1);}", 9});
}

Test(grammar_shared, chess)
{
    SHARED_FOLLOWS("chess", {"1. e4 e5\n2. Nf3 Nc6\n", WHOLE},
                   {"1. e4 d5\n2. exd5 Qxd5\n3. O-O-O e8=Q+\n", WHOLE}, {"1. e4 e5\n", UNFINISHED},
                   {"2. e4", 0}, {"1. e9", 4}, {"1. Ni3", 4}, {"1. e4 e5\n0. ", 9},
                   {"1. O-O O-O#\n12. Rad1 R1a3\n", WHOLE});
}

Test(grammar_shared, english)
{
    SHARED_FOLLOWS("english", {"Plain words, \"quoted\"; (2+2) [x\\y] {z}~\n", UNFINISHED},
                   {"One.\nTwo?", WHOLE}, {"", UNFINISHED}, {" x", 0}, {"a  b", 2},
                   {"caf\xc3\xa9", 3});
}

Test(grammar_shared, japanese)
{
    SHARED_FOLLOWS("japanese", {"\xe6\x97\xa5\xe6\x9c\xac", WHOLE},
                   {"\xe3\x81\x82\xe3\x82\xa2\xe3\x80\x82 \xe6\x9c\xac", WHOLE}, {"a", 0},
                   {"\xe6\x97\xa5"
                    "a",
                    3},
                   {"\xe6\x97", UNFINISHED}, {"\xc3\xa9", 0});
}

Test(grammar_shared, json)
{
    SHARED_FOLLOWS("json", {"{}", WHOLE},
                   {"{\"a\":[1,2.5e-3,true,null,{\"b\":\"\\u00e9\\n\"}]}", WHOLE},
                   {"{\"a\": [1,2.5e-3, true,null, {\"b\":\"\\u00e9\\n\"}]}\n\t", WHOLE},
                   {"{\"k\": [1, 2.5e+9, -0, {\"b\": \"\\u00e9\xc3\xa9\"}]}", WHOLE}, {"[1]", 0},
                   {"{\"a\" 1}", 5}, {"{\"a\": 01}", 7}, {"{\"a\": 1,}", 8}, {"{\"a\": \"\n", 7},
                   {"{\"a\": \"\\x", 8}, {"{\"a\": tru", UNFINISHED});
}

Test(grammar_shared, json_arr)
{
    SHARED_FOLLOWS("json_arr", {"[\n]", WHOLE}, {"[\n1,\n\"x\"]", WHOLE}, {"[1]", 1}, {"[\n]\n", 3},
                   {"[\n1, 2]", 4});
}

Test(grammar_shared, list)
{
    SHARED_FOLLOWS("list", {"- one\n", WHOLE}, {"- one\n- zwei \xc3\xbc\n", WHOLE},
                   {"- one", UNFINISHED}, {"one", 0}, {"-\n", 1}, {"- a\xc2\x85", 4},
                   {"- a\xe2\x80\xa8", 5}, {"- a\xe2\x80\xa7\n", WHOLE});
}
