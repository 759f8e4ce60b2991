/* SPDX-License-Identifier: Apache-2.0
 *
 * engine perplexity: exp of the mean negative log-likelihood per token of a text, and how far the
 * predictions are from those of another model. */
#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "engine/command/divergence.h"
#include "engine/command/logits_file.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct perplexity {
    struct model_flags flags;
    const char *path, *save_path, *base_path;
    int64_t window, stride, n_windows; /* n_windows 0: all */
    bool chunked;

    struct engine_model *model;
    struct engine_session *session;
    struct logits_writer *writer;  /* NULL: nothing is saved */
    struct logits_reader *reader;  /* NULL: nothing is compared */
    struct divergence *divergence; /* with a reader */
    float *base;                   /* [n_vocab] a record of it */
    struct strbuf text;
    int32_t *ids;
    size_t n_ids;
    size_t to;     /* one past the last token of the window being evaluated */
    size_t next;   /* token that the next logits predict */
    size_t scored; /* tokens before this one get no score (any more) */
    double nll;    /* sum over scored tokens, natural logarithm */
    double nll2;   /* of squares */
    size_t n_scored;
};

static const char usage[] =
    "usage: engine perplexity [-m FILE] -f TEXT [--window W] [--chunked] [OPTION...]\n"
    "Perplexity of a text: exp(mean of -ln p(token)). stdout carries the value alone.\n\n"
    "The text is tokenised as a whole, with BOS only at its very start (when the model wants "
    "one),\n"
    "and cut into windows of W tokens; the last may be short. Each window is evaluated from an\n"
    "empty context, and every token of it but the first is scored given all before it in the\n"
    "window. --stride S makes windows overlap: one begins S tokens after the other, and only\n"
    "tokens that have no score yet are scored, each with more context.\n\n"
    "--chunked counts as llama.cpp's perplexity tool does, so that numbers compare: whole windows\n"
    "only, each begun with BOS in the place of its first token (when the model wants one), the\n"
    "second half of each scored; with --stride S windows overlap, keep their first token, and the\n"
    "last S tokens of each are scored.\n\n"
    "--save-logits keeps the predictions of --chunked in that tool's file format. --kl-divergence\n"
    "takes tokens and windows from such a file, evaluates them with this model and prints how far\n"
    "its predictions are from the file's: Kullback-Leibler divergence in nats, the change of the\n"
    "right token's probability, how often the likeliest token is the same; +- is one standard\n"
    "error.\n";

static int perplexity_parse(struct perplexity *x, int argc, char **argv)
{
    const struct option_spec specs[] = {
        MODEL_OPTION_SPECS(&x->flags),
        {"--file", "-f", OPTION_TEXT, &x->path, 0, 0, "TEXT", "the text"},
        {"--window", "-w", OPTION_INT, &x->window, 2, 1 << 24, "W",
         "tokens evaluated together (default 512)"},
        {"--stride", NULL, OPTION_INT, &x->stride, 1, 1 << 24, "S",
         "tokens from one window to the next (default W)"},
        {"--chunked", NULL, OPTION_FLAG, &x->chunked, 0, 0, NULL, "as llama.cpp counts"},
        {"--windows", NULL, OPTION_INT, &x->n_windows, 1, 1 << 30, "N",
         "stop after N windows (default: all)"},
        {"--save-logits", NULL, OPTION_TEXT, &x->save_path, 0, 0, "FILE", "implies --chunked"},
        {"--kl-divergence", NULL, OPTION_TEXT, &x->base_path, 0, 0, "FILE",
         "compare with saved logits"},
    };

    return options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);
}

/* --- scoring --- */

static int32_t n_vocab(const struct perplexity *x)
{
    return engine_model_n_vocab(x->model);
}

/* Logits that predict token x->next. */
static int score(void *ctx, size_t index, const float *logits)
{
    struct perplexity *x = ctx;
    size_t token = x->next++;
    double nll;

    (void)index;
    if (token < x->scored || token >= x->to)
        return 0;
    nll = negative_log_likelihood(logits, n_vocab(x), x->ids[token]);
    x->nll += nll;
    x->nll2 += nll * nll;
    x->n_scored++;
    if (x->writer)
        TRY(logits_writer_add(x->writer, logits));
    if (!x->reader)
        return 0;
    TRY(logits_reader_next(x->reader, x->base));
    return divergence_add(x->divergence, x->base, logits, n_vocab(x), x->ids[token]);
}

/* Evaluate tokens [from, to) from an empty context and score those from x->scored on. The window's
 * last token is only predicted, and what stands before the first that is scored needs no logits. */
static int window_run(struct perplexity *x, size_t from, size_t to)
{
    size_t quiet = x->scored > from + 1 ? x->scored - from - 1 : 0;

    TRY(engine_session_truncate(x->session, 0));
    x->to = to;
    x->next = from + quiet + 1;
    if (quiet)
        TRY(engine_session_eval(x->session, x->ids + from, quiet, NULL, NULL));
    TRY(engine_session_eval(x->session, x->ids + from + quiet, to - from - quiet - 1, score, x));
    fprintf(stderr, "tokens %zu..%zu of %zu: perplexity so far %.4f\n", from, to - 1, x->n_ids,
            exp(x->nll / (double)x->n_scored));
    return 0;
}

static int windows_run(struct perplexity *x)
{
    size_t window = (size_t)x->window, to, n = 0;

    x->scored = 1;
    for (size_t from = 0; from + 1 < x->n_ids; from += (size_t)x->stride) {
        to = x->n_ids - from < window ? x->n_ids : from + window;
        TRY(window_run(x, from, to));
        x->scored = to;
        if (to == x->n_ids || ++n == (size_t)x->n_windows)
            break;
    }
    return 0;
}

/* Windows of --chunked, at most --windows. */
static size_t chunks_count(const struct perplexity *x)
{
    size_t window = (size_t)x->window, stride = (size_t)x->stride, n;

    if (x->n_ids < window)
        return 0;
    n = stride == window ? x->n_ids / window : (x->n_ids - window + stride - 1) / stride;
    n = n ? n : 1;
    return x->n_windows && (size_t)x->n_windows < n ? (size_t)x->n_windows : n;
}

static int chunks_run(struct perplexity *x)
{
    const struct tokenizer *t = engine_model_tokenizer(x->model);
    size_t window = (size_t)x->window, stride = (size_t)x->stride, n = chunks_count(x);
    bool bos = stride == window && tokenizer_add_bos(t) && tokenizer_bos(t) >= 0;

    for (size_t i = 0; i < n; i++) {
        size_t from = i * stride;
        int32_t first = x->ids[from];
        int rc;

        if (bos)
            x->ids[from] = tokenizer_bos(t);
        x->scored = stride == window ? from + window / 2 + 1 : from + window - stride;
        rc = window_run(x, from, from + window);
        x->ids[from] = first;
        TRY(rc);
    }
    return 0;
}

/* --- the command --- */

static int ids_copy(struct perplexity *x, int32_t bos, const int32_t *ids, size_t n)
{
    x->ids = malloc((n + 1) * sizeof *x->ids);
    if (!x->ids)
        return err_set(ERR_NOMEM, "no memory for %zu tokens", n);
    if (bos >= 0)
        x->ids[x->n_ids++] = bos;
    if (n)
        memcpy(x->ids + x->n_ids, ids, n * sizeof *ids);
    x->n_ids += n;
    return 0;
}

static int text_encode(struct perplexity *x)
{
    const struct tokenizer *t = engine_model_tokenizer(x->model);
    int32_t *ids = NULL;
    size_t n = 0;
    int rc;

    TRY(file_read(x->path, &x->text));
    TRY(tokenizer_encode(t, strbuf_str(&x->text), x->text.len, 0, &ids, &n));
    rc = ids_copy(x, tokenizer_add_bos(t) ? tokenizer_bos(t) : -1, ids, n);
    free(ids);
    TRY(rc);
    if (x->n_ids < 2 || (x->chunked && !chunks_count(x)))
        return err_set(ERR_USAGE, "%s: a text of %zu tokens has nothing to predict%s", x->path,
                       x->n_ids, x->chunked ? " in whole windows: give a smaller --window" : "");
    return 0;
}

/* The file's windows are what is evaluated. */
static int base_open(struct perplexity *x)
{
    const struct logits_shape *s;

    TRY(logits_reader_open(x->base_path, &x->reader));
    TRY(divergence_open(&x->divergence));
    s = logits_reader_shape(x->reader);
    x->window = x->stride = s->window;
    x->base = malloc((size_t)s->n_vocab * sizeof *x->base);
    return x->base ? 0 : err_set(ERR_NOMEM, "no memory for %d words", s->n_vocab);
}

static int base_tokens(struct perplexity *x)
{
    const struct logits_shape *s = logits_reader_shape(x->reader);

    if (s->n_vocab != n_vocab(x))
        return err_set(ERR_FORMAT, "%s: predictions over %d words, the model has %d", x->base_path,
                       s->n_vocab, n_vocab(x));
    return ids_copy(x, -1, logits_reader_ids(x->reader), (size_t)s->window * (size_t)s->n_windows);
}

static int writer_open(struct perplexity *x)
{
    const struct logits_shape s = {(int32_t)x->window, n_vocab(x), (int32_t)chunks_count(x)};

    return logits_writer_open(x->save_path, &s, x->ids, &x->writer);
}

static int flags_check(struct perplexity *x)
{
    x->chunked |= x->save_path || x->base_path;
    if (!x->path && !x->base_path)
        return err_set(ERR_USAGE, "no text: name it with -f FILE");
    if (x->base_path && (x->path || x->save_path || x->stride))
        return err_set(ERR_USAGE, "option --kl-divergence: text and windows come from the file: "
                                  "without -f, --stride and --save-logits");
    if (x->save_path && x->stride && x->stride != x->window)
        return err_set(ERR_USAGE, "option --save-logits: without --stride");
    if (x->base_path)
        TRY(base_open(x));
    if (!x->stride)
        x->stride = x->window;
    if (x->stride > x->window - x->chunked * (x->stride != x->window))
        return err_set(ERR_USAGE, "option --stride: %lld would leave tokens out of windows of %lld",
                       (long long)x->stride, (long long)x->window);
    if (x->chunked && x->window < 3)
        return err_set(ERR_USAGE, "option --window: --chunked needs 3 tokens");
    if (!x->flags.n_context)
        x->flags.n_context = x->window;
    if (x->flags.n_context < x->window - 1)
        return err_set(ERR_USAGE, "option --ctx: %lld is less than a window of %lld",
                       (long long)x->flags.n_context, (long long)x->window);
    return 0;
}

static void report_print(const struct divergence_report *r)
{
    printf("predictions              %12zu\n"
           "perplexity               %12.6f +- %.6f\n"
           "perplexity of the file   %12.6f +- %.6f\n"
           "ln of their ratio        %12.6f +- %.6f\n"
           "KL divergence, mean      %12.6f +- %.6f\n"
           "  largest                %12.6f\n"
           "  99.9 %%                 %12.6f\n"
           "  99 %%                   %12.6f\n"
           "  median                 %12.6f\n"
           "  least                  %12.6f\n"
           "delta p, mean, %%         %12.6f +- %.6f\n"
           "  rms, %%                 %12.6f +- %.6f\n"
           "  largest, %%             %12.6f\n"
           "same likeliest token, %%  %12.6f +- %.6f\n",
           r->n, r->perplexity.value, r->perplexity.error, r->base_perplexity.value,
           r->base_perplexity.error, r->log_ratio.value, r->log_ratio.error, r->kl.value,
           r->kl.error, r->kl_max, r->kl_999, r->kl_99, r->kl_50, r->kl_min, 100 * r->dp.value,
           100 * r->dp.error, 100 * r->dp_rms.value, 100 * r->dp_rms.error, 100 * r->dp_max,
           100 * r->same_top.value, 100 * r->same_top.error);
}

static void result_print(const struct perplexity *x)
{
    double n = (double)x->n_scored, mean = x->nll / n;
    double variance = fmax(x->nll2 / n - mean * mean, 0);
    struct divergence_report r;

    fprintf(stderr, "perplexity %.4f +- %.4f over %zu tokens\n", exp(mean),
            n > 1 ? exp(mean) * sqrt(variance / (n - 1)) : 0.0, x->n_scored);
    if (x->divergence) {
        divergence_report(x->divergence, &r);
        report_print(&r);
    } else {
        printf("%.4f\n", exp(mean));
    }
}

static int perplexity_run(struct perplexity *x)
{
    TRY(flags_check(x));
    TRY(model_flags_open(&x->flags, &x->model, &x->session));
    TRY(x->reader ? base_tokens(x) : text_encode(x));
    if (x->save_path)
        TRY(writer_open(x));
    TRY(x->chunked ? chunks_run(x) : windows_run(x));
    if (x->writer)
        TRY(logits_writer_finish(x->writer));
    result_print(x);
    return 0;
}

int perplexity_main(int argc, char **argv)
{
    struct perplexity x = {.window = 512};
    int rc = perplexity_parse(&x, argc, argv);

    if (rc == 0)
        rc = perplexity_run(&x);
    engine_session_close(&x.session);
    engine_model_close(&x.model);
    logits_writer_close(&x.writer);
    logits_reader_close(&x.reader);
    divergence_close(&x.divergence);
    strbuf_deinit(&x.text);
    free(x.base);
    free(x.ids);
    return rc < 0 ? command_fail(argv[0]) : 0;
}
