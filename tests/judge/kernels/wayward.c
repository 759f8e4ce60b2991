/* SPDX-License-Identifier: Apache-2.0
 *
 * A kernel that does one thing a kernel must not do, chosen by i[0] (wayward.h), and a few that it
 * may. */
#include "tests/judge/kernels/wayward.h"
#include "kernel/kernel.h"

#include <string.h>

const char kernel_name[] = "wayward";
const char problem_description[] = "what the walls of the worker are for";

static long system_call(long number, long a, long b, long c, long d)
{
    long rc;
    register long d_in __asm__("r10") = d;

    __asm__ volatile("syscall"
                     : "=a"(rc)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(d_in)
                     : "rcx", "r11", "memory");
    return rc;
}

static int twice(int x)
{
    return 2 * x;
}

static int thrice(int x)
{
    return 3 * x;
}

typedef int int_fn(int);
int_fn *const wayward_table[] = {twice, thrice};
static int_fn *volatile chosen = thrice;
static int initial[4] = {1, 2, 3, 4}, untouched[1000];

static __attribute__((noinline)) int stack_use(long bytes)
{
    volatile char room[4096];

    room[0] = 1;
    return bytes <= 4096 ? room[0] : stack_use(bytes - 4096) + room[0];
}

static void clock_read(enum wayward how)
{
    unsigned a, d, c;

    if (how == WAYWARD_RDTSC)
        __asm__ volatile("rdtsc" : "=a"(a), "=d"(d));
    else if (how == WAYWARD_RDTSCP)
        __asm__ volatile("rdtscp" : "=a"(a), "=d"(d), "=c"(c));
    else
        __asm__ volatile(".byte 0x66, 0x48, 0x0f, 0x31" : "=a"(a), "=d"(d));
}

/* The worker's first two words, found from the first of its two syncs: plan and control page, which
 * begin with the number of the command and that of the last answer. True when they were there. */
static int bell_ring(const struct kernel_team *team)
{
    struct {
        const uint32_t *plan;
        uint32_t *control;
    } * worker;

    for (size_t back = 768; back <= 896; back += 128) {
        worker = (void *)((char *)team->sync - back);
        if (!worker->plan || !worker->control || *worker->plan != *worker->control + 1)
            continue;
        *(volatile uint32_t *)worker->control = *worker->plan;
        system_call(202, (long)worker->control, 1, 1 << 30, 0); /* futex: wake */
        return 1;
    }
    return 0;
}

static void memory_write(const struct kernel_call *call, enum wayward where)
{
    uintptr_t at = where == WAYWARD_TEXT       ? (uintptr_t)twice
                   : where == WAYWARD_CONSTANT ? (uintptr_t)kernel_name
                   : where == WAYWARD_RELRO    ? (uintptr_t)wayward_table
                                               : (uintptr_t)call->in[0].data;

    *(volatile char *)at = 1;
}

static void fpu_leave(enum wayward how)
{
    static const unsigned mxcsr = 0x9fc0;
    static const unsigned short control = 0x007f;
    static const unsigned char tiles[64] = {1, [16] = 64, [48] = 16};

    if (how == WAYWARD_MXCSR)
        __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    else if (how == WAYWARD_X87)
        __asm__ volatile("fld1");
    else if (how == WAYWARD_TILES)
        __asm__ volatile("ldtilecfg %0" : : "m"(tiles));
    else
        __asm__ volatile("fldcw %0" : : "m"(control));
}

static int scratch_use(const struct kernel_team *team)
{
    volatile char *s = team->scratch;
    int sum = 0;

    for (size_t i = 0; i < team->scratch_bytes; i++) {
        sum += s[i];
        s[i] = 7;
    }
    sum += s[-8192];
    s[-8192] = 7;
    return sum;
}

static int memory_functions(volatile size_t *n)
{
    char a[64], b[64];

    memset(a, 5, *n);
    memcpy(b, a, *n);
    memmove(b + 1, b, *n - 1);
    return b[0] + b[*n - 1];
}

static int honest(const struct kernel_call *call, const struct kernel_team *team)
{
    volatile size_t n = 64;
    unsigned mxcsr;

    switch (call->i[0]) {
    case WAYWARD_STACK:
        return stack_use(call->i[1]);
    case WAYWARD_FPU_SEEN:
        __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
        return (int)mxcsr;
    case WAYWARD_SCRATCH:
        return scratch_use(team);
    case WAYWARD_MEM:
        return memory_functions(&n);
    case WAYWARD_ADDRESSES:
        return chosen(wayward_table[0](initial[3])) + untouched[999]++;
    default:
        return *(const int *)call->in[0].data + 1;
    }
}

/* What no kernel may have in it, for whoever looks at the object. */
#ifdef THREAD_LOCAL
_Thread_local int wayward_local = 1;
#endif
#ifdef INDIRECT
static void *indirect_resolve(void)
{
    return twice;
}
int wayward_indirect(int x) __attribute__((ifunc("indirect_resolve")));
#endif
#ifdef IMPORT
extern char IMPORT[];
char *wayward_import = IMPORT;
#endif
#ifdef HUGE_BSS
char wayward_huge[128 << 20];
#endif
#ifdef CONSTRUCTOR_WRITES
__attribute__((constructor)) static void at_load(void)
{
    system_call(257, -100, (long)CONSTRUCTOR_WRITES, 0101, 0644); /* openat, write and create */
}
#endif

int kernel_fn(const struct kernel_call *call, const struct kernel_team *team)
{
    volatile char *out = call->out[0].data, *scratch = team->scratch;
    long short_time[2] = {0, 1000};
    int word = 0, rc;

    switch (call->i[0]) {
    case WAYWARD_SYSCALL:
        system_call(call->i[1], 0, 0, 0, 0);
        break;
    case WAYWARD_SYSCALL_32:
        if (team->rank == team->size - 1)
            __asm__ volatile("int $0x80" : "=a"(rc) : "a"((int)call->i[1]) : "memory");
        break;
    case WAYWARD_SLEEP:
        system_call(202, (long)&word, 0, 0, (long)short_time);
        break;
    case WAYWARD_RDTSC:
    case WAYWARD_RDTSCP:
    case WAYWARD_RDTSC_PREFIX:
        clock_read((enum wayward)call->i[0]);
        break;
    case WAYWARD_TEXT:
    case WAYWARD_CONSTANT:
    case WAYWARD_RELRO:
    case WAYWARD_INPUT:
        memory_write(call, (enum wayward)call->i[0]);
        break;
    case WAYWARD_MXCSR:
    case WAYWARD_X87:
    case WAYWARD_X87_CONTROL:
    case WAYWARD_TILES:
        if (team->rank == team->size - 1)
            fpu_leave((enum wayward)call->i[0]);
        break;
    case WAYWARD_PAST:
        out[call->i[1]] = 1;
        break;
    case WAYWARD_MEM_PAST:
        memset(call->out[0].data, 1, (size_t)call->i[1]);
        break;
    case WAYWARD_SCRATCH_PAST:
        scratch[team->scratch_bytes] = 1;
        break;
    case WAYWARD_OVERFLOW:
        rc = (int)call->i[1];
        rc += 1;
        *(volatile int *)out = rc;
        break;
    case WAYWARD_EARLY_BELL:
        *(int *)call->out[0].data = bell_ring(team);
        __attribute__((fallthrough));
    case WAYWARD_LONG:
        for (volatile long i = 0; i < call->i[1]; i++)
            ;
        break;
    default:
        if (team->rank == 0)
            *(int *)call->out[0].data = honest(call, team);
    }
    return KERNEL_OK;
}

int get_tiling_meta(const struct kernel_call *call, uint32_t n_threads, uint64_t features,
                    struct kernel_tiling *out)
{
    (void)call;
    (void)n_threads;
    (void)features;
    memset(out, 0, sizeof *out);
    out->tile_m = (uint32_t)call->i[1];
    return KERNEL_OK;
}
