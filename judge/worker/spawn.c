/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/worker/spawn.h"

#include "reference/base/err.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>

enum { HIGH_FILE = 512 }; /* more descriptors than a judge ever has open */

/* A process group of its own: a Ctrl-C is the judge's to act on, and must not look like a crash of
 * the candidate. No signal is blocked or ignored, whatever the judge was started with. */
static int attributes_init(posix_spawnattr_t *a)
{
    sigset_t none, all;
    int rc = posix_spawnattr_init(a);

    if (rc)
        return rc;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setpgroup(a, 0);
    posix_spawnattr_setsigmask(a, &none);
    posix_spawnattr_setsigdefault(a, &all);
    return posix_spawnattr_setflags(a, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                           POSIX_SPAWN_SETSIGDEF);
}

/* The files under their numbers, everything else closed. Two steps, because a file may already sit
 * on another file's number; HIGH_FILE is past them all. */
static void actions_fill(posix_spawn_file_actions_t *a, const int file[SPAWN_FILES], int report)
{
    posix_spawn_file_actions_init(a);
    for (int i = 0; i < SPAWN_FILES; i++)
        if (file[i] >= 0)
            posix_spawn_file_actions_adddup2(a, file[i], HIGH_FILE + i);
    if (report >= 0)
        posix_spawn_file_actions_adddup2(a, report, HIGH_FILE + SPAWN_FILES);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_addopen(a, i, "/dev/null", O_RDWR, 0);
    if (report >= 0)
        posix_spawn_file_actions_adddup2(a, HIGH_FILE + SPAWN_FILES, 2);
    for (int i = 0; i < SPAWN_FILES; i++)
        if (file[i] >= 0)
            posix_spawn_file_actions_adddup2(a, HIGH_FILE + i, WORKER_PLAN + i);
        else
            posix_spawn_file_actions_addclose(a, WORKER_PLAN + i);
    posix_spawn_file_actions_addclosefrom_np(a, WORKER_FILES_END);
}

int spawn_worker(const char *program, const char *argument, const int file[SPAWN_FILES], int report,
                 pid_t *out)
{
    /* A worker that was itself built with sanitizers must not turn a candidate's signal into an
     * exit status, nor ask for the time; the sanitized one, which has a report to write, must name
     * what it caught. */
    char plain[] = "ASAN_OPTIONS=handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:"
                   "handle_abort=0:detect_leaks=0:allocator_release_to_os_interval_ms=-1";
    char reports[] = "ASAN_OPTIONS=detect_leaks=0:symbolize=0:use_sigaltstack=0:print_legend=0:"
                     "detect_stack_use_after_return=0";
    char quiet[] = "UBSAN_OPTIONS=symbolize=0";
    char *env[] = {report >= 0 ? reports : plain, quiet, NULL};
    char path[PATH_MAX], option[PATH_MAX];
    char *argv[] = {path, argument ? option : NULL, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc;

    snprintf(path, sizeof path, "%s", program);
    snprintf(option, sizeof option, "%s", argument ? argument : "");
    actions_fill(&actions, file, report);
    rc = attributes_init(&attributes);
    if (rc == 0)
        rc = posix_spawn(out, path, &actions, &attributes, argv, env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (rc)
        return err_set(ERR_IO, "starting the worker %s: %s; is it built (make)?", path,
                       strerror(rc));
    return 0;
}
