/* SPDX-License-Identifier: Apache-2.0
 *
 * pre_tokenizer.c: sources of the patterns: the tokenizer.json files that the models were published
 * with (pre_tokenizer, its Split, Digits and Punctuation stages written as expressions), under the
 * names that GGUF converters write to tokenizer.ggml.pre. Where llama.cpp approximates a pattern
 * because its regex engine has no Unicode classes (upper and lower case beyond ASCII, marks), the
 * published one is followed. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/tokenizer/pre_tokenizer.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

/* --- the patterns --- */

/* Unicode's White_Space, as the engines behind tokenizer.json read \s; PCRE2's own \s is wider. */
#define SPACES                                                                                     \
    "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"       \
    "\\x{3000}"
#define SPACE            "[" SPACES "]"
#define LAST_SPACE_APART SPACE "+(?![^" SPACES "])|" SPACE "+"

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"

#define GPT2                                                                                       \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" SPACES "\\p{L}\\p{N}]+|" LAST_SPACE_APART

/* Words may begin with one other character; punctuation takes the line ends after it. */
#define WORDS(letters, not_letters, digits)                                                        \
    CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?" letters "|" digits "| ?[^" SPACES not_letters           \
                 "\\p{N}]+[\\r\\n]*|" SPACE "*[\\r\\n]+|" LAST_SPACE_APART
#define LLAMA3 WORDS("\\p{L}+", "\\p{L}", "\\p{N}{1,3}")
#define QWEN2  WORDS("\\p{L}+", "\\p{L}", "\\p{N}")
#define QWEN35 WORDS("[\\p{L}\\p{M}]+", "\\p{L}\\p{M}", "\\p{N}")

/* Words are cut before a capital that follows a small letter. */
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED(ending, digits)                                                                      \
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" ending "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER  \
    "*" ending "|" digits "| ?[^" SPACES "\\p{L}\\p{N}]+[\\r\\n/]*|" SPACE                         \
    "*[\\r\\n]+|" LAST_SPACE_APART

#define FALCON_PUNCTUATION "[\\p{P}$+<=>^~|`]+"
#define SENTENCE_MARKS                                                                             \
    " ?[^(" SPACES "|.,!?\\x{2026}\\x{3002}\\x{ff0c}\\x{3001}\\x{964}\\x{6d4}\\x{60c})]+"

#define CJK      "[\\x{4e00}-\\x{9fa5}\\x{800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+"
#define CJK_KANA "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{30ff}]+"
#define DEEPSEEK_V3                                                                                \
    "[!-/:-@\\[-`{-~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+"      \
    "[\\r\\n]*|" SPACE "*[\\r\\n]+|" LAST_SPACE_APART

/* The letters with case of an older Unicode, as deepseek-llm lists them. */
#define DEEPSEEK_LETTERS                                                                           \
    "A-Za-z\\x{b5}\\x{c0}-\\x{d6}\\x{d8}-\\x{f6}\\x{f8}-\\x{1ba}\\x{1bc}-\\x{1bf}"                 \
    "\\x{1c4}-\\x{293}\\x{295}-\\x{2af}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37b}-\\x{37d}"         \
    "\\x{37f}\\x{386}\\x{388}-\\x{38a}\\x{38c}\\x{38e}-\\x{3a1}\\x{3a3}-\\x{3f5}"                  \
    "\\x{3f7}-\\x{481}\\x{48a}-\\x{52f}\\x{531}-\\x{556}\\x{10a0}-\\x{10c5}"                       \
    "\\x{13a0}-\\x{13f5}\\x{13f8}-\\x{13fd}\\x{1c90}-\\x{1cba}\\x{1cbd}-\\x{1cbf}"                 \
    "\\x{1d00}-\\x{1d2b}\\x{1d6b}-\\x{1d77}\\x{1d79}-\\x{1d9a}\\x{1e00}-\\x{1f15}"                 \
    "\\x{1f18}-\\x{1f1d}\\x{1f20}-\\x{1f45}\\x{1f48}-\\x{1f4d}\\x{1f50}-\\x{1f57}\\x{1f59}"        \
    "\\x{1f5b}\\x{1f5d}\\x{1f5f}-\\x{1f7d}\\x{1f80}-\\x{1fb4}\\x{1fb6}-\\x{1fbc}\\x{1fbe}"         \
    "\\x{1fc2}-\\x{1fc4}\\x{1fc6}-\\x{1fcc}\\x{1fd0}-\\x{1fd3}\\x{1fd6}-\\x{1fdb}"                 \
    "\\x{1fe0}-\\x{1fec}\\x{1ff2}-\\x{1ff4}\\x{1ff6}-\\x{1ffc}\\x{2102}\\x{2107}"                  \
    "\\x{210a}-\\x{2113}\\x{2115}\\x{2119}-\\x{211d}\\x{2124}\\x{2126}\\x{2128}"                   \
    "\\x{212a}-\\x{212d}\\x{212f}-\\x{2134}\\x{2139}\\x{213c}-\\x{213f}\\x{2145}-\\x{2149}"        \
    "\\x{214e}\\x{2183}\\x{2184}\\x{2c00}-\\x{2c7b}\\x{2c7e}-\\x{2ce4}\\x{2ceb}-\\x{2cee}"         \
    "\\x{2cf2}\\x{2cf3}\\x{a640}-\\x{a66d}\\x{a680}-\\x{a69b}\\x{a722}-\\x{a76f}"                  \
    "\\x{a771}-\\x{a787}\\x{a78b}-\\x{a78e}\\x{ab70}-\\x{abbf}\\x{fb00}-\\x{fb06}"                 \
    "\\x{fb13}-\\x{fb17}\\x{ff21}-\\x{ff3a}\\x{ff41}-\\x{ff5a}\\x{10400}-\\x{1044f}"               \
    "\\x{104b0}-\\x{104d3}\\x{104d8}-\\x{104fb}\\x{10c80}-\\x{10cb2}\\x{10cc0}-\\x{10cf2}"         \
    "\\x{118a0}-\\x{118df}\\x{1e900}-\\x{1e943}"
enum { MAX_STAGES = 6 };

/* Several patterns apply in turn: each cuts the pieces that the former left, and sees each piece
 * alone (so its end is an end of text to the look-ahead). */
static const struct pre_rule {
    const char *names; /* separated by spaces */
    const char *patterns[MAX_STAGES];
    struct pre_traits traits;
} pre_rules[] = {
    {"default", {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}, {false, false}},
    {"gpt-2 phi-2 mpt olmo jais trillion granite-docling exaone4 gigachat a.x-4.0 mellum "
     "modern-bert roberta-bpe jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code",
     {GPT2},
     {false, false}},
    {"starcoder refact command-r smollm codeshell exaone minerva-7b",
     {"\\p{N}", GPT2},
     {false, false}},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
     {LLAMA3},
     {true, true}},
    {"dbrx smaug-bpe chatglm-bpe glm4", {LLAMA3}, {false, false}},
    {"qwen2 deepseek-r1-qwen stablelm2 megrez hunyuan solar-open grok-2 kormo f2llmv2",
     {QWEN2},
     {false, false}},
    {"qwen35", {QWEN35}, {false, false}},
    {"deepseek-llm",
     {"[\\r\\n]", SPACE "?[" DEEPSEEK_LETTERS "]+",
      SPACE
      "?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3000}-\\x{3002}]+",
      SPACE "+\\z", CJK, "\\p{N}+"},
     {false, false}},
    {"deepseek-coder",
     {"[\\r\\n]", SPACE "?\\p{L}+", SPACE "?\\p{P}+", CJK, "\\p{N}"},
     {false, false}},
    {"deepseek-v3 hunyuan-dense joyai-llm step35",
     {"\\p{N}{1,3}", CJK_KANA, DEEPSEEK_V3},
     {false, false}},
    {"falcon", {FALCON_PUNCTUATION, GPT2, "[0-9][0-9][0-9]"}, {false, false}},
    {"tekken", {CASED("", "\\p{N}")}, {true, true}},
    {"gpt-4o llama4 kanana2 minimax-m2", {CASED(CONTRACTIONS "?", "\\p{N}{1,3}")}, {false, false}},
    {"poro-chat bloom gpt3-finnish", {SENTENCE_MARKS}, {false, false}},
    {"viking", {SENTENCE_MARKS, "\\p{N}"}, {false, false}},
};
enum { N_PRE_RULES = sizeof pre_rules / sizeof *pre_rules };

struct pre_tokenizer {
    pcre2_code *stages[MAX_STAGES];
};

const char *pre_tokenizer_names(size_t i)
{
    return i < N_PRE_RULES ? pre_rules[i].names : NULL;
}

/* --- opening --- */

/* Whether `names` has `name` among its words. */
static bool names_hold(const char *names, struct gguf_string name)
{
    for (size_t n; *names; names += n + (names[n] == ' ')) {
        n = strcspn(names, " ");
        if (n == name.len && !memcmp(names, name.data, n))
            return true;
    }
    return false;
}

static int unknown(struct gguf_string name)
{
    struct strbuf known = {0};
    int rc;

    for (size_t i = 0; i < N_PRE_RULES; i++)
        strbuf_addf(&known, "%s%s", i ? " " : "", pre_rules[i].names);
    rc = err_set(ERR_UNSUPPORTED, "tokenizer.ggml.pre %.*s: known are %s",
                 (int)(name.len < 64 ? name.len : 64), name.data, strbuf_str(&known));
    strbuf_deinit(&known);
    return rc;
}

static int stages_compile(const struct pre_rule *rule, struct pre_tokenizer *p)
{
    for (int i = 0; i < MAX_STAGES && rule->patterns[i]; i++) {
        PCRE2_SIZE at;
        int code;

        p->stages[i] = pcre2_compile((PCRE2_SPTR)rule->patterns[i], PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
        if (!p->stages[i])
            return err_set(ERR_UNSUPPORTED,
                           "tokenizer: this PCRE2 (error %d at %zu) cannot compile stage %d of "
                           "pre-tokeniser %s",
                           code, at, i, rule->names);
        pcre2_jit_compile(p->stages[i], PCRE2_JIT_COMPLETE); /* without JIT it is only slower */
    }
    return 0;
}

int pre_tokenizer_open(struct gguf_string name, struct pre_tokenizer **out,
                       struct pre_traits *traits)
{
    const struct pre_rule *rule = NULL;
    int rc;

    *out = NULL;
    for (size_t i = 0; i < N_PRE_RULES && !rule; i++)
        if (names_hold(pre_rules[i].names, name))
            rule = &pre_rules[i];
    if (!rule)
        return unknown(name);
    *out = calloc(1, sizeof **out);
    if (!*out)
        return err_set(ERR_NOMEM, "tokenizer: no memory");
    *traits = rule->traits;
    rc = stages_compile(rule, *out);
    if (rc)
        pre_tokenizer_close(out);
    return rc;
}

void pre_tokenizer_close(struct pre_tokenizer **p)
{
    if (!*p)
        return;
    for (int i = 0; i < MAX_STAGES; i++)
        pcre2_code_free((*p)->stages[i]);
    free(*p);
    *p = NULL;
}

/* --- splitting --- */

struct splitting {
    const struct pre_tokenizer *p;
    pcre2_match_data *match[MAX_STAGES];
    pre_word_fn fn;
    void *context;
};

/* Where the next match of a stage lies at or behind `at`; from = to = len when there is none. */
static int match_next(const struct splitting *s, int stage, const char *text, size_t len, size_t at,
                      size_t *from, size_t *to)
{
    const pcre2_code *code = s->p->stages[stage];
    pcre2_match_data *match = s->match[stage];
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(match);
    uint32_t options = PCRE2_NO_UTF_CHECK;
    int found = pcre2_match(code, (PCRE2_SPTR)text, len, at, options, match, NULL);

    if (found == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter keeps its stack on the heap */
        found = pcre2_match(code, (PCRE2_SPTR)text, len, at, options | PCRE2_NO_JIT, match, NULL);
    *from = *to = len;
    if (found == PCRE2_ERROR_NOMATCH)
        return 0;
    if (found < 0)
        return err_set(ERR_RANGE, "tokenizer: PCRE2 gave up at byte %zu of a text (error %d)", at,
                       found);
    *from = range[0];
    *to = range[1];
    return 0;
}

/* What lies between two matches is a piece as well. */
static int stage_split(const struct splitting *s, int stage, const char *text, size_t len)
{
    if (!len)
        return 0;
    if (stage == MAX_STAGES || !s->p->stages[stage])
        return s->fn(s->context, text, len);
    for (size_t at = 0, from, to; at < len; at = to) {
        TRY(match_next(s, stage, text, len, at, &from, &to));
        TRY(stage_split(s, stage + 1, text + at, from - at));
        TRY(stage_split(s, stage + 1, text + from, to - from));
    }
    return 0;
}

int pre_tokenizer_split(const struct pre_tokenizer *p, const char *text, size_t len, pre_word_fn fn,
                        void *context)
{
    struct splitting s = {.p = p, .fn = fn, .context = context};
    int rc = 0;

    for (int i = 0; i < MAX_STAGES && p->stages[i] && !rc; i++) {
        s.match[i] = pcre2_match_data_create_from_pattern(p->stages[i], NULL);
        if (!s.match[i])
            rc = err_set(ERR_NOMEM, "tokenizer: no memory");
    }
    if (!rc)
        rc = stage_split(&s, 0, text, len);
    for (int i = 0; i < MAX_STAGES; i++)
        pcre2_match_data_free(s.match[i]);
    return rc;
}
