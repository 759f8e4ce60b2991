/* SPDX-License-Identifier: Apache-2.0
 *
 * command.h: the commands of the `judge` program. judge_main.c reads the options, finds the source
 * tree and compiles the kernel; each command then does one thing with it and returns the program's
 * exit code, or a negative error. Inside judge/command/ only. */
#ifndef PAWL_COMMAND_H
#define PAWL_COMMAND_H

#include "judge/judge.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum exit_code { EXIT_OK = 0, EXIT_NOT_CORRECT = 1, EXIT_USAGE = 2, EXIT_CANNOT = 3 };

struct command_line {
    const char *command;
    const char *source;    /* folder with kernel.c; NULL: root/kernel */
    const char *svg;       /* roofline: file to draw to, or NULL */
    const char *only_case; /* check: one case; survey: how its cases' names begin; or NULL */
    const char *out; /* profile: folder to write to; NULL: profiles/<code key> below the root */
    uint32_t n_units, n_experiments;
    uint64_t n_campaigns; /* simulate */
    bool json, replay, deep;
    struct judge_options o;
    char root[PATH_MAX], work_dir[PATH_MAX], cache_dir[PATH_MAX], worker[PATH_MAX];
    char source_buffer[PATH_MAX];
};

/* Of a kernel that compiled. */
int command_check(const struct command_line *c, struct judge_build *build);
int command_bench(const struct command_line *c, struct judge_build *build); /* and roofline */
int command_profile(const struct command_line *c, struct judge_build *build);
int command_survey(const struct command_line *c, struct judge_build *build);
int command_calibrate(const struct command_line *c, struct judge_build *build);

/* Of no kernel. */
int command_peaks(const struct command_line *c);
int command_simulate(const struct command_line *c);

/* A kernel that was refused or failed: a value, on standard output where programs read. */
int command_refusal(const struct command_line *c, enum judge_verdict verdict, const char *text);

/* One JSON object on standard output; takes the reference. */
void command_json(json_t *value);

/* Progress goes to standard error: over itself on a terminal, elsewhere a line now and then. */
void command_progress(void *ctx, const struct judge_progress *p);
void command_progress_clear(void);

#endif
