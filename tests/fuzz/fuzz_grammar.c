/* SPDX-License-Identifier: Apache-2.0
 *
 * Up to the first NUL a grammar, or a JSON schema when it begins with {; then a text that follows it
 * or not. What one matcher says of the text, another that takes over in the middle says too. */
#include "engine/sample/grammar.h"

#include "engine/sample/json_schema.h"
#include "reference/base/strbuf.h"
#include "tests/fuzz/fuzz_targets.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_TEXT = 512 }; /* bytes of text: an ambiguous grammar may take a millisecond for each */

static void check(bool right)
{
    if (!right)
        abort();
}

static void follow(const struct grammar *g, const uint8_t *text, size_t n)
{
    struct grammar_matcher *a = NULL, *b = NULL;
    uint32_t state, other;

    check(grammar_matcher_open(g, &a) == 0 && grammar_matcher_open(g, &b) == 0);
    state = grammar_start(a);
    for (size_t i = 0; i < n / 2 && state != GRAMMAR_DEAD; i++)
        state = grammar_step(a, state, text[i]);
    other = grammar_state_copy(b, a, state);
    for (size_t i = n / 2; i < n && state != GRAMMAR_DEAD; i++) {
        check(grammar_may_end(a, state) == grammar_may_end(b, other) ||
              grammar_matcher_check(b) < 0);
        state = grammar_step(a, state, text[i]);
        other = grammar_step(b, other, text[i]);
        check((state == GRAMMAR_DEAD) == (other == GRAMMAR_DEAD) || grammar_matcher_check(a) < 0 ||
              grammar_matcher_check(b) < 0);
    }
    if (state != GRAMMAR_DEAD)
        grammar_may_go_on(a, state);
    grammar_matcher_close(&a);
    grammar_matcher_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t n = end ? (size_t)(end - data) : size, n_text = end ? size - n - 1 : 0;
    struct strbuf rules = {0};
    struct grammar *g = NULL;
    int rc = 0;

    if (n && data[0] == '{')
        rc = json_schema_grammar((const char *)data, n, &rules);
    else
        strbuf_add(&rules, data, n);
    if (rc == 0 && grammar_parse(strbuf_str(&rules), rules.len, &g) == 0)
        follow(g, end ? end + 1 : data, n_text < MAX_TEXT ? n_text : MAX_TEXT);
    grammar_close(&g);
    strbuf_deinit(&rules);
    return 0;
}
