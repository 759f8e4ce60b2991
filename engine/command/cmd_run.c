/* SPDX-License-Identifier: Apache-2.0
 *
 * engine run: write on from a prompt. stdout carries the generated text alone. */
#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "engine/model/resident.h"
#include "engine/command/sampler_flags.h"
#include "engine/command/speculation_flags.h"
#include "engine/sample/beam.h"
#include "engine/sample/guidance.h"
#include "engine/sample/infill.h"
#include "engine/sample/vocabulary.h"
#include "engine/tokenizer/text_stream.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct run {
    struct model_flags flags;
    struct sampler_flags sampling;
    struct speculation_flags speculation;
    const char *prompt, *prompt_file;
    int64_t n_predict;
    bool print_ids, no_bos;
    const char *session_path; /* NULL: none */
    bool shift;
    int64_t n_keep;
    const char *suffix, *suffix_file; /* NULL: no gap to fill */
    const char *negative;             /* NULL: no guidance */
    double guidance_scale;
    int64_t n_beams; /* 0: no beam search */
    double length_penalty;

    struct engine_model *model;
    struct engine_session *session;
    struct speculator *speculator; /* plain generation when there is no source of guesses */
    struct guidance *guidance;
    struct strbuf prompt_text, suffix_text, piece, text;
    struct text_stream stream;
    int32_t *ids;         /* the prompt's tokens */
    size_t n_ids, n_kept; /* and how many of them the session file had */
    size_t n_generated;
    size_t n_hidden; /* bytes of the prompt that were taken back and come again */
    double load_s, prompt_s, first_s, decode_s;
};

static const char usage[] =
    "usage: engine run [-m FILE] [-p TEXT | -p - | -f FILE] [OPTION...]\n"
    "Writes on from a prompt until N tokens, the end of the text, or the end of the context.\n"
    "stdout carries the generated text alone, stderr everything else.\n";

static int run_parse(struct run *r, int argc, char **argv)
{
    const struct option_spec specs[] = {
        MODEL_OPTION_SPECS(&r->flags),
        {"--prompt", "-p", OPTION_TEXT, &r->prompt, 0, 0, "TEXT", "the prompt; - reads stdin"},
        {"--file", "-f", OPTION_TEXT, &r->prompt_file, 0, 0, "FILE", "the prompt is in FILE"},
        {"--n-predict", "-n", OPTION_INT, &r->n_predict, 0, 1 << 24, "N",
         "tokens to generate at most (default 128)"},
        {"--fim-suffix", NULL, OPTION_TEXT, &r->suffix, 0, 0, "TEXT",
         "fill the gap between the prompt and TEXT (infill is a stage for that)"},
        {"--fim-suffix-file", NULL, OPTION_TEXT, &r->suffix_file, 0, 0, "FILE",
         "the same with the text in FILE"},
        {"--heal", NULL, OPTION_FLAG, &r->sampling.heal, 0, 0, NULL,
         "take back the prompt's last token, so that its last word may end otherwise"},
        {"--negative-prompt", NULL, OPTION_TEXT, &r->negative, 0, 0, "TEXT",
         "guide away from what would follow TEXT"},
        {"--cfg-scale", NULL, OPTION_REAL, &r->guidance_scale, 0, 100, "G",
         "strength of that guidance (default 1.5; 1: none)"},
        {"--beams", NULL, OPTION_INT, &r->n_beams, 1, 64, "N",
         "search for the likeliest text with N beams; stages only as --samplers says"},
        {"--length-penalty", NULL, OPTION_REAL, &r->length_penalty, -10, 10, "A",
         "beams compare ln p / tokens ^ A (default 1)"},
        SAMPLER_OPTION_SPECS(&r->sampling),
        SPECULATION_OPTION_SPECS(&r->speculation),
        {"--ids", NULL, OPTION_FLAG, &r->print_ids, 0, 0, NULL,
         "print token ids instead of their text"},
        {"--no-bos", NULL, OPTION_FLAG, &r->no_bos, 0, 0, NULL,
         "do not begin with the BOS token even if the model wants it"},
        {"--session", NULL, OPTION_TEXT, &r->session_path, 0, 0, "FILE",
         "reuse what FILE has of the prompt, if it is there, and save the session to it"},
        {"--ctx-shift", NULL, OPTION_FLAG, &r->shift, 0, 0, NULL,
         "when the context is full, forget half of it and go on"},
        {"--keep", NULL, OPTION_INT, &r->n_keep, 0, 1 << 24, "K",
         "first tokens that a shift does not forget (default 1)"},
    };

    return options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);
}

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* --- the prompt --- */

static int read_stdin(struct strbuf *out)
{
    char block[4096];
    ssize_t n;

    while ((n = read(STDIN_FILENO, block, sizeof block)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(ERR_IO, "standard input: %s", strerror(errno));
        strbuf_add(out, block, (size_t)n);
    }
    return 0;
}

static int prompt_read(struct run *r)
{
    if (r->prompt && r->prompt_file)
        return err_set(ERR_USAGE, "-p and -f both give a prompt: use one");
    if (r->prompt_file)
        return file_read(r->prompt_file, &r->prompt_text);
    if (r->prompt && !strcmp(r->prompt, "-"))
        return read_stdin(&r->prompt_text);
    if (r->prompt)
        strbuf_add(&r->prompt_text, r->prompt, strlen(r->prompt));
    return 0;
}

static int suffix_read(struct run *r)
{
    if (r->suffix && r->suffix_file)
        return err_set(ERR_USAGE, "--fim-suffix and --fim-suffix-file both give a suffix: use one");
    if (r->suffix)
        strbuf_add(&r->suffix_text, r->suffix, strlen(r->suffix));
    return r->suffix_file ? file_read(r->suffix_file, &r->suffix_text) : 0;
}

/* [BOS] and the text's tokens, malloc'ed for the caller. */
static int text_encode(const struct run *r, const char *text, size_t len, int32_t **out, size_t *n)
{
    const struct tokenizer *t = engine_model_tokenizer(r->model);
    bool bos = !r->no_bos && tokenizer_add_bos(t) && tokenizer_bos(t) >= 0;
    int32_t *ids = NULL;

    TRY(tokenizer_encode(t, text, len, 0, &ids, n));
    *out = malloc((*n + 1) * sizeof **out);
    if (!*out) {
        free(ids);
        return err_set(ERR_NOMEM, "no memory for a prompt of %zu tokens", *n);
    }
    if (bos)
        **out = tokenizer_bos(t);
    if (*n)
        memcpy(*out + bos, ids, *n * sizeof *ids);
    *n += bos;
    free(ids);
    return 0;
}

static int prompt_encode(struct run *r)
{
    const struct tokenizer *t = engine_model_tokenizer(r->model);

    if (r->suffix || r->suffix_file)
        TRY(infill_prompt(engine_model_file(r->model), t,
                          !r->no_bos && tokenizer_add_bos(t) && tokenizer_bos(t) >= 0,
                          &r->prompt_text, &r->suffix_text, &r->ids, &r->n_ids));
    else
        TRY(text_encode(r, strbuf_str(&r->prompt_text), r->prompt_text.len, &r->ids, &r->n_ids));
    if (r->n_ids == 0)
        return err_set(ERR_USAGE, "the prompt is empty and the model has no BOS token: give -p");
    if (r->n_ids > engine_model_n_context(r->model))
        return err_set(ERR_RANGE,
                       "the prompt has %zu tokens, the context %u: shorten it or raise --ctx",
                       r->n_ids, engine_model_n_context(r->model));
    return 0;
}

/* Take back the last token when others begin with its bytes. */
static int prompt_heal(struct run *r)
{
    const struct vocabulary *v = r->sampling.vocabulary;
    const char *piece;
    size_t len;

    if (!r->sampling.heal || r->n_ids < 2)
        return 0;
    piece = vocabulary_piece(v, r->ids[r->n_ids - 1], &len);
    if (!len || !vocabulary_goes_on(v, piece, len))
        return 0;
    r->n_ids--;
    r->n_hidden = len;
    return sampler_heal(r->sampling.sampler, piece, len);
}

static int guide(struct run *r)
{
    int32_t *ids = NULL;
    size_t n = 0;
    int rc;

    if (!r->negative)
        return 0;
    TRY(text_encode(r, r->negative, strlen(r->negative), &ids, &n));
    rc = n ? guidance_open(r->model, ids, n, r->guidance_scale, &r->guidance)
           : err_set(ERR_USAGE, "--negative-prompt: the model has no BOS token: give a text");
    if (rc == 0)
        sampler_guide(r->sampling.sampler, r->guidance);
    free(ids);
    return rc;
}

static int prompt_eval(struct run *r)
{
    if (r->session_path && access(r->session_path, F_OK) == 0)
        TRY(engine_session_load(r->session, r->session_path));
    if (r->n_beams)
        return engine_session_eval(r->session, r->ids, r->n_ids, NULL, NULL);
    return speculator_prompt(r->speculator, r->ids, r->n_ids, &r->n_kept);
}

/* --- generation --- */

/* 1: the context is full, and stays so. */
static int make_room(struct run *r)
{
    uint32_t n_context = engine_model_n_context(r->model);

    if (!speculator_full(r->speculator))
        return 0;
    if (!r->shift) {
        fprintf(stderr, "engine run: the context of %u positions is full (--ctx, --ctx-shift)\n",
                n_context);
        return 1;
    }
    if (r->n_keep > n_context - 2)
        return err_set(ERR_USAGE, "--keep %lld leaves nothing to forget in a context of %u",
                       (long long)r->n_keep, n_context);
    return speculator_shift(r->speculator, (uint32_t)r->n_keep,
                            (n_context - (uint32_t)r->n_keep) / 2);
}

static int flush_text(struct run *r)
{
    size_t n = r->text.len;

    if (n && (fwrite(r->text.data, 1, n, stdout) != n || fflush(stdout)))
        return err_set(ERR_IO, "standard output: %s", strerror(errno));
    strbuf_clear(&r->text);
    return 0;
}

static int emit(struct run *r, int32_t id)
{
    const struct tokenizer *t = engine_model_tokenizer(r->model);
    size_t skip;

    if (r->print_ids) {
        strbuf_addf(&r->text, "%d ", id);
        return flush_text(r);
    }
    strbuf_clear(&r->piece);
    TRY(tokenizer_piece(t, id, &r->piece));
    skip = r->n_hidden < r->piece.len ? r->n_hidden : r->piece.len;
    r->n_hidden -= skip;
    /* At the very start of a text SentencePiece's own leading space is not part of it. */
    skip += r->n_generated == 0 && r->prompt_text.len == 0 && tokenizer_space_prefix(t) &&
            r->piece.len && r->piece.data[0] == ' ';
    text_stream_push(&r->stream, strbuf_str(&r->piece) + skip, r->piece.len - skip, &r->text);
    return flush_text(r);
}

/* The next tokens; *ended: they end the text. */
static int generate_some(struct run *r, bool *ended)
{
    const struct tokenizer *t = engine_model_tokenizer(r->model);
    const int32_t *ids;
    size_t n;

    TRY(speculator_next(r->speculator, r->sampling.sampler, (size_t)r->n_predict - r->n_generated,
                        &ids, &n));
    for (size_t i = 0; i < n; i++) {
        *ended = tokenizer_is_eog(t, ids[i]);
        if (*ended)
            return 0;
        TRY(emit(r, ids[i]));
        r->n_generated++;
    }
    *ended = sampler_done(r->sampling.sampler);
    return 0;
}

static int generate_text(struct run *r, double start)
{
    bool ended = false;

    while (r->n_generated < (size_t)r->n_predict && !ended) {
        int full = make_room(r);

        TRY(full);
        if (full)
            break;
        TRY(generate_some(r, &ended));
        if (r->first_s == 0)
            r->first_s = now_s() - start;
    }
    return 0;
}

static int generate_beams(struct run *r, double start)
{
    const struct beam_options o = {(uint32_t)r->n_beams, (size_t)r->n_predict, r->length_penalty};
    struct beam_text text = {0};
    int rc = beam_search(r->session, r->model, r->sampling.sampler, &o, &text);

    r->first_s = now_s() - start;
    for (size_t i = 0; rc == 0 && i < text.n; i++, r->n_generated++)
        rc = emit(r, text.ids[i]);
    if (rc == 0)
        fprintf(stderr, "\nbeams: ln p %.4f of %zu tokens", text.log_p, text.n);
    free(text.ids);
    return rc;
}

static int generate(struct run *r)
{
    double start = now_s();

    sampler_prompt(r->sampling.sampler, r->ids, r->n_ids);
    TRY(prompt_eval(r));
    r->prompt_s = now_s() - start;
    if (r->n_predict)
        TRY(r->n_beams ? generate_beams(r, start) : generate_text(r, start));
    r->decode_s = r->n_generated ? now_s() - start - r->first_s : 0;
    text_stream_finish(&r->stream, &r->text);
    if (r->print_ids)
        strbuf_add(&r->text, "\n", 1);
    return flush_text(r);
}

/* --- what people want to know --- */

static void report_start(const struct run *r, const struct engine_options *o)
{
    struct gguf_string name = {"", 0};
    char features[128];

    gguf_get_string(engine_model_file(r->model), "general.name", &name);
    cpu_features_print(o->features, features, sizeof features);
    fprintf(stderr, "model: %s%s", r->flags.path ? r->flags.path : "built-in",
            name.len ? ", " : "");
    print_clean(stderr, name.data, name.len < 80 ? name.len : 80);
    fprintf(stderr, ", %.1f MiB packed (%.1f on 2 MiB pages), context %u, loaded in %.0f ms\n",
            (double)engine_model_packed_bytes(r->model) / 1048576,
            (double)engine_model_huge_bytes(r->model) / 1048576, engine_model_n_context(r->model),
            1e3 * r->load_s);
    fprintf(stderr, "kernel: %s, build %s, features %s, threads %u\n", kernel_name,
            engine_kernel_build_id(), features, engine_model_n_threads(r->model));
    sampler_flags_print(&r->sampling, stderr);
}

static double rate(size_t n, double seconds)
{
    return seconds > 0 ? (double)n / seconds : 0;
}

static void report_end(const struct run *r)
{
    const struct speculator_stats *s = speculator_stats(r->speculator);

    fputc('\n', stderr);
    if (r->session_path)
        fprintf(stderr, "session: %zu of %zu prompt tokens were there\n", r->n_kept, r->n_ids);
    fprintf(stderr, "prompt: %zu tokens, %.1f tokens/s\n", r->n_ids - r->n_kept,
            rate(r->n_ids - r->n_kept, r->prompt_s));
    fprintf(stderr, "decode: %zu tokens, %.1f tokens/s\n", (size_t)s->n_tokens,
            rate(s->n_tokens, r->decode_s));
    if (s->n_guessed)
        speculation_print(s, stderr);
    fprintf(stderr, "time to first token: %.1f ms\n", 1e3 * r->first_s);
    fprintf(stderr, "peak memory: %.1f MiB; the model has %.1f, the KV cache %.1f\n",
            (double)process_peak_bytes() / 1048576,
            (double)gguf_file_bytes(engine_model_file(r->model)) / 1048576,
            (double)engine_session_kv_bytes(r->session) / 1048576);
}

/* Beams have stages only when asked for: temperature and truncation are for drawing. */
static int beams_check(struct run *r)
{
    if (!r->n_beams)
        return 0;
    if (r->speculation.draft_path || r->speculation.lookup || r->session_path || r->shift ||
        r->negative)
        return err_set(ERR_USAGE, "--beams goes with none of --draft, --lookup, --session, "
                                  "--ctx-shift, --negative-prompt");
    if (!r->sampling.options.chain)
        r->sampling.options.chain = "logit-bias;penalties;dry";
    r->flags.n_sessions = (uint32_t)r->n_beams;
    return 0;
}

static int run_all(struct run *r)
{
    struct speculator_options s;
    struct engine_options o;
    double start = now_s();

    TRY(model_flags_resolve(&r->flags, &o));
    TRY(prompt_read(r));
    TRY(suffix_read(r));
    TRY(beams_check(r));
    TRY(model_flags_open(&r->flags, &r->model, &r->session));
    r->load_s = now_s() - start;
    TRY(prompt_encode(r));
    TRY(sampler_flags_open(&r->sampling, r->model));
    TRY(prompt_heal(r));
    TRY(guide(r));
    TRY(speculation_flags_open(&r->speculation, &r->flags, r->model,
                               r->sampling.options.temperature, r->sampling.options.seed, &s));
    TRY(speculator_open(r->session, r->model, &s, &r->speculator));
    report_start(r, &o);
    TRY(generate(r));
    if (r->session_path)
        TRY(engine_session_save(r->session, r->session_path));
    report_end(r);
    return 0;
}

int run_main(int argc, char **argv)
{
    struct run r = {.n_predict = 128, .n_keep = 1, .guidance_scale = 1.5, .length_penalty = 1};
    int rc;

    sampler_flags_init(&r.sampling);
    rc = run_parse(&r, argc, argv);
    if (rc == 0)
        rc = run_all(&r);
    speculator_close(&r.speculator);
    sampler_flags_deinit(&r.sampling);
    guidance_close(&r.guidance);
    speculation_flags_deinit(&r.speculation);
    engine_session_close(&r.session);
    engine_model_close(&r.model);
    strbuf_deinit(&r.prompt_text);
    strbuf_deinit(&r.suffix_text);
    strbuf_deinit(&r.piece);
    strbuf_deinit(&r.text);
    free(r.ids);
    return rc < 0 ? command_fail(argv[0]) : 0;
}
