/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sample/infill.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <stdlib.h>
#include <string.h>

enum { PRE, SUF, MID, N_MARKS };

/* Keys of GGUF, today's and those before. */
static const char *const keys[2][N_MARKS] = {
    {"tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.fim_suf_token_id",
     "tokenizer.ggml.fim_mid_token_id"},
    {"tokenizer.ggml.prefix_token_id", "tokenizer.ggml.suffix_token_id",
     "tokenizer.ggml.middle_token_id"},
};

/* Texts of the tokens in files without these keys: Qwen, StarCoder, SantaCoder, DeepSeek, Code
 * Llama. */
static const char *const texts[][N_MARKS] = {
    {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"},
    {"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},
    {"<fim-prefix>", "<fim-suffix>", "<fim-middle>"},
    {"<\xef\xbd\x9c"
     "fim\xe2\x96\x81"
     "begin\xef\xbd\x9c>",
     "<\xef\xbd\x9c"
     "fim\xe2\x96\x81"
     "hole\xef\xbd\x9c>",
     "<\xef\xbd\x9c"
     "fim\xe2\x96\x81"
     "end\xef\xbd\x9c>"},
    {"\xe2\x96\x81<PRE>", "\xe2\x96\x81<SUF>", "\xe2\x96\x81<MID>"},
};

static bool marks_by_key(const struct gguf_file *f, int32_t n_vocab, int32_t marks[N_MARKS])
{
    for (int set = 0; set < 2; set++) {
        int found = 0;

        for (int i = 0; i < N_MARKS; i++) {
            int64_t id = -1;

            if (gguf_get_int(f, keys[set][i], &id) == 0 && id >= 0 && id < n_vocab)
                found++;
            marks[i] = (int32_t)id;
        }
        if (found == N_MARKS)
            return true;
    }
    return false;
}

static int32_t token_of(const struct gguf_string *tokens, uint64_t n, const char *text)
{
    for (uint64_t i = 0; i < n; i++)
        if (tokens[i].len == strlen(text) && !memcmp(tokens[i].data, text, tokens[i].len))
            return (int32_t)i;
    return -1;
}

static int marks_by_text(const struct gguf_file *f, int32_t marks[N_MARKS])
{
    const struct gguf_kv *kv = gguf_kv_find(f, "tokenizer.ggml.tokens");
    struct gguf_string *tokens;
    int rc = 1;

    if (!kv || kv->type != GGUF_ARRAY || kv->element_type != GGUF_STRING)
        return 1;
    tokens = calloc(kv->count + 1, sizeof *tokens);
    if (!tokens)
        return err_set(ERR_NOMEM, "no memory for the vocabulary's texts");
    if (gguf_array_strings(kv, tokens) == 0) {
        for (size_t set = 0; rc == 1 && set < sizeof texts / sizeof *texts; set++) {
            for (int i = 0; i < N_MARKS; i++)
                marks[i] = token_of(tokens, kv->count, texts[set][i]);
            rc = marks[PRE] >= 0 && marks[SUF] >= 0 && marks[MID] >= 0 ? 0 : 1;
        }
    }
    free(tokens);
    return rc;
}

static int marks_find(const struct gguf_file *f, int32_t n_vocab, int32_t marks[N_MARKS])
{
    int rc = marks_by_key(f, n_vocab, marks) ? 0 : marks_by_text(f, marks);

    return rc <= 0 ? rc
                   : err_set(ERR_UNSUPPORTED,
                             "the model was not made to fill gaps: its file has no %s (nor _suf_, "
                             "_mid_) and no token such as %s",
                             keys[0][PRE], texts[0][PRE]);
}

int infill_prompt(const struct gguf_file *f, const struct tokenizer *t, bool bos,
                  const struct strbuf *prefix, const struct strbuf *suffix, int32_t **ids,
                  size_t *n)
{
    int32_t marks[N_MARKS], *part[2] = {NULL, NULL}, *at;
    size_t n_part[2] = {0, 0};
    int rc;

    TRY(marks_find(f, tokenizer_n_vocab(t), marks));
    rc = tokenizer_encode(t, strbuf_str(prefix), prefix->len, 0, &part[0], &n_part[0]);
    if (rc == 0)
        rc = tokenizer_encode(t, strbuf_str(suffix), suffix->len, 0, &part[1], &n_part[1]);
    *ids = at = rc < 0 ? NULL : malloc((n_part[0] + n_part[1] + 4) * sizeof **ids);
    if (rc == 0 && !at)
        rc = err_set(ERR_NOMEM, "no memory for a prompt of %zu tokens", n_part[0] + n_part[1]);
    if (rc == 0) {
        if (bos)
            *at++ = tokenizer_bos(t);
        for (int i = 0; i < 2; i++) {
            *at++ = marks[i == 0 ? PRE : SUF];
            for (size_t k = 0; k < n_part[i]; k++)
                *at++ = part[i][k];
        }
        *at++ = marks[MID];
        *n = (size_t)(at - *ids);
    }
    free(part[0]);
    free(part[1]);
    return rc;
}
