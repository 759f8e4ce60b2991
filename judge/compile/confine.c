/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/compile/confine.h"

#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MEMORY_MIB = 2048 };

enum {
    READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    RUN = READ | LANDLOCK_ACCESS_FS_EXECUTE,
    FILE_RIGHTS = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                  LANDLOCK_ACCESS_FS_EXECUTE, /* what a rule on a file, not a folder, may grant */
};

/* The file system rights that version `abi` of Landlock knows, which are handed out in order:
 * 13 at first, then "refer", then "truncate", then "ioctl_dev". */
static uint64_t rights_of(long abi)
{
    int n = abi <= 1 ? 13 : abi == 2 ? 14 : abi <= 4 ? 15 : 16;

    return ((uint64_t)1 << n) - 1;
}

/* Allow `rights` on `path` and below; what does not exist needs no rule. */
static int rule_add(const struct confine *c, const char *path, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights};
    struct stat st;
    long rc;

    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return 0;
    if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed_access &= FILE_RIGHTS;
    rc = syscall(SYS_landlock_add_rule, c->ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    if (rc)
        err_set(ERR_IO, "landlock: %s: %s", path, strerror(errno));
    close(rule.parent_fd);
    return rc ? ERR_IO : 0;
}

/* A compiler outside the system's folders: its installation is bin's parent. */
static int rules_add_installation(const struct confine *c, const char *program)
{
    static const char *const parts[] = {"bin", "lib", "lib64", "libexec"};
    char real[PATH_MAX], part[PATH_MAX + 16];
    char *slash;

    if (!realpath(program, real))
        return err_set(ERR_IO, "%s: %s", program, strerror(errno));
    for (int up = 0; up < 2; up++)
        if ((slash = strrchr(real, '/')))
            *slash = '\0';
    for (size_t i = 0; real[0] && i < sizeof parts / sizeof parts[0]; i++) {
        snprintf(part, sizeof part, "%s/%s", real, parts[i]);
        TRY(rule_add(c, part, RUN));
    }
    return 0;
}

static int rules_add(const struct confine *c, const char *folder, const char *program,
                     uint64_t handled)
{
    static const char *const runnable[] = {
        "/bin",
        "/sbin",
        "/lib",
        "/lib64",
        "/usr/bin",
        "/usr/lib",
        "/usr/lib64",
        "/usr/libexec",
        "/usr/local/bin",
        "/usr/local/lib",
        "/usr/x86_64-linux-gnu",
    };

    for (size_t i = 0; i < sizeof runnable / sizeof runnable[0]; i++)
        TRY(rule_add(c, runnable[i], RUN));
    TRY(rules_add_installation(c, program));
    TRY(rule_add(c, "/etc/ld.so.cache", LANDLOCK_ACCESS_FS_READ_FILE));
    TRY(rule_add(c, "/dev/null", READ | LANDLOCK_ACCESS_FS_WRITE_FILE));
    return rule_add(c, folder,
                    handled & ~(uint64_t)LANDLOCK_ACCESS_FS_MAKE_BLOCK &
                        ~(uint64_t)LANDLOCK_ACCESS_FS_MAKE_CHAR);
}

int confine_init(struct confine *c, const char *folder, const char *program)
{
    const char *path = getenv("PATH");
    struct landlock_ruleset_attr attr;
    long abi;

    memset(c, 0, sizeof *c);
    c->ruleset = -1;
    if (snprintf(c->path, sizeof c->path, "PATH=%s", path ? path : "/usr/bin:/bin") >=
            (int)sizeof c->path ||
        snprintf(c->tmpdir, sizeof c->tmpdir, "TMPDIR=%s", folder) >= (int)sizeof c->tmpdir)
        return err_set(ERR_RANGE, "PATH or %s is too long", folder);
    abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        snprintf(c->unavailable, sizeof c->unavailable, "this system has no Landlock (%s)",
                 strerror(errno));
        return 0;
    }
    memset(&attr, 0, sizeof attr);
    attr.handled_access_fs = rights_of(abi);
    c->ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (c->ruleset < 0)
        return err_set(ERR_IO, "landlock: %s", strerror(errno));
    fcntl(c->ruleset, F_SETFD, FD_CLOEXEC);
    return rules_add(c, folder, program, attr.handled_access_fs);
}

void confine_deinit(struct confine *c)
{
    if (c->ruleset >= 0)
        close(c->ruleset);
    c->ruleset = -1;
}

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool limit(int which, rlim_t most)
{
    return setrlimit(which, &(struct rlimit){most, most}) == 0;
}

/* Child side; only calls that are safe between fork and exec. */
static _Noreturn void child_exec(const struct confine *c, char *const argv[], char *const env[],
                                 const char *folder, int output)
{
    int null;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 ||
        syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) || chdir(folder))
        _exit(126);
    if (!limit(RLIMIT_CORE, 0) || !limit(RLIMIT_CPU, CONFINE_CPU_S) ||
        !limit(RLIMIT_AS, (rlim_t)MEMORY_MIB << 20) || !limit(RLIMIT_FSIZE, CONFINE_FILE_BYTES) ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _exit(126);
    if (c->ruleset >= 0 && syscall(SYS_landlock_restrict_self, c->ruleset, 0))
        _exit(126);
    execve(argv[0], argv, env);
    _exit(127);
}

int confine_start(const struct confine *c, char *const argv[], const char *folder,
                  struct confine_job *job)
{
    char lang[] = "LANG=C", path[sizeof c->path], tmpdir[sizeof c->tmpdir];
    char *env[] = {path, lang, tmpdir, NULL};
    int ends[2];

    memcpy(path, c->path, sizeof path);
    memcpy(tmpdir, c->tmpdir, sizeof tmpdir);
    if (pipe2(ends, O_CLOEXEC))
        return err_set(ERR_IO, "pipe: %s", strerror(errno));
    *job = (struct confine_job){
        .output = ends[0],
        .deadline = seconds_now() + CONFINE_WALL_S,
        .name = argv[0],
    };
    job->pid = fork();
    if (job->pid == 0)
        child_exec(c, argv, env, folder, ends[1]);
    close(ends[1]);
    if (job->pid < 0) {
        close(ends[0]);
        return err_set(ERR_IO, "fork: %s", strerror(errno));
    }
    return 0;
}

/* Read until end of file; false on the deadline. What is past the limit is read and dropped. */
static bool drain(const struct confine_job *job, struct strbuf *output)
{
    size_t kept = 0;
    char buf[65536];

    for (;;) {
        struct pollfd p = {.fd = job->output, .events = POLLIN};
        double left = job->deadline - seconds_now();
        ssize_t n;

        if (left <= 0)
            return false;
        if (poll(&p, 1, (int)(left * 1e3) + 1) <= 0)
            continue;
        n = read(job->output, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return true;
        if (kept + (size_t)n <= CONFINE_OUTPUT_BYTES)
            strbuf_add(output, buf, (size_t)n);
        kept += (size_t)n;
    }
}

int confine_wait(struct confine_job *job, struct strbuf *output)
{
    bool in_time = drain(job, output);
    int status = 0;

    close(job->output);
    if (!in_time)
        kill(-job->pid, SIGKILL);
    while (waitpid(job->pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_set(ERR_IO, "waiting for %s: %s", job->name, strerror(errno));
    if (!in_time)
        return err_set(ERR_TIMEOUT, "%s: no end after %d s", job->name, CONFINE_WALL_S);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int confine_run(const struct confine *c, char *const argv[], const char *folder,
                struct strbuf *output)
{
    struct confine_job job;

    TRY(confine_start(c, argv, folder, &job));
    return confine_wait(&job, output);
}
