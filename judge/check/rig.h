/* SPDX-License-Identifier: Apache-2.0
 *
 * rig.h: what the instances of one case are run in: shared memory with a slot per buffer, each
 * between guard pages, and two workers. One prepares (packs weights, stores KV) and sees only what
 * that takes, so it cannot work on activations ahead of time. The other does the last step: it sees
 * private bytes read-only and neither plain weights nor KV rows. Inside judge/check/ only; one
 * thread at a time. */
#ifndef PAWL_RIG_H
#define PAWL_RIG_H

#include "judge/worker/fault.h"
#include "judge/worker/request.h"
#include "judge/worker/segment.h"
#include "judge/worker/side.h"

/* Team sizes that every result is the same for. */
enum { RIG_ONE, RIG_TWO, RIG_THREE, RIG_WHOLE, RIG_TEAMS };

/* Where in its slot a buffer lies. RIGHT: its end at the guard page. LEFT: near the guard in front.
 */
enum rig_placement { RIG_RIGHT, RIG_LEFT };

/* The same for all rigs of a check. */
struct rig_plan {
    const char *worker, *object;
    uint64_t features;
    uint32_t team[RIG_TEAMS];
    int32_t core[WORKER_MAX_THREADS];
    bool sanitized; /* the object is judge_build_link_sanitized's */
};

enum rig_part { RIG_SETUP, RIG_LAST, RIG_PARTS };

/* One buffer. */
struct rig_place {
    struct segment *segment;
    uint64_t slot[RIG_PARTS]; /* of each worker that may see it, else RIG_UNSEEN */
    size_t offset, room;      /* of the slot in the segment */
    size_t at, bytes;         /* of the buffer in the slot, this run */
    unsigned char *private;   /* OPAQUE: the bytes that the first setup made, or NULL */
};
#define RIG_UNSEEN UINT64_MAX

struct rig {
    const struct rig_plan *plan;
    struct segment input, opaque, output;
    struct side *side[RIG_PARTS]; /* RIG_SETUP: NULL when there is one step */
    struct rig_place places[PROBLEM_MAX_BUFFERS];
    struct request_sizes sizes[RIG_TEAMS];
    unsigned char poison; /* what packed weights were filled with before they were made */
};

/* Zero-initialise with RIG_NONE; closing that does nothing. */
#define RIG_NONE                                                                                   \
    ((struct rig){.input = SEGMENT_NONE, .opaque = SEGMENT_NONE, .output = SEGMENT_NONE})

/* Start workers for instances with the buffers of `in` and ask the kernel for its sizes, which must
 * not depend on the team where they are private data's. A kernel that breaks that is a fault.
 * Error: ERR_IO, ERR_FORMAT, ERR_NOMEM. The caller calls rig_close either way. */
int rig_open(struct rig *r, const struct rig_plan *plan, const struct problem_instance *in,
             struct judge_fault *fault);
void rig_close(struct rig *r);

/* Can this open rig run `in` as well? */
bool rig_fits(const struct rig *r, const struct problem_instance *in);

/* Put every buffer into its place, fill the inputs, poison the rest, and run all steps but the last
 * with team `team`. The private bytes must be those of the first time since rig_forget. *ns: time
 * of the steps together. */
int rig_setup(struct rig *r, const struct problem_instance *in, uint32_t team,
              enum rig_placement placement, uint64_t *ns, struct judge_fault *fault);

/* Another instance comes: its private bytes will be others. */
void rig_forget(struct rig *r);

/* Fill the outputs with `sentinel`, run the last step, and see that nothing around the outputs and
 * private bytes and none of the inputs has changed. */
int rig_run(struct rig *r, const struct problem_instance *in, uint32_t team, uint32_t sentinel,
            struct judge_fault *fault);

/* The output as the last run left it, placed as rig_setup said. */
const unsigned char *rig_output(const struct rig *r, uint32_t buffer);

/* Are the floating-point units of both workers as the contract leaves them? *known false: this
 * system does not let us look. */
int rig_fpu(struct rig *r, bool *known, struct judge_fault *fault);

#endif
