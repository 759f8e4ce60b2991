/* SPDX-License-Identifier: Apache-2.0
 *
 * pair_count.c: the processor's counters for the candidate's slices, in a pass that is not timed.
 */
#include "judge/measure/batch.h"
#include "judge/measure/pair.h"
#include "judge/measure/seat.h"
#include "judge/measure/verify.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"

#include <stdio.h>
#include <string.h>

/* One batch, looked at; *counted is what the event counted meanwhile. */
static int batch_count(struct judge_pair *p, struct seat *s, size_t i, uint32_t count,
                       struct rng *r, struct counters *events, size_t e, double *counted,
                       struct judge_fault *fault)
{
    uint32_t n_verified = 0;
    double before, ns;

    batch_draw(&p->batch, &p->pool.cases[i], count, r);
    TRY(batch_lay(&p->batch, s, 0, fault));
    if (fault->found)
        return 0;
    before = counters_read(events, e);
    TRY(batch_run(&p->batch, s, &ns, fault));
    *counted = counters_read(events, e) - before;
    return fault->found ? 0 : verify_batch(&p->batch, s, p->looks[i], r, &n_verified, fault);
}

/* The first request of a case, which touches code and stack for the first time, does not count. */
static int case_count(struct judge_pair *p, struct seat *s, size_t i, struct rng *r,
                      struct counters *events, size_t e, double *per_request,
                      struct judge_fault *fault)
{
    double counted = 0;

    TRY(batch_count(p, s, i, 1, r, events, e, &counted, fault));
    if (!fault->found)
        TRY(batch_count(p, s, i, p->requests[i], r, events, e, &counted, fault));
    *per_request = counted / p->requests[i];
    return 0;
}

/* A fresh worker for each event, because only what starts after counters_start is counted. */
static int event_count(struct judge_pair *p, size_t e, struct judge_counts *out,
                       struct judge_fault *fault)
{
    struct seat s = {0};
    struct rng r;
    int rc;

    counters_start(&out->events, e);
    if (out->events.reason[e][0])
        return 0;
    rng_init(&r, rng_seed_system());
    rc = seat_open(p, PAIR_CANDIDATE, pair__copy(p, PAIR_CANDIDATE, 0), 0, 0, 0, &s);
    for (size_t i = 0; i < p->pool.n_cases && rc == 0 && !fault->found; i++)
        rc = case_count(p, &s, i, &r, &out->events, e, &out->per_request[i][e], fault);
    seat_close(&s);
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
