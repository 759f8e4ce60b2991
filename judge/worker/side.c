/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/worker/side.h"

#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A worker that maps its files, loads a small object and starts threads needs milliseconds. */
#define START_TIMEOUT_NS (20 * UINT64_C(1000000000))
/* How often a waiting judge looks whether the worker still lives. */
#define POLL_NS (10 * UINT64_C(1000000))
enum {
    WORKER_SPINS = 1000, /* about 20 us of looking before a thread of the worker sleeps */
    HIGH_FILE = 512,     /* more descriptors than a judge ever has open */
};

struct side {
    pid_t pid; /* 0: dead */
    uint32_t bell;
    uint32_t n_requests;
    struct segment plan, control;
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
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
    for (uint32_t i = 0; i < spec->n_threads; i++) {
        p->core[i] = spec->core[i];
        p->stack_shift[i] = spec->place_seed ? 16 * (uint32_t)rng_below(&r, WORKER_PAGE / 16) : 0;
    }
    p->scratch_shift = spec->place_seed ? 64 * (uint32_t)rng_below(&r, WORKER_PAGE / 64) : 0;
    memcpy(p->slots, spec->slots, spec->n_slots * sizeof p->slots[0]);
    atomic_store(&p->doorbell, 1);
}

/* A process group of its own: a Ctrl-C is the judge's to act on, and must not look like a crash of
 * the candidate. No signal is blocked or ignored, whatever the judge was started with. */
static int attributes_init(posix_spawnattr_t *a)
{
    sigset_t none, all;
    int rc = posix_spawnattr_init(a);

    if (rc)
        return rc;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setpgroup(a, 0);
    posix_spawnattr_setsigmask(a, &none);
    posix_spawnattr_setsigdefault(a, &all);
    return posix_spawnattr_setflags(a, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                           POSIX_SPAWN_SETSIGDEF);
}

/* Start the program with the five files under their numbers, everything else closed. */
static int side_spawn(struct side *s, const struct side_spec *spec)
{
    const struct segment *files[] = {&s->plan, &s->control, spec->input, spec->opaque,
                                     spec->output};
    /* Sanitizer builds must not turn a candidate's signal into an exit status. */
    char *env[] = {(char[]){"ASAN_OPTIONS=handle_segv=0:handle_sigbus=0:handle_sigfpe=0:"
                            "handle_sigill=0:handle_abort=0:detect_leaks=0"},
                   NULL};
    char worker[PATH_MAX], object[PATH_MAX];
    char *argv[] = {worker, object, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int high[WORKER_FILES_END - WORKER_PLAN];
    int rc = 0;

    snprintf(worker, sizeof worker, "%s", spec->worker);
    snprintf(object, sizeof object, "%s", spec->object);
    posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDWR, 0);
    /* Two steps, because a file may already sit on another file's number; HIGH_FILE is past them
     * all. */
    for (int i = 0; i < WORKER_FILES_END - WORKER_PLAN; i++) {
        high[i] = HIGH_FILE + i;
        if (files[i] && files[i]->fd >= 0)
            posix_spawn_file_actions_adddup2(&actions, files[i]->fd, high[i]);
    }
    for (int i = 0; i < WORKER_FILES_END - WORKER_PLAN; i++) {
        if (files[i] && files[i]->fd >= 0)
            posix_spawn_file_actions_adddup2(&actions, high[i], WORKER_PLAN + i);
        else
            posix_spawn_file_actions_addclose(&actions, WORKER_PLAN + i);
    }
    posix_spawn_file_actions_addclosefrom_np(&actions, WORKER_FILES_END);
    rc = attributes_init(&attributes);
    if (rc == 0)
        rc = posix_spawn(&s->pid, worker, &actions, &attributes, argv, env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (rc) {
        s->pid = 0;
        return err_set(ERR_IO, "starting the worker %s: %s; is it built (make)?", worker,
                       strerror(rc));
    }
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

static void describe_end(const siginfo_t *info, char *what, size_t bytes)
{
    const char *name;

    if (info->si_code == CLD_EXITED) {
        snprintf(what, bytes, "gone by itself with status %d", info->si_status);
        return;
    }
    name = sigabbrev_np(info->si_status);
    snprintf(what, bytes, "killed by SIG%s", name ? name : "?");
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

/* Sleep until the worker answered command s->bell, died, or the deadline passed. */
static enum side_status side_wait(struct side *s, uint64_t deadline, siginfo_t *info)
{
    struct worker_control *c = side_control(s);

    for (;;) {
        uint32_t seen = atomic_load(&c->done);
        uint64_t now = now_ns();
        uint64_t nap = deadline > now ? deadline - now : 0;

        if (seen == s->bell)
            return SIDE_OK;
        if (side_state(s, WEXITED | WNOHANG, info))
            return SIDE_CRASHED;
        if (!nap)
            return SIDE_TIMEOUT;
        if (nap > POLL_NS)
            nap = POLL_NS;
        syscall(SYS_futex, &c->done, FUTEX_WAIT, seen, &(struct timespec){.tv_nsec = (long)nap},
                NULL, 0);
    }
}

/* Stop the whole process and wait until the system says so. */
static enum side_status side_stop(struct side *s, siginfo_t *info)
{
    kill(s->pid, SIGSTOP);
    if (!side_state(s, WSTOPPED | WEXITED, info) || info->si_code != CLD_STOPPED)
        return SIDE_CRASHED;
    /* Take the report away, so that the next stop is a new one. */
    waitid(P_PID, (id_t)s->pid, info, WSTOPPED);
    return SIDE_OK;
}

/* Ring, wait, stop. The worker must be running or stopped, not dead. */
static void side_round(struct side *s, uint64_t timeout_ns, struct side_result *out)
{
    struct worker_plan *p = side_plan(s);
    siginfo_t info = {0};
    uint64_t begin;

    begin = now_ns();
    if (s->bell > 1) {
        atomic_store(&p->doorbell, s->bell);
        kill(s->pid, SIGCONT);
        syscall(SYS_futex, &p->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
    out->status = side_wait(s, begin + timeout_ns, &info);
    if (out->status == SIDE_OK)
        out->status = side_stop(s, &info);
    out->ns = now_ns() - begin;
    if (out->status == SIDE_OK)
        return;
    if (out->status == SIDE_CRASHED)
        describe_end(&info, out->what, sizeof out->what);
    else
        snprintf(out->what, sizeof out->what, "no end after %.1f s", (double)timeout_ns * 1e-9);
    side_kill(s);
}

int side_open(const struct side_spec *spec, struct side **out)
{
    struct side *s = calloc(1, sizeof *s);
    struct side_result r = {0};
    int rc;

    assert(spec->n_threads >= 1 && spec->n_threads <= WORKER_MAX_THREADS);
    assert(spec->n_slots <= WORKER_MAX_SLOTS);
    *out = NULL;
    if (!s)
        return err_set(ERR_NOMEM, "out of memory for a worker");
    s->plan = s->control = SEGMENT_NONE;
    s->n_requests = spec->n_requests;
    s->bell = 1;
    rc = segment_open("plan",
                      WORKER_REQUESTS_OFFSET + spec->n_requests * sizeof(struct worker_request),
                      &s->plan);
    if (rc == 0)
        rc = segment_seal(&s->plan);
    if (rc == 0)
        rc = segment_open("control", sizeof(struct worker_control), &s->control);
    if (rc < 0)
        goto out;
    plan_fill(side_plan(s), spec);
    rc = side_spawn(s, spec);
    if (rc < 0)
        goto out;
    side_round(s, START_TIMEOUT_NS, &r);
    if (r.status != SIDE_OK) {
        struct worker_control *c = side_control(s);

        c->error[sizeof c->error - 1] = '\0';
        rc = err_set(c->error[0] ? ERR_FORMAT : ERR_IO, "the worker did not start: %s",
                     c->error[0] ? c->error : r.what);
    }
out:
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
    free(*s);
    *s = NULL;
}

int side_command(struct side *s, const struct worker_command *command, uint64_t timeout_ns,
                 struct side_result *out)
{
    struct worker_control *c = side_control(s);

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

void side_scratch_clear(struct side *s)
{
    (void)s;
}

int side_fpu(struct side *s, bool *clean, char *what)
{
    (void)s;
    *clean = true;
    what[0] = 0;
    return 0;
}
