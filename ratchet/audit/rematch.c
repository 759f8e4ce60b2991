/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/audit/rematch.h"
#include "ratchet/try/controls.h"
#include "ratchet/try/progress.h"
#include "ratchet/try/staging.h"

#include "reference/base/err.h"

#include <math.h>
#include <string.h>

static int no_earlier(void *ctx, const char *code_key, const char *key, json_t **out)
{
    (void)ctx;
    (void)code_key;
    (void)key;
    (void)out;
    return 0;
}

static void on_progress(void *ctx, const struct judge_progress *p)
{
    progress_show(ctx, p);
}

static int trial_run(struct ratchet *r, const struct rematch_options *o,
                     const struct staging *folders, struct judge_trial *out)
{
    struct progress progress;
    struct ratchet_request request = {.focus = o->focus,
                                      .features = o->features,
                                      .max_units = o->max_units,
                                      .build_only = o->build_only,
                                      .margin = controls_margin(NULL),
                                      .earlier = no_earlier,
                                      .progress = on_progress,
                                      .progress_ctx = &progress};
    int rc;

    staging_name(folders, &request);
    progress_init(&progress, r->say, false);
    memset(out, 0, sizeof *out);
    rc = r->judge->trial(r->judge->ctx, &request, out);
    progress_clear(&progress);
    return rc;
}

static int sealed_tree(struct ratchet *r, git_tree **out)
{
    char hash[SHA256_HEX];
    git_oid head;

    *out = NULL;
    if (git_reference_name_to_id(&head, r->repo, "HEAD"))
        return repo_fail("reading HEAD");
    TRY(repo_tree_of(r->repo, &head, out));
    TRY(repo_judge_hash(r->repo, *out, hash));
    if (strcmp(hash, r->judge->hash) != 0)
        return err_set(ERR_CONFLICT,
                       "these programs were built from other sealed sources than HEAD's: make");
    return 0;
}

int rematch(struct ratchet *r, const struct rematch_options *o, const git_oid *candidate,
            const git_oid *incumbent, struct judge_trial *out)
{
    git_tree *sealed = NULL, *a = NULL, *b = NULL;
    struct staging folders = {0};
    int64_t scratch = staging_number(r);
    int rc = sealed_tree(r, &sealed);

    if (rc == 0)
        rc = repo_tree_of(r->repo, candidate, &a);
    if (rc == 0)
        rc = repo_tree_of(r->repo, incumbent, &b);
    if (rc == 0)
        rc = staging_make(r, scratch, a, b, sealed, &folders);
    if (rc == 0)
        rc = trial_run(r, o, &folders, out);
    ratchet__work_remove(r, scratch);
    staging_deinit(&folders);
    git_tree_free(sealed);
    git_tree_free(a);
    git_tree_free(b);
    return rc;
}

int rematch_sum(const struct judge_trial *t, const char *case_name, struct honesty_sum *out)
{
    *out = (struct honesty_sum){0, 0};
    if (t->verdict == JUDGE_SAME_CODE)
        return 1;
    if (!case_name && t->n_cases) {
        *out = (struct honesty_sum){t->estimate, honesty_variance(t->low, t->high)};
        return 1;
    }
    for (size_t i = 0; case_name && i < t->n_cases; i++) {
        const struct judge_case_result *c = &t->cases[i];

        if (strcmp(c->c->name, case_name) != 0 || !isfinite(c->estimate))
            continue;
        *out = (struct honesty_sum){c->estimate, honesty_variance(c->low, c->high)};
        return 1;
    }
    return 0;
}

uint32_t rematch_units(const struct judge_trial *t)
{
    return t->n_confirm_units ? t->n_confirm_units : t->n_units;
}
