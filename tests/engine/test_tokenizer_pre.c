/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tokenizer_pre.c: where each pre-tokeniser cuts. The expected cuts are read off the published
 * patterns; `make compare` asks llama.cpp about many more texts. */
#include "engine/tokenizer/pre_tokenizer.h"
#include "reference/base/rng.h"
#include "tests/engine/vocab_open.h"

#include <criterion/criterion.h>

static struct pre_tokenizer *open_named(const char *name)
{
    struct pre_tokenizer *p;
    struct pre_traits traits;

    cr_assert_eq(pre_tokenizer_open((struct gguf_string){name, strlen(name)}, &p, &traits), 0, "%s",
                 err_message());
    return p;
}

static int word_add(void *context, const char *word, size_t len)
{
    struct strbuf *cuts = context;

    strbuf_addf(cuts, "%s", cuts->len ? "|" : "");
    strbuf_add(cuts, word, len);
    return 0;
}

/* The names share a definition, and so all of them have these cuts. */
static const struct {
    const char *names, *text, *cuts;
} cases[] = {
    {"default", "World's 1234567 <=>  `x`\n\ny ", "World|'|s| |123|456|7| |<=>| | `|x|`|\n|\n|y| "},
    {"default", "a$b+c don't", "a|$|b|+|c| don|'|t"},
    {"gpt-2 phi-2 olmo mpt jais jina-v2-de", "World's I'LL 1234567  x\n\n y",
     "World|'s| I|'|LL| 1234567| | x|\n\n| y"},
    {"gpt-2 phi-2", "f(x)={a_b+1};\r\n\tend", "f|(|x|)={|a|_|b|+|1|};|\r\n|\t|end"},
    {"gpt-2", "é你好，12½ e\u0301t", "é你好|，|12½| e|\u0301|t"},
    {"starcoder refact command-r smollm codeshell", "World's I'LL 123½ x  ",
     "World|'s| I|'|LL| |1|2|3|½| x|  "},
    {"llama-bpe llama3 llama-v3 dbrx smaug-bpe glm4", "World's I'LL 1234567  x\n\n y",
     "World|'s| I|'LL| |123|456|7| | x|\n\n| y"},
    {"llama-bpe falcon3", "f(x)={a_b+1};\r\n\tend a/b//\n5.00",
     "f|(x|)={|a|_b|+|1|};\r\n|\tend| a|/b|//\n|5|.|00"},
    {"qwen2 deepseek-r1-qwen stablelm2", "World's I'LL 123  x\n\n y",
     "World|'s| I|'LL| |1|2|3| | x|\n\n| y"},
    {"qwen2", "e\u0301t", "e|\u0301t"},
    {"qwen35", "e\u0301t 12", "e\u0301t| |1|2"},
    {"deepseek-llm", "World's 123\n\nÉCOLE école，世界。 こんにちは  ",
     "World|'|s| |123|\n|\n|É|COLE| é|cole|，|世界|。| |こんにちは|  "},
    {"deepseek-coder", "World's 12\r\n\tend(x)=[y] 世界 x ",
     "World|'|s| |1|2|\r|\n|\tend|(|x|)|=|[|y|]| |世界| x| "},
    {"deepseek-llm", "\1  ", "\1|  "},
    {"deepseek-v3 hunyuan-dense joyai-llm", "World's 1234 a.b xカナy_z\n你好，e\u0301t",
     "World|'s| |123|4| a|.b| x|カナ|y|_z|\n|你好|，|e\u0301t"},
    {"falcon", "World's 1234 x, `y` <=>\n$5", "World|'|s| |123|4| x|,| |`|y|`| |<=>|\n|$|5"},
    {"tekken", "iPhone helloWorld HTTPServer ÉCOLEécole don'T 123 a/\n",
     "i|Phone| hello|World| HTTPServer| ÉCOLEécole| don|'T| |1|2|3| a|/\n"},
    {"gpt-4o llama4 kanana2", "iPhone helloWorld HTTPServer écoleÉCOLE don'T 1234 a/\n",
     "i|Phone| hello|World| HTTPServer| école|ÉCOLE| don'T| |123|4| a|/\n"},
    {"gpt-4o tekken", "हिन्दी नमस्ते", "हिन्दी| नमस्ते"},
    {"poro-chat bloom", "Hello, don't! 123 你好。", "Hello|,| don't|!| 123| 你好|。"},
    {"viking", "Hello, x12", "Hello|,| x|1|2"},
    /* white space is what Unicode says and not U+180E, which PCRE2 counts in */
    {"gpt-2", "a\u00a0\u3000b\u180e\u180ec", "a|\u00a0|\u3000|b|\u180e\u180e|c"},
    {"llama-bpe", "a\u00a0\u3000b\u180e\u180ec", "a|\u00a0|\u3000b|\u180e\u180e|c"},
};

static void expect_cuts(const char *name, const char *text, const char *want)
{
    struct pre_tokenizer *p = open_named(name);
    struct strbuf cuts = {0};

    cr_assert_eq(pre_tokenizer_split(p, text, strlen(text), word_add, &cuts), 0);
    cr_expect_str_eq(strbuf_str(&cuts), want, "%s: \"%s\"", name, text);
    strbuf_deinit(&cuts);
    pre_tokenizer_close(&p);
}

static void expect_cuts_for_each(const char *names, const char *text, const char *want)
{
    char name[64];

    for (size_t n; *names; names += n + (names[n] == ' ')) {
        n = strcspn(names, " ");
        snprintf(name, sizeof name, "%.*s", (int)n, names);
        expect_cuts(name, text, want);
    }
}

Test(tokenizer_pre, cuts_where_the_published_patterns_do)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_cuts_for_each(cases[i].names, cases[i].text, cases[i].cuts);
}

static int stop(void *context, const char *word, size_t len)
{
    (void)word;
    (void)len;
    return ++*(int *)context == 2 ? -77 : 0;
}

Test(tokenizer_pre, a_word_may_end_the_splitting)
{
    struct pre_tokenizer *p = open_named("deepseek-v3");
    int n = 0;

    cr_expect_eq(pre_tokenizer_split(p, "a b c", 5, stop, &n), -77);
    cr_expect_eq(n, 2);
    pre_tokenizer_close(&p);
}

Test(tokenizer_pre, an_unknown_name_is_told_which_are_known)
{
    static const char *const unknown[] = {"", "gpt", "phi-2 mpt", "from-the-future", " "};
    struct pre_tokenizer *p;
    struct pre_traits traits;

    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        struct gguf_string name = {unknown[i], strlen(unknown[i])};

        cr_assert_eq(pre_tokenizer_open(name, &p, &traits), ERR_UNSUPPORTED);
        cr_expect(strstr(err_message(), "known are default gpt-2 phi-2"), "%s", err_message());
        cr_expect(strstr(err_message(), "viking"), "the list is whole: %s", err_message());
        cr_expect_null(p);
    }
}

/* --- whole tokenizers with each of them --- */

/* Well-formed or not, of all lengths of character, with the texts of special tokens in it. */
static size_t random_bytes(struct rng *r, char *out, size_t cap)
{
    static const char *const bits[] = {
        " ", "\n", "'s", TINY_VOCAB_USER, TINY_VOCAB_CONTROL, "the", "\xe2\x96\x81", "<unk>", "12"};
    size_t len = 0;

    for (uint64_t n = rng_below(r, 20); n && len + 16 < cap; n--) {
        const char *bit = bits[rng_below(r, sizeof bits / sizeof *bits)];
        uint64_t what = rng_below(r, 4);

        if (what == 0)
            out[len++] = (char)rng_next(r);
        else if (what == 1) /* three bytes of the same block, most often a character */
            len += (size_t)snprintf(out + len, 4, "%c%c%c", (int)(0xe0 + rng_below(r, 16)),
                                    (int)(0x80 + rng_below(r, 64)), (int)(0x80 + rng_below(r, 64)));
        else
            len += (size_t)snprintf(out + len, 16, "%s", bit);
    }
    return len;
}

static void random_round_trips(enum tiny_vocab_kind kind, const char *names)
{
    struct vocab v = vocab_open_tiny(kind, names);
    char text[512];
    struct rng r;

    rng_init(&r, 11);
    for (int i = 0; i < 500; i++)
        round_trip(v.t, text, random_bytes(&r, text, sizeof text));
    vocab_close(&v);
}

Test(tokenizer_pre, any_bytes_come_back_with_every_definition)
{
    size_t n = 0;

    for (const char *names; (names = pre_tokenizer_names(n)); n++)
        random_round_trips(TINY_VOCAB_BPE, names);
    cr_assert_gt(n, 10);
    random_round_trips(TINY_VOCAB_SPM, "default");
}

/* Runs far longer than the stack of a regex engine; and no definition takes time in their square. */
Test(tokenizer_pre, long_runs_come_back_with_every_definition)
{
    static const char *const bits[] = {"a",        "A",  "aA",  " ", "\n", "1", ".", "\xe6\x88\x91",
                                       "\xcc\x81", "' ", "\xff"};
    static char run[30000];
    const char *names;

    for (size_t i = 0; (names = pre_tokenizer_names(i)); i++) {
        struct vocab v = vocab_open_tiny(TINY_VOCAB_BPE, names);

        for (size_t k = 0; k < sizeof bits / sizeof *bits; k++) {
            size_t step = strlen(bits[k]), len = sizeof run / step * step;

            for (size_t at = 0; at < len; at += step)
                memcpy(run + at, bits[k], step);
            round_trip(v.t, run, len);
        }
        vocab_close(&v);
    }
}
