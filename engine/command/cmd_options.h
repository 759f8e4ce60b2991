/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_options.h: command lines of the program `engine`: a table of options says what there is,
 * fills variables and prints itself as the help. The options that choose a model and how to run it
 * are the same for every command. Only the engine's commands include this. */
#ifndef PAWL_CMD_OPTIONS_H
#define PAWL_CMD_OPTIONS_H

#include "engine/engine.h"

#include <stdio.h>

enum option_kind {
    OPTION_FLAG,  /* out: bool, set to true */
    OPTION_INT,   /* out: int64_t */
    OPTION_REAL,  /* out: double */
    OPTION_TEXT,  /* out: const char *, borrowed from argv */
    OPTION_TEXTS, /* out: struct option_texts: all arguments without a name; the table's last */
};

struct option_texts {
    const char **at; /* the caller's, with room for argc of them */
    size_t n;
};

struct option_spec {
    const char *name;       /* "--top-k"; NULL: an argument without a name (OPTION_TEXT) */
    const char *short_name; /* "-k" or NULL */
    enum option_kind kind;
    void *out;         /* keeps its value when the option is not given */
    double min, max;   /* of numbers */
    const char *value; /* "N", for the help; NULL for flags */
    const char *help;
};

/* Read argv[1..argc-1] into the table's variables. `usage` heads the help.
 * Returns 0, or 1 after --help was printed to stdout. Error: ERR_USAGE naming the option and the
 * remedy. */
int options_parse(const struct option_spec *specs, size_t n, const char *usage, int argc,
                  char **argv);

/* What all commands that run a model have in common. */
struct model_flags {
    const char *path;                          /* NULL: the embedded model */
    const char *features;                      /* NULL: all */
    const char *kv;                            /* NULL: f16 */
    bool embeddings;                           /* no option: what the command is for */
    int64_t n_threads, n_context, micro_batch; /* 0: the default */
    uint32_t n_sessions;                       /* that share the KV cache; 0: 1; no option */
};

/* clang-format off */
#define MODEL_COMMON_SPECS(f)                                                                      \
    {"--model", "-m", OPTION_TEXT, &(f)->path, 0, 0, "FILE",                                       \
     "GGUF model (default: the built-in one)"},                                                    \
    {"--ctx", "-c", OPTION_INT, &(f)->n_context, 0, 1 << 24, "C",                                  \
     "positions (default: the model's, at most 4096)"},                                            \
    {"--micro-batch", NULL, OPTION_INT, &(f)->micro_batch, 0, 1 << 16, "B",                        \
     "prompt tokens computed at once (default 512)"},                                              \
    {"--kv", NULL, OPTION_TEXT, &(f)->kv, 0, 0, "TYPE", "KV cache in f16 (default) or q8_0"}

/* bench has lists in the place of these two. */
#define MODEL_OPTION_SPECS(f)                                                                      \
    MODEL_COMMON_SPECS(f),                                                                         \
    {"--threads", "-t", OPTION_INT, &(f)->n_threads, 0, 512, "T",                                  \
     "threads (default: one per performance core)"},                                               \
    {"--features", NULL, OPTION_TEXT, &(f)->features, 0, 0, "SET", "scalar, avx2, avx512, amx or all"}
/* clang-format on */

/* The flags as engine_options; n_context stays 0 when not given. Errors: ERR_USAGE,
 * ERR_UNSUPPORTED. */
int model_flags_resolve(const struct model_flags *f, struct engine_options *out);

/* Open the model and a session as the flags say; a context that nobody asked for is the model's,
 * at most 4096, so that a long-context model starts quickly. After an error close both all the
 * same. */
int model_flags_open(const struct model_flags *f, struct engine_model **m,
                     struct engine_session **s);

/* s[0..len) with a ? for every control character: what a file says may not steer a terminal. */
void print_clean(FILE *out, const char *s, size_t len);

/* Print the stored error as one line, "engine COMMAND: ...", to stderr; returns the exit status: 2
 * for ERR_USAGE, 1 otherwise. */
int command_fail(const char *command);

#endif
