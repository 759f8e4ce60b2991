/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/fileio.h"
#include "reference/base/rng.h"
#include "tests/engine/vocab_open.h"

#include <criterion/criterion.h>

enum { N_CASES = 47 };

static void vectors_pass(const char *name)
{
    static const char mark[] = "\n__ggml_vocab_test__\n";
    struct strbuf in = {0}, out = {0}, got = {0};
    struct vocab v = vocab_open(name);
    char path[4096], *text, *want;
    int n_cases = 0;

    shared_path(path, sizeof path, "tokenizers/ggml-vocab-%s.gguf.inp", name);
    cr_assert_eq(file_read(path, &in), 0, "%s", err_message());
    shared_path(path, sizeof path, "tokenizers/ggml-vocab-%s.gguf.out", name);
    cr_assert_eq(file_read(path, &out), 0, "%s", err_message());
    text = in.data;
    want = out.data;
    for (char *end; text; text = end ? end + strlen(mark) : NULL) {
        size_t len = (end = strstr(text, mark)) ? (size_t)(end - text) : strlen(text);
        char *line_end = want + strcspn(want, "\n");
        size_t n;
        int32_t *ids;

        text[len] = '\0';
        want += *want == ' ';
        cr_assert_eq(tokenizer_encode(v.t, text, len, 0, &ids, &n), 0);
        ids_print(ids, n, &got);
        cr_expect(got.len == (size_t)(line_end - want) && !memcmp(got.data, want, got.len),
                  "%s: \"%s\": want %.*s, got %s", name, text, (int)(line_end - want), want,
                  got.data);
        round_trip(v.t, text, len);
        free(ids);
        want = *line_end ? line_end + 1 : line_end;
        n_cases++;
    }
    cr_assert_eq(n_cases, N_CASES);
    strbuf_deinit(&in);
    strbuf_deinit(&out);
    strbuf_deinit(&got);
    vocab_close(&v);
}

Test(tokenizer, llama_spm_vectors_pass)
{
    shared_require();
    vectors_pass("llama-spm");
}

Test(tokenizer, phi_3_vectors_pass)
{
    shared_require();
    vectors_pass("phi-3");
}

Test(tokenizer, gpt_2_vectors_pass)
{
    shared_require();
    vectors_pass("gpt-2");
}

Test(tokenizer, starcoder_vectors_pass)
{
    shared_require();
    vectors_pass("starcoder");
}

Test(tokenizer, qwen2_vectors_pass)
{
    shared_require();
    vectors_pass("qwen2");
}

/* The vocabularies of which every byte is a token. starcoder lacks those that UTF-8 never uses. */
static bool any_bytes(const char *name)
{
    return strcmp(name, "starcoder") != 0;
}

/* Random text of the length of a line, biased to what pre-tokenisers look at. */
static size_t random_text(struct rng *r, char *out, size_t cap)
{
    static const char *const bits[] = {
        " ",
        "  ",
        "\n",
        "\t",
        "\r\n",
        "'s",
        "'LL",
        "a",
        "Word",
        "7",
        "123456",
        ".",
        "!?",
        "\xe2\x96\x81",
        "\xc3\xa9",
        "\xd0\x96",
        "\xe6\x88\x91",
        "\xf0\x9f\xa6\x99",
        "\xe2\x80\x8d",
        "\xc2\xa0",
        "\xc2\x85",
        "\xef\xbf\xbd",
        "<s>",
        "</s>",
        "<0x0A>",
        "<|endoftext|>",
        "<unk>",
        "the",
        "ing",
    };
    size_t len = 0;

    for (uint64_t n = rng_below(r, 24); n; n--) {
        const char *bit = bits[rng_below(r, sizeof bits / sizeof *bits)];

        if (len + strlen(bit) > cap)
            break;
        memcpy(out + len, bit, strlen(bit));
        len += strlen(bit);
    }
    return len;
}

static void random_round_trips(const char *name)
{
    struct vocab v = vocab_open(name);
    struct rng r;
    char text[256];

    rng_init(&r, 7);
    for (int i = 0; i < 3000; i++)
        round_trip(v.t, text, random_text(&r, text, sizeof text));
    for (int i = 0; i < 1000 && any_bytes(name); i++) {
        size_t len = rng_below(&r, 64);

        for (size_t j = 0; j < len; j++)
            text[j] = (char)rng_next(&r);
        round_trip(v.t, text, len);
    }
    vocab_close(&v);
}

Test(tokenizer, sentencepiece_text_comes_back)
{
    shared_require();
    random_round_trips("llama-spm");
    random_round_trips("phi-3");
}

Test(tokenizer, byte_level_text_comes_back)
{
    shared_require();
    random_round_trips("gpt-2");
    random_round_trips("starcoder");
    random_round_trips("qwen2");
}

static void whole_file(const struct vocab *v, const char *file)
{
    struct strbuf text = {0};
    char path[4096];

    shared_path(path, sizeof path, "text/%s", file);
    cr_assert_eq(file_read(path, &text), 0, "%s", err_message());
    round_trip(v->t, text.data, text.len);
    strbuf_deinit(&text);
}

Test(tokenizer, bytes_without_a_token_become_a_replacement_character)
{
    struct vocab v;

    shared_require();
    v = vocab_open("starcoder");
    expect_ids(v.t, "a\xff", 0, "102 8448"); /* as "a\xef\xbf\xbd" */
    vocab_close(&v);
}

Test(tokenizer, a_megabyte_comes_back)
{
    static const char *const names[] = {"llama-spm", "gpt-2", "starcoder", "qwen2"};

    shared_require();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct vocab v = vocab_open(names[i]);

        whole_file(&v, "tinyshakespeare-input.txt");
        vocab_close(&v);
    }
}

/* One word, and one stretch of space, far longer than any stack. */
Test(tokenizer, long_runs_come_back)
{
    static const char *const names[] = {"llama-spm", "starcoder"};
    static char run[100000];

    shared_require();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct vocab v = vocab_open(names[i]);

        for (const char *c = " a1.\xff"; *c; c++) {
            if (*c < 0 && !any_bytes(names[i]))
                continue;
            memset(run, *c, sizeof run);
            round_trip(v.t, run, sizeof run);
        }
        vocab_close(&v);
    }
}

Test(tokenizer, special_tokens_are_text_unless_asked_for)
{
    struct vocab v;

    shared_require();
    v = vocab_open("llama-spm");
    expect_ids(v.t, "Hello", 0, "15043");
    expect_ids(v.t, "Hello", TOKENIZER_ADD_SPECIAL, "1 15043");
    expect_ids(v.t, "", TOKENIZER_ADD_SPECIAL, "1");
    expect_ids(v.t, "", 0, "");
    expect_ids(v.t, "<s>Hello</s>", TOKENIZER_PARSE_SPECIAL, "1 15043 2");
    expect_ids(v.t, "<s>", 0, "529 29879 29958"); /* never the control token by merging */
    cr_expect(tokenizer_add_bos(v.t) && tokenizer_bos(v.t) == 1 && tokenizer_eos(v.t) == 2);
    cr_expect(tokenizer_is_eog(v.t, 2) && !tokenizer_is_eog(v.t, 1) && !tokenizer_is_eog(v.t, -1));
    cr_expect_eq(tokenizer_n_vocab(v.t), 32000);
    vocab_close(&v);
    v = vocab_open("qwen2");
    expect_ids(v.t, "<|im_start|>a", TOKENIZER_PARSE_SPECIAL, "151644 64");
    expect_ids(v.t, "<tool_call>a", 0, "151657 64"); /* user-defined: always itself */
    cr_expect(!tokenizer_add_bos(v.t) && tokenizer_bos(v.t) == -1);
    cr_expect(tokenizer_is_eog(v.t, 151645));
    vocab_close(&v);
}

Test(tokenizer, refuses_ids_outside_the_vocabulary)
{
    struct strbuf out = {0};
    struct vocab v;

    shared_require();
    v = vocab_open("gpt-2");
    cr_expect_eq(tokenizer_piece(v.t, -1, &out), ERR_RANGE);
    cr_expect_eq(tokenizer_piece(v.t, 50257, &out), ERR_RANGE);
    cr_expect_eq(tokenizer_piece(v.t, 50256, &out), 0);
    cr_expect_eq(out.len, 0, "a control token gives nothing");
    vocab_close(&v);
}

/* --- small vocabularies of our own --- */

static void no_prefix(struct strbuf *s)
{
    build_kv_bool(s, "tokenizer.ggml.add_space_prefix", false);
}

static const struct tiny_token abc[] = {
    {"<unk>", 0, 2}, {"a", -9, 1}, {"b", -9, 1}, {"ab", -2, 1}, {"ba", -1, 1}, {"aa", -3, 1},
};
enum { N_ABC = sizeof abc / sizeof *abc };

Test(tokenizer, merges_the_best_score_first_and_ties_from_the_left)
{
    struct vocab s;

    cr_assert_eq(vocab_open_own(&s, "llama", abc, N_ABC, no_prefix, 1), 0, "%s", err_message());
    expect_ids(s.t, "aba", 0, "1 4"); /* "ba" beats "ab" */
    expect_ids(s.t, "aaa", 0, "5 1"); /* the left pair of equals */
    expect_ids(s.t, "aaaa", 0, "5 5");
    expect_ids(s.t, "abab", 0, "1 4 2");
    expect_ids(s.t, "axb", 0, "1 0 2"); /* no byte tokens: one unknown for a character */
    expect_ids(s.t, "\xc3\xa9", 0, "0");
    vocab_close(&s);
}

Test(tokenizer, merging_never_makes_a_control_token)
{
    static const struct tiny_token tokens[] = {
        {"<unk>", 0, 2}, {"<", -9, 1}, {"s", -9, 1}, {">", -9, 1}, {"<s", -1, 1}, {"<s>", 0, 3},
    };
    struct vocab s;

    cr_assert_eq(vocab_open_own(&s, "llama", tokens, sizeof tokens / sizeof *tokens, no_prefix, 1),
                 0, "%s", err_message());
    expect_ids(s.t, "<s>", 0, "4 3");
    expect_ids(s.t, "<s>", TOKENIZER_PARSE_SPECIAL, "5");
    vocab_close(&s);
}

Test(tokenizer, merges_over_a_space_where_a_token_does)
{
    static const struct tiny_token tokens[] = {
        {"<unk>", 0, 2},
        {"a", -9, 1},
        {"\xe2\x96\x81", -9, 1},
        {"a\xe2\x96\x81", -1, 1},
        {"a\xe2\x96\x81"
         "a",
         -1, 1},
    };
    struct vocab s;

    cr_assert_eq(vocab_open_own(&s, "llama", tokens, sizeof tokens / sizeof *tokens, no_prefix, 1),
                 0, "%s", err_message());
    expect_ids(s.t, "a a", 0, "4");
    expect_ids(s.t, "a  a", 0, "3 2 1");
    vocab_close(&s);
}

static void bos_outside(struct strbuf *s)
{
    build_kv_u32(s, "tokenizer.ggml.bos_token_id", N_ABC);
}

static void pre_unknown(struct strbuf *s)
{
    build_kv_string(s, "tokenizer.ggml.pre", "from-the-future");
}

static void merge_of_nothing(struct strbuf *s)
{
    build_kv_array(s, "tokenizer.ggml.merges", GGUF_STRING, 2);
    build_string(s, "a b");
    build_string(s, "b c");
}

static void expect_unopened(const char *model, void (*extra)(struct strbuf *), int code,
                            const char *says)
{
    struct vocab s;
    int rc = vocab_open_own(&s, model, abc, N_ABC, extra, extra ? 1 : 0);

    cr_expect(rc == code && strstr(err_message(), says), "want %s, got %d %s", says, rc,
              err_message());
    vocab_close(&s);
}

Test(tokenizer, names_what_it_does_not_know)
{
    expect_unopened("t5", NULL, ERR_UNSUPPORTED, "tokenizer.ggml.model t5: known are llama");
    expect_unopened("llama", bos_outside, ERR_FORMAT, "tokenizer.ggml.bos_token_id is 6");
    expect_unopened("gpt2", pre_unknown, ERR_UNSUPPORTED, "from-the-future: known are default");
    expect_unopened("gpt2", NULL, ERR_FORMAT, "tokenizer.ggml.merges: the key is missing");
    expect_unopened("gpt2", merge_of_nothing, ERR_FORMAT, "entry 1 (b c)");
}
