/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/engine/arch_small.h"

enum { NARROWER = 4 };

struct arch_model arch_small(const struct arch_model *m)
{
    static const enum arch_extent widths[] = {M_EMBED, M_FFN,        M_HEAD_DIM,
                                              M_ROPE,  M_EXPERT_FFN, M_SHARED_FFN};
    struct arch_model small = *m;

    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        small.extents[widths[i]] /= NARROWER;
    return small;
}

void arch_small_prompt(int32_t ids[ARCH_PROMPT], size_t n_vocab)
{
    for (size_t i = 0; i < ARCH_PROMPT; i++)
        ids[i] = (int32_t)((37 * i * i + 11 * i + 5) % n_vocab);
}

bool arch_embeds(const struct arch_model *m)
{
    return m->extents[M_TYPES] > 0;
}

/* The first token, one in the middle, the last. */
size_t arch_answer_token(size_t i)
{
    return i / ARCH_SAMPLES * (ARCH_PROMPT - 1) / (ARCH_PLACES - 1);
}

size_t arch_answer_place(size_t i, size_t width)
{
    return (i % ARCH_SAMPLES * (width / ARCH_SAMPLES) + i) % width;
}
