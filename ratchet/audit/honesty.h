/* SPDX-License-Identifier: Apache-2.0
 *
 * honesty.h: do the wins add up? HEAD's kernel is measured against the first one, side by side, by
 * the judge that judged the steps between them; beside it stands the product of what the wins
 * claimed when they were confirmed. Their quotient, the honesty ratio, is near 1 when no step was
 * flattered and nothing was lost between the steps. Everything is added up as natural logarithms of
 * time ratios (> 0: faster), case by case, and in total with the workload's weights.
 *
 * What counts as a claim: of every win on this branch since the first kernel, the per-case estimates
 * that its row was decided by. A win with --focus claims its own operation or case; the others count
 * as unchanged in it. A case that a win without focus did not measure (it was not in the problem yet)
 * cannot be compared and stays out of the total. For ratchet/ only. */
#ifndef PAWL_RATCHET_HONESTY_H
#define PAWL_RATCHET_HONESTY_H

#include "ratchet/ratchet.h"
#include "ratchet/git/repo.h"

enum { HONESTY_MAX_CASES = 32 };

/* Between these the ratio is honest. */
#define HONESTY_LOW  0.9
#define HONESTY_HIGH 1.1

/* A natural logarithm of a time ratio and the variance of its estimate. */
struct honesty_sum {
    double mean, variance;
};

struct honesty_case {
    char name[96], op[32];
    double weight; /* share of the workload */
    struct honesty_sum measured, claimed;
    int64_t n_claims;    /* wins that say something about it */
    int64_t n_unfocused; /* wins with the focus elsewhere: unchanged in them */
    int64_t n_missing;   /* wins that should have measured it and did not: > 0 does not compare */
};

struct honesty {
    char first[REPO_HEX], head[REPO_HEX]; /* commits of the kernels */
    int64_t first_experiment;             /* the one that was tried on the first kernel */
    int64_t n_wins;                       /* that count */
    int64_t n_elsewhere;                  /* of these, judged on another machine */
    uint32_t n_units;                     /* behind the measured ratios */
    size_t n_cases;                       /* 0: there is no win, nothing was measured */
    struct honesty_case cases[HONESTY_MAX_CASES];
    double compared; /* share of the weight that the cases which compare have */
    struct honesty_sum measured, claimed; /* in total, over the cases that compare */
    json_t *remarks;                      /* array of strings: what stands between the two sides */
};

struct honesty_options {
    int64_t from;         /* experiment whose parent is the first kernel; 0 = the first there is */
    uint32_t max_units;   /* of a stage; 0 = the rule's cap */
    const char *features; /* NULL = all; wins on another path do not count */
};

/* Measure (minutes) and add up; needs the machine to itself, as a try does. Writes no row. Errors:
 * ERR_CONFLICT where HEAD cannot be measured against that kernel, or the programs are not those of
 * HEAD's sealed sources; ERR_INTEGRITY for rows or records that do not fit; those of the judge. The
 * caller deinits after 0. */
int honesty_measure(struct ratchet *r, const struct honesty_options *o, struct honesty *out);
void honesty_deinit(struct honesty *h);

enum honesty_finding {
    HONESTY_ADDS_UP, /* the ratio is between the two, or there is nothing to add up */
    HONESTY_OFF,     /* it is not */
    HONESTY_UNCLEAR, /* nothing compares, the ratio is not known to one part in ten, or it is not
                      * between the two and another machine's wins are among the claims */
};
enum honesty_finding honesty_judge(const struct honesty *h);

/* exp of (measured - claimed) with its 95 % interval: the honesty ratio. */
void honesty_ratio(const struct honesty_sum *measured, const struct honesty_sum *claimed,
                   double *ratio, double *low, double *high);

/* exp of one side, likewise. */
void honesty_times(const struct honesty_sum *s, double *times, double *low, double *high);

/* Half of the 95 % interval of the logarithm. */
double honesty_reach(const struct honesty_sum *s);

/* --- honesty_claims.c --- */

/* Add what the win of row n claims to out->cases, which are filled with what was measured. */
int honesty_claim_add(struct ratchet *r, int64_t n, const char *features, struct honesty *out);

/* The totals, after the last claim. */
void honesty_total(struct honesty *h);

/* 95 % interval as a variance. */
double honesty_variance(double low, double high);

/* Append a remark. */
void honesty_remark(struct honesty *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
