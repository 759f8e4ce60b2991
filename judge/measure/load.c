/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/measure/load.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Fields of the line "cpu", in jiffies. */
enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };

static double rusage_seconds(int who)
{
    struct rusage u;

    if (getrusage(who, &u))
        return 0;
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

void load_read(struct load *out)
{
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    unsigned long long v[FIELDS];
    FILE *f = fopen("/proc/stat", "re");

    memset(out, 0, sizeof *out);
    if (!f)
        return;
    out->known =
        fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[USER], &v[NICE], &v[SYSTEM],
               &v[IDLE], &v[IOWAIT], &v[IRQ], &v[SOFTIRQ], &v[STEAL]) == FIELDS;
    fclose(f);
    if (!out->known)
        return;
    for (int i = 0; i < FIELDS; i++)
        out->total += tick * (double)v[i];
    out->steal = tick * (double)v[STEAL];
    out->busy = out->total - out->steal - tick * (double)(v[IDLE] + v[IOWAIT]);
    out->own = rusage_seconds(RUSAGE_SELF) + rusage_seconds(RUSAGE_CHILDREN);
}

void load_shares(const struct load *before, const struct load *after, double *steal,
                 double *disturbed)
{
    double total = after->total - before->total;
    double others = after->busy - before->busy - (after->own - before->own);

    *steal = *disturbed = -1;
    if (!before->known || !after->known || !(total > 0))
        return;
    *steal = (after->steal - before->steal) / total;
    /* Ticks are coarse: less than none was used by nobody. */
    *disturbed = fmin(1, fmax(0, others / total));
}
