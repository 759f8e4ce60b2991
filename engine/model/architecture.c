/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/model/architecture.h"

#include <stdio.h>
#include <string.h>

static const struct architecture *const known[] = {
    &architecture_bert,     &architecture_falcon,     &architecture_gemma,
    &architecture_gemma2,   &architecture_gemma3,     &architecture_gpt2,
    &architecture_llama,    &architecture_nomic_bert, &architecture_olmo2,
    &architecture_phi2,     &architecture_phi3,       &architecture_qwen2,
    &architecture_qwen2moe, &architecture_qwen3,      &architecture_qwen3moe,
    &architecture_stablelm, &architecture_starcoder2,
};

const char *dim_name(enum dim d)
{
    static const char *const names[DIM_COUNT] = {
        [DIM_ONE] = "1",
        [DIM_ZERO] = "0",
        [DIM_VOCAB] = "vocab",
        [DIM_EMBED] = "embed",
        [DIM_FFN] = "ffn",
        [DIM_FFN_PAIR] = "ffn_pair",
        [DIM_LAYERS] = "layers",
        [DIM_CONTEXT] = "context",
        [DIM_HEADS] = "heads",
        [DIM_KV_HEADS] = "kv_heads",
        [DIM_HEAD_DIM] = "head_dim",
        [DIM_ROPE] = "rope",
        [DIM_ROPE_PAIRS] = "rope_pairs",
        [DIM_Q_EMBED] = "q_embed",
        [DIM_KV_EMBED] = "kv_embed",
        [DIM_QK_EMBED] = "qk_embed",
        [DIM_QKV_EMBED] = "qkv_embed",
        [DIM_EXPERTS] = "experts",
        [DIM_EXPERTS_USED] = "experts_used",
        [DIM_EXPERT_FFN] = "expert_ffn",
        [DIM_SHARED_FFN] = "shared_ffn",
        [DIM_TOKENS] = "tokens",
        [DIM_OUTPUTS] = "outputs",
    };

    return names[d];
}

const struct architecture *architecture_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]->name) == len && !memcmp(known[i]->name, name, len))
            return known[i];
    return NULL;
}

const char *architecture_names(void)
{
    static _Thread_local char names[256];
    size_t n = 0;

    for (size_t i = 0; i < sizeof known / sizeof *known && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", known[i]->name);
    return names;
}
