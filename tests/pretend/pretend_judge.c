/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of ratchet/try/judge_bind.c, for the program ratchet-pretend: every command as it is, but
 * with a judge that reads its verdict out of the kernel's sources, so that whole campaigns run in
 * seconds. What it looks for, anywhere in kernel.c and the .inc files:
 *
 *   PRETEND broken | foreign | wrong | hang | crash | cheat | unfit
 *                              FAIL_BUILD, FAIL_CONTRACT, FAIL_CORRECTNESS, FAIL_TIMEOUT, FAIL_CRASH,
 *                              CHEAT, UNFIT_MACHINE
 *   PRETEND time OP X          operation OP (or "all") takes X times as long as otherwise
 *   TUNABLE(NAME, V, ... PRETEND best B steep S [of OP]
 *                              takes 1 + S (log2 V/B)^2 times as long
 *   TUNABLE(NAME, V, ... PRETEND fits up to X
 *                              FAIL_BUILD when V is more than X
 *
 * The rest is arithmetic: the same times are SAME_CODE, more than 0.65 % faster in the weighted mean
 * is WIN, else LOSS. PAWL_PRETEND_MS=n lets every stage take n milliseconds, with progress;
 * PAWL_PRETEND_LOG=file gets a line "start" and a line "stop" for each stage that would measure. */
#include "ratchet/git/repo.h"
#include "ratchet/ratchet.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CASES_MOST = 64, STEP_MS = 5 };
static const double MARGIN = 0.0065, NOISE = 0.002;

/* --- reading a kernel --- */

static int kernel_text(const char *dir, struct strbuf *out)
{
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort), rc = 0;
    char path[PATH_MAX];

    if (n < 0)
        return err_set(ERR_IO, "%s cannot be read", dir);
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(names[i]->d_name, '.');

        snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
        if (rc == 0 && dot && (strcmp(dot, ".c") == 0 || strcmp(dot, ".inc") == 0))
            rc = file_read(path, out);
        free(names[i]);
    }
    free(names);
    return rc;
}

static bool concerns(const char *op, const struct problem_case *c)
{
    return strcmp(op, "all") == 0 || strcmp(op, c->op) == 0 || strcmp(op, c->name) == 0;
}

/* Factor of one line on the time of a case. */
static double line_factor(const char *line, const struct problem_case *c)
{
    const char *said = strstr(line, "PRETEND ");
    char op[96] = "all", name[96];
    double value, best, steep, x;

    if (!said)
        return 1;
    if (sscanf(said, "PRETEND time %95s %lf", op, &x) == 2)
        return concerns(op, c) ? x : 1;
    if (sscanf(line, "TUNABLE(%95[^,], %lf", name, &value) == 2 &&
        sscanf(said, "PRETEND best %lf steep %lf of %95s", &best, &steep, op) >= 2)
        return concerns(op, c) ? 1 + steep * pow(log2(value / best), 2) : 1;
    return 1;
}

static double case_ns(const struct strbuf *text, const struct problem_case *c)
{
    double ns = 1e5;
    char line[512];

    for (const char *p = strbuf_str(text); *p;) {
        size_t n = strcspn(p, "\n");

        snprintf(line, sizeof line, "%.*s", (int)n, p);
        ns *= line_factor(line, c);
        p += n + (p[n] == '\n');
    }
    return ns;
}

/* Is a TUNABLE of the text more than what it says that fits? */
static bool exceeds(const char *text)
{
    bool too_much = false;

    for (const char *said = text; (said = strstr(said, "PRETEND fits up to ")); said++) {
        const char *line = said;
        double value, most;

        while (line > text && line[-1] != '\n')
            line--;
        too_much = too_much || (sscanf(line, "TUNABLE(%*[^,], %lf", &value) == 1 &&
                                sscanf(said, "PRETEND fits up to %lf", &most) == 1 && value > most);
    }
    return too_much;
}

/* The verdict that a word in the text demands, or -1. */
static int demanded(const char *text)
{
    static const struct {
        const char *word;
        enum judge_verdict verdict;
    } words[] = {
        {"PRETEND broken", JUDGE_FAIL_BUILD},      {"PRETEND foreign", JUDGE_FAIL_CONTRACT},
        {"PRETEND wrong", JUDGE_FAIL_CORRECTNESS}, {"PRETEND hang", JUDGE_FAIL_TIMEOUT},
        {"PRETEND crash", JUDGE_FAIL_CRASH},       {"PRETEND cheat", JUDGE_CHEAT},
        {"PRETEND unfit", JUDGE_UNFIT_MACHINE},
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(text, words[i].word))
            return (int)words[i].verdict;
    return exceeds(text) ? JUDGE_FAIL_BUILD : -1;
}

/* --- judging --- */

static void log_mark(enum judge_stage which, const char *mark)
{
    const char *path = getenv("PAWL_PRETEND_LOG");
    FILE *f = path && which >= JUDGE_MEASURED ? fopen(path, "ae") : NULL;

    if (!f)
        return;
    fprintf(f, "%s\n", mark);
    fclose(f);
}

static void stage(const struct ratchet_request *q, enum judge_stage which)
{
    static const char *const said[] = {"built", "checked", "measured", "confirmed"};
    const char *ms = getenv("PAWL_PRETEND_MS");
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    struct judge_progress p = {.stage = which, .text = "pretending"};

    log_mark(which, "start");
    for (long left = ms ? strtol(ms, NULL, 10) : 0; left > 0; left -= STEP_MS) {
        q->progress(q->progress_ctx, &p);
        nanosleep(&step, NULL);
    }
    log_mark(which, "stop");
    p.done = true;
    p.text = said[which];
    q->progress(q->progress_ctx, &p);
}

static void decide(struct judge_trial *t)
{
    double d = 0, weight = 0;
    bool same = true;

    for (size_t i = 0; i < t->n_cases; i++) {
        struct judge_case_result *c = &t->cases[i];

        same = same && fabs(c->estimate) < 1e-12;
        d += c->c->weight * c->estimate;
        weight += c->c->weight;
    }
    t->estimate = d / weight;
    t->verdict = same ? JUDGE_SAME_CODE : t->estimate > MARGIN ? JUDGE_WIN : JUDGE_LOSS;
    snprintf(t->reason, sizeof t->reason, "pretended: D %+.2f %%", 100 * expm1(t->estimate));
    if (same)
        return;
    t->low = t->estimate - NOISE;
    t->high = t->estimate + NOISE;
    t->n_units = 20;
    t->n_confirm_units = t->verdict == JUDGE_WIN ? 12 : 0;
    t->utilisation = 0.5;
    t->latency_ms = 0.1 * exp(-t->estimate);
    t->gflops = t->gbps = 1 / t->latency_ms;
    t->margin = MARGIN;
    t->score = 100 * t->utilisation * 100 / t->latency_ms;
}

static void measure(const struct ratchet_request *q, const struct strbuf *now,
                    const struct strbuf *before, struct judge_trial *t)
{
    for (size_t i = 0; i < problem_shipped.n_cases && t->n_cases < CASES_MOST; i++) {
        const struct problem_case *c = &problem_shipped.cases[i];
        struct judge_case_result *out = &t->cases[t->n_cases];

        if (!(c->weight > 0) || (q->focus && !problem_in_focus(c, q->focus)))
            continue;
        out->c = c;
        out->candidate_ns = case_ns(now, c);
        out->incumbent_ns = case_ns(before, c);
        out->estimate = log(out->incumbent_ns / out->candidate_ns);
        out->low = out->estimate - NOISE;
        out->high = out->estimate + NOISE;
        out->floor_ns = 5e4;
        out->utilisation = out->floor_ns / out->candidate_ns;
        out->regime = "compute";
        t->n_cases++;
    }
    decide(t);
}

static int pretend_trial(void *ctx, const struct ratchet_request *q, struct judge_trial *t)
{
    struct strbuf now = {0}, before = {0};
    int word, rc = kernel_text(q->candidate_dir, &now);

    (void)ctx;
    if (rc == 0)
        rc = kernel_text(q->incumbent_dir, &before);
    memset(t, 0, sizeof *t);
    t->regime = "compute";
    t->seed = 42;
    t->steal_share = t->disturbed_share = -1;
    snprintf(t->counters, sizeof t->counters, "unavailable: pretended");
    t->details = json_object();
    t->cases = calloc(CASES_MOST, sizeof *t->cases);
    if (rc < 0 || !t->details || !t->cases)
        goto out;
    word = demanded(strbuf_str(&now));
    sha256_hex(strbuf_str(&now), now.len, t->code_key);
    stage(q, JUDGE_BUILT);
    if (q->build_only || word >= 0) {
        if (word < 0)
            measure(q, &now, &before, t);
        if (word >= 0)
            t->verdict = (enum judge_verdict)word;
        else if (t->verdict != JUDGE_SAME_CODE)
            t->verdict = JUDGE_INCONCLUSIVE;
        snprintf(t->reason, sizeof t->reason, "pretended: the sources say so");
        if (q->check && word < 0)
            stage(q, JUDGE_CHECKED);
    } else {
        stage(q, JUDGE_CHECKED);
        stage(q, JUDGE_MEASURED);
        measure(q, &now, &before, t);
        if (t->verdict == JUDGE_WIN)
            stage(q, JUDGE_CONFIRMED);
    }
    snprintf(t->next, sizeof t->next, "pretend something else");
out:
    strbuf_deinit(&now);
    strbuf_deinit(&before);
    return rc;
}

static void pretend_release(struct judge_trial *t)
{
    free(t->cases);
    json_decref(t->details);
}

/* A plain compiler, without the judge's confinement; a tunable is nothing but its name. */
static int pretend_object(void *ctx, const struct ratchet_request *q, const char *to,
                          struct strbuf *why)
{
    char source[PATH_MAX], object[PATH_MAX];
    char *argv[] = {"gcc",
                    "-O2",
                    "-ffunction-sections",
                    "-DTUNABLE(name, ...)=struct name",
                    "-c",
                    "-o",
                    object,
                    source,
                    NULL};
    int rc;

    (void)ctx;
    snprintf(source, sizeof source, "%s/kernel.c", q->candidate_dir);
    snprintf(object, sizeof object, "%s", to);
    rc = process_run(argv, NULL, 60, why);
    return rc > 0 ? 1 : rc;
}

static int pretend_calibration(struct judge_calibration *out)
{
    memset(out, 0, sizeof *out);
    return 0;
}

static void pretend_machine(char out[256])
{
    snprintf(out, 256, "a pretended machine");
}

static void pretend_compiler(char out[128])
{
    snprintf(out, 128, "a pretended compiler");
}

static char sealed[SHA256_HEX]; /* of HEAD around the current folder */

const struct ratchet_judge ratchet_judge_native = {
    .hash = sealed,
    .trial = pretend_trial,
    .release = pretend_release,
    .object = pretend_object,
    .calibration = pretend_calibration,
    .machine = pretend_machine,
    .compiler = pretend_compiler,
    .verdict_name = judge_verdict_name,
};

/* The judge is the one that HEAD has, whatever that is: before main, since commands only read it. */
__attribute__((constructor)) static void seal_read(void)
{
    git_repository *repo = NULL;
    git_tree *tree = NULL;
    git_oid head;

    git_libgit2_init();
    if (git_repository_open_ext(&repo, ".", 0, NULL) == 0 &&
        git_reference_name_to_id(&head, repo, "HEAD") == 0 && repo_tree_of(repo, &head, &tree) == 0)
        repo_judge_hash(repo, tree, sealed);
    git_tree_free(tree);
    git_repository_free(repo);
    git_libgit2_shutdown();
}
