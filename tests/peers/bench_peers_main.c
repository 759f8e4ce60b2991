/* SPDX-License-Identifier: Apache-2.0
 *
 * bench-peers: Pawl beside llama.cpp on the same file, with the same threads, in one run. A section
 * is a choice of instructions and a thread count; both engines are started, and every round gives
 * each the same pieces of work in turns (ABBA). The limits of the machine are measured before and
 * after each section. */
#include "tests/peers/contender.h"

#include "engine/command/cmd_options.h"
#include "engine/gguf/gguf.h"
#include "judge/machine/peaks.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"
#include "tests/engine/random_model.h"
#include "tests/peers/name_list.h"
#include "tests/peers/paired_ratio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREAD_COUNTS = 8, N_TIMED = WORK_LOGITS };

struct section {
    const char *name;     /* on the command line */
    const char *features; /* of Pawl, and of the limits */
    const char *variant;  /* of llama.cpp */
    uint64_t needs;       /* enum kernel_feature bits that the variant uses */
    const char *title;
};

static const struct section sections[] = {
    {"best", "all", NULL, 0, "each with the best it has"},
    {"avx512", "avx512", "zen4",
     KERNEL_CPU_AVX512 | KERNEL_CPU_AVX512_VNNI | KERNEL_CPU_AVX512_VBMI | KERNEL_CPU_AVX512_BF16,
     "AVX-512 with VNNI on both sides"},
    {"avx2", "avx2", "haswell", KERNEL_CPU_AVX2, "AVX2 on both sides"},
};

enum { N_SECTIONS = sizeof sections / sizeof *sections };

struct bench {
    const char *model, *libraries, *sections, *threads;
    int64_t n_rounds, n_prompt, n_decode;
    uint32_t thread_counts[MAX_THREAD_COUNTS];
    size_t n_thread_counts, n_vocab;
    double body_weights, output_weights; /* in matrices, per token */
    double decode_bytes;                 /* of matrices read for one token */
    int32_t *ids;
};

static const char usage[] =
    "usage: bench-peers --model FILE --libraries DIR [OPTION...]\n"
    "Pawl beside llama.cpp (npm's prebuilt libraries in DIR): prefill, decode and single "
    "products,\n"
    "taken in turns; medians, the median ratio with its interval, and shares of the limits.\n";

static int bench_parse(struct bench *b, int argc, char **argv)
{
    const struct option_spec specs[] = {
        {"--model", "-m", OPTION_TEXT, &b->model, 0, 0, "FILE",
         "a GGUF file; one of random weights in the shape of TinyLlama is written if missing"},
        {"--libraries", NULL, OPTION_TEXT, &b->libraries, 0, 0, "DIR", "where libllama is"},
        {"--sections", NULL, OPTION_TEXT, &b->sections, 0, 0, "LIST",
         "comma-separated: best, avx512, avx2 (default: all)"},
        {"--threads", "-t", OPTION_TEXT, &b->threads, 0, 0, "LIST", "(default 1,2)"},
        {"--rounds", NULL, OPTION_INT, &b->n_rounds, 1, PAIRED_MAX, "R", "(default 3)"},
        {"--prompt", NULL, OPTION_INT, &b->n_prompt, LOGITS_PROMPT, 1 << 16, "N", "(default 512)"},
        {"--decode", NULL, OPTION_INT, &b->n_decode, LOGITS_ROWS, 1 << 16, "N", "(default 128)"},
    };

    TRY(options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv));
    if (!b->model || !b->libraries)
        return err_set(ERR_USAGE, "--model and --libraries are needed");
    return 0;
}

static int threads_parse(struct bench *b)
{
    for (const char *at = b->threads;;) {
        char *end;
        long n = strtol(at, &end, 10);

        if (end == at || (*end && *end != ',') || n < 1 || n > 256 ||
            b->n_thread_counts == MAX_THREAD_COUNTS)
            return err_set(ERR_USAGE, "option --threads: \"%s\" is no list such as 1,2", at);
        b->thread_counts[b->n_thread_counts++] = (uint32_t)n;
        if (!*end)
            return 0;
        at = end + 1;
    }
}

/* --- the model --- */

/* What a token costs in the matrices alone: the embedding is looked up, attention comes on top. */
static int model_measure(struct bench *b)
{
    struct gguf_file *f;

    if (access(b->model, R_OK)) {
        fprintf(stderr, "writing %s\n", b->model);
        TRY(random_model_write(&random_model_tinyllama, b->model));
    }
    TRY(gguf_open(b->model, &f));
    for (size_t i = 0; i < gguf_n_tensors(f); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(f, i);
        bool output = !strcmp(t->name, "output.weight");

        if (!strcmp(t->name, "token_embd.weight"))
            b->n_vocab = (size_t)t->ne[1];
        if (t->n_dims < 2 || !strcmp(t->name, "token_embd.weight"))
            continue;
        b->decode_bytes += (double)t->bytes;
        *(output ? &b->output_weights : &b->body_weights) += (double)t->ne[0] * (double)t->ne[1];
    }
    gguf_close(&f);
    return b->n_vocab ? 0 : err_set(ERR_FORMAT, "%s: no token_embd.weight", b->model);
}

static int ids_draw(struct bench *b)
{
    size_t n = (size_t)(b->n_prompt + b->n_decode);
    struct rng rng;

    b->ids = calloc(n, sizeof *b->ids);
    if (!b->ids)
        return err_set(ERR_NOMEM, "no memory for %zu tokens", n);
    rng_init(&rng, 1);
    for (size_t i = 0; i < n; i++)
        b->ids[i] = (int32_t)rng_below(&rng, b->n_vocab);
    return 0;
}

/* --- one section --- */

struct outcome {
    struct paired rates[N_TIMED];
    double nmse_logits, nmse_gemm, nmse_gemv;
    int same_argmax;            /* of LOGITS_ROWS */
    double dot_gops, read_gbps; /* limits; 0: not measured for this thread count */
};

/* Work per second in the unit of the table. */
static double rate_of(const struct bench *b, enum work work, double seconds)
{
    const double product = (double)PRODUCT_ROWS * PRODUCT_COLS;

    switch (work) {
    case WORK_PREFILL:
        return (double)b->n_prompt / seconds;
    case WORK_DECODE:
        return (double)b->n_decode / seconds;
    case WORK_GEMM:
        return 2 * product * PRODUCT_TOKENS / seconds * 1e-9;
    default:
        return product / KERNEL_QK_K * sizeof(struct q4_k_block) / seconds * 1e-9;
    }
}

/* The same unit, for an engine that reaches the limit and does nothing else. */
static double limit_of(const struct bench *b, enum work work, const struct outcome *o)
{
    switch (work) {
    case WORK_PREFILL:
        return o->dot_gops * 1e9 / 2 / (b->body_weights + b->output_weights / (double)b->n_prompt);
    case WORK_DECODE:
        return o->read_gbps * 1e9 / b->decode_bytes;
    case WORK_GEMM:
        return o->dot_gops;
    default:
        return o->read_gbps;
    }
}

static int round_run(const struct bench *b, struct contender *both[2], bool second_first,
                     struct outcome *o)
{
    for (int w = 0; w < N_TIMED; w++) {
        double seconds[2];
        struct paired *p = &o->rates[w];

        for (int i = 0; i < 2; i++) {
            int who = i ^ second_first;

            TRY(contender_run(both[who], (enum work)w, &seconds[who]));
        }
        p->a[p->n] = rate_of(b, (enum work)w, seconds[0]);
        p->b[p->n++] = rate_of(b, (enum work)w, seconds[1]);
    }
    return 0;
}

/* Mean squared difference over mean square of b. */
static double nmse(const float *a, const float *b, size_t n)
{
    double errors = 0, squares = 0;

    for (size_t i = 0; i < n; i++) {
        double error = (double)a[i] - b[i];

        errors += error * error;
        squares += (double)b[i] * b[i];
    }
    return errors / squares;
}

static size_t argmax(const float *x, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* Do both compute the same? A comparison of speeds means nothing otherwise. */
static int results_compare(const struct bench *b, struct contender *both[2], struct outcome *o)
{
    const float *a = contender_result(both[0]), *l = contender_result(both[1]);
    double unused;

    for (int i = 0; i < 2; i++)
        TRY(contender_run(both[i], WORK_GEMM, &unused));
    o->nmse_gemm = nmse(a, l, (size_t)PRODUCT_TOKENS * PRODUCT_ROWS);
    for (int i = 0; i < 2; i++)
        TRY(contender_run(both[i], WORK_GEMV, &unused));
    o->nmse_gemv = nmse(a, l, PRODUCT_ROWS);
    for (int i = 0; i < 2; i++)
        TRY(contender_run(both[i], WORK_LOGITS, &unused));
    o->nmse_logits = nmse(a, l, LOGITS_ROWS * b->n_vocab);
    for (size_t i = 0; i < LOGITS_ROWS; i++)
        o->same_argmax +=
            argmax(a + i * b->n_vocab, b->n_vocab) == argmax(l + i * b->n_vocab, b->n_vocab);
    if (!(o->nmse_gemm < 1e-2 && o->nmse_gemv < 1e-2 && o->nmse_logits < 0.1))
        return err_set(ERR_FORMAT,
                       "the two do not compute the same: NMSE of logits %.2g, gemm %.2g, gemv %.2g",
                       o->nmse_logits, o->nmse_gemm, o->nmse_gemv);
    return 0;
}

/* Add half of what is measured now, so that before and after make a mean. */
static int limits_add(uint64_t features, uint32_t n_threads, struct outcome *o)
{
    struct judge_peaks peaks;

    TRY(judge_peaks_measure(features, false, &peaks));
    for (int row = 0; row < PEAKS_MAX_THREADS; row++)
        if (peaks.n_threads[row] == n_threads) {
            o->dot_gops += peaks.int8_gops[row] / 2;
            o->read_gbps += peaks.read_gbps[row][PEAKS_DRAM] / 2;
            return 0;
        }
    return 0;
}

static void outcome_print(const struct bench *b, const struct outcome *o)
{
    static const char *const units[N_TIMED] = {"tokens/s", "tokens/s", "GOP/s", "GB/s"};
    char names[N_TIMED][40];

    snprintf(names[WORK_PREFILL], sizeof names[0], "prefill %lld", (long long)b->n_prompt);
    snprintf(names[WORK_DECODE], sizeof names[0], "decode %lld", (long long)b->n_decode);
    snprintf(names[WORK_GEMM], sizeof names[0], "gemm Q4_K 4096x4096, n %d", PRODUCT_TOKENS);
    snprintf(names[WORK_GEMV], sizeof names[0], "gemv Q4_K 4096x4096, DRAM");
    printf("%-27s %9s %15s %15s  %5s  %-13s %9s  %s\n", "", "", "pawl", "llama.cpp", "ratio",
           "interval", "limit", "pawl, llama.cpp of it");
    for (int w = 0; w < N_TIMED; w++) {
        struct paired_ratio r = paired_ratio(&o->rates[w]);
        double limit = limit_of(b, (enum work)w, o);

        printf("%-27s %9s %8.1f ±%3.0f %% %8.1f ±%3.0f %%  %5.2f  %5.2f..%-6.2f", names[w],
               units[w], r.a, 100 * r.spread_a, r.b, 100 * r.spread_b, r.ratio, r.low, r.high);
        if (limit > 0)
            printf(" %9.1f  %.2f, %.2f", limit, r.a / limit, r.b / limit);
        putchar('\n');
    }
    printf("NMSE between the two: logits %.1e (same argmax %d of %d), gemm %.1e, gemv %.1e\n",
           o->nmse_logits, o->same_argmax, LOGITS_ROWS, o->nmse_gemm, o->nmse_gemv);
}

static int contest_run(const struct bench *b, const struct contest *c, struct contender *both[2],
                       struct outcome *o)
{
    TRY(limits_add(c->features, c->n_threads, o));
    TRY(contender_open(&contender_pawl, c, &both[0]));
    TRY(contender_open(&contender_llama, c, &both[1]));
    printf("%s\n%s\n", contender_label(both[0]), contender_label(both[1]));
    TRY(results_compare(b, both, o));
    for (int64_t i = 0; i < b->n_rounds; i++) {
        fprintf(stderr, "round %lld of %lld\r", (long long)i + 1, (long long)b->n_rounds);
        TRY(round_run(b, both, i % 2, o));
    }
    fputs("                    \r", stderr);
    TRY(limits_add(c->features, c->n_threads, o));
    outcome_print(b, o);
    return 0;
}

static int section_run(const struct bench *b, const struct section *s, uint32_t n_threads)
{
    struct contest c = {
        .model = b->model,
        .n_threads = n_threads,
        .n_prompt = (size_t)b->n_prompt,
        .n_decode = (size_t)b->n_decode,
        .n_vocab = b->n_vocab,
        .ids = b->ids,
        .libraries = b->libraries,
        .variant = s->variant,
    };
    struct contender *both[2] = {NULL, NULL};
    struct outcome o = {0};
    int rc;

    printf("\n== %s, %u thread%s\n", s->title, n_threads, n_threads > 1 ? "s" : "");
    if (s->needs & ~cpu_features()) {
        printf("skipped: this processor cannot run llama.cpp's %s library\n", s->variant);
        return 0;
    }
    TRY(cpu_features_named(s->features, &c.features));
    rc = contest_run(b, &c, both, &o);
    contender_close(&both[0]);
    contender_close(&both[1]);
    return rc;
}

static void head_print(const struct bench *b)
{
    time_t now = time(NULL);
    char day[16], processor[64];
    struct tm utc;
    struct paired five = {.n = (size_t)b->n_rounds};

    for (size_t i = 0; i < five.n; i++)
        five.a[i] = five.b[i] = 1;
    strftime(day, sizeof day, "%Y-%m-%d", gmtime_r(&now, &utc));
    cpu_model_name(processor);
    printf("bench-peers: %s, %ld processors, %s\n"
           "medians of %lld rounds in turns (ABBA), ± half the range; interval: %.0f %% of the "
           "median ratio\n"
           "limits: int8 dot (prefill, gemm) and DRAM read (decode, gemv), measured before and "
           "after;\n"
           "of prefill and decode for the matrices alone, attention and KV come on top\n",
           processor, sysconf(_SC_NPROCESSORS_ONLN), day, (long long)b->n_rounds,
           100 * paired_ratio(&five).confidence);
}

static int bench_run(struct bench *b)
{
    TRY(threads_parse(b));
    TRY(model_measure(b));
    TRY(ids_draw(b));
    head_print(b);
    for (size_t i = 0; i < N_SECTIONS; i++)
        for (size_t t = 0; t < b->n_thread_counts; t++)
            if (name_list_has(b->sections, sections[i].name))
                TRY(section_run(b, &sections[i], b->thread_counts[t]));
    return 0;
}

int main(int argc, char **argv)
{
    struct bench b = {.threads = "1,2", .n_rounds = 3, .n_prompt = 512, .n_decode = 128};
    int rc;

    /* Into a pipe too: a table that is out is worth having when a later section fails. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    rc = bench_parse(&b, argc, argv);
    if (rc == 0)
        rc = bench_run(&b);
    free(b.ids);
    if (rc < 0)
        fprintf(stderr, "bench-peers: %s\n", err_message());
    return rc < 0 ? 1 : 0;
}
