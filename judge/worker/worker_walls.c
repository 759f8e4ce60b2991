/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/worker/worker_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

/* Seconds of processor time: more than any worker lives, so that one whose judge is gone ends. */
enum { CPU_LIMIT_S = 300 };

static void filter_check(int rc)
{
    if (rc < 0)
        worker_fail("the filter of system calls", strerror(-rc));
}

/* A filter that kills the process at whatever it is not told of. The 32-bit entries are another
 * architecture to the system, with a rule of its own. */
static scmp_filter_ctx filter_open(void)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);

    if (!f)
        worker_fail("the filter of system calls", "out of memory");
    filter_check(seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    filter_check(seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1));
    /* Or old systems slow all speculation down, and the kernel is not timed as it will run. Where
     * this is unknown there is nothing to switch off. */
    seccomp_attr_set(f, SCMP_FLTATR_CTL_SSB, 1);
    return f;
}

static void filter_allow(scmp_filter_ctx f, const int *calls, size_t n, uint32_t action)
{
    for (size_t i = 0; i < n; i++)
        filter_check(seccomp_rule_add(f, action, calls[i], 0));
}

/* To stop oneself, and nobody else. */
static void filter_allow_stop(scmp_filter_ctx f)
{
    filter_check(seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(kill), 2,
                                  SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t)getpid()),
                                  SCMP_A1_64(SCMP_CMP_EQ, SIGSTOP)));
}

/* Not released: giving memory back may need a system call that is gone. */
static void filter_load(scmp_filter_ctx f)
{
    filter_check(seccomp_load(f));
}

static void limit(int resource, rlim_t most)
{
    if (setrlimit((__rlimit_resource_t)resource, &(struct rlimit){most, most}))
        worker_fail("lowering the limits", strerror(errno));
}

static void limits_lower(rlim_t n_files)
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, CPU_LIMIT_S);
    limit(RLIMIT_NOFILE, n_files);
    limit(RLIMIT_NPROC, 0);
    limit(RLIMIT_MEMLOCK, 0);
}

#ifdef WORKER_SANITIZED

/* Asked for on the way to a report, and not needed for it. */
static const int refused[] = {
    SCMP_SYS(open),
    SCMP_SYS(access),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(ioctl),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(uname),
    SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64),
    SCMP_SYS(sched_getaffinity),
};
static const int runtime[] = {
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(sched_yield),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(nanosleep),
    SCMP_SYS(close),
    SCMP_SYS(clock_nanosleep),
};

static void runtime_allow(scmp_filter_ctx f)
{
    filter_allow(f, runtime, sizeof runtime / sizeof *runtime, SCMP_ACT_ALLOW);
    filter_allow(f, refused, sizeof refused / sizeof *refused, SCMP_ACT_ERRNO(EPERM));
    filter_check(
        seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0_64(SCMP_CMP_EQ, 2)));
}

void worker_walls_clocks(struct worker_control *control)
{
    (void)control;
    close_range(0, 1, 0);
    close_range(3, UINT_MAX, 0);
}

void worker_walls_loading(void)
{
    static const int loading[] = {SCMP_SYS(read),   SCMP_SYS(pread64), SCMP_SYS(fstat),
                                  SCMP_SYS(lseek),  SCMP_SYS(prctl),   SCMP_SYS(newfstatat),
                                  SCMP_SYS(seccomp)};
    scmp_filter_ctx f = filter_open();

    limits_lower(2); /* number 0 or 1, for the object while it is read */
    runtime_allow(f);
    filter_allow_stop(f); /* filters add up, and this one stays */
    filter_allow(f, loading, sizeof loading / sizeof *loading, SCMP_ACT_ALLOW);
    filter_check(seccomp_rule_add(
        f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
        SCMP_A2_64(SCMP_CMP_MASKED_EQ, 0xffffffffu & ~(unsigned)O_CLOEXEC, O_RDONLY)));
    filter_load(f);
}

static void rest_take(scmp_filter_ctx f)
{
    static const int files[] = {SCMP_SYS(openat), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
                                SCMP_SYS(prctl)};

    runtime_allow(f);
    filter_allow(f, files, sizeof files / sizeof *files, SCMP_ACT_ERRNO(EPERM));
}

#else

/* Opcodes after prefixes that a program without privileges faults at once its clocks are gone:
 * rdtsc, rdpmc, rdtscp. */
static int reads_clock(const unsigned char *code)
{
    static const unsigned char prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64,
                                             0x65, 0x66, 0x67, 0xf2, 0xf3};

    while (memchr(prefixes, *code, sizeof prefixes) || (*code & 0xf0) == 0x40)
        code++;
    return code[0] == 0x0f &&
           (code[1] == 0x31 || code[1] == 0x33 || (code[1] == 0x01 && code[2] == 0xf9));
}

static struct worker_control *fault_note;

/* The exit status of a process does not tell a clock from a wild pointer. The note can only be made
 * worse by its maker. The second fault finds the signal blocked, and that ends the process. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
    const ucontext_t *c = context;

    if (info->si_code == SI_KERNEL && !info->si_addr &&
        reads_clock((const unsigned char *)c->uc_mcontext.gregs[REG_RIP]))
        fault_note->clock_read = 1;
    (void)signal;
    __asm__ volatile("hlt");
}

/* The vDSO tells the time without a system call. Where the system does not let go of it only its
 * coarse clock (some ms) is left: the fine one needs the time-stamp counter. */
static void vdso_unmap(void)
{
    FILE *f = fopen("/proc/self/maps", "r");
    unsigned long at[8] = {0}, end[8] = {0};
    char line[512];
    int n = 0;

    while (f && n < 8 && fgets(line, sizeof line, f))
        if ((strstr(line, "[vvar") || strstr(line, "[vdso")) &&
            sscanf(line, "%lx-%lx", &at[n], &end[n]) == 2)
            n++;
    if (f)
        fclose(f);
    else
        worker_fail("/proc/self/maps", strerror(errno));
    for (int i = 0; i < n; i++)
        munmap((void *)at[i], end[i] - at[i]);
}

void worker_walls_clocks(struct worker_control *control)
{
    struct sigaction action = {
        .sa_sigaction = on_fault,
        .sa_flags = SA_SIGINFO,
    };

    fault_note = control;
    vdso_unmap();
    close_range(0, UINT_MAX, 0);
    if (sigaction(SIGSEGV, &action, NULL) || prctl(PR_SET_TSC, PR_TSC_SIGSEGV))
        worker_fail("taking the clocks away", strerror(errno));
}

/* Limits, and futexes without a timeout: with one, a kernel could sleep, and so tell the time. */
static void rest_take(scmp_filter_ctx f)
{
    static const int ends[] = {SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall)};
    static const int ops[] = {FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_PRIVATE, FUTEX_WAKE_PRIVATE};

    limits_lower(0);
#ifndef __SANITIZE_ADDRESS__
    /* What is mapped stays; nothing can be added, not even by a growing stack. The heap has room
     * for the filter; that of a worker built with sanitizers, for our own tests, has not. */
    limit(RLIMIT_AS, 0);
#endif
    filter_allow(f, ends, sizeof ends / sizeof *ends, SCMP_ACT_ALLOW);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        filter_check(seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(futex), 2,
                                      SCMP_A1_64(SCMP_CMP_MASKED_EQ, 0xffffffffu, ops[i]),
                                      SCMP_A3_64(SCMP_CMP_EQ, 0)));
}

#endif

void worker_walls_raise(int inspectable)
{
    scmp_filter_ctx f = filter_open();

    rest_take(f);
    filter_allow_stop(f);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        (!inspectable && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)))
        worker_fail("dropping privileges", strerror(errno));
    filter_load(f);
}
