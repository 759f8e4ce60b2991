/* SPDX-License-Identifier: Apache-2.0
 *
 * compare_tokens.c: token ids of many texts, once for every name of a pre-tokeniser. Few vocabularies
 * are at hand, so each name is put on those there are: what a name changes is how a text is split
 * before any vocabulary is asked. Texts in which we differ on purpose count apart (departures.h). */
#include "tests/peers/compare_peers.h"

#include "engine/gguf/gguf.h"
#include "engine/tokenizer/tokenizer.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "tests/engine/metadata.h"
#include "tests/peers/departures.h"
#include "tests/peers/name_list.h"
#include "tests/peers/peer_llama.h"
#include "tests/peers/token_texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_GENERATED = 500, WORD_PIECES = 400, SHOWN = 72 };

/* Put on both byte-level vocabularies; "" is the one in the file. */
static const char *const pre_names[] = {
    "gpt-2",     "llama-bpe", "qwen2",  "deepseek-llm", "deepseek-coder", "deepseek-v3", "phi-2",
    "starcoder", "falcon",    "refact", "command-r",    "gpt-4o",         "tekken",      "smollm",
};

struct token_row {
    struct compare *c;
    const char *vocabulary; /* of ggml-vocab-NAME.gguf; "bert": made up */
    const char *pre;        /* "": as the file has it */
    const struct token_texts *texts;
    struct peer *peer;
    struct gguf_file *file;
    struct tokenizer *ours;
    int32_t *peer_ids;
    size_t n_max; /* of these */
    size_t n_equal, n_apart;
    const char *why; /* these are apart: the last reason */
    const struct strbuf *first_difference;
};

/* --- the file --- */

static int copy_write(const struct token_row *t, struct metadata *x)
{
    struct gguf_file *f;
    char path[4096];

    snprintf(path, sizeof path, "%s/tokenizers/ggml-vocab-%s.gguf", t->c->shared, t->vocabulary);
    TRY(gguf_open(path, &f));
    metadata_copy(x, f, "");
    if (*t->pre)
        metadata_string(x, "tokenizer.ggml.pre", t->pre);
    gguf_close(&f);
    return x->rc;
}

static int vocabulary_write(const struct token_row *t, const char *path)
{
    struct metadata x = {0};
    int rc;

    TRY(gguf_writer_open(path, &x.w));
    if (strcmp(t->vocabulary, "bert")) {
        rc = copy_write(t, &x);
    } else {
        metadata_string(&x, "general.architecture", "nomic-bert");
        metadata_word_pieces(&x, WORD_PIECES);
        rc = x.rc;
    }
    if (rc == 0)
        rc = gguf_writer_finish(&x.w);
    gguf_writer_abandon(&x.w);
    return rc;
}

/* --- a row --- */

static int text_compare(struct token_row *t, const struct strbuf *text, bool special, bool *equal)
{
    unsigned flags = special ? TOKENIZER_ADD_SPECIAL | TOKENIZER_PARSE_SPECIAL : 0;
    size_t n_peer, n_ours;
    int32_t *ours;

    TRY(peer_tokenize(t->peer, text->data, text->len, special, special, t->peer_ids, t->n_max,
                      &n_peer));
    TRY(tokenizer_encode(t->ours, text->data, text->len, flags, &ours, &n_ours));
    *equal = n_ours == n_peer && (!n_ours || !memcmp(ours, t->peer_ids, n_ours * sizeof *ours));
    free(ours);
    return 0;
}

static int texts_compare(struct token_row *t)
{
    for (size_t i = 0; i < t->texts->n; i++) {
        const struct strbuf *text = &t->texts->text[i];
        bool plain, special;
        const char *why;

        TRY(text_compare(t, text, false, &plain));
        TRY(text_compare(t, text, true, &special));
        if (plain && special) {
            t->n_equal++;
        } else if ((why = departure_find(t->vocabulary, t->pre, text))) {
            t->n_apart++;
            t->why = why;
        } else if (!t->first_difference) {
            t->first_difference = text;
        }
    }
    return 0;
}

static int row_open(struct token_row *t, const char *path)
{
    const struct peer_options o = {.n_context = 0};

    TRY(vocabulary_write(t, path));
    if (peer_open(&t->c->lib, path, &o, &t->peer) < 0)
        return err_wrap("llama.cpp");
    TRY(gguf_open(path, &t->file));
    TRY(tokenizer_open(t->file, &t->ours));
    t->n_max = t->texts->longest + 16; /* a token has a byte or more; and the special ones */
    t->peer_ids = malloc(t->n_max * sizeof *t->peer_ids);
    return t->peer_ids ? 0 : err_set(ERR_NOMEM, "no memory for tokens");
}

static void text_show(const struct strbuf *text)
{
    for (size_t i = 0; i < text->len && i < SHOWN; i++) {
        unsigned char c = (unsigned char)text->data[i];

        printf(c < ' ' || c > '~' ? "\\x%02x" : "%c", c);
    }
    puts(text->len > SHOWN ? " ..." : "");
}

static void row_print(const struct token_row *t)
{
    printf("%5zu  %5zu  %5zu  %4s", t->texts->n, t->n_equal, t->n_apart,
           t->first_difference ? "FAIL" : "ok");
    if (t->why)
        printf("  apart: %s", t->why);
    putchar('\n');
    if (t->first_difference) {
        fputs("    first difference: ", stdout);
        text_show(t->first_difference);
    }
}

static void row_run(struct compare *c, const struct token_texts *texts, const char *vocabulary,
                    const char *pre)
{
    struct token_row t = {.c = c, .vocabulary = vocabulary, .pre = pre, .texts = texts};
    char path[4096];
    int rc;

    snprintf(path, sizeof path, "%s/compare-vocab.gguf", c->scratch);
    printf("%-15s %-10s ", *pre ? pre : "its own", vocabulary);
    fflush(stdout);
    rc = row_open(&t, path);
    if (rc == 0)
        rc = texts_compare(&t);
    if (rc < 0)
        printf("FAIL  %s\n", err_message());
    else
        row_print(&t);
    c->n_rows++;
    c->n_failed += rc < 0 || t.first_difference;
    tokenizer_close(&t.ours);
    gguf_close(&t.file);
    peer_close(&t.peer);
    free(t.peer_ids);
    unlink(path);
}

int compare_tokens(struct compare *c)
{
    static const char *const own[] = {"llama-spm", "phi-3", "starcoder", "bert"};
    static const char *const byte_level[] = {"gpt-2", "qwen2"};
    struct token_texts texts;

    TRY(token_texts_open(c->shared, N_GENERATED, &texts));
    printf("Token ids of %zu texts, without special tokens and with. Apart: different on purpose\n"
           "%-15s %-10s %5s  %5s  %5s\n",
           texts.n, "pre-tokeniser", "vocabulary", "texts", "equal", "apart");
    for (size_t i = 0; i < sizeof pre_names / sizeof *pre_names; i++)
        for (size_t v = 0; v < 2; v++)
            if (name_list_has(c->rows, pre_names[i]))
                row_run(c, &texts, byte_level[v], pre_names[i]);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (name_list_has(c->rows, own[i]))
            row_run(c, &texts, own[i], "");
    token_texts_close(&texts);
    return 0;
}
