/* SPDX-License-Identifier: Apache-2.0
 *
 * compare_answers.c: what llama.cpp answers to the small models, as tests/engine/arch_answers.tsv holds
 * it: the name of the model, then some of its logits. */
#include "tests/peers/compare.h"

#include "reference/base/err.h"
#include "tests/engine/arch_small.h"
#include "tests/peers/name_list.h"
#include "tests/peers/peer_llama.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void value_print(float x)
{
    printf("\t%.7g", (double)x);
}

static int logits_print(struct peer *p, const int32_t ids[ARCH_PROMPT])
{
    size_t n_vocab = peer_n_vocab(p);
    float *logits = malloc(ARCH_PROMPT * n_vocab * sizeof *logits);
    int rc;

    if (!logits)
        return err_set(ERR_NOMEM, "no memory for logits");
    rc = peer_eval(p, ids, ARCH_PROMPT, logits);
    for (size_t i = 0; rc == 0 && i < ARCH_ANSWER; i++)
        value_print(logits[arch_answer_token(i) * n_vocab + arch_answer_word(i, n_vocab)]);
    free(logits);
    return rc;
}

static int embedding_print(struct peer *p, const int32_t ids[ARCH_PROMPT], size_t n_embed)
{
    float *x = malloc(n_embed * sizeof *x);
    int rc;

    if (!x)
        return err_set(ERR_NOMEM, "no memory for an embedding");
    rc = peer_embed(p, ids, ARCH_PROMPT, x, n_embed);
    for (size_t i = 0; rc == 0 && i < ARCH_ANSWER; i++)
        value_print(x[arch_answer_word(i, n_embed)]);
    free(x);
    return rc;
}

static int answer_print(const struct arch_model *m, const char *name, struct peer *p)
{
    int32_t ids[ARCH_PROMPT];

    arch_small_prompt(ids, peer_n_vocab(p));
    fputs(name, stdout);
    if (arch_embeds(m))
        TRY(embedding_print(p, ids, (size_t)m->extents[M_EMBED]));
    else
        TRY(logits_print(p, ids));
    putchar('\n');
    return 0;
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
        rc = answer_print(&m, whole->name, p);
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
