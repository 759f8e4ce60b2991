/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/peers/contender.h"

#include "kernel/kernel.h"
#include "reference/base/err.h"
#include "reference/base/rng.h"
#include "tests/engine/random_blocks.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct reply {
    int rc; /* negative: the label is the error */
    double seconds;
    struct contender_label label; /* after opening; or the error */
};

struct contender {
    const struct contender_engine *engine;
    const struct contest *contest;
    pid_t pid;
    int channel; /* requests (int32_t work) out, replies in */
    float *result;
    size_t result_bytes;
    struct contender_label label;
};

/* --- the work --- */

double contender_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

void product_weights(void *blocks)
{
    random_blocks_fill(11, KERNEL_Q4_K, 1 / sqrt(PRODUCT_COLS), blocks,
                       (size_t)PRODUCT_ROWS * PRODUCT_COLS / KERNEL_QK_K);
}

void product_activations(float *x)
{
    struct rng rng;

    rng_init(&rng, 12);
    for (size_t i = 0; i < (size_t)PRODUCT_TOKENS * PRODUCT_COLS; i++)
        x[i] = (float)rng_normal(&rng);
}

/* --- inside the contender's process --- */

/* Both engines see the same processors: the first n_threads of those allowed. */
static void pin(uint32_t n_threads)
{
    cpu_set_t allowed, mine;

    if (sched_getaffinity(0, sizeof allowed, &allowed))
        return;
    CPU_ZERO(&mine);
    for (int cpu = 0; cpu < CPU_SETSIZE && (uint32_t)CPU_COUNT(&mine) < n_threads; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            CPU_SET(cpu, &mine);
    sched_setaffinity(0, sizeof mine, &mine);
}

static void reply_send(const struct contender *c, struct reply *r)
{
    if (r->rc < 0)
        snprintf(r->label.text, sizeof r->label.text, "%s", err_message());
    if (write(c->channel, r, sizeof *r) != sizeof *r)
        _exit(1);
}

static _Noreturn void child_main(struct contender *c)
{
    struct reply r = {0};
    void *state = NULL;
    int32_t work;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(c->contest->n_threads);
    r.rc = c->engine->open(c->contest, &state, &r.label);
    reply_send(c, &r);
    while (read(c->channel, &work, sizeof work) == sizeof work) {
        r = (struct reply){0};
        r.rc = c->engine->run(state, (enum work)work, &r.seconds, c->result);
        reply_send(c, &r);
    }
    _exit(0);
}

/* --- outside --- */

static int died(const struct contender *c)
{
    int status = 0;

    waitpid(c->pid, &status, 0);
    if (WIFSIGNALED(status))
        return err_set(ERR_IO, "%s: its process was ended by signal %d (%s)", c->engine->name,
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
    return err_set(ERR_IO, "%s: its process ended (status %d)", c->engine->name,
                   WEXITSTATUS(status));
}

/* Wait for the answer, then stop the process until its next turn. */
static int reply_take(struct contender *c, struct reply *r)
{
    int status;

    if (recv(c->channel, r, sizeof *r, MSG_WAITALL) != sizeof *r) {
        int rc = died(c);

        c->pid = 0;
        return rc;
    }
    kill(c->pid, SIGSTOP);
    waitpid(c->pid, &status, WUNTRACED);
    return r->rc < 0 ? err_set((enum err)r->rc, "%s: %s", c->engine->name, r->label.text) : 0;
}

static int child_start(struct contender *c)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return err_set(ERR_IO, "socketpair: %s", strerror(errno));
    fflush(NULL);
    c->pid = fork();
    c->channel = ends[c->pid == 0];
    close(ends[c->pid != 0]);
    if (c->pid == 0)
        child_main(c);
    return c->pid < 0 ? err_set(ERR_IO, "fork: %s", strerror(errno)) : 0;
}

static size_t result_floats(const struct contest *c)
{
    size_t logits = (size_t)LOGITS_ROWS * c->n_vocab;
    size_t product = (size_t)PRODUCT_TOKENS * PRODUCT_ROWS;

    return logits > product ? logits : product;
}

static int contender_start(struct contender *c)
{
    struct reply r;

    c->result_bytes = result_floats(c->contest) * sizeof *c->result;
    c->result =
        mmap(NULL, c->result_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c->result == MAP_FAILED) {
        c->result = NULL;
        return err_set(ERR_NOMEM, "no memory for results");
    }
    TRY(child_start(c));
    TRY(reply_take(c, &r));
    c->label = r.label;
    return 0;
}

int contender_open(const struct contender_engine *engine, const struct contest *contest,
                   struct contender **out)
{
    struct contender *c = calloc(1, sizeof *c);
    int rc;

    *out = NULL;
    if (!c)
        return err_set(ERR_NOMEM, "no memory for a contender");
    c->engine = engine;
    c->contest = contest;
    c->channel = -1;
    rc = contender_start(c);
    if (rc < 0) {
        contender_close(&c);
        return rc;
    }
    *out = c;
    return 0;
}

void contender_close(struct contender **c)
{
    if (!*c)
        return;
    if ((*c)->pid > 0) {
        kill((*c)->pid, SIGKILL);
        waitpid((*c)->pid, NULL, 0);
    }
    if ((*c)->channel >= 0)
        close((*c)->channel);
    if ((*c)->result)
        munmap((*c)->result, (*c)->result_bytes);
    free(*c);
    *c = NULL;
}

const char *contender_label(const struct contender *c)
{
    return c->label.text;
}

const float *contender_result(const struct contender *c)
{
    return c->result;
}

int contender_run(struct contender *c, enum work work, double *seconds)
{
    int32_t request = (int32_t)work;
    struct reply r;

    if (kill(c->pid, SIGCONT) || send(c->channel, &request, sizeof request, MSG_NOSIGNAL) < 0)
        return err_set(ERR_IO, "%s: %s", c->engine->name, strerror(errno));
    TRY(reply_take(c, &r));
    *seconds = r.seconds;
    return 0;
}
