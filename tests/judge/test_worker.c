/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/worker/fault.h"
#include "judge/worker/side.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "tests/judge/kernels/wayward.h"
#include "tests/judge/sandbox.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
enum { SCRATCH = 5000 };

/* One worker with wayward.c in it, one page of input and one of output. */
static struct {
    struct sandbox box;
    char object[400];
    struct segment input, output;
    struct side *side;
    pid_t pid;
} t;

static void compile(const char *more)
{
    struct strbuf log = {0}, command = {0};

    snprintf(t.object, sizeof t.object, "%s/kernel.so", t.box.folder);
    strbuf_addf(&command,
                "gcc -std=c11 -D_GNU_SOURCE -O1 -fPIC -I. -fno-stack-protector -fno-plt "
                "-fcf-protection=none -shared -nostartfiles -nostdlib -Wl,-z,now %s -o %s "
                "tests/judge/kernels/wayward.c",
                more, t.object);
    cr_assert_eq(process_run((char *[]){"sh", "-c", command.data, NULL}, NULL, 60, &log), 0, "%s",
                 strbuf_str(&log));
    strbuf_deinit(&log);
    strbuf_deinit(&command);
}

/* The one child of this process. */
static pid_t child(void)
{
    char path[64];
    struct strbuf text = {0};
    pid_t pid;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    if (file_read(path, &text) < 0)
        cr_skip_test("this system does not list children: %s", err_message());
    pid = (pid_t)atoi(strbuf_str(&text));
    strbuf_deinit(&text);
    return pid;
}

static void start(uint32_t n_threads, bool inspectable, bool sanitized)
{
    struct side_spec spec = {
        .worker = t.box.worker,
        .object = t.object,
        .input = &t.input,
        .output = &t.output,
        .n_threads = n_threads,
        .n_requests = 4,
        .inspectable = inspectable,
        .sanitized = sanitized,
        .place_seed = 1,
        .features = cpu_features(),
        .n_slots = 2,
        .slots = {{.file = WORKER_INPUT, .bytes = WORKER_PAGE},
                  {.file = WORKER_OUTPUT, .writable = 1, .bytes = WORKER_PAGE}},
    };

    for (int i = 0; i < WORKER_MAX_THREADS; i++)
        spec.core[i] = -1;
    cr_assert_eq(segment_open("input", WORKER_PAGE, &t.input), 0);
    cr_assert_eq(segment_open("output", WORKER_PAGE, &t.output), 0);
    cr_assert_eq(segment_seal(&t.input), 0);
    cr_assert_eq(side_open(&spec, &t.side), 0, "%s", err_message());
}

static void stop(void)
{
    side_close(&t.side);
    segment_close(&t.input);
    segment_close(&t.output);
}

static void setup(void)
{
    sandbox_init(&t.box);
    t.input = t.output = SEGMENT_NONE;
    compile("");
}

static void teardown(void)
{
    stop();
    sandbox_deinit(&t.box);
}

TestSuite(worker, .init = setup, .fini = teardown, .timeout = 60);

/* The output is `bytes` long and ends with the page. */
static void request(enum wayward what, int64_t how, size_t bytes)
{
    struct worker_request *r = &side_requests(t.side)[0];

    memset(r, 0, sizeof *r);
    r->scratch_bytes = SCRATCH;
    r->call.n_in = r->call.n_out = 1;
    r->call.i[0] = what;
    r->call.i[1] = how;
    r->call.in[0].data = (void *)(uintptr_t)WORKER_AT(0, 64);
    r->call.in[0].bytes = sizeof(int);
    r->call.out[0].data = (void *)(uintptr_t)WORKER_AT(1, WORKER_PAGE - bytes);
    r->call.out[0].bytes = bytes;
}

/* Carry out request 0 as it stands. */
static struct side_result go(uint32_t n_threads)
{
    struct worker_command command = {
        .op = WORKER_RUN,
        .reload = 1,
        .n_threads = n_threads,
        .pool = 1,
        .count = 1,
    };
    struct side_result r;

    cr_assert_eq(side_command(t.side, &command, 10 * SECOND, &r), 0, "%s", err_message());
    return r;
}

static struct side_result run(enum wayward what, int64_t how, uint32_t n_threads)
{
    request(what, how, sizeof(int));
    return go(n_threads);
}

static int output(void)
{
    int value;

    memcpy(&value, t.output.data + WORKER_PAGE - sizeof value, sizeof value);
    return value;
}

static void expect_end(struct side_result r, enum side_status status, enum judge_verdict verdict,
                       const char *word)
{
    struct worker_command command = {.op = WORKER_LOAD};
    struct judge_fault fault = {0};

    cr_expect_eq(r.status, status, "%d, %s", r.status, r.what);
    cr_expect(strstr(r.what, word) != NULL, "%s", r.what);
    fault_from_result(&fault, &r);
    cr_expect(fault.found);
    cr_expect_eq(fault.verdict, verdict, "%s", fault.message);
    cr_assert_eq(side_command(t.side, &command, SECOND, &r), ERR_USAGE, "it is dead");
}

static void expect_dies(enum wayward what, int64_t how, enum side_status status,
                        enum judge_verdict verdict, const char *word)
{
    start(1, false, false);
    expect_end(run(what, how, 1), status, verdict, word);
    stop();
}

Test(worker, runs_an_honest_kernel_alone_and_as_a_team)
{
    start(3, false, false);
    for (uint32_t n = 1; n <= 3; n++) {
        int in = 41;
        struct side_result r;

        memcpy(t.input.data + 64, &in, sizeof in);
        memset(t.output.data, 0xee, WORKER_PAGE);
        r = run(WAYWARD_NOT, 0, n);
        cr_assert_eq(r.status, SIDE_OK, "%s", r.what);
        cr_assert_eq(output(), 42);
        cr_assert_gt(r.ns, 0);
    }
}

Test(worker, puts_addresses_data_and_the_three_functions_together)
{
    start(1, false, false);
    cr_assert_eq(run(WAYWARD_ADDRESSES, 0, 1).status, SIDE_OK);
    cr_assert_eq(output(), 24);
    cr_assert_eq(run(WAYWARD_MEM, 0, 1).status, SIDE_OK);
    cr_assert_eq(output(), 10);
}

Test(worker, asks_for_metadata_and_reads_only_the_requests_named)
{
    struct worker_command command = {.op = WORKER_META, .reload = 1, .n_threads = 1, .pool = 1};
    struct side_result r;

    start(1, false, false);
    request(WAYWARD_NOT, 77, 4);
    side_requests(t.side)[1] = side_requests(t.side)[0];
    side_requests(t.side)[1].call.i[1] = 99;
    cr_assert_eq(side_command(t.side, &command, SECOND, &r), 0);
    cr_assert_eq(r.tiling.tile_m, 77);
    command.reload = 0;
    command.base = 1;
    cr_assert_eq(side_command(t.side, &command, SECOND, &r), 0);
    cr_assert_eq(r.tiling.tile_m, 0, "request 1 was not loaded");
    command.op = WORKER_LOAD;
    command.reload = 1;
    cr_assert_eq(side_command(t.side, &command, SECOND, &r), 0);
    command.op = WORKER_META;
    command.reload = 0;
    cr_assert_eq(side_command(t.side, &command, SECOND, &r), 0);
    cr_assert_eq(r.tiling.tile_m, 99);
}

Test(worker, system_calls_by_hand_kill)
{
    static const long calls[] = {SYS_getpid, SYS_clone,    SYS_clone3, SYS_clock_gettime,
                                 SYS_mmap,   SYS_mprotect, SYS_ptrace, SYS_openat};

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        expect_dies(WAYWARD_SYSCALL, calls[i], SIDE_FORBIDDEN, JUDGE_CHEAT, "system call");
}

Test(worker, system_calls_by_other_doors_kill)
{
    expect_dies(WAYWARD_SYSCALL, 0x40000000 | SYS_getpid, SIDE_FORBIDDEN, JUDGE_CHEAT,
                "system call");
    expect_dies(WAYWARD_SLEEP, 0, SIDE_FORBIDDEN, JUDGE_CHEAT, "system call");
    /* By a member alone: the whole process has to go. */
    start(2, false, false);
    expect_end(run(WAYWARD_SYSCALL_32, 20, 2), SIDE_FORBIDDEN, JUDGE_CHEAT, "system call");
}

Test(worker, a_member_of_a_team_is_no_freer_than_its_leader)
{
    for (int i = 0; i < 20; i++) {
        start(2, false, false);
        expect_end(run(WAYWARD_RDTSC, 0, 2), SIDE_FORBIDDEN, JUDGE_CHEAT, "time-stamp");
        stop();
    }
}

Test(worker, clocks_are_forbidden)
{
    expect_dies(WAYWARD_RDTSC, 0, SIDE_FORBIDDEN, JUDGE_CHEAT, "time-stamp");
    expect_dies(WAYWARD_RDTSCP, 0, SIDE_FORBIDDEN, JUDGE_CHEAT, "time-stamp");
    expect_dies(WAYWARD_RDTSC_PREFIX, 0, SIDE_FORBIDDEN, JUDGE_CHEAT, "time-stamp");
}

Test(worker, memory_that_is_not_its_own_cannot_be_written)
{
    expect_dies(WAYWARD_TEXT, 0, SIDE_CRASHED, JUDGE_FAIL_CRASH, "SIGSEGV");
    expect_dies(WAYWARD_CONSTANT, 0, SIDE_CRASHED, JUDGE_FAIL_CRASH, "SIGSEGV");
    expect_dies(WAYWARD_INPUT, 0, SIDE_CRASHED, JUDGE_FAIL_CRASH, "SIGSEGV");
    expect_dies(WAYWARD_PAST, sizeof(int), SIDE_CRASHED, JUDGE_FAIL_CRASH, "SIGSEGV");
}

Test(worker, addresses_are_read_only_once_they_are_set)
{
    compile("-Wl,-z,relro");
    expect_dies(WAYWARD_RELRO, 0, SIDE_CRASHED, JUDGE_FAIL_CRASH, "SIGSEGV");
}

Test(worker, leaving_early_is_a_failure)
{
    expect_dies(WAYWARD_SYSCALL, SYS_exit_group, SIDE_CRASHED, JUDGE_FAIL_CRASH, "by itself");
}

Test(worker, stacks_hold_tiles_but_no_megabytes)
{
    start(2, false, false);
    cr_assert_eq(run(WAYWARD_STACK, 240 << 10, 1).status, SIDE_OK);
    cr_assert_gt(output(), 0);
    expect_end(run(WAYWARD_STACK, 1 << 20, 1), SIDE_CRASHED, JUDGE_FAIL_CRASH, "SIGSEGV");
}

Test(worker, a_hang_is_a_timeout)
{
    struct worker_command command = {.op = WORKER_RUN, .reload = 1, .n_threads = 1, .pool = 1};
    struct side_result r;

    start(1, false, false);
    command.count = 1;
    request(WAYWARD_LONG, INT64_MAX, 4);
    cr_assert_eq(side_command(t.side, &command, SECOND / 20, &r), 0);
    expect_end(r, SIDE_TIMEOUT, JUDGE_FAIL_TIMEOUT, "no end");
}

static void expect_seen(enum wayward what, const char *word)
{
    bool clean;
    char found[128];

    start(2, true, false);
    for (uint32_t n = 1; n <= 2; n++) {
        /* What a member left stays until it is called again; so ask both to be good. */
        cr_assert_eq(run(WAYWARD_NOT, 0, 2).status, SIDE_OK);
        if (side_fpu(t.side, &clean, found) == ERR_UNSUPPORTED)
            cr_skip_test("%s", err_message());
        cr_expect(clean, "%s", found);
        cr_assert_eq(run(what, 0, n).status, SIDE_OK);
        cr_assert_eq(side_fpu(t.side, &clean, found), 0, "%s", err_message());
        cr_expect(!clean);
        cr_expect(strstr(found, word) != NULL, "%s", found);
        /* The worker sets control words before a call; stack and tiles are their owner's own trouble. */
        if (what == WAYWARD_X87 || what == WAYWARD_TILES)
            break;
    }
    stop();
}

Test(worker, control_words_are_seen_from_outside)
{
    expect_seen(WAYWARD_MXCSR, "MXCSR");
    expect_seen(WAYWARD_X87, "x87 stack");
    expect_seen(WAYWARD_X87_CONTROL, "x87 control");
}

Test(worker, tiles_left_in_use_are_seen_from_outside)
{
    if (!(cpu_features() & KERNEL_CPU_AMX_INT8))
        cr_skip_test("this machine has no AMX, or the system does not grant it");
    expect_seen(WAYWARD_TILES, "tiles of AMX");
}

Test(worker, each_call_starts_with_clean_control_words)
{
    start(1, false, false);
    cr_assert_eq(run(WAYWARD_MXCSR, 0, 1).status, SIDE_OK);
    cr_assert_eq(run(WAYWARD_FPU_SEEN, 0, 1).status, SIDE_OK);
    cr_assert_eq(output() & ~0x3f, 0x1f80);
}

Test(worker, looking_at_it_leaves_it_stopped_and_well)
{
    bool clean;
    char what[128];

    start(2, true, false);
    for (int i = 0; i < 200; i++) {
        struct side_result r;

        if (side_fpu(t.side, &clean, what) == ERR_UNSUPPORTED)
            cr_skip_test("%s", err_message());
        cr_assert(clean, "%s", what);
        memset(t.output.data, 0, WORKER_PAGE);
        r = run(WAYWARD_STACK, 4096, 2);
        cr_assert_eq(r.status, SIDE_OK, "%s", r.what);
        cr_assert_eq(output(), 1);
    }
}

Test(worker, nothing_in_the_scratch_survives_a_clearing)
{
    start(2, false, false);
    cr_assert_eq(run(WAYWARD_SCRATCH, 0, 2).status, SIDE_OK);
    cr_assert_eq(output(), 0);
    cr_assert_eq(run(WAYWARD_SCRATCH, 0, 2).status, SIDE_OK);
    cr_assert_eq(output(), 7 * (SCRATCH + 1), "without a clearing it does");
    cr_assert_eq(side_scratch_clear(t.side), 0);
    cr_assert_eq(run(WAYWARD_SCRATCH, 0, 2).status, SIDE_OK);
    cr_assert_eq(output(), 0);
}

Test(worker, holds_no_descriptor_and_no_clock_page)
{
    char path[64];
    struct strbuf maps = {0};
    const struct dirent *e;
    DIR *dir;

    start(2, true, false);
    t.pid = child();
    snprintf(path, sizeof path, "/proc/%d/fd", (int)t.pid);
    dir = opendir(path);
    cr_assert(dir != NULL);
    while ((e = readdir(dir)))
        cr_expect_eq(e->d_name[0], '.', "descriptor %s is open", e->d_name);
    closedir(dir);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)t.pid);
    cr_assert_eq(file_read(path, &maps), 0);
    cr_expect(strstr(maps.data, "/memfd:kernel") != NULL);
    cr_expect(strstr(maps.data, "kernel.so") == NULL);
    cr_expect(strstr(maps.data, " rwxs") == NULL && strstr(maps.data, " rwxp") == NULL);
    cr_expect(strstr(maps.data, "[vdso]") == NULL, "sealed by the system?");
    strbuf_deinit(&maps);
}

/* Make the stopped worker run, without a command, until it has used a millisecond. */
static void haunt(clockid_t clock)
{
    struct timespec time;
    int64_t begin = -1, now;

    for (int i = 0; i < 100000; i++) {
        cr_assert_eq(clock_gettime(clock, &time), 0);
        now = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
        if (begin < 0)
            begin = now;
        if (now - begin > 1000000)
            break;
        kill(t.pid, SIGCONT);
        usleep(20);
        kill(t.pid, SIGSTOP);
    }
}

Test(worker, processor_time_while_stopped_is_a_ghost_when_it_comes_again)
{
    clockid_t clock;

    start(1, false, false);
    t.pid = child();
    cr_assert_eq(clock_getcpuclockid(t.pid, &clock), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(run(WAYWARD_NOT, 0, 1).status, SIDE_OK);
        haunt(clock);
    }
    cr_assert_eq(run(WAYWARD_NOT, 0, 1).status, SIDE_OK, "twice may be bad luck");
    haunt(clock);
    expect_end(run(WAYWARD_NOT, 0, 1), SIDE_GHOST, JUDGE_CHEAT, "stopped");
}

Test(worker, the_clock_runs_on_when_the_bell_rings_too_early)
{
    struct side_result r;

    start(1, false, false);
    r = run(WAYWARD_EARLY_BELL, 10000000, 1);
    cr_assert_eq(r.status, SIDE_OK, "%s", r.what);
    cr_assert_eq(output(), 1, "the bell was not found: has the worker's state been reordered?");
    cr_expect_gt(r.cpu_ns, 1000000, "it went on for no more than %lu ns", (unsigned long)r.cpu_ns);
    cr_expect_gt(r.ns, r.cpu_ns / 2, "it ran for %lu ns, and %lu were counted",
                 (unsigned long)r.cpu_ns, (unsigned long)r.ns);
}

Test(worker, now_and_then_a_processor_clock_that_lags_is_no_ghost)
{
    clockid_t clock;

    start(1, false, false);
    t.pid = child();
    cr_assert_eq(clock_getcpuclockid(t.pid, &clock), 0);
    for (int i = 0; i < 8; i++) {
        struct side_result r = run(WAYWARD_NOT, 0, 1);

        cr_assert_eq(r.status, SIDE_OK, "after %d: %s", i, r.what);
        if (i % 2)
            haunt(clock);
    }
}

Test(worker, its_processor_time_is_told)
{
    struct side_result r;

    start(1, false, false);
    r = run(WAYWARD_LONG, 10000000, 1);
    cr_assert_eq(r.status, SIDE_OK, "%s", r.what);
    cr_expect_gt(r.cpu_ns, 1000000, "ten million steps are no %lu ns", (unsigned long)r.cpu_ns);
    cr_expect_lt(r.cpu_ns, r.ns + 10000000);
}

Test(worker, the_cost_of_a_step_is_found_from_outside)
{
    double ns = 0;

    start(1, false, false);
    cr_assert_eq(side_step_ns(t.side, &ns), 0, "%s", err_message());
    /* Three cycles or more of some gigahertz; a step that was folded away costs nothing. */
    cr_expect_gt(ns, 0.2);
    cr_expect_lt(ns, 100);
}

Test(worker, extra_steps_are_done_by_the_worker)
{
    struct side_result r;

    start(1, false, false);
    request(WAYWARD_NOT, 0, 4);
    side_requests(t.side)[0].extra_steps = 20000000;
    r = go(1);
    cr_assert_eq(r.status, SIDE_OK, "%s", r.what);
    cr_assert_gt(r.cpu_ns, 4000000);
}

/* --- the sanitized worker --- */

static void start_sanitized(uint32_t n_threads)
{
    char path[400];

    snprintf(path, sizeof path, "%s-sanitized", t.box.worker);
    cr_assert_eq(access(path, X_OK), 0, "%s is not built", path);
    compile("-fsanitize=address,undefined -fno-sanitize-recover=all");
    start(n_threads, false, true);
}

Test(worker, a_sanitized_kernel_runs)
{
    struct side_result r;

    start_sanitized(2);
    for (uint32_t i = 0; i < 4; i++) {
        r = run(i & 1 ? WAYWARD_NOT : WAYWARD_MEM, 0, i / 2 + 1);
        cr_assert_eq(r.status, SIDE_OK, "%s", r.what);
        cr_assert_eq(output(), i & 1 ? 1 : 10);
    }
}

/* The output lies in the middle of a page: nothing but the sanitizer sees its ends. */
static struct side_result run_in_the_open(enum wayward what, int64_t how, size_t bytes)
{
    request(what, how, bytes);
    side_requests(t.side)[0].call.out[0].data = (void *)(uintptr_t)WORKER_AT(1, 68);
    return go(1);
}

Test(worker, a_byte_past_a_tensor_is_seen_where_no_guard_page_is)
{
    struct side_result r;

    start_sanitized(1);
    r = run_in_the_open(WAYWARD_PAST, 100, 101);
    cr_assert_eq(r.status, SIDE_OK, "inside: %s", r.what);
    expect_end(run_in_the_open(WAYWARD_PAST, 101, 101), SIDE_UNSOUND, JUDGE_FAIL_CORRECTNESS,
               "AddressSanitizer: use-after-poison, WRITE of size 1");
}

Test(worker, a_tensor_of_an_earlier_call_is_closed)
{
    struct side_result r;

    start_sanitized(1);
    r = run_in_the_open(WAYWARD_PAST, 100, 101);
    cr_assert_eq(r.status, SIDE_OK, "%s", r.what);
    r = run_in_the_open(WAYWARD_PAST, 9, 10);
    cr_assert_eq(r.status, SIDE_OK, "%s", r.what);
    expect_end(run_in_the_open(WAYWARD_PAST, 50, 10), SIDE_UNSOUND, JUDGE_FAIL_CORRECTNESS,
               "AddressSanitizer: use-after-poison, WRITE of size 1");
}

Test(worker, the_three_functions_are_watched_too)
{
    struct side_result r;

    start_sanitized(1);
    r = run_in_the_open(WAYWARD_MEM_PAST, 101, 101);
    cr_assert_eq(r.status, SIDE_OK, "inside: %s", r.what);
    expect_end(run_in_the_open(WAYWARD_MEM_PAST, 102, 101), SIDE_UNSOUND, JUDGE_FAIL_CORRECTNESS,
               "AddressSanitizer: use-after-poison, WRITE of size 102");
}

Test(worker, a_byte_past_the_scratch_is_seen)
{
    start_sanitized(2);
    expect_end(run(WAYWARD_SCRATCH_PAST, 0, 2), SIDE_UNSOUND, JUDGE_FAIL_CORRECTNESS,
               "AddressSanitizer");
}

Test(worker, undefined_behaviour_is_named_with_its_place)
{
    start_sanitized(1);
    cr_assert_eq(run(WAYWARD_OVERFLOW, 3, 1).status, SIDE_OK);
    expect_end(run(WAYWARD_OVERFLOW, INT32_MAX, 1), SIDE_UNSOUND, JUDGE_FAIL_CORRECTNESS,
               "wayward.c");
}

Test(worker, sanitized_system_calls_kill_too)
{
    start_sanitized(1);
    expect_end(run(WAYWARD_SYSCALL, SYS_clone, 1), SIDE_FORBIDDEN, JUDGE_CHEAT, "system call");
}

/* Only the sanitizers' own constructors pass the inspection of objects; should another one ever, it
 * runs behind a filter. */
Test(worker, constructors_of_a_sanitized_kernel_cannot_write_files)
{
    struct side_spec spec = {.worker = t.box.worker, .object = t.object, .n_threads = 1};
    char path[400], option[1000];

    snprintf(path, sizeof path, "%s/harm", t.box.folder);
    snprintf(option, sizeof option, "-fsanitize=address,undefined -DCONSTRUCTOR_WRITES='\"%s\"'",
             path);
    compile(option);
    spec.sanitized = true;
    spec.core[0] = -1;
    cr_assert_lt(side_open(&spec, &t.side), 0);
    cr_assert(strstr(err_message(), "system call") != NULL, "%s", err_message());
    cr_assert_lt(access(path, F_OK), 0, "it wrote a file");
}
