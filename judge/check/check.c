/* SPDX-License-Identifier: Apache-2.0
 *
 * judge_check: which case is run when, and by whom. Most wrong kernels are wrong on random data, so
 * every case is first tried with that, then all the other patterns follow, at last the build with
 * sanitizers. Tasks are claimed in order by up to two threads, each with a rig of its own; of
 * several failures the first in that order is reported, so the report does not depend on which
 * thread was faster. */
#include "judge/judge.h"

#include "judge/check/variants.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MAX_TEAM = 8,      /* threads of the whole team, if the machine has them */
    MAX_HANDS = 2,     /* threads of ours */
    N_DRAWN = 48,      /* cases that nobody could know */
    N_PROBES = 3,      /* instances of PROBLEM_PROBE: each hits other blocks */
    DRAWN_STREAM = 99, /* of the check's seed */
};
/* The sanitized build runs what it can reach in this time, small cases first. */
#define SANITIZED_SECONDS 4.0

enum phase { PHASE_RANDOM, PHASE_PATTERNS, PHASE_SANITIZED, N_PHASES };

struct task {
    size_t index; /* of the case in the report */
    enum phase phase;
};

struct check {
    const struct judge_options *o;
    struct judge_check_report *report;
    struct rig_plan plan[N_PHASES];
    double begin, told;

    size_t n_tasks;
    const struct task *tasks;
    pthread_mutex_t lock; /* of what follows, and of the report's cases */
    size_t next;          /* task; n_tasks when nothing is to be begun any more */
    size_t failed;        /* task that *found is about, SIZE_MAX: none */
    struct finding found;
    enum err error; /* of ours */
    char message[512];
};

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- one task --- */

static void stats_add(struct judge_check_case *to, const struct judge_check_case *from,
                      const struct compare_stats *stats)
{
    to->n_runs += from->n_runs;
    to->fpu_read |= from->fpu_read;
    if (from->setup_ns > 0 && to->setup_ns == 0)
        to->setup_ns = from->setup_ns;
    to->max_units = fmax(to->max_units, stats->max_units);
    to->p99_units = fmax(to->p99_units, stats->p99_units);
    to->rms_units = fmax(to->rms_units, stats->rms_units);
    to->max_bound_share = fmax(to->max_bound_share, stats->max_bound_share);
}

static int pattern_check(const struct check *check, struct rig *r, const struct task *task,
                         enum problem_pattern pattern, struct judge_check_case *report,
                         struct compare_stats *stats, struct finding *f)
{
    const struct problem_case *c = check->report->cases[task->index].c;
    uint64_t seed = rng_seed_mix(check->report->seed, task->index);
    int n = pattern == PROBLEM_PROBE ? N_PROBES : 1;

    for (int i = 0; i < n && !f->fault.found; i++) {
        struct variants_job job = {
            .c = c,
            .seed = rng_seed_mix(seed, (uint64_t)(pattern + i * PROBLEM_N_PATTERNS)),
            .check_seed = check->report->seed,
            .pattern = pattern,
            .all = task->phase == PHASE_RANDOM,
            .unjudged = task->phase == PHASE_SANITIZED,
        };

        TRY(variants_check(r, &check->plan[task->phase], &job, report, stats, f));
    }
    return 0;
}

static int task_run(const struct check *check, const struct task *task,
                    struct judge_check_case *report, struct compare_stats *stats, struct finding *f)
{
    const struct problem_case *c = check->report->cases[task->index].c;
    bool rest = task->phase == PHASE_PATTERNS;
    struct rig r = RIG_NONE;
    int rc = 0;

    for (int p = 0; p < PROBLEM_N_PATTERNS && rc == 0 && !f->fault.found; p++)
        if ((c->patterns >> p & 1) && rest == (p != PROBLEM_RANDOM))
            rc = pattern_check(check, &r, task, (enum problem_pattern)p, report, stats, f);
    rig_close(&r);
    return rc;
}

/* --- claiming --- */

/* A line for people now and then, not one per case. */
static void progress(struct check *check, const struct task *task)
{
    static const char *const phases[N_PHASES] = {"check", "check patterns", "check sanitized"};
    const struct judge_options *o = check->o;
    char text[160];
    struct judge_progress p = {.stage = JUDGE_CHECKED, .text = text};

    if (!o->progress || seconds_now() - check->told <= 1)
        return;
    check->told = seconds_now();
    snprintf(text, sizeof text, "%s %zu/%zu %s", phases[task->phase], check->next, check->n_tasks,
             check->report->cases[task->index].c->name);
    o->progress(o->progress_ctx, &p);
}

/* NULL when nothing is left to begin. */
static const struct task *task_claim(struct check *check)
{
    const struct task *task = NULL;

    pthread_mutex_lock(&check->lock);
    if (check->next < check->n_tasks)
        task = &check->tasks[check->next++];
    if (task && task->phase == PHASE_SANITIZED && seconds_now() - check->begin > SANITIZED_SECONDS)
        task = NULL;
    if (task)
        progress(check, task);
    pthread_mutex_unlock(&check->lock);
    return task;
}

/* An earlier task failed as well: what this one found is not told. */
static void case_forget(struct check *check, const struct task *task)
{
    struct judge_check_case *report = &check->report->cases[task->index];

    *report = (struct judge_check_case){.c = report->c};
}

static void task_end(struct check *check, const struct task *task,
                     const struct judge_check_case *report, const struct compare_stats *stats,
                     const struct finding *f, int rc)
{
    size_t index = (size_t)(task - check->tasks);

    pthread_mutex_lock(&check->lock);
    if (f->fault.found && index < check->failed) {
        if (check->failed != SIZE_MAX)
            case_forget(check, &check->tasks[check->failed]);
        check->failed = index;
        check->found = *f;
    }
    if (index <= check->failed)
        stats_add(&check->report->cases[task->index], report, stats);
    if (task->phase == PHASE_SANITIZED && rc == 0)
        check->report->n_sanitized++;
    if (rc < 0 && check->error == ERR_OK) {
        check->error = (enum err)rc;
        snprintf(check->message, sizeof check->message, "%s", err_message());
    }
    if (f->fault.found || rc < 0)
        check->next = check->n_tasks;
    pthread_mutex_unlock(&check->lock);
}

static void *hand(void *argument)
{
    struct check *check = argument;
    const struct task *task;

    while ((task = task_claim(check))) {
        struct judge_check_case report = {0};
        struct compare_stats stats = {0};
        struct finding f = {0};
        int rc = task_run(check, task, &report, &stats, &f);

        task_end(check, task, &report, &stats, &f, rc);
    }
    return NULL;
}

/* All of the tasks, or up to the first that fails: then the rest is not begun. */
static int tasks_run(struct check *check, const struct task *tasks, size_t n, uint32_t n_cores)
{
    pthread_t other[MAX_HANDS - 1];
    uint32_t n_other = 0;

    check->tasks = tasks;
    check->n_tasks = n;
    check->next = 0;
    check->begin = seconds_now();
    while (n_other + 1 < MAX_HANDS && n_other + 1 < n_cores &&
           pthread_create(&other[n_other], NULL, hand, check) == 0)
        n_other++;
    hand(check);
    while (n_other > 0)
        pthread_join(other[--n_other], NULL);
    if (check->error != ERR_OK)
        return err_set(check->error, "%s", check->message);
    if (check->failed != SIZE_MAX)
        check->report->cases[tasks[check->failed].index].failed = true;
    return 0;
}

/* --- the cases --- */

/* The listed ones, or the one of them that was asked for, then the drawn ones. */
static int cases_list(struct check *check)
{
    struct judge_check_report *out = check->report;
    const char *only = check->o->only_case;
    size_t n_drawn = only ? 0 : N_DRAWN;

    TRY(problem_verify());
    out->cases = calloc(problem_shipped.n_cases + n_drawn, sizeof *out->cases);
    out->drawn = calloc(n_drawn + 1, sizeof *out->drawn);
    if (!out->cases || !out->drawn)
        return err_set(ERR_NOMEM, "out of memory for the check");
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        out->cases[out->n_cases++].c = &problem_shipped.cases[i];
    for (size_t i = 0; i < n_drawn; i++) {
        uint64_t stream = rng_seed_mix(out->seed, DRAWN_STREAM);

        problem_case_draw(rng_seed_mix(stream, i), &out->drawn[i]);
        out->cases[out->n_cases++].c = &out->drawn[i].c;
    }
    return 0;
}

/* Two tasks for each case that is wanted. */
static size_t tasks_list(const struct check *check, struct task *tasks)
{
    const struct judge_check_report *r = check->report;
    const char *only = check->o->only_case;
    bool hidden = check->o->check_scope == JUDGE_CHECK_HIDDEN;
    size_t n = 0;

    for (enum phase phase = PHASE_RANDOM; phase <= PHASE_PATTERNS; phase++)
        for (size_t i = hidden ? problem_shipped.n_cases : 0; i < r->n_cases; i++)
            if (!only || strcmp(only, r->cases[i].c->name) == 0)
                tasks[n++] = (struct task){i, phase};
    return n;
}

static double case_work(const struct problem_case *c)
{
    struct problem_work w;

    return compute_flops(c, &w) < 0 ? 0 : w.flops_f32 + w.ops_int8 + w.ops_bf16 + w.bytes_read;
}

/* Listed cases, the smallest first. */
static size_t tasks_list_sanitized(const struct check *check, struct task *tasks)
{
    const struct judge_check_report *r = check->report;
    const char *only = check->o->only_case;
    size_t n = 0;

    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        size_t at = n;

        if (only && strcmp(only, r->cases[i].c->name) != 0)
            continue;
        for (; at > 0 && case_work(r->cases[tasks[at - 1].index].c) > case_work(r->cases[i].c);
             at--)
            tasks[at] = tasks[at - 1];
        tasks[at] = (struct task){i, PHASE_SANITIZED};
        n++;
    }
    return n;
}

/* Cases that were never begun leave the report. */
static void cases_compact(struct judge_check_report *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_cases; i++) {
        if (r->cases[i].n_runs == 0 && !r->cases[i].failed)
            continue;
        r->n_drawn += i >= problem_shipped.n_cases;
        r->cases[n++] = r->cases[i];
    }
    r->n_cases = n;
}

/* --- the whole --- */

static int plan_init(struct check *check, struct judge_build *build, uint32_t *n_cores)
{
    struct rig_plan *p = &check->plan[PHASE_RANDOM];
    int32_t core[WORKER_MAX_THREADS];
    uint32_t n = *n_cores = side_cores(core, WORKER_MAX_THREADS);

    p->worker = check->o->worker;
    for (int i = 0; i < WORKER_MAX_THREADS; i++)
        p->core[i] = -1; /* two rigs at a time share the processors as the system likes */
    /* More threads than processors, too: their result must not differ. */
    p->team[RIG_ONE] = 1;
    p->team[RIG_TWO] = 2;
    p->team[RIG_THREE] = 3;
    p->team[RIG_WHOLE] = n < 2 ? 2 : n < MAX_TEAM ? n : MAX_TEAM;
    TRY(cpu_features_named(check->o->features ? check->o->features : "all", &p->features));
    TRY(judge_build_link(build, 0, &p->object));
    check->plan[PHASE_PATTERNS] = *p;
    return 0;
}

/* What reads past an array without reaching a guard page, or counts on overflow, shows here. */
static int sanitized_run(struct check *check, struct judge_build *build, struct task *tasks,
                         uint32_t n_cores)
{
    struct rig_plan *p = &check->plan[PHASE_SANITIZED];

    *p = check->plan[PHASE_RANDOM];
    p->sanitized = true;
    TRY(judge_build_link_sanitized(build, &p->object));
    return tasks_run(check, tasks, tasks_list_sanitized(check, tasks), n_cores);
}

static int phases_run(struct check *check, struct judge_build *build)
{
    struct task *tasks = NULL;
    uint32_t n_cores;
    int rc;

    TRY(plan_init(check, build, &n_cores));
    TRY(cases_list(check));
    tasks = malloc(2 * check->report->n_cases * sizeof *tasks);
    if (!tasks)
        return err_set(ERR_NOMEM, "out of memory for the check");
    rc = tasks_run(check, tasks, tasks_list(check, tasks), n_cores);
    if (rc == 0 && !check->found.fault.found && check->o->check_scope != JUDGE_CHECK_FIRST)
        rc = sanitized_run(check, build, tasks, n_cores);
    free(tasks);
    return rc;
}

static void report_fill(struct judge_check_report *out, const struct finding *f)
{
    bool fpu_read = false;

    out->verdict = f->fault.found ? f->fault.verdict : JUDGE_WIN;
    out->worst = f->region;
    for (size_t i = 0; i < out->n_cases; i++)
        if (out->cases[i].failed)
            snprintf(out->cases[i].message, sizeof out->cases[i].message, "%s", f->fault.message);
    cases_compact(out);
    for (size_t i = 0; i < out->n_cases; i++)
        fpu_read |= out->cases[i].fpu_read;
    if (f->fault.found)
        snprintf(out->message, sizeof out->message, "%s", f->fault.message);
    else
        snprintf(out->message, sizeof out->message,
                 "%zu listed and %zu drawn cases are correct, %zu with sanitizers%s",
                 out->n_cases - out->n_drawn, out->n_drawn, out->n_sanitized,
                 fpu_read ? "" : "; this system does not let the floating-point units be read");
}

int judge_check(struct judge_build *b, const struct judge_options *o,
                struct judge_check_report *out)
{
    struct check check = {.o = o, .report = out, .failed = SIZE_MAX};
    double begin = seconds_now();
    int rc;

    memset(out, 0, sizeof *out);
    out->seed = o->seed;
    while (!out->seed)
        out->seed = rng_seed_system();
    check.told = begin;
    pthread_mutex_init(&check.lock, NULL);
    rc = phases_run(&check, b);
    pthread_mutex_destroy(&check.lock);
    if (rc < 0) {
        judge_check_report_deinit(out);
        return rc;
    }
    report_fill(out, &check.found);
    out->seconds = seconds_now() - begin;
    return 0;
}

void judge_check_report_deinit(struct judge_check_report *r)
{
    free(r->cases);
    free(r->drawn);
    memset(r, 0, sizeof *r);
}

int judge_case_check(const char *name)
{
    size_t op = strcspn(name, "-"), n = 0;
    char near[256] = "";

    for (size_t i = 0; i < problem_shipped.n_cases; i++) {
        const char *listed = problem_shipped.cases[i].name;

        if (!strcmp(listed, name))
            return 0;
        if ((strstr(listed, name) || strncmp(listed, name, op) == 0) && n++ < 4)
            snprintf(near + strlen(near), sizeof near - strlen(near), " %s", listed);
    }
    return err_set(ERR_USAGE, "--case %s: no such case%s%s%s", name, n ? "; there are" : "", near,
                   n > 4 ? " ..." : "");
}
