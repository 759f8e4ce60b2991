/* SPDX-License-Identifier: Apache-2.0
 *
 * engine graph: what would run, without loading a weight. */
#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "engine/model/model.h"
#include "reference/base/err.h"

#include <stdio.h>

static const char usage[] =
    "usage: engine graph [FILE] [OPTION...]\n"
    "Prints the model's dimensions, its weights, every kernel call of a batch, and where each\n"
    "activation lies in the arena.\n";

static int graph_show(const struct model_flags *flags)
{
    struct gguf_file *file = NULL;
    struct graph *graph = NULL;
    struct plan *plan = NULL;
    struct engine_options o;
    struct plan_limits limits;
    int rc;

    TRY(model_flags_resolve(flags, &o));
    rc = model_file_open(flags->path, &file);
    if (rc == 0)
        rc = graph_open(file, &graph);
    if (rc == 0) {
        o.embeddings = !graph->has_logits;
        rc = model_options_resolve(&o, graph, &o);
    }
    if (rc == 0) {
        limits = model_plan_limits(&o);
        rc = plan_open(graph, &limits, &plan);
    }
    if (rc == 0) {
        graph_print(graph, stdout);
        plan_print(plan, stdout);
    }
    plan_close(&plan);
    graph_close(&graph);
    gguf_close(&file);
    return rc;
}

int graph_main(int argc, char **argv)
{
    struct model_flags flags = {0};
    const struct option_spec specs[] = {
        MODEL_OPTION_SPECS(&flags),
        {NULL, NULL, OPTION_TEXT, &flags.path, 0, 0, "FILE", "the same as -m FILE"},
    };
    int rc = options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);

    if (rc == 0)
        rc = graph_show(&flags);
    return rc < 0 ? command_fail(argv[0]) : 0;
}
