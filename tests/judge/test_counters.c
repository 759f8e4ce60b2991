/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/counters.h"

#include "judge/command/tables.h"
#include "reference/base/err.h"
#include "tests/judge/sandbox.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* PAPI refuses to count other processes, in whatever event, where the processor counts no
 * instructions: it opens that one as a trial. While `pretend` holds, the trial opens a clock of the
 * kernel instead, so that the way to a worker can be proven with software events everywhere. */
static bool pretend;

long syscall(long number, ...);

long syscall(long number, ...)
{
    static long (*real)(long, ...);
    struct perf_event_attr clock;
    long a[6];
    va_list ap;

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    va_start(ap, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    if (pretend && number == SYS_perf_event_open) {
        const struct perf_event_attr *wanted = (const void *)a[0];

        clock = *wanted;
        if (wanted->type == PERF_TYPE_HARDWARE && wanted->config == PERF_COUNT_HW_INSTRUCTIONS) {
            clock.type = PERF_TYPE_SOFTWARE;
            clock.config = PERF_COUNT_SW_TASK_CLOCK;
            a[0] = (long)&clock;
        }
    }
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

TestSuite(counters, .timeout = 120);

static const struct counters_event software[] = {
    {"faults", {"perf::PAGE-FAULTS"}, 4096},
    {"impossible", {"PAPI_NO_SUCH_EVENT", "PAPI_NO_SUCH_EVENT_EITHER"}, 0},
    {"clock", {"perf::NO-SUCH-EVENT", "perf::TASK-CLOCK"}, 0},
    {"none", {"perf::ALIGNMENT-FAULTS"}, 0},
    {NULL, {NULL}, 0},
};

/* A container may forbid perf_event_open altogether. */
static void need_software_events(struct counters *c)
{
    pretend = true;
    counters_init(software, c);
    if (c->reason[0][0])
        cr_skip_test("no software events here: %s", c->reason[0]);
}

static void *touch_500_pages(void *unused)
{
    size_t bytes = (size_t)500 * 4096;
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cr_assert(p != MAP_FAILED);
    madvise(p, bytes, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < bytes; i += 4096)
        ((volatile char *)p)[i] = 1;
    return unused;
}

static _Noreturn void child_main(void)
{
    pthread_t thread;

    for (int i = 0; i < 4; i++)
        touch_500_pages(NULL);
    raise(SIGSTOP);
    touch_500_pages(NULL);
    if (pthread_create(&thread, NULL, touch_500_pages, NULL) == 0)
        pthread_join(thread, NULL);
    raise(SIGSTOP);
    _exit(0);
}

/* The child is alive and stopped at both ends of the count, as a worker is; its threads count. */
Test(counters, count_a_child_between_start_and_stop_only)
{
    struct counters c;
    double faults;
    int status;
    pid_t child;

    need_software_events(&c);
    counters_start(&c, 0);
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0)
        child_main();
    waitpid(child, &status, WUNTRACED);
    faults = -counters_read(&c, 0);
    kill(child, SIGCONT);
    waitpid(child, &status, WUNTRACED);
    faults += counters_read(&c, 0);
    counters_stop(&c, 0);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    cr_expect_str_eq(c.reason[0], "");
    cr_expect_geq(faults, 1000);
    cr_expect_lt(faults, 1500);
    counters_deinit(&c);
}

Test(counters, what_cannot_be_counted_has_a_reason_and_no_number)
{
    const double count[] = {3, 4, 5, 6};
    struct counters c;
    json_t *all;

    need_software_events(&c);
    cr_expect_gt(strlen(c.reason[1]), 5);
    cr_expect_str_eq(c.reason[2], "", "the second name serves: %s", c.reason[2]);
    all = counters_json(&c, count);
    cr_expect_float_eq(json_real_value(json_object_get(all, "faults")), 3, 0);
    cr_expect_float_eq(json_real_value(json_object_get(json_object_get(all, "bytes"), "faults")),
                       3 * 4096, 0);
    cr_expect_eq(
        strncmp(json_string_value(json_object_get(all, "impossible")), "unavailable: ", 13), 0);
    json_decref(all);
    counters_deinit(&c);
}

Test(counters, instructions_per_cycle_need_both)
{
    static const struct counters_event events[] = {
        {"cycles", {"x"}, 0}, {"instructions", {"y"}, 0}, {NULL, {NULL}, 0}};
    struct counters c = {.event = events, .n = 2};
    const double count[] = {100, 250};

    cr_expect_float_eq(counters_ipc(&c, count), 2.5, 1e-12);
    strcpy(c.reason[1], "no");
    cr_expect_float_eq(counters_ipc(&c, count), 0, 0);
    cr_expect(counters_any(&c));
    strcpy(c.reason[0], "no");
    cr_expect_not(counters_any(&c));
}

Test(counters, a_table_names_what_is_missing_and_shows_no_column_for_it)
{
    static const struct counters_event events[] = {{"cycles", {"x"}, 0},
                                                   {"instructions", {"y"}, 0},
                                                   {"L2 misses", {"z"}, 64},
                                                   {"L3 misses", {"z"}, 64},
                                                   {NULL, {NULL}, 0}};
    static struct bench b = {.n_cases = 1, .n_units = 1, .peaks.plausible = true};
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);

    cr_assert_not_null(out);
    b.cases[0].c = &problem_shipped.cases[0];
    b.counts.events =
        (struct counters){.event = events, .n = 4, .reason = {"", "", "gone", "gone"}};
    b.counts.per_request[0][0] = 1000;
    b.counts.per_request[0][1] = 2250;
    tables_bench(out, &b);
    strcpy(b.counts.events.reason[0], "gone");
    strcpy(b.counts.events.reason[1], "no");
    strcpy(b.counts.events.reason[2], "");
    b.counts.per_request[0][2] = 48;
    tables_bench(out, &b);
    fclose(out);
    cr_expect_not_null(strstr(text, "  cycles   instructions    IPC\n"), "%s", text);
    cr_expect_not_null(strstr(text, " 1000.0         2250.0   2.25\n"), "%s", text);
    cr_expect_not_null(strstr(text, "counters unavailable: L2 misses, L3 misses: gone\n"));
    cr_expect_not_null(strstr(text, "thr  L2 misses KiB    IPC\n"), "%s", text);
    cr_expect_not_null(strstr(text, "            3.0      -\n"), "%s", text);
    cr_expect_not_null(strstr(text, "counters unavailable: cycles: gone\n"), "%s", text);
    cr_expect_not_null(strstr(text, "counters unavailable: instructions: no\n"), "%s", text);
    free(text);
}

/* At least 400 000 cycles for each thread of each gemv: 60 us on any processor of today. */
static const char slow_gemv[] = "if (call->op == KERNEL_GEMV)\n"
                                "    for (volatile uint32_t i = 0; i < 400000; i++)\n"
                                "        ;\n";

Test(counters, a_worker_is_counted_from_outside)
{
    struct judge_build *b;
    struct judge_pair *p = NULL;
    struct judge_counts *counts = calloc(1, sizeof *counts);
    struct counters c;
    struct sandbox box;

    need_software_events(&c);
    counters_deinit(&c);
    sandbox_init(&box);
    sandbox_shipped(&box, slow_gemv, "");
    b = sandbox_build(&box);
    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    cr_assert_eq(judge_pair_open(b, b, &box.options, 0, &p), 0, "%s", err_message());
    cr_assert_eq(judge_pair_count(p, software, counts), 0, "%s", err_message());
    judge_pair_close(&p);
    for (size_t i = 0, k = 0; i < problem_shipped.n_cases; i++) {
        const struct problem_case *one = &problem_shipped.cases[i];

        if (!(one->weight > 0))
            continue;
        cr_expect_gt(counts->per_request[k][2], strcmp(one->op, "gemv") ? 0 : 60e3, "%s",
                     one->name);
        k++;
    }
    cr_expect_str_eq(counts->events.reason[0], "reads 0 in every case",
                     "a worker has all its pages before it is counted");
    cr_expect_str_eq(counts->events.reason[2], "");
    judge_build_close(&b);
    sandbox_deinit(&box);
    free(counts);
}
