/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/fileio.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int file_read(const char *path, struct strbuf *out)
{
    FILE *f = fopen(path, "rb");
    char buf[65536];
    size_t n;
    int bad;

    if (!f)
        return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    while ((n = fread(buf, 1, sizeof buf, f)) > 0)
        strbuf_add(out, buf, n);
    bad = ferror(f);
    fclose(f);
    if (bad)
        return err_set(ERR_IO, "%s: read failed", path);
    strbuf_add(out, "", 0);
    return 0;
}

int file_write_atomic(const char *path, const void *data, size_t bytes)
{
    char tmp[PATH_MAX];
    const char *p = data;
    int fd;

    if (snprintf(tmp, sizeof tmp, "%s.XXXXXX", path) >= (int)sizeof tmp)
        return err_set(ERR_RANGE, "%s: path too long", path);
    fd = mkstemp(tmp);
    if (fd < 0)
        return err_set(ERR_IO, "%s: %s", tmp, strerror(errno));
    while (bytes) {
        ssize_t n = write(fd, p, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            goto fail;
        p += n;
        bytes -= (size_t)n;
    }
    if (fchmod(fd, 0644) || fsync(fd) || rename(tmp, path))
        goto fail;
    close(fd);
    return 0;
fail:
    err_set(ERR_IO, "%s: %s", path, strerror(errno));
    close(fd);
    unlink(tmp);
    return ERR_IO;
}

int file_make_dirs(const char *path)
{
    char p[PATH_MAX];

    if (snprintf(p, sizeof p, "%s", path) >= (int)sizeof p)
        return err_set(ERR_RANGE, "%s: path too long", path);
    for (char *s = p + 1; *s; s++) {
        if (*s != '/')
            continue;
        *s = '\0';
        if (mkdir(p, 0755) && errno != EEXIST)
            return err_set(ERR_IO, "mkdir %s: %s", p, strerror(errno));
        *s = '/';
    }
    if (mkdir(p, 0755) && errno != EEXIST)
        return err_set(ERR_IO, "mkdir %s: %s", p, strerror(errno));
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

int file_remove_tree(const char *path)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
        return err_set(ERR_IO, "removing %s: %s", path, strerror(errno));
    return 0;
}

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Child side of process_run; never returns. */
static void child_exec(char *const argv[], const char *dir, int out_fd)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a compiler then still removes its temporary files */
    if (out_fd >= 0 && (dup2(out_fd, 1) < 0 || dup2(out_fd, 2) < 0))
        _exit(126);
    if (dir && chdir(dir))
        _exit(126);
    execvp(argv[0], argv);
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Drain fd into *output until end of file or the deadline; false on the deadline. */
static int drain(int fd, double deadline, struct strbuf *output)
{
    char buf[4096];

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        double left = deadline - seconds_now();
        ssize_t n;

        if (deadline > 0 && left <= 0)
            return 0;
        if (poll(&p, 1, deadline > 0 ? (int)(left * 1e3) + 1 : -1) <= 0)
            continue;
        n = read(fd, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 1;
        strbuf_add(output, buf, (size_t)n);
    }
}

/* Reap `pid`; false when the deadline passes first. */
static int reap(pid_t pid, double deadline, int *status)
{
    for (;;) {
        pid_t got = waitpid(pid, status, deadline > 0 ? WNOHANG : 0);

        if (got == pid)
            return 1;
        if (got < 0 && errno != EINTR)
            return 0;
        if (deadline > 0 && seconds_now() >= deadline)
            return 0;
        if (deadline > 0)
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

int process_run(char *const argv[], const char *dir, int timeout_s, struct strbuf *output)
{
    double deadline = timeout_s > 0 ? seconds_now() + timeout_s : 0;
    int pipe_fds[2] = {-1, -1};
    int status = 0, done;
    pid_t pid;

    if (output && pipe2(pipe_fds, O_CLOEXEC))
        return err_set(ERR_IO, "pipe: %s", strerror(errno));
    pid = fork();
    if (pid == 0)
        child_exec(argv, dir, pipe_fds[1]);
    if (output)
        close(pipe_fds[1]);
    if (pid < 0) {
        if (output)
            close(pipe_fds[0]);
        return err_set(ERR_IO, "fork: %s", strerror(errno));
    }
    done = !output || drain(pipe_fds[0], deadline, output);
    done = done && reap(pid, deadline, &status);
    if (output)
        close(pipe_fds[0]);
    if (!done) {
        kill(-pid, SIGKILL);
        waitpid(pid, &status, 0);
        return err_set(ERR_TIMEOUT, "%s: no end after %d s", argv[0], timeout_s);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
