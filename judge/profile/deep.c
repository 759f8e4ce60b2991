/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/profile/deep.h"

#include "judge/profile/reading.h"
#include "judge/profile/runner.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

enum { LOG_BYTES = 256 << 10, WARM_CALLS = 4, TRACED_CALLS = 8 };

/* Both sides of the log: the hooks below write it, log_read reads it. */
enum event { EVENT_CALL, EVENT_CHUNK, EVENT_BARRIER };

struct log_event {
    uint64_t start, end, kind, index; /* time-stamp counter */
};

struct log {
    uint64_t n, open, open_start, open_index;
    struct log_event events[];
};

/* Appended to kernel.h. A kernel may copy its team, but not move its scratch: the log's address
 * stands just behind it (RUNNER_EXTRA_SCRATCH). */
static const char hooks[] =
    "\n"
    "struct trace_event { uint64_t start, end, kind, index; };\n"
    "struct trace_log { uint64_t n, open, open_start, open_index; struct trace_event events[]; };\n"
    "static inline struct trace_log *trace_log_of(const struct kernel_team *team)\n"
    "{\n"
    "    return *(struct trace_log **)(void *)((char *)team->scratch + team->scratch_bytes);\n"
    "}\n"
    "static inline void trace_add(struct trace_log *log, uint64_t kind, uint64_t index,\n"
    "                             uint64_t start)\n"
    "{\n"
    "    if (log->n < TRACE_ROOM)\n"
    "        log->events[log->n++] =\n"
    "            (struct trace_event){start, __builtin_ia32_rdtsc(), kind, index};\n"
    "}\n"
    "static inline void trace_close_chunk(struct trace_log *log)\n"
    "{\n"
    "    if (log->open)\n"
    "        trace_add(log, 1, log->open_index, log->open_start);\n"
    "    log->open = 0;\n"
    "}\n"
    "static inline uint32_t trace_chunk_claim(const struct kernel_team *team, uint32_t n)\n"
    "{\n"
    "    struct trace_log *log = trace_log_of(team);\n"
    "    uint32_t c;\n"
    "    trace_close_chunk(log);\n"
    "    c = kernel_chunk_claim(team, n);\n"
    "    log->open = c < n;\n"
    "    log->open_index = c;\n"
    "    log->open_start = __builtin_ia32_rdtsc();\n"
    "    return c;\n"
    "}\n"
    "static inline void trace_barrier(const struct kernel_team *team)\n"
    "{\n"
    "    struct trace_log *log = trace_log_of(team);\n"
    "    uint64_t start;\n"
    "    trace_close_chunk(log);\n"
    "    start = __builtin_ia32_rdtsc();\n"
    "    kernel_barrier(team);\n"
    "    trace_add(log, 2, 0, start);\n"
    "}\n"
    "int trace_kernel_fn(const struct kernel_call *call, const struct kernel_team *team);\n"
    "int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)\n"
    "{\n"
    "    const struct kernel_tensor *area = &call->out[KERNEL_MAX_TENSORS - 1];\n"
    "    struct trace_log *log = (void *)((char *)area->data + team->rank * TRACE_BYTES);\n"
    "    struct kernel_team inner = *team;\n"
    "    uint64_t start = __builtin_ia32_rdtsc();\n"
    "    int rc;\n"
    "    inner.scratch_bytes -= TRACE_SCRATCH;\n"
    "    *(struct trace_log **)(void *)((char *)inner.scratch + inner.scratch_bytes) = log;\n"
    "    rc = trace_kernel_fn(call, &inner);\n"
    "    trace_close_chunk(log);\n"
    "    trace_add(log, 0, 0, start);\n"
    "    return rc;\n"
    "}\n"
    "#define kernel_fn trace_kernel_fn\n"
    "#define kernel_barrier trace_barrier\n"
    "#define kernel_chunk_claim trace_chunk_claim\n";

/* --- the object --- */

static int header_write(const struct deep *d)
{
    struct strbuf text = {0};
    char path[PATH_MAX];
    int rc;

    snprintf(path, sizeof path, "%s/kernel/kernel.h", d->folder);
    /* Inside the guard, or a second inclusion would define everything twice. */
    strbuf_addf(&text, "#ifndef TRACE_KERNEL_H\n#define TRACE_KERNEL_H\n");
    rc = file_read(path, &text);
    strbuf_addf(&text,
                "\n#define TRACE_BYTES %dul\n#define TRACE_ROOM %zuul\n"
                "#define TRACE_SCRATCH %dul\n%s#endif\n",
                LOG_BYTES, (LOG_BYTES - sizeof(struct log)) / sizeof(struct log_event),
                RUNNER_EXTRA_SCRATCH, hooks);
    if (rc == 0)
        rc = file_write_atomic(path, text.data, text.len);
    strbuf_deinit(&text);
    return rc;
}

static int compile(struct deep *d, const char *root)
{
    struct strbuf said = {0};
    int rc = reading_compile(d->folder, root,
                             "-shared -nostartfiles -nostdlib -Wl,-z,noexecstack -o traced.so "
                             "kernel/kernel.c",
                             &said);

    if (rc > 0)
        snprintf(d->reason, sizeof d->reason,
                 "unavailable: the traced kernel does not compile: %.180s", strbuf_str(&said));
    strbuf_deinit(&said);
    return rc < 0 ? rc : 0;
}

int deep_init(const struct judge_build *b, const struct judge_options *o, struct deep *out)
{
    char made[sizeof out->folder], path[PATH_MAX], from[2][PATH_MAX];
    char *copy[] = {(char[]){"cp"}, (char[]){"-r"}, from[0], from[1], out->folder, NULL};
    int rc;

    *out = (struct deep){0};
    snprintf(from[0], sizeof from[0], "%s/kernel", judge_build_folder(b));
    snprintf(from[1], sizeof from[1], "%s/headers", judge_build_folder(b));
    snprintf(made, sizeof made, "%.490s/deep-XXXXXX", o->work_dir);
    if (!mkdtemp(made))
        return err_set(ERR_IO, "no scratch folder %s", made);
    if (!realpath(made, path) || strlen(path) >= sizeof out->folder) {
        file_remove_tree(made);
        return err_set(ERR_RANGE, "%s: its full name is too long", made);
    }
    strcpy(out->folder, path);
    snprintf(out->object, sizeof out->object, "%s/traced.so", out->folder);
    rc = process_run(copy, NULL, 30, NULL);
    if (rc > 0)
        rc = err_set(ERR_IO, "copying %s", from[0]);
    if (rc == 0)
        rc = header_write(out);
    if (rc == 0)
        rc = compile(out, o->root);
    if (rc < 0)
        deep_deinit(out);
    return rc;
}

void deep_deinit(struct deep *d)
{
    if (d->folder[0])
        file_remove_tree(d->folder);
    d->folder[0] = '\0';
}

/* --- the log --- */

/* Two readings of both clocks give the line between them. */
struct clocks {
    uint64_t tsc;
    double ns, ns_per_tick;
};

static double clock_ns(const struct clocks *c, uint64_t tsc)
{
    return c->ns + (double)(int64_t)(tsc - c->tsc) * c->ns_per_tick;
}

struct call_times {
    double start, end; /* of one thread */
};

/* Everything one thread logged. The kernel could have written it: nothing is believed but numbers. */
static void log_read(const struct log *log, const struct clocks *clocks, struct trace *t,
                     uint32_t process, uint32_t rank, struct call_times *calls,
                     struct deep_case *out)
{
    size_t room = (LOG_BYTES - sizeof *log) / sizeof log->events[0], n_calls = 0;
    size_t n = log->n < room ? log->n : room;

    for (size_t i = 0; i < n; i++) {
        struct log_event e = log->events[i];
        double start = clock_ns(clocks, e.start), ns = clock_ns(clocks, e.end) - start;
        char name[32];

        if (!(ns >= 0) || !(ns < 60e9))
            continue;
        snprintf(name, sizeof name,
                 e.kind == EVENT_CALL      ? "call"
                 : e.kind == EVENT_BARRIER ? "barrier"
                                           : "chunk %u",
                 (unsigned)e.index);
        trace_add_span(t, process, rank + 1, name, start, ns, NULL);
        if (e.kind == EVENT_CALL && n_calls < TRACED_CALLS) {
            calls[n_calls++] = (struct call_times){start, start + ns};
        } else if (e.kind == EVENT_BARRIER) {
            out->barrier_ns += ns;
            out->n_barriers++;
        } else if (e.kind == EVENT_CHUNK) {
            out->chunk_ns += ns;
            out->chunk_max_ns = fmax(out->chunk_max_ns, ns);
            out->n_chunks++;
        }
    }
}

/* Sums over calls become means; what a thread did not spend inside its call it was idle. */
static void case_finish(struct deep_case *out, struct call_times calls[][TRACED_CALLS])
{
    double n = out->n_calls;

    for (uint32_t r = 0; r < out->n_threads; r++)
        if (!(calls[r][TRACED_CALLS - 1].end > 0)) {
            snprintf(out->reason, sizeof out->reason,
                     "unavailable: thread %u has more chunks and barriers than the log holds", r);
            return;
        }

    for (uint32_t k = 0; k < out->n_calls; k++) {
        double first = HUGE_VAL, last = 0, inside = 0;

        for (uint32_t r = 0; r < out->n_threads; r++) {
            first = fmin(first, calls[r][k].start);
            last = fmax(last, calls[r][k].end);
            inside += calls[r][k].end - calls[r][k].start;
        }
        for (uint32_t r = 0; r < out->n_threads; r++) {
            out->late_ns += (calls[r][k].start - first) / n;
            out->idle_ns += (last - calls[r][k].end) / n;
        }
        out->call_ns += (last - first) / n;
        out->busy_ns += inside / n;
    }
    out->chunk_ns = out->n_chunks ? out->chunk_ns / out->n_chunks : 0;
    out->barrier_ns /= n;
    out->busy_ns -= out->barrier_ns;
    out->n_chunks /= n;
    out->n_barriers /= n;
}

static int run_traced(struct runner *r, struct trace *t, uint32_t process, struct deep_case *out,
                      struct judge_fault *fault)
{
    struct call_times calls[WORKER_MAX_THREADS][TRACED_CALLS] = {{{0, 0}}};
    struct clocks clocks;
    unsigned char *logs = runner_extra(r);
    double ns, end;

    TRY(runner_run(r, WARM_CALLS, &ns, fault));
    if (fault->found)
        return 0;
    memset(logs, 0, (size_t)LOG_BYTES * runner_threads(r));
    clocks = (struct clocks){.tsc = __rdtsc(), .ns = trace_now_ns()};
    TRY(runner_run(r, TRACED_CALLS, &ns, fault));
    end = trace_now_ns();
    clocks.ns_per_tick = (end - clocks.ns) / (double)(__rdtsc() - clocks.tsc);
    trace_add_span(t, process, TRACE_JUDGE_ROW, "traced slice", clocks.ns, ns, NULL);
    out->n_calls = TRACED_CALLS;
    out->n_threads = runner_threads(r);
    for (uint32_t rank = 0; rank < out->n_threads && !fault->found; rank++)
        log_read((const struct log *)(const void *)(logs + (size_t)rank * LOG_BYTES), &clocks, t,
                 process, rank, calls[rank], out);
    case_finish(out, calls);
    return 0;
}

int deep_take(const struct deep *d, struct judge_build *b, const struct judge_options *o,
              const struct problem_case *c, struct trace *t, uint32_t process,
              struct deep_case *out)
{
    const struct runner_spec spec = {
        .object = d->object,
        .sanitized = true,
        .extra_output = (size_t)LOG_BYTES * (c->n_threads ? c->n_threads : 1),
    };
    struct judge_fault fault = {0};
    struct runner *r = NULL;
    int rc;

    *out = (struct deep_case){0};
    if (d->reason[0]) {
        snprintf(out->reason, sizeof out->reason, "%s", d->reason);
        return 0;
    }
    rc = runner_open(b, o, c, &spec, &r, &fault);
    if (r && rc == 0)
        rc = run_traced(r, t, process, out, &fault);
    runner_close(&r);
    if (rc < 0 || fault.found)
        snprintf(out->reason, sizeof out->reason, "unavailable: %.200s",
                 rc < 0 ? err_message() : fault.message);
    return rc == ERR_NOMEM ? rc : 0;
}

/* What most of the lost time of a team says. */
static const char *team_advice(const struct deep_case *c, double lost)
{
    if (lost < 0.1)
        return "the team is not what holds it back";
    if (c->late_ns > fmax(c->barrier_ns, c->idle_ns))
        return "most of it before their first start: short calls for a team, or a busy machine";
    return c->barrier_ns > c->idle_ns ? "most of it in barriers: fewer of them, or evener parts"
                                      : "most of it after their own end: smaller chunks";
}

void deep_print(const struct deep_case *all, const char *const *names, size_t n, struct strbuf *out)
{
    const struct deep_case *worst = NULL;
    double most = 0;

    strbuf_addf(out,
                "Times of a call, the same sources with hooks around barriers and chunks. Shares "
                "of the threads' time:\nlate before their own start, wait in barriers, idle after "
                "their own end.\n\n"
                "%-24s %3s %9s %7s %9s %9s %8s %6s %6s %6s\n",
                "case", "thr", "call us", "chunks", "chunk us", "longest", "barriers", "late",
                "wait", "idle");
    for (size_t i = 0; i < n; i++) {
        const struct deep_case *c = &all[i];
        double lost = c->barrier_ns + c->late_ns + c->idle_ns, thread_ns = c->busy_ns + lost;
        double percent = thread_ns > 0 ? 100 / thread_ns : 0;

        if (c->reason[0]) {
            strbuf_addf(out, "%-24s %s\n", names[i], c->reason);
            continue;
        }
        strbuf_addf(out, "%-24s %3u %9.2f %7.1f %9.2f %9.2f %8.1f %5.1f%% %5.1f%% %5.1f%%\n",
                    names[i], c->n_threads, c->call_ns * 1e-3, c->n_chunks, c->chunk_ns * 1e-3,
                    c->chunk_max_ns * 1e-3, c->n_barriers, c->late_ns * percent,
                    c->barrier_ns * percent, c->idle_ns * percent);
        if (c->n_threads > 1 && (!worst || lost * percent > most)) {
            most = lost * percent;
            worst = c;
        }
    }
    if (!worst)
        strbuf_addf(out, "\nclosest wall: not the team: no case here runs on several threads\n");
    else
        strbuf_addf(out,
                    "\nclosest wall: the threads of %s wait or idle %.0f %% of their time: %s\n",
                    names[worst - all], most, team_advice(worst, most / 100));
}
