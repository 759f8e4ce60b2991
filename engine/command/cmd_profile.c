/* SPDX-License-Identifier: Apache-2.0
 *
 * engine profile: where the time of a prompt and an answer goes, shape by shape, as a workload for
 * the judge. */
#include "engine/command/cmd_options.h"
#include "engine/command/commands.h"
#include "engine/command/workload.h"
#include "engine/run/observe.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/rng.h"
#include "reference/base/strbuf.h"
#include "reference/base/formats.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct profile {
    struct model_flags flags;
    const char *out_path;
    int64_t n_prompt, n_decode, depth, n_repeat;
    bool json;

    struct engine_model *model;
    struct engine_session *session;
    struct workload *workload;
    int32_t *ids;
    double wall_ns; /* of what the workload holds */
};

static const char usage[] =
    "usage: engine profile [FILE] [--prompt N] [--decode N] [--depth N] [-o OUT] [OPTION...]\n"
    "Runs a prompt of N tokens (on top of --depth tokens) and N single tokens after it, and "
    "writes\n"
    "the kernel calls that occurred as a workload: one line for each operation, type and extents,\n"
    "with its share of the time inside the kernel, its calls and their mean time. Names and\n"
    "parameters are those of the judge's cases (reference/inference/cases.c), so that a line is a "
    "case and\n"
    "its share the weight; n_kv of attention is the mean over the calls. Two tables follow: the\n"
    "share of each operation here beside the sealed workload's, and for each sealed case its\n"
    "weight beside the share of all shapes here that are nearest to it. profiles/ keeps such "
    "files\n"
    "as workload-MODEL.txt. Tokens are random: they do not matter to the time.\n";

static int profile_parse(struct profile *x, int argc, char **argv)
{
    const struct option_spec specs[] = {
        MODEL_OPTION_SPECS(&x->flags),
        {NULL, NULL, OPTION_TEXT, &x->flags.path, 0, 0, "FILE", "the same as -m FILE"},
        {"--prompt", NULL, OPTION_INT, &x->n_prompt, 1, 1 << 20, "N", "tokens (default 512)"},
        {"--decode", NULL, OPTION_INT, &x->n_decode, 0, 1 << 20, "N", "tokens (default 128)"},
        {"--depth", NULL, OPTION_INT, &x->depth, 0, 1 << 20, "N",
         "tokens that stand before the prompt (default 0)"},
        {"--repeat", NULL, OPTION_INT, &x->n_repeat, 1, 1000, "R",
         "runs that are summed, after one for nothing (default 3)"},
        {"--output", "-o", OPTION_TEXT, &x->out_path, 0, 0, "OUT", "a file (default: stdout)"},
        {"--json", NULL, OPTION_FLAG, &x->json, 0, 0, NULL, "one JSON object"},
    };

    return options_parse(specs, sizeof specs / sizeof *specs, usage, argc, argv);
}

/* --- measuring --- */

static int call_look(void *ctx, const struct plan *p, const struct plan_call *c, uint64_t ns)
{
    struct profile *x = ctx;

    (void)p;
    return workload_add(x->workload, &c->call, ns);
}

static double now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return 1e9 * (double)ts.tv_sec + (double)ts.tv_nsec;
}

static int ids_draw(struct profile *x)
{
    size_t n = (size_t)(x->depth + x->n_prompt + x->n_decode);
    struct rng r;

    x->ids = malloc(n * sizeof *x->ids);
    if (!x->ids)
        return err_set(ERR_NOMEM, "no memory for %zu tokens", n);
    rng_init(&r, 1);
    for (size_t i = 0; i < n; i++)
        x->ids[i] = (int32_t)rng_below(&r, (uint64_t)engine_model_n_vocab(x->model));
    return 0;
}

/* One prompt and answer from `depth` on, observed. */
static int once(struct profile *x)
{
    const int32_t *at = x->ids + x->depth;
    double start;
    int rc;

    TRY(engine_session_truncate(x->session, (uint32_t)x->depth));
    session_observe(x->session, call_look, x);
    start = now_ns();
    rc = engine_session_eval(x->session, at, (size_t)x->n_prompt, NULL, NULL);
    for (int64_t i = 0; !rc && i < x->n_decode; i++)
        rc = engine_session_eval(x->session, at + x->n_prompt + i, 1, NULL, NULL);
    x->wall_ns += now_ns() - start;
    session_observe(x->session, NULL, NULL);
    return rc;
}

static int measure(struct profile *x)
{
    TRY(ids_draw(x));
    TRY(workload_open(&x->workload));
    if (x->depth)
        TRY(engine_session_eval(x->session, x->ids, (size_t)x->depth, NULL, NULL));
    TRY(once(x));
    workload_clear(x->workload);
    x->wall_ns = 0;
    for (int64_t i = 0; i < x->n_repeat; i++)
        TRY(once(x));
    workload_finish(x->workload, engine_model_n_threads(x->model));
    return 0;
}

/* --- against the sealed workload --- */

/* Operations that either has, in the order of their share here. */
struct op_row {
    const char *op;
    double here, sealed;
};

enum { MAX_OPS = 2 * KERNEL_N_OPS };

static void op_note(struct op_row *rows, size_t *n, const char *op, double here, double sealed)
{
    size_t i = 0;

    while (i < *n && strcmp(rows[i].op, op) != 0)
        i++;
    if (i == *n)
        rows[(*n)++] = (struct op_row){.op = op};
    rows[i].here += here;
    rows[i].sealed += sealed;
}

static size_t ops_compare(const struct profile *x, struct op_row rows[MAX_OPS])
{
    const struct problem *p = &problem_shipped;
    size_t n = 0;

    for (size_t i = 0; i < workload_n(x->workload); i++)
        op_note(rows, &n, workload_at(x->workload, i)->c.op, workload_at(x->workload, i)->c.weight,
                0);
    for (size_t i = 0; i < p->n_cases; i++)
        if (p->cases[i].weight > 0)
            op_note(rows, &n, p->cases[i].op, 0, p->cases[i].weight);
    return n;
}

/* Share of the shapes here whose nearest sealed case is c; NULL: that have none. */
static double share_near(const struct profile *x, const struct problem_case *c)
{
    double share = 0;

    for (size_t i = 0; i < workload_n(x->workload); i++) {
        const struct problem_case *e = &workload_at(x->workload, i)->c;

        if (workload_nearest(&problem_shipped, e) == c)
            share += e->weight;
    }
    return share;
}

/* --- showing --- */

/* "type=q4_k m=2048 k=2048": in the words of reference/inference/cases.c. */
static void params_text(const struct problem_case *c, struct strbuf *out)
{
    for (int i = 0; i < PROBLEM_MAX_PARAMS && c->params[i].key; i++) {
        const struct format *f = strcmp(c->params[i].key, "type") != 0
                                     ? NULL
                                     : format_find((uint32_t)c->params[i].value);

        if (f)
            strbuf_addf(out, " type=%s", f->name);
        else
            strbuf_addf(out, " %s=%lld", c->params[i].key, (long long)c->params[i].value);
    }
}

static void tables_text(const struct profile *x, struct strbuf *out)
{
    const struct problem *p = &problem_shipped;
    struct op_row rows[MAX_OPS];
    size_t n = ops_compare(x, rows);

    strbuf_addf(out, "\noperation     here  sealed\n");
    for (size_t i = 0; i < n; i++)
        strbuf_addf(out, "%-11s %.4f  %.4f\n", rows[i].op, rows[i].here, rows[i].sealed);
    strbuf_addf(out, "\nsealed case                          here  sealed\n");
    for (size_t i = 0; i < p->n_cases; i++)
        if (p->cases[i].weight > 0)
            strbuf_addf(out, "%-34s %.4f  %.4f\n", p->cases[i].name, share_near(x, &p->cases[i]),
                        p->cases[i].weight);
    strbuf_addf(out, "%-34s %.4f\n", "(none of these operations)", share_near(x, NULL));
}

static const char *model_name(const struct profile *x)
{
    return x->flags.path ? x->flags.path : "built-in model";
}

static void text_make(const struct profile *x, struct strbuf *out)
{
    strbuf_addf(out,
                "# engine profile %s --prompt %lld --decode %lld --depth %lld, %u threads\n"
                "# kernel %s, build %s\n"
                "# outside the kernel: %.2f %% of the time\n\n"
                "share   calls     us/call  case                                      parameters\n",
                model_name(x), (long long)x->n_prompt, (long long)x->n_decode, (long long)x->depth,
                engine_model_n_threads(x->model), kernel_name, engine_kernel_build_id(),
                100 * (1 - workload_total_ns(x->workload) / x->wall_ns));
    for (size_t i = 0; i < workload_n(x->workload); i++) {
        const struct workload_entry *e = workload_at(x->workload, i);

        strbuf_addf(out, "%.4f %7llu %11.2f  %-40s ", e->c.weight, (unsigned long long)e->calls,
                    (double)e->ns / (double)e->calls / 1e3, e->name);
        params_text(&e->c, out);
        strbuf_addf(out, "\n");
    }
    tables_text(x, out);
}

static json_t *case_json(const struct workload_entry *e)
{
    json_t *params = json_object();

    for (int i = 0; i < PROBLEM_MAX_PARAMS && e->c.params[i].key; i++)
        json_object_set_new(params, e->c.params[i].key, json_integer(e->c.params[i].value));
    return json_pack("{s:s, s:s, s:f, s:i, s:I, s:f, s:o}", "name", e->name, "op", e->c.op,
                     "weight", e->c.weight, "threads", (int)e->c.n_threads, "calls",
                     (json_int_t)e->calls, "us_per_call", (double)e->ns / (double)e->calls / 1e3,
                     "params", params);
}

static json_t *json_make(const struct profile *x)
{
    const struct problem *p = &problem_shipped;
    json_t *cases = json_array(), *ops = json_object(), *sealed = json_array();
    struct op_row rows[MAX_OPS];
    size_t n = ops_compare(x, rows);

    for (size_t i = 0; i < workload_n(x->workload); i++)
        json_array_append_new(cases, case_json(workload_at(x->workload, i)));
    for (size_t i = 0; i < n; i++)
        json_object_set_new(
            ops, rows[i].op,
            json_pack("{s:f, s:f}", "here", rows[i].here, "sealed", rows[i].sealed));
    for (size_t i = 0; i < p->n_cases; i++)
        if (p->cases[i].weight > 0)
            json_array_append_new(sealed, json_pack("{s:s, s:f, s:f}", "name", p->cases[i].name,
                                                    "here", share_near(x, &p->cases[i]), "sealed",
                                                    p->cases[i].weight));
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:o, s:o, s:o}", "model",
                     model_name(x), "kernel", kernel_name, "kernel_build", engine_kernel_build_id(),
                     "prompt", (json_int_t)x->n_prompt, "decode", (json_int_t)x->n_decode, "depth",
                     (json_int_t)x->depth, "threads", (json_int_t)engine_model_n_threads(x->model),
                     "outside_kernel", 1 - workload_total_ns(x->workload) / x->wall_ns, "cases",
                     cases, "operations", ops, "sealed_cases", sealed);
}

static int show(const struct profile *x)
{
    struct strbuf out = {0};
    int rc = 0;

    if (x->json) {
        json_t *root = json_make(x);
        char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;

        if (text)
            strbuf_addf(&out, "%s\n", text);
        else
            rc = err_set(ERR_USAGE, "the name of the model is no UTF-8: JSON cannot hold it");
        free(text);
        json_decref(root);
    } else {
        text_make(x, &out);
    }
    if (!rc && x->out_path)
        rc = file_write_atomic(x->out_path, strbuf_str(&out), out.len);
    else if (!rc)
        fwrite(strbuf_str(&out), 1, out.len, stdout);
    strbuf_deinit(&out);
    return rc;
}

static int profile_run(struct profile *x)
{
    int64_t n = x->depth + x->n_prompt + x->n_decode;

    if (!x->flags.n_context)
        x->flags.n_context = n;
    if (x->flags.n_context < n)
        return err_set(ERR_USAGE, "option --ctx: %lld is less than the %lld tokens of a run",
                       (long long)x->flags.n_context, (long long)n);
    TRY(model_flags_open(&x->flags, &x->model, &x->session));
    TRY(measure(x));
    return show(x);
}

int profile_main(int argc, char **argv)
{
    struct profile x = {.n_prompt = 512, .n_decode = 128, .n_repeat = 3};
    int rc = profile_parse(&x, argc, argv);

    if (rc == 0)
        rc = profile_run(&x);
    engine_session_close(&x.session);
    engine_model_close(&x.model);
    workload_close(&x.workload);
    free(x.ids);
    return rc < 0 ? command_fail(argv[0]) : 0;
}
