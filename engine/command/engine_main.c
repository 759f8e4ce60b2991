/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/command/commands.h"

#include "engine/engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
    {"run", run_main, "write on from a prompt"},
    {"chat", chat_main, "talk with a model"},
    {"speculate", speculate_main, "does speculation change the text, and what does it save?"},
    {"embed", embed_main, "texts as vectors"},
    {"bench", bench_main, "prefill and decode speed, side by side per CPU path and thread count"},
    {"profile", profile_main, "where the time goes, shape by shape: a workload for the judge"},
    {"perplexity", perplexity_main, "how well a model predicts a text"},
    {"inspect", inspect_main, "metadata and tensors of a GGUF file"},
    {"graph", graph_main, "the model's nodes, buffers and arena as planned"},
    {"pack", pack_main, "a model in the kernel's layout, which starts at once"},
    {"imatrix", imatrix_main, "which columns of the weights matter, for engine quantize"},
    {"quantize", quantize_main, "a GGUF file in another weight type"},
};

static void help(FILE *out)
{
    fprintf(out, "usage: engine COMMAND [OPTION...]\n"
                 "Runs GGUF language models on the kernel linked into this program.\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\nengine COMMAND --help tells more.  kernel: %s, build %s\n", kernel_name,
            engine_kernel_build_id());
}

/* A command that went well has failed all the same when its output did not arrive. */
static int output_check(const char *command, int status)
{
    if (status == 0 && (fflush(stdout) || ferror(stdout))) {
        fprintf(stderr, "engine %s: standard output: %s\n", command, strerror(errno));
        return 1;
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        help(stdout);
        return output_check(argv[1], 0);
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(argv[1], commands[i].name))
            return output_check(argv[1], commands[i].main(argc - 1, argv + 1));
    fprintf(stderr, "engine: unknown command \"%s\" (engine --help lists them)\n", argv[1]);
    return 2;
}
