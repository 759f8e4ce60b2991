/* SPDX-License-Identifier: Apache-2.0
 *
 * search.h: one search over the TUNABLEs of the kernel. Each point is an ordinary experiment, and
 * the ledger is all that a search remembers: the hypothesis of each of its rows says which search it
 * belongs to and all that is needed to go on:
 *
 *   search bayes-1f2e3d4c #7: ROWS 16, PREFETCH 1024
 *
 *   over ROWS=1..64,PREFETCH=0..8192:64
 *   start <commit>, seed 1, features all, budget 40
 *
 * An experiment compares two kernels. Where both differ in nothing but searched TUNABLEs, it says how
 * far two points of one surface are apart, whoever asked: so times relative to the start are chained
 * from row to row, and what others measured on the same surface is known and not measured again. What
 * another judge or another machine said is not mixed in. */
#ifndef PAWL_RATCHET_SEARCH_H
#define PAWL_RATCHET_SEARCH_H

#include "ratchet/search/shape.h"
#include "ratchet/search/strategy.h"

enum { SEARCH_ID = 24, SEARCH_BUDGET = 40 };

/* Most points of one search: the chance that even one false win is among them is then no larger
 * than alpha, which a single experiment spends in its first stage (judge/rule/rule.h). */
extern const int64_t search_budget_most;

struct search_options {
    const struct strategy *strategy;
    const char *over, *range;     /* see space_select; NULL */
    const char *focus, *features; /* as of ratchet_try; NULL */
    uint64_t seed;
    int64_t budget; /* 1 .. search_budget_most, 0 = SEARCH_BUDGET */
};

struct search {
    struct ratchet *r; /* borrowed */
    char id[SEARCH_ID];
    const struct strategy *strategy;
    uint64_t seed;
    struct space space;
    git_oid start; /* commit */
    struct point start_at;
    char *focus, *features; /* "" = the workload; "all" */
    int64_t budget;         /* points that it may judge, over all its runs */
    char *judge, *machine;  /* whose rows tell its surface: its last row's, or those here */

    /* From the ledger, by search_learn. */
    struct observed observed;
    struct point head_at;    /* of HEAD's kernel */
    size_t n_judged, n_wins; /* of its own points; not those that a crash or the machine ended */
    size_t n_taken;          /* points known from other rows */
    double seconds;          /* that judging its points took */
    struct shapes shapes;
};

/* Finish what a crash left in this repository, waiting for others; to be done before a search that
 * will judge is begun or resumed. Errors: those of ratchet_begin. */
int search_settle(struct ratchet *r);

/* Begin one at HEAD. The caller closes it, also after an error. Errors: those of space_select;
 * ERR_CONFLICT when the ledger has this very search already. */
int search_begin(struct ratchet *r, const struct search_options *o, struct search *out);

/* Go on with the search `id` (NULL: the last one); `budget` 0: with the one that its last row has.
 * ERR_USAGE when the ledger has none. */
int search_resume(struct ratchet *r, const char *id, int64_t budget, struct search *out);
void search_close(struct search *s);

/* From now on the rows count that this judge and this machine made. */
void search_here(struct search *s);

/* Read the ledger again: all that is known now. */
int search_learn(struct search *s);

/* Text of the hypothesis for its next point; `from` is what is compared with. Appends. */
void search_hypothesis(const struct search *s, const struct point *p, const struct point *from,
                       struct strbuf *out);

/* What a strategy sees. */
struct strategy_view search_view(const struct search *s);

/* --- running --- */

struct search_limits {
    double minutes; /* of this run; 0 = none */
    const char *author;
    bool json_progress;
};

struct search_end {
    char why[512]; /* it ended */
    bool unable;   /* because nothing can be judged here now */
};

/* Choose, try, learn, until a limit is reached or no point is left. After each point others have
 * their turn with the repository. Progress goes to s->r->say. Errors: those of ratchet_try. */
int search_run(struct search *s, const struct search_limits *limits, struct search_end *end);

#endif
