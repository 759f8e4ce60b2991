/* SPDX-License-Identifier: Apache-2.0
 *
 * ratchet_fixture.h: a throw-away repository in a temporary folder and a judge that says what a
 * test wants to hear, so that the whole git and ledger logic runs in milliseconds. */
#ifndef PAWL_RATCHET_FIXTURE_H
#define PAWL_RATCHET_FIXTURE_H

#include "ratchet/ratchet.h"
#include "ratchet/git/repo.h"
#include "reference/base/strbuf.h"

#define FIXTURE_KERNEL "/* first */\nint kernel_fn;\n"
#define FIXTURE_FASTER "/* faster */\nint kernel_fn = 2;\n"

struct fixture {
    char dir[64];          /* the temporary folder */
    char repo[80];         /* dir/repo: the repository */
    char hash[SHA256_HEX]; /* judge hash of its HEAD */
    struct ratchet_judge judge;
    enum judge_verdict verdict; /* what the judge will say */
    int fail_with;              /* not 0: the judge returns this error instead */
    int calibrated;             /* what loading the calibration returns */
    struct judge_calibration calibration;
    const char *evidence_key; /* of the trial; NULL: the judge neither asks nor keeps any */
    int64_t earlier_units;    /* found under that key by the last trial */
    bool at_once;             /* the judge measures nothing more */
    double margin;            /* that the last trial got */
    char features[16];        /* likewise */
    double disturbed_share;   /* that the judge will report */
    double gain;              /* estimate of a win; 0: some 3 % */
    const char *case_name;    /* that it measures; NULL: "first" */
    int n_trials;             /* calls so far */
    bool saw_committed;       /* candidate and incumbent folders held what is committed */
    void (*during)(struct fixture *f); /* called while judging; may be NULL */
};

void fixture_init(struct fixture *f);
void fixture_deinit(struct fixture *f);

/* Let the judge be the one of HEAD's sealed sources. */
void fixture_rehash(struct fixture *f);

/* Files of the working tree, by path below the repository. */
void fixture_write(struct fixture *f, const char *path, const char *text);
void fixture_remove(struct fixture *f, const char *path);
bool fixture_file_is(struct fixture *f, const char *path, const char *text);
bool fixture_exists(struct fixture *f, const char *path);

/* Run `git <args>` there (split at spaces); asserts that it succeeds. Output appended unless NULL.
 */
void fixture_git(struct fixture *f, const char *args, struct strbuf *out);

/* Is `git status --porcelain` empty? */
bool fixture_clean(struct fixture *f);

/* Hex id of a revision. */
void fixture_rev(struct fixture *f, const char *rev, char out[REPO_HEX]);

/* Open, and assert that it works. */
struct ratchet *fixture_open(struct fixture *f);

/* One try with its own ratchet; returns what ratchet_try returned. *out may be NULL. */
int fixture_try(struct fixture *f, const char *hypothesis, struct ratchet_result *out);

/* Edit kernel.c, try with this verdict, assert that a row was written. */
void fixture_experiment(struct fixture *f, enum judge_verdict v, const char *kernel);

/* Audit with a ratchet of its own: number of false findings; the first is copied to text[512]. */
size_t fixture_audit(struct fixture *f, char *text);

int64_t fixture_rows(struct fixture *f);

/* A word of cpu_features_named that means here what "all" does; NULL when there is none. */
const char *fixture_features_like_all(void);

#endif
