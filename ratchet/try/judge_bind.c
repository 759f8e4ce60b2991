/* SPDX-License-Identifier: Apache-2.0
 *
 * The one place where the ratchet calls the judge. Not part of the test programs, which bring a
 * judge of their own. */
#include "ratchet/ratchet.h"
#include "ratchet/try/record.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void tell(const struct ratchet_request *q, enum judge_stage stage, bool done,
                 const char *text)
{
    struct judge_progress p = {.stage = stage, .done = done, .text = text};

    if (q->progress)
        q->progress(q->progress_ctx, &p);
}

/* What to do about a kernel that is refused before it runs. */
static const char *next_of_refusal(enum judge_verdict v)
{
    switch (v) {
    case JUDGE_FAIL_CONTRACT:
        return "kernel/kernel.h says what a kernel may include, export, import and keep";
    case JUDGE_CHEAT:
        return "take out what the reason names: no kernel needs it";
    default:
        return "make it compile; `ratchet show` has the compiler's whole log";
    }
}

/* A dry run ends after compiling: say what compiling alone can tell. */
static void built_only(struct judge_build *candidate, struct judge_build *incumbent,
                       struct judge_trial *out)
{
    memset(out, 0, sizeof *out);
    if (!judge_build_ok(candidate)) {
        out->verdict = judge_build_verdict(candidate);
        snprintf(out->reason, sizeof out->reason, "%.500s", judge_build_log(candidate));
    } else if (judge_build_ok(incumbent) &&
               strcmp(judge_build_code_key(candidate), judge_build_code_key(incumbent)) == 0) {
        out->verdict = JUDGE_SAME_CODE;
        snprintf(out->reason, sizeof out->reason, "the compiled code is the incumbent's");
    } else {
        out->verdict = JUDGE_INCONCLUSIVE;
        snprintf(out->reason, sizeof out->reason,
                 "in scope, and it builds; not checked, not measured");
        snprintf(out->next, sizeof out->next, "leave out --dry-run");
    }
}

/* A dry run that checks: what built_only says of code that builds and is new gives way to the
 * oracle's word. The same check opens every trial. */
static int checked_only(struct judge_build *candidate, const struct judge_options *o,
                        struct judge_trial *out)
{
    struct judge_options first = *o;
    struct judge_check_report report;

    if (out->verdict != JUDGE_INCONCLUSIVE)
        return 0;
    first.check_scope = JUDGE_CHECK_FIRST;
    TRY(judge_check(candidate, &first, &report));
    if (report.verdict == JUDGE_WIN) {
        snprintf(out->reason, sizeof out->reason,
                 "in scope, it builds, and it is correct in %zu cases; not measured",
                 report.n_cases);
        snprintf(out->next, sizeof out->next, "leave out --check");
    } else {
        out->verdict = report.verdict;
        snprintf(out->reason, sizeof out->reason, "%s", report.message);
        snprintf(out->next, sizeof out->next,
                 "judge check --source DIR --replay %llu shows the worst region, with that kernel "
                 "in DIR",
                 (unsigned long long)report.seed);
    }
    judge_check_report_deinit(&report);
    return 0;
}

/* Where the same question was asked before, the trial goes on from there. */
static int try_continued(const struct ratchet_request *q, struct judge_build *candidate,
                         struct judge_build *incumbent, struct judge_options *o,
                         struct judge_trial *out)
{
    char key[SHA256_HEX] = "";
    json_t *evidence = NULL;
    int rc = 0;

    if (judge_build_ok(candidate) && judge_build_ok(incumbent)) {
        rc = judge_evidence_key(candidate, incumbent, o, key);
        if (rc == 0)
            rc = q->earlier(q->earlier_ctx, judge_build_code_key(candidate), key, &evidence);
    }
    o->evidence = evidence;
    if (rc >= 0)
        rc = judge_try(candidate, incumbent, o, out);
    o->evidence = NULL;
    json_decref(evidence);
    return rc;
}

/* The trial has seen the path that its features select. A gain there must not have broken another:
 * what the check says of it takes the place of the win. */
static int check_other_paths(struct judge_build *candidate, const struct judge_options *o,
                             struct judge_trial *out)
{
    static const char *const sets[] = {"scalar", "avx2", "avx512", "all"};
    uint64_t measured, bits, before = 0;

    TRY(cpu_features_named(o->features, &measured));
    for (size_t i = 0; i < sizeof sets / sizeof *sets && out->verdict == JUDGE_WIN;
         i++, before = bits) {
        struct judge_options other = *o;
        struct judge_check_report report;

        if (cpu_features_named(sets[i], &bits) < 0 || bits == measured || (i && bits == before))
            continue;
        other.features = sets[i];
        other.check_scope = JUDGE_CHECK_FIRST;
        TRY(judge_check(candidate, &other, &report));
        if (report.verdict != JUDGE_WIN) {
            out->verdict = report.verdict;
            snprintf(out->reason, sizeof out->reason,
                     "faster with features %s, but with %s: %.400s", o->features, sets[i],
                     report.message);
            snprintf(out->next, sizeof out->next,
                     "judge check --source DIR --features %s --seed %llu repeats it, with that "
                     "kernel in DIR",
                     sets[i], (unsigned long long)report.seed);
        }
        judge_check_report_deinit(&report);
    }
    return 0;
}

/* What the judge says of two builds, of which neither need have succeeded. */
static int judge_builds(const struct ratchet_request *q, struct judge_build *candidate,
                        struct judge_build *incumbent, struct judge_options *o,
                        struct judge_trial *out)
{
    int rc = 0;

    tell(q, JUDGE_BUILT, true, NULL);
    if (q->build_only)
        built_only(candidate, incumbent, out);
    else
        rc = try_continued(q, candidate, incumbent, o, out);
    if (q->build_only && q->check)
        rc = checked_only(candidate, o, out);
    if (rc == 0 && out->verdict == JUDGE_WIN)
        rc = check_other_paths(candidate, o, out);
    if (rc == 0 && !judge_build_ok(candidate))
        snprintf(out->next, sizeof out->next, "%s", next_of_refusal(out->verdict));
    return rc;
}

static void add_build_log(const struct judge_build *candidate, json_t *details)
{
    char *log = NULL;

    record_text(&log, judge_build_log(candidate));
    json_object_set_new(details, "build_log", json_string(log));
    free(log);
}

static int native_trial(void *ctx, const struct ratchet_request *q, struct judge_trial *out)
{
    struct judge_build *candidate = NULL, *incumbent = NULL;
    char worker[PATH_MAX];
    struct judge_options o = {.root = q->root,
                              .work_dir = q->work_dir,
                              .worker = worker,
                              .features = q->features,
                              .focus = q->focus,
                              .max_units = q->max_units,
                              .cache_dir = q->cache_dir,
                              .margin = q->margin,
                              .progress = q->progress,
                              .progress_ctx = q->progress_ctx};
    int rc;

    (void)ctx;
    TRY(ratchet__program_beside("judge-worker", worker));
    tell(q, JUDGE_BUILT, false, "building the attempt and HEAD from their commits");
    rc = judge_build_open(q->candidate_dir, &o, &candidate);
    if (rc == 0)
        rc = judge_build_open(q->incumbent_dir, &o, &incumbent);
    if (rc == 0)
        rc = judge_builds(q, candidate, incumbent, &o, out);
    if (rc == 0 && out->details)
        add_build_log(candidate, out->details);
    judge_build_close(&candidate);
    judge_build_close(&incumbent);
    return rc;
}

static int native_object(void *ctx, const struct ratchet_request *q, const char *to,
                         struct strbuf *why)
{
    const struct judge_options o = {
        .root = q->root, .work_dir = q->work_dir, .cache_dir = q->cache_dir};
    struct judge_build *build = NULL;
    struct strbuf object = {0};
    int rc = judge_build_open(q->candidate_dir, &o, &build);

    (void)ctx;
    if (rc == 0 && !judge_build_ok(build)) {
        strbuf_addf(why, "%s: %.400s", judge_verdict_name(judge_build_verdict(build)),
                    judge_build_log(build));
        rc = 1;
    }
    if (rc == 0)
        rc = file_read(judge_build_object(build), &object);
    if (rc == 0)
        rc = file_write_atomic(to, object.data, object.len);
    strbuf_deinit(&object);
    judge_build_close(&build);
    return rc;
}

/* First line of `$CC --version`, the compiler that judge_build_open runs. */
static void native_compiler(char out[128])
{
    const char *cc = getenv("CC");
    char *argv[] = {"sh", "-c", "${CC:-gcc} --version", NULL};
    struct strbuf text = {0};

    snprintf(out, 128, "%s", cc && *cc ? cc : "gcc");
    if (process_run(argv, NULL, 20, &text) == 0 && text.len)
        snprintf(out, 128, "%.*s", (int)strcspn(text.data, "\n"), text.data);
    strbuf_deinit(&text);
}

const struct ratchet_judge ratchet_judge_native = {
    .hash = judge_hash,
    .trial = native_trial,
    .release = judge_trial_deinit,
    .object = native_object,
    .calibration = judge_calibration_load,
    .machine = judge_machine_fingerprint,
    .compiler = native_compiler,
    .verdict_name = judge_verdict_name,
};
