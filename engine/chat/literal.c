/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chat/literal.h"

#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

static const char brk[] = "\xef\xb7\x90", replacement[] = "\xef\xbf\xbd"; /* U+FDD0, U+FFFD */

enum { TYPE_CONTROL = 3, TYPE_USER_DEFINED = 4, BREAK_BYTES = 3 };

/* --- which spellings --- */

static size_t first_character(const char *s, size_t len)
{
    size_t n = 1;

    while (n < len && ((unsigned char)s[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static bool to_break(struct gguf_string s, int64_t type, bool ends, struct gguf_string source)
{
    if (s.len <= first_character(s.data, s.len))
        return false;
    return type == TYPE_CONTROL ||
           (type == TYPE_USER_DEFINED && (ends || memmem(source.data, source.len, s.data, s.len)));
}

static int by_first_byte(const void *a, const void *b)
{
    const struct gguf_string *x = a, *y = b;

    return (unsigned char)x->data[0] - (unsigned char)y->data[0];
}

int literals_open(const struct gguf_file *f, const struct tokenizer *t,
                  struct gguf_string template_source, struct literals *out)
{
    const struct gguf_kv *tokens = gguf_kv_find(f, "tokenizer.ggml.tokens");
    const struct gguf_kv *types = gguf_kv_find(f, "tokenizer.ggml.token_type");
    size_t n = types && types->count == tokens->count ? (size_t)tokens->count : 0;

    *out = (struct literals){.texts = calloc(tokens->count + 1, sizeof *out->texts)};
    if (!out->texts)
        return err_set(ERR_NOMEM, "no memory for the special tokens");
    TRY(gguf_array_strings(tokens, out->texts));
    for (size_t i = 0; i < n; i++)
        if (to_break(out->texts[i], gguf_array_int(types, i), tokenizer_is_eog(t, (int32_t)i),
                     template_source))
            out->texts[out->n++] = out->texts[i];
    qsort(out->texts, out->n, sizeof *out->texts, by_first_byte);
    for (size_t i = 0; i < out->n; i++)
        out->start[(unsigned char)out->texts[i].data[0] + 1]++;
    for (size_t b = 0; b < 256; b++)
        out->start[b + 1] += out->start[b];
    return 0;
}

void literals_close(struct literals *l)
{
    free(l->texts);
    *l = (struct literals){0};
}

/* --- breaking --- */

static bool spelled_out(const struct literals *l, const char *text, size_t len)
{
    unsigned char b = (unsigned char)text[0];

    for (size_t i = l->start[b]; i < l->start[b + 1]; i++)
        if (l->texts[i].len <= len && !memcmp(l->texts[i].data, text, l->texts[i].len))
            return true;
    return false;
}

void literals_break(const struct literals *l, const char *text, size_t len, struct strbuf *out)
{
    for (size_t i = 0; i < len;) {
        size_t n = first_character(text + i, len - i);

        if (n == BREAK_BYTES && !memcmp(text + i, brk, BREAK_BYTES)) {
            strbuf_add(out, replacement, sizeof replacement - 1);
        } else {
            strbuf_add(out, text + i, n);
            if (spelled_out(l, text + i, len - i))
                strbuf_add(out, brk, BREAK_BYTES);
        }
        i += n;
    }
}

/* --- tokens --- */

/* Append the tokens of one part to the list. */
static int part_encode(const struct tokenizer *t, const char *text, size_t len, int32_t **ids,
                       size_t *n)
{
    int32_t *part, *all;
    size_t n_part;

    TRY(tokenizer_encode(t, text, len, TOKENIZER_PARSE_SPECIAL, &part, &n_part));
    all = realloc(*ids, (*n + n_part + 1) * sizeof *all);
    if (!all) {
        free(part);
        return err_set(ERR_NOMEM, "no memory for %zu tokens", *n + n_part);
    }
    if (n_part)
        memcpy(all + *n, part, n_part * sizeof *part);
    free(part);
    *ids = all;
    *n += n_part;
    return 0;
}

static int parts_encode(const struct tokenizer *t, const char *text, size_t len, int32_t **ids,
                        size_t *n)
{
    for (;;) {
        const char *at = memmem(text, len, brk, BREAK_BYTES);
        size_t part = at ? (size_t)(at - text) : len;

        TRY(part_encode(t, text, part, ids, n));
        if (!at)
            return 0;
        text += part + BREAK_BYTES;
        len -= part + BREAK_BYTES;
    }
}

int literals_encode(const struct tokenizer *t, const char *text, size_t len, int32_t **ids,
                    size_t *n)
{
    int rc;

    *ids = NULL;
    *n = 0;
    rc = parts_encode(t, text, len, ids, n);
    if (rc < 0) {
        free(*ids);
        *ids = NULL;
        return rc;
    }
    if (tokenizer_add_bos(t) && tokenizer_bos(t) >= 0 && (!*n || **ids != tokenizer_bos(t))) {
        memmove(*ids + 1, *ids, *n * sizeof **ids); /* part_encode leaves room for one more */
        **ids = tokenizer_bos(t);
        ++*n;
    }
    return 0;
}
