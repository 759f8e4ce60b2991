/* SPDX-License-Identifier: Apache-2.0
 *
 * ratchet.h: the driver that turns a change of the mutable files into a judged, recorded experiment
 * and moves the branch forward, or puts the files back. Git work is libgit2 in this process;
 * judging is behind struct ratchet_judge, so that tests run the whole git and ledger logic without
 * compiling or measuring anything. One `struct ratchet` belongs to one thread.
 *
 * Life of attempt n, each state in the ledger before the step it names (recover.c finishes any):
 *   proposed     the attempt commit A exists; next its ref refs/pawl/attempts/n, then the judge
 *   built, checked, measured   as the judge reports them
 *   confirmed    (win) row n is recorded; next the ratchet-log commit and the win commit W
 *   applied      (win) W is recorded; next the branch moves, then index and results.tsv follow;
 *                recorded again with another W where an ordinary commit came to the branch first
 *   rolled_back  (not a win) row n is recorded; next the ratchet-log commit, then the files go back
 *   done         nothing is left to do
 * Test hook: with PAWL_KILL_AT=<state> in the environment the process kills itself with SIGKILL
 * right after the state is recorded, with PAWL_KILL_AT=before:<state> right before; further points
 * are "logged" (after the ratchet-log commit), "moved" (after the branch moved) and "restored". */
#ifndef PAWL_RATCHET_H
#define PAWL_RATCHET_H

#include "judge/judge.h"
#include "ledger/ledger.h"

#include <git2.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

/* What the judge is asked. Folders are absolute and hold what is committed, never the working tree.
 */
struct strbuf;

struct ratchet_request {
    const char *candidate_dir, *incumbent_dir; /* kernel sources of the attempt and of HEAD */
    const char *root;                          /* holds kernel/kernel.h and judge/ as sealed */
    const char *work_dir;                      /* scratch, removed afterwards */
    const char *cache_dir;                     /* kept: compiled objects of the judge */
    const char *focus;                         /* NULL = the workload's weights */
    const char *features;                      /* what the kernel may use: see cpu_features_named */
    uint32_t max_units;                        /* of a stage; 0 = the rule's cap */
    double margin;                             /* see judge_options */
    bool build_only;                           /* dry run: compile both sides and stop */
    bool check;                                /* ... or compare with the oracle, then stop */
    /* Evidence of an earlier experiment of candidate code `code_key` with this evidence key: 1 and
     * *out, which the caller decrefs, or 0; negative on error. */
    int (*earlier)(void *ctx, const char *code_key, const char *key, json_t **out);
    void *earlier_ctx;
    void (*progress)(void *ctx, const struct judge_progress *p);
    void *progress_ctx;
};

struct ratchet_judge {
    void *ctx;
    const char *hash; /* of the sealed sources this program was built from */
    /* Fill *out with a verdict; negative when none could be reached (then nothing is filled in). */
    int (*trial)(void *ctx, const struct ratchet_request *q, struct judge_trial *out);
    void (*release)(struct judge_trial *t);
    /* Compile q->candidate_dir against q->root and write the object file to `to`; 1 when the kernel
     * is refused, with the end of what was said in *why. */
    int (*object)(void *ctx, const struct ratchet_request *q, const char *to, struct strbuf *why);
    int (*calibration)(struct judge_calibration *out); /* as judge_calibration_load */
    void (*machine)(char out[256]);
    void (*compiler)(char out[128]);
    const char *(*verdict_name)(enum judge_verdict v);
};

/* The judge of judge/judge.h (judge_bind.c). */
extern const struct ratchet_judge ratchet_judge_native;

struct ratchet {
    git_repository *repo;
    struct ledger *ledger;
    const struct ratchet_judge *judge;
    char *root;       /* working tree, ends with '/' */
    char *store;      /* <common git folder>/pawl */
    char doubt[1024]; /* why the history carried by git could not be taken over; "" = it could */
    bool behind;      /* git carries rows that wait here until another ratchet is done */
    int lock;         /* the lease of this repository, -1 = not held */
    FILE *say;        /* progress for people, NULL = silent */
    /* How ratchet_begin asks for the lease (ratchet/try/lease.h). */
    bool wait;           /* queue behind another ratchet instead of refusing */
    double wait_minutes; /* at most; 0 = as long as it takes */
    const char *purpose; /* what others see; NULL = the command line. Borrowed */
};

/* Open the repository around `path` and its ledger; rows that git history carries and the ledger
 * lacks are taken over, unless another ratchet is at work: then `behind` is set, `say` is told, and
 * reading goes on without them. Errors: ERR_UNSUPPORTED (bare), ERR_IO (no repository), those of
 * ledger_open. */
int ratchet_open(const char *path, const struct ratchet_judge *judge, FILE *say,
                 struct ratchet **out);
void ratchet_close(struct ratchet **r);

/* Take the repository's lease, take over what git carries, verify the chain, finish what an
 * interrupted command left, and bring ratchet-log up to the ledger. Every command that writes
 * begins with it. Errors: ERR_CONFLICT when another process is at work (with r->wait: still, when
 * the minutes are over) or two histories part ways, ERR_INTEGRITY when a row was changed. */
int ratchet_begin(struct ratchet *r);

/* Give the lease back, for others to take a turn; the next ratchet_begin asks for it again. */
void ratchet_end(struct ratchet *r);

struct ratchet_try_options {
    const char *hypothesis; /* not empty */
    const char *author;     /* NULL = git's user.name */
    const char *origin;     /* who asks, as the details keep it (an agent's round); NULL */
    const char *focus;      /* NULL, an operation or a case */
    const char *features;   /* NULL = all; see cpu_features_named */
    const char *folder;  /* folder/kernel/ holds the mutable files to try; NULL = the working tree.
                             * A folder is only read; on a win the working tree follows the branch
                             * where its files are still the old HEAD's */
    const char *base;    /* the commit that the change was made against, in any of git's spellings;
                          * NULL = HEAD. Another one: the change is merged onto HEAD and that is
                          * judged; ERR_CONFLICT names the files where both changed the same */
    bool wait;           /* queue behind another ratchet of this repository */
    double wait_minutes; /* at most; 0 = as long as it takes */
    bool json_progress;  /* progress as a JSON object a line, for programs */
    bool dry_run;
    bool check; /* with dry_run: compare with the oracle as well */
};

struct ratchet_result {
    bool recorded; /* a row was written (not in a dry run) */
    enum judge_verdict verdict;
    bool applied;             /* the branch moved */
    bool unable;              /* no verdict could be reached here; the row says why */
    char what_happened[1024]; /* to branch and files, for people */
    char next[256];
    char win[GIT_OID_HEXSZ + 1]; /* the new commit, "" = none */
    struct ledger_row row;
};

/* One experiment, start to end (calls ratchet_begin). Refusals are negative: ERR_CONFLICT (nothing
 * to try, sealed or tracked files changed, wrong moment, a machine that its calibration found
 * unfit), ERR_USAGE (bad hypothesis). Any verdict is a value. The caller deinits *out after 0. */
int ratchet_try(struct ratchet *r, const struct ratchet_try_options *o, struct ratchet_result *out);
void ratchet_result_deinit(struct ratchet_result *result);

/* Join the ratchet-log to the branch without a win. 1 = the branch moved to `id`, 0 = it carries
 * every row already. */
int ratchet_checkpoint(struct ratchet *r, char id[GIT_OID_HEXSZ + 1]);

/* --- audit --- */

/* Findings as text lines; those in `failed` disprove something. */
struct ratchet_audit {
    json_t *proved, *unproved, *failed; /* arrays of strings; failed ones name "row N" */
    int64_t n_rows;
};
/* Errors: ERR_UNSUPPORTED in a shallow clone that lacks the experiments, ERR_CONFLICT when
 * `behind`, those of reading. */
int ratchet_audit(struct ratchet *r, struct ratchet_audit *out);
void ratchet_audit_deinit(struct ratchet_audit *a);

/* --- commands --- */

enum {
    RATCHET_EXIT_WIN = 0,
    RATCHET_EXIT_NO_WIN = 1,
    RATCHET_EXIT_USAGE = 2,
    RATCHET_EXIT_UNABLE = 3
};

/* --- inside ratchet/ only --- */

/* The test hook described above. */
void ratchet__kill_point(const char *prefix, const char *name);

/* Record a state (data may be NULL) with the kill points around it. */
int ratchet__state(struct ratchet *r, int64_t attempt, const char *name, const json_t *data);

/* Print a line of progress. */
void ratchet__say(struct ratchet *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As ratchet__state, for the state that ledger_append records in the row's transaction. */
int ratchet__append(struct ratchet *r, struct ledger_row *row, const char *details, int64_t attempt,
                    const char *state, bool keep_files);

/* Point refs/pawl/attempts/n at the attempt commit, which keeps it from being collected. */
int ratchet__attempt_ref(struct ratchet *r, int64_t n, const git_oid *attempt);

/* This program, and one that stands beside it, which must be there. Errors: ERR_IO, ERR_RANGE. */
int ratchet__program(char out[PATH_MAX]);
int ratchet__program_beside(const char *name, char out[PATH_MAX]);

/* Scratch folder of attempt n: its path, and its removal. */
void ratchet__work_dir(struct ratchet *r, int64_t n, struct strbuf *out);
void ratchet__work_remove(struct ratchet *r, int64_t n);

/* Finish or roll back whatever is pending; part of ratchet_begin. */
int ratchet__recover(struct ratchet *r);

/* ISO time of now; epoch seconds of such a text (0 when malformed). */
void ratchet__time_now(char out[32]);
int64_t ratchet__time_parse(const char *iso);

#endif
