/* SPDX-License-Identifier: Apache-2.0
 *
 * speculation_flags.h: the options by which commands choose where guesses come from, the same for
 * every command that writes text. Only the engine's commands include this. */
#ifndef PAWL_SPECULATION_FLAGS_H
#define PAWL_SPECULATION_FLAGS_H

#include "engine/command/cmd_options.h"
#include "engine/speculate/speculator.h"

#include <stdio.h>

struct speculation_flags {
    const char *draft_path;
    int64_t lookup, n_guesses;  /* 0: not given */
    struct engine_model *draft; /* made by open; NULL: none */
};

/* clang-format off */
#define SPECULATION_OPTION_SPECS(f)                                                                \
    {"--draft", NULL, OPTION_TEXT, &(f)->draft_path, 0, 0, "FILE",                                 \
     "guess with this small model of the same vocabulary"},                                        \
    {"--lookup", NULL, OPTION_INT, &(f)->lookup, 0, 16, "N",                                       \
     "guess from the text: what followed its last N tokens before (0: do not)"},                   \
    {"--guesses", NULL, OPTION_INT, &(f)->n_guesses, 1, 64, "G",                                   \
     "guess at most G tokens at a time (default 8)"}
/* clang-format on */

/* What to open a speculator of `m` with; loads the draft model as `model_flags` say, with the
 * context of `m`. Errors: those of engine_model_open; deinit all the same. */
int speculation_flags_open(struct speculation_flags *f, const struct model_flags *model_flags,
                           const struct engine_model *m, double temperature, uint64_t seed,
                           struct speculator_options *out);
void speculation_flags_deinit(struct speculation_flags *f); /* after the speculator is closed */

/* One line about the guesses to `out`. */
void speculation_print(const struct speculator_stats *s, FILE *out);

#endif
