/* SPDX-License-Identifier: Apache-2.0
 *
 * engine embed: texts as vectors. */
#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

struct embed {
    struct model_flags flags;
    const char *pooling;
    bool raw;
    struct option_texts texts;

    struct engine_model *model;
    struct engine_session *session;
    enum engine_pooling pool;
    float *vector;
};

static const char usage[] =
    "usage: engine embed [-m FILE] [TEXT...] [OPTION...]\n"
    "Prints the embedding of each text, one line of numbers a text, scaled to length 1. Without\n"
    "TEXT every line of the standard input is one. Models made for it (nomic-bert, bert) read a\n"
    "text in both directions; of others the last token's hidden state is taken.\n";

static int pooling_parse(const char *name, enum engine_pooling *out)
{
    static const char *const names[] = {
        [ENGINE_POOL_MEAN] = "mean", [ENGINE_POOL_FIRST] = "cls", [ENGINE_POOL_LAST] = "last"};

    *out = ENGINE_POOL_MODEL;
    if (!name)
        return 0;
    for (size_t i = ENGINE_POOL_MEAN; i <= ENGINE_POOL_LAST; i++)
        if (!strcmp(name, names[i])) {
            *out = (enum engine_pooling)i;
            return 0;
        }
    return err_set(ERR_USAGE, "option --pooling: \"%s\" is none of mean, cls and last", name);
}

static void vector_print(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%s%.9g", i ? " " : "", (double)x[i]);
    putchar('\n');
}

static int text_embed(struct embed *x, const char *text, size_t len)
{
    size_t n_embed = (size_t)engine_model_n_embed(x->model), n = 0;
    int32_t *ids = NULL;
    int rc;

    TRY(tokenizer_encode(engine_model_tokenizer(x->model), text, len, TOKENIZER_ADD_SPECIAL, &ids,
                         &n));
    rc = engine_session_embed(x->session, ids, n, x->pool, x->vector);
    free(ids);
    TRY(rc);
    if (!x->raw)
        engine_embedding_normalize(x->vector, n_embed);
    vector_print(x->vector, n_embed);
    return 0;
}

static int lines_embed(struct embed *x)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    int rc = 0;

    while (rc == 0 && (len = getline(&line, &room, stdin)) >= 0) {
        if (len > 0 && line[len - 1] == '\n')
            len--;
        rc = text_embed(x, line, (size_t)len);
    }
    free(line);
    if (rc == 0 && ferror(stdin))
        return err_set(ERR_IO, "standard input cannot be read");
    return rc;
}

static int embed_run(struct embed *x)
{
    TRY(pooling_parse(x->pooling, &x->pool));
    x->flags.embeddings = true;
    TRY(model_flags_open(&x->flags, &x->model, &x->session));
    x->vector = calloc((size_t)engine_model_n_embed(x->model), sizeof *x->vector);
    if (!x->vector)
        return err_set(ERR_NOMEM, "no memory for an embedding");
    if (x->texts.n == 0)
        return lines_embed(x);
    for (size_t i = 0; i < x->texts.n; i++)
        TRY(text_embed(x, x->texts.at[i], strlen(x->texts.at[i])));
    return 0;
}

int embed_main(int argc, char **argv)
{
    struct embed x = {.texts.at = calloc((size_t)argc, sizeof *x.texts.at)};
    const struct option_spec specs[] = {
        MODEL_OPTION_SPECS(&x.flags),
        {"--pooling", NULL, OPTION_TEXT, &x.pooling, 0, 0, "HOW",
         "mean of all tokens, cls (the first) or last (default: the model's)"},
        {"--raw", NULL, OPTION_FLAG, &x.raw, 0, 0, NULL, "leave the length as it is"},
        {NULL, NULL, OPTION_TEXTS, &x.texts, 0, 0, "TEXT...", "the texts"},
    };
    int rc = x.texts.at ? 0 : err_set(ERR_NOMEM, "no memory for %d texts", argc);

    if (rc == 0)
        rc = options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);
    if (rc == 0)
        rc = embed_run(&x);
    engine_session_close(&x.session);
    engine_model_close(&x.model);
    free(x.vector);
    free(x.texts.at);
    return rc < 0 ? command_fail(argv[0]) : 0;
}
