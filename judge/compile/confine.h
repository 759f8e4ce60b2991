/* SPDX-License-Identifier: Apache-2.0
 *
 * confine.h: runs the compiler and its companions on sources that somebody hostile may have written.
 * A command sees the tools' own folders and the build's folder and no other file (Landlock), a
 * clean environment, no terminal, and limits on processor time, memory and file size. Where the
 * system has no Landlock everything else still holds and `unavailable` says why. Inside judge/
 * only. */
#ifndef PAWL_CONFINE_H
#define PAWL_CONFINE_H

#include <stddef.h>
#include <sys/types.h>

struct strbuf;

enum {
    CONFINE_WALL_S = 300, /* a command's life: a busy machine is no fault of the kernel */
    CONFINE_CPU_S = 150,  /* of processor time; the shipped kernel takes 12 s, sanitized 35 to 50 */
    CONFINE_FILE_BYTES = 128 << 20, /* a file that it writes: preprocessed intrinsics take 2 MiB */
    CONFINE_OUTPUT_BYTES = 64 << 20 /* kept of what it prints: a disassembly is the longest */
};

struct confine {
    int ruleset;           /* Landlock's descriptor, -1 without Landlock */
    char unavailable[128]; /* "", or why there is no Landlock */
    char path[4096];       /* "PATH=..." */
    char tmpdir[4096];     /* "TMPDIR=<folder>" */
};

struct confine_job {
    pid_t pid;
    int output;       /* the reading end of its stdout and stderr */
    double deadline;  /* CLOCK_MONOTONIC, s */
    const char *name; /* borrowed: argv[0] */
};

/* The rules for commands that may write below `folder` (absolute) and run `program` (absolute): its
 * own installation and the system's programs and libraries are readable. Missing Landlock is not an
 * error. Error: ERR_IO, ERR_RANGE. The caller calls confine_deinit. */
int confine_init(struct confine *c, const char *folder, const char *program);
void confine_deinit(struct confine *c);

/* Start argv (argv[0] an absolute path) in `folder`. What it prints is read by confine_wait, which
 * must follow. Several jobs may run at a time. Safe in a process with threads. Error: ERR_IO. */
int confine_start(const struct confine *c, char *const argv[], const char *folder,
                  struct confine_job *job);

/* Wait for its end, appending what it printed to *output. Returns the exit status 0..255,
 * 128 + signal, ERR_TIMEOUT (its process group is killed), or ERR_IO. */
int confine_wait(struct confine_job *job, struct strbuf *output);

/* Both. */
int confine_run(const struct confine *c, char *const argv[], const char *folder,
                struct strbuf *output);

#endif
