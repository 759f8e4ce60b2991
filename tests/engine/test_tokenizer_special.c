/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/vocab_open.h"

#include <criterion/criterion.h>

static const struct tiny_token chat[] = {
    {"<unk>", 0, TINY_UNKNOWN},
    {"<s>", 0, TINY_CONTROL},
    {"</s>", 0, TINY_USER_DEFINED},
    {"\xe2\x96\x81", -9, TINY_NORMAL},
    {"a", -9, TINY_NORMAL},
    {"\xe2\x96\x81"
     "a",
     -1, TINY_NORMAL},
    {"<u>", 0, TINY_USER_DEFINED},
    {"<u><u>", 0, TINY_USER_DEFINED},
    {"<|im_end|>", -5, TINY_NORMAL},
    {"<|fim_prefix|>", 0, TINY_NORMAL},
    {"<fim_suffix>", 0, TINY_CONTROL},
    {"<MID>", -9, TINY_NORMAL},
    {"<|user|>", 0, TINY_CONTROL},
    {"<c>", 0, TINY_CONTROL},
};
enum { N_CHAT = sizeof chat / sizeof *chat };

static struct vocab chat_open(void (*extra)(struct strbuf *), uint64_t n_extra)
{
    struct vocab v;

    cr_assert_eq(vocab_open_own(&v, "llama", chat, N_CHAT, extra, n_extra), 0, "%s", err_message());
    return v;
}

Test(tokenizer_special, found_by_kind_the_longest_first)
{
    struct vocab v = chat_open(NULL, 0);

    expect_ids(v.t, "a<u><u><u>a", 0, "5 7 6 5"); /* the prefix stands behind each */
    expect_ids(v.t, "<u>", 0, "6");
    expect_ids(v.t, "<c>", 0, "3 0 0 0"); /* no control token from text */
    expect_ids(v.t, "<c>a<unk>", TOKENIZER_PARSE_SPECIAL, "13 5 0");
    expect_ids(v.t, "a", TOKENIZER_ADD_SPECIAL, "1 5"); /* BOS in its usual place */
    vocab_close(&v);
}

Test(tokenizer_special, decoding_takes_back_the_space_prefix)
{
    static const char *const texts[] = {"a<u>a", "a<u> a", " a<u>  a ", "<u><u>", " ", "<u> "};
    struct vocab v = chat_open(NULL, 0);
    struct strbuf piece = {0};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        round_trip(v.t, texts[i], strlen(texts[i]));
    cr_assert_eq(tokenizer_piece_after(v.t, 4, 5, &piece), 0);
    cr_expect_str_eq(strbuf_str(&piece), " a", "inside a text the space is a space");
    cr_assert_eq(tokenizer_piece_after(v.t, 13, 5, &piece), 0);
    cr_expect_str_eq(strbuf_str(&piece), " aa");
    cr_expect_eq(tokenizer_piece_after(v.t, 13, N_CHAT, &piece), ERR_RANGE);
    strbuf_deinit(&piece);
    vocab_close(&v);
}

Test(tokenizer_special, ends_and_infill_marks_are_known_by_their_texts)
{
    struct vocab v = chat_open(NULL, 0);

    cr_expect(tokenizer_is_eog(v.t, 8), "<|im_end|>, which the file calls normal");
    cr_expect(tokenizer_is_eog(v.t, 2), "</s>");
    cr_expect(!tokenizer_is_eog(v.t, 12), "<|user|>");
    expect_ids(v.t, "<|im_end|>", TOKENIZER_PARSE_SPECIAL, "8");
    expect_ids(v.t, "</s>", 0, "3 0 0 0 0"); /* an end is never found in plain text */
    cr_expect_eq(tokenizer_infill(v.t, TOKENIZER_INFILL_PREFIX), 9);
    cr_expect_eq(tokenizer_infill(v.t, TOKENIZER_INFILL_SUFFIX), 10);
    cr_expect_eq(tokenizer_infill(v.t, TOKENIZER_INFILL_MIDDLE), -1, "<MID> is text there");
    vocab_close(&v);
}

static void keys(struct strbuf *s)
{
    build_kv_u32(s, "tokenizer.ggml.eot_token_id", 13);
    build_kv_u32(s, "tokenizer.ggml.middle_token_id", 6);
    build_kv_u32(s, "tokenizer.ggml.fim_mid_token_id", 11);
    build_kv_u32(s, "tokenizer.ggml.prefix_token_id", 12);
    build_kv_bool(s, "tokenizer.ggml.add_eos_token", true);
}

Test(tokenizer_special, keys_come_before_texts)
{
    struct vocab v = chat_open(keys, 5);

    cr_expect(tokenizer_is_eog(v.t, 13));
    cr_expect_eq(tokenizer_infill(v.t, TOKENIZER_INFILL_MIDDLE), 11, "the newer key");
    cr_expect_eq(tokenizer_infill(v.t, TOKENIZER_INFILL_PREFIX), 12);
    expect_ids(v.t, "a", TOKENIZER_ADD_SPECIAL, "1 5 2");
    vocab_close(&v);
}

static void eos_given(struct strbuf *s)
{
    build_kv_u32(s, "tokenizer.ggml.eos_token_id", 3);
}

Test(tokenizer_special, eos_ends_a_generation_in_its_usual_place_too)
{
    static const struct tiny_token tokens[] = {
        {"<unk>", 0, TINY_UNKNOWN},
        {"<b>", 0, TINY_CONTROL},
        {"<e>", 0, TINY_CONTROL},
        {"<f>", 0, TINY_CONTROL},
    };
    enum { N = sizeof tokens / sizeof *tokens };
    struct vocab v;

    cr_assert_eq(vocab_open_own(&v, "llama", tokens, N, NULL, 0), 0, "%s", err_message());
    cr_expect(tokenizer_eos(v.t) == 2 && tokenizer_is_eog(v.t, 2) && !tokenizer_is_eog(v.t, 1));
    vocab_close(&v);
    cr_assert_eq(vocab_open_own(&v, "llama", tokens, N, eos_given, 1), 0, "%s", err_message());
    cr_expect(tokenizer_eos(v.t) == 3 && tokenizer_is_eog(v.t, 3) && !tokenizer_is_eog(v.t, 2));
    vocab_close(&v);
}

static void named_phi_3(struct strbuf *s)
{
    build_kv_string(s, "general.name", "My Phi3 tune");
}

Test(tokenizer_special, those_of_phi_3_take_the_white_space_behind_them)
{
    struct vocab v = chat_open(named_phi_3, 1);

    expect_ids(v.t, "<|user|>\n a<s> a", TOKENIZER_PARSE_SPECIAL, "12 5 1 3 5");
    expect_ids(v.t, "<u> a", 0, "6 3 5"); /* what was not parsed keeps its text */
    vocab_close(&v);
}

static void named_modern_bert(struct strbuf *s)
{
    build_kv_string(s, "general.name", "modern-bert-base");
}

Test(tokenizer_special, the_mask_of_modern_bert_takes_the_white_space_before_it)
{
    static const struct tiny_token tokens[] = {
        {"<unk>", 0, TINY_UNKNOWN},
        {"[MASK]", 0, TINY_CONTROL},
        {"a", -9, TINY_NORMAL},
        {"\xe2\x96\x81", -9, TINY_NORMAL},
    };
    struct vocab v;

    cr_assert_eq(
        vocab_open_own(&v, "llama", tokens, sizeof tokens / sizeof *tokens, named_modern_bert, 1),
        0);
    expect_ids(v.t, "a  [MASK] a", TOKENIZER_PARSE_SPECIAL, "3 2 1 3 3 2");
    expect_ids(v.t, " [MASK]", TOKENIZER_PARSE_SPECIAL, "1");
    vocab_close(&v);
}

/* Merges may name a token that was added by hand. A byte has none where its character was added. */
Test(tokenizer_special, added_tokens_take_part_in_merges_but_are_no_bytes)
{
    static const struct tiny_token tokens[] = {
        {"a", 0, TINY_NORMAL},
        {"b", 0, TINY_NORMAL},
        {"ab", 0, TINY_USER_DEFINED},
        {"abb", 0, TINY_NORMAL},
        {"\xc3\xb8", 0, TINY_USER_DEFINED}, /* U+00F8, and how byte F8 is written */
        {"<unk>", 0, TINY_UNKNOWN},
    };
    struct strbuf merges = {0}, out = {0};
    struct gguf_file *f;
    struct tokenizer *t;

    build_kv_array(&merges, "tokenizer.ggml.merges", GGUF_STRING, 2);
    build_string(&merges, "a b");
    build_string(&merges, "ab b");
    tiny_vocab_write(&out, "gpt2", tokens, sizeof tokens / sizeof *tokens, &merges, 1);
    cr_assert_eq(gguf_open_memory(out.data, out.len, "own", &f), 0);
    cr_assert_eq(tokenizer_open(f, &t), 0, "%s", err_message());
    expect_ids(t,
               "b\xc3\xb8"
               "a",
               0, "1 4 0");
    expect_ids(t, "\xf8", 0, "5");
    expect_ids(t, "c", 0, "5");
    tokenizer_close(&t);
    gguf_close(&f);
    strbuf_deinit(&merges);
    strbuf_deinit(&out);
}
