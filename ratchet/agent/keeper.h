/* SPDX-License-Identifier: Apache-2.0
 *
 * keeper.h: run a command that nobody trusts, and end everything it started. Between this process
 * and the command stands a keeper: a child that adopts whatever the command's descendants leave
 * behind (PR_SET_CHILD_SUBREAPER) and kills it all when the command ends, when it is told to, or
 * when this process dies. For ratchet/ only. */
#ifndef PAWL_RATCHET_KEEPER_H
#define PAWL_RATCHET_KEEPER_H

#include "reference/base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

struct keeper_job {
    const char *command;             /* for /bin/sh -c */
    const char *folder;              /* it starts there */
    const char *input;               /* file that is its stdin */
    const char *out_path, *err_path; /* files that keep its stdout and stderr, KEEPER_KEPT bytes of
                                      * each and the end of stdout; overwritten */
    const char *const *environment;  /* "NAME=value" to add or replace, ends at NULL */
    const char *const *writable;     /* paths for landlock_confine, */
    size_t n_writable;               /*   0: not confined */
    double seconds;                  /* it is killed after so long; 0: no limit */
    size_t output_bytes;             /* and after so much on stdout or stderr */
    void (*beat)(void *ctx); /* called about every beat_seconds while it runs; NULL: never */
    void *beat_ctx;
    double beat_seconds;
};

enum keeper_end { KEEPER_EXITED, KEEPER_SIGNALED, KEEPER_TIMED_OUT, KEEPER_TOO_MUCH };

enum { KEEPER_TAIL = 1 << 16, KEEPER_KEPT = 1 << 20 };

struct keeper_result {
    enum keeper_end end;
    int code; /* exit code, or the signal */
    double seconds;
    bool left_behind;   /* something that it started may run on */
    struct strbuf tail; /* the last KEEPER_TAIL bytes of stdout, at least */
};

/* Run it to its end. No file of its may grow beyond 4 GiB. The caller deinits out->tail. Errors:
 * ERR_IO (nothing ran). */
int keeper_run(const struct keeper_job *job, struct keeper_result *out);

/* Environment variable, with a value that the caller gives in `environment`, by which processes that
 * outlived keeper and caller are found: kill all that have NAME=value. Returns how many. */
#define KEEPER_MARK "PAWL_AGENT_CAMPAIGN"
size_t keeper_sweep(const char *value);

#endif
