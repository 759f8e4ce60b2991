/* SPDX-License-Identifier: Apache-2.0
 *
 * compare_perplexity.c: perplexity of the embedded model over its validation text, in several types
 * that `engine quantize` makes: `engine perplexity --chunked` beside the same count over llama.cpp's
 * logits. Source of the count: llama.cpp's perplexity tool: whole windows from an empty context, the
 * first token BOS, the second half of each scored. Paths are those of the repository. */
#include "tests/peers/compare_peers.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "tests/peers/name_list.h"
#include "tests/peers/peer_llama.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MODEL "engine/embedded/kjv-f16.gguf"
#define TEXT  "engine/embedded/validation.txt"

enum { WINDOW = 512, LINE = 256 };

static const double limit = 0.005; /* of the ratio, from 1 */

/* --- our side --- */

/* The last line a command prints; quotes around paths are the caller's. */
__attribute__((format(printf, 2, 3))) static int command_run(char last[LINE], const char *fmt, ...)
{
    char command[8192];
    FILE *pipe;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    pipe = popen(command, "r");
    if (!pipe)
        return err_set(ERR_IO, "cannot run %s", command);
    last[0] = 0;
    while (fgets(last, LINE, pipe))
        ;
    return pclose(pipe) ? err_set(ERR_IO, "failed: %s", command) : 0;
}

static int our_perplexity(const struct compare *c, const char *path, double *out)
{
    char line[LINE];

    TRY(command_run(line, "'%s' perplexity --chunked --window %d -m '%s' -f %s -t %u 2>/dev/null",
                    c->engine, WINDOW, path, TEXT, (unsigned)c->n_threads));
    *out = strtod(line, NULL);
    return 0;
}

static int model_quantise(const struct compare *c, const char *type, const char *path)
{
    char line[LINE];

    return command_run(line, "'%s' quantize %s '%s' %s 2>/dev/null", c->engine, MODEL, path, type);
}

/* --- llama.cpp's side --- */

struct count {
    struct peer *peer;
    int32_t *ids;
    size_t n_ids, n_vocab;
    float *logits; /* [WINDOW][n_vocab] */
    double nll;
    size_t n;
};

static double negative_log_likelihood(const float *logits, size_t n, int32_t id)
{
    double highest = -INFINITY, sum = 0;

    for (size_t i = 0; i < n; i++)
        highest = fmax(highest, (double)logits[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - highest);
    return highest + log(sum) - (double)logits[id];
}

static int window_count(struct count *x, size_t from)
{
    int32_t window[WINDOW];

    for (size_t i = 0; i < WINDOW; i++)
        window[i] = x->ids[i ? from + i : 0]; /* the text's first token is BOS */
    peer_clear(x->peer);
    TRY(peer_eval(x->peer, window, WINDOW, x->logits));
    for (size_t i = WINDOW / 2; i + 1 < WINDOW; i++) {
        x->nll += negative_log_likelihood(x->logits + i * x->n_vocab, x->n_vocab, window[i + 1]);
        x->n++;
    }
    return 0;
}

static int text_count(struct count *x)
{
    struct strbuf text = {0};
    int rc = file_read(TEXT, &text);

    x->n_vocab = peer_n_vocab(x->peer);
    x->ids = malloc((text.len + 2) * sizeof *x->ids);
    x->logits = malloc(WINDOW * x->n_vocab * sizeof *x->logits);
    if (rc == 0 && (!x->ids || !x->logits))
        rc = err_set(ERR_NOMEM, "no memory for the text");
    if (rc == 0)
        rc = peer_tokenize(x->peer, text.data, text.len, true, false, x->ids, text.len + 2,
                           &x->n_ids);
    for (size_t from = 0; rc == 0 && from + WINDOW <= x->n_ids; from += WINDOW)
        rc = window_count(x, from);
    strbuf_deinit(&text);
    free(x->ids);
    free(x->logits);
    return rc;
}

static int peer_perplexity(const struct compare *c, const char *path, double *out)
{
    const struct peer_options o = {.n_context = WINDOW, .n_threads = c->n_threads};
    struct count x = {0};
    int rc;

    if (peer_open(&c->lib, path, &o, &x.peer) < 0)
        return err_wrap("llama.cpp");
    rc = text_count(&x);
    *out = exp(x.nll / (double)x.n);
    peer_close(&x.peer);
    return rc;
}

/* --- the table --- */

static int type_run(const struct compare *c, const char *type, double *ours, double *peer)
{
    char quantised[4096];
    const char *path = MODEL;
    int rc = 0;

    if (*type != 'F') {
        snprintf(quantised, sizeof quantised, "%s/compare-kjv.gguf", c->scratch);
        path = quantised;
        rc = model_quantise(c, type, path);
    }
    if (rc == 0)
        rc = our_perplexity(c, path, ours);
    if (rc == 0)
        rc = peer_perplexity(c, path, peer);
    if (path == quantised)
        unlink(path);
    return rc;
}

int compare_perplexity(struct compare *c)
{
    static const char *const types[] = {"F16", "Q8_0", "Q6_K", "Q4_K_M"};

    printf("Perplexity of the embedded model over %s, windows of %d; ratio at most %.1f %% from 1\n"
           "%-7s %9s  %9s  %7s\n",
           TEXT, WINDOW, limit * 100, "type", "engine", "llama.cpp", "ratio");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        double ours = 0, peer = 0;
        bool good;

        if (!name_list_has(c->types, types[i]))
            continue;
        printf("%-7s ", types[i]);
        fflush(stdout);
        good = type_run(c, types[i], &ours, &peer) == 0;
        if (good) {
            good = fabs(ours / peer - 1) <= limit;
            printf("%9.4f  %9.4f  %7.5f  %s\n", ours, peer, ours / peer, good ? "ok" : "FAIL");
        } else {
            printf("FAIL  %s\n", err_message());
        }
        c->n_rows++;
        c->n_failed += !good;
    }
    return 0;
}
