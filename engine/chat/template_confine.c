/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/chat/template_confine.h"

#include "reference/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

/* The one exec that follows must pass, so exec stays: whatever it started would be confined alike. */
static const int refused[] = {
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(clone),
    SCMP_SYS(clone3),
    SCMP_SYS(ptrace),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(creat),
    SCMP_SYS(openat2),
    SCMP_SYS(truncate),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(symlink),
    SCMP_SYS(symlinkat),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(chown),
    SCMP_SYS(fchown),
    SCMP_SYS(lchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(mount),
    SCMP_SYS(bpf),
    SCMP_SYS(keyctl),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(setxattr),
    SCMP_SYS(utimensat),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(process_vm_writev),
};

/* Opening a file to write, by the flags in argument `arg`. */
static int refuse_writing(scmp_filter_ctx f, int call, unsigned arg)
{
    static const unsigned modes[][2] = {
        {O_ACCMODE, O_WRONLY}, {O_ACCMODE, O_RDWR}, {O_CREAT, O_CREAT}};

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), call, 1,
                             SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, modes[i][0], modes[i][1])))
            return -1;
    return 0;
}

static int rules_add(scmp_filter_ctx f)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), refused[i], 0))
            return -1;
    if (refuse_writing(f, SCMP_SYS(open), 1))
        return -1;
    return refuse_writing(f, SCMP_SYS(openat), 2);
}

int confinement_open(struct confinement *c)
{
    c->filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!c->filter)
        return err_set(ERR_NOMEM, "no memory for a filter of system calls");
    if (rules_add(c->filter)) {
        confinement_close(c);
        return err_set(ERR_UNSUPPORTED, "libseccomp cannot refuse system calls here");
    }
    return 0;
}

void confinement_close(struct confinement *c)
{
    if (c->filter)
        seccomp_release(c->filter);
    c->filter = NULL;
}

static int limit(int what, rlim_t value)
{
    return setrlimit(what, &(struct rlimit){value, value});
}

int confinement_enter(const struct confinement *c)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN); /* Ctrl-C stops the answer, not the template */
    signal(SIGPIPE, SIG_DFL);
    if (close_range(3, ~0u, 0) || seccomp_load(c->filter))
        return -1;
    /* Memory last: until exec the parent's models are mapped here too, and nothing more would fit.
     * Processor time is a whole conversation's; the parent's clock stops a single text. */
    return limit(RLIMIT_CPU, 600) || limit(RLIMIT_CORE, 0) || limit(RLIMIT_FSIZE, 0) ||
                   limit(RLIMIT_NOFILE, 64) || limit(RLIMIT_AS, (rlim_t)1 << 29)
               ? -1
               : 0;
}
