/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/profile/profile.h"

#include "judge/profile/deep.h"
#include "judge/profile/hotspots.h"
#include "judge/profile/ports.h"
#include "judge/profile/reading.h"
#include "judge/profile/remarks.h"
#include "judge/profile/runner.h"
#include "judge/profile/trace.h"
#include "judge/rule/trial.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LOOPS = 12, MAX_LISTINGS = 16, TRACED_SLICES = 8 };
#define SAMPLED_SECONDS 0.5
/* Functions with less than this of a case's samples are not worth reading. */
#define HOT_SHARE 0.02
#define SLICE_NS  5e6

/* All that one profile gathers on its way. */
struct profile {
    struct judge_build *build;
    const struct profile_options *options;
    const struct bench *bench;
    const char *object;
    struct reading reading;
    struct hotspots *hotspots; /* [n_cases] */
    struct deep_case deep[UNIT_MAX_CASES];
    struct budget budgets[UNIT_MAX_CASES];
    struct judge_fault fault;
    struct trace trace;
    json_t *files; /* name: closing line */
    char closing[200];
};

/* --- files --- */

/* Write a file and keep its last line, which is its closing line. */
static int file_put(struct profile *p, const char *name, const struct strbuf *text)
{
    char path[PATH_MAX];
    const char *s = strbuf_str(text), *last = s;
    size_t n = text->len;

    if (snprintf(path, sizeof path, "%s/%s", p->options->folder, name) >= (int)sizeof path)
        return err_set(ERR_RANGE, "%s: path too long", p->options->folder);
    TRY(file_write_atomic(path, s, n));
    while (n > 0 && s[n - 1] == '\n')
        n--;
    for (size_t i = 0; i < n; i++)
        if (s[i] == '\n')
            last = s + i + 1;
    json_object_set_new(p->files, name, json_stringn(last, (size_t)(s + n - last)));
    return 0;
}

/* Write `text` under `name` and release it. */
static int file_take(struct profile *p, const char *name, struct strbuf *text)
{
    int rc = file_put(p, name, text);

    strbuf_deinit(text);
    return rc;
}

/* --- hot spots and the trace --- */

/* With --focus only its cases have weight, and only they are looked into. */
static bool is_watched(const struct profile *p, size_t i)
{
    return p->bench->cases[i].weight > 0;
}

/* A few slices of a case as spans on the judge's row. */
static int case_trace(struct profile *p, size_t i, struct runner *r)
{
    const struct bench_case *c = &p->bench->cases[i];
    uint32_t count = (uint32_t)fmax(1, SLICE_NS / fmax(c->median_ns, 1));

    trace_add_case(&p->trace, (uint32_t)i, c->c->name, runner_threads(r));
    for (int k = 0; k < TRACED_SLICES && !p->fault.found; k++) {
        double start = trace_now_ns(), ns;

        TRY(runner_run(r, count, &ns, &p->fault));
        trace_add_span(
            &p->trace, (uint32_t)i, TRACE_JUDGE_ROW, c->c->name, start, ns,
            json_pack("{s:i, s:f}", "requests", (int)count, "ns_per_request", ns / count));
    }
    return 0;
}

static int case_watch(struct profile *p, size_t i)
{
    const struct runner_spec plain = {.object = p->object};
    struct runner *r = NULL;
    int rc = runner_open(p->build, p->options->judge, p->bench->cases[i].c, &plain, &r, &p->fault);

    if (r && rc == 0)
        rc = hotspots_take(r, p->object, SAMPLED_SECONDS, &p->reading.assembly, &p->hotspots[i],
                           &p->fault);
    if (r && rc == 0 && !p->fault.found)
        rc = case_trace(p, i, r);
    runner_close(&r);
    return rc;
}

static int watch_all(struct profile *p)
{
    p->hotspots = calloc(p->bench->n_cases ? p->bench->n_cases : 1, sizeof *p->hotspots);
    if (!p->hotspots)
        return err_set(ERR_NOMEM, "out of memory for hot spots");
    TRY(judge_build_link(p->build, 0, &p->object));
    for (size_t i = 0; i < p->bench->n_cases && !p->fault.found; i++) {
        if (!is_watched(p, i))
            continue;
        trial_progress(p->options->judge, JUDGE_MEASURED, false, "watching %s",
                       p->bench->cases[i].c->name);
        TRY(case_watch(p, i));
    }
    return 0;
}

static int trace_deep(struct profile *p)
{
    const struct judge_options *o = p->options->judge;
    struct deep d;
    int rc = 0;

    TRY(deep_init(p->build, o, &d));
    for (size_t i = 0; i < p->bench->n_cases && rc == 0; i++) {
        if (!is_watched(p, i))
            continue;
        trial_progress(o, JUDGE_MEASURED, false, "tracing %s", p->bench->cases[i].c->name);
        rc = deep_take(&d, p->build, o, p->bench->cases[i].c, &p->trace, (uint32_t)i, &p->deep[i]);
    }
    deep_deinit(&d);
    return rc;
}

static int write_deep(struct profile *p)
{
    struct deep_case watched[UNIT_MAX_CASES];
    const char *names[UNIT_MAX_CASES];
    struct strbuf text = {0};
    size_t n = 0;

    for (size_t i = 0; i < p->bench->n_cases; i++)
        if (is_watched(p, i)) {
            names[n] = p->bench->cases[i].c->name;
            watched[n++] = p->deep[i];
        }
    deep_print(watched, names, n, &text);
    return file_take(p, "deep.txt", &text);
}

/* The folder may hold an earlier profile: its deep.txt is about other numbers than the rest. */
static void deep_forget(const struct profile *p)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/deep.txt", p->options->folder) < (int)sizeof path)
        unlink(path);
}

/* The hottest function of the mix: shares of samples weighted by the cases' weights. */
static const char *hottest(const struct profile *p, double *share)
{
    const char *best = NULL;

    *share = 0;
    for (size_t i = 0; i < p->bench->n_cases; i++) {
        const struct hotspots_symbol *top = hotspots_top(&p->hotspots[i]);
        double sum = 0;

        for (size_t k = 0; top && k < p->bench->n_cases; k++)
            for (size_t s = 0; s < p->hotspots[k].n_symbols; s++)
                if (!strcmp(p->hotspots[k].symbols[s].name, top->name))
                    sum += p->bench->cases[k].weight * (double)p->hotspots[k].symbols[s].n_samples /
                           fmax((double)p->hotspots[k].n_samples, 1);
        if (sum > *share) {
            *share = sum;
            best = top->name;
        }
    }
    return best;
}

static int write_hotspots(struct profile *p)
{
    struct strbuf text = {0};
    double share;
    const char *name = hottest(p, &share);

    strbuf_addf(&text, "Samples of the instruction pointer (cpu-clock), taken from outside while a "
                       "worker runs one case.\n");
    for (size_t i = 0; i < p->bench->n_cases; i++)
        if (is_watched(p, i)) {
            strbuf_addf(&text, "\n%s\n", p->bench->cases[i].c->name);
            hotspots_print(&p->hotspots[i], &text);
        }
    if (name)
        strbuf_addf(&text, "\nclosest wall: %s is %.0f %% of the weighted time: start there\n",
                    name, share * 100);
    else
        strbuf_addf(&text, "\nclosest wall: unknown without samples; %s\n", p->closing);
    return file_take(p, "perf.txt", &text);
}

/* --- what the compiler made --- */

/* Hot enough to be read in some case, or, without any samples, holder of a hot loop. */
static bool is_hot(const struct profile *p, const char *name)
{
    for (size_t i = 0; i < p->bench->n_cases; i++)
        for (size_t s = 0; s < p->hotspots[i].n_symbols; s++)
            if (!strcmp(p->hotspots[i].symbols[s].name, name) &&
                (double)p->hotspots[i].symbols[s].n_samples >
                    HOT_SHARE * (double)p->hotspots[i].n_samples)
                return true;
    return false;
}

static bool any_samples(const struct profile *p)
{
    for (size_t i = 0; i < p->bench->n_cases; i++)
        if (p->hotspots[i].n_kernel)
            return true;
    return false;
}

static int write_listing(struct profile *p, const struct assembly_function *f)
{
    struct strbuf text = {0};
    char name[ASSEMBLY_MAX_NAME + 16];

    assembly_print(&p->reading.assembly, f, p->reading.folder, &text);
    if (assembly_hot_spills(&p->reading.assembly, f))
        strbuf_addf(&text,
                    "# closest wall: registers: %u vector moves to and from the stack in its hot "
                    "loops\n",
                    assembly_hot_spills(&p->reading.assembly, f));
    else
        strbuf_addf(&text, "# closest wall: not the registers; see ports.txt for the loops\n");
    snprintf(name, sizeof name, "asm/%s.s", f->name);
    return file_take(p, name, &text);
}

static int write_listings(struct profile *p)
{
    const struct assembly *a = &p->reading.assembly;
    const struct assembly_loop *loops[MAX_LOOPS];
    const struct assembly_function *of[MAX_LOOPS];
    size_t n_loops = assembly_hot_loops(a, MAX_LOOPS, loops, of), n = 0;
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/asm", p->options->folder);
    TRY(file_make_dirs(path));
    for (size_t i = 0; i < a->n_functions && n < MAX_LISTINGS; i++) {
        const struct assembly_function *f = &a->functions[i];
        bool wanted = is_hot(p, f->name);

        for (size_t k = 0; k < n_loops && !any_samples(p); k++)
            wanted |= of[k] == f;
        if (wanted) {
            TRY(write_listing(p, f));
            n++;
        }
    }
    return 0;
}

static int write_ports(struct profile *p)
{
    struct strbuf text = {0};
    int rc = ports_print(&p->reading.assembly, p->options->judge->work_dir, &text);

    if (rc == 0)
        rc = file_put(p, "ports.txt", &text);
    strbuf_deinit(&text);
    return rc;
}

static int write_reading(struct profile *p)
{
    struct strbuf spills = {0}, remarks = {0};

    if (p->reading.reason[0]) {
        strbuf_addf(&spills, "%s\n", p->reading.reason);
        return file_take(p, "spills.txt", &spills);
    }
    if (!p->reading.same_code)
        strbuf_addf(&spills, "The compiler made other code with line numbers than without: what "
                             "follows is near to what runs, not the same.\n\n");
    assembly_print_spills(&p->reading.assembly, &spills);
    TRY(file_take(p, "spills.txt", &spills));
    remarks_print(strbuf_str(&p->reading.remarks), &remarks);
    TRY(file_take(p, "vectorise.txt", &remarks));
    TRY(write_listings(p));
    return write_ports(p);
}

/* --- counters, budget --- */

static int write_counters(struct profile *p)
{
    const struct counters *c = &p->bench->counts.events;
    const struct bench_case *worst = NULL;
    struct strbuf text = {0};
    double lowest = HUGE_VAL;

    strbuf_addf(&text, "Events of one request, user mode, counted from outside in a pass that is "
                       "not timed.\n\n");
    for (size_t i = 0; i < p->bench->n_cases && counters_any(c); i++) {
        const double *count = p->bench->counts.per_request[i];
        double ipc = counters_ipc(c, count);

        strbuf_addf(&text, "%s\n", p->bench->cases[i].c->name);
        for (size_t k = 0; k < c->n; k++)
            if (!c->reason[k][0])
                strbuf_addf(&text, "  %-14s %16.1f\n", c->event[k].name, count[k]);
        if (ipc > 0)
            strbuf_addf(&text, "  %-14s %16.2f\n", "IPC", ipc);
        if (ipc > 0 && ipc < lowest) {
            lowest = ipc;
            worst = &p->bench->cases[i];
        }
    }
    for (size_t k = 0; k < c->n; k++)
        if (c->reason[k][0])
            strbuf_addf(&text, "%s unavailable: %s\n", c->event[k].name, c->reason[k]);
    if (worst)
        strbuf_addf(&text, "\nclosest wall: %s retires %.2f instructions a cycle, the fewest: %s\n",
                    worst->c->name, lowest,
                    worst->point.regime[0] == 'm' ? "it waits for memory" : "it waits for results");
    else
        strbuf_addf(&text, "\nclosest wall: unknown without counters; %s\n", p->closing);
    return file_take(p, "counters.txt", &text);
}

static int write_budget(struct profile *p)
{
    struct strbuf text = {0};

    profile_print_budgets(p->bench, p->budgets, &text);
    return file_take(p, "budget.txt", &text);
}

int profile_budgets(struct judge_build *build, const struct judge_options *o, const struct bench *b,
                    struct budget *out, struct judge_fault *fault)
{
    for (size_t i = 0; i < b->n_cases && !fault->found; i++) {
        struct kernel_tiling tiling;

        TRY(budget_ask(build, o, b->cases[i].c, &tiling, fault));
        budget_fill(b->cases[i].c, &tiling, &b->peaks, &out[i]);
    }
    return 0;
}

void profile_print_budgets(const struct bench *b, const struct budget *budgets, struct strbuf *out)
{
    double ns[UNIT_MAX_CASES];

    for (size_t i = 0; i < b->n_cases; i++)
        ns[i] = b->cases[i].median_ns;
    budget_print(budgets, ns, b->n_cases, &b->peaks, out);
}

/* --- the whole --- */

void profile_closing(const struct bench *b, char *out, size_t bytes)
{
    const struct bench_case *worst = &b->cases[0];
    char advice[160];

    if (!b->n_cases) {
        snprintf(out, bytes, "nothing is timed");
        return;
    }
    for (size_t i = 1; i < b->n_cases; i++)
        if (b->cases[i].weight * (1 - b->cases[i].point.utilisation) >
            worst->weight * (1 - worst->point.utilisation))
            worst = &b->cases[i];
    roofline_advice(&worst->point, advice, sizeof advice);
    snprintf(out, bytes, "most time is lost in %s: %s", worst->c->name, advice);
}

static void wall_name(const struct roofline_point *r, char out[24])
{
    bool memory = r->regime[0] == 'm';

    snprintf(out, 24, "%s%s%s", r->regime, memory ? " " : "",
             memory ? judge_peaks_level_name(r->level) : "");
}

static int write_summary(struct profile *p)
{
    struct strbuf text = {0};
    char machine[256], wall[24], advice[160];
    const char *name;
    json_t *line;

    judge_machine_fingerprint(machine);
    strbuf_addf(&text, "# Profile of %.12s\n\n%s\n\n", judge_build_code_key(p->build), machine);
    strbuf_addf(&text, "| case | threads | weight | time us | roof | wall | what that suggests |\n"
                       "|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < p->bench->n_cases; i++) {
        const struct bench_case *c = &p->bench->cases[i];

        wall_name(&c->point, wall);
        roofline_advice(&c->point, advice, sizeof advice);
        strbuf_addf(&text, "| %s | %u | %.1f %% | %.2f | %.1f %% | %s | %s |\n", c->c->name,
                    c->c->n_threads, c->weight * 100, c->median_ns * 1e-3,
                    c->point.utilisation * 100, wall, advice);
    }
    if (!p->bench->peaks.plausible)
        strbuf_addf(&text, "\nThe peaks are doubtful, and the roofs with them: %s\n",
                    p->bench->peaks.doubt);
    strbuf_addf(&text, "\n| file | its closing line |\n|---|---|\n");
    json_object_foreach(p->files, name, line)
        strbuf_addf(&text, "| %s | %s |\n", name, json_string_value(line));
    strbuf_addf(&text, "\n%s\n", p->closing);
    return file_take(p, "summary.md", &text);
}

static int write_json(struct profile *p, const char *name, json_t *value, json_t **keep)
{
    char path[PATH_MAX];
    char *text = value ? json_dumps(value, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) : NULL;
    int rc;

    snprintf(path, sizeof path, "%s/%s", p->options->folder, name);
    rc = text ? file_write_atomic(path, text, strlen(text))
              : err_set(ERR_NOMEM, "out of memory for %s", name);
    free(text);
    if (keep && rc == 0)
        *keep = json_incref(value);
    json_decref(value);
    return rc;
}

static json_t *summary_json(struct profile *p)
{
    json_t *bench = bench_json(p->bench), *cases = json_object_get(bench, "cases");

    for (size_t i = 0; i < p->bench->n_cases; i++) {
        const struct hotspots_symbol *top = hotspots_top(&p->hotspots[i]);
        json_t *one = json_array_get(cases, i);

        json_object_set_new(one, "budget", budget_json(&p->budgets[i]));
        json_object_set_new(one, "hottest", top ? json_string(top->name) : json_null());
    }
    return json_pack("{s:s, s:s, s:O, s:o}", "code_key", judge_build_code_key(p->build), "closing",
                     p->closing, "files", p->files, "bench", bench);
}

static int write_all(struct profile *p, json_t **summary)
{
    TRY(write_hotspots(p));
    TRY(write_reading(p));
    TRY(write_counters(p));
    TRY(write_budget(p));
    if (p->options->deep)
        TRY(write_deep(p));
    else
        deep_forget(p);
    TRY(write_json(p, "trace.json", trace_json(&p->trace, p->closing), NULL));
    json_object_set_new(p->files, "trace.json", json_string(p->closing));
    TRY(write_summary(p));
    return write_json(p, "summary.json", summary_json(p), summary);
}

static int fault_to_bench(const struct profile *p, struct bench *bench)
{
    bench->status = UNIT_FAILED;
    bench->verdict = p->fault.verdict;
    snprintf(bench->message, sizeof bench->message, "%s", p->fault.message);
    return 0;
}

int profile_write(struct judge_build *b, const struct profile_options *o, struct bench *bench,
                  json_t **summary)
{
    struct profile *p = calloc(1, sizeof *p);
    int rc;

    *summary = NULL;
    if (!p)
        return err_set(ERR_NOMEM, "out of memory for a profile");
    *p = (struct profile){.build = b, .options = o, .bench = bench, .files = json_object()};
    rc = bench_run(b, o->judge, o->n_units, bench);
    if (rc < 0 || bench->status == UNIT_FAILED)
        goto out;
    profile_closing(bench, p->closing, sizeof p->closing);
    rc = file_make_dirs(o->folder);
    if (rc == 0)
        rc = trace_init(&p->trace);
    if (rc == 0)
        rc = reading_init(b, o->judge, &p->reading);
    if (rc == 0)
        rc = profile_budgets(b, o->judge, bench, p->budgets, &p->fault);
    if (rc == 0 && !p->fault.found)
        rc = watch_all(p);
    if (rc == 0 && !p->fault.found && o->deep)
        rc = trace_deep(p);
    if (rc == 0)
        rc = p->fault.found ? fault_to_bench(p, bench) : write_all(p, summary);
out:
    trace_deinit(&p->trace);
    reading_deinit(&p->reading);
    free(p->hotspots);
    json_decref(p->files);
    free(p);
    return rc;
}
