/* SPDX-License-Identifier: Apache-2.0
 *
 * judge.h: what the judge offers to the ratchet and to the `judge` program: build a kernel from a
 * folder of sources, check it against the oracle, compare two builds under noise, and give a
 * verdict. Everything runs in worker processes; no candidate code is ever mapped into the caller.
 * The judge knows the problem only through reference/problem.h. */
#ifndef PAWL_JUDGE_H
#define PAWL_JUDGE_H

#include "reference/base/sha256.h"
#include "reference/problem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum judge_verdict {
    JUDGE_WIN = 0,
    JUDGE_LOSS,
    JUDGE_INCONCLUSIVE,
    JUDGE_SAME_CODE,
    JUDGE_FAIL_BUILD,
    JUDGE_FAIL_CONTRACT,
    JUDGE_FAIL_CORRECTNESS,
    JUDGE_FAIL_TIMEOUT,
    JUDGE_FAIL_CRASH,
    JUDGE_CHEAT,
    JUDGE_UNFIT_MACHINE,
    JUDGE_N_VERDICTS,
};

/* "WIN", "LOSS", ... and back (-1 when unknown). */
const char *judge_verdict_name(enum judge_verdict v);
int judge_verdict_parse(const char *name);

/* Digest of judge/, reference/, kernel/kernel.h as they were when this program was built: SHA-256
 * of the lines "<sha256 of file>  <path>\n" of these files, sorted by path in byte order. */
extern const char judge_hash[SHA256_HEX];

/* Steps of a trial, reported as they end. */
enum judge_stage { JUDGE_BUILT, JUDGE_CHECKED, JUDGE_MEASURED, JUDGE_CONFIRMED };

struct judge_progress {
    enum judge_stage stage; /* the stage under way (units) or just ended (done) */
    bool done;
    const char *text; /* one line for people, borrowed */
};

struct judge_options {
    const char *root;     /* folder that holds kernel/kernel.h and judge/kernel.flags as sealed */
    const char *work_dir; /* existing scratch folder; objects, layouts and logs go below it */
    const char *worker;   /* path of the judge-worker program */
    const char *features; /* what the kernel may use: see cpu_features_named */
    const char *focus;    /* NULL, or the op (problem_case.op) that all the weight goes to */
    uint64_t seed;        /* inputs of checks and plan of units; 0 = drawn from the system */
    uint32_t max_units;   /* 0 = the rule's cap */
    void (*progress)(void *ctx, const struct judge_progress *p); /* may be NULL */
    void *progress_ctx;
};

/* --- build --- */

struct judge_build; /* one compiled kernel, linkable in many layouts */

/* Compile `source_dir`/kernel.c (with its *.inc beside it) against root/kernel/kernel.h with the
 * sealed flags. A kernel that does not compile is a value: 0 is returned and judge_build_verdict
 * says JUDGE_FAIL_BUILD (compiler error) or JUDGE_FAIL_CONTRACT (exports, imports), judge_build_log
 * why. Error: ERR_IO when no compiler runs. */
int judge_build_open(const char *source_dir, const struct judge_options *o,
                     struct judge_build **out);
void judge_build_close(struct judge_build **b);

bool judge_build_ok(const struct judge_build *b);
enum judge_verdict judge_build_verdict(const struct judge_build *b); /* meaningful when not ok */
const char *judge_build_log(const struct judge_build *b);

/* Digest of allocated sections, relocations and exports without the two strings; "" when not ok. */
const char *judge_build_code_key(const struct judge_build *b);

/* Path (borrowed, cached) of a kernel.so whose function order and padding follow `layout_seed`;
 * seed 0 is the compiler's own order. */
int judge_build_link(struct judge_build *b, uint64_t layout_seed, const char **path);

/* --- check --- */

struct judge_check_case {
    const struct problem_case *c;
    uint32_t n_runs;             /* patterns x placements and team sizes done */
    double max_units, p99_units; /* worst over runs: |got - want| in ulp(S) */
    double rms_units;
    double max_bound_share; /* worst |got - want| / bound, at most 1e6; > 1 fails */
    bool failed;
    char message[400]; /* first failure: pattern, the check's seed, threads, buffer, got, want */
};

struct judge_check_report {
    enum judge_verdict verdict; /* JUDGE_WIN stands for "correct" here */
    char message[512];
    size_t n_cases;
    struct judge_check_case *cases; /* caller frees with judge_check_report_deinit */
    double seconds;
};

/* Run every listed case against the oracle, stopping at the first that fails. o->seed (0: drawn)
 * decides all inputs: the seed that a message names, given again, repeats the failure. A kernel
 * that fails is a value. Error: ERR_IO, ERR_NOMEM, ERR_USAGE (features). The caller releases with
 * judge_check_report_deinit. */
int judge_check(struct judge_build *b, const struct judge_options *o,
                struct judge_check_report *out);
void judge_check_report_deinit(struct judge_check_report *r);

/* --- trial --- */

struct judge_case_result {
    const struct problem_case *c;
    double estimate, low,
        high; /* ln(time incumbent / time candidate): > 0 is faster; 95 % interval */
    double candidate_ns, incumbent_ns; /* median time of one request */
    double floor_ns;                   /* roofline floor, 0 when peaks are unknown */
    double utilisation;                /* floor / candidate time */
    const char *regime;                /* "memory", "compute", "overhead" */
};

struct judge_trial {
    enum judge_verdict verdict;
    char reason[512];               /* what was seen */
    char next[256];                 /* what to look at next */
    double estimate, low, high;     /* of D (log ratio); from the confirmation when there was one */
    double first_estimate;          /* of the first stage */
    double margin;                  /* m, frozen at the first unit */
    double evidence, evidence_loss; /* E of acceptance and of giving up, first stage */
    double evidence_confirm;
    uint32_t n_units, n_confirm_units;
    double score, latency_ms, utilisation; /* weighted over cases, candidate side */
    double gflops, gbps;
    const char *regime;
    uint64_t seed; /* that was used */
    double seconds;
    size_t n_cases;
    struct judge_case_result *cases;
    struct judge_check_report check;
    char code_key[SHA256_HEX];
    char counters[128]; /* "unavailable: reason" or a summary */
    json_t *details;    /* everything: peaks, per-case, per-unit slices, seeds, layouts; owned */
};

/* The whole rule: same code -> check -> measure -> confirm. Candidate against incumbent, both
 * built. Verdicts are values; a negative return means that no verdict could be reached (then
 * nothing is filled in). The caller releases with judge_trial_deinit. */
int judge_try(struct judge_build *candidate, struct judge_build *incumbent,
              const struct judge_options *o, struct judge_trial *out);
void judge_trial_deinit(struct judge_trial *t);

/* One line that is the same for the same processor, cache sizes, core count and hypervisor. */
void judge_machine_fingerprint(char out[256]);

/* ERR_USAGE, naming the operations there are, when `op` is not NULL and none of them. */
int judge_focus_check(const char *op);

#endif
