/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/unit.h"

#include "judge/check/compare.h"
#include "judge/worker/fault.h"
#include "judge/measure/pool.h"
#include "judge/worker/side.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CANDIDATE = 0,
    INCUMBENT = 1,
    SPOTS = 4,              /* elements of a timed output that are held against the oracle */
    REALLOCATE_UNITS = 2,   /* private bytes that differ between the sides move this often */
    MAX_REQUESTS = 1 << 17, /* of 40 ns each */
};
#define SLICE_NS         5e6  /* a slice takes at least this or one call */
#define SLICE_TEAM_NS    10e6 /* with two threads and more */
#define CALIBRATE_NS     2e6
#define SLICE_TIMEOUT_NS (10 * UINT64_C(1000000000))

/* One physical copy of what a measuring worker sees. Inputs serve either side, read-only. */
struct copy {
    struct segment input, opaque, output;
};

struct judge_pair {
    struct judge_build *build[2]; /* [side] */
    const struct judge_options *o;
    struct pool pool;
    struct copy copies[2]; /* copies[s].output is of side s, and .opaque unless `equal` */
    bool equal;            /* both sides' private bytes are the same: each side reads both copies */
    uint32_t requests[UNIT_MAX_CASES]; /* per slice */
    int32_t cores[WORKER_MAX_THREADS];
    uint32_t n_cores;
    uint32_t n_units;
    struct judge_fault fault; /* of the candidate before any unit; every unit reports it */
};

/* A worker of one side on one physical copy of the pool. */
struct seat {
    struct side *worker;
    struct copy view; /* borrowed segments */
    size_t shift;     /* of the outputs */
};

/* A unit under way. Each side has a worker on either copy, and in every quad each side is timed
 * once on each: where a copy lies in memory (one may be a tenth slower than the other for as long
 * as it lives) cancels within the quad instead of becoming the noise between units. */
struct measure {
    struct judge_pair *p;
    struct rng rng;
    struct seat seats[2][2]; /* [side][copy] */
    struct judge_fault fault;
    int guilty; /* side of the fault */
};

/* Elements of the last request of a slice that will be looked at. */
struct spots {
    uint32_t instance;
    uint32_t sentinel;
    uint32_t n;
    struct {
        uint32_t buffer;
        size_t element;
    } spot[SPOTS];
};

/* --- opening --- */

static int copies_open(struct judge_pair *p)
{
    for (int i = 0; i < 2; i++) {
        struct copy *c = &p->copies[i];

        TRY(segment_open("input", p->pool.input_bytes, &c->input));
        TRY(segment_open("output", p->pool.output_bytes + WORKER_PAGE, &c->output));
        pool_inputs_write(&p->pool, c->input.data);
        /* Touch every page now, in the order of addresses. */
        memset(c->output.data, 0, c->output.bytes);
        TRY(segment_seal(&c->input));
    }
    return 0;
}

/* Fresh memory with the same bytes; the old pages are given back only afterwards. */
static int opaque_move(struct segment *s)
{
    struct segment fresh;

    TRY(segment_open("opaque", s->bytes, &fresh));
    memcpy(fresh.data, s->data, s->bytes);
    segment_close(s);
    *s = fresh;
    return segment_seal(s);
}

static int side_start(struct judge_pair *p, int side, uint64_t layout, uint64_t place_seed,
                      const struct copy *view, size_t shift, uint32_t first_core, struct side **out)
{
    const struct segment *segments[] = {&view->input, &view->opaque, &view->output};
    struct side_spec spec = {
        .worker = p->o->worker,
        .input = &view->input,
        .opaque = &view->opaque,
        .output = &view->output,
        .features = p->pool.features,
        .n_threads = p->pool.n_threads,
        .n_requests = p->pool.n_requests,
        .place_seed = place_seed,
        .n_slots = 3,
    };
    struct worker_request *requests;

    TRY(judge_build_link(p->build[side], layout, &spec.object));
    for (uint32_t i = 0; i < WORKER_MAX_THREADS; i++)
        spec.core[i] = p->n_cores ? p->cores[(first_core + i) % p->n_cores] : -1;
    for (uint32_t i = 0; i < 3; i++)
        spec.slots[i] = (struct worker_slot){
            .file = WORKER_INPUT + i,
            .writable = i == 2,
            .populate = 1,
            .bytes = segments[i]->bytes,
        };
    TRY(side_open(&spec, out));
    requests = side_requests(*out);
    for (size_t i = 0; i < p->pool.n_cases; i++) {
        const struct pool_case *c = &p->pool.cases[i];

        for (uint32_t k = 0; k < c->n; k++)
            pool_request(c, side, k, shift, &requests[c->first_request + k]);
    }
    return 0;
}

/* `count` requests of a case from instance `start` on. */
static int slice_run(struct side *s, const struct pool_case *c, uint32_t start, uint32_t count,
                     bool reload, struct side_result *r)
{
    struct worker_command command = {
        .op = WORKER_RUN,
        .reload = reload,
        .n_threads = c->n_threads,
        .base = c->first_request,
        .pool = c->n,
        .start = start,
        .count = count,
    };

    return side_command(s, &command, SLICE_TIMEOUT_NS, r);
}

/* How many requests of the case fill a slice: doubled until the time can be told from a doorbell's,
 * then the least of three, because a neighbour's interruption must not shorten the slices. */
static int case_calibrate(struct side *s, const struct pool_case *c, uint32_t *requests,
                          struct judge_fault *fault)
{
    double want = c->n_threads > 1 ? SLICE_TEAM_NS : SLICE_NS, least = HUGE_VAL;
    struct side_result r;
    uint32_t count = 1, n_long = 0;

    TRY(slice_run(s, c, 0, 1, true, &r));
    fault_from_result(fault, &r);
    while (!fault->found && n_long < 3) {
        TRY(slice_run(s, c, 0, count, false, &r));
        fault_from_result(fault, &r);
        if ((double)r.ns < CALIBRATE_NS && count < MAX_REQUESTS) {
            count *= 2;
            continue;
        }
        least = fmin(least, (double)r.ns / count);
        n_long++;
    }
    *requests = (uint32_t)fmax(1, fmin(MAX_REQUESTS, ceil(want / least)));
    if (fault->found)
        fault_wrap(fault, "case %s", c->c->name);
    return 0;
}

static int pair_calibrate(struct judge_pair *p, struct judge_fault *fault)
{
    struct side *s = NULL;
    int rc = side_start(p, INCUMBENT, 0, 0, &p->copies[INCUMBENT], 0, 0, &s);

    for (size_t i = 0; i < p->pool.n_cases && rc == 0 && !fault->found; i++)
        rc = case_calibrate(s, &p->pool.cases[i], &p->requests[i], fault);
    side_close(&s);
    return rc;
}

/* The incumbent's faults are no verdict on the candidate: an error that carries the sentence. When
 * both are one build (judge bench) they are the candidate's. */
static int incumbent_error(struct judge_pair *p, const struct judge_fault *fault)
{
    if (!fault->found)
        return 0;
    if (p->build[CANDIDATE] == p->build[INCUMBENT]) {
        p->fault = *fault;
        return 0;
    }
    return err_set(ERR_INTEGRITY, "the incumbent failed: %s: %s",
                   judge_verdict_name(fault->verdict), fault->message);
}

static int pair_fill(struct judge_pair *p, uint64_t seed)
{
    struct judge_fault incumbent = {0};
    struct segment opaque[2];

    p->n_cores = side_cores(p->cores, WORKER_MAX_THREADS);
    if (p->n_cores > WORKER_MAX_THREADS)
        p->n_cores = WORKER_MAX_THREADS;
    TRY(pool_init(&p->pool, p->o, seed));
    TRY(copies_open(p));
    for (int s = 0; s < 2 && !p->fault.found; s++)
        TRY(pool_prepare(&p->pool, s, p->build[s], p->o, &p->copies[s].opaque,
                         s == CANDIDATE ? &p->fault : &incumbent));
    if (p->fault.found)
        return 0;
    TRY(incumbent_error(p, &incumbent));
    if (p->fault.found)
        return 0;
    opaque[0] = p->copies[0].opaque;
    opaque[1] = p->copies[1].opaque;
    p->equal = pool_sides_equal(&p->pool, opaque);
    for (int s = 0; s < 2; s++)
        TRY(segment_seal(&p->copies[s].opaque)); /* the workers that wrote it are gone */
    TRY(pair_calibrate(p, &incumbent));
    return incumbent_error(p, &incumbent);
}

int judge_pair_open(struct judge_build *candidate, struct judge_build *incumbent,
                    const struct judge_options *o, uint64_t shapes_seed, struct judge_pair **out)
{
    struct judge_pair *p = calloc(1, sizeof *p);
    uint64_t seed = shapes_seed ? shapes_seed : o->seed ? o->seed : rng_seed_system();
    int rc;

    *out = NULL;
    if (!p)
        return err_set(ERR_NOMEM, "out of memory for a pair");
    for (int i = 0; i < 2; i++)
        p->copies[i].input = p->copies[i].opaque = p->copies[i].output = SEGMENT_NONE;
    p->build[CANDIDATE] = candidate;
    p->build[INCUMBENT] = incumbent;
    p->o = o;
    rc = pair_fill(p, seed);
    if (rc < 0)
        judge_pair_close(&p);
    *out = p;
    return rc;
}

void judge_pair_close(struct judge_pair **p)
{
    if (!*p)
        return;
    for (int i = 0; i < 2; i++) {
        segment_close(&(*p)->copies[i].input);
        segment_close(&(*p)->copies[i].opaque);
        segment_close(&(*p)->copies[i].output);
    }
    pool_deinit(&(*p)->pool);
    free(*p);
    *p = NULL;
}

/* --- the outputs of timed calls --- */

static unsigned char *output_data(const struct seat *seat, const struct pool_case *c,
                                  uint32_t instance, uint32_t buffer)
{
    return seat->view.output.data + c->output.base + instance * c->output.stride +
           c->output.at[buffer] + seat->shift;
}

/* Draw elements of the outputs of `instance` and poison them where `seat` writes. */
static void spots_draw(struct measure *m, const struct seat *seat, const struct pool_case *c,
                       uint32_t instance, struct spots *s)
{
    struct problem_instance *in = &c->in[instance];
    uint32_t outputs[PROBLEM_MAX_BUFFERS], n = 0;

    for (uint32_t b = 0; b < in->n_buffers; b++)
        if (in->buffers[b].role == PROBLEM_OUTPUT)
            outputs[n++] = b;
    s->instance = instance;
    s->sentinel = compare_sentinel(rng_next(&m->rng));
    s->n = n ? SPOTS : 0;
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t b = outputs[rng_below(&m->rng, n)];
        size_t count = problem_output_count(in, b), bytes = problem_output_element_bytes(in, b);

        s->spot[i].buffer = b;
        s->spot[i].element = rng_below(&m->rng, count);
        compare_sentinel_fill(
            output_data(seat, c, instance, b) +
                compare_element_offset(&in->buffers[b].tensor, bytes, s->spot[i].element, count),
            bytes, s->sentinel);
    }
}

static int spots_check(struct measure *m, int side, int copy, const struct pool_case *c,
                       const struct spots *s)
{
    const struct seat *seat = &m->seats[side][copy];
    struct compare_stats unused = {0};
    char message[256];

    for (uint32_t i = 0; i < s->n && !m->fault.found; i++) {
        uint32_t b = s->spot[i].buffer;
        struct compare_expect e;

        TRY(compare_expect_init(&c->in[s->instance], b, s->spot[i].element, 1, &e));
        if (!compare_check(&e, output_data(seat, c, s->instance, b), s->sentinel, &unused, message,
                           sizeof message)) {
            fault_set(&m->fault, JUDGE_FAIL_CORRECTNESS,
                      "case %s: a timed call differs from the oracle: %s", c->c->name, message);
            m->guilty = side;
        }
        compare_expect_deinit(&e);
    }
    return 0;
}

/* --- a unit --- */

/* One timed slice from a drawn position; its last request's spots are poisoned before. */
static int slice_measure(struct measure *m, int side, int copy, size_t i, uint32_t count,
                         bool reload, struct spots *s, double *ns)
{
    const struct seat *seat = &m->seats[side][copy];
    const struct pool_case *c = &m->p->pool.cases[i];
    uint32_t start = (uint32_t)rng_below(&m->rng, c->n);
    struct side_result r;

    spots_draw(m, seat, c, (uint32_t)(((uint64_t)start + count - 1) % c->n), s);
    TRY(slice_run(seat->worker, c, start, count, reload, &r));
    fault_from_result(&m->fault, &r);
    if (m->fault.found) {
        fault_wrap(&m->fault, "timed case %s", c->c->name);
        m->guilty = side;
    }
    *ns = (double)r.ns / count;
    return 0;
}

/* Four slices in the given order, on the copies first, other, first, other: with ABBA each side
 * meets each copy once. Each is looked at before the side writes its outputs again. */
static int quad_measure(struct measure *m, size_t i, int first, const bool candidate[UNIT_SLICES],
                        double ns[UNIT_SLICES])
{
    for (int k = 0; k < UNIT_SLICES && !m->fault.found; k++) {
        int side = candidate[k] ? CANDIDATE : INCUMBENT, copy = (first + k) & 1;
        struct spots s;

        TRY(slice_measure(m, side, copy, i, m->p->requests[i], false, &s, &ns[k]));
        if (!m->fault.found)
            TRY(spots_check(m, side, copy, &m->p->pool.cases[i], &s));
    }
    return 0;
}

static double median3(double a, double b, double c)
{
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

/* (1/2) ln(incumbent 1 * incumbent 2 / (candidate 1 * candidate 2)) */
static double quad_ratio(const bool candidate[UNIT_SLICES], const double ns[UNIT_SLICES])
{
    double sum = 0;

    for (int k = 0; k < UNIT_SLICES; k++)
        sum += candidate[k] ? -log(ns[k]) : log(ns[k]);
    return sum / 2;
}

/* One untimed request of every worker, and a look at its output. With `reload` the workers read
 * their tables, each on its first request. */
static int case_warm(struct measure *m, size_t i, bool swapped, bool reload)
{
    for (int k = 0; k < 4 && !m->fault.found; k++) {
        int side = (k & 1) ^ swapped, copy = k >> 1;
        struct spots s;
        double ns;

        TRY(slice_measure(m, side, copy, i, 1, reload, &s, &ns));
        if (!m->fault.found)
            TRY(spots_check(m, side, copy, &m->p->pool.cases[i], &s));
    }
    return 0;
}

static int case_measure(struct measure *m, size_t i, bool swapped, struct judge_unit_case *out)
{
    int first = (int)rng_below(&m->rng, 2);
    double d[UNIT_QUADS] = {0};

    _Static_assert(UNIT_QUADS == 3 && UNIT_SLICES == 4, "median3 and the ABBA pattern");
    out->c = m->p->pool.cases[i].c;
    out->requests = m->p->requests[i];
    TRY(case_warm(m, i, swapped, false));
    for (int q = 0; q < UNIT_QUADS && !m->fault.found; q++) {
        for (int k = 0; k < UNIT_SLICES; k++)
            out->candidate[q][k] = ((k == 0 || k == 3) ^ (q & 1) ^ swapped) != 0;
        TRY(quad_measure(m, i, first, out->candidate[q], out->ns[q]));
        d[q] = quad_ratio(out->candidate[q], out->ns[q]);
    }
    out->d = median3(d[0], d[1], d[2]);
    return 0;
}

/* Jiffies of all processors: stolen by the hypervisor's other guests, and in all. */
static bool stat_read(double *steal, double *total)
{
    unsigned long long v[8];
    FILE *f = fopen("/proc/stat", "re");
    int n = 0;

    if (!f)
        return false;
    n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4],
               &v[5], &v[6], &v[7]);
    fclose(f);
    *total = 0;
    for (int i = 0; i < n; i++)
        *total += (double)v[i];
    *steal = n == 8 ? (double)v[7] : 0;
    return n == 8;
}

/* A worker of `side` on `copy`. Outputs are the side's own, or the rival's answers could be read
 * there; private bytes that differ between the sides have one copy each. */
static int seat_start(struct measure *m, int side, int copy, uint64_t layout, uint32_t first_core)
{
    struct judge_pair *p = m->p;
    struct seat *seat = &m->seats[side][copy];

    seat->view = p->copies[copy];
    seat->view.output = p->copies[side].output;
    if (!p->equal)
        seat->view.opaque = p->copies[side].opaque;
    seat->shift = KERNEL_ALIGN * (size_t)rng_below(&m->rng, WORKER_PAGE / KERNEL_ALIGN);
    return side_start(p, side, layout, rng_next(&m->rng) | 1, &seat->view, seat->shift, first_core,
                      &seat->worker);
}

/* Fresh processes, layouts and offsets, all drawn from the unit's seed. Layout seeds have 63 bits,
 * so units with different seeds, those of a confirmation among them, never meet a layout again. */
static int unit_start(struct measure *m, struct judge_unit *out)
{
    struct judge_pair *p = m->p;
    uint32_t first_core = (uint32_t)rng_below(&m->rng, p->n_cores ? p->n_cores : 1);

    if (!p->equal && p->n_units % REALLOCATE_UNITS == 0 && p->n_units)
        for (int s = 0; s < 2; s++)
            TRY(opaque_move(&p->copies[out->swapped ? 1 - s : s].opaque));
    p->n_units++;
    for (int k = 0; k < 2; k++) {
        int side = out->swapped ? 1 - k : k;

        out->layout[side] = rng_next(&m->rng) | 1; /* never 0, the compiler's own order */
        for (int copy = 0; copy < 2; copy++)
            TRY(seat_start(m, side, copy, out->layout[side], first_core));
    }
    return 0;
}

static int unit_cases(struct measure *m, struct judge_unit *out)
{
    size_t order[UNIT_MAX_CASES];

    for (size_t i = 0; i < out->n_cases; i++)
        order[i] = i;
    for (size_t i = out->n_cases; i > 1; i--) {
        size_t k = rng_below(&m->rng, i), t = order[k];

        order[k] = order[i - 1];
        order[i - 1] = t;
    }
    for (size_t i = 0; i < out->n_cases && !m->fault.found; i++)
        TRY(case_measure(m, order[i], out->swapped, &out->cases[order[i]]));
    return 0;
}

int judge_pair_unit(struct judge_pair *p, uint64_t seed, struct judge_unit *out,
                    enum judge_verdict *verdict, char *message)
{
    struct measure m = {.p = p};
    double steal[2] = {0}, total[2] = {0};
    bool known;
    int rc;

    memset(out, 0, sizeof *out);
    rng_init(&m.rng, seed);
    out->seed = seed;
    out->swapped = rng_below(&m.rng, 2);
    out->n_cases = p->pool.n_cases;
    known = stat_read(&steal[0], &total[0]);
    m.fault = p->fault;
    rc = m.fault.found ? 0 : unit_start(&m, out);
    if (rc == 0 && !m.fault.found)
        rc = case_warm(&m, 0, out->swapped, true);
    if (rc == 0 && !m.fault.found)
        rc = unit_cases(&m, out);
    for (int k = 0; k < 4; k++)
        side_close(&m.seats[k & 1][k >> 1].worker);
    known = known && stat_read(&steal[1], &total[1]) && total[1] > total[0];
    out->steal_share = known ? (steal[1] - steal[0]) / (total[1] - total[0]) : -1;
    if (rc < 0 || !m.fault.found)
        return rc < 0 ? rc : UNIT_DONE;
    if (m.guilty == INCUMBENT)
        TRY(incumbent_error(p, &m.fault));
    *verdict = m.fault.verdict;
    snprintf(message, 512, "%s", m.fault.message);
    return UNIT_FAILED;
}

/* --- counting --- */

static int case_count(struct side *s, const struct pool_case *c, uint32_t requests,
                      struct counters *events, size_t e, double *per_request,
                      struct judge_fault *fault)
{
    struct side_result r;
    double before;

    TRY(slice_run(s, c, 0, 1, true, &r));
    fault_from_result(fault, &r);
    if (fault->found)
        return 0;
    before = counters_read(events, e);
    TRY(slice_run(s, c, 1 % c->n, requests, false, &r));
    *per_request = (counters_read(events, e) - before) / requests;
    fault_from_result(fault, &r);
    return 0;
}

/* A fresh worker for each event, because only what starts after counters_start is counted. */
static int event_count(struct judge_pair *p, size_t e, struct judge_counts *out,
                       struct judge_fault *fault)
{
    struct side *s = NULL;
    int rc;

    counters_start(&out->events, e);
    if (out->events.reason[e][0])
        return 0;
    rc = side_start(p, CANDIDATE, 0, 0, &p->copies[CANDIDATE], 0, 0, &s);
    for (size_t i = 0; i < p->pool.n_cases && rc == 0 && !fault->found; i++)
        rc = case_count(s, &p->pool.cases[i], p->requests[i], &out->events, e,
                        &out->per_request[i][e], fault);
    side_close(&s);
    counters_stop(&out->events, e);
    return rc;
}

static void counts_doubt(struct judge_counts *out, size_t n_cases, const struct judge_fault *fault)
{
    for (size_t i = 0; i < out->events.n; i++) {
        char *reason = out->events.reason[i];
        double sum = 0;

        for (size_t k = 0; k < n_cases; k++)
            sum += out->per_request[k][i];
        if (reason[0] || (sum > 0 && !fault->found))
            continue;
        snprintf(reason, sizeof out->events.reason[i], "%s",
                 fault->found ? "the kernel failed while it was counted" : "reads 0 in every case");
    }
}

int judge_pair_count(struct judge_pair *p, const struct counters_event *events,
                     struct judge_counts *out)
{
    struct judge_fault fault = p->fault;
    int rc = 0;

    memset(out, 0, sizeof *out);
    counters_init(events, &out->events);
    for (size_t e = 0; e < out->events.n && rc == 0 && !fault.found; e++)
        if (!out->events.reason[e][0])
            rc = event_count(p, e, out, &fault);
    counts_doubt(out, p->pool.n_cases, &fault);
    counters_deinit(&out->events);
    return rc;
}
