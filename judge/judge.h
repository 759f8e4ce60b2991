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

/* A control: an experiment whose answer is known. Both sides are one build; it skips the gates
 * (same code, check) and goes through everything else like any other pair. */
enum judge_control_kind {
    JUDGE_CONTROL_NONE = 0,
    JUDGE_CONTROL_IDENTICAL,   /* both sides in the same link layout */
    JUDGE_CONTROL_RELINKED,    /* layouts drawn for each side, as in any experiment */
    JUDGE_CONTROL_REALLOCATED, /* each side reads private bytes of its own, moved between units */
    JUDGE_CONTROL_SLOWED,      /* the candidate does `effect` more work */
    JUDGE_CONTROL_SPED,        /* the incumbent does `effect` more work */
};

struct judge_control {
    enum judge_control_kind kind;
    double effect; /* share of a request's time: 0.02 is 2 %; SLOWED and SPED only */
};

/* What judge_check runs. A trial asks for FIRST before it measures and for HIDDEN, with a seed that
 * did not exist before, before it confirms: the slow sanitizers look at would-be wins alone. */
enum judge_check_scope {
    JUDGE_CHECK_WHOLE = 0, /* listed cases, drawn cases, the build with sanitizers */
    JUDGE_CHECK_FIRST,     /* listed and drawn cases */
    JUDGE_CHECK_HIDDEN,    /* drawn cases, the build with sanitizers */
};

struct judge_options {
    const char *root;     /* folder that holds kernel/kernel.h and judge/kernel.flags as sealed */
    const char *work_dir; /* existing scratch folder; objects, layouts and logs go below it */
    const char *worker;   /* path of the judge-worker program */
    const char *features; /* what the kernel may use: see cpu_features_named */
    const char *focus;    /* NULL, or what all the weight goes to: an op, or a case by name */
    uint64_t seed;        /* inputs of checks and plan of units; 0 = drawn from the system */
    uint32_t max_units;   /* 0 = the rule's cap */
    enum judge_check_scope check_scope;
    const char *only_case; /* NULL, or the one case to check; what is timed does not change */
    const struct problem_case *timed; /* NULL, or the one case to time instead of the workload, its
                                       * pool as large as it says; borrowed */
    const char *cache_dir; /* NULL, or an existing folder of ours that keeps compiled objects */
    struct judge_control control; /* kind NONE: an experiment */
    double margin;                /* m of the rule: at least this; from the calibration on record */
    const json_t *evidence; /* NULL, or "evidence" of the details of an earlier trial: continued
                             * when its key is this trial's, see judge_evidence_key; borrowed */
    void (*progress)(void *ctx, const struct judge_progress *p); /* may be NULL */
    void *progress_ctx;
};

/* --- build --- */

struct judge_build; /* one compiled kernel, linkable in many layouts */

/* Compile `source_dir`/kernel.c (with its *.inc beside it) against root/kernel/kernel.h with the
 * sealed flags. A kernel that does not compile is a value: 0 is returned and judge_build_verdict
 * says JUDGE_FAIL_BUILD (compiler error), JUDGE_FAIL_CONTRACT (exports, imports, what enters the
 * text) or JUDGE_CHEAT (instructions no kernel needs), judge_build_log why. In linked objects the
 * wording of the two strings is zeros. Error: ERR_IO when no compiler runs, ERR_USAGE (CC). */
int judge_build_open(const char *source_dir, const struct judge_options *o,
                     struct judge_build **out);
void judge_build_close(struct judge_build **b);

bool judge_build_ok(const struct judge_build *b);
enum judge_verdict judge_build_verdict(const struct judge_build *b); /* meaningful when not ok */
const char *judge_build_log(const struct judge_build *b);

/* Digest of allocated sections, relocations and exports without the two strings; "" when not ok. */
const char *judge_build_code_key(const struct judge_build *b);

/* First line of what the compiler that built it says of its version. */
const char *judge_build_compiler(const struct judge_build *b);

/* Path (borrowed) of the relocatable object, for looking at; not ok: NULL. */
const char *judge_build_object(const struct judge_build *b);

/* Path (borrowed) of a kernel.so with address and undefined-behaviour checks compiled in, built at
 * the first call; only a worker with side_spec.sanitized can load it. Error: ERR_FORMAT. */
int judge_build_link_sanitized(struct judge_build *b, const char **path);

/* Where the staged sources lie (borrowed), for reports: the folder that holds kernel/. */
const char *judge_build_folder(const struct judge_build *b);

/* Path (borrowed, cached) of a kernel.so whose function order and padding follow `layout_seed`;
 * seed 0 is the compiler's own order. */
int judge_build_link(struct judge_build *b, uint64_t layout_seed, const char **path);

/* --- check --- */

struct judge_check_case {
    const struct problem_case *c; /* listed, or one of the report's own */
    uint32_t n_runs;              /* patterns x placements and team sizes done */
    bool fpu_read;                /* its floating-point units were looked at (a pass of any run) */
    double setup_ns;             /* of the steps before the last with one thread, such as packing */
    double max_units, p99_units; /* worst over runs: |got - want| in ulp(S) */
    double rms_units;
    double max_bound_share; /* worst |got - want| / bound, at most 1e6; > 1 fails */
    bool failed;
    char message[400]; /* first failure: pattern, the check's seed, threads, buffer, got, want */
};

/* Where the values were worst: a window of one output around the worst element, what came out
 * beside what should have. For outputs of blocks, rows are the bytes of the block. */
enum { JUDGE_REGION_ROWS = 5, JUDGE_REGION_COLUMNS = 5 };

struct judge_check_cell {
    size_t row, column;
    double got, want, bound; /* bound 0: exact; infinite: anything goes */
    double units;            /* |got - want| in ulp(S), exact outputs: as it is */
    bool worst;
};

struct judge_check_region {
    char case_name[96], buffer[24];
    enum problem_pattern pattern;
    uint64_t input_seed; /* generate_inputs(case, input_seed, pattern) makes the inputs */
    uint32_t n_threads;
    bool right_placement;
    size_t plane; /* index over ne[2] x ne[3] */
    uint32_t n_cells;
    struct judge_check_cell cells[JUDGE_REGION_ROWS * JUDGE_REGION_COLUMNS];
};

struct judge_check_report {
    enum judge_verdict verdict; /* JUDGE_WIN stands for "correct" here */
    char message[512];
    uint64_t seed;                   /* that was used */
    size_t n_cases, n_drawn;         /* begun, listed first; how many of them are drawn */
    struct judge_check_case *cases;  /* caller frees with judge_check_report_deinit */
    struct problem_drawn *drawn;     /* what drawn cases point to; freed with them */
    size_t n_sanitized;              /* listed cases that the sanitized build ran */
    struct judge_check_region worst; /* n_cells 0: all is well, or it is not about values */
    double seconds;
};

/* Run every listed case and some that are drawn from the seed against the oracle: one random
 * instance of each, then the other patterns, then, as far as a few seconds reach, the build with
 * sanitizers (o->check_scope leaves parts out); stop at the first that fails. o->seed (0: drawn)
 * decides all inputs and drawn cases: the seed that a message names, given again, repeats the
 * failure. With o->only_case no case is drawn. A kernel that fails is a value. Uses up to two threads; o->progress is called by one at a
 * time. Error: ERR_IO, ERR_NOMEM, ERR_USAGE (features), ERR_FORMAT. The caller releases with
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
    uint32_t n_earlier_units; /* of the same code against the same incumbent, continued */
    double steal_share, disturbed_share; /* of processor time while measuring: taken by other guests
                                          * of the host, by other processes; -1 unknown */
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

/* The evidence key: SHA-256 of both code keys, the judge hash, machine, compiler, features, weights
 * and focus. A trial with the same key is the same question asked again, and continues the evidence
 * of the first stage instead of starting anew; details["evidence"] of a trial carries both. */
int judge_evidence_key(const struct judge_build *candidate, const struct judge_build *incumbent,
                       const struct judge_options *o, char out[SHA256_HEX]);

/* --- calibration on record --- */

/* What `judge calibrate` found out about this judge on this machine. */
struct judge_calibration {
    char path[512]; /* where it is kept */
    char date[24];  /* UTC */
    bool fit;       /* false: `why` says what stands against this machine */
    char why[256];
    double unit_noise;            /* robust standard deviation of D between units */
    double mde;                   /* smallest effect found in 9 of 10 within the cap, log ratio */
    uint32_t n_null, n_null_wins; /* live experiments without an effect; how many of them won */
    double live_bound, replay_bound; /* 95 % upper bounds (Clopper-Pearson) of false accepts */
};

/* The newest calibration of this judge hash on this machine. Returns 1, or 0 when there is none.
 * Kept in $XDG_STATE_HOME/pawl (default ~/.local/state/pawl). Error: ERR_FORMAT. */
int judge_calibration_load(struct judge_calibration *out);

/* One line that is the same for the same processor, cache sizes, core count and hypervisor. */
void judge_machine_fingerprint(char out[256]);

/* ERR_USAGE, naming the operations there are, when `focus` is not NULL and names none, nor a case. */
int judge_focus_check(const char *focus);

/* ERR_USAGE, naming near misses, when no case has this name. */
int judge_case_check(const char *name);

#endif
