/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/check/rig.h"

#include "judge/check/compare.h"
#include "reference/base/checked.h"
#include "reference/base/err.h"

#include <stdlib.h>
#include <string.h>

enum {
    LEFT_SHIFT = 4,     /* bytes after the guard page in the left placement: f32 alignment only */
    WATCH = 4096,       /* bytes around private data that must stay as they were */
    INPUT_FILL = 0xff,  /* around inputs: NaN to whoever reads it */
    POISON_FIRST = 0xff /* content of private data before it is made; then its complement */
};
/* One step of a case takes milliseconds; the machine may be busy. */
#define RUN_TIMEOUT_NS (5 * UINT64_C(1000000000))

/* --- workers and memory --- */

/* Which workers see buffer b: its steps name it. */
static bool part_sees(const struct problem_instance *in, enum rig_part part, uint32_t b)
{
    uint32_t from = part == RIG_SETUP ? 0 : in->n_steps - 1;
    uint32_t to = part == RIG_SETUP ? in->n_steps - 1 : in->n_steps;

    for (uint32_t s = from; s < to; s++) {
        const struct problem_step *step = &in->steps[s];

        for (uint32_t i = 0; i < step->call.n_in; i++)
            if (step->in[i] == b)
                return true;
        for (uint32_t i = 0; i < step->call.n_out; i++)
            if (step->out[i] == b)
                return true;
    }
    return false;
}

static uint64_t slot_add(struct side_spec *spec, enum problem_role role, enum rig_part part,
                         const struct rig_place *p)
{
    spec->slots[spec->n_slots] = (struct worker_slot){
        .file = role == PROBLEM_INPUT    ? WORKER_INPUT
                : role == PROBLEM_OPAQUE ? WORKER_OPAQUE
                                         : WORKER_OUTPUT,
        .writable = role == PROBLEM_OUTPUT || (role == PROBLEM_OPAQUE && part == RIG_SETUP),
        .offset = p->offset,
        .bytes = p->room,
    };
    return spec->n_slots++;
}

static size_t place_room(const struct problem_buffer *buffer)
{
    return size_align(buffer->max_bytes + LEFT_SHIFT, WORKER_PAGE);
}

/* Give every buffer its slots; segment sizes add up in bytes[role]. */
static void places_lay(struct rig *r, const struct problem_instance *in, struct side_spec spec[2],
                       size_t bytes[3])
{
    struct segment *segments[] = {&r->input, &r->opaque, &r->output};

    for (uint32_t i = 0; i < in->n_buffers; i++) {
        const struct problem_buffer *buffer = &in->buffers[i];
        struct rig_place *p = &r->places[i];

        p->segment = segments[buffer->role];
        p->offset = bytes[buffer->role];
        p->room = place_room(buffer);
        bytes[buffer->role] += p->room;
        for (enum rig_part part = RIG_SETUP; part < RIG_PARTS; part++)
            p->slot[part] =
                part_sees(in, part, i) ? slot_add(&spec[part], buffer->role, part, p) : RIG_UNSEEN;
    }
}

/* Private data must have one size and layout for all teams: one packs, another multiplies. */
static int sizes_ask(struct rig *r, const struct problem_instance *in, struct judge_fault *fault)
{
    for (uint32_t t = 0; t < RIG_TEAMS && !fault->found; t++) {
        TRY(request_sizes_ask(r->side[RIG_LAST], in, r->plan->team[t], &r->sizes[t], fault));
        for (uint32_t b = 0; b < in->n_buffers && !fault->found; b++)
            if (r->sizes[t].bytes[b] != r->sizes[0].bytes[b] ||
                r->sizes[t].layout_id[b] != r->sizes[0].layout_id[b])
                fault_set(fault, JUDGE_FAIL_CONTRACT,
                          "%s: %zu bytes of layout %u for 1 thread, %zu of layout %u for %u",
                          in->buffers[b].name, r->sizes[0].bytes[b], r->sizes[0].layout_id[b],
                          r->sizes[t].bytes[b], r->sizes[t].layout_id[b], r->plan->team[t]);
    }
    return 0;
}

int rig_open(struct rig *r, const struct rig_plan *plan, const struct problem_instance *in,
             struct judge_fault *fault)
{
    struct side_spec spec[RIG_PARTS] = {0};
    size_t bytes[3] = {0};

    r->plan = plan;
    places_lay(r, in, spec, bytes);
    TRY(segment_open("input", bytes[PROBLEM_INPUT], &r->input));
    TRY(segment_open("opaque", bytes[PROBLEM_OPAQUE], &r->opaque));
    TRY(segment_open("output", bytes[PROBLEM_OUTPUT], &r->output));
    TRY(segment_seal(&r->input));
    for (enum rig_part part = in->n_steps > 1 ? RIG_SETUP : RIG_LAST; part < RIG_PARTS; part++) {
        struct side_spec *s = &spec[part];

        s->worker = plan->worker;
        s->object = plan->object;
        s->input = &r->input;
        s->opaque = &r->opaque;
        s->output = &r->output;
        s->features = plan->features;
        s->n_requests = PROBLEM_MAX_STEPS;
        for (int t = 0; t < RIG_TEAMS; t++)
            s->n_threads = plan->team[t] > s->n_threads ? plan->team[t] : s->n_threads;
        memcpy(s->core, plan->core, sizeof s->core);
        s->inspectable = !plan->sanitized;
        s->sanitized = plan->sanitized;
        TRY(side_open(s, &r->side[part]));
    }
    return sizes_ask(r, in, fault);
}

void rig_forget(struct rig *r)
{
    for (uint32_t b = 0; b < PROBLEM_MAX_BUFFERS; b++) {
        free(r->places[b].private);
        r->places[b].private = NULL;
    }
    r->poison = POISON_FIRST;
}

void rig_close(struct rig *r)
{
    rig_forget(r);
    for (enum rig_part part = RIG_SETUP; part < RIG_PARTS; part++)
        side_close(&r->side[part]);
    segment_close(&r->input);
    segment_close(&r->opaque);
    segment_close(&r->output);
    *r = RIG_NONE;
}

bool rig_fits(const struct rig *r, const struct problem_instance *in)
{
    if (!r->side[RIG_LAST])
        return false;
    for (uint32_t i = 0; i < in->n_buffers; i++)
        if (place_room(&in->buffers[i]) != r->places[i].room)
            return false;
    return true;
}

/* --- contents --- */

static unsigned char *slot_data(const struct rig_place *p)
{
    return p->segment->data + p->offset;
}

const unsigned char *rig_output(const struct rig *r, uint32_t buffer)
{
    return slot_data(&r->places[buffer]) + r->places[buffer].at;
}

static void buffer_place(struct rig_place *p, const struct problem_buffer *buffer, size_t bytes,
                         enum rig_placement placement)
{
    size_t align = buffer->role == PROBLEM_OPAQUE ? KERNEL_ALIGN : LEFT_SHIFT;

    p->bytes = bytes;
    if (placement == RIG_RIGHT)
        p->at = (p->room - bytes) & ~(align - 1);
    else
        p->at = buffer->role == PROBLEM_OPAQUE ? 0 : LEFT_SHIFT;
}

/* Slots of pages that nothing was stored in are arbitrary, so they keep one poison; every byte of
 * packed weights is the kernel's to write. */
static unsigned char poison_of(const struct rig *r, const struct problem_buffer *buffer)
{
    return buffer->tensor.layout == KERNEL_PAGES ? POISON_FIRST : r->poison;
}

static void buffers_fill(struct rig *r, const struct problem_instance *in,
                         const struct request_sizes *sizes, enum rig_placement placement)
{
    for (uint32_t i = 0; i < in->n_buffers; i++) {
        const struct problem_buffer *buffer = &in->buffers[i];
        struct rig_place *p = &r->places[i];

        buffer_place(p, buffer, sizes->bytes[i], placement);
        if (buffer->role == PROBLEM_OPAQUE) {
            memset(slot_data(p), poison_of(r, buffer), p->room);
        } else if (buffer->role == PROBLEM_INPUT) {
            memset(slot_data(p), INPUT_FILL, p->room);
            memcpy(slot_data(p) + p->at, buffer->tensor.data, p->bytes);
        }
    }
}

static bool all_bytes_are(const unsigned char *p, size_t bytes, unsigned char value)
{
    return bytes == 0 || (p[0] == value && memcmp(p, p + 1, bytes - 1) == 0);
}

/* Inputs are mapped read-only; this is the second lock. */
static void inputs_check(const struct rig *r, const struct problem_instance *in,
                         struct judge_fault *fault)
{
    for (uint32_t i = 0; i < in->n_buffers && !fault->found; i++) {
        const struct rig_place *p = &r->places[i];
        const unsigned char *data = slot_data(p);
        size_t end = p->at + p->bytes;

        if (in->buffers[i].role == PROBLEM_INPUT &&
            (memcmp(data + p->at, in->buffers[i].tensor.data, p->bytes) != 0 ||
             !all_bytes_are(data, p->at, INPUT_FILL) ||
             !all_bytes_are(data + end, p->room - end, INPUT_FILL)))
            fault_set(fault, JUDGE_CHEAT, "the input %s was changed", in->buffers[i].name);
    }
}

static void surroundings_check(const struct rig *r, const struct problem_instance *in,
                               uint32_t sentinel, struct judge_fault *fault)
{
    for (uint32_t i = 0; i < in->n_buffers && !fault->found; i++) {
        const struct problem_buffer *buffer = &in->buffers[i];
        const struct rig_place *p = &r->places[i];
        const unsigned char *data = slot_data(p);
        size_t end = p->at + p->bytes, behind = p->room - end;
        bool front_ok = true, back_ok = true;

        if (buffer->role == PROBLEM_OUTPUT) {
            front_ok = compare_sentinel_intact(data, p->at, 0, sentinel);
            back_ok = compare_sentinel_intact(data + end, behind, end, sentinel);
        } else if (buffer->role == PROBLEM_OPAQUE) {
            size_t front = p->at < WATCH ? p->at : WATCH;
            unsigned char poison = poison_of(r, buffer);

            front_ok = all_bytes_are(data + p->at - front, front, poison);
            back_ok = all_bytes_are(data + end, behind < WATCH ? behind : WATCH, poison);
        }
        if (!front_ok || !back_ok)
            fault_set(fault, JUDGE_FAIL_CORRECTNESS, "bytes %s %s were written",
                      front_ok ? "behind" : "in front of", buffer->name);
    }
}

/* Private bytes: those of the first setup of this instance, whichever team made them and wherever.
 */
static int private_check(struct rig *r, const struct problem_instance *in, const char *blame,
                         struct judge_fault *fault)
{
    for (uint32_t i = 0; i < in->n_buffers && !fault->found; i++) {
        struct rig_place *p = &r->places[i];
        const unsigned char *data = slot_data(p) + p->at;
        size_t at = 0;

        if (in->buffers[i].role != PROBLEM_OPAQUE)
            continue;
        if (!p->private) {
            p->private = malloc(p->bytes);
            if (!p->private)
                return err_set(ERR_NOMEM, "out of memory for %s", in->buffers[i].name);
            memcpy(p->private, data, p->bytes);
        }
        if (memcmp(p->private, data, p->bytes) == 0)
            continue;
        while (p->private[at] == data[at])
            at++;
        fault_set(fault, JUDGE_FAIL_CORRECTNESS, "%s: byte %zu %s", in->buffers[i].name, at, blame);
    }
    return 0;
}

/* --- steps --- */

static int step_run(struct rig *r, const struct problem_instance *in, uint32_t step, uint32_t team,
                    uint64_t *ns, struct judge_fault *fault)
{
    enum rig_part part = step + 1 == in->n_steps ? RIG_LAST : RIG_SETUP;
    struct worker_command command = {
        .op = WORKER_RUN,
        .reload = 1,
        .n_threads = r->plan->team[team],
        .pool = 1,
        .count = 1,
    };
    uint64_t at[PROBLEM_MAX_BUFFERS] = {0};
    struct side_result result;

    for (uint32_t i = 0; i < in->n_buffers; i++)
        if (r->places[i].slot[part] != RIG_UNSEEN)
            at[i] = WORKER_AT(r->places[i].slot[part], r->places[i].at);
    request_fill(in, step, &r->sizes[team], at, &side_requests(r->side[part])[0]);
    TRY(side_command(r->side[part], &command, RUN_TIMEOUT_NS, &result));
    *ns += result.ns;
    fault_from_result(fault, &result);
    if (fault->found)
        fault_wrap(fault, "step %u of %u", step + 1, in->n_steps);
    return 0;
}

int rig_setup(struct rig *r, const struct problem_instance *in, uint32_t team,
              enum rig_placement placement, uint64_t *ns, struct judge_fault *fault)
{
    *ns = 0;
    r->poison = (unsigned char)~r->poison;
    buffers_fill(r, in, &r->sizes[team], placement);
    for (uint32_t step = 0; step + 1 < in->n_steps && !fault->found; step++)
        TRY(step_run(r, in, step, team, ns, fault));
    if (!fault->found)
        TRY(private_check(r, in, "is not what it was the first time", fault));
    return 0;
}

int rig_run(struct rig *r, const struct problem_instance *in, uint32_t team, uint32_t sentinel,
            struct judge_fault *fault)
{
    uint64_t ns = 0;

    for (uint32_t i = 0; i < in->n_buffers; i++)
        if (in->buffers[i].role == PROBLEM_OUTPUT)
            compare_sentinel_fill(slot_data(&r->places[i]), r->places[i].room, sentinel);
    TRY(step_run(r, in, in->n_steps - 1, team, &ns, fault));
    if (!fault->found)
        surroundings_check(r, in, sentinel, fault);
    if (!fault->found)
        inputs_check(r, in, fault);
    if (!fault->found)
        TRY(private_check(r, in, "was changed by the last step", fault));
    return 0;
}

int rig_fpu(struct rig *r, bool *known, struct judge_fault *fault)
{
    char what[128];

    *known = true;
    for (enum rig_part part = RIG_SETUP; part < RIG_PARTS && !fault->found; part++) {
        bool clean = true;
        int rc = r->side[part] ? side_fpu(r->side[part], &clean, what) : 0;

        if (rc == ERR_UNSUPPORTED) {
            *known = false;
            err_clear();
            return 0;
        }
        TRY(rc);
        if (!clean)
            fault_set(fault, JUDGE_FAIL_CONTRACT, "leaves the floating-point unit changed: %s",
                      what);
    }
    return 0;
}
