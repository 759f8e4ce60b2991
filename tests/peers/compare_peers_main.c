/* SPDX-License-Identifier: Apache-2.0
 *
 * compare-peers: is the engine right? The same files, texts and tokens go to llama.cpp (npm's prebuilt
 * libraries) and to the engine; the tables say how far apart the answers are. */
#include "tests/peers/compare_peers.h"

#include "engine/command/cmd_options.h"
#include "reference/base/err.h"
#include "tests/peers/name_list.h"

#include <stdio.h>

static const char usage[] =
    "usage: compare-peers --libraries DIR --engine PROGRAM [OPTION...]\n"
    "The engine beside llama.cpp (npm's prebuilt libraries in DIR): token ids, logits and greedy\n"
    "tokens of small random models of every architecture, perplexity of the embedded model,\n"
    "stages of the sampler and masks of grammars.\n"
    "Exit 0 when every row is within its limit.\n";

static const struct {
    const char *name;
    int (*run)(struct compare *c);
    bool unasked; /* it runs when no section is named too */
} sections[] = {
    {"tokens", compare_tokens, true},         {"models", compare_models, true},
    {"perplexity", compare_perplexity, true}, {"samplers", compare_samplers, true},
    {"answers", compare_answers, false},
};

static int compare_run(struct compare *c, const char *libraries, const char *chosen)
{
    TRY(llama_library_open(libraries, NULL, &c->lib));
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (chosen ? name_list_has(chosen, sections[i].name) : sections[i].unasked) {
            TRY(sections[i].run(c));
            putchar('\n');
        }
    printf("%zu rows, %zu failed\n", c->n_rows, c->n_failed);
    if (!c->n_rows)
        return err_set(ERR_USAGE, "no row has these names");
    return 0;
}

int main(int argc, char **argv)
{
    struct compare c = {0};
    const char *libraries = NULL, *chosen = NULL;
    int64_t n_threads = 1;
    const struct option_spec specs[] = {
        {"--libraries", NULL, OPTION_TEXT, &libraries, 0, 0, "DIR", "where libllama is"},
        {"--engine", NULL, OPTION_TEXT, &c.engine, 0, 0, "PROGRAM", "the engine's program"},
        {"--scratch", NULL, OPTION_TEXT, &c.scratch, 0, 0, "DIR", "for files (default .)"},
        {"--shared", NULL, OPTION_TEXT, &c.shared, 0, 0, "DIR", "where tokenizers/ is"},
        {"--sections", NULL, OPTION_TEXT, &chosen, 0, 0, "LIST",
         "comma-separated: tokens, models, perplexity, samplers (default: all), answers"},
        {"--rows", NULL, OPTION_TEXT, &c.rows, 0, 0, "LIST", "names of rows (default: all)"},
        {"--types", NULL, OPTION_TEXT, &c.types, 0, 0, "LIST",
         "of models (default: all for llama, F32, F16, Q8_0 and Q4_K_M for the others)"},
        {"--threads", "-t", OPTION_INT, &n_threads, 1, 256, "T", "(default 1)"},
        {"--peer-only", NULL, OPTION_FLAG, &c.peer_only, 0, 0, NULL,
         "only see whether llama.cpp takes the files"},
    };
    int rc = options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);

    if (rc == 1)
        return 0;
    if (rc == 0 && (!libraries || !c.engine))
        rc = err_set(ERR_USAGE, "--libraries and --engine are needed");
    c.n_threads = (uint32_t)n_threads;
    if (!c.scratch)
        c.scratch = ".";
    if (!c.shared)
        c.shared = "../shared";
    if (rc == 0)
        rc = compare_run(&c, libraries, chosen);
    if (rc < 0)
        return command_fail("compare-peers");
    return c.n_failed ? 1 : 0;
}
