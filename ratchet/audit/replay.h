/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.h: ratchet audit --replay N measures experiment N again: its attempt against what it was
 * tried on, with its focus and features, by the judge of today, and holds the result against what
 * the ledger says. The experiments table gets no row of it: it is no experiment. For ratchet/ only. */
#ifndef PAWL_RATCHET_REPLAY_H
#define PAWL_RATCHET_REPLAY_H

#include "ratchet/audit/honesty.h"

/* Today's estimate beside the claim. Two estimates agree when their difference is within its 95 %
 * interval. */
enum replay_finding {
    REPLAY_HOLDS,  /* they agree; no win: it is none today; without an estimate: the same verdict */
    REPLAY_LARGER, /* a win, faster than claimed */
    REPLAY_SMALLER, /* a gain still, but clearly less than claimed */
    REPLAY_GONE,    /* a win that is no gain, or no win that is one; another verdict */
    REPLAY_UNCLEAR, /* agrees with the claim and with its contrary too: too few units */
};

struct replay_case {
    char name[96];
    struct honesty_sum claimed, measured;
};

struct replay {
    struct ledger_row row;
    char features[16];
    bool same_judge, same_machine, same_compiler;
    enum judge_verdict verdict; /* today's */
    char reason[512];
    uint32_t n_units;  /* behind `measured`; through HEAD: of both trials */
    bool through_head; /* today's check refuses its kernel: HEAD's was measured against both sides,
                        * which need only build, and the difference is what counts */
    struct honesty_sum claimed, measured; /* NAN means: not measured */
    size_t n_cases;                       /* measured then and now */
    struct replay_case cases[HONESTY_MAX_CASES];
    enum replay_finding finding;
};

/* Measure (minutes; needs the machine to itself). Errors: ERR_USAGE (no such experiment, a SEAL),
 * ERR_CONFLICT (its commits are not here; kernels that today's contract does not let be measured,
 * with the judge's reason); those of rematch. The caller deinits after 0. */
int replay_measure(struct ratchet *r, int64_t n, uint32_t max_units, struct replay *out);
void replay_deinit(struct replay *p);

/* The rule by itself, for a win. */
enum replay_finding replay_judge(const struct honesty_sum *claimed,
                                 const struct honesty_sum *measured);

/* ... and for what was measured and was none, from all else in *p: it holds while today's verdict is
 * no WIN. Where one case cost it the win, that case must be slower still. */
enum replay_finding replay_judge_other(const struct replay *p);

#endif
