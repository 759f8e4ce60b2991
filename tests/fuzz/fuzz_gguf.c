/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_gguf.c: any bytes as a GGUF file, as far as a model gets without its weights: parsed, shown to
 * people and programs, resolved to a graph, laid out as a plan. */
#include "engine/command/inspect.h"
#include "engine/model/graph.h"
#include "engine/run/plan.h"
#include "reference/base/strbuf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void shown(const struct gguf_file *f)
{
    struct strbuf text = {0};
    json_t *json = inspect_json(f, "file");
    char *dumped = json_dumps(json, 0);

    if (!json || !dumped)
        abort(); /* whatever the file holds can be shown */
    inspect_text(f, "file", &text);
    free(dumped);
    json_decref(json);
    strbuf_deinit(&text);
}

/* A plan computes sizes only: extents of the file's choosing cost nothing. */
static void planned(const struct graph *g)
{
    const struct plan_limits limits = {
        .n_context = 64, .micro_batch = 8, .n_outputs = 2, .n_threads = 1, .kv_type = KERNEL_F16};
    struct plan *p = NULL;

    if (!plan_open(g, &limits, &p))
        plan_close(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gguf_file *f = NULL;
    struct graph *g = NULL;

    if (gguf_open_memory(data, size, "file", &f))
        return 0;
    shown(f);
    if (!graph_open(f, &g)) {
        planned(g);
        graph_close(&g);
    }
    gguf_close(&f);
    return 0;
}
