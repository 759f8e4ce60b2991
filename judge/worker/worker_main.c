/* SPDX-License-Identifier: Apache-2.0
 *
 * judge-worker OBJECT: maps the judge's memory files (worker.h), makes the team's threads, loads
 * the kernel and then carries out commands until it is killed. It holds nothing worth stealing: no
 * clock, no oracle, no descriptor. Start-up failures leave a sentence in the control page and
 * exit 1. */
#include "judge/worker/worker.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int kernel_fn_type(const struct kernel_call *, const struct kernel_team *);
typedef int tiling_fn_type(const struct kernel_call *, uint32_t, uint64_t, struct kernel_tiling *);

struct request {
    struct kernel_call call;
    size_t scratch_bytes;
};

/* All the state of this process. The syncs alternate: while one request runs on one of them, rank 0
 * clears the other before the barrier that ends the request. */
static struct {
    const struct worker_plan *plan;
    struct worker_control *control;
    unsigned char *slot[WORKER_MAX_SLOTS];
    unsigned char *scratch_end[WORKER_MAX_THREADS];
    struct request *requests;
    kernel_fn_type *kernel_fn;
    tiling_fn_type *tiling_fn;
    struct worker_command command;
    struct kernel_sync sync[2];
    struct member {
        _Alignas(64) _Atomic uint32_t go; /* changes when this thread is to run w.command */
    } members[WORKER_MAX_THREADS];
    _Alignas(64) _Atomic uint32_t arrived, generation; /* of the team's own barrier */
    _Alignas(64) _Atomic int32_t returned;
    _Atomic uint32_t failed_request;
} w;

static _Noreturn void fail(const char *what, const char *why)
{
    if (w.control)
        snprintf(w.control->error, sizeof w.control->error, "%s: %s", what, why);
    _exit(1);
}

static void futex_sleep(_Atomic uint32_t *word, uint32_t seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake_all(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static unsigned char *map_file(int fd, size_t offset, size_t bytes, int protection, int flags,
                               void *at)
{
    void *p = mmap(at, bytes, protection, MAP_SHARED | flags, fd, (off_t)offset);

    if (p == MAP_FAILED)
        fail("mapping the judge's memory", strerror(errno));
    return p;
}

static size_t file_bytes(int fd)
{
    struct stat st;

    if (fstat(fd, &st))
        fail("the judge's memory", strerror(errno));
    return (size_t)st.st_size;
}

/* Reserve one range without access, then lay the slots into it with a guard page around each. */
static void map_slots(void)
{
    const struct worker_plan *p = w.plan;
    size_t total = WORKER_PAGE, at = WORKER_PAGE;
    unsigned char *base;

    for (uint32_t i = 0; i < p->n_slots; i++)
        total += p->slots[i].bytes + WORKER_PAGE;
    base = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        fail("reserving memory", strerror(errno));
    for (uint32_t i = 0; i < p->n_slots; i++) {
        const struct worker_slot *s = &p->slots[i];
        int protection = s->writable ? PROT_READ | PROT_WRITE : PROT_READ;

        w.slot[i] = map_file((int)s->file, s->offset, s->bytes, protection,
                             MAP_FIXED | (s->populate ? MAP_POPULATE : 0), base + at);
        at += s->bytes + WORKER_PAGE;
    }
}

/* Each thread's scratch ends at a guard page; pages come when they are touched. */
static void map_scratch(void)
{
    size_t bytes = WORKER_SCRATCH_BYTES + WORKER_PAGE;

    for (uint32_t i = 0; i < w.plan->n_threads; i++) {
        unsigned char *p = mmap(NULL, bytes + 2 * WORKER_PAGE, PROT_NONE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (p == MAP_FAILED || mprotect(p + WORKER_PAGE, bytes, PROT_READ | PROT_WRITE))
            fail("scratch", strerror(errno));
        w.scratch_end[i] = p + WORKER_PAGE + bytes - w.plan->scratch_shift;
    }
}

static void tensor_resolve(struct kernel_tensor *t)
{
    uint64_t at = (uint64_t)(uintptr_t)t->data;

    t->data = at ? w.slot[WORKER_AT_SLOT(at)] + WORKER_AT_OFFSET(at) : NULL;
}

/* Copy the request table and turn slot numbers into addresses. */
static void requests_load(void)
{
    const struct worker_request *from =
        (const void *)((const unsigned char *)w.plan + WORKER_REQUESTS_OFFSET);

    for (uint32_t i = 0; i < w.plan->n_requests; i++) {
        struct request *r = &w.requests[i];

        r->call = from[i].call;
        r->scratch_bytes = from[i].scratch_bytes;
        for (int k = 0; k < KERNEL_MAX_TENSORS; k++) {
            tensor_resolve(&r->call.in[k]);
            tensor_resolve(&r->call.out[k]);
        }
    }
}

/* The team's own barrier, for the end of each request. Leaving looks at the generation only, so
 * teams of different sizes may follow each other. */
static void team_barrier(uint32_t size)
{
    uint32_t generation = atomic_load(&w.generation);

    if (atomic_fetch_add(&w.arrived, 1) + 1 == size) {
        atomic_store(&w.arrived, 0);
        atomic_fetch_add(&w.generation, 1);
        futex_wake_all(&w.generation);
        return;
    }
    for (uint32_t spins = 0; atomic_load(&w.generation) == generation; spins++) {
        if (spins > w.plan->spins)
            futex_sleep(&w.generation, generation);
        else
            __builtin_ia32_pause();
    }
}

static void sync_clear(struct kernel_sync *s)
{
    atomic_store(&s->barrier, 0);
    atomic_store(&s->chunk, 0);
}

/* This thread's share of all the requests of a command. */
static void command_run(const struct worker_command *c, uint32_t rank)
{
    struct kernel_team team = {
        .rank = rank,
        .size = c->n_threads,
        .features = w.plan->features,
    };
    uint32_t at = c->start;

    for (uint32_t i = 0; i < c->count; i++, at = at + 1 < c->pool ? at + 1 : 0) {
        const struct request *r = &w.requests[c->base + at];
        int rc;

        team.scratch_bytes = r->scratch_bytes;
        team.scratch = w.scratch_end[rank] - (r->scratch_bytes + 63) / 64 * 64;
        team.sync = &w.sync[i & 1];
        rc = w.kernel_fn(&r->call, &team);
        if (rc != KERNEL_OK && atomic_load(&w.returned) == KERNEL_OK) {
            atomic_store(&w.failed_request, c->base + at);
            atomic_store(&w.returned, rc);
        }
        if (rank == 0)
            sync_clear(&w.sync[(i + 1) & 1]);
        if (c->n_threads > 1)
            team_barrier(c->n_threads);
    }
}

/* Wait until *word differs from `seen`; spinning first keeps the start of a request cheap. */
static uint32_t bell_wait(const _Atomic uint32_t *word, uint32_t seen, int futex_op)
{
    for (uint32_t spins = 0;; spins++) {
        uint32_t now = atomic_load(word);

        if (now != seen)
            return now;
        if (spins > w.plan->spins)
            syscall(SYS_futex, word, futex_op, seen, NULL, NULL, 0);
        else
            __builtin_ia32_pause();
    }
}

static void thread_pin(uint32_t rank)
{
    cpu_set_t set;

    if (w.plan->core[rank] < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET(w.plan->core[rank], &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* Move the stack by the drawn number of bytes; the caller's frame lies below the array. */
static __attribute__((noinline)) void with_shifted_stack(uint32_t rank, void (*body)(uint32_t))
{
    volatile unsigned char *room = __builtin_alloca(w.plan->stack_shift[rank] + 16);

    room[0] = 0;
    body(rank);
    room[1] = 0;
}

static void member_loop(uint32_t rank)
{
    uint32_t seen = 0;

    for (;;) {
        struct worker_command command;

        seen = bell_wait(&w.members[rank].go, seen, FUTEX_WAIT_PRIVATE);
        command =
            w.command; /* the leader may write the next one before we leave the last barrier */
        command_run(&command, rank);
    }
}

static void *member_main(void *rank)
{
    thread_pin((uint32_t)(uintptr_t)rank);
    with_shifted_stack((uint32_t)(uintptr_t)rank, member_loop);
    return NULL;
}

static void team_start(void)
{
    for (uint32_t i = 1; i < w.plan->n_threads; i++) {
        pthread_t t;
        int rc = pthread_create(&t, NULL, member_main, (void *)(uintptr_t)i);

        if (rc)
            fail("starting the team", strerror(rc));
    }
    thread_pin(0);
}

static void object_load(const char *path)
{
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!object)
        fail("loading the kernel", dlerror());
    *(void **)&w.kernel_fn = dlsym(object, "kernel_fn");
    *(void **)&w.tiling_fn = dlsym(object, "get_tiling_meta");
    if (!w.kernel_fn || !w.tiling_fn)
        fail("loading the kernel", "kernel_fn or get_tiling_meta is missing");
}

static void command_do(void)
{
    w.command = w.plan->command;
    if (w.command.reload)
        requests_load();
    atomic_store(&w.returned, KERNEL_OK);
    sync_clear(&w.sync[0]);
    if (w.command.op == WORKER_META) {
        struct kernel_tiling tiling = {0};
        int rc = w.tiling_fn(&w.requests[w.command.base].call, w.command.n_threads,
                             w.plan->features, &tiling);

        w.control->tiling = tiling;
        atomic_store(&w.returned, rc);
    } else if (w.command.op == WORKER_RUN) {
        for (uint32_t i = 1; i < w.command.n_threads; i++) {
            atomic_fetch_add(&w.members[i].go, 1);
            futex_wake_all(&w.members[i].go);
        }
        command_run(&w.command, 0);
    }
    w.control->returned = atomic_load(&w.returned);
    w.control->failed_request = atomic_load(&w.failed_request);
}

static void leader_loop(uint32_t rank)
{
    uint32_t seen = 1;

    (void)rank;
    for (;;) {
        atomic_store(&w.control->done, seen);
        syscall(SYS_futex, &w.control->done, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
        seen = bell_wait(&w.plan->doorbell, seen, FUTEX_WAIT);
        command_do();
    }
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    w.control = (void *)map_file(WORKER_CONTROL, 0, WORKER_PAGE, PROT_READ | PROT_WRITE, 0, NULL);
    w.plan = (const void *)map_file(WORKER_PLAN, 0, file_bytes(WORKER_PLAN), PROT_READ, 0, NULL);
    if (getppid() != w.plan->judge_pid)
        return 1;
    w.requests = calloc(w.plan->n_requests ? w.plan->n_requests : 1, sizeof *w.requests);
    if (!w.requests)
        fail("request table", "out of memory");
    map_slots();
    map_scratch();
    close_range(WORKER_PLAN, UINT_MAX, 0);
    for (int i = 0; i < 2; i++) {
        w.sync[i].wait = futex_sleep;
        w.sync[i].wake = futex_wake_all;
    }
    team_start();
    prctl(PR_SET_DUMPABLE, 0);
    object_load(argv[1]);
    with_shifted_stack(0, leader_loop);
    return 0;
}
