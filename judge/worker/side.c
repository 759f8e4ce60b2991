/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/worker/side.h"

#include "judge/worker/fpu.h"
#include "judge/worker/image.h"
#include "judge/worker/spawn.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A worker that maps its files, loads a small object and starts threads needs milliseconds. */
#define START_TIMEOUT_NS (20 * UINT64_C(1000000000))
/* How often a waiting judge looks at the worker, should the report of its stop be lost. */
#define POLL_NS (10 * UINT64_C(1000000))
/* The last thread to stop reports the stop, then leaves its processor, and only when it has does the
 * system count its time to the end: microseconds, and milliseconds when the host of a virtual machine
 * takes that processor away just then (seen: 0.6 ms, once in some thousand stops on a busy machine).
 * Past GHOST_NS nobody was just leaving, and GHOST_TIMES more often than not is no coincidence;
 * whoever works in secret does so every time. */
#define GHOST_NS (200 * UINT64_C(1000))
/* The processor clock of a worker that is leaving is looked at until it has stood still so long. */
#define SETTLE_NS      (20 * UINT64_C(1000))
#define SETTLE_MOST_NS (1000 * UINT64_C(1000))
enum {
    GHOST_TIMES = 3,
    WORKER_SPINS = 1000,      /* about 20 us of looking before a thread of the worker sleeps */
    REPORT_BYTES = 64 * 1024, /* of a sanitizer */
    STEPS_MEASURED = 1000000, /* about a millisecond */
};

struct side {
    pid_t pid; /* 0: dead */
    uint32_t bell;
    uint32_t n_threads, n_requests;
    clockid_t clock;   /* processor time of all threads */
    uint64_t still_ns; /* that clock when the worker was last seen stopped; 0: not to be trusted */
    uint32_t n_moved;  /* times it had moved since, less the times it had not */
    bool timed;        /* see side_nap */
    struct segment plan, control, scratch, report;
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Processor time of the worker so far; 0 when it is gone. */
static uint64_t side_cpu_ns(const struct side *s)
{
    struct timespec t;

    if (clock_gettime(s->clock, &t))
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct worker_plan *side_plan(struct side *s)
{
    return (struct worker_plan *)(void *)s->plan.data;
}

static struct worker_control *side_control(struct side *s)
{
    return (struct worker_control *)(void *)s->control.data;
}

struct worker_request *side_requests(struct side *s)
{
    return (struct worker_request *)(void *)(s->plan.data + WORKER_REQUESTS_OFFSET);
}

uint32_t side_cores(int32_t *core, uint32_t max)
{
    cpu_set_t set;
    uint32_t n = 0;

    if (sched_getaffinity(0, sizeof set, &set))
        return 0;
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &set))
            continue;
        if (n < max)
            core[n] = i;
        n++;
    }
    return n;
}

static void plan_fill(struct worker_plan *p, const struct side_spec *spec)
{
    struct rng r;

    rng_init(&r, spec->place_seed);
    p->features = spec->features;
    p->n_threads = spec->n_threads;
    p->n_slots = spec->n_slots;
    p->n_requests = spec->n_requests;
    p->spins = WORKER_SPINS;
    p->judge_pid = getpid();
    p->inspectable = spec->inspectable;
    for (uint32_t i = 0; i < spec->n_threads; i++) {
        p->core[i] = spec->core[i];
        p->stack_shift[i] = spec->place_seed ? 16 * (uint32_t)rng_below(&r, WORKER_PAGE / 16) : 0;
    }
    p->scratch_shift = spec->place_seed ? 64 * (uint32_t)rng_below(&r, WORKER_PAGE / 64) : 0;
    memcpy(p->slots, spec->slots, spec->n_slots * sizeof p->slots[0]);
    atomic_store(&p->doorbell, 1);
}

/* Start the program that takes this kind of object. */
static int side_spawn(struct side *s, const struct side_spec *spec, const struct image *image)
{
    const struct segment *files[SPAWN_FILES] = {
        [WORKER_PLAN - WORKER_PLAN] = &s->plan,       [WORKER_CONTROL - WORKER_PLAN] = &s->control,
        [WORKER_IMAGE - WORKER_PLAN] = &image->file,  [WORKER_SCRATCH - WORKER_PLAN] = &s->scratch,
        [WORKER_INPUT - WORKER_PLAN] = spec->input,   [WORKER_OPAQUE - WORKER_PLAN] = spec->opaque,
        [WORKER_OUTPUT - WORKER_PLAN] = spec->output,
    };
    int fd[SPAWN_FILES];
    char program[PATH_MAX];

    for (int i = 0; i < SPAWN_FILES; i++)
        fd[i] = files[i] ? files[i]->fd : -1;
    if (snprintf(program, sizeof program, "%s%s", spec->worker,
                 spec->sanitized ? "-sanitized" : "") >= (int)sizeof program)
        return err_set(ERR_RANGE, "%s: path too long", spec->worker);
    TRY(spawn_worker(program, spec->sanitized ? spec->object : NULL, fd, s->report.fd, &s->pid));
    if (clock_getcpuclockid(s->pid, &s->clock))
        return err_set(ERR_IO, "no processor clock for the worker");
    return 0;
}

static void side_kill(struct side *s)
{
    if (!s->pid)
        return;
    kill(s->pid, SIGKILL);
    while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    s->pid = 0;
}

/* Printable characters from `at` on, at most up to `mark`. */
static int phrase_length(const char *at, const char *mark)
{
    int n = 0;

    while (at[n] >= ' ' && at[n] <= '~' && strncmp(at + n, mark, strlen(mark)) != 0)
        n++;
    return n;
}

/* The first complaint in a sanitizer's report, without its addresses; false: none. */
static bool report_find(struct side *s, char *what, size_t bytes)
{
    const char *text = (const char *)s->report.data, *at, *access;

    if (!text)
        return false;
    s->report.data[REPORT_BYTES - 1] = '\0';
    at = strstr(text, "AddressSanitizer: ");
    if (at) {
        access = strstr(at, "READ of size ");
        access = access ? access : strstr(at, "WRITE of size ");
        access = access ? access : "";
        snprintf(what, bytes, "%.*s%s%.*s", phrase_length(at, " on "), at, *access ? ", " : "",
                 phrase_length(access, " at "), access);
        return true;
    }
    at = strstr(text, "runtime error: ");
    if (!at)
        return false;
    while (at > text && at[-1] >= ' ')
        at--; /* the place in the source */
    snprintf(what, bytes, "%.*s", phrase_length(at, "\n"), at);
    return true;
}

/* Why the worker is no more, from what the system says of its end. */
static enum side_status end_describe(struct side *s, const siginfo_t *info, char *what,
                                     size_t bytes)
{
    const char *name;

    if (report_find(s, what, bytes))
        return SIDE_UNSOUND;
    if (info->si_code == CLD_EXITED) {
        snprintf(what, bytes, "gone by itself with status %d", info->si_status);
        return SIDE_CRASHED;
    }
    if (info->si_status == SIGSYS) {
        snprintf(what, bytes, "asked for a system call that is not allowed");
        return SIDE_FORBIDDEN;
    }
    if (info->si_status == SIGSEGV && side_control(s)->clock_read) {
        snprintf(what, bytes, "read the time-stamp counter");
        return SIDE_FORBIDDEN;
    }
    name = sigabbrev_np(info->si_status);
    snprintf(what, bytes, "killed by SIG%s", name ? name : "?");
    return SIDE_CRASHED;
}

/* It stopped before it rang: the worker itself never does. */
static void stop_describe(struct side_result *out)
{
    out->status = SIDE_CRASHED;
    snprintf(out->what, sizeof out->what, "stopped before its work was done");
}

/* Wait for a state change of the worker without reaping; true when one of `flags` is there. */
static bool side_state(struct side *s, int flags, siginfo_t *info)
{
    memset(info, 0, sizeof *info);
    while (waitid(P_PID, (id_t)s->pid, info, flags | WNOWAIT) < 0)
        if (errno != EINTR)
            return false;
    return info->si_pid == s->pid;
}

/* Sleep, `nap` at most, until the worker may have stopped. A timed one wakes the judge by the
 * report of its stop alone: a bell that did could be rung ahead of the end, so that the judge is
 * awake by then, and the time that waking takes would be a gift. The check's workers, several at a
 * time, wake whoever waits for them: nobody knows which thread such a report would go to. */
static void side_nap(struct side *s, uint64_t nap, const sigset_t *report)
{
    struct worker_control *c = side_control(s);
    uint32_t seen = atomic_load(&c->done);
    struct timespec most = {.tv_nsec = (long)nap};

    if (s->timed)
        sigtimedwait(report, NULL, &most);
    else if (seen != s->bell)
        syscall(SYS_futex, &c->done, FUTEX_WAIT, seen, &most, NULL, 0);
    else
        sched_yield();
}

/* Until the system reports that all threads of the worker stand still, that it died, or until the
 * deadline. */
static enum side_status side_wait(struct side *s, uint64_t deadline, siginfo_t *info)
{
    sigset_t report, before;
    enum side_status status = SIDE_OK;

    sigemptyset(&report);
    sigaddset(&report, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &report, &before);
    while (!side_state(s, WSTOPPED | WEXITED | WNOHANG, info)) {
        uint64_t now = now_ns(), nap = deadline > now ? deadline - now : 0;

        if (!nap) {
            status = SIDE_TIMEOUT;
            break;
        }
        side_nap(s, nap < POLL_NS ? nap : POLL_NS, &report);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status == SIDE_OK && info->si_code != CLD_STOPPED ? SIDE_CRASHED : status;
}

/* Take the report of the stop away. False: it stopped with its work undone. */
static bool side_rung(struct side *s, siginfo_t *info)
{
    waitid(P_PID, (id_t)s->pid, info, WSTOPPED);
    return atomic_load(&side_control(s)->done) == s->bell;
}

/* Processor time of a worker that has just stopped, when its last thread has left the processor:
 * until then the system may tell the time of its last tick, milliseconds ago. */
static uint64_t side_settle(const struct side *s)
{
    uint64_t begin = now_ns(), since = begin, now = begin, told = side_cpu_ns(s);

    while (now < since + SETTLE_NS && now < begin + SETTLE_MOST_NS) {
        uint64_t next = side_cpu_ns(s);

        now = now_ns();
        if (next != told)
            since = now;
        told = next;
    }
    return told;
}

/* Ring and wait for the stop. The worker must be running or stopped, not dead. */
static void side_round(struct side *s, uint64_t timeout_ns, struct side_result *out)
{
    struct worker_plan *p = side_plan(s);
    siginfo_t info = {0};
    uint64_t begin, cpu_begin = side_cpu_ns(s);

    if (s->still_ns && cpu_begin > s->still_ns + GHOST_NS)
        s->n_moved++;
    else if (s->n_moved)
        s->n_moved--;
    if (s->n_moved >= GHOST_TIMES) {
        out->status = SIDE_GHOST;
        snprintf(out->what, sizeof out->what, "%.1f ms of processor time while it was stopped",
                 (double)(cpu_begin - s->still_ns) * 1e-6);
        side_kill(s);
        return;
    }
    begin = now_ns();
    if (s->bell > 1) {
        atomic_store(&p->doorbell, s->bell);
        kill(s->pid, SIGCONT);
        syscall(SYS_futex, &p->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
    out->status = side_wait(s, begin + timeout_ns, &info);
    out->ns = now_ns() - begin;
    if (out->status == SIDE_OK && side_rung(s, &info)) {
        s->still_ns = side_settle(s);
        out->cpu_ns = s->still_ns - cpu_begin;
        return;
    }
    if (out->status == SIDE_CRASHED)
        out->status = end_describe(s, &info, out->what, sizeof out->what);
    else if (out->status == SIDE_TIMEOUT)
        snprintf(out->what, sizeof out->what, "no end after %.1f s", (double)timeout_ns * 1e-9);
    else
        stop_describe(out);
    side_kill(s);
}

/* Whoever may trace the judge could read oracle and seeds. LeakSanitizer has to trace it. */
static void judge_close_up(void)
{
#ifndef __SANITIZE_ADDRESS__
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static int segments_open(struct side *s, const struct side_spec *spec)
{
    TRY(segment_open("plan",
                     WORKER_REQUESTS_OFFSET + spec->n_requests * sizeof(struct worker_request),
                     &s->plan));
    TRY(segment_seal(&s->plan));
    TRY(segment_open("control", sizeof(struct worker_control), &s->control));
    TRY(segment_open("scratch", spec->n_threads * WORKER_SCRATCH_ROOM, &s->scratch));
    if (spec->sanitized)
        TRY(segment_open("report", REPORT_BYTES, &s->report));
    return 0;
}

static int side_start(struct side *s, const struct side_spec *spec)
{
    struct worker_control *c;
    struct image image = {.file = SEGMENT_NONE};
    struct side_result r = {0};
    int rc = segments_open(s, spec);

    if (rc == 0 && !spec->sanitized)
        rc = image_init(spec->object, &image);
    if (rc == 0) {
        plan_fill(side_plan(s), spec);
        side_plan(s)->image_bytes = image.bytes;
        rc = side_spawn(s, spec, &image);
    }
    image_deinit(&image);
    TRY(rc);
    side_round(s, START_TIMEOUT_NS, &r);
    if (r.status == SIDE_OK)
        return 0;
    c = side_control(s);
    c->error[sizeof c->error - 1] = '\0';
    return err_set(c->error[0] ? ERR_FORMAT : ERR_IO, "the worker did not start: %s",
                   c->error[0] ? c->error : r.what);
}

int side_open(const struct side_spec *spec, struct side **out)
{
    struct side *s = calloc(1, sizeof *s);
    int rc;

    assert(spec->n_threads >= 1 && spec->n_threads <= WORKER_MAX_THREADS);
    assert(spec->n_slots <= WORKER_MAX_SLOTS);
    *out = NULL;
    if (!s)
        return err_set(ERR_NOMEM, "out of memory for a worker");
    judge_close_up();
    s->plan = s->control = s->scratch = s->report = SEGMENT_NONE;
    s->n_threads = spec->n_threads;
    s->n_requests = spec->n_requests;
    s->timed = !spec->inspectable && !spec->sanitized;
    s->bell = 1;
    rc = side_start(s, spec);
    if (rc < 0)
        side_close(&s);
    *out = s;
    return rc;
}

void side_close(struct side **s)
{
    if (!*s)
        return;
    side_kill(*s);
    segment_close(&(*s)->plan);
    segment_close(&(*s)->control);
    segment_close(&(*s)->scratch);
    segment_close(&(*s)->report);
    free(*s);
    *s = NULL;
}

int side_command(struct side *s, const struct worker_command *command, uint64_t timeout_ns,
                 struct side_result *out)
{
    struct worker_control *c = side_control(s);

    assert(command->n_threads <= s->n_threads);
    assert(command->base + command->pool <= s->n_requests);
    memset(out, 0, sizeof *out);
    if (!s->pid)
        return err_set(ERR_USAGE, "the worker is dead");
    side_plan(s)->command = *command;
    s->bell++;
    side_round(s, timeout_ns, out);
    if (out->status != SIDE_OK)
        return 0;
    out->returned = c->returned;
    out->failed_request = c->failed_request;
    out->tiling = c->tiling;
    for (int i = 0; i < KERNEL_MAX_BUFFERS; i++)
        out->tiling.buffers[i].name = NULL;
    return 0;
}

int side_scratch_clear(struct side *s)
{
    const struct worker_request *requests = side_requests(s);
    size_t shift = side_plan(s)->scratch_shift, used = 0;

    for (uint32_t i = 0; i < s->n_requests; i++)
        if (requests[i].scratch_bytes > used)
            used = requests[i].scratch_bytes;
    used = size_align(used + shift, WORKER_PAGE);
    for (uint32_t i = 0; i < s->n_threads; i++) {
        size_t at = i * WORKER_SCRATCH_ROOM, rest = WORKER_SCRATCH_ROOM - used;

        TRY(segment_drop(&s->scratch, at, rest));
        memset(s->scratch.data + at + rest, 0, used);
    }
    return 0;
}

int side_fpu(struct side *s, bool *clean, char *what)
{
    if (!s->pid)
        return err_set(ERR_USAGE, "the worker is dead");
    /* Going in and out of the stop takes the threads some processor time. */
    s->still_ns = 0;
    return fpu_inspect(s->pid, clean, what, 128);
}

int side_step_ns(struct side *s, double *ns)
{
    double least[2] = {HUGE_VAL, HUGE_VAL};

    for (int i = 0; i < 6; i++) {
        struct worker_command command = {
            .op = WORKER_SPIN,
            .count = i & 1 ? STEPS_MEASURED : 0,
        };
        struct side_result r;

        TRY(side_command(s, &command, START_TIMEOUT_NS, &r));
        if (r.status != SIDE_OK)
            return err_set(ERR_IO, "the worker was %s", r.what);
        least[i & 1] = fmin(least[i & 1], (double)r.ns);
    }
    *ns = fmax(least[1] - least[0], 1) / STEPS_MEASURED;
    return 0;
}
