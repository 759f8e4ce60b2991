/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/grammar.h"
#include "engine/sample/vocabulary.h"
#include "reference/base/rng.h"
#include "tests/engine/sampling.h"

#include <string.h>

/* Token 0 ends, token 1 is a control token without bytes. */
static const char *const pieces[] = {"",  "",     "a",    "ab",       "abc",
                                     "b", "\xc3", "\xa9", "\xc3\xa9", "bc"};
static const bool ends[] = {true};

enum { N = sizeof pieces / sizeof *pieces };

static struct vocabulary *vocabulary;
static struct grammar *grammar;
static float level[N]; /* equal logits */

static struct sampler *constrained(const char *rules, struct sampler_options o)
{
    bool is_end[N] = {ends[0]};

    cr_assert_eq(vocabulary_open_pieces(pieces, is_end, N, &vocabulary), 0);
    if (rules)
        cr_assert_eq(grammar_parse(rules, strlen(rules), &grammar), 0, "%s", err_message());
    o.grammar = grammar;
    return sampler_of(&o, N, vocabulary);
}

static void teardown(void)
{
    vocabulary_close(&vocabulary);
    grammar_close(&grammar);
}

TestSuite(constraint, .fini = teardown);

/* The tokens that may come, in order, as digits. */
static void may_come(struct sampler *s, const char *ids)
{
    const struct sampler_candidate *c;
    char got[N + 1] = "";
    size_t n;

    cr_assert_eq(sampler_distribution(s, level, N, &c, &n), 0, "%s", err_message());
    for (size_t i = 0; i < n; i++) {
        cr_assert_float_eq(c[i].p, 1.0 / (double)n, 1e-9);
        got[i] = (char)('0' + c[i].id);
    }
    cr_assert_str_eq(got, ids);
}

Test(constraint, lets_only_come_what_the_grammar_allows)
{
    struct sampler *s = constrained("root ::= \"ab\" [c\\u00e9]*", OPTIONS(.seed = 1));

    may_come(s, "234");
    cr_assert_eq(sampler_accept(s, 2), 0);
    may_come(s, "59");
    cr_assert_eq(sampler_accept(s, 0), ERR_USAGE);
    cr_assert_eq(sampler_accept(s, 2), ERR_USAGE);
    may_come(s, "59");
    cr_assert_eq(sampler_accept(s, 9), 0);
    may_come(s, "068"); /* the end, half a character, a whole one */
    cr_assert(!sampler_done(s));
    cr_assert_eq(sampler_accept(s, 6), 0);
    may_come(s, "7");
    cr_assert_eq(sampler_accept(s, 7), 0);
    may_come(s, "068");
    cr_assert_eq(sampler_accept(s, 1), ERR_USAGE);
    cr_assert_eq(sampler_accept(s, 0), 0);
    sampler_close(&s);
}

Test(constraint, knows_when_nothing_can_follow)
{
    struct sampler *s = constrained("root ::= \"ab\"", OPTIONS(.temperature = 0));

    cr_assert(!sampler_done(s));
    cr_assert_eq(sampler_accept(s, 3), 0);
    cr_assert(sampler_done(s));
    may_come(s, "0");
    sampler_close(&s);
}

Test(constraint, stands_before_every_stage)
{
    /* The likeliest token is not allowed: greedy and top-k choose among the others. */
    struct sampler *s = constrained("root ::= \"ab\"", OPTIONS(.temperature = 0));
    float logits[N] = {9, 9, 1, 2, 7, 8};

    cr_assert_eq(sampler_picked(s, logits), 3);
    sampler_close(&s);
    grammar_close(&grammar);
    vocabulary_close(&vocabulary);
    s = constrained("root ::= \"ab\" | \"b\"", OPTIONS(.top_k = 1));
    cr_assert_eq(sampler_picked(s, logits), 5);
    sampler_close(&s);
}

Test(constraint, says_when_no_token_fits)
{
    struct sampler *s = constrained("root ::= \"x\"", OPTIONS(.seed = 1));
    const struct sampler_candidate *c;
    size_t n;

    cr_assert_eq(sampler_distribution(s, level, 0, &c, &n), ERR_UNSUPPORTED);
    cr_assert(strstr(err_message(), "the grammar wants"), "%s", err_message());
    sampler_close(&s);
}

Test(constraint, heals_the_end_of_a_prompt)
{
    struct sampler *s = constrained(NULL, OPTIONS(.seed = 1));

    may_come(s, "0123456789");
    cr_assert_eq(sampler_heal(s, "ab", 2), 0);
    cr_assert_eq(sampler_heal_left(s), 2);
    may_come(s, "234");
    cr_assert_eq(sampler_accept(s, 2), 0);
    cr_assert_eq(sampler_heal_left(s), 1);
    may_come(s, "59");
    cr_assert_eq(sampler_accept(s, 9), 0);
    cr_assert_eq(sampler_heal_left(s), 0);
    may_come(s, "0123456789");
    sampler_close(&s);
}

Test(constraint, heals_before_the_grammar_begins)
{
    struct sampler *s = constrained("root ::= \"c\"", OPTIONS(.seed = 1));

    cr_assert_eq(sampler_heal(s, "ab", 2), 0);
    may_come(s, "234");
    cr_assert_eq(sampler_accept(s, 4), 0);
    cr_assert(sampler_done(s));
    sampler_close(&s);
}

Test(constraint, goes_along_with_a_fork)
{
    struct sampler *a = constrained("root ::= \"a\" root \"b\" | \"\"", OPTIONS(.seed = 1)),
                   *b = NULL;

    cr_assert_eq(sampler_accept(a, 2), 0);
    cr_assert_eq(sampler_accept(a, 2), 0);
    cr_assert_eq(sampler_fork(a, &b), 0, "%s", err_message());
    cr_assert_eq(sampler_accept(b, 5), 0);
    cr_assert_eq(sampler_accept(b, 5), 0);
    cr_assert(sampler_done(b) && !sampler_done(a));
    may_come(a, "235");
    cr_assert_eq(sampler_assign(b, a), 0);
    may_come(b, "235");
    sampler_close(&a);
    sampler_close(&b);
}

/* The walk over the sorted pieces against one matcher step per byte of each piece. */
Test(constraint, masks_as_one_token_at_a_time_would)
{
    enum { MANY = 3000 };
    static char text[MANY][8];
    static const char *many[MANY];
    static float logits[MANY];
    const char *rules = "root ::= (\"a\" [ab]{0,2} \"c\" | \"b\" root \"a\" | [^abc])+";
    struct sampler_options o = OPTIONS(.seed = 4);
    struct grammar_matcher *m = NULL;
    struct sampler *s;
    struct rng rng;
    uint32_t state;

    rng_init(&rng, 3);
    for (int i = 0; i < MANY; i++) {
        for (uint64_t k = 0, len = 1 + rng_below(&rng, 6); k < len; k++)
            text[i][k] = "abcx\xc3\xa9"[rng_below(&rng, 6)];
        many[i] = text[i];
    }
    cr_assert_eq(vocabulary_open_pieces(many, NULL, MANY, &vocabulary), 0);
    cr_assert_eq(grammar_parse(rules, strlen(rules), &grammar), 0, "%s", err_message());
    o.grammar = grammar;
    s = sampler_of(&o, MANY, vocabulary);
    cr_assert_eq(grammar_matcher_open(grammar, &m), 0);
    state = grammar_start(m);
    for (int round = 0; round < 40; round++) {
        const struct sampler_candidate *c;
        bool allowed[MANY] = {false};
        size_t n, wanted = 0;
        int32_t id;

        cr_assert_eq(sampler_distribution(s, logits, 0, &c, &n), 0, "%s", err_message());
        for (size_t i = 0; i < n; i++)
            allowed[c[i].id] = true;
        for (int i = 0; i < MANY; i++) {
            uint32_t after = state;

            for (const char *b = many[i]; *b; b++)
                after = grammar_step(m, after, (unsigned char)*b);
            wanted += after != GRAMMAR_DEAD;
            cr_assert_eq(allowed[i], after != GRAMMAR_DEAD, "round %d: \"%s\"", round, many[i]);
        }
        cr_assert_eq(n, wanted);
        id = sampler_draw(s, c, n);
        cr_assert_eq(sampler_accept(s, id), 0);
        for (const char *b = many[id]; *b; b++)
            state = grammar_step(m, state, (unsigned char)*b);
    }
    grammar_matcher_close(&m);
    sampler_close(&s);
}

Test(constraint, finds_tokens_that_go_on)
{
    cr_assert_eq(vocabulary_open_pieces(pieces, NULL, N, &vocabulary), 0);
    cr_assert(vocabulary_goes_on(vocabulary, "a", 1));
    cr_assert(vocabulary_goes_on(vocabulary, "ab", 2));
    cr_assert(!vocabulary_goes_on(vocabulary, "abc", 3));
    cr_assert(!vocabulary_goes_on(vocabulary, "bc", 2));
    cr_assert(!vocabulary_goes_on(vocabulary, "c", 1));
    cr_assert(vocabulary_goes_on(vocabulary, "", 0));
}

Test(constraint, needs_the_texts)
{
    struct sampler_options o = OPTIONS(.seed = 1);
    struct sampler *s = NULL;

    cr_assert_eq(grammar_parse("root ::= \"a\"", 12, &grammar), 0);
    o.grammar = grammar;
    cr_assert_eq(sampler_open(&o, N, NULL, &s), ERR_USAGE);
    o.grammar = NULL;
    s = sampler_of(&o, N, NULL);
    cr_assert_eq(sampler_heal(s, "a", 1), ERR_USAGE);
    sampler_close(&s);
}
