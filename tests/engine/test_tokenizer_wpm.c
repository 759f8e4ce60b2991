/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/vocab_open.h"

#include <criterion/criterion.h>

static const struct tiny_token bert[] = {
    {"[UNK]", 0, TINY_UNKNOWN},
    {"[CLS]", 0, TINY_CONTROL},
    {"[SEP]", 0, TINY_CONTROL},
    {"[X]", 0, TINY_USER_DEFINED},
    {"\xe2\x96\x81the", 0, TINY_NORMAL},
    {"\xe2\x96\x81th", 0, TINY_NORMAL},
    {"ing", 0, TINY_NORMAL},
    {"e", 0, TINY_NORMAL},
    {"\xe2\x96\x81"
     "e",
     0, TINY_NORMAL},
    {"\xe2\x96\x81,", 0, TINY_NORMAL},
    {"\xe2\x96\x81\xe4\xb8\xad", 0, TINY_NORMAL},             /* U+4E2D */
    {"\xe2\x96\x81\xc3\xa9", 0, TINY_NORMAL},                 /* U+00E9 */
    {"\xe2\x96\x81\xe1\x84\x80\xe1\x85\xa1", 0, TINY_NORMAL}, /* U+1100 U+1161 */
    {"\xe2\x96\x81T", 0, TINY_NORMAL},
    {"he", 0, TINY_NORMAL},
    {"[unused1]", 0, TINY_UNUSED},
};
enum { N_BERT = sizeof bert / sizeof *bert };

static void ids_given(struct strbuf *s)
{
    build_kv_u32(s, "tokenizer.ggml.cls_token_id", 1);
    build_kv_u32(s, "tokenizer.ggml.seperator_token_id", 2);
}

static struct vocab bert_open(void (*extra)(struct strbuf *), uint64_t n_extra)
{
    struct vocab v;

    cr_assert_eq(vocab_open_own(&v, "bert", bert, N_BERT, extra, n_extra), 0, "%s", err_message());
    return v;
}

Test(tokenizer_wpm, takes_the_longest_pieces_of_each_word)
{
    struct vocab v = bert_open(ids_given, 2);

    expect_ids(v.t, "the", 0, "4");
    expect_ids(v.t, "Thing the", 0, "5 6 4");
    expect_ids(v.t, "thee theing", 0, "4 7 4 6");
    expect_ids(v.t, "thx the", 0, "0 4"); /* one unknown for the whole word */
    expect_ids(v.t, "", 0, "");
    expect_ids(v.t, " \n", 0, "");
    expect_ids(v.t, "the", TOKENIZER_ADD_SPECIAL, "1 4 2");
    expect_ids(v.t, "[SEP]the[X]", TOKENIZER_PARSE_SPECIAL, "2 4 3");
    expect_ids(v.t, "[X][SEP]", 0, "3 0 0 0"); /* brackets are words */
    vocab_close(&v);
}

/* Google's BERT: tokenization.py, the basic tokenizer. */
Test(tokenizer_wpm, cleans_and_cuts_as_bert_does)
{
    struct vocab v = bert_open(NULL, 0);

    expect_ids(v.t, "the,the", 0, "4 9 4");
    expect_ids(v.t, "the\xe4\xb8\xadthe", 0, "4 10 4"); /* ideographs stand alone */
    expect_ids(v.t, "the\xe3\x80\x80the", 0, "4 4");    /* U+3000 */
    expect_ids(v.t,
               "th\xe2\x80\x8d"
               "e\x01",
               0, "4"); /* formats and controls go */
    expect_ids(v.t,
               "th\xef\xbf\xbd"
               "e\xff",
               0, "4");                         /* and what was no text */
    expect_ids(v.t, "\xc3\x89", 0, "8");        /* U+00C9 */
    expect_ids(v.t, "e\xcc\x81", 0, "8");       /* U+0301 */
    expect_ids(v.t, "the\xe0\xa4\xbe", 0, "0"); /* U+093E is no accent */
    expect_ids(v.t, "\xea\xb0\x80", 0, "12");   /* U+AC00 is two jamo */
    expect_ids(v.t, "\xe2\x80\x94", 0, "0");    /* a dash */
    vocab_close(&v);
}

static void cased(struct strbuf *s)
{
    build_kv_bool(s, "tokenizer.ggml.normalizer.lowercase", false);
}

static void accented(struct strbuf *s)
{
    build_kv_bool(s, "tokenizer.ggml.normalizer.strip_accents", false);
}

static void bare(struct strbuf *s)
{
    ids_given(s);
    build_kv_bool(s, "tokenizer.ggml.add_bos_token", false);
    build_kv_bool(s, "tokenizer.ggml.add_sep_token", false);
}

Test(tokenizer_wpm, keeps_case_accents_and_ends_as_the_file_asks)
{
    struct vocab v = bert_open(cased, 1);

    expect_ids(v.t, "The the \xc3\xa9", 0, "13 14 4 11");
    vocab_close(&v);
    v = bert_open(accented, 1);
    expect_ids(v.t, "The \xc3\x89", 0, "4 11");
    vocab_close(&v);
    v = bert_open(bare, 4);
    expect_ids(v.t, "the", TOKENIZER_ADD_SPECIAL, "4");
    vocab_close(&v);
}

Test(tokenizer_wpm, decodes_to_words)
{
    static const int32_t ids[] = {1, 5, 6, 9, 3, 4, 2};
    struct vocab v = bert_open(NULL, 0);
    struct strbuf text = {0};

    cr_assert_eq(tokenizer_decode(v.t, ids, sizeof ids / sizeof *ids, &text), 0);
    cr_expect_str_eq(strbuf_str(&text), "thing ,[X]the");
    strbuf_deinit(&text);
    vocab_close(&v);
}

Test(tokenizer_wpm, needs_an_unknown_token)
{
    struct vocab v;

    cr_expect_eq(vocab_open_own(&v, "bert", bert + 1, N_BERT - 1, NULL, 0), ERR_FORMAT);
    cr_expect(strstr(err_message(), "without an unknown token"), "%s", err_message());
    vocab_close(&v);
}
