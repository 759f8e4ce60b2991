/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run/team.h"

#include "engine/run/cores.h"
#include "engine/run/token_chain.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_THREADS = 512,
    SOLO_BYTES = 32 << 10,   /* one core moves this in about the time of a barrier */
    BLOCK_BYTES = 128 << 10, /* what a block of tokens takes through a chain: it stays in L2 */
    BLOCKS = 4,   /* of tokens for each thread, at least, so that a late one costs little */
    SPINS = 2048, /* some 50 us: longer than a gap between calls, shorter than a time slice */
};

struct worker {
    struct team *team;
    pthread_t thread;
    uint32_t rank;
};

struct team {
    uint32_t n_threads, n_started;
    uint64_t features;
    unsigned char *scratch;
    size_t scratch_bytes; /* per thread, a multiple of KERNEL_ALIGN */
    struct worker *workers;
    const struct kernel_call *const *calls; /* the job */
    size_t n_calls;
    bool stop;
    struct kernel_sync sync[2];            /* of even and odd calls of the job */
    _Alignas(64) _Atomic uint32_t job;     /* goes up when a job is posted */
    _Alignas(64) _Atomic uint32_t arrived; /* at the barrier between calls */
    _Alignas(64) _Atomic uint32_t phase;   /* goes up when all have arrived */
    _Alignas(64) _Atomic uint32_t refused; /* 1 + index of a call the kernel refused */
    uint64_t op_ns[KERNEL_N_OPS], op_calls[KERNEL_N_OPS];
};

/* --- waiting --- */

/* Threads asleep anywhere in the process: while it is 0, waking costs no system call. */
static _Atomic uint32_t n_sleeping;

static void word_sleep(_Atomic uint32_t *word, uint32_t seen)
{
    atomic_fetch_add(&n_sleeping, 1);
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    atomic_fetch_sub(&n_sleeping, 1);
}

/* The word was changed with sequential consistency before; a sleeper has either been counted by now
 * or will see the new value when it asks the system to sleep. */
static void word_wake(_Atomic uint32_t *word)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&n_sleeping))
        syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void word_wait_change(_Atomic uint32_t *word, uint32_t seen)
{
    for (uint32_t spins = 0; atomic_load_explicit(word, memory_order_acquire) == seen; spins++) {
        if (spins < SPINS)
            __builtin_ia32_pause();
        else
            word_sleep(word, seen);
    }
}

/* --- a job --- */

static void sync_reset(struct kernel_sync *s)
{
    atomic_store_explicit(&s->barrier, 0, memory_order_relaxed);
    atomic_store_explicit(&s->chunk, 0, memory_order_relaxed);
}

/* All threads have finished a call. The last to come makes `next` fresh for the call after. */
static void team_barrier(struct team *t, struct kernel_sync *next)
{
    uint32_t phase = atomic_load_explicit(&t->phase, memory_order_acquire);

    if (atomic_fetch_add(&t->arrived, 1) + 1 < t->n_threads) {
        word_wait_change(&t->phase, phase);
        return;
    }
    sync_reset(next);
    atomic_store(&t->arrived, 0);
    atomic_store(&t->phase, phase + 1);
    if (t->n_threads > 1)
        word_wake(&t->phase);
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Bytes that go through the cores: not the pages, nor the matrix that rows are taken from. */
static size_t call_bytes(const struct kernel_call *c)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < c->n_in; i++)
        if (c->op != KERNEL_GET_ROWS || c->in[i].layout != KERNEL_PACKED)
            bytes += c->in[i].bytes;
    for (uint32_t i = 0; i < c->n_out; i++)
        if (c->out[i].layout != KERNEL_PAGES)
            bytes += c->out[i].bytes;
    return bytes;
}

/* A call so small that handing it round costs more than it saves goes to rank 0 alone. The result
 * is the same: a kernel's bits do not depend on the team's size. */
static bool is_solo(const struct kernel_call *c)
{
    return c->op != KERNEL_ATTENTION && c->op != KERNEL_PACK && call_bytes(c) <= SOLO_BYTES;
}

static struct kernel_sync sync_alone(void)
{
    return (struct kernel_sync){.wait = word_sleep, .wake = word_wake};
}

static int call_solo(const struct kernel_call *call, struct kernel_team kt)
{
    struct kernel_sync alone = sync_alone();

    kt.size = 1;
    kt.shared = kt.scratch;
    kt.sync = &alone;
    return kernel_fn(call, &kt);
}

/* Rank 0 was busy with `op` from *before until now. */
static void time_book(struct team *t, uint32_t op, uint64_t *before)
{
    uint64_t after = now_ns();

    t->op_ns[op] += after - *before;
    *before = after;
}

/* Tokens of a block of the chain calls[0..n-1]; 0: too few to be handed round that way. */
static size_t block_tokens(const struct team *t, const struct kernel_call *const *calls, size_t n)
{
    size_t tokens = token_chain_tokens(calls[0]), bytes = 0, block;

    for (size_t i = 0; i < n; i++)
        bytes += call_bytes(calls[i]);
    if (tokens < t->n_threads * BLOCKS || bytes <= SOLO_BYTES)
        return 0;
    block = BLOCK_BYTES / (bytes / tokens);
    block = block < tokens / (t->n_threads * BLOCKS) ? block : tokens / (t->n_threads * BLOCKS);
    return block ? block : 1;
}

/* This thread's blocks of the chain, each through all its calls. Returns what the kernel said. */
static int chain_share(struct team *t, const struct kernel_call *const *calls, size_t n,
                       size_t block, const struct kernel_team *kt, uint64_t *before)
{
    size_t tokens = token_chain_tokens(calls[0]);
    uint32_t n_blocks = (uint32_t)((tokens + block - 1) / block), b;
    int rc = KERNEL_OK;

    while ((b = kernel_chunk_claim(kt, n_blocks)) < n_blocks) {
        size_t first = b * block, some = tokens - first < block ? tokens - first : block;

        for (size_t i = 0; i < n; i++) {
            struct kernel_call part;

            token_chain_slice(calls[i], first, some, &part);
            if (call_solo(&part, *kt) != KERNEL_OK)
                rc = KERNEL_UNSUPPORTED;
            if (kt->rank == 0)
                time_book(t, part.op, before);
        }
    }
    return rc;
}

/* What comes next: one call, or `length` calls in blocks of tokens. */
struct step {
    size_t length, block; /* block 0: a call as it is */
    bool solo;
};

static struct step step_of(const struct team *t, const struct kernel_call *const *calls, size_t n)
{
    size_t length = token_chain_length(calls, n),
           block = length > 1 ? block_tokens(t, calls, length) : 0;

    if (block)
        return (struct step){.length = length, .block = block};
    return (struct step){.length = 1, .solo = n && is_solo(calls[0])};
}

/* This thread's part of a step. Returns what the kernel said. */
static int step_share(struct team *t, const struct kernel_call *const *calls, struct step step,
                      const struct kernel_team *kt, uint64_t *before)
{
    if (step.block)
        return chain_share(t, calls, step.length, step.block, kt, before);
    if (!step.solo)
        return kernel_fn(calls[0], kt);
    return kt->rank ? KERNEL_OK : call_solo(calls[0], *kt);
}

/* The calls and their number are copied: rank 0 may post the next job as soon as the last barrier
 * has opened, while others are still on their way out. Between two solo calls nobody need wait. */
static void team_share(struct team *t, uint32_t rank)
{
    const struct kernel_call *const *calls = t->calls;
    size_t n = t->n_calls;
    struct kernel_team kt = {
        .rank = rank,
        .size = t->n_threads,
        .features = t->features,
        .scratch = t->scratch + rank * t->scratch_bytes,
        .shared = t->scratch,
        .scratch_bytes = t->scratch_bytes,
    };
    uint64_t before = rank ? 0 : now_ns();
    struct step step = step_of(t, calls, n), next;

    for (size_t i = 0; i < n; i += step.length, step = next) {
        size_t end = i + step.length;

        kt.sync = &t->sync[i % 2];
        if (step_share(t, calls + i, step, &kt, &before) != KERNEL_OK)
            atomic_store(&t->refused, (uint32_t)i + 1);
        next = step_of(t, calls + end, n - end);
        if (!step.solo || !next.solo)
            team_barrier(t, &t->sync[end % 2]);
        if (rank == 0) {
            time_book(t, calls[end - 1]->op, &before);
            for (size_t c = i; c < end; c++)
                t->op_calls[calls[c]->op]++;
        }
    }
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct team *t = w->team;

    for (uint32_t seen = 0;;) {
        word_wait_change(&t->job, seen);
        seen++;
        if (t->stop)
            return NULL;
        team_share(t, w->rank);
    }
}

static void job_post(struct team *t)
{
    if (t->n_threads == 1)
        return;
    atomic_fetch_add(&t->job, 1);
    word_wake(&t->job);
}

int team_run(struct team *t, const struct kernel_call *const *calls, size_t n)
{
    uint32_t refused;

    if (n == 0)
        return 0;
    t->calls = calls;
    t->n_calls = n;
    sync_reset(&t->sync[0]);
    sync_reset(&t->sync[1]);
    atomic_store(&t->refused, 0);
    job_post(t);
    team_share(t, 0);
    refused = atomic_load(&t->refused);
    if (refused)
        return err_set(ERR_UNSUPPORTED, "kernel %s refused a call of %s", kernel_name,
                       team_op_name(calls[refused - 1]->op));
    return 0;
}

/* --- life --- */

/* Rank r sits on the r-th best core. Rank 0 is the caller's own thread and stays unpinned: its
 * affinity belongs to the program around us, and threads it starts later would inherit the pin.
 * With a team no larger than the machine the scheduler finds it the one core that is left. A
 * refusal only costs speed. */
static void workers_pin(struct team *t)
{
    const struct cores *cores = cores_list();
    cpu_set_t set;

    for (uint32_t i = 0; i < t->n_started && i + 1 < cores->n; i++) {
        if (cores->cpu[i + 1] >= CPU_SETSIZE)
            continue;
        CPU_ZERO(&set);
        CPU_SET(cores->cpu[i + 1], &set);
        pthread_setaffinity_np(t->workers[i].thread, sizeof set, &set);
    }
}

static int workers_start(struct team *t)
{
    if (t->n_threads == 1)
        return 0;
    t->workers = calloc(t->n_threads - 1, sizeof *t->workers);
    if (!t->workers)
        return err_set(ERR_NOMEM, "no memory for %u threads", t->n_threads);
    for (; t->n_started < t->n_threads - 1; t->n_started++) {
        struct worker *w = &t->workers[t->n_started];

        *w = (struct worker){.team = t, .rank = t->n_started + 1};
        int error = pthread_create(&w->thread, NULL, worker_main, w);
        if (error)
            return err_set(ERR_IO, "cannot start thread %u of %u: %s", w->rank + 1, t->n_threads,
                           strerror(error));
    }
    workers_pin(t);
    return 0;
}

static int team_allocate(struct team *t, size_t scratch_bytes)
{
    size_t total;

    if (!size_add(scratch_bytes, 2 * KERNEL_ALIGN, &total))
        return err_set(ERR_RANGE, "scratch of %zu bytes", scratch_bytes);
    t->scratch_bytes = size_align(scratch_bytes + 1, KERNEL_ALIGN);
    if (!size_mul(t->scratch_bytes, t->n_threads, &total))
        return err_set(ERR_RANGE, "scratch of %zu bytes", scratch_bytes);
    t->scratch = aligned_alloc(KERNEL_ALIGN, total);
    if (!t->scratch)
        return err_set(ERR_NOMEM, "no memory for %zu bytes of scratch", total);
    for (int i = 0; i < 2; i++) {
        t->sync[i].wait = word_sleep;
        t->sync[i].wake = word_wake;
    }
    return 0;
}

int team_open(uint32_t n_threads, uint64_t features, size_t scratch_bytes, struct team **out)
{
    struct team *t;
    int rc;

    *out = NULL;
    if (n_threads < 1 || n_threads > MAX_THREADS)
        return err_set(ERR_RANGE, "%u threads: say 1 to %d", n_threads, MAX_THREADS);
    t = aligned_alloc(KERNEL_ALIGN, size_align(sizeof *t, KERNEL_ALIGN));
    if (!t)
        return err_set(ERR_NOMEM, "no memory for a thread team");
    memset(t, 0, sizeof *t);
    t->n_threads = n_threads;
    t->features = features;
    rc = team_allocate(t, scratch_bytes);
    if (rc == 0)
        rc = workers_start(t);
    if (rc < 0) {
        team_close(&t);
        return rc;
    }
    *out = t;
    return 0;
}

void team_close(struct team **t)
{
    struct team *team = *t;

    if (!team)
        return;
    team->stop = true;
    job_post(team);
    for (uint32_t i = 0; i < team->n_started; i++)
        pthread_join(team->workers[i].thread, NULL);
    free(team->workers);
    free(team->scratch);
    free(team);
    *t = NULL;
}

const uint64_t *team_op_ns(const struct team *t)
{
    return t->op_ns;
}

const uint64_t *team_op_calls(const struct team *t)
{
    return t->op_calls;
}

uint32_t team_default_threads(void)
{
    return cores_list()->n_performance;
}

const char *team_op_name(uint32_t op)
{
    static const char *const names[KERNEL_N_OPS] = {
        [KERNEL_PACK] = "pack",
        [KERNEL_GET_ROWS] = "get_rows",
        [KERNEL_QUANTIZE] = "quantize",
        [KERNEL_GEMV] = "gemv",
        [KERNEL_GEMM] = "gemm",
        [KERNEL_GEMM_IDS] = "gemm_ids",
        [KERNEL_KV_STORE] = "kv_store",
        [KERNEL_KV_LOAD] = "kv_load",
        [KERNEL_ATTENTION] = "attention",
        [KERNEL_RMS_NORM] = "rms_norm",
        [KERNEL_LAYER_NORM] = "layer_norm",
        [KERNEL_ROPE] = "rope",
        [KERNEL_GLU] = "glu",
        [KERNEL_SOFTMAX] = "softmax",
        [KERNEL_ADD] = "add",
        [KERNEL_ARGMAX] = "argmax",
        [KERNEL_TOP_K] = "top_k",
        [KERNEL_MIX] = "mix",
    };

    return op < KERNEL_N_OPS ? names[op] : "?";
}
