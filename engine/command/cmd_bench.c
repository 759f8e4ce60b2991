/* SPDX-License-Identifier: Apache-2.0
 *
 * engine bench: prefill and decode speed for every (CPU path, thread count), side by side. */
#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "engine/model/resident.h"
#include "engine/run/team.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_VARIANTS = 8, MAX_REPEATS = 1000 };

struct phase {
    size_t n_tokens;
    double rates[MAX_REPEATS];        /* tokens/s */
    double wall_ns, ns[KERNEL_N_OPS]; /* over all repeats */
    uint64_t calls[KERNEL_N_OPS];     /* likewise */
};

/* One line: `prompt` tokens on top of `depth`, then single tokens on top of both. */
struct result {
    const char *features;
    uint32_t n_threads;
    int64_t depth, prompt;
    struct phase prefill, decode;
};

/* Numbers of a comma-separated list. */
struct list {
    int64_t at[MAX_VARIANTS];
    size_t n;
};

struct bench {
    struct model_flags flags;
    const char *threads_text, *features_text, *prompt_text, *depth_text;
    int64_t n_decode, n_repeat;
    bool json, csv, operations;
    char features[MAX_VARIANTS][16];
    size_t n_features;
    struct list threads, prompts, depths;
    size_t packed_bytes, huge_bytes; /* of the model opened last */
    struct result *results;
    size_t n_results;
};

static const char usage[] =
    "usage: engine bench [-m FILE] [--prompt LIST] [--depth LIST] [--decode N] [--repeat R] "
    "[OPTION...]\n"
    "Speed of prefill (a prompt of so many tokens, on top of --depth tokens) and decode (N single\n"
    "tokens after it), each R times; medians, half the range in per cent (--json: the whole, as\n"
    "\"spread\", over the median), and where the time of each goes, in per cent: gemm and gemv,\n"
    "attention, and everything else; of that, what the engine spends outside the kernel. Waiting\n"
    "for the other threads counts for the operation waited for.\n";

static int bench_parse(struct bench *b, int argc, char **argv)
{
    const struct option_spec specs[] = {
        {"--features", NULL, OPTION_TEXT, &b->features_text, 0, 0, "SETS",
         "comma-separated: scalar, avx2, avx512, amx, all (default: the first four that are "
         "here)"},
        {"--threads", "-t", OPTION_TEXT, &b->threads_text, 0, 0, "LIST",
         "comma-separated thread counts (default: one per performance core)"},
        MODEL_COMMON_SPECS(&b->flags),
        {"--prompt", NULL, OPTION_TEXT, &b->prompt_text, 0, 0, "LIST", "tokens (default 128)"},
        {"--depth", NULL, OPTION_TEXT, &b->depth_text, 0, 0, "LIST",
         "tokens that stand before the prompt (default 0)"},
        {"--decode", NULL, OPTION_INT, &b->n_decode, 1, 1 << 20, "N", "(default 32)"},
        {"--repeat", NULL, OPTION_INT, &b->n_repeat, 1, MAX_REPEATS, "R", "(default 5)"},
        {"--operations", NULL, OPTION_FLAG, &b->operations, 0, 0, NULL,
         "the time of every operation and its calls per token"},
        {"--json", NULL, OPTION_FLAG, &b->json, 0, 0, NULL, "one JSON object on stdout"},
        {"--csv", NULL, OPTION_FLAG, &b->csv, 0, 0, NULL,
         "a line for each phase, rates as median, least and largest"},
    };

    return options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);
}

/* --- the lists of variants --- */

static int features_split(struct bench *b)
{
    uint64_t have = cpu_features(), bits;
    const char *at = b->features_text             ? b->features_text
                     : have & KERNEL_CPU_AMX_INT8 ? "scalar,avx2,avx512,amx"
                     : have & KERNEL_CPU_AVX512   ? "scalar,avx2,avx512"
                     : have & KERNEL_CPU_AVX2     ? "scalar,avx2"
                                                  : "scalar";

    for (; *at; at += strspn(at, ",")) {
        size_t len = strcspn(at, ",");

        if (b->n_features == MAX_VARIANTS || len >= sizeof b->features[0])
            return err_set(ERR_USAGE, "option --features: \"%s\" is too long", b->features_text);
        memcpy(b->features[b->n_features], at, len);
        TRY(cpu_features_named(b->features[b->n_features++], &bits));
        at += len;
    }
    return 0;
}

static int list_split(const char *option, const char *text, long low, long high, struct list *out)
{
    for (const char *at = text;;) {
        char *end;
        long n = strtol(at, &end, 10);

        if (end == at || (*end && *end != ',') || n < low || n > high || out->n == MAX_VARIANTS)
            return err_set(ERR_USAGE,
                           "option %s: \"%s\" is no list of at most %d numbers from %ld to %ld, "
                           "such as 1,2,4",
                           option, text, MAX_VARIANTS, low, high);
        out->at[out->n++] = n;
        if (!*end)
            return 0;
        at = end + 1;
    }
}

static int lists_split(struct bench *b)
{
    TRY(features_split(b));
    TRY(list_split("--threads", b->threads_text ? b->threads_text : "0", 0, 512, &b->threads));
    TRY(list_split("--prompt", b->prompt_text ? b->prompt_text : "128", 1, 1 << 20, &b->prompts));
    return list_split("--depth", b->depth_text ? b->depth_text : "0", 0, 1 << 20, &b->depths);
}

static int64_t list_max(const struct list *l)
{
    int64_t max = l->at[0];

    for (size_t i = 1; i < l->n; i++)
        max = l->at[i] > max ? l->at[i] : max;
    return max;
}

/* --- measuring --- */

static double now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return 1e9 * (double)ts.tv_sec + (double)ts.tv_nsec;
}

/* What the session has done so far, added (+1) to or taken (-1) from a phase. */
static void phase_book(const struct engine_session *s, int sign, struct phase *out)
{
    uint64_t ns[KERNEL_N_OPS], calls[KERNEL_N_OPS];

    engine_session_op_ns(s, ns);
    engine_session_op_calls(s, calls);
    for (uint32_t op = 0; op < KERNEL_N_OPS; op++) {
        out->ns[op] += sign * (double)ns[op];
        out->calls[op] += sign < 0 ? 0 - calls[op] : calls[op];
    }
}

/* Evaluate ids[0..n-1], `at_once` tokens a call, and book it as repeat number `repeat`. */
static int phase_measure(struct engine_session *s, const int32_t *ids, size_t at_once,
                         size_t repeat, struct phase *out)
{
    double start, wall;

    phase_book(s, -1, out);
    start = now_ns();
    for (size_t i = 0; i < out->n_tokens; i += at_once)
        TRY(engine_session_eval(s, ids + i, at_once, NULL, NULL));
    wall = now_ns() - start;
    phase_book(s, 1, out);
    out->wall_ns += wall;
    out->rates[repeat] = 1e9 * (double)out->n_tokens / wall;
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

/* Have ids[0..position-1] on the timeline and nothing behind. */
static int session_seek(struct engine_session *s, const int32_t *ids, uint32_t position)
{
    uint32_t at = engine_session_position(s);

    if (at > position)
        return engine_session_truncate(s, position);
    return at < position ? engine_session_eval(s, ids + at, position - at, NULL, NULL) : 0;
}

/* Prefill and decode at one depth. Once for nothing: pages are touched and threads awake. */
static int result_measure(const struct bench *b, struct engine_session *s, const int32_t *ids,
                          struct result *out)
{
    uint32_t depth = (uint32_t)out->depth;

    out->prefill.n_tokens = (size_t)out->prompt;
    out->decode.n_tokens = (size_t)b->n_decode;
    TRY(session_seek(s, ids, depth + (uint32_t)out->prompt));
    TRY(engine_session_eval(s, ids + depth + out->prompt, 1, NULL, NULL));
    for (size_t i = 0; i < (size_t)b->n_repeat; i++) {
        TRY(session_seek(s, ids, depth));
        TRY(phase_measure(s, ids + depth, out->prefill.n_tokens, i, &out->prefill));
        TRY(phase_measure(s, ids + depth + out->prompt, 1, i, &out->decode));
    }
    return 0;
}

static int session_measure(struct bench *b, struct engine_session *s, int32_t n_vocab,
                           const struct result *like)
{
    size_t n = (size_t)(list_max(&b->prompts) + list_max(&b->depths) + b->n_decode);
    int32_t *ids = tokens_draw(n, n_vocab);
    int rc = ids ? 0 : err_set(ERR_NOMEM, "no memory for %zu tokens", n);

    for (size_t d = 0; rc == 0 && d < b->depths.n; d++)
        for (size_t p = 0; rc == 0 && p < b->prompts.n; p++) {
            struct result *r = &b->results[b->n_results++];

            *r = *like;
            r->depth = b->depths.at[d];
            r->prompt = b->prompts.at[p];
            rc = result_measure(b, s, ids, r);
        }
    free(ids);
    return rc;
}

static int variant_measure(struct bench *b, const struct result *like)
{
    struct model_flags flags = b->flags;
    struct engine_session *s = NULL;
    struct engine_model *m = NULL;
    int rc;

    flags.features = like->features;
    flags.n_threads = like->n_threads;
    if (!flags.n_context)
        flags.n_context = list_max(&b->prompts) + list_max(&b->depths) + b->n_decode;
    rc = model_flags_open(&flags, &m, &s);
    if (rc == 0) {
        b->packed_bytes = engine_model_packed_bytes(m);
        b->huge_bytes = engine_model_huge_bytes(m);
        rc = session_measure(b, s, engine_model_n_vocab(m), like);
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

/* Shares of the wall clock. `rest` is all that is neither product nor attention, `engine` the part
 * of it that no kernel call accounts for. */
struct shares {
    double products, attention, rest, engine;
};

static struct shares phase_shares(const struct phase *p)
{
    struct shares s = {.engine = 1};

    for (uint32_t op = 0; op < KERNEL_N_OPS; op++)
        s.engine -= p->ns[op] / p->wall_ns;
    s.products = (p->ns[KERNEL_GEMV] + p->ns[KERNEL_GEMM] + p->ns[KERNEL_GEMM_IDS]) / p->wall_ns;
    s.attention = p->ns[KERNEL_ATTENTION] / p->wall_ns;
    s.rest = 1 - s.products - s.attention;
    return s;
}

static void phase_print(struct phase *p, size_t n)
{
    struct shares s = phase_shares(p);
    double spread, median = phase_median(p, n, &spread);

    printf(" | %9.1f ±%3.0f %% %5.1f %5.1f %5.1f %5.2f", median, 50 * spread, 100 * s.products,
           100 * s.attention, 100 * s.rest, 100 * s.engine);
}

/* Calls per token in decode; in prefill a call serves a micro-batch. */
static void operations_print(const struct result *r, size_t n_repeat)
{
    for (uint32_t op = 0; op < KERNEL_N_OPS; op++)
        if (r->prefill.calls[op] || r->decode.calls[op])
            printf("  %-10s prefill %6.2f %%   decode %6.2f %%, %5.1f calls a token\n",
                   team_op_name(op), 100 * r->prefill.ns[op] / r->prefill.wall_ns,
                   100 * r->decode.ns[op] / r->decode.wall_ns,
                   (double)r->decode.calls[op] / (double)(n_repeat * r->decode.n_tokens));
}

static void results_print(const struct bench *b)
{
    const double mib = 1 << 20;

    printf(
        "kernel %s, build %s\nweights %.0f MiB packed, %.0f of them on 2 MiB pages; memory %.0f "
        "MiB "
        "at most; decode %lld tokens, median of %lld\n"
        "share of time in %%: gemm and gemv, attention, the rest; of that, outside the kernel\n\n"
        "features threads  depth prompt | prefill tokens/s  gemm   att  rest   out | decode "
        "tokens/s   gemv   att  rest   out\n",
        kernel_name, engine_kernel_build_id(), (double)b->packed_bytes / mib,
        (double)b->huge_bytes / mib, (double)process_peak_bytes() / mib, (long long)b->n_decode,
        (long long)b->n_repeat);
    for (size_t i = 0; i < b->n_results; i++) {
        struct result *r = &b->results[i];

        printf("%-8s %7u %6lld %6lld", r->features, r->n_threads, (long long)r->depth,
               (long long)r->prompt);
        phase_print(&r->prefill, (size_t)b->n_repeat);
        phase_print(&r->decode, (size_t)b->n_repeat);
        putchar('\n');
        if (b->operations)
            operations_print(r, (size_t)b->n_repeat);
    }
}

static void phase_csv(const struct result *r, const char *name, struct phase *p, size_t n)
{
    struct shares s = phase_shares(p);
    double spread, median = phase_median(p, n, &spread);

    printf("%s,%u,%lld,%s,%zu,%zu,%.3f,%.3f,%.3f,%.4f,%.4f,%.4f,%.4f\n", r->features, r->n_threads,
           (long long)r->depth, name, p->n_tokens, n, median, p->rates[0], p->rates[n - 1],
           s.products, s.attention, s.rest, s.engine);
}

static void results_csv(const struct bench *b)
{
    printf("features,threads,depth,phase,tokens,repeats,tokens_per_s,least,largest,gemm_gemv,"
           "attention,rest,engine\n");
    for (size_t i = 0; i < b->n_results; i++) {
        phase_csv(&b->results[i], "prefill", &b->results[i].prefill, (size_t)b->n_repeat);
        phase_csv(&b->results[i], "decode", &b->results[i].decode, (size_t)b->n_repeat);
    }
}

static json_t *phase_json(struct phase *p, size_t n)
{
    struct shares s = phase_shares(p);
    double spread, median = phase_median(p, n, &spread);
    json_t *o = json_object(), *operations = json_object(), *samples = json_array();

    json_object_set_new(o, "tokens", json_integer((json_int_t)p->n_tokens));
    json_object_set_new(o, "tokens_per_s", json_real(median));
    json_object_set_new(o, "spread", json_real(spread));
    for (size_t i = 0; i < n; i++)
        json_array_append_new(samples, json_real(p->rates[i]));
    json_object_set_new(o, "samples", samples);
    json_object_set_new(o, "time_share",
                        json_pack("{s:f, s:f, s:f, s:f}", "gemm_gemv", s.products, "attention",
                                  s.attention, "rest", s.rest, "engine", s.engine));
    for (uint32_t op = 0; op < KERNEL_N_OPS; op++)
        if (p->calls[op])
            json_object_set_new(operations, team_op_name(op),
                                json_pack("{s:f, s:f}", "time_share", p->ns[op] / p->wall_ns,
                                          "calls", (double)p->calls[op] / (double)n));
    json_object_set_new(o, "operations", operations);
    return o;
}

static void results_json(const struct bench *b)
{
    json_t *root = json_object(), *rows = json_array();

    json_object_set_new(root, "kernel", json_string(kernel_name));
    json_object_set_new(root, "kernel_build", json_string(engine_kernel_build_id()));
    json_object_set_new(root, "repeats", json_integer(b->n_repeat));
    json_object_set_new(root, "packed_bytes", json_integer((json_int_t)b->packed_bytes));
    json_object_set_new(root, "huge_page_bytes", json_integer((json_int_t)b->huge_bytes));
    json_object_set_new(root, "peak_bytes", json_integer((json_int_t)process_peak_bytes()));
    for (size_t i = 0; i < b->n_results; i++) {
        struct result *r = &b->results[i];
        json_t *row = json_object();

        json_object_set_new(row, "features", json_string(r->features));
        json_object_set_new(row, "threads", json_integer(r->n_threads));
        json_object_set_new(row, "depth", json_integer(r->depth));
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
    if (b->json && b->csv)
        return err_set(ERR_USAGE, "options --json and --csv: use one of them");
    TRY(lists_split(b));
    b->results =
        calloc(b->n_features * b->threads.n * b->depths.n * b->prompts.n, sizeof *b->results);
    if (!b->results)
        return err_set(ERR_NOMEM, "no memory for the results");
    for (size_t f = 0; f < b->n_features; f++)
        for (size_t t = 0; t < b->threads.n; t++) {
            struct result like = {.features = b->features[f],
                                  .n_threads = (uint32_t)b->threads.at[t]};

            if (!like.n_threads)
                like.n_threads = team_default_threads();
            fprintf(stderr, "measuring %s, threads %u\n", like.features, like.n_threads);
            TRY(variant_measure(b, &like));
        }
    if (b->json)
        results_json(b);
    else if (b->csv)
        results_csv(b);
    else
        results_print(b);
    return 0;
}

int bench_main(int argc, char **argv)
{
    struct bench b = {.n_decode = 32, .n_repeat = 5};
    int rc = bench_parse(&b, argc, argv);

    if (rc == 0)
        rc = bench_run(&b);
    free(b.results);
    return rc < 0 ? command_fail(argv[0]) : 0;
}
