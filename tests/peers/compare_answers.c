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

static int answer_print(const char *name, struct peer *p)
{
    size_t n_vocab = peer_n_vocab(p);
    float *logits = malloc(ARCH_PROMPT * n_vocab * sizeof *logits);
    int32_t ids[ARCH_PROMPT];
    int rc;

    if (!logits)
        return err_set(ERR_NOMEM, "no memory for logits");
    arch_small_prompt(ids, n_vocab);
    rc = peer_eval(p, ids, ARCH_PROMPT, logits);
    if (rc == 0)
        printf("%s", name);
    for (size_t i = 0; rc == 0 && i < ARCH_ANSWER; i++)
        printf("\t%.7g",
               (double)logits[arch_answer_token(i) * n_vocab + arch_answer_word(i, n_vocab)]);
    if (rc == 0)
        putchar('\n');
    free(logits);
    return rc;
}

static int model_ask(struct compare *c, const struct arch_model *whole)
{
    const struct arch_model m = arch_small(whole);
    const struct peer_options o = {.n_context = (uint32_t)m.extents[M_CONTEXT],
                                   .n_threads = c->n_threads};
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

/* Models that give embeddings have no logits to ask for. */
static bool has_logits(const struct arch_model *m)
{
    return m->extents[M_TYPES] == 0;
}

int compare_answers(struct compare *c)
{
    for (size_t i = 0; i < n_arch_models; i++) {
        const struct arch_model *m = &arch_models[i];

        if (!has_logits(m) || !name_list_has(c->rows, m->name))
            continue;
        TRY(model_ask(c, m));
        c->n_rows++;
    }
    return 0;
}
