/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/keeper.h"

#include "ratchet/agent/landlock.h"
#include "ratchet/try/progress.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { N_PIPES = 3, OUT = 0, ERR = 1, STATUS = 2, SWEEPS = 200, SWEEP_NS = 5000000, LONG_S = 3600 };
enum { PATIENCE_S = 15 }; /* with a keeper that was told to end */

static const rlim_t FILE_BYTES = (rlim_t)4 << 30;

/* --- the command --- */

static void say_and_exit(const char *what)
{
    dprintf(2, "ratchet agent: %s: %s\n", what, strerror(errno));
    _exit(126);
}

/* What the keeper's child does; never returns. stdout and stderr are the pipes already. */
static void command_exec(const struct keeper_job *job, pid_t keeper)
{
    const struct rlimit largest = {FILE_BYTES, FILE_BYTES};
    int in = open(job->input, O_RDONLY);
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper)
        _exit(126); /* it died before that took effect */
    setsid();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (in < 0 || dup2(in, 0) < 0)
        say_and_exit(job->input);
    if (in > 2)
        close(in);
    if (setrlimit(RLIMIT_FSIZE, &largest))
        say_and_exit("limit of file sizes");
    if (chdir(job->folder))
        say_and_exit(job->folder);
    for (size_t i = 0; job->environment[i]; i++)
        if (putenv(strdup(job->environment[i])))
            say_and_exit("environment");
    if (job->n_writable && landlock_confine(job->writable, job->n_writable) < 0) {
        dprintf(2, "ratchet agent: %s\n", err_message());
        _exit(126);
    }
    execl("/bin/sh", "sh", "-c", job->command, (char *)NULL);
    say_and_exit("/bin/sh");
}

/* --- the keeper --- */

/* Parent of a process as /proc says it; 0 when it is gone. */
static pid_t parent_of(pid_t pid)
{
    char path[64], line[512];
    const char *after;
    FILE *f;
    size_t n;
    int parent = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    f = fopen(path, "r");
    if (!f)
        return 0;
    n = fread(line, 1, sizeof line - 1, f);
    fclose(f);
    line[n] = '\0';
    after = strrchr(line, ')'); /* names may hold anything */
    if (!after || sscanf(after + 1, " %*c %d", &parent) != 1)
        return 0;
    return parent;
}

/* SIGKILL to each process that `wanted` points at. */
static size_t kill_each(bool (*wanted)(pid_t pid, const void *what), const void *what)
{
    DIR *proc = opendir("/proc");
    struct dirent *e;
    size_t n = 0;

    while (proc && (e = readdir(proc))) {
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

        if (pid > 1 && pid != getpid() && wanted(pid, what) && kill(pid, SIGKILL) == 0)
            n++;
    }
    if (proc)
        closedir(proc);
    return n;
}

static bool is_child(pid_t pid, const void *parent)
{
    return parent_of(pid) == *(const pid_t *)parent;
}

/* A killed process leaves its own children to us: until there are none, for about a second: false
 * when some are left, such as one in an uninterruptible wait. */
static bool kill_descendants(void)
{
    pid_t self = getpid();

    for (int i = 0; i < SWEEPS; i++) {
        kill_each(is_child, &self);
        for (;;) {
            pid_t got = waitpid(-1, NULL, WNOHANG);

            if (got < 0 && errno == ECHILD)
                return true;
            if (got <= 0)
                break;
        }
        nanosleep(&(struct timespec){.tv_nsec = SWEEP_NS}, NULL);
    }
    return false;
}

/* Wait for the command's end or for somebody's wish to end it; true with *status when it ended. */
static bool keeper_wait(const sigset_t *set, pid_t command, int *status)
{
    for (;;) {
        pid_t got;
        int number;

        while ((got = waitpid(-1, status, WNOHANG)) > 0)
            if (got == command)
                return true;
        number = sigwaitinfo(set, NULL);
        if (number > 0 && number != SIGCHLD)
            return false;
    }
}

static void close_but(const int *kept, size_t n)
{
    int from = 3;

    for (;;) { /* the lowest kept one at or above `from` ends each range */
        int next = INT_MAX;

        for (size_t i = 0; i < n; i++)
            if (kept[i] >= from && kept[i] < next)
                next = kept[i];
        if (next > from)
            close_range((unsigned)from, next == INT_MAX ? ~0U : (unsigned)next - 1, 0);
        if (next == INT_MAX)
            return;
        from = next + 1;
    }
}

/* What a keeper says last. */
struct last_word {
    int status; /* of the command, as waitpid has it, when it */
    bool ended; /* ended by itself */
    bool left_behind;
};

/* The keeper's whole life; never returns. write_end: stdout, stderr, status. */
static void keeper_live(const struct keeper_job *job, const int *write_end, pid_t caller)
{
    struct last_word word = {0};
    sigset_t set;
    pid_t command;

    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    setpgid(0, 0); /* a terminal's interrupt is for the caller */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    close_but(write_end, N_PIPES); /* locks above all */
    if (getppid() != caller)
        _exit(0);
    command = fork();
    if (command == 0) {
        if (dup2(write_end[OUT], 1) < 0 || dup2(write_end[ERR], 2) < 0)
            _exit(126);
        close_but(NULL, 0);
        command_exec(job, getppid());
    }
    close(write_end[OUT]);
    close(write_end[ERR]);
    word.ended = command > 0 && keeper_wait(&set, command, &word.status);
    word.left_behind = !kill_descendants();
    _exit(write(write_end[STATUS], &word, sizeof word) < 0);
}

/* --- the caller --- */

struct listener {
    const struct keeper_job *job;
    struct keeper_result *out;
    int fd[N_PIPES]; /* read ends; -1: at its end */
    int file[2];
    size_t bytes[2];
    double next_beat;
};

static void tail_add(struct strbuf *tail, const char *data, size_t n)
{
    strbuf_add(tail, data, n);
    if (tail->len < 2 * KEEPER_TAIL)
        return;
    memmove(tail->data, tail->data + tail->len - KEEPER_TAIL, KEEPER_TAIL + 1);
    tail->len = KEEPER_TAIL;
}

/* One read of stdout or stderr. */
static void hear(struct listener *l, int which)
{
    char buf[65536];
    ssize_t n = read(l->fd[which], buf, sizeof buf);

    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0) {
        close(l->fd[which]);
        l->fd[which] = -1;
        return;
    }
    l->bytes[which] += (size_t)n;
    if (l->bytes[which] <= KEEPER_KEPT && write(l->file[which], buf, (size_t)n) < 0) {
        /* a full disk costs the record of what was said, not the round */
    }
    if (which == OUT)
        tail_add(&l->out->tail, buf, (size_t)n);
}

/* Without a last word somebody killed the keeper, and nobody knows what runs on. */
static void hear_last_word(struct listener *l, struct last_word *word)
{
    ssize_t n;

    do
        n = read(l->fd[STATUS], word, sizeof *word);
    while (n < 0 && errno == EINTR);
    if (n != sizeof *word)
        *word = (struct last_word){.left_behind = true};
    l->out->left_behind = word->left_behind;
}

/* The keeper has said how the command ended, or is gone. */
static void hear_status(struct listener *l)
{
    struct last_word word;
    int status;

    hear_last_word(l, &word);
    status = word.ended ? word.status : SIGKILL;
    l->out->end = WIFEXITED(status) ? KEEPER_EXITED : KEEPER_SIGNALED;
    l->out->code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
}

/* Seconds to the next beat, which is given when it is due. */
static double beat(struct listener *l)
{
    double now = progress_seconds();

    if (!l->job->beat)
        return LONG_S;
    if (now >= l->next_beat) {
        l->job->beat(l->job->beat_ctx);
        l->next_beat = now + l->job->beat_seconds;
    }
    return l->next_beat - now;
}

/* true: the keeper has said its last word. */
static bool listen_on(struct listener *l, double start)
{
    l->next_beat = start + l->job->beat_seconds;
    for (;;) {
        struct pollfd p[N_PIPES];
        double left = l->job->seconds > 0 ? start + l->job->seconds - progress_seconds() : LONG_S;
        double wait = fmin(left, beat(l));

        for (int i = 0; i < N_PIPES; i++)
            p[i] = (struct pollfd){.fd = l->fd[i], .events = POLLIN};
        if (left <= 0) {
            l->out->end = KEEPER_TIMED_OUT;
            return false;
        }
        if (l->bytes[OUT] > l->job->output_bytes || l->bytes[ERR] > l->job->output_bytes) {
            l->out->end = KEEPER_TOO_MUCH;
            return false;
        }
        if (poll(p, N_PIPES, (int)(1e3 * fmin(wait, LONG_S)) + 1) <= 0)
            continue;
        for (int i = OUT; i <= ERR; i++)
            if (p[i].revents)
                hear(l, i);
        /* last: what was said before the end is heard first */
        if (!p[OUT].revents && !p[ERR].revents && p[STATUS].revents) {
            hear_status(l);
            return true;
        }
    }
}

/* It is told to end what it keeps, and has time for that; one that somebody stops again and again is
 * killed. */
static void end_keeper(pid_t keeper)
{
    double until = progress_seconds() + PATIENCE_S;
    pid_t got;

    kill(keeper, SIGTERM); /* to one that has ended it is nothing */
    do {
        kill(keeper, progress_seconds() < until ? SIGCONT : SIGKILL);
        nanosleep(&(struct timespec){.tv_nsec = SWEEP_NS}, NULL);
        got = waitpid(keeper, NULL, WNOHANG);
    } while (got == 0 || (got < 0 && errno == EINTR));
}

/* Where a file did not get everything: the end is what matters. */
static void keep_tail(const struct listener *l)
{
    const struct strbuf *tail = &l->out->tail;

    if (l->bytes[OUT] > KEEPER_KEPT && (write(l->file[OUT], "\n[...]\n", 7) < 0 ||
                                        write(l->file[OUT], tail->data, tail->len) < 0)) {
        /* as above */
    }
}

static int open_files(struct listener *l)
{
    const char *const path[] = {l->job->out_path, l->job->err_path};

    for (int i = OUT; i <= ERR; i++) {
        l->file[i] = open(path[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (l->file[i] < 0)
            return err_set(ERR_IO, "%s: %s", path[i], strerror(errno));
    }
    return 0;
}

static void listener_close(struct listener *l)
{
    for (int i = 0; i < N_PIPES; i++)
        if (l->fd[i] >= 0)
            close(l->fd[i]);
    for (int i = OUT; i <= ERR; i++)
        if (l->file[i] >= 0)
            close(l->file[i]);
}

int keeper_run(const struct keeper_job *job, struct keeper_result *out)
{
    struct listener l = {.job = job, .out = out, .fd = {-1, -1, -1}, .file = {-1, -1}};
    int write_end[N_PIPES] = {-1, -1, -1}, rc;
    double start = progress_seconds();
    pid_t self = getpid(), keeper = -1;

    *out = (struct keeper_result){0};
    strbuf_add(&out->tail, "", 0);
    rc = open_files(&l);
    for (int i = 0; rc == 0 && i < N_PIPES; i++) {
        int both[2];

        if (pipe2(both, O_CLOEXEC))
            rc = err_set(ERR_IO, "pipe: %s", strerror(errno));
        else {
            l.fd[i] = both[0];
            write_end[i] = both[1];
        }
    }
    if (rc == 0 && (keeper = fork()) == 0)
        keeper_live(job, write_end, self);
    if (rc == 0 && keeper < 0)
        rc = err_set(ERR_IO, "fork: %s", strerror(errno));
    for (int i = 0; i < N_PIPES; i++)
        if (write_end[i] >= 0)
            close(write_end[i]);
    if (rc == 0) {
        struct last_word word;
        bool heard = listen_on(&l, start);

        end_keeper(keeper);
        if (!heard)
            hear_last_word(&l, &word);
        keep_tail(&l);
    }
    out->seconds = progress_seconds() - start;
    listener_close(&l);
    return rc;
}

/* --- after a crash --- */

static bool has_mark(pid_t pid, const void *mark)
{
    char path[64];
    struct strbuf text = {0};
    bool found = false;

    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    if (file_read(path, &text) == 0)
        for (size_t i = 0; !found && i < text.len; i += strlen(text.data + i) + 1)
            found = strcmp(text.data + i, mark) == 0;
    strbuf_deinit(&text);
    return found;
}

size_t keeper_sweep(const char *value)
{
    char mark[256];

    snprintf(mark, sizeof mark, KEEPER_MARK "=%s", value);
    return kill_each(has_mark, mark);
}
