/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/machine/peaks_job.h"

#include "reference/base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double peaks_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

enum { MIN_REPETITIONS = 7 };
enum { GATE_WAIT = 0, GATE_RUN, GATE_LEAVE };

struct job_thread {
    struct peaks_job *job;
    uint32_t rank;
    pthread_t thread;
};

static void job_repeat(const struct peaks_job *j, uint32_t rank, uint32_t repetition)
{
    const unsigned char *set;
    size_t n_segments;

    if (j->loop->compute) {
        j->loop->compute(j->count);
        return;
    }
    n_segments = j->set_bytes / j->segment_bytes;
    set = j->memory + rank * j->set_bytes + repetition % n_segments * j->segment_bytes;
    j->loop->read(set, j->segment_bytes, j->count);
}

/* Rank 0's go time for "that was enough". */
#define GO_STOP UINT64_MAX

/* Waking from the barrier takes tens of microseconds and differs between threads; a common start
 * time a little later removes that from the measurement. False when the budget is spent. */
static bool job_wait_start(struct peaks_job *j, uint32_t rank, uint32_t repetition)
{
    uint64_t go;

    pthread_barrier_wait(&j->barrier);
    if (rank == 0) {
        double now = peaks_now_ns();
        bool spent = repetition >= MIN_REPETITIONS && now > j->start_ns[0] + j->budget_ns;

        atomic_store(&j->go_ns[repetition], spent ? GO_STOP : (uint64_t)now + 50000);
    }
    while (!(go = atomic_load(&j->go_ns[repetition])) || peaks_now_ns() < (double)go)
        if (go == GO_STOP)
            return false;
        else
            __builtin_ia32_pause();
    return true;
}

static void *job_thread_run(void *arg)
{
    const struct job_thread *t = arg;
    struct peaks_job *j = t->job;
    int gate;

    while ((gate = atomic_load(&j->gate)) == GATE_WAIT)
        sched_yield();
    if (gate == GATE_LEAVE)
        return NULL;
    for (uint32_t r = 0; r < j->n_repetitions; r++) {
        size_t at = (size_t)t->rank * PEAKS_MAX_REPETITIONS + r;

        if (!job_wait_start(j, t->rank, r))
            break;
        if (t->rank == 0)
            j->n_done = r + 1;
        j->start_ns[at] = peaks_now_ns();
        job_repeat(j, t->rank, r);
        j->stop_ns[at] = peaks_now_ns();
    }
    return NULL;
}

/* The processor of rank r is the r-th one allowed. */
static void pin_attribute(pthread_attr_t *attr, const cpu_set_t *allowed, uint32_t rank)
{
    cpu_set_t one;
    uint32_t seen = 0;

    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, allowed) && seen++ == rank)
            CPU_SET(cpu, &one);
    pthread_attr_setaffinity_np(attr, sizeof one, &one);
}

static int job_start_thread(struct job_thread *t)
{
    pthread_attr_t attr;
    int failed;

    pthread_attr_init(&attr);
    pin_attribute(&attr, t->job->allowed, t->rank);
    failed = pthread_create(&t->thread, &attr, job_thread_run, t);
    pthread_attr_destroy(&attr);
    return failed ? err_set(ERR_IO, "peaks: cannot start a thread: %s", strerror(failed)) : 0;
}

/* Start all threads or none: one that cannot be made would leave the others at the barrier. */
static int job_run_threads(struct peaks_job *j, struct job_thread *threads)
{
    uint32_t n = 0;
    int rc = 0;

    atomic_store(&j->gate, GATE_WAIT);
    for (uint32_t r = 0; r < PEAKS_MAX_REPETITIONS; r++)
        atomic_store(&j->go_ns[r], 0);
    pthread_barrier_init(&j->barrier, NULL, j->n_threads);
    for (; n < j->n_threads && rc == 0; n++) {
        threads[n] = (struct job_thread){.job = j, .rank = n};
        rc = job_start_thread(&threads[n]);
    }
    if (rc < 0)
        n--;
    atomic_store(&j->gate, rc < 0 ? GATE_LEAVE : GATE_RUN);
    for (uint32_t i = 0; i < n; i++)
        pthread_join(threads[i].thread, NULL);
    pthread_barrier_destroy(&j->barrier);
    return rc;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Rate in units of 1e9 a second, of `work` in each repetition. */
static struct peaks_rate rate_of(double work, const double *ns, uint32_t n)
{
    double rates[PEAKS_MAX_REPETITIONS] = {0};
    struct peaks_rate r;

    for (uint32_t i = 0; i < n; i++)
        rates[i] = work / ns[i];
    qsort(rates, n, sizeof *rates, compare_doubles);
    r.median = n % 2 ? rates[n / 2] : (rates[n / 2 - 1] + rates[n / 2]) / 2;
    r.fastest = rates[n - 1];
    r.spread = (rates[n - 1] - rates[0]) / r.median;
    return r;
}

/* What threads share (L3, DRAM) is measured from the first start to the last stop. */
static struct peaks_rate job_rate_shared(const struct peaks_job *j, double work)
{
    double ns[PEAKS_MAX_REPETITIONS];

    for (uint32_t r = 0; r < j->n_done; r++) {
        double first = j->start_ns[r], last = j->stop_ns[r];

        for (uint32_t i = 1; i < j->n_threads; i++) {
            first = fmin(first, j->start_ns[(size_t)i * PEAKS_MAX_REPETITIONS + r]);
            last = fmax(last, j->stop_ns[(size_t)i * PEAKS_MAX_REPETITIONS + r]);
        }
        ns[r] = last - first;
    }
    return rate_of(work * j->n_threads, ns, j->n_done);
}

/* What each core has to itself adds up, whether or not the others ran at the same moment. */
static struct peaks_rate job_rate_private(const struct peaks_job *j, double work)
{
    struct peaks_rate sum = {0};

    for (uint32_t i = 0; i < j->n_threads; i++) {
        double ns[PEAKS_MAX_REPETITIONS];
        struct peaks_rate one;

        for (uint32_t r = 0; r < j->n_done; r++) {
            size_t at = (size_t)i * PEAKS_MAX_REPETITIONS + r;

            ns[r] = j->stop_ns[at] - j->start_ns[at];
        }
        one = rate_of(work, ns, j->n_done);
        sum.median += one.median;
        sum.fastest += one.fastest;
        sum.spread = fmax(sum.spread, one.spread);
    }
    return sum;
}

int peaks_job_run(struct peaks_job *j, double work, struct peaks_rate *out)
{
    size_t n = (size_t)j->n_threads * PEAKS_MAX_REPETITIONS;
    struct job_thread *threads = calloc(j->n_threads, sizeof *threads);
    int rc;

    j->start_ns = calloc(n, sizeof *j->start_ns);
    j->stop_ns = calloc(n, sizeof *j->stop_ns);
    rc = threads && j->start_ns && j->stop_ns
             ? job_run_threads(j, threads)
             : err_set(ERR_NOMEM, "peaks: %u threads", j->n_threads);
    if (rc == 0)
        *out = j->shared ? job_rate_shared(j, work) : job_rate_private(j, work);
    free(j->start_ns);
    free(j->stop_ns);
    free(threads);
    return rc;
}

size_t peaks_job_calibrate(struct peaks_job *j, double goal_ns)
{
    for (j->count = 1;; j->count *= 2) {
        double start = peaks_now_ns(), took;

        job_repeat(j, 0, 0);
        took = peaks_now_ns() - start;
        if (took >= goal_ns / 8)
            return j->count = (size_t)fmax(1, (double)j->count * goal_ns / took);
    }
}
