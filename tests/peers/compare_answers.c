/* SPDX-License-Identifier: Apache-2.0
 *
 * compare_answers.c: what llama.cpp answers to the small models, as tests/engine/arch_answers.tsv holds
 * it: the name of the model, then some of its logits, or of its hidden states where it has none. */
#include "tests/peers/compare_peers.h"

#include "reference/base/err.h"
#include "tests/engine/arch_small.h"
#include "tests/peers/name_list.h"
#include "tests/peers/peer_llama.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int answer_print(const char *name, struct peer *p)
{
    size_t width = peer_n_out(p);
    float *results = malloc(ARCH_PROMPT * width * sizeof *results);
    int32_t ids[ARCH_PROMPT];
    int rc;

    if (!results)
        return err_set(ERR_NOMEM, "no memory for results");
    arch_small_prompt(ids, peer_n_vocab(p));
    rc = peer_eval(p, ids, ARCH_PROMPT, results);
    if (rc == 0)
        fputs(name, stdout);
    for (size_t i = 0; rc == 0 && i < ARCH_ANSWER; i++)
        printf("\t%.7g",
               (double)results[arch_answer_token(i) * width + arch_answer_place(i, width)]);
    if (rc == 0)
        putchar('\n');
    free(results);
    return rc;
}

static int model_ask(struct compare *c, const struct arch_model *whole)
{
    const struct arch_model m = arch_small(whole);
    const struct peer_options o = {.n_context = (uint32_t)m.extents[M_CONTEXT],
                                   .n_threads = c->n_threads,
                                   .embeddings = arch_embeds(&m)};
    char path[4096];
    struct peer *p;
    int rc;

    snprintf(path, sizeof path, "%s/answers.gguf", c->scratch);
    TRY(arch_model_write(&m, arch_types_find("F32"), NULL, path));
    rc = peer_open(&c->lib, path, &o, &p);
    if (rc == 0)
        rc = answer_print(whole->name, p);
    peer_close(&p);
    unlink(path);
    return rc;
}

int compare_answers(struct compare *c)
{
    for (size_t i = 0; i < n_arch_models; i++) {
        if (!name_list_has(c->rows, arch_models[i].name))
            continue;
        TRY(model_ask(c, &arch_models[i]));
        c->n_rows++;
    }
    return 0;
}
