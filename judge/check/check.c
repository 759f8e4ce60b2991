/* SPDX-License-Identifier: Apache-2.0
 *
 * judge_check. Per case one worker with one slot per buffer, so that every buffer lies between
 * guard pages. Each pattern's instance is run in several placements and team sizes; the first run
 * is held against the oracle, the others must agree with it bit for bit. Outputs are filled with a
 * drawn sentinel before each run, and so is the room around them. */
#include "judge/judge.h"

#include "judge/check/compare.h"
#include "judge/worker/fault.h"
#include "judge/worker/request.h"
#include "judge/worker/segment.h"
#include "judge/worker/side.h"
#include "reference/base/checked.h"
#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MAX_TEAM = 8,         /* threads of the larger team, if the machine has them */
    LEFT_SHIFT = 4,       /* bytes after the guard page in the left placement: f32 alignment only */
    OPAQUE_WATCH = 4096,  /* bytes in front of private data that must stay as they were */
    OPAQUE_POISON = 0xff, /* content of private data before the first step */
};
/* One step of a listed case takes milliseconds; the machine may be busy. */
#define RUN_TIMEOUT_NS (10 * UINT64_C(1000000000))

/* Where in its slot a buffer lies. RIGHT: its end at the guard page. LEFT: near the guard in front.
 */
enum placement { PLACE_RIGHT, PLACE_LEFT };

/* How an instance is run. */
struct variant {
    bool whole_team;
    enum placement placement;
};
/* The first two for every pattern, all four for a case's first pattern. */
static const struct variant variants[] = {
    {false, PLACE_RIGHT},
    {true, PLACE_LEFT},
    {false, PLACE_LEFT},
    {true, PLACE_RIGHT},
};
enum { N_VARIANTS = sizeof variants / sizeof variants[0] };

/* One buffer in its slot(s). OPAQUE buffers have a writable slot and a read-only one. */
struct place {
    struct segment *segment;
    uint32_t slot, slot_last; /* for the setup steps, for the last step */
    size_t offset, room;      /* of the slot in the segment */
    size_t at;                /* of the buffer in the slot, this run */
};

/* What runs one case. */
struct bench {
    const struct judge_options *o;
    const char *object;
    uint64_t seed; /* of the whole check: what a failure is repeated by */
    uint64_t features;
    uint32_t n_threads;
    int32_t core[WORKER_MAX_THREADS];
    struct segment input, opaque, output;
    struct side *side;
    struct place places[PROBLEM_MAX_BUFFERS];
    struct request_sizes sizes[2]; /* one thread, whole team */
};

/* One instance with its oracle and the outputs of the first run. */
struct subject {
    struct problem_instance in;
    struct compare_expect expect[PROBLEM_MAX_BUFFERS]; /* OUTPUT buffers */
    unsigned char *first[PROBLEM_MAX_BUFFERS];
};

/* --- the worker of a case --- */

static size_t slot_add(struct side_spec *spec, enum worker_file file, bool writable, size_t offset,
                       size_t bytes)
{
    spec->slots[spec->n_slots] = (struct worker_slot){
        .file = file,
        .writable = writable,
        .offset = offset,
        .bytes = bytes,
    };
    return spec->n_slots++;
}

static enum worker_file role_file(enum problem_role role)
{
    return role == PROBLEM_INPUT    ? WORKER_INPUT
           : role == PROBLEM_OPAQUE ? WORKER_OPAQUE
                                    : WORKER_OUTPUT;
}

/* Give every buffer a slot; segment sizes add up in bytes[role]. */
static void places_lay(struct bench *b, const struct problem_instance *in, struct side_spec *spec,
                       size_t bytes[3])
{
    struct segment *segments[] = {&b->input, &b->opaque, &b->output};

    for (uint32_t i = 0; i < in->n_buffers; i++) {
        const struct problem_buffer *buffer = &in->buffers[i];
        enum problem_role role = buffer->role;
        enum worker_file file = role_file(role);
        struct place *p = &b->places[i];

        p->segment = segments[role];
        p->offset = bytes[role];
        p->room = size_align(buffer->max_bytes + LEFT_SHIFT, WORKER_PAGE);
        bytes[role] += p->room;
        p->slot = (uint32_t)slot_add(spec, file, role != PROBLEM_INPUT, p->offset, p->room);
        p->slot_last = p->slot;
        if (role == PROBLEM_OPAQUE)
            p->slot_last = (uint32_t)slot_add(spec, file, false, p->offset, p->room);
    }
}

static void bench_close(struct bench *b)
{
    side_close(&b->side);
    segment_close(&b->input);
    segment_close(&b->opaque);
    segment_close(&b->output);
}

static int bench_open(struct bench *b, const struct problem_instance *in)
{
    struct side_spec spec = {
        .worker = b->o->worker,
        .object = b->object,
        .input = &b->input,
        .opaque = &b->opaque,
        .output = &b->output,
        .features = b->features,
        .n_threads = b->n_threads,
        .n_requests = PROBLEM_MAX_STEPS,
    };
    size_t bytes[3] = {0};

    memcpy(spec.core, b->core, sizeof spec.core);
    places_lay(b, in, &spec, bytes);
    TRY(segment_open("input", bytes[PROBLEM_INPUT], &b->input));
    TRY(segment_open("opaque", bytes[PROBLEM_OPAQUE], &b->opaque));
    TRY(segment_open("output", bytes[PROBLEM_OUTPUT], &b->output));
    TRY(segment_seal(&b->input));
    return side_open(&spec, &b->side);
}

/* --- one run --- */

static unsigned char *slot_data(const struct place *p)
{
    return p->segment->data + p->offset;
}

static void buffer_place(struct place *p, const struct problem_buffer *buffer, size_t bytes,
                         enum placement placement)
{
    size_t align = buffer->role == PROBLEM_OPAQUE ? KERNEL_ALIGN : LEFT_SHIFT;

    if (placement == PLACE_RIGHT)
        p->at = (p->room - bytes) & ~(align - 1);
    else
        p->at = buffer->role == PROBLEM_OPAQUE ? 0 : LEFT_SHIFT;
}

/* Put all buffers into their places and fill them. */
static void buffers_fill(struct bench *b, const struct problem_instance *in,
                         const struct request_sizes *sizes, enum placement placement,
                         uint32_t sentinel)
{
    for (uint32_t i = 0; i < in->n_buffers; i++) {
        const struct problem_buffer *buffer = &in->buffers[i];
        struct place *p = &b->places[i];
        unsigned char *data = slot_data(p);

        buffer_place(p, buffer, sizes->bytes[i], placement);
        if (buffer->role == PROBLEM_OUTPUT) {
            compare_sentinel_fill(data, p->room, sentinel);
        } else if (buffer->role == PROBLEM_OPAQUE) {
            memset(data, OPAQUE_POISON, p->room);
        } else {
            memset(data, 0xff, p->at);
            memcpy(data + p->at, buffer->tensor.data, sizes->bytes[i]);
            memset(data + p->at + sizes->bytes[i], 0xff, p->room - p->at - sizes->bytes[i]);
        }
    }
}

/* Every step in order; the last one sees private data read-only. */
static int steps_run(struct bench *b, const struct problem_instance *in, uint32_t n_threads,
                     const struct request_sizes *sizes, struct judge_fault *fault)
{
    for (uint32_t step = 0; step < in->n_steps && !fault->found; step++) {
        bool last = step + 1 == in->n_steps;
        struct worker_command command = {
            .op = WORKER_RUN,
            .reload = 1,
            .n_threads = n_threads,
            .pool = 1,
            .count = 1,
        };
        uint64_t at[PROBLEM_MAX_BUFFERS];
        struct side_result r;

        for (uint32_t i = 0; i < in->n_buffers; i++)
            at[i] = WORKER_AT(last ? b->places[i].slot_last : b->places[i].slot, b->places[i].at);
        request_fill(in, step, sizes, at, &side_requests(b->side)[0]);
        TRY(side_command(b->side, &command, RUN_TIMEOUT_NS, &r));
        fault_from_result(fault, &r);
        if (fault->found)
            fault_wrap(fault, "step %u of %u", step + 1, in->n_steps);
    }
    return 0;
}

static bool all_bytes_are(const unsigned char *p, size_t bytes, unsigned char value)
{
    for (size_t i = 0; i < bytes; i++)
        if (p[i] != value)
            return false;
    return true;
}

/* The room around outputs, and in front of and behind private data, must be as we left it. */
static void surroundings_check(const struct bench *b, const struct problem_instance *in,
                               const struct request_sizes *sizes, uint32_t sentinel,
                               struct judge_fault *fault)
{
    for (uint32_t i = 0; i < in->n_buffers && !fault->found; i++) {
        const struct problem_buffer *buffer = &in->buffers[i];
        const struct place *p = &b->places[i];
        const unsigned char *data = slot_data(p);
        size_t end = p->at + sizes->bytes[i], behind = p->room - end;
        bool front_ok = true, back_ok = true;

        if (buffer->role == PROBLEM_OUTPUT) {
            front_ok = compare_sentinel_intact(data, p->at, 0, sentinel);
            back_ok = compare_sentinel_intact(data + end, behind, end, sentinel);
        } else if (buffer->role == PROBLEM_OPAQUE) {
            size_t front = p->at < OPAQUE_WATCH ? p->at : OPAQUE_WATCH;

            behind = behind < OPAQUE_WATCH ? behind : OPAQUE_WATCH;
            front_ok = all_bytes_are(data + p->at - front, front, OPAQUE_POISON);
            back_ok = all_bytes_are(data + end, behind, OPAQUE_POISON);
        }
        if (!front_ok || !back_ok)
            fault_set(fault, JUDGE_FAIL_CORRECTNESS, "bytes %s %s were written",
                      front_ok ? "behind" : "in front of", buffer->name);
    }
}

/* --- comparing --- */

static size_t output_bytes(const struct problem_instance *in, uint32_t i)
{
    return in->buffers[i].tensor.bytes;
}

/* Against the oracle, which is asked only now; keeps a copy that later runs must equal. */
static int first_run_compare(const struct bench *b, struct subject *s, uint32_t sentinel,
                             struct compare_stats *stats, struct judge_fault *fault)
{
    char message[256];

    for (uint32_t i = 0; i < s->in.n_buffers && !fault->found; i++) {
        const unsigned char *got = slot_data(&b->places[i]) + b->places[i].at;

        if (s->in.buffers[i].role != PROBLEM_OUTPUT)
            continue;
        TRY(compare_expect_init(&s->in, i, 0, 0, &s->expect[i]));
        if (!compare_check(&s->expect[i], got, sentinel, stats, message, sizeof message))
            fault_set(fault, JUDGE_FAIL_CORRECTNESS, "%s", message);
        s->first[i] = malloc(output_bytes(&s->in, i));
        if (!s->first[i])
            return err_set(ERR_NOMEM, "out of memory for outputs");
        memcpy(s->first[i], got, output_bytes(&s->in, i));
    }
    return 0;
}

/* Bit for bit the first run. When not, the oracle says first what is wrong with the values. */
static void later_run_compare(const struct bench *b, const struct subject *s, uint32_t sentinel,
                              struct judge_fault *fault)
{
    struct compare_stats unused = {0};
    char message[256];

    for (uint32_t i = 0; i < s->in.n_buffers && !fault->found; i++) {
        const unsigned char *got = slot_data(&b->places[i]) + b->places[i].at;
        const struct compare_expect *e = &s->expect[i];

        if (s->in.buffers[i].role != PROBLEM_OUTPUT)
            continue;
        for (size_t k = 0; k < e->total && !fault->found; k++) {
            size_t at = compare_element_offset(&e->buffer->tensor, e->element_bytes, k, e->total);

            if (memcmp(got + at, s->first[i] + at, e->element_bytes) == 0)
                continue;
            if (compare_check(e, got, sentinel, &unused, message, sizeof message))
                snprintf(message, sizeof message,
                         "%s[element %zu] differs in its bits from the run with 1 thread, "
                         "right-aligned",
                         e->buffer->name, k);
            fault_set(fault, JUDGE_FAIL_CORRECTNESS, "%s", message);
        }
    }
}

static int variant_run(struct bench *b, struct subject *s, uint32_t index,
                       struct judge_check_case *report, struct compare_stats *stats,
                       struct judge_fault *fault)
{
    const struct variant *v = &variants[index];
    const struct request_sizes *sizes = &b->sizes[v->whole_team];
    uint32_t n_threads = v->whole_team ? b->n_threads : 1;
    uint32_t sentinel = compare_sentinel(rng_seed_mix(s->in.seed, 1000 + index));

    buffers_fill(b, &s->in, sizes, v->placement, sentinel);
    TRY(steps_run(b, &s->in, n_threads, sizes, fault));
    if (!fault->found && index == 0)
        TRY(first_run_compare(b, s, sentinel, stats, fault));
    if (!fault->found && index > 0)
        later_run_compare(b, s, sentinel, fault);
    if (!fault->found)
        surroundings_check(b, &s->in, sizes, sentinel, fault);
    report->n_runs++;
    if (fault->found)
        fault_wrap(fault, "case %s, pattern %s, --seed %llu, %u thread%s, %s placement",
                   s->in.c->name, problem_pattern_name(s->in.pattern), (unsigned long long)b->seed,
                   n_threads, n_threads == 1 ? "" : "s",
                   v->placement == PLACE_RIGHT ? "right" : "left");
    return 0;
}

/* --- a pattern, a case, all cases --- */

static void subject_deinit(struct subject *s)
{
    for (uint32_t i = 0; i < PROBLEM_MAX_BUFFERS; i++) {
        compare_expect_deinit(&s->expect[i]);
        free(s->first[i]);
    }
    problem_instance_deinit(&s->in);
}

static int subject_init(struct subject *s, const struct problem_case *c, uint64_t seed,
                        enum problem_pattern pattern)
{
    memset(s, 0, sizeof *s);
    return generate_inputs(c, seed, pattern, &s->in);
}

/* True when the bench was laid out for an instance with these buffers. */
static bool bench_fits(const struct bench *b, const struct problem_instance *in)
{
    for (uint32_t i = 0; i < in->n_buffers; i++)
        if (size_align(in->buffers[i].max_bytes + LEFT_SHIFT, WORKER_PAGE) != b->places[i].room)
            return false;
    return b->side != NULL;
}

static int pattern_run(struct bench *b, struct subject *s, bool all_variants,
                       struct judge_check_case *report, struct compare_stats *stats,
                       struct judge_fault *fault)
{
    uint32_t n = all_variants ? N_VARIANTS : 2;

    if (!bench_fits(b, &s->in)) {
        bench_close(b);
        TRY(bench_open(b, &s->in));
    }
    for (int team = 0; team < 2 && !fault->found; team++)
        TRY(request_sizes_ask(b->side, &s->in, team ? b->n_threads : 1, &b->sizes[team], fault));
    if (fault->found) {
        fault_wrap(fault, "case %s", s->in.c->name);
        return 0;
    }
    for (uint32_t v = 0; v < n && !fault->found; v++)
        TRY(variant_run(b, s, v, report, stats, fault));
    return 0;
}

static int case_check(struct bench *b, const struct problem_case *c, uint64_t seed,
                      struct judge_check_case *report, struct judge_fault *fault)
{
    struct compare_stats stats = {0};
    bool first = true;
    int rc = 0;

    report->c = c;
    for (int p = 0; p < PROBLEM_N_PATTERNS && rc == 0 && !fault->found; p++) {
        struct subject s;

        if (!(c->patterns >> p & 1))
            continue;
        rc = subject_init(&s, c, rng_seed_mix(seed, (uint64_t)p), (enum problem_pattern)p);
        if (rc == 0)
            rc = pattern_run(b, &s, first, report, &stats, fault);
        subject_deinit(&s);
        first = false;
    }
    bench_close(b);
    report->max_units = stats.max_units;
    report->p99_units = stats.p99_units;
    report->rms_units = stats.rms_units;
    report->max_bound_share = stats.max_bound_share;
    report->failed = fault->found;
    if (fault->found)
        snprintf(report->message, sizeof report->message, "%s", fault->message);
    return rc < 0 ? err_wrap("checking case %s", c->name) : 0;
}

static void progress(const struct judge_options *o, const char *text)
{
    struct judge_progress p = {.stage = JUDGE_CHECKED, .text = text};

    if (o->progress)
        o->progress(o->progress_ctx, &p);
}

static int bench_init(struct bench *b, struct judge_build *build, const struct judge_options *o)
{
    uint32_t n;

    memset(b, 0, sizeof *b);
    b->o = o;
    b->seed = o->seed;
    while (!b->seed)
        b->seed = rng_seed_system();
    b->input = b->opaque = b->output = SEGMENT_NONE;
    for (int i = 0; i < WORKER_MAX_THREADS; i++)
        b->core[i] = -1;
    n = side_cores(b->core, WORKER_MAX_THREADS);
    /* Two threads even on one core: their result must not differ. */
    b->n_threads = n < 2 ? 2 : n < MAX_TEAM ? n : MAX_TEAM;
    TRY(cpu_features_named(o->features ? o->features : "all", &b->features));
    return judge_build_link(build, 0, &b->object);
}

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int cases_check(struct bench *b, struct judge_check_report *out, struct judge_fault *fault)
{
    double told = seconds_now();

    for (size_t i = 0; i < problem_shipped.n_cases && !fault->found; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];
        char text[160];

        snprintf(text, sizeof text, "check %zu/%zu %s", i + 1, problem_shipped.n_cases, c->name);
        if (seconds_now() - told > 1) { /* a line for people, not one per case */
            progress(b->o, text);
            told = seconds_now();
        }
        TRY(case_check(b, c, rng_seed_mix(b->seed, i), &out->cases[i], fault));
        out->n_cases = i + 1;
    }
    return 0;
}

int judge_check(struct judge_build *b, const struct judge_options *o,
                struct judge_check_report *out)
{
    struct judge_fault fault = {0};
    double begin = seconds_now();
    struct bench bench;
    int rc;

    memset(out, 0, sizeof *out);
    out->cases = calloc(problem_shipped.n_cases, sizeof *out->cases);
    if (!out->cases)
        return err_set(ERR_NOMEM, "out of memory for the check");
    rc = bench_init(&bench, b, o);
    if (rc == 0)
        rc = cases_check(&bench, out, &fault);
    if (rc < 0) {
        judge_check_report_deinit(out);
        return rc;
    }
    out->seconds = seconds_now() - begin;
    out->verdict = fault.found ? fault.verdict : JUDGE_WIN;
    if (fault.found)
        snprintf(out->message, sizeof out->message, "%s", fault.message);
    else
        snprintf(out->message, sizeof out->message, "%zu cases are correct", out->n_cases);
    return 0;
}

void judge_check_report_deinit(struct judge_check_report *r)
{
    free(r->cases);
    memset(r, 0, sizeof *r);
}

int judge_case_check(const char *name)
{
    for (size_t i = 0; i < problem_shipped.n_cases; i++)
        if (!strcmp(problem_shipped.cases[i].name, name))
            return 0;
    return err_set(ERR_USAGE, "--case %s: no such case", name);
}
