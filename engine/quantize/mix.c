/* SPDX-License-Identifier: Apache-2.0
 *
 * mix.c: the mixes and their rules as llama.cpp's quantisation tool has them, so that a name means
 * the same file size and quality everywhere. Source: llama.cpp, tensor types of llama-quant. */
#include "engine/quantize/mix.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"
#include "reference/base/formats.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Values of general.file_type. */
enum file_type {
    FILE_F32 = 0,
    FILE_F16 = 1,
    FILE_Q4_0 = 2,
    FILE_Q4_1 = 3,
    FILE_Q8_0 = 7,
    FILE_Q5_0 = 8,
    FILE_Q5_1 = 9,
    FILE_Q2_K = 10,
    FILE_Q3_K_S = 11,
    FILE_Q3_K_M = 12,
    FILE_Q3_K_L = 13,
    FILE_Q4_K_S = 14,
    FILE_Q4_K_M = 15,
    FILE_Q5_K_S = 16,
    FILE_Q5_K_M = 17,
    FILE_Q6_K = 18,
    FILE_Q2_K_S = 21,
    FILE_IQ4_NL = 25,
    FILE_IQ4_XS = 30,
    FILE_BF16 = 32,
    FILE_TQ1_0 = 36,
    FILE_TQ2_0 = 37,
};

static const struct mix mixes[] = {
    {"F32", NULL, KERNEL_F32, FILE_F32},          {"F16", NULL, KERNEL_F16, FILE_F16},
    {"BF16", NULL, KERNEL_BF16, FILE_BF16},       {"Q8_0", NULL, KERNEL_Q8_0, FILE_Q8_0},
    {"Q6_K", NULL, KERNEL_Q6_K, FILE_Q6_K},       {"Q5_K_M", "Q5_K", KERNEL_Q5_K, FILE_Q5_K_M},
    {"Q5_K_S", NULL, KERNEL_Q5_K, FILE_Q5_K_S},   {"Q5_1", NULL, KERNEL_Q5_1, FILE_Q5_1},
    {"Q5_0", NULL, KERNEL_Q5_0, FILE_Q5_0},       {"Q4_K_M", "Q4_K", KERNEL_Q4_K, FILE_Q4_K_M},
    {"Q4_K_S", NULL, KERNEL_Q4_K, FILE_Q4_K_S},   {"IQ4_NL", NULL, KERNEL_IQ4_NL, FILE_IQ4_NL},
    {"IQ4_XS", NULL, KERNEL_IQ4_XS, FILE_IQ4_XS}, {"Q4_1", NULL, KERNEL_Q4_1, FILE_Q4_1},
    {"Q4_0", NULL, KERNEL_Q4_0, FILE_Q4_0},       {"Q3_K_L", NULL, KERNEL_Q3_K, FILE_Q3_K_L},
    {"Q3_K_M", "Q3_K", KERNEL_Q3_K, FILE_Q3_K_M}, {"Q3_K_S", NULL, KERNEL_Q3_K, FILE_Q3_K_S},
    {"Q2_K", NULL, KERNEL_Q2_K, FILE_Q2_K},       {"Q2_K_S", NULL, KERNEL_Q2_K, FILE_Q2_K_S},
    {"TQ2_0", NULL, KERNEL_TQ2_0, FILE_TQ2_0},    {"TQ1_0", NULL, KERNEL_TQ1_0, FILE_TQ1_0},
};

/* Layers a rule is for. */
enum layers {
    ALL,
    FIRST_TWO,
    FIRST_FOUR,
    FIRST_EIGHTH,
    FIRST_SIXTEENTH,
    HALF, /* the first and the last eighth, and every third between */
};

/* Kinds of matrices that the rules know. */
enum part {
    OTHER,
    KEYS,
    VALUES, /* also where they lie in one matrix with the queries and keys */
    MIXED,  /* the product behind attention */
    DOWN,   /* of experts too */
};

struct rule {
    enum file_type mix;
    enum part part;
    enum layers layers;
    uint32_t when; /* facts that must hold, all of them */
    uint32_t type;
};

/* The first rule that fits decides. */
static const struct rule rules[] = {
    {FILE_Q2_K, VALUES, ALL, MIX_SHARED, KERNEL_Q4_K},
    {FILE_Q2_K, VALUES, ALL, 0, KERNEL_Q3_K},
    {FILE_Q2_K_S, VALUES, ALL, MIX_SHARED, KERNEL_Q4_K},
    {FILE_Q3_K_M, VALUES, FIRST_TWO, 0, KERNEL_Q5_K},
    {FILE_Q3_K_M, VALUES, ALL, 0, KERNEL_Q4_K},
    {FILE_Q3_K_L, VALUES, ALL, 0, KERNEL_Q5_K},
    {FILE_IQ4_NL, VALUES, ALL, MIX_SHARED, KERNEL_Q5_K},
    {FILE_IQ4_XS, VALUES, ALL, MIX_SHARED, KERNEL_Q5_K},
    {FILE_Q4_K_S, VALUES, FIRST_FOUR, 0, KERNEL_Q5_K},
    {FILE_Q4_K_M, VALUES, HALF, 0, KERNEL_Q6_K},
    {FILE_Q5_K_M, VALUES, HALF, 0, KERNEL_Q6_K},

    {FILE_Q2_K, DOWN, ALL, 0, KERNEL_Q3_K},
    {FILE_Q2_K_S, DOWN, FIRST_EIGHTH, 0, KERNEL_Q4_K},
    {FILE_Q3_K_M, DOWN, FIRST_SIXTEENTH, 0, KERNEL_Q5_K},
    {FILE_Q3_K_M, DOWN, ALL, MIX_NOT_FALCON, KERNEL_Q4_K},
    {FILE_Q3_K_M, DOWN, HALF, 0, KERNEL_Q4_K},
    {FILE_Q3_K_L, DOWN, ALL, MIX_FALCON, KERNEL_Q4_K},
    {FILE_Q3_K_L, DOWN, ALL, 0, KERNEL_Q5_K},
    {FILE_IQ4_NL, DOWN, FIRST_EIGHTH, MIX_NOT_IMPORTANCE, KERNEL_Q5_K},
    {FILE_IQ4_XS, DOWN, FIRST_EIGHTH, MIX_NOT_IMPORTANCE, KERNEL_Q5_K},
    {FILE_Q4_0, DOWN, FIRST_EIGHTH, MIX_IMPORTANCE, KERNEL_Q4_1},
    {FILE_Q5_0, DOWN, FIRST_EIGHTH, MIX_IMPORTANCE, KERNEL_Q5_1},
    {FILE_Q4_K_S, DOWN, FIRST_EIGHTH, MIX_NOT_FALCON, KERNEL_Q5_K},
    {FILE_Q4_K_M, DOWN, FIRST_SIXTEENTH, MIX_FALCON, KERNEL_Q6_K},
    {FILE_Q4_K_M, DOWN, HALF, MIX_FALCON, KERNEL_Q5_K},
    {FILE_Q4_K_M, DOWN, HALF, MIX_NOT_FALCON, KERNEL_Q6_K},
    {FILE_Q5_K_M, DOWN, HALF, 0, KERNEL_Q6_K},

    {FILE_Q2_K, MIXED, ALL, MIX_NOT_FALCON | MIX_EIGHT, KERNEL_Q5_K},
    {FILE_Q3_K_S, MIXED, ALL, MIX_NOT_FALCON | MIX_EIGHT, KERNEL_Q5_K},
    {FILE_Q3_K_M, MIXED, ALL, MIX_NOT_FALCON | MIX_EIGHT, KERNEL_Q5_K},
    {FILE_Q4_K_S, MIXED, ALL, MIX_NOT_FALCON | MIX_EIGHT, KERNEL_Q5_K},
    {FILE_Q4_K_M, MIXED, ALL, MIX_NOT_FALCON | MIX_EIGHT, KERNEL_Q5_K},
    {FILE_IQ4_NL, MIXED, ALL, MIX_NOT_FALCON | MIX_EIGHT, KERNEL_Q5_K},
    {FILE_IQ4_XS, MIXED, ALL, MIX_NOT_FALCON | MIX_EIGHT, KERNEL_Q5_K},
    {FILE_Q2_K, MIXED, ALL, MIX_NOT_FALCON | MIX_NOT_EIGHT, KERNEL_Q3_K},
    {FILE_Q3_K_M, MIXED, ALL, MIX_NOT_FALCON | MIX_NOT_EIGHT, KERNEL_Q4_K},
    {FILE_Q3_K_L, MIXED, ALL, MIX_NOT_FALCON | MIX_NOT_EIGHT, KERNEL_Q5_K},
    {FILE_Q3_K_L, MIXED, ALL, MIX_FALCON, KERNEL_Q4_K},
};

const struct mix *mix_find(const char *name)
{
    for (size_t i = 0; i < sizeof mixes / sizeof *mixes; i++)
        if (!strcasecmp(mixes[i].name, name) ||
            (mixes[i].plain && !strcasecmp(mixes[i].plain, name)))
            return &mixes[i];
    return NULL;
}

void mix_names(struct strbuf *out)
{
    for (size_t i = 0; i < sizeof mixes / sizeof *mixes; i++)
        strbuf_addf(out, "%s%s", i ? ", " : "", mixes[i].name);
}

/* --- facts --- */

/* Integer ARCHITECTURE.key; `fallback` when there is none. */
static int model_int(const struct gguf_file *f, const char *architecture, const char *key,
                     int64_t fallback, int64_t *out)
{
    const struct gguf_kv *kv;
    char name[160];

    *out = fallback;
    snprintf(name, sizeof name, "%s.%s", architecture, key);
    kv = gguf_kv_find(f, name);
    if (kv && kv->type != GGUF_ARRAY) /* an array: one number per layer */
        TRY(gguf_get_int(f, name, out));
    return 0;
}

int mix_model_read(const struct gguf_file *f, bool importance, struct mix_model *out)
{
    struct gguf_string s = {"", 0};
    int64_t heads, kv_heads, experts;
    char architecture[64];
    bool falcon;

    TRY(gguf_get_string(f, "general.architecture", &s));
    snprintf(architecture, sizeof architecture, "%.*s", (int)(s.len < 63 ? s.len : 63), s.data);
    TRY(model_int(f, architecture, "block_count", 0, &out->n_layers));
    TRY(model_int(f, architecture, "attention.head_count", 1, &heads));
    TRY(model_int(f, architecture, "attention.head_count_kv", heads, &kv_heads));
    TRY(model_int(f, architecture, "expert_count", 0, &experts));
    falcon = !strcmp(architecture, "falcon");
    out->facts = (falcon ? MIX_FALCON : MIX_NOT_FALCON) |
                 (experts == 8 ? MIX_EIGHT : MIX_NOT_EIGHT) |
                 (importance ? MIX_IMPORTANCE : MIX_NOT_IMPORTANCE) |
                 (kv_heads > 0 && heads / kv_heads >= 4 ? MIX_SHARED : 0);
    out->seventy = out->n_layers == 80 && heads != kv_heads && !strcmp(architecture, "llama");
    out->tied = !gguf_tensor_find(f, "output.weight");
    return 0;
}

/* --- the type of a tensor --- */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && !strcmp(s + n - m, end);
}

/* Matrices that products read, and the embedding. Routers and positions are small and delicate. */
static bool is_weight_matrix(const struct gguf_tensor *t)
{
    return t->n_dims >= 2 && ends_with(t->name, ".weight") && !ends_with(t->name, "_norm.weight") &&
           !strstr(t->name, "ffn_gate_inp") && strcmp(t->name, "position_embd.weight") != 0 &&
           strcmp(t->name, "token_types.weight") != 0;
}

static bool layer_in(enum layers layers, int64_t i, int64_t n)
{
    switch (layers) {
    case ALL:
        return true;
    case FIRST_TWO:
        return i < 2;
    case FIRST_FOUR:
        return i < 4;
    case FIRST_EIGHTH:
        return i < n / 8;
    case FIRST_SIXTEENTH:
        return i < n / 16;
    case HALF:
        return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
    }
    return false;
}

static enum part part_of(const char *name)
{
    static const struct {
        const char *name;
        enum part part;
    } parts[] = {{".attn_k.weight", KEYS},       {".attn_v.weight", VALUES},
                 {".attn_qkv.weight", VALUES},   {".attn_kv_b.weight", VALUES},
                 {".attn_output.weight", MIXED}, {".ffn_down", DOWN}};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(name, parts[i].name))
            return parts[i].part;
    return OTHER;
}

static uint32_t type_by_rules(const struct mix *mix, const struct mix_model *model,
                              const char *name)
{
    enum part part = part_of(name);
    uint32_t type = mix->type;
    int64_t layer;

    if (sscanf(name, "blk.%" SCNd64 ".", &layer) != 1)
        return type;
    if ((model->facts & MIX_EIGHT) && (part == VALUES || part == KEYS))
        return KERNEL_Q8_0; /* small beside the experts */
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *r = &rules[i];

        if (r->mix == mix->file_type && r->part == part && (r->when & model->facts) == r->when &&
            layer_in(r->layers, layer, model->n_layers)) {
            type = r->type;
            break;
        }
    }
    if (model->seventy && part == VALUES && (type == KERNEL_Q3_K || type == KERNEL_Q4_K))
        type = KERNEL_Q5_K; /* an eighth of the size of attn_q */
    return type;
}

/* The output matrix reaches the result without any averaging. */
static uint32_t type_of_output(const struct mix *mix, const struct mix_model *model,
                               const struct gguf_tensor *t)
{
    if ((model->facts & MIX_FALCON) || t->ne[0] % format_find(mix->type)->elements)
        return KERNEL_Q8_0;
    return mix->type == KERNEL_Q8_0 ? KERNEL_Q8_0 : KERNEL_Q6_K;
}

/* A type of 32-blocks for one of 256-blocks, of the same number of bits or the next. */
static uint32_t type_of_short_rows(uint32_t type)
{
    switch (type) {
    case KERNEL_TQ1_0:
    case KERNEL_TQ2_0:
        return KERNEL_Q4_0;
    case KERNEL_Q2_K:
    case KERNEL_Q3_K:
    case KERNEL_IQ4_XS:
        return KERNEL_IQ4_NL;
    case KERNEL_Q4_K:
        return KERNEL_Q5_0;
    case KERNEL_Q5_K:
        return KERNEL_Q5_1;
    case KERNEL_Q6_K:
        return KERNEL_Q8_0;
    default:
        return KERNEL_F16;
    }
}

uint32_t mix_type(const struct mix *mix, const struct mix_model *model, bool pure,
                  const struct gguf_tensor *t)
{
    bool embedding = !strcmp(t->name, "token_embd.weight");
    uint32_t type = mix->type;

    if (t->type != KERNEL_F32 && t->type != KERNEL_F16 && t->type != KERNEL_BF16)
        return t->type;
    if (t->n_dims == 1)
        return KERNEL_F32;
    if (!is_weight_matrix(t))
        return t->type;
    if (!pure && format_find(type)->elements > 1) {
        if (!strcmp(t->name, "output.weight") || (embedding && model->tied))
            type = type_of_output(mix, model, t);
        else if (embedding)
            type = type == KERNEL_TQ1_0 || type == KERNEL_TQ2_0 ? KERNEL_Q4_K : type;
        else
            type = type_by_rules(mix, model, t->name);
    }
    while (t->ne[0] % format_find(type)->elements)
        type = type_of_short_rows(type);
    return type;
}
