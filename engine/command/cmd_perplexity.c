/* SPDX-License-Identifier: Apache-2.0
 *
 * engine perplexity: exp of the mean negative log-likelihood per token of a text. */
#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct perplexity {
    struct model_flags flags;
    const char *path;
    int64_t window, stride;

    struct engine_model *model;
    struct engine_session *session;
    struct strbuf text;
    int32_t *ids;
    size_t n_ids;
    size_t from;   /* of the window being evaluated: first token */
    size_t to;     /* one past its last */
    size_t scored; /* tokens before this one have their score already */
    double nll;    /* sum over scored tokens, natural logarithm */
    size_t n_scored;
};

static const char usage[] =
    "usage: engine perplexity [-m FILE] -f TEXT [--window W] [OPTION...]\n"
    "Perplexity of a text: exp(mean of -ln p(token)). stdout carries the value alone.\n\n"
    "The text is tokenised as a whole, with BOS only at its very start (when the model wants "
    "one),\n"
    "and cut into windows of W tokens; the last may be short. Each window is evaluated from an\n"
    "empty context, and every token of it but the first is scored given all before it in the\n"
    "window. --stride S makes windows overlap: one begins S tokens after the other, and only\n"
    "tokens that have no score yet are scored, each with more context.\n";

static int perplexity_parse(struct perplexity *x, int argc, char **argv)
{
    const struct option_spec specs[] = {
        MODEL_OPTION_SPECS(&x->flags),
        {"--file", "-f", OPTION_TEXT, &x->path, 0, 0, "TEXT", "the text"},
        {"--window", "-w", OPTION_INT, &x->window, 2, 1 << 24, "W",
         "tokens evaluated together (default 512)"},
        {"--stride", NULL, OPTION_INT, &x->stride, 1, 1 << 24, "S",
         "tokens from one window to the next (default W)"},
    };

    return options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);
}

/* --- scoring --- */

static double negative_log_likelihood(const float *logits, int32_t n_vocab, int32_t id)
{
    double highest = (double)logits[0], sum;

    for (int32_t i = 1; i < n_vocab; i++)
        highest = fmax(highest, (double)logits[i]);
    sum = exp((double)logits[0] - highest);
    for (int32_t i = 1; i < n_vocab; i++)
        sum += exp((double)logits[i] - highest);
    return highest + log(sum) - (double)logits[id];
}

/* Logits after token from + index: they predict the next one. */
static int score(void *ctx, size_t index, const float *logits)
{
    struct perplexity *x = ctx;
    size_t next = x->from + index + 1;

    if (next < x->scored || next >= x->to)
        return 0;
    x->nll += negative_log_likelihood(logits, engine_model_n_vocab(x->model), x->ids[next]);
    x->n_scored++;
    return 0;
}

static int windows_run(struct perplexity *x)
{
    size_t window = (size_t)x->window;

    for (x->from = 0; x->from + 1 < x->n_ids; x->from += (size_t)x->stride) {
        x->to = x->n_ids - x->from < window ? x->n_ids : x->from + window;
        TRY(engine_session_truncate(x->session, 0));
        /* The window's last token is only predicted. */
        TRY(engine_session_eval(x->session, x->ids + x->from, x->to - x->from - 1, score, x));
        x->scored = x->to;
        fprintf(stderr, "tokens %zu..%zu of %zu: perplexity so far %.4f\n", x->from, x->to - 1,
                x->n_ids, exp(x->nll / (double)x->n_scored));
        if (x->to == x->n_ids)
            break;
    }
    return 0;
}

/* --- the command --- */

static int text_encode(struct perplexity *x)
{
    const struct tokenizer *t = engine_model_tokenizer(x->model);
    bool bos = tokenizer_add_bos(t) && tokenizer_bos(t) >= 0;
    int32_t *ids = NULL;
    size_t n = 0;

    TRY(tokenizer_encode(t, strbuf_str(&x->text), x->text.len, 0, &ids, &n));
    x->ids = malloc((n + 1) * sizeof *x->ids);
    if (x->ids) {
        if (bos)
            x->ids[x->n_ids++] = tokenizer_bos(t);
        if (n)
            memcpy(x->ids + x->n_ids, ids, n * sizeof *ids);
        x->n_ids += n;
    }
    free(ids);
    if (!x->ids)
        return err_set(ERR_NOMEM, "no memory for %zu tokens", n);
    if (x->n_ids < 2)
        return err_set(ERR_USAGE, "%s: a text of %zu tokens has nothing to predict", x->path,
                       x->n_ids);
    return 0;
}

static int perplexity_run(struct perplexity *x)
{
    if (!x->path)
        return err_set(ERR_USAGE, "no text: name it with -f FILE");
    if (!x->stride)
        x->stride = x->window;
    if (x->stride > x->window)
        return err_set(ERR_USAGE, "option --stride: %lld would leave tokens out of windows of %lld",
                       (long long)x->stride, (long long)x->window);
    if (!x->flags.n_context)
        x->flags.n_context = x->window;
    if (x->flags.n_context < x->window - 1)
        return err_set(ERR_USAGE, "option --ctx: %lld is less than a window of %lld",
                       (long long)x->flags.n_context, (long long)x->window);
    TRY(file_read(x->path, &x->text));
    TRY(model_flags_open(&x->flags, &x->model, &x->session));
    TRY(text_encode(x));
    TRY(windows_run(x));
    printf("%.4f\n", exp(x->nll / (double)x->n_scored));
    return 0;
}

int perplexity_main(int argc, char **argv)
{
    struct perplexity x = {.window = 512, .scored = 1};
    int rc = perplexity_parse(&x, argc, argv);

    if (rc == 0)
        rc = perplexity_run(&x);
    engine_session_close(&x.session);
    engine_model_close(&x.model);
    strbuf_deinit(&x.text);
    free(x.ids);
    return rc < 0 ? command_fail(argv[0]) : 0;
}
