/* SPDX-License-Identifier: Apache-2.0
 *
 * sampler_flags.h: the options by which commands choose how the next token is drawn, the same for
 * every command that writes text. Only the engine's commands include this. */
#ifndef PAWL_SAMPLER_FLAGS_H
#define PAWL_SAMPLER_FLAGS_H

#include "engine/command/cmd_options.h"
#include "engine/sample/sampler.h"

struct sampler_flags {
    struct sampler_options options;
    int64_t top_k, seed; /* seed -1: one from the system's randomness */
    int64_t penalty_last_n, dry_allowed, dry_last_n;
    const char *bias_text; /* "ID=BIAS,..." or NULL */
    const char *grammar_path, *schema_path;
    bool heal; /* the caller will ask for sampler_heal */

    /* made by open */
    struct grammar *grammar;
    struct sampler_bias *bias;
    struct vocabulary *vocabulary;
    struct sampler *sampler;
};

/* clang-format off */
#define SAMPLER_OPTION_SPECS(f)                                                                    \
    {"--samplers", NULL, OPTION_TEXT, &(f)->options.chain, 0, 0, "LIST",                           \
     "stages in the order they are applied, between semicolons\n"                                  \
     "(default " SAMPLER_DEFAULT_CHAIN ";\n"                                                       \
     "greedy, mirostat, mirostat-v2 and infill only when asked for)"},                             \
    {"--temp", NULL, OPTION_REAL, &(f)->options.temperature, 0, 100, "T",                          \
     "temperature (default 0.8); 0 takes the likeliest token always"},                             \
    {"--dynatemp-range", NULL, OPTION_REAL, &(f)->options.dynamic_range, 0, 100, "R",              \
     "temperature moves in T-R..T+R with the entropy (default 0: off)"},                           \
    {"--dynatemp-exponent", NULL, OPTION_REAL, &(f)->options.dynamic_exponent, 0, 100, "E",        \
     "shape of that move (default 1)"},                                                            \
    {"--top-k", NULL, OPTION_INT, &(f)->top_k, 0, 1 << 24, "K",                                    \
     "draw from the K likeliest (default 40; 0: all)"},                                            \
    {"--top-p", NULL, OPTION_REAL, &(f)->options.top_p, 1e-9, 1, "P",                              \
     "and of them from the likeliest that hold the share P (default 0.95)"},                       \
    {"--min-p", NULL, OPTION_REAL, &(f)->options.min_p, 0, 1, "P",                                 \
     "at least P times as likely as the likeliest (default 0: off)"},                              \
    {"--typical", NULL, OPTION_REAL, &(f)->options.typical_p, 1e-9, 1, "P",                        \
     "the most typical that hold the share P (default 1: off)"},                                   \
    {"--tail-free", NULL, OPTION_REAL, &(f)->options.tail_free, 0, 1, "Z",                         \
     "cut the tail after the share Z of the curvature (default 1: off)"},                          \
    {"--top-n-sigma", NULL, OPTION_REAL, &(f)->options.top_n_sigma, 0, 1e6, "N",                   \
     "logits within N standard deviations of the highest (default 0: off)"},                       \
    {"--eta", NULL, OPTION_REAL, &(f)->options.eta, 0, 1, "EPS",                                   \
     "eta sampling with this epsilon (default 0: off)"},                                           \
    {"--xtc-probability", NULL, OPTION_REAL, &(f)->options.xtc_probability, 0, 1, "P",             \
     "how often to exclude the top choices (default 0: never)"},                                   \
    {"--xtc-threshold", NULL, OPTION_REAL, &(f)->options.xtc_threshold, 0, 1, "P",                 \
     "from which probability on a token is a top choice (default 0.1)"},                           \
    {"--mirostat-tau", NULL, OPTION_REAL, &(f)->options.mirostat_tau, 0, 100, "BITS",              \
     "surprise that mirostat aims at (default 5)"},                                                \
    {"--mirostat-rate", NULL, OPTION_REAL, &(f)->options.mirostat_rate, 0, 1, "R",                 \
     "how fast mirostat learns (default 0.1)"},                                                    \
    {"--repeat-last-n", NULL, OPTION_INT, &(f)->penalty_last_n, 0, 1 << 24, "N",                   \
     "tokens the penalties look back on (default 64)"},                                            \
    {"--repeat-penalty", NULL, OPTION_REAL, &(f)->options.repeat_penalty, 1e-6, 1e6, "X",          \
     "divides the logits of tokens that were there (default 1: off)"},                             \
    {"--presence-penalty", NULL, OPTION_REAL, &(f)->options.presence_penalty, -1e6, 1e6, "X",      \
     "subtracted once from tokens that were there (default 0)"},                                   \
    {"--frequency-penalty", NULL, OPTION_REAL, &(f)->options.frequency_penalty, -1e6, 1e6, "X",    \
     "subtracted for each time a token was there (default 0)"},                                    \
    {"--dry-multiplier", NULL, OPTION_REAL, &(f)->options.dry_multiplier, 0, 1e6, "X",             \
     "cost of making a repetition longer (default 0: off)"},                                       \
    {"--dry-base", NULL, OPTION_REAL, &(f)->options.dry_base, 1, 1e6, "B",                         \
     "growth of that cost with each token (default 1.75)"},                                        \
    {"--dry-allowed-length", NULL, OPTION_INT, &(f)->dry_allowed, 0, 1 << 24, "N",                 \
     "repetitions of up to N tokens cost nothing (default 2)"},                                    \
    {"--dry-last-n", NULL, OPTION_INT, &(f)->dry_last_n, 0, 1 << 24, "N",                          \
     "tokens DRY looks back on (default 1024)"},                                                   \
    {"--dry-breakers", NULL, OPTION_TEXT, &(f)->options.dry_breakers, 0, 0, "CHARS",               \
     "no repetition reaches over these (default newline : \" *)"},                                 \
    {"--logit-bias", NULL, OPTION_TEXT, &(f)->bias_text, 0, 0, "LIST",                             \
     "ID=BIAS,... added to the logits of tokens (-inf: never)"},                                   \
    {"--grammar", NULL, OPTION_TEXT, &(f)->grammar_path, 0, 0, "FILE",                             \
     "what is generated follows this grammar (GBNF)"},                                             \
    {"--json-schema", NULL, OPTION_TEXT, &(f)->schema_path, 0, 0, "FILE",                          \
     "what is generated is JSON that follows this schema"},                                        \
    {"--seed", NULL, OPTION_INT, &(f)->seed, 0, 9e15, "S",                                         \
     "of the draws (default: another one each time)"}
/* clang-format on */

/* The defaults that the help tells. */
void sampler_flags_init(struct sampler_flags *f);

/* Make f->sampler for the model; f->seed becomes the seed in use. Errors: ERR_USAGE, ERR_RANGE,
 * ERR_IO and ERR_FORMAT naming the grammar's or the schema's file, ERR_NOMEM; deinit all the
 * same. */
int sampler_flags_open(struct sampler_flags *f, const struct engine_model *m);
void sampler_flags_deinit(struct sampler_flags *f);

/* One line to `out`: the stages in use and the seed. */
void sampler_flags_print(const struct sampler_flags *f, FILE *out);

#endif
