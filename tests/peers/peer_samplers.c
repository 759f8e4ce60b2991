/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/peer_samplers.h"

#include "reference/base/err.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

int peer_samplers_find(struct peer_samplers *out)
{
#define MEMBER(field) offsetof(struct peer_samplers, field)
    static const struct {
        const char *name;
        size_t at;
    } symbols[] = {
        {"llama_sampler_apply", MEMBER(apply)},
        {"llama_sampler_accept", MEMBER(accept)},
        {"llama_sampler_free", MEMBER(free)},
        {"llama_sampler_init_top_k", MEMBER(init_top_k)},
        {"llama_sampler_init_top_p", MEMBER(init_top_p)},
        {"llama_sampler_init_min_p", MEMBER(init_min_p)},
        {"llama_sampler_init_typical", MEMBER(init_typical)},
        {"llama_sampler_init_top_n_sigma", MEMBER(init_top_n_sigma)},
        {"llama_sampler_init_xtc", MEMBER(init_xtc)},
        {"llama_sampler_init_temp", MEMBER(init_temp)},
        {"llama_sampler_init_temp_ext", MEMBER(init_temp_ext)},
        {"llama_sampler_init_penalties", MEMBER(init_penalties)},
        {"llama_sampler_init_dry", MEMBER(init_dry)},
        {"llama_sampler_init_infill", MEMBER(init_infill)},
        {"llama_sampler_init_grammar", MEMBER(init_grammar)},
        {"llama_vocab_is_eog", MEMBER(is_eog)},
    };

    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *p = dlsym(RTLD_DEFAULT, symbols[i].name);

        if (!p)
            return err_set(ERR_UNSUPPORTED, "the libraries have no %s", symbols[i].name);
        memcpy((char *)out + symbols[i].at, &p, sizeof p);
    }
    return 0;
}

struct peer_candidate *peer_candidates_make(const float *logits, int32_t n,
                                            struct peer_candidates *out)
{
    struct peer_candidate *data = malloc((size_t)n * sizeof *data);

    if (!data)
        return NULL;
    for (int32_t i = 0; i < n; i++)
        data[i] = (struct peer_candidate){i, logits[i], 0};
    *out = (struct peer_candidates){data, (size_t)n, -1, false};
    return data;
}
