/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/ratchet.h"

#include "ratchet/printable.h"
#include "ratchet/try/lease.h"
#include "ratchet/git/logbranch.h"
#include "ratchet/git/repo.h"
#include "reference/base/err.h"
#include "reference/base/fileio.h"
#include "reference/base/strbuf.h"

#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void ratchet__time_now(char out[32])
{
    time_t now = time(NULL);
    struct tm utc;

    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
}

int64_t ratchet__time_parse(const char *iso)
{
    struct tm utc = {0};

    return strptime(iso, "%Y-%m-%dT%H:%M:%SZ", &utc) ? (int64_t)timegm(&utc) : 0;
}

void ratchet__say(struct ratchet *r, const char *fmt, ...)
{
    va_list ap;

    if (!r->say)
        return;
    va_start(ap, fmt);
    printable_vprintf(r->say, fmt, ap);
    va_end(ap);
    fputc('\n', r->say);
    fflush(r->say);
}

int ratchet__program(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);

    if (n < 0)
        return err_set(ERR_IO, "/proc/self/exe: %s", strerror(errno));
    out[n] = '\0';
    return 0;
}

int ratchet__program_beside(const char *name, char out[PATH_MAX])
{
    char self[PATH_MAX];

    TRY(ratchet__program(self));
    if (snprintf(out, PATH_MAX, "%s/%s", dirname(self), name) >= PATH_MAX)
        return err_set(ERR_RANGE, "path of %s is too long", name);
    if (access(out, X_OK))
        return err_set(ERR_IO, "%s is missing; build it: make", out);
    return 0;
}

void ratchet__kill_point(const char *prefix, const char *name)
{
    const char *at = getenv("PAWL_KILL_AT");

    if (at && strncmp(at, prefix, strlen(prefix)) == 0 && strcmp(at + strlen(prefix), name) == 0)
        raise(SIGKILL);
}

int ratchet__state(struct ratchet *r, int64_t attempt, const char *name, const json_t *data)
{
    char *text = data ? json_dumps(data, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    struct ledger_state s = {.attempt = attempt, .name = name, .data = text};
    int rc;

    ratchet__kill_point("before:", name);
    rc = ledger_state_add(r->ledger, &s);
    free(text);
    if (rc == 0)
        ratchet__kill_point("", name);
    return rc;
}

int ratchet__append(struct ratchet *r, struct ledger_row *row, const char *details, int64_t attempt,
                    const char *state, bool keep_files)
{
    struct ledger_state s = {
        .attempt = attempt, .name = state, .data = keep_files ? "{\"keep\":true}" : ""};

    ratchet__kill_point("before:", state);
    TRY(ledger_append(r->ledger, row, details, &s));
    ratchet__kill_point("", state);
    return 0;
}

int ratchet__attempt_ref(struct ratchet *r, int64_t n, const git_oid *attempt)
{
    char name[64];

    snprintf(name, sizeof name, "refs/pawl/attempts/%lld", (long long)n);
    return repo_ref_set(r->repo, name, attempt, "ratchet: attempt");
}

void ratchet__work_dir(struct ratchet *r, int64_t n, struct strbuf *out)
{
    strbuf_addf(out, "%s/scratch/%lld", r->store, (long long)n);
}

void ratchet__work_remove(struct ratchet *r, int64_t n)
{
    struct strbuf dir = {0};

    ratchet__work_dir(r, n, &dir);
    file_remove_tree(dir.data); /* scratch that stays behind is removed with the next attempt */
    strbuf_deinit(&dir);
}

/* --- opening --- */

static char *text_copy(const char *text)
{
    char *copy = strdup(text);

    if (!copy)
        abort();
    return copy;
}

static int open_store(struct ratchet *r)
{
    struct strbuf path = {0};
    int rc;

    strbuf_addf(&path, "%spawl", git_repository_commondir(r->repo));
    r->store = text_copy(path.data);
    rc = file_make_dirs(r->store);
    strbuf_addf(&path, "/ledger.db");
    if (rc == 0)
        rc = ledger_open(path.data, &r->ledger);
    strbuf_deinit(&path);
    return rc;
}

/* Rows are written under the lease alone. Where another ratchet has it, they wait. */
static int import_leased(struct ratchet *r)
{
    const struct lease_request ask = {.purpose = "taking over the experiments that git carries"};
    int lease = r->lock < 0 ? lease_take(r->store, &ask) : -1, rc;

    r->behind = r->lock < 0 && lease < 0;
    if (r->behind) {
        ratchet__say(r, "experiments that came with git are not taken over yet: %s", err_message());
        return 0;
    }
    rc = logbranch_import(r);
    if (lease >= 0)
        close(lease);
    return rc;
}

/* What git carries and this ledger lacks. Failing is no error yet: reading goes on, writing will be
 * refused with the reason. */
static void take_history(struct ratchet *r)
{
    int rc = logbranch_lags(r);

    r->behind = false;
    r->doubt[0] = '\0';
    if (rc == 1)
        rc = import_leased(r);
    if (rc >= 0 && !r->behind)
        rc = logbranch_covers_head(r);
    if (rc >= 0)
        return;
    if (git_repository_is_shallow(r->repo) == 1)
        snprintf(r->doubt, sizeof r->doubt,
                 "this clone is shallow, and the experiments that its results.tsv names are not in "
                 "it; first: git fetch --unshallow");
    else
        snprintf(r->doubt, sizeof r->doubt,
                 "the experiments that git carries do not fit this ledger: %s%s%s%s", err_message(),
                 rc == ERR_CONFLICT ? "; to go on with the branch's history, move " : "",
                 rc == ERR_CONFLICT ? r->store : "",
                 rc == ERR_CONFLICT ? "/ledger.db and the branch ratchet-log out of the way" : "");
}

int ratchet_open(const char *path, const struct ratchet_judge *judge, FILE *say,
                 struct ratchet **out)
{
    struct ratchet *r = calloc(1, sizeof *r);
    int rc = 0;

    if (!r)
        return err_set(ERR_NOMEM, "ratchet: out of memory");
    git_libgit2_init();
    r->judge = judge;
    r->say = say;
    r->lock = -1;
    if (git_repository_open_ext(&r->repo, path, 0, NULL))
        rc = repo_fail("no git repository here (%s)", path);
    else if (git_repository_is_bare(r->repo))
        rc = err_set(ERR_UNSUPPORTED, "this repository is bare; the ratchet works in a checkout");
    if (rc == 0) {
        r->root = text_copy(git_repository_workdir(r->repo));
        rc = open_store(r);
    }
    if (rc == 0)
        take_history(r);
    if (rc < 0)
        ratchet_close(&r);
    *out = r;
    return rc;
}

void ratchet_close(struct ratchet **rp)
{
    struct ratchet *r = *rp;

    if (!r)
        return;
    ledger_close(&r->ledger);
    git_repository_free(r->repo);
    ratchet_end(r);
    free(r->root);
    free(r->store);
    free(r);
    git_libgit2_shutdown();
    *rp = NULL;
}

/* Nothing is appended to a chain that is broken. */
static int check_ledger(struct ratchet *r)
{
    struct ledger_proof proof;
    struct ledger_fault fault;
    char row[32] = "";
    int rc;

    if (r->doubt[0])
        return err_set(ERR_CONFLICT, "%s", r->doubt);
    rc = ledger_verify(r->ledger, &proof, &fault);
    if (rc == 1) {
        if (fault.experiment)
            snprintf(row, sizeof row, "row %lld: ", (long long)fault.experiment);
        rc = err_set(ERR_INTEGRITY,
                     "the ledger was changed: %s%s (see ratchet audit); to go on, move "
                     "%s/ledger.db away: it is rebuilt from the branch ratchet-log",
                     row, fault.text, r->store);
    }
    return rc;
}

int ratchet_begin(struct ratchet *r)
{
    if (r->lock < 0) {
        const struct lease_request ask = {
            .purpose = r->purpose, .wait = r->wait, .wait_minutes = r->wait_minutes, .say = r->say};
        int fd = lease_take(r->store, &ask);

        TRY(fd);
        r->lock = fd;
        take_history(r); /* what came while another was at work */
    }
    TRY(check_ledger(r));
    TRY(logbranch_sync(r));
    TRY(ratchet__recover(r));
    return logbranch_sync(r);
}

void ratchet_end(struct ratchet *r)
{
    if (r->lock >= 0)
        close(r->lock);
    r->lock = -1;
}
