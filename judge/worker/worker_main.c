/* SPDX-License-Identifier: Apache-2.0
 *
 * judge-worker: maps the judge's memory files (worker.h), puts the kernel's image together, makes
 * the team's threads, shuts itself in and then carries out commands until it is killed. It holds
 * nothing worth stealing: no clock, no oracle, no descriptor. Start-up failures leave a sentence in
 * the control page and exit 1. */
#include "judge/worker/worker_parts.h"
#include "judge/worker/worker_poison.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <emmintrin.h>

/* The floating-point state a call starts with: exceptions masked, round to nearest, x87 in double
 * extended precision; what a fresh process has. */
#define MXCSR_START 0x1f80u
#define X87_START   0x037fu

/* Of a thread's stack beyond the kernel's share: the drawn shift, thread-local data and the
 * worker's own frames. */
#define STACK_EXTRA ((size_t)64 << 10)

struct request {
    struct kernel_call call;
    size_t scratch_bytes;
    uint64_t extra_steps;
};

/* All the state of this process. The syncs alternate: while one request runs on one of them, rank 0
 * clears the other before the barrier that ends the request. */
static struct {
    const struct worker_plan *plan;
    struct worker_control *control;
    unsigned char *slot[WORKER_MAX_SLOTS];
    unsigned char *scratch_end[WORKER_MAX_THREADS];
    size_t scratch_touched; /* bytes before each end whose pages are there */
    struct request *requests;
    struct worker_entry entry;
    struct worker_command command;
    struct kernel_sync sync[2];
    struct member {
        _Alignas(64) _Atomic uint32_t go; /* changes when this thread is to run w.command */
    } members[WORKER_MAX_THREADS];
    _Alignas(64) _Atomic uint32_t arrived, generation; /* of the team's own barrier */
    _Alignas(64) _Atomic int32_t returned;
    _Atomic uint32_t failed_request;
    pid_t pid;
} w;

_Noreturn void worker_fail(const char *what, const char *why)
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

static size_t file_bytes(int fd)
{
    struct stat st;

    if (fstat(fd, &st))
        worker_fail("the judge's memory", strerror(errno));
    return (size_t)st.st_size;
}

/* `bytes` without access; whole pages. */
static unsigned char *reserve(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED)
        worker_fail("reserving memory", strerror(errno));
    return p;
}

/* The first address from `at` on where the pages of a slot's file can be large ones. */
static unsigned char *slot_place(unsigned char *at, const struct worker_slot *s)
{
    size_t large = s->bytes < WORKER_LARGE_PAGE ? WORKER_PAGE : WORKER_LARGE_PAGE;
    size_t phase = s->offset & (large - 1);

    return at + ((phase - (size_t)at) & (large - 1));
}

/* Reserve one range without access, then lay the slots into it with a guard page around each. */
static void map_slots(void)
{
    const struct worker_plan *p = w.plan;
    size_t total = WORKER_PAGE;
    unsigned char *at;

    for (uint32_t i = 0; i < p->n_slots; i++)
        total += p->slots[i].bytes + WORKER_PAGE + WORKER_LARGE_PAGE;
    at = reserve(total) + WORKER_PAGE;
    for (uint32_t i = 0; i < p->n_slots; i++) {
        const struct worker_slot *s = &p->slots[i];
        int protection = s->writable ? PROT_READ | PROT_WRITE : PROT_READ;

        w.slot[i] =
            worker_file_map((int)s->file, s->offset, s->bytes, protection,
                            MAP_FIXED | (s->populate ? MAP_POPULATE : 0), slot_place(at, s));
        poison_all(w.slot[i], s->bytes);
        at = w.slot[i] + s->bytes + WORKER_PAGE;
    }
}

/* Each thread's scratch ends at a guard page, or just before it. */
static void map_scratch(void)
{
    for (uint32_t i = 0; i < w.plan->n_threads; i++) {
        unsigned char *p = reserve(WORKER_SCRATCH_ROOM + 2 * WORKER_PAGE) + WORKER_PAGE;

        worker_file_map(WORKER_SCRATCH, i * WORKER_SCRATCH_ROOM, WORKER_SCRATCH_ROOM,
                        PROT_READ | PROT_WRITE, MAP_FIXED, p);
        poison_all(p, WORKER_SCRATCH_ROOM);
        w.scratch_end[i] = p + WORKER_SCRATCH_ROOM - w.plan->scratch_shift;
    }
}

static void map_requests(void)
{
    size_t bytes = (w.plan->n_requests + 1) * sizeof *w.requests;

    w.requests = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (w.requests == MAP_FAILED)
        worker_fail("request table", strerror(errno));
}

static void tensor_resolve(struct kernel_tensor *t)
{
    uint64_t at = (uint64_t)(uintptr_t)t->data;

    t->data = at ? w.slot[WORKER_AT_SLOT(at)] + WORKER_AT_OFFSET(at) : NULL;
}

/* Fault the declared scratch in, or the first call that gets so far pays for it. Not the
 * sanitizer's business. */
static __attribute__((no_sanitize("address"))) void scratch_touch(size_t bytes)
{
    if (bytes <= w.scratch_touched)
        return;
    for (uint32_t i = 0; i < w.plan->n_threads; i++)
        for (size_t k = w.scratch_touched; k < bytes + WORKER_PAGE; k += WORKER_PAGE) {
            volatile unsigned char *p = w.scratch_end[i] - (k < bytes ? k + 1 : bytes);
            unsigned char byte = *p;

            *p = byte;
        }
    w.scratch_touched = bytes;
}

/* Copy requests from..from+n-1 of the table and turn slot numbers into addresses. */
static void requests_load(uint32_t from, uint32_t n)
{
    const struct worker_request *table =
        (const void *)((const unsigned char *)w.plan + WORKER_REQUESTS_OFFSET);

    for (uint32_t i = from; i < from + n; i++) {
        struct request *r = &w.requests[i];

        r->call = table[i].call;
        r->scratch_bytes = table[i].scratch_bytes;
        r->extra_steps = table[i].extra_steps;
        scratch_touch(r->scratch_bytes);
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

/* Each step waits for the product of the one before, all of them for the kernel's end, and what
 * follows waits for them. */
static __attribute__((noinline)) void steps_run(uint64_t n)
{
    uint64_t x = n;

    _mm_lfence();
    for (uint64_t i = 0; i < n; i++) {
        x *= UINT64_C(6364136223846793005);
        __asm__ volatile("" : "+r"(x));
    }
    _mm_lfence();
}

/* Only before a call: what the kernel leaves behind must still be there when the judge looks. */
static void fpu_reset(void)
{
    uint16_t control = X87_START;

    _mm_setcsr(MXCSR_START);
    __asm__ volatile("fldcw %0" : : "m"(control));
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
        team.shared = w.scratch_end[0] - (r->scratch_bytes + 63) / 64 * 64;
        team.sync = &w.sync[i & 1];
        poison_begin(&r->call, &team, team_barrier);
        fpu_reset();
        rc = w.entry.kernel_fn(&r->call, &team);
        if (r->extra_steps)
            steps_run(r->extra_steps);
        if (rc != KERNEL_OK && atomic_load(&w.returned) == KERNEL_OK) {
            atomic_store(&w.failed_request, c->base + at);
            atomic_store(&w.returned, rc);
        }
        if (rank == 0)
            sync_clear(&w.sync[(i + 1) & 1]);
        if (c->n_threads > 1)
            team_barrier(c->n_threads);
        poison_end(&r->call, &team);
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

/* Tile data must be asked for by each program. */
static void tiles_permit(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_TILE_DATA = 18 }; /* asm/prctl.h */

    if ((w.plan->features & KERNEL_CPU_AMX_INT8) &&
        syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILE_DATA))
        worker_fail("tiles of AMX", strerror(errno));
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

    team_barrier(w.plan->n_threads);
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

/* A stack with a guard page below it. */
static unsigned char *stack_make(size_t *bytes)
{
    unsigned char *p;

    *bytes = WORKER_STACK_BYTES + STACK_EXTRA;
    p = reserve(*bytes + WORKER_PAGE) + WORKER_PAGE;
    if (mprotect(p, *bytes, PROT_READ | PROT_WRITE))
        worker_fail("a stack", strerror(errno));
    /* Now, or the first calls pay for it; a system that does not know this only does it later. */
    madvise(p, *bytes, MADV_POPULATE_WRITE);
    return p;
}

/* Returns when the others are past their own start-up: they ask the system for nothing but futexes
 * any more. */
static void team_start(void)
{
    for (uint32_t i = 1; i < w.plan->n_threads; i++) {
        size_t bytes;
        unsigned char *stack = stack_make(&bytes);
        pthread_attr_t attributes;
        pthread_t t;
        int rc;

        pthread_attr_init(&attributes);
        pthread_attr_setstack(&attributes, stack, bytes);
        rc = pthread_create(&t, &attributes, member_main, (void *)(uintptr_t)i);
        if (rc)
            worker_fail("starting the team", strerror(rc));
        pthread_attr_destroy(&attributes);
    }
    thread_pin(0);
    if (w.plan->n_threads > 1)
        team_barrier(w.plan->n_threads);
}

static void command_do(void)
{
    w.command = w.plan->command;
    if (w.command.reload)
        requests_load(w.command.base, w.command.pool);
    atomic_store(&w.returned, KERNEL_OK);
    sync_clear(&w.sync[0]);
    if (w.command.op == WORKER_META) {
        struct kernel_tiling tiling = {0};
        int rc = w.entry.tiling_fn(&w.requests[w.command.base].call, w.command.n_threads,
                                   w.plan->features, &tiling);

        w.control->tiling = tiling;
        atomic_store(&w.returned, rc);
    } else if (w.command.op == WORKER_RUN) {
        for (uint32_t i = 1; i < w.command.n_threads; i++) {
            atomic_fetch_add(&w.members[i].go, 1);
            futex_wake_all(&w.members[i].go);
        }
        command_run(&w.command, 0);
    } else if (w.command.op == WORKER_SPIN) {
        steps_run(w.command.count);
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
        /* For the judge of a worker that is not timed. */
        syscall(SYS_futex, &w.control->done, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
        /* The clock runs until all of us stand still. */
        syscall(SYS_kill, w.pid, SIGSTOP);
        seen = bell_wait(&w.plan->doorbell, seen, FUTEX_WAIT);
        command_do();
    }
}

static void leader_main(void)
{
    worker_walls_raise((int)w.plan->inspectable);
    with_shifted_stack(0, leader_loop);
}

/* The first thread's stack may grow to megabytes; leave it for one like the others'. Sanitizers
 * know their threads' stacks and stay where they are. */
static void leader_start(void)
{
#ifndef WORKER_SANITIZED
    static ucontext_t context;
    size_t bytes;
    unsigned char *stack = stack_make(&bytes);

    getcontext(&context);
    context.uc_stack.ss_sp = stack;
    context.uc_stack.ss_size = bytes;
    makecontext(&context, leader_main, 0);
    setcontext(&context);
    worker_fail("changing stacks", strerror(errno));
#else
    leader_main();
#endif
}

static void files_map(void)
{
    w.control =
        (void *)worker_file_map(WORKER_CONTROL, 0, WORKER_PAGE, PROT_READ | PROT_WRITE, 0, NULL);
    w.plan = (const void *)worker_file_map(WORKER_PLAN, 0, file_bytes(WORKER_PLAN), PROT_READ,
                                           MAP_POPULATE, NULL);
    if (getppid() != w.plan->judge_pid)
        _exit(1);
    map_requests();
    map_slots();
    map_scratch();
}

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    w.pid = getpid();
    files_map();
    tiles_permit();
    for (int i = 0; i < 2; i++) {
        w.sync[i].wait = futex_sleep;
        w.sync[i].wake = futex_wake_all;
    }
#ifdef WORKER_SANITIZED
    if (argc != 2)
        return 2;
    worker_walls_clocks(w.control);
    team_start();
    worker_walls_loading();
    worker_object_load(argv[1], &w.entry);
#else
    if (argc != 1)
        return 2;
    (void)argv;
    worker_image_load(w.plan->image_bytes, &w.entry);
    worker_walls_clocks(w.control);
    team_start();
#endif
    leader_start();
    return 0;
}
