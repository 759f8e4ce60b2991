/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/ratchet/ratchet_fixture.h"

#include "reference/base/cpu.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void full_path(const struct fixture *f, const char *path, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", f->repo, path);
}

void fixture_write(struct fixture *f, const char *path, const char *text)
{
    char full[PATH_MAX], folder[PATH_MAX];

    full_path(f, path, full);
    full_path(f, path, folder);
    *strrchr(folder, '/') = '\0';
    cr_assert_eq(file_make_dirs(folder), 0);
    cr_assert_eq(file_write_atomic(full, text, strlen(text)), 0, "%s", err_message());
}

void fixture_remove(struct fixture *f, const char *path)
{
    char full[PATH_MAX];

    full_path(f, path, full);
    cr_assert_eq(unlink(full), 0);
}

bool fixture_exists(struct fixture *f, const char *path)
{
    char full[PATH_MAX];

    full_path(f, path, full);
    return access(full, F_OK) == 0;
}

bool fixture_file_is(struct fixture *f, const char *path, const char *text)
{
    struct strbuf have = {0};
    char full[PATH_MAX];
    bool same;

    full_path(f, path, full);
    same = file_read(full, &have) == 0 && strcmp(strbuf_str(&have), text) == 0;
    strbuf_deinit(&have);
    return same;
}

void fixture_git(struct fixture *f, const char *args, struct strbuf *out)
{
    char copy[512], *argv[32] = {"git"}, *save = NULL;
    struct strbuf said = {0};
    int n = 1, rc;

    snprintf(copy, sizeof copy, "%s", args);
    for (char *w = strtok_r(copy, " ", &save); w && n < 31; w = strtok_r(NULL, " ", &save))
        argv[n++] = w;
    rc = process_run(argv, f->repo, 60, &said);
    cr_assert_eq(rc, 0, "git %s: %s", args, strbuf_str(&said));
    if (out)
        strbuf_add(out, strbuf_str(&said), said.len);
    strbuf_deinit(&said);
}

bool fixture_clean(struct fixture *f)
{
    struct strbuf out = {0};
    bool clean;

    fixture_git(f, "status --porcelain", &out);
    clean = out.len == 0;
    if (!clean)
        cr_log_warn("git status: %s", out.data);
    strbuf_deinit(&out);
    return clean;
}

void fixture_rev(struct fixture *f, const char *rev, char out[REPO_HEX])
{
    struct strbuf text = {0};
    char args[256];

    snprintf(args, sizeof args, "rev-parse %s", rev);
    fixture_git(f, args, &text);
    snprintf(out, REPO_HEX, "%.40s", text.data);
    strbuf_deinit(&text);
}

/* --- the judge --- */

static struct fixture *calibrated_by; /* the fixture that was initialised last */

static bool has_file(const char *dir, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static void stage(const struct ratchet_request *q, enum judge_stage which)
{
    struct judge_progress p = {.stage = which, .done = true, .text = "stage"};

    q->progress(q->progress_ctx, &p);
}

/* Look for earlier evidence and keep the sum, as the judge does; what is decided is handed on. */
static void fake_evidence(struct fixture *f, const struct ratchet_request *q, struct judge_trial *t)
{
    json_t *earlier = NULL, *kept;
    int64_t units = 0;

    if (!f->evidence_key)
        return;
    if (q->earlier(q->earlier_ctx, "a code key", f->evidence_key, &earlier) == 1)
        units = json_integer_value(json_object_get(earlier, "units"));
    f->earlier_units = units;
    t->n_earlier_units = (uint32_t)units;
    snprintf(t->code_key, sizeof t->code_key, "a code key");
    kept = f->at_once ? json_incref(earlier)
                      : json_pack("{s:s, s:I}", "key", f->evidence_key, "units",
                                  (json_int_t)(units + t->n_units));
    cr_assert_eq(json_object_set_new(t->details, "evidence", kept), 0);
    json_decref(earlier);
}

static int fake_calibration(struct judge_calibration *out)
{
    if (calibrated_by->calibrated < 0)
        return err_set(calibrated_by->calibrated, "the fake calibration is damaged");
    *out = calibrated_by->calibration;
    return calibrated_by->calibrated;
}

static int fake_trial(void *ctx, const struct ratchet_request *q, struct judge_trial *t)
{
    static struct problem_case first = {.op = "gemv", .weight = 1};
    struct fixture *f = ctx;

    f->n_trials++;
    f->margin = q->margin;
    snprintf(f->features, sizeof f->features, "%s", q->features);
    f->saw_committed =
        has_file(q->candidate_dir, "kernel.c") && has_file(q->incumbent_dir, "kernel.c") &&
        has_file(q->root, "kernel/kernel.h") && has_file(q->root, "judge/kernel.flags") &&
        access(q->work_dir, W_OK) == 0 && access(q->cache_dir, W_OK) == 0;
    if (f->during)
        f->during(f);
    if (f->fail_with)
        return err_set(f->fail_with, "the fake judge fails");
    memset(t, 0, sizeof *t);
    t->verdict = f->verdict;
    t->seed = 42;
    snprintf(t->next, sizeof t->next, "look at the next thing");
    if (f->verdict == JUDGE_SAME_CODE) {
        snprintf(t->reason, sizeof t->reason, "same code");
        return 0;
    }
    stage(q, JUDGE_BUILT);
    stage(q, JUDGE_CHECKED);
    snprintf(t->reason, sizeof t->reason, "as the test\twanted\n\xc3\xa9\xff");
    if (f->verdict != JUDGE_WIN && f->verdict != JUDGE_LOSS)
        return 0;
    stage(q, JUDGE_MEASURED);
    t->estimate = f->verdict != JUDGE_WIN ? -0.02 : f->gain != 0 ? f->gain : 0.0312345678;
    t->low = t->estimate - 0.01;
    t->high = t->estimate + 0.01;
    t->n_units = f->at_once ? 0 : 30;
    t->n_confirm_units = f->verdict == JUDGE_WIN ? 20 : 0;
    t->score = 123.456789;
    t->latency_ms = 1.5;
    t->utilisation = 0.61;
    t->regime = "memory";
    first.name = f->case_name ? f->case_name : "first";
    t->n_cases = 1;
    t->cases = calloc(1, sizeof *t->cases);
    cr_assert(t->cases);
    t->cases[0] = (struct judge_case_result){.c = &first,
                                             .estimate = t->estimate,
                                             .low = t->low,
                                             .high = t->high,
                                             .candidate_ns = 1000.0 / 3,
                                             .incumbent_ns = 350,
                                             .regime = "memory"};
    t->steal_share = -1;
    t->disturbed_share = f->disturbed_share;
    t->details = json_pack("{s:[f,f]}", "units", 0.1, 0.2);
    fake_evidence(f, q, t);
    if (f->verdict == JUDGE_WIN)
        stage(q, JUDGE_CONFIRMED);
    return 0;
}

static void fake_release(struct judge_trial *t)
{
    free(t->cases);
    json_decref(t->details);
}

static void fake_machine(char out[256])
{
    snprintf(out, 256, "a machine of the test");
}

static void fake_compiler(char out[128])
{
    snprintf(out, 128, "a compiler of the test");
}

static const char *fake_verdict_name(enum judge_verdict v)
{
    static const char *const names[] = {
        "WIN",        "LOSS",          "INCONCLUSIVE",     "SAME_CODE",
        "FAIL_BUILD", "FAIL_CONTRACT", "FAIL_CORRECTNESS", "FAIL_TIMEOUT",
        "FAIL_CRASH", "CHEAT",         "UNFIT_MACHINE"};

    return names[v];
}

/* --- the repository --- */

void fixture_rehash(struct fixture *f)
{
    git_repository *repo = NULL;
    git_tree *tree = NULL;
    git_oid head;

    git_libgit2_init();
    cr_assert_eq(git_repository_open(&repo, f->repo), 0);
    cr_assert_eq(git_reference_name_to_id(&head, repo, "HEAD"), 0);
    cr_assert_eq(repo_tree_of(repo, &head, &tree), 0);
    cr_assert_eq(repo_judge_hash(repo, tree, f->hash), 0);
    git_tree_free(tree);
    git_repository_free(repo);
    git_libgit2_shutdown();
}

void fixture_init(struct fixture *f)
{
    /* memory, where there is some: a test makes dozens of databases that sync each row */
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    memset(f, 0, sizeof *f);
    calibrated_by = f;
    snprintf(f->dir, sizeof f->dir, "%s/pawl-test-XXXXXX", tmp);
    cr_assert(mkdtemp(f->dir));
    snprintf(f->repo, sizeof f->repo, "%s/repo", f->dir);
    cr_assert_eq(file_make_dirs(f->repo), 0);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    fixture_write(f, "kernel/kernel.h", "/* the contract */\n");
    fixture_write(f, "kernel/kernel.c", FIXTURE_KERNEL);
    fixture_write(f, "kernel/part.inc", "/* part */\n");
    fixture_write(f, "kernel/module.mk", "\n");
    fixture_write(f, "judge/kernel.flags", "-O3\n");
    fixture_write(f, "judge/judge.c", "int judge;\n");
    fixture_write(f, "reference/base/oracle.c", "int oracle;\n");
    fixture_write(f, "README.md", "a test\n");
    fixture_git(f, "init -q -b main", NULL);
    fixture_git(f, "config user.name Tester", NULL);
    fixture_git(f, "config user.email tester@localhost", NULL);
    fixture_git(f, "add -A", NULL);
    fixture_git(f, "commit -q -m first", NULL);
    fixture_rehash(f);
    f->judge = (struct ratchet_judge){.ctx = f,
                                      .hash = f->hash,
                                      .trial = fake_trial,
                                      .release = fake_release,
                                      .calibration = fake_calibration,
                                      .machine = fake_machine,
                                      .compiler = fake_compiler,
                                      .verdict_name = fake_verdict_name};
}

void fixture_deinit(struct fixture *f)
{
    file_remove_tree(f->dir);
}

struct ratchet *fixture_open(struct fixture *f)
{
    struct ratchet *r = NULL;

    cr_assert_eq(ratchet_open(f->repo, &f->judge, NULL, &r), 0, "%s", err_message());
    return r;
}

int fixture_try(struct fixture *f, const char *hypothesis, struct ratchet_result *out)
{
    struct ratchet_try_options o = {.hypothesis = hypothesis};
    struct ratchet *r = fixture_open(f);
    struct ratchet_result own;
    int rc = ratchet_try(r, &o, out ? out : &own);

    if (rc == 0 && !out)
        ratchet_result_deinit(&own);
    ratchet_close(&r);
    return rc;
}

void fixture_experiment(struct fixture *f, enum judge_verdict v, const char *kernel)
{
    int64_t before = fixture_rows(f);

    f->verdict = v;
    fixture_write(f, "kernel/kernel.c", kernel);
    cr_assert_eq(fixture_try(f, "make it faster", NULL), 0, "%s", err_message());
    cr_assert_eq(fixture_rows(f), before + 1);
}

size_t fixture_audit(struct fixture *f, char *text)
{
    struct ratchet *r = fixture_open(f);
    struct ratchet_audit a;
    size_t n;

    cr_assert_eq(ratchet_audit(r, &a), 0, "%s", err_message());
    n = json_array_size(a.failed);
    snprintf(text, 512, "%s", n ? json_string_value(json_array_get(a.failed, 0)) : "");
    ratchet_audit_deinit(&a);
    ratchet_close(&r);
    return n;
}

int64_t fixture_rows(struct fixture *f)
{
    struct ratchet *r = fixture_open(f);
    int64_t n = ledger_count(r->ledger);

    ratchet_close(&r);
    return n;
}

const char *fixture_features_like_all(void)
{
    static const char *const words[] = {"amx", "avx512", "avx2", "scalar"};
    uint64_t bits;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (cpu_features_named(words[i], &bits) == 0 && bits == cpu_features())
            return words[i];
    return NULL;
}
