/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer_special.c: control and user-defined tokens: which there are, which of them end a
 * generation or mark the parts of an infill, which take the white space beside them, and where one
 * begins in a text. Conversion to GGUF loses some of this, so that texts and names that are known
 * have to stand in for it, as they do in llama.cpp. */
#include "engine/tokenizer/tokenizer_internal.h"

#include "reference/base/err.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool text_is(const struct token *token, const char *text)
{
    return token->text.len == strlen(text) && !memcmp(token->text.data, text, token->text.len);
}

static bool text_is_among(const struct token *token, const char *const *texts)
{
    for (; *texts; texts++)
        if (text_is(token, *texts))
            return true;
    return false;
}

static bool is_special(const struct token *token)
{
    return token->text.len && (token->type == TOKEN_CONTROL || token->type == TOKEN_UNKNOWN ||
                               token->type == TOKEN_USER_DEFINED);
}

/* Whether a special token has one of these texts; then it is a control token, which nobody's text
 * holds by chance. Some files call such tokens normal: those that begin as markup alone does are
 * meant, others may well be text (Qwen's merges make an ordinary </s>). */
static bool mark_find(struct token *token, const char *const *texts)
{
    bool markup = token->text.len > 2 && token->text.data[0] == '<' &&
                  (token->text.data[1] == '|' || !memcmp(token->text.data + 1, "\xef\xbd", 2));

    if ((!markup && !is_special(token)) || !text_is_among(token, texts))
        return false;
    token->type = TOKEN_CONTROL;
    return true;
}

int tokenizer__id_get(const struct tokenizer *t, const struct gguf_file *f, const char *key,
                      int32_t *out)
{
    int64_t id = *out;

    TRY(gguf_get_int(f, key, &id));
    if (id < -1 || id >= t->n_vocab)
        return err_set(ERR_FORMAT, "%s is %" PRId64 ", outside the vocabulary of %" PRId32, key, id,
                       t->n_vocab);
    *out = (int32_t)id;
    return 0;
}

/* --- ends of a generation --- */

/* Turn ends, text ends and file ends of chat and code models, which files do not name by a key. */
static const char *const end_texts[] = {
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "</s>",
    "<eos>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|return|>",
    "<|call|>",
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<reponame>",
    "<|file_sep|>",
    "<\xef\xbd\x9c"
    "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>",
    NULL,
};

static int ends_load(struct tokenizer *t, const struct gguf_file *f)
{
    static const char *const keys[] = {
        "tokenizer.ggml.eot_token_id",     "tokenizer.ggml.eom_token_id",
        "tokenizer.ggml.fim_pad_token_id", "tokenizer.ggml.fim_rep_token_id",
        "tokenizer.ggml.fim_sep_token_id",
    };

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int32_t id = -1;

        TRY(tokenizer__id_get(t, f, keys[i], &id));
        if (id >= 0)
            t->tokens[id].eog = true;
    }
    for (int32_t id = 0; id < t->n_vocab; id++)
        if (mark_find(&t->tokens[id], end_texts))
            t->tokens[id].eog = true;
    return 0;
}

/* --- marks of an infill --- */

enum { MAX_MARK_TEXTS = 8 };

static const struct {
    const char *keys[2]; /* the second is an older name */
    const char *texts[MAX_MARK_TEXTS];
} infill_marks[TOKENIZER_N_INFILL] = {
    [TOKENIZER_INFILL_PREFIX] = {{"tokenizer.ggml.fim_pre_token_id",
                                  "tokenizer.ggml.prefix_token_id"},
                                 {"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",
                                  "<\xef\xbd\x9c"
                                  "fim\xe2\x96\x81"
                                  "begin\xef\xbd\x9c>",
                                  "<PRE>", "\xe2\x96\x81<PRE>", "<|code_prefix|>"}},
    [TOKENIZER_INFILL_SUFFIX] = {{"tokenizer.ggml.fim_suf_token_id",
                                  "tokenizer.ggml.suffix_token_id"},
                                 {"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",
                                  "<\xef\xbd\x9c"
                                  "fim\xe2\x96\x81hole\xef\xbd\x9c>",
                                  "<SUF>", "\xe2\x96\x81<SUF>", "<|code_suffix|>"}},
    [TOKENIZER_INFILL_MIDDLE] = {{"tokenizer.ggml.fim_mid_token_id",
                                  "tokenizer.ggml.middle_token_id"},
                                 {"<|fim_middle|>", "<fim-middle>", "<fim_middle>",
                                  "<\xef\xbd\x9c"
                                  "fim\xe2\x96\x81"
                                  "end\xef\xbd\x9c>",
                                  "<MID>", "\xe2\x96\x81<MID>", "<|code_middle|>"}},
};

static int infill_load(struct tokenizer *t, const struct gguf_file *f)
{
    for (int mark = 0; mark < TOKENIZER_N_INFILL; mark++) {
        int32_t *out = &t->infill[mark];

        *out = -1;
        TRY(tokenizer__id_get(t, f, infill_marks[mark].keys[1], out));
        TRY(tokenizer__id_get(t, f, infill_marks[mark].keys[0], out));
        for (int32_t id = 0; id < t->n_vocab && *out < 0; id++)
            if (mark_find(&t->tokens[id], infill_marks[mark].texts))
                *out = id;
    }
    return 0;
}

/* --- white space beside them --- */

static bool name_holds(const struct gguf_file *f, const char *key, const char *part)
{
    struct gguf_string value = {"", 0};
    size_t len = strlen(part);

    if (gguf_get_string(f, key, &value))
        return false;
    for (size_t i = 0; i + len <= value.len; i++)
        if (!strncasecmp(value.data + i, part, len))
            return true;
    return false;
}

/* The lstrip and rstrip of tokenizer.json, which GGUF has no keys for. */
static void strips_load(struct tokenizer *t, const struct gguf_file *f)
{
    static const char *const plain[] = {"<unk>", "<s>", "<|endoftext|>", NULL};
    bool phi_3 = name_holds(f, "general.name", "phi-3") || name_holds(f, "general.name", "phi3");
    bool jina = name_holds(f, "tokenizer.ggml.pre", "jina-v2-");
    bool modern = name_holds(f, "general.name", "modern-bert");

    for (int32_t id = 0; id < t->n_vocab; id++) {
        struct token *token = &t->tokens[id];

        if (!is_special(token))
            continue;
        token->strip_right = phi_3 && !text_is_among(token, plain);
        token->strip_left =
            (jina && text_is(token, "<mask>")) || (modern && text_is(token, "[MASK]"));
    }
}

/* --- finding them in a text --- */

/* By first byte, then the longest first. */
static int special_compare(const void *a, const void *b, void *tokens)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    struct gguf_string s = ((const struct token *)tokens)[x].text;
    struct gguf_string u = ((const struct token *)tokens)[y].text;
    unsigned char first_s = (unsigned char)s.data[0], first_u = (unsigned char)u.data[0];

    if (first_s != first_u)
        return first_s < first_u ? -1 : 1;
    if (s.len != u.len)
        return s.len > u.len ? -1 : 1;
    return (x > y) - (x < y);
}

static int list_build(struct tokenizer *t)
{
    uint32_t n = 0;

    for (int32_t id = 0; id < t->n_vocab; id++)
        n += is_special(&t->tokens[id]);
    t->specials = malloc((n + 1) * sizeof *t->specials);
    if (!t->specials)
        return err_set(ERR_NOMEM, "tokenizer: no memory for the special tokens");
    n = 0;
    for (int32_t id = 0; id < t->n_vocab; id++)
        if (is_special(&t->tokens[id]))
            t->specials[n++] = id;
    qsort_r(t->specials, n, sizeof *t->specials, special_compare, t->tokens);
    for (uint32_t i = 0, b = 0; b < 257; b++) {
        while (i < n && (unsigned char)t->tokens[t->specials[i]].text.data[0] < b)
            i++;
        t->special_start[b] = i;
    }
    return 0;
}

int tokenizer__specials_open(struct tokenizer *t, const struct gguf_file *f)
{
    TRY(ends_load(t, f));
    TRY(infill_load(t, f));
    strips_load(t, f);
    return list_build(t);
}

static int32_t special_at(const struct tokenizer *t, const char *text, size_t len, bool all)
{
    unsigned char first = (unsigned char)text[0];

    for (uint32_t i = t->special_start[first]; i < t->special_start[first + 1]; i++) {
        const struct token *token = &t->tokens[t->specials[i]];

        if (token->text.len <= len && !memcmp(token->text.data, text, token->text.len) &&
            (all || token->type == TOKEN_USER_DEFINED))
            return t->specials[i];
    }
    return -1;
}

struct special tokenizer__special_next(const struct tokenizer *t, const char *text, size_t len,
                                       size_t at, bool all)
{
    struct special s = {.id = -1, .from = len, .to = len};
    size_t start = at;

    for (; at < len && s.id < 0; at++) {
        s.id = special_at(t, text + at, len - at, all);
        if (s.id >= 0) {
            s.from = at;
            s.to = at + t->tokens[s.id].text.len;
        }
    }
    if (s.id < 0 || !all)
        return s;
    while (t->tokens[s.id].strip_left && s.from > start && isspace((unsigned char)text[s.from - 1]))
        s.from--;
    while (t->tokens[s.id].strip_right && s.to < len && isspace((unsigned char)text[s.to]))
        s.to++;
    return s;
}
