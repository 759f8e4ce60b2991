/* SPDX-License-Identifier: Apache-2.0
 *
 * The reports read texts of tools and samples of a worker. The texts are given here, so that no tool
 * and no time decides anything; only counts of what must happen are held against a running worker. */
#include "judge/compile/confine.h"
#include "judge/profile/assembly.h"
#include "judge/profile/budget.h"
#include "judge/profile/deep.h"
#include "judge/profile/hotspots.h"
#include "judge/profile/mca.h"
#include "judge/profile/profile.h"
#include "judge/profile/reading.h"
#include "judge/profile/remarks.h"
#include "judge/profile/runner.h"
#include "judge/profile/trace.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"
#include "tests/judge/sandbox.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct sandbox box;

static void setup(void)
{
    sandbox_init(&box);
}

static void teardown(void)
{
    sandbox_deinit(&box);
}

TestSuite(profile, .init = setup, .fini = teardown, .timeout = 240);

/* A loop in a loop: the inner one is entered in its middle and its tail was moved behind the end, as
 * compilers do; the outer one spills. `far` jumps back without closing a loop. */
static const char listing[] = "kernel.o:     file format elf64-x86-64\n"
                              "\n"
                              "0000000000000000 <dot>:\n"
                              "dot():\n"
                              "././kernel/kernel.c:10\n"
                              "   0:\tpush   %rbx\n"
                              "   1:\tsub    $0x40,%rsp\n"
                              "   5:\tvmovups (%rdi),%ymm3\n"
                              "./kernel/kernel.c:12 (discriminator 2)\n"
                              "   9:\tvmovaps %ymm3,0x20(%rsp)\n"
                              "   f:\tjmp    1d <dot+0x1d>\n"
                              "  11:\tnopl   0x0(%rax)\n"
                              "/usr/include/avx2intrin.h:7\n"
                              "inlined by ./kernel/a.inc:33 (inner)\n"
                              "inlined by ./kernel/kernel.c:12 (dot)\n"
                              "  15:\tvpaddd %xmm1,%xmm2,%xmm2\n"
                              "  19:\tadd    $0x10,%rdi\n"
                              "  1d:\tcmp    %rdi,%rsi\n"
                              "  20:\tjb     30 <dot+0x30>\n"
                              "  22:\tvpaddd 0x20(%rsp),%ymm3,%ymm3\n"
                              "  28:\tdec    %ecx\n"
                              "  2a:\tjne    9 <dot+0x9>\n"
                              "  2c:\tcall   31 <dot+0x31>\t2d: R_X86_64_PLT32\tmemcpy-0x4\n"
                              "  2f:\tret\n"
                              "  30:\tvmovdqu (%rdi),%xmm1\n"
                              "  34:\tjmp    15 <dot+0x15>\n"
                              "\n"
                              "0000000000000000 <far>:\n"
                              "   0:\ttest   %eax,%eax\n"
                              "   2:\tjne    6 <far+0x6>\n"
                              "   4:\tnop\n"
                              "   5:\tret\n"
                              "   6:\tinc    %eax\n"
                              "   8:\tjmp    4 <far+0x4>\n";

static const struct assembly_loop *loop_of_depth(const struct assembly_function *f, uint32_t depth)
{
    for (size_t k = 0; k < f->n_loops; k++)
        if (f->loops[k].depth == depth)
            return &f->loops[k];
    cr_assert_fail("no loop of depth %u in %s", depth, f->name);
    return NULL;
}

Test(profile, loops_are_found_wherever_their_parts_lie)
{
    struct assembly a;
    const struct assembly_function *dot, *far;
    const struct assembly_loop *inner, *outer;

    cr_assert_eq(assembly_init(listing, &a), 0);
    cr_assert_eq(a.n_functions, 2);
    dot = assembly_find(&a, "dot");
    far = assembly_find(&a, "far");
    cr_assert(dot && far && !assembly_find(&a, "near"));
    cr_expect_eq(dot->n, 17);
    cr_expect_eq(far->n_loops, 0, "a jump back is no loop by itself");
    cr_assert_eq(dot->n_loops, 2);
    outer = loop_of_depth(dot, 1);
    inner = loop_of_depth(dot, 2);
    cr_expect(inner->innermost && !outer->innermost);
    cr_expect_eq(a.lines[inner->head].at, 0x1d);
    cr_expect_eq(inner->n, 6);
    cr_expect_eq(a.lines[inner->last].at, 0x34);
    cr_expect_eq(inner->n_spills, 0);
    cr_expect_eq(a.lines[outer->head].at, 0x9);
    cr_expect_eq(outer->n_spills, 2);
    assembly_deinit(&a);
}

Test(profile, registers_spills_and_stack_are_counted)
{
    struct assembly a;
    const struct assembly_function *dot;
    struct strbuf text = {0};

    cr_assert_eq(assembly_init(listing, &a), 0);
    dot = assembly_find(&a, "dot");
    cr_expect_eq(dot->n_vector, 5);
    cr_expect_eq(dot->n_xmm, 2);
    cr_expect_eq(dot->n_ymm, 1);
    cr_expect_eq(dot->n_zmm, 0);
    cr_expect_eq(dot->spill_stores, 1);
    cr_expect_eq(dot->spill_loads, 1);
    cr_expect_eq(dot->stack_bytes, 0x48);
    cr_expect_eq(dot->n_calls, 1);
    assembly_print_spills(&a, &text);
    cr_expect_not_null(strstr(text.data, "closest wall: not the registers"));
    strbuf_deinit(&text);
    assembly_deinit(&a);
}

Test(profile, instructions_know_the_kernels_own_line)
{
    struct assembly a;
    const struct assembly_function *dot;

    cr_assert_eq(assembly_init(listing, &a), 0);
    dot = assembly_find(&a, "dot");
    cr_expect_str_eq(a.lines[dot->first].file, "kernel/kernel.c");
    cr_expect_eq(a.lines[dot->first].source, 10);
    cr_expect_eq(a.lines[dot->first + 3].source, 12);
    cr_expect_str_eq(a.lines[dot->first + 6].file, "kernel/a.inc");
    cr_expect_eq(a.lines[dot->first + 6].source, 33);
    cr_expect_str_eq(a.lines[dot->first + 6].text, "vpaddd %xmm1,%xmm2,%xmm2");
    cr_expect_str_eq(a.lines[dot->first + 13].symbol, "memcpy");
    assembly_deinit(&a);
}

Test(profile, samples_make_a_loop_hot)
{
    const struct assembly_loop *loop[4];
    const struct assembly_function *of[4];
    struct assembly a;
    struct assembly_function *dot;
    struct strbuf text = {0};

    cr_assert_eq(assembly_init(listing, &a), 0);
    dot = assembly_find(&a, "dot");
    assembly_sample(&a, dot, 0x16); /* inside the instruction at 15 */
    assembly_sample(&a, dot, 0x19);
    assembly_sample(&a, dot, 0x28);
    cr_expect_eq(dot->n_samples, 3);
    cr_assert_eq(assembly_hot_loops(&a, 4, loop, of), 1);
    cr_expect_eq(loop[0]->n_samples, 2);
    cr_expect_eq(of[0], dot);
    cr_expect_eq(loop_of_depth(dot, 1)->n_samples, 3);
    cr_expect_eq(assembly_hot_spills(&a, dot), 0, "the spills are around the inner loop");
    assembly_print(&a, dot, box.folder, &text);
    cr_expect_not_null(strstr(text.data, " 33.3%    15:  vpaddd"));
    cr_expect_not_null(strstr(text.data, "loop of depth 2, innermost"));
    strbuf_deinit(&text);
    assembly_deinit(&a);
}

/* Two functions that spill in their loops: the one that never runs is no wall. */
Test(profile, spills_count_where_the_samples_are)
{
    static const char two[] = "0000000000000000 <runs>:\n"
                              "   0:\tvmovaps %ymm3,0x20(%rsp)\n"
                              "   6:\tdec    %ecx\n"
                              "   8:\tjne    0 <runs+0x0>\n"
                              "   a:\tret\n"
                              "\n"
                              "0000000000000000 <rests>:\n"
                              "   0:\tvmovaps %ymm3,0x20(%rsp)\n"
                              "   6:\tvmovaps 0x20(%rsp),%ymm4\n"
                              "   c:\tdec    %ecx\n"
                              "   e:\tjne    0 <rests+0x0>\n"
                              "  10:\tret\n";
    struct strbuf text = {0};
    struct assembly a;

    cr_assert_eq(assembly_init(two, &a), 0);
    assembly_print_spills(&a, &text);
    cr_expect_not_null(strstr(text.data, "wall: registers: rests touches the stack 2 times"));
    strbuf_clear(&text);
    assembly_sample(&a, assembly_find(&a, "runs"), 6);
    cr_expect_eq(assembly_hot_spills(&a, assembly_find(&a, "runs")), 1);
    cr_expect_eq(assembly_hot_spills(&a, assembly_find(&a, "rests")), 0);
    assembly_print_spills(&a, &text);
    cr_expect_not_null(strstr(text.data, "wall: registers: runs touches the stack 1 times"));
    strbuf_deinit(&text);
    assembly_deinit(&a);
}

Test(profile, a_teams_lost_time_is_told_by_where_it_was_lost)
{
    const struct deep_case late = {.n_threads = 2, .busy_ns = 50, .late_ns = 40, .idle_ns = 10};
    const struct deep_case idle = {.n_threads = 2, .busy_ns = 50, .late_ns = 10, .idle_ns = 40};
    const char *const name = "some";
    struct strbuf text = {0};

    deep_print(&late, &name, 1, &text);
    cr_expect_not_null(strstr(text.data, "50 % of their time: most of it before"));
    strbuf_clear(&text);
    deep_print(&idle, &name, 1, &text);
    cr_expect_not_null(strstr(text.data, "smaller chunks"));
    strbuf_deinit(&text);
}

Test(profile, nonsense_is_no_assembly)
{
    static const char *const texts[] = {"",
                                        "\n\n:\n",
                                        "<x>:\n",
                                        " 12:\tret\n",
                                        "0 <f>:\nzz:\tret\n",
                                        "0 <f>:\n 0:\tjmp ffffffff <g>\n"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct assembly a;

        cr_assert_eq(assembly_init(texts[i], &a), 0);
        cr_expect_leq(a.n_lines, 1);
        assembly_deinit(&a);
    }
}

Test(profile, remarks_name_each_loop_once_with_a_reason)
{
    struct strbuf text = {0};

    remarks_print("./kernel/a.inc:24:28: missed: couldn't vectorize loop\n"
                  "./kernel/a.inc:25:29: missed: not vectorized: no gather.\n"
                  "./kernel/a.inc:24:28: missed: couldn't vectorize loop\n"
                  "kernel/kernel.c:9:3: missed: couldn't vectorize loop\n"
                  "kernel/kernel.c:9:3: optimized: loop vectorized using 32 byte vectors\n"
                  "kernel/kernel.c:70:1: note: vectorized 1 loops in function.\n"
                  "/usr/include/x.h:1:1: optimized: loop vectorized using 16 byte vectors\n",
                  &text);
    cr_expect_not_null(strstr(text.data, "no gather."));
    cr_expect_not_null(strstr(text.data, "kernel/kernel.c:9                    vectorised"));
    cr_expect_null(strstr(text.data, "usr"));
    cr_expect_not_null(strstr(text.data, "closest wall: 1 vectorised, 1 left scalar"));
    strbuf_deinit(&text);
}

Test(profile, each_processor_gets_the_nearest_model)
{
    static const struct {
        struct mca_processor p;
        const char *model;
    } rows[] = {
        {{"GenuineIntel", 6, 0x8f, ~UINT64_C(0)}, "icelake-server"},
        {{"GenuineIntel", 6, 0x55, KERNEL_CPU_AVX2 | KERNEL_CPU_AVX512}, "skylake-avx512"},
        {{"GenuineIntel", 6, 0x97, KERNEL_CPU_AVX2 | KERNEL_CPU_AVX_VNNI}, "alderlake"},
        {{"GenuineIntel", 6, 0x3f, KERNEL_CPU_AVX2}, "haswell"},
        {{"AuthenticAMD", 0x17, 0x31, KERNEL_CPU_AVX2}, "znver2"},
        {{"AuthenticAMD", 0x19, 0x21, KERNEL_CPU_AVX2}, "znver3"},
        {{"AuthenticAMD", 0x19, 0x61, KERNEL_CPU_AVX2 | KERNEL_CPU_AVX512}, "icelake-server"},
        {{"SomebodyElse", 6, 1, KERNEL_CPU_AVX2}, "skylake"},
        {{"GenuineIntel", 6, 0x1a, 0}, "nehalem"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_str_eq(mca_model(&rows[i].p), rows[i].model);
}

Test(profile, a_loop_is_handed_on_in_its_order_without_calls)
{
    const struct assembly_loop *loop[1];
    const struct assembly_function *of[1];
    struct assembly a;
    struct strbuf text = {0};

    cr_assert_eq(assembly_init(listing, &a), 0);
    cr_assert_eq(assembly_hot_loops(&a, 1, loop, of), 1);
    mca_source(&a, of[0], loop[0], &text);
    cr_expect_str_eq(text.data, ".Lloop:\n"
                                "vpaddd %xmm1,%xmm2,%xmm2\n"
                                "add $0x10,%rdi\n"
                                "cmp %rdi,%rsi\n"
                                "jb .Lloop\n"
                                "vmovdqu (%rdi),%xmm1\n"
                                "jmp .Lloop\n");
    strbuf_deinit(&text);
    assembly_deinit(&a);
}

Test(profile, the_busiest_port_is_read_out_of_the_report)
{
    struct mca_result r;

    mca_parse("Iterations:        100\nInstructions:      500\nTotal Cycles:      1250\n"
              "IPC:               0.40\nBlock RThroughput: 1.2\n"
              "Throughput Bottlenecks: \n  Data Dependencies:      [ 27.61% ]\n"
              "Resources:\n[0]   - ADivider\n[1.0] - APort0\n[1.1] - APort0\n[2]   - APort5\n\n"
              "Resource pressure per iteration:\n[0]    [1.0]  [1.1]  [2]    \n"
              " -     1.00   1.17   1.25   \n",
              &r);
    cr_expect_str_empty(r.reason);
    cr_expect_float_eq(r.cycles, 12.5, 1e-9);
    cr_expect_float_eq(r.throughput, 1.2, 1e-9);
    cr_expect_float_eq(r.dependencies, 0.2761, 1e-9);
    cr_expect_str_eq(r.port, "APort5");
    cr_expect_float_eq(r.port_cycles, 1.25, 1e-9);
    mca_parse("error: found an unsupported instruction\nnote: x\n", &r);
    cr_expect_str_eq(r.reason, "unavailable: llvm-mca: error: found an unsupported instruction");
}

Test(profile, the_base_is_where_the_foreign_code_is_mapped)
{
    static const char maps[] =
        "55d0c0000000-55d0c0002000 r-xp 00002000 08:01 77                 /usr/bin/judge-worker\n"
        "7f1000000000-7f1000001000 r--p 00000000 00:01 12                 /memfd:image (deleted)\n"
        "7f1000001000-7f1000009000 r-xp 00001000 00:01 12                 /memfd:image (deleted)\n"
        "7f2000000000-7f2000009000 r-xp 00001000 08:01 99                 /usr/lib/libc.so.6\n"
        "7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0                  [vdso]\n";

    cr_expect_eq(hotspots_base(maps, "k.so", 0x1000), 0x7f1000000000u);
    cr_expect_eq(hotspots_base("7f1000001000-7f1000009000 r-xp 0 00:00 0\n", "k.so", 0x1000),
                 0x7f1000000000u);
    cr_expect_eq(hotspots_base("7f1000001000-7f1000009000 r-xp 0 08:01 9  /a/k.so\n", "/a/k.so", 0),
                 0x7f1000001000u);
    cr_expect_eq(hotspots_base("7f1000001000-7f1000009000 rw-p 0 00:00 0\n", "k.so", 0), 0);
    cr_expect_eq(hotspots_base("", "k.so", 0), 0);
}

static struct judge_peaks machine(void)
{
    struct judge_peaks p = {.n_threads = {1, 4},
                            .cache_bytes = {32 << 10, 1 << 20, 32 << 20},
                            .read_gbps = {{400, 100, 30, 10}, {1600, 400, 60, 25}}};

    return p;
}

static const struct problem_case *timed_case(const char *name)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        if (!strcmp(problem_shipped.cases[i].name, name))
            return &problem_shipped.cases[i];
    cr_assert_fail("no case %s", name);
    return NULL;
}

/* 24 KiB read 11 times fit L1, the 64 KiB beside them no longer do. */
Test(profile, the_budget_gives_the_inner_cache_to_what_is_read_most)
{
    struct judge_peaks p = machine();
    struct kernel_tiling t = {.n_buffers = 2,
                              .buffers = {{NULL, 64 << 10, 3}, {NULL, 24 << 10, 11}}};
    const struct problem_case *c = timed_case("gemv-q4_k");
    struct strbuf text = {0};
    struct budget b;
    double ns = 100;

    budget_fill(c, &t, &p, &b);
    cr_expect_eq(b.buffers[1].level, PEAKS_L1);
    cr_expect_eq(b.buffers[0].level, PEAKS_L2);
    cr_expect_eq(b.level, PEAKS_L2);
    cr_expect_float_eq(b.buffers[0].again_bytes, 2.0 * (64 << 10), 1e-9);
    cr_expect_float_eq(b.buffers[1].again_ns, 10.0 * (24 << 10) / 400, 1e-9);
    budget_print(&b, &ns, 1, &p, &text);
    cr_expect_not_null(strstr(text.data, "spills to L2"));
    strbuf_deinit(&text);
}

Test(profile, a_hostile_declaration_only_makes_an_absurd_budget)
{
    struct judge_peaks p = machine();
    struct kernel_tiling t;
    struct budget b;

    memset(&t, 0xff, sizeof t);
    budget_fill(timed_case("gemv-q4_k"), &t, &p, &b);
    cr_expect_eq(b.n_buffers, KERNEL_MAX_BUFFERS);
    cr_expect_eq(b.level, PEAKS_DRAM);
    memset(&t, 0, sizeof t);
    budget_fill(timed_case("gemv-q4_k"), &t, &p, &b);
    cr_expect_eq(b.n_buffers, 0);
}

Test(profile, a_trace_is_what_viewers_read)
{
    struct trace t;
    json_t *all, *events, *span;

    cr_assert_eq(trace_init(&t), 0);
    trace_add_case(&t, 3, "gemv", 2);
    trace_add_span(&t, 3, 1, "chunk 7", t.start_ns + 5000, 1500, NULL);
    all = trace_json(&t, "closing");
    events = json_object_get(all, "traceEvents");
    cr_assert_eq(json_array_size(events), 5);
    span = json_array_get(events, 4);
    cr_expect_str_eq(json_string_value(json_object_get(span, "ph")), "X");
    cr_expect_eq(json_integer_value(json_object_get(span, "tid")), 1);
    cr_expect_float_eq(json_real_value(json_object_get(span, "ts")), 5, 1e-6);
    cr_expect_float_eq(json_real_value(json_object_get(span, "dur")), 1.5, 1e-6);
    json_decref(all);
    trace_deinit(&t);
}

/* --- with a tiny kernel in a worker --- */

static const struct runner_spec plain;

static struct judge_build *tiny(const char *prologue)
{
    struct judge_build *b;

    sandbox_tiny(&box, prologue);
    b = sandbox_build(&box);
    cr_assert(judge_build_ok(b), "%s", judge_build_log(b));
    return b;
}

Test(profile, the_code_that_is_read_is_the_code_that_runs)
{
    struct judge_build *b = tiny("");
    struct reading r;

    cr_assert_eq(reading_init(b, &box.options, &r), 0, "%s", err_message());
    cr_assert_str_empty(r.reason);
    cr_expect(r.same_code);
    cr_assert_not_null(assembly_find(&r.assembly, "kernel_fn"));
    cr_expect_gt(assembly_find(&r.assembly, "kernel_fn")->n_loops, 0);
    cr_expect_str_eq(r.assembly.lines[0].file, "kernel/kernel.c");
    reading_deinit(&r);
    judge_build_close(&b);
}

/* The audits read the text as the build sees it; what only these compilations would see (a macro of
 * the tracer) must find the same walls. */
Test(profile, what_is_compiled_to_be_looked_at_sees_no_other_file)
{
    char path[512], folder[512];
    struct confine probe;
    struct strbuf said = {0};
    const char *text = "#ifdef PEEK\n#include \"../../beside.h\"\n#endif\nint unused;\n";

    snprintf(path, sizeof path, "%s/staged/kernel", box.folder);
    cr_assert_eq(file_make_dirs(path), 0);
    snprintf(path, sizeof path, "%s/staged", box.folder);
    cr_assert_not_null(realpath(path, folder));
    snprintf(path, sizeof path, "%s/staged/kernel/kernel.c", box.folder);
    cr_assert_eq(file_write_atomic(path, text, strlen(text)), 0);
    snprintf(path, sizeof path, "%s/beside.h", box.folder);
    cr_assert_eq(file_write_atomic(path, "int beside;\n", 12), 0);
    cr_assert_eq(confine_init(&probe, folder, "/bin/sh"), 0);
    confine_deinit(&probe);
    if (probe.unavailable[0])
        cr_skip_test("%s", probe.unavailable);
    cr_expect_eq(reading_compile(folder, box.options.root, "-c -o a.o kernel/kernel.c", &said), 0,
                 "%s", strbuf_str(&said));
    cr_expect_gt(
        reading_compile(folder, box.options.root, "-DPEEK -c -o a.o kernel/kernel.c", &said), 0);
    cr_expect_not_null(strstr(strbuf_str(&said), "beside.h"));
    strbuf_deinit(&said);
}

Test(profile, samples_fall_into_the_kernels_functions)
{
    struct judge_build *b = tiny("");
    struct hotspots *h = calloc(1, sizeof *h);
    struct judge_fault fault = {0};
    struct runner *r = NULL;
    struct reading reading;
    const char *object;

    cr_assert_eq(reading_init(b, &box.options, &reading), 0, "%s", err_message());
    cr_assert_eq(runner_open(b, &box.options, timed_case("gemv-q4_k"), &plain, &r, &fault), 0, "%s",
                 err_message());
    cr_assert(!fault.found, "%s", fault.message);
    cr_expect_gt(runner_pid(r), 0);
    cr_assert_eq(judge_build_link(b, 0, &object), 0);
    cr_assert_eq(hotspots_take(r, object, 0.3, &reading.assembly, h, &fault), 0, "%s",
                 err_message());
    cr_expect(!fault.found, "%s", fault.message);
    if (h->reason[0]) {
        fprintf(stderr, "profile: samples skipped: %s\n", h->reason);
    } else {
        cr_expect_gt(h->n_kernel, 0);
        cr_expect_leq(h->n_kernel, h->n_samples);
        cr_assert_not_null(hotspots_top(h));
        cr_expect_not_null(assembly_find(&reading.assembly, hotspots_top(h)->name));
    }
    runner_close(&r);
    reading_deinit(&reading);
    judge_build_close(&b);
    free(h);
}

/* Three chunks a call whoever takes them, and a barrier that both threads pass twice. */
Test(profile, every_chunk_and_barrier_of_a_team_is_logged)
{
    struct judge_build *b =
        tiny("#define BEFORE while (call->op == KERNEL_GEMV && kernel_chunk_claim(team, 3) < 3)"
             " {} kernel_barrier(team); kernel_barrier(team)\n");
    const struct problem_case *c = timed_case("gemv-q4_k-2-threads");
    struct strbuf text = {0};
    struct deep_case one;
    struct trace t;
    struct deep d;

    cr_assert_eq(trace_init(&t), 0);
    cr_assert_eq(deep_init(b, &box.options, &d), 0, "%s", err_message());
    cr_assert_str_empty(d.reason);
    cr_assert_eq(deep_take(&d, b, &box.options, c, &t, 0, &one), 0, "%s", err_message());
    cr_assert_str_empty(one.reason);
    cr_expect_eq(one.n_threads, 2);
    cr_expect_float_eq(one.n_chunks, 3, 1e-9);
    cr_expect_float_eq(one.n_barriers, 4, 1e-9);
    cr_expect_gt(one.call_ns, 0);
    /* The slice, and for each of 8 calls 2 threads' spans, 3 chunks and 4 barriers. */
    cr_expect_eq(json_array_size(t.events), 1 + 8 * (2 + 3 + 4));
    deep_print(&one, &c->name, 1, &text);
    cr_expect_not_null(strstr(text.data, "closest wall: the threads of gemv-q4_k-2-threads"));
    strbuf_deinit(&text);
    deep_deinit(&d);
    trace_deinit(&t);
    judge_build_close(&b);
}

Test(profile, a_kernel_that_dies_while_watched_is_a_value)
{
    struct judge_build *b = tiny("#define BEFORE __builtin_trap()\n");
    struct judge_fault fault = {0};
    struct runner *r = NULL;
    double ns;

    cr_assert_eq(runner_open(b, &box.options, timed_case("gemv-q4_k"), &plain, &r, &fault), 0, "%s",
                 err_message());
    cr_assert(!fault.found, "%s", fault.message);
    cr_assert_eq(runner_run(r, 1, &ns, &fault), 0);
    cr_expect(fault.found);
    cr_expect_eq(fault.verdict, JUDGE_FAIL_CRASH);
    runner_close(&r);
    judge_build_close(&b);
}

Test(profile, what_a_kernel_declares_reaches_the_budget)
{
    struct judge_build *b = tiny("#define META if (call->op == KERNEL_GEMV) {"
                                 " out->n_buffers = 1; out->buffers[0].bytes = 4096;"
                                 " out->buffers[0].n_reads = 5; }\n");
    struct judge_fault fault = {0};
    struct kernel_tiling t;

    cr_assert_eq(budget_ask(b, &box.options, timed_case("gemv-q4_k"), &t, &fault), 0, "%s",
                 err_message());
    cr_assert(!fault.found, "%s", fault.message);
    cr_expect_eq(t.n_buffers, 1);
    cr_expect_eq(t.buffers[0].bytes, 4096);
    cr_expect_eq(t.buffers[0].n_reads, 5);
    cr_assert_eq(budget_ask(b, &box.options, timed_case("rms_norm"), &t, &fault), 0);
    cr_expect(fault.found, "the tiny kernel knows no norm");
    judge_build_close(&b);
}

Test(profile, a_missing_tool_is_named_with_its_package)
{
    const struct assembly_loop *loop[1];
    const struct assembly_function *of[1];
    struct mca_result r;
    struct strbuf report = {0};
    struct assembly a;

    cr_assert_eq(assembly_init(listing, &a), 0);
    cr_assert_eq(assembly_hot_loops(&a, 1, loop, of), 1);
    setenv("PATH", box.folder, 1);
    cr_assert_eq(mca_run(&a, of[0], loop[0], "skylake", box.folder, &report, &r), 0);
    cr_expect_str_eq(r.reason, "unavailable: no llvm-mca; install package llvm");
    strbuf_deinit(&report);
    assembly_deinit(&a);
}

Test(profile, a_kernel_that_fails_while_timed_leaves_no_files)
{
    struct judge_build *b = tiny("");
    struct bench *bench = calloc(1, sizeof *bench);
    char folder[400];
    const struct profile_options options = {.judge = &box.options, .folder = folder, .n_units = 1};
    json_t *summary;

    snprintf(folder, sizeof folder, "%s/profile", box.folder);
    cr_assert_eq(profile_write(b, &options, bench, &summary), 0, "%s", err_message());
    cr_expect_eq(bench->status, UNIT_FAILED, "the tiny kernel knows one case of many");
    cr_expect_null(summary);
    cr_expect_neq(access(folder, F_OK), 0);
    free(bench);
    judge_build_close(&b);
}
