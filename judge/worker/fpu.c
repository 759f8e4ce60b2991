/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/worker/fpu.h"

#include "judge/worker/worker.h"
#include "reference/base/err.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#define MXCSR_FLAGS 0x3fu /* exceptions that happened: any arithmetic may set them */
#define MXCSR_CLEAN 0x1f80u
#define X87_CLEAN   0x037fu
#define TILE_STATE  (UINT64_C(3) << 17) /* of the components in use: configuration and data */

/* The front of the XSAVE image that a tracer reads. */
struct fpu_state {
    struct user_fpregs_struct legacy;
    uint64_t in_use, rest[7];
};

/* Thread ids of `pid`, at most WORKER_MAX_THREADS. */
static int threads_list(pid_t pid, pid_t tid[WORKER_MAX_THREADS], int *n)
{
    char path[64];
    const struct dirent *e;
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    dir = opendir(path);
    if (!dir)
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    *n = 0;
    while ((e = readdir(dir)) && *n < WORKER_MAX_THREADS)
        if (e->d_name[0] != '.')
            tid[(*n)++] = (pid_t)atoi(e->d_name);
    closedir(dir);
    return 0;
}

/* Attaching turns the stop by signal into a stop for the tracer without a step of the thread's own;
 * detaching turns it back. */
static int thread_read(pid_t tid, struct fpu_state *out)
{
    struct iovec image = {out, sizeof *out};
    int status, rc = 0;

    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL))
        return err_set(ERR_UNSUPPORTED, "tracing a worker: %s", strerror(errno));
    while (waitpid(tid, &status, __WALL) < 0)
        if (errno != EINTR)
            return err_set(ERR_IO, "waiting for a traced worker: %s", strerror(errno));
    if (!WIFSTOPPED(status))
        return err_set(ERR_IO, "a worker died while it was stopped");
    if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_X86_XSTATE, &image))
        rc = err_set(ERR_IO, "registers of a worker: %s", strerror(errno));
    ptrace(PTRACE_DETACH, tid, NULL, NULL);
    return rc;
}

int fpu_inspect(pid_t pid, bool *clean, char *what, size_t bytes)
{
    pid_t tid[WORKER_MAX_THREADS];
    int n;

    *clean = true;
    what[0] = '\0';
    TRY(threads_list(pid, tid, &n));
    for (int i = 0; i < n; i++) {
        struct fpu_state state = {0};
        const struct user_fpregs_struct *f = &state.legacy;

        TRY(thread_read(tid[i], &state));
        if (!*clean)
            continue;
        *clean = false;
        if ((f->mxcsr & ~MXCSR_FLAGS) != MXCSR_CLEAN)
            snprintf(what, bytes, "MXCSR is left at 0x%x instead of 0x%x", f->mxcsr, MXCSR_CLEAN);
        else if (f->cwd != X87_CLEAN)
            snprintf(what, bytes, "the x87 control word is left at 0x%x instead of 0x%x", f->cwd,
                     X87_CLEAN);
        else if (f->ftw)
            snprintf(what, bytes, "the x87 stack is left with something on it");
        else if (state.in_use & TILE_STATE)
            snprintf(what, bytes, "the tiles of AMX are left in use: tilerelease is missing");
        else
            *clean = true;
    }
    return 0;
}
