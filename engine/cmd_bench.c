/* SPDX-License-Identifier: Apache-2.0
 *
 * engine bench: prefill and decode speed for every (CPU path, thread count), side by side. */
#include "engine/cmd_options.h"
#include "engine/commands.h"
#include "engine/team.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_VARIANTS = 8, MAX_REPEATS = 1000 };

/* Where time goes. */
enum share { SHARE_PRODUCTS, SHARE_ATTENTION, SHARE_REST, N_SHARES };
static const char *const share_names[N_SHARES] = {"gemm_gemv", "attention", "rest"};

struct phase {
    size_t n_tokens;
    double rates[MAX_REPEATS]; /* tokens/s */
    double ns[N_SHARES];       /* over all repeats */
};

struct result {
    const char *features;
    uint32_t n_threads;
    struct phase prefill, decode;
};

struct bench {
    struct model_flags flags;
    const char *threads_list, *features_list;
    int64_t n_prompt, n_decode, n_repeat;
    bool json;
    char features[MAX_VARIANTS][16];
    uint32_t threads[MAX_VARIANTS];
    size_t n_features, n_threads;
    struct result *results; /* [n_features * n_threads] */
    size_t n_results;
};

static const char usage[] =
    "usage: engine bench [-m FILE] [--prompt N] [--decode N] [--repeat R] [OPTION...]\n"
    "Speed of prefill (one prompt of N tokens) and decode (N single tokens after it), each R "
    "times;\n"
    "medians, half the range in per cent (--json: the whole, as \"spread\", over the median), and\n"
    "the share of time per kind of operation.\n";

static int bench_parse(struct bench *b, int argc, char **argv)
{
    const struct option_spec specs[] = {
        {"--features", NULL, OPTION_TEXT, &b->features_list, 0, 0, "SETS",
         "comma-separated: scalar, avx2, avx512, all (default scalar,avx2)"},
        {"--threads", "-t", OPTION_TEXT, &b->threads_list, 0, 0, "LIST",
         "comma-separated thread counts (default: one per performance core)"},
        MODEL_COMMON_SPECS(&b->flags),
        {"--prompt", NULL, OPTION_INT, &b->n_prompt, 1, 1 << 20, "N", "(default 128)"},
        {"--decode", NULL, OPTION_INT, &b->n_decode, 1, 1 << 20, "N", "(default 32)"},
        {"--repeat", NULL, OPTION_INT, &b->n_repeat, 1, MAX_REPEATS, "R", "(default 5)"},
        {"--json", NULL, OPTION_FLAG, &b->json, 0, 0, NULL, "one JSON object on stdout"},
    };

    return options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);
}

/* --- the lists of variants --- */

static int features_split(struct bench *b)
{
    const char *at = b->features_list                   ? b->features_list
                     : cpu_features() & KERNEL_CPU_AVX2 ? "scalar,avx2"
                                                        : "scalar";

    for (; *at; at += strspn(at, ",")) {
        size_t len = strcspn(at, ",");
        uint64_t bits;

        if (b->n_features == MAX_VARIANTS || len >= sizeof b->features[0])
            return err_set(ERR_USAGE, "option --features: \"%s\" is too long", b->features_list);
        memcpy(b->features[b->n_features], at, len);
        TRY(cpu_features_named(b->features[b->n_features++], &bits));
        at += len;
    }
    return 0;
}

static int threads_split(struct bench *b)
{
    const char *at = b->threads_list ? b->threads_list : "0";

    for (;;) {
        char *end;
        long n = strtol(at, &end, 10);

        if (end == at || (*end && *end != ',') || n < 0 || n > 512 || b->n_threads == MAX_VARIANTS)
            return err_set(ERR_USAGE, "option --threads: \"%s\" is no list such as 1,2,4", at);
        b->threads[b->n_threads++] = (uint32_t)n;
        if (!*end)
            return 0;
        at = end + 1;
    }
}

/* --- measuring --- */

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static enum share share_of(uint32_t op)
{
    if (op == KERNEL_GEMV || op == KERNEL_GEMM || op == KERNEL_GEMM_IDS)
        return SHARE_PRODUCTS;
    return op == KERNEL_ATTENTION ? SHARE_ATTENTION : SHARE_REST;
}

/* Evaluate ids[0..n-1], `at_once` tokens a call, and book it as repeat number `repeat`. */
static int phase_measure(struct engine_session *s, const int32_t *ids, size_t at_once,
                         size_t repeat, struct phase *out)
{
    uint64_t before[KERNEL_N_OPS], after[KERNEL_N_OPS];
    double start = now_s();

    engine_session_op_ns(s, before);
    for (size_t i = 0; i < out->n_tokens; i += at_once)
        TRY(engine_session_eval(s, ids + i, at_once, NULL, NULL));
    out->rates[repeat] = (double)out->n_tokens / (now_s() - start);
    engine_session_op_ns(s, after);
    for (uint32_t op = 0; op < KERNEL_N_OPS; op++)
        out->ns[share_of(op)] += (double)(after[op] - before[op]);
    return 0;
}

/* Tokens do not matter to the arithmetic: any will do, the same in every run. */
static int32_t *tokens_draw(size_t n, int32_t n_vocab)
{
    int32_t *ids = calloc(n, sizeof *ids);
    struct rng rng;

    rng_init(&rng, 1);
    for (size_t i = 0; ids && i < n; i++)
        ids[i] = (int32_t)rng_below(&rng, (uint64_t)n_vocab);
    return ids;
}

static int session_measure(const struct bench *b, struct engine_session *s, int32_t n_vocab,
                           struct result *out)
{
    size_t n_prompt = (size_t)b->n_prompt, n_decode = (size_t)b->n_decode;
    int32_t *ids = tokens_draw(n_prompt + n_decode, n_vocab);
    int rc = ids ? 0 : err_set(ERR_NOMEM, "no memory for %zu tokens", n_prompt + n_decode);

    out->prefill.n_tokens = n_prompt;
    out->decode.n_tokens = n_decode;
    /* Once for nothing: pages are touched and threads awake. */
    if (rc == 0)
        rc = engine_session_eval(s, ids, n_prompt, NULL, NULL);
    for (size_t i = 0; rc == 0 && i < (size_t)b->n_repeat; i++) {
        rc = engine_session_truncate(s, 0);
        if (rc == 0)
            rc = phase_measure(s, ids, n_prompt, i, &out->prefill);
        if (rc == 0)
            rc = phase_measure(s, ids + n_prompt, 1, i, &out->decode);
    }
    free(ids);
    return rc;
}

static int variant_measure(const struct bench *b, struct result *out)
{
    struct model_flags flags = b->flags;
    struct engine_session *s = NULL;
    struct engine_model *m = NULL;
    int rc;

    flags.features = out->features;
    flags.n_threads = out->n_threads;
    if (!flags.n_context)
        flags.n_context = b->n_prompt + b->n_decode;
    rc = model_flags_open(&flags, &m, &s);
    if (rc == 0) {
        rc = session_measure(b, s, engine_model_n_vocab(m), out);
    }
    engine_session_close(&s);
    engine_model_close(&m);
    return rc;
}

/* --- showing --- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Median, and (max - min) / median. Sorts the rates. */
static double phase_median(struct phase *p, size_t n, double *spread)
{
    double median;

    qsort(p->rates, n, sizeof *p->rates, by_value);
    median = n % 2 ? p->rates[n / 2] : (p->rates[n / 2 - 1] + p->rates[n / 2]) / 2;
    *spread = (p->rates[n - 1] - p->rates[0]) / median;
    return median;
}

static double phase_share(const struct phase *p, enum share s)
{
    double sum = 0;

    for (int i = 0; i < N_SHARES; i++)
        sum += p->ns[i];
    return sum > 0 ? p->ns[s] / sum : 0;
}

static void phase_print(struct phase *p, size_t n)
{
    double spread, median = phase_median(p, n, &spread);

    printf(" | %9.1f ±%3.0f %% %4.0f %3.0f %3.0f", median, 50 * spread,
           100 * phase_share(p, SHARE_PRODUCTS), 100 * phase_share(p, SHARE_ATTENTION),
           100 * phase_share(p, SHARE_REST));
}

static void results_print(const struct bench *b)
{
    printf("kernel %s, build %s; prefill %lld tokens, decode %lld, median of %lld\n"
           "share of time in %%: gemm and gemv, attention, rest\n\n"
           "features threads | prefill tokens/s    share      | decode tokens/s     share\n",
           kernel_name, engine_kernel_build_id(), (long long)b->n_prompt, (long long)b->n_decode,
           (long long)b->n_repeat);
    for (size_t i = 0; i < b->n_results; i++) {
        printf("%-8s %7u", b->results[i].features, b->results[i].n_threads);
        phase_print(&b->results[i].prefill, (size_t)b->n_repeat);
        phase_print(&b->results[i].decode, (size_t)b->n_repeat);
        putchar('\n');
    }
}

static json_t *phase_json(struct phase *p, size_t n)
{
    double spread, median = phase_median(p, n, &spread);
    json_t *o = json_object(), *shares = json_object();

    json_object_set_new(o, "tokens", json_integer((json_int_t)p->n_tokens));
    json_object_set_new(o, "tokens_per_s", json_real(median));
    json_object_set_new(o, "spread", json_real(spread));
    for (int i = 0; i < N_SHARES; i++)
        json_object_set_new(shares, share_names[i], json_real(phase_share(p, (enum share)i)));
    json_object_set_new(o, "time_share", shares);
    return o;
}

static void results_json(const struct bench *b)
{
    json_t *root = json_object(), *rows = json_array();

    json_object_set_new(root, "kernel", json_string(kernel_name));
    json_object_set_new(root, "kernel_build", json_string(engine_kernel_build_id()));
    json_object_set_new(root, "repeats", json_integer(b->n_repeat));
    for (size_t i = 0; i < b->n_results; i++) {
        struct result *r = &b->results[i];
        json_t *row = json_object();

        json_object_set_new(row, "features", json_string(r->features));
        json_object_set_new(row, "threads", json_integer(r->n_threads));
        json_object_set_new(row, "prefill", phase_json(&r->prefill, (size_t)b->n_repeat));
        json_object_set_new(row, "decode", phase_json(&r->decode, (size_t)b->n_repeat));
        json_array_append_new(rows, row);
    }
    json_object_set_new(root, "results", rows);
    json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(root);
}

static int bench_run(struct bench *b)
{
    TRY(features_split(b));
    TRY(threads_split(b));
    b->results = calloc(b->n_features * b->n_threads, sizeof *b->results);
    if (!b->results)
        return err_set(ERR_NOMEM, "no memory for the results");
    for (size_t f = 0; f < b->n_features; f++)
        for (size_t t = 0; t < b->n_threads; t++) {
            struct result *r = &b->results[b->n_results];

            r->features = b->features[f];
            r->n_threads = b->threads[t];
            if (!r->n_threads)
                r->n_threads = team_default_threads();
            fprintf(stderr, "measuring %s, threads %u\n", r->features, r->n_threads);
            TRY(variant_measure(b, r));
            b->n_results++;
        }
    if (b->json)
        results_json(b);
    else
        results_print(b);
    return 0;
}

int bench_main(int argc, char **argv)
{
    struct bench b = {.n_prompt = 128, .n_decode = 32, .n_repeat = 5};
    int rc = bench_parse(&b, argc, argv);

    if (rc == 0)
        rc = bench_run(&b);
    free(b.results);
    return rc < 0 ? command_fail(argv[0]) : 0;
}
