/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/quantize/mix.h"
#include "reference/base/strbuf.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* Types of one layer's tensor, or of all layers at once in one string of digits. */
static uint32_t type_of(const char *mix, const struct mix_model *model, const char *name, int64_t k)
{
    struct gguf_tensor t = {.type = KERNEL_F16, .n_dims = 2, .ne = {k, 64, 1, 1}};

    snprintf(t.name, sizeof t.name, "%s", name);
    return mix_type(mix_find(mix), model, false, &t);
}

static uint32_t type_at(const char *mix, const struct mix_model *model, int layer, const char *part)
{
    char name[64];

    snprintf(name, sizeof name, "blk.%d.%s.weight", layer, part);
    return type_of(mix, model, name, 256);
}

static const struct mix_model usual = {.facts = MIX_NOT_FALCON | MIX_NOT_EIGHT | MIX_NOT_IMPORTANCE,
                                       .n_layers = 32};

/* What llama.cpp's tool reports for a Llama 7B of 32 layers. */
Test(mix, a_llama_of_32_layers)
{
    static const struct {
        const char *mix, *part;
        uint32_t first, second, fourth, middle, seventh, last; /* layers 0, 1, 3, 5, 6, 31 */
    } rows[] = {
        {"Q4_K_M", "attn_q", KERNEL_Q4_K, KERNEL_Q4_K, KERNEL_Q4_K, KERNEL_Q4_K, KERNEL_Q4_K,
         KERNEL_Q4_K},
        {"Q4_K_M", "attn_v", KERNEL_Q6_K, KERNEL_Q6_K, KERNEL_Q6_K, KERNEL_Q4_K, KERNEL_Q6_K,
         KERNEL_Q6_K},
        {"Q4_K_M", "ffn_down", KERNEL_Q6_K, KERNEL_Q6_K, KERNEL_Q6_K, KERNEL_Q4_K, KERNEL_Q6_K,
         KERNEL_Q6_K},
        {"Q5_K_M", "ffn_down", KERNEL_Q6_K, KERNEL_Q6_K, KERNEL_Q6_K, KERNEL_Q5_K, KERNEL_Q6_K,
         KERNEL_Q6_K},
        {"Q4_K_S", "attn_v", KERNEL_Q5_K, KERNEL_Q5_K, KERNEL_Q5_K, KERNEL_Q4_K, KERNEL_Q4_K,
         KERNEL_Q4_K},
        {"Q4_K_S", "ffn_down", KERNEL_Q5_K, KERNEL_Q5_K, KERNEL_Q5_K, KERNEL_Q4_K, KERNEL_Q4_K,
         KERNEL_Q4_K},
        {"Q3_K_M", "attn_v", KERNEL_Q5_K, KERNEL_Q5_K, KERNEL_Q4_K, KERNEL_Q4_K, KERNEL_Q4_K,
         KERNEL_Q4_K},
        {"Q3_K_M", "ffn_down", KERNEL_Q5_K, KERNEL_Q5_K, KERNEL_Q4_K, KERNEL_Q4_K, KERNEL_Q4_K,
         KERNEL_Q4_K},
        {"Q3_K_M", "attn_output", KERNEL_Q4_K, KERNEL_Q4_K, KERNEL_Q4_K, KERNEL_Q4_K, KERNEL_Q4_K,
         KERNEL_Q4_K},
        {"Q3_K_M", "ffn_up", KERNEL_Q3_K, KERNEL_Q3_K, KERNEL_Q3_K, KERNEL_Q3_K, KERNEL_Q3_K,
         KERNEL_Q3_K},
        {"Q2_K", "attn_v", KERNEL_Q3_K, KERNEL_Q3_K, KERNEL_Q3_K, KERNEL_Q3_K, KERNEL_Q3_K,
         KERNEL_Q3_K},
        {"Q6_K", "ffn_down", KERNEL_Q6_K, KERNEL_Q6_K, KERNEL_Q6_K, KERNEL_Q6_K, KERNEL_Q6_K,
         KERNEL_Q6_K},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const uint32_t want[] = {rows[i].first,  rows[i].second,  rows[i].fourth,
                                 rows[i].middle, rows[i].seventh, rows[i].last};
        static const int layers[] = {0, 1, 3, 5, 6, 31};

        for (int j = 0; j < 6; j++)
            cr_expect_eq(type_at(rows[i].mix, &usual, layers[j], rows[i].part), want[j],
                         "%s %s layer %d", rows[i].mix, rows[i].part, layers[j]);
    }
}

Test(mix, the_output_matrix_is_finer)
{
    struct mix_model tied = usual, falcon = usual;

    tied.tied = true;
    falcon.facts = MIX_FALCON | MIX_NOT_EIGHT | MIX_NOT_IMPORTANCE;
    cr_expect_eq(type_of("Q4_0", &usual, "output.weight", 256), KERNEL_Q6_K);
    cr_expect_eq(type_of("Q8_0", &usual, "output.weight", 256), KERNEL_Q8_0);
    cr_expect_eq(type_of("F16", &usual, "output.weight", 256), KERNEL_F16);
    cr_expect_eq(type_of("Q4_K_M", &falcon, "output.weight", 256), KERNEL_Q8_0);
    cr_expect_eq(type_of("Q4_K_M", &usual, "output.weight", 96), KERNEL_Q8_0);
    cr_expect_eq(type_of("Q4_K_M", &usual, "token_embd.weight", 256), KERNEL_Q4_K);
    cr_expect_eq(type_of("Q4_K_M", &tied, "token_embd.weight", 256), KERNEL_Q6_K);
    cr_expect_eq(type_of("TQ1_0", &usual, "token_embd.weight", 256), KERNEL_Q4_K);
}

Test(mix, facts_of_the_model_decide)
{
    struct mix_model m = usual;

    m.facts = MIX_NOT_FALCON | MIX_EIGHT | MIX_IMPORTANCE | MIX_SHARED;
    cr_expect_eq(type_at("Q4_K_M", &m, 9, "attn_v"), KERNEL_Q8_0);
    cr_expect_eq(type_at("Q4_K_M", &m, 9, "attn_k"), KERNEL_Q8_0);
    cr_expect_eq(type_at("Q4_K_M", &m, 9, "attn_output"), KERNEL_Q5_K);
    cr_expect_eq(type_at("Q4_K_M", &m, 0, "ffn_down_exps"), KERNEL_Q6_K);
    cr_expect_eq(type_at("Q4_0", &m, 0, "ffn_down"), KERNEL_Q4_1);
    cr_expect_eq(type_at("Q5_0", &m, 3, "ffn_down"), KERNEL_Q5_1);
    cr_expect_eq(type_at("Q5_0", &m, 4, "ffn_down"), KERNEL_Q5_0);
    cr_expect_eq(type_at("IQ4_XS", &m, 0, "ffn_down"), KERNEL_IQ4_XS);
    m = usual;
    cr_expect_eq(type_at("IQ4_XS", &m, 0, "ffn_down"), KERNEL_Q5_K);
    m.facts |= MIX_SHARED;
    cr_expect_eq(type_at("Q2_K", &m, 9, "attn_v"), KERNEL_Q4_K);
    cr_expect_eq(type_at("IQ4_NL", &m, 9, "attn_v"), KERNEL_Q5_K);
    m.n_layers = 80;
    m.seventy = true;
    cr_expect_eq(type_at("Q3_K_S", &m, 40, "attn_v"), KERNEL_Q5_K);
    cr_expect_eq(type_at("Q2_K", &m, 40, "attn_v"), KERNEL_Q5_K);
    m = usual;
    m.facts = MIX_FALCON | MIX_NOT_EIGHT | MIX_NOT_IMPORTANCE;
    cr_expect_eq(type_at("Q4_K_M", &m, 0, "ffn_down"), KERNEL_Q6_K);
    cr_expect_eq(type_at("Q4_K_M", &m, 3, "ffn_down"), KERNEL_Q5_K);
    cr_expect_eq(type_at("Q4_K_M", &m, 9, "attn_qkv"), KERNEL_Q6_K, "as attn_v");
    cr_expect_eq(type_at("Q4_K_M", &m, 8, "attn_qkv"), KERNEL_Q4_K);
    cr_expect_eq(type_at("Q3_K_L", &m, 8, "attn_qkv"), KERNEL_Q5_K);
    cr_expect_eq(type_at("Q3_K_M", &m, 9, "ffn_down"), KERNEL_Q4_K);
    cr_expect_eq(type_at("Q3_K_M", &m, 10, "ffn_down"), KERNEL_Q3_K);
}

Test(mix, short_rows_get_smaller_blocks)
{
    static const struct {
        const char *mix;
        uint32_t at_96, at_100;
    } rows[] = {{"Q4_K_S", KERNEL_Q5_0, KERNEL_F16}, {"Q5_K_S", KERNEL_Q5_1, KERNEL_F16},
                {"Q6_K", KERNEL_Q8_0, KERNEL_F16},   {"Q2_K", KERNEL_IQ4_NL, KERNEL_F16},
                {"TQ1_0", KERNEL_Q4_0, KERNEL_F16},  {"Q4_0", KERNEL_Q4_0, KERNEL_F16},
                {"F32", KERNEL_F32, KERNEL_F32}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_eq(type_of(rows[i].mix, &usual, "blk.9.ffn_up.weight", 96), rows[i].at_96, "%s",
                     rows[i].mix);
        cr_expect_eq(type_of(rows[i].mix, &usual, "blk.9.ffn_up.weight", 100), rows[i].at_100, "%s",
                     rows[i].mix);
    }
}

Test(mix, leaves_alone_what_is_no_matrix_of_weights)
{
    static const char *const names[] = {"blk.0.ffn_gate_inp.weight", "position_embd.weight",
                                        "token_types.weight", "blk.0.attn_q_norm.weight",
                                        "blk.0.attn_q.bias"};
    struct gguf_tensor t = {
        .name = "blk.0.attn_norm.weight", .type = KERNEL_F16, .n_dims = 1, .ne = {256, 1, 1, 1}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect_eq(type_of("Q4_K_M", &usual, names[i], 256), KERNEL_F16, "%s", names[i]);
    cr_expect_eq(mix_type(mix_find("Q4_K_M"), &usual, false, &t), KERNEL_F32);
    t.type = KERNEL_I32;
    cr_expect_eq(mix_type(mix_find("Q4_K_M"), &usual, false, &t), KERNEL_I32);
}

Test(mix, pure_means_one_type)
{
    struct gguf_tensor t = {
        .name = "output.weight", .type = KERNEL_F16, .n_dims = 2, .ne = {256, 8, 1, 1}};

    cr_expect_eq(mix_type(mix_find("q2_k"), &usual, true, &t), KERNEL_Q2_K);
    cr_expect_eq(mix_find("Q4_K"), mix_find("q4_k_m"));
    cr_expect_null(mix_find("Q7_K"));
}
