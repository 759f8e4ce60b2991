/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/git/logbranch.h"
#include "tests/ratchet/ratchet_fixture.h"

#include "ratchet/try/lease.h"
#include "reference/base/err.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

static struct fixture f;

/* Two rows here; in the branch `theirs`, a clone's third one, which is a win. */
static void setup(void)
{
    char first[80];

    fixture_init(&f);
    fixture_experiment(&f, JUDGE_LOSS, "int a;\n");
    fixture_experiment(&f, JUDGE_WIN, "int b;\n");
    memcpy(first, f.repo, sizeof first);
    fixture_git(&f, "clone -q . ../clone", NULL);
    snprintf(f.repo, sizeof f.repo, "%s/clone", f.dir);
    fixture_git(&f, "config user.name Other", NULL);
    fixture_git(&f, "config user.email other@localhost", NULL);
    fixture_experiment(&f, JUDGE_WIN, "int theirs;\n");
    memcpy(f.repo, first, sizeof first);
    fixture_git(&f, "fetch -q ../clone main:theirs", NULL);
}

static void teardown(void)
{
    fixture_deinit(&f);
}

TestSuite(logbranch, .init = setup, .fini = teardown);

Test(logbranch, a_reader_takes_nothing_over_while_a_ratchet_is_at_work)
{
    const struct lease_request ask = {.purpose = "the other"};
    char said[512] = "", before[REPO_HEX], after[REPO_HEX];
    FILE *say = fmemopen(said, sizeof said, "w");
    struct ratchet *r = fixture_open(&f);
    struct ratchet_audit a;
    int lease = lease_take(r->store, &ask);

    cr_assert_geq(lease, 0, "%s", err_message());
    ratchet_close(&r);
    fixture_rev(&f, "ratchet-log", before);
    fixture_git(&f, "merge -q --ff-only theirs", NULL);
    cr_assert_eq(ratchet_open(f.repo, &f.judge, say, &r), 0, "%s", err_message());
    cr_assert_eq(ledger_count(r->ledger), 2);
    cr_assert(r->behind && !r->doubt[0], "%s", r->doubt);
    cr_assert(strstr(said, "not taken over yet") && strstr(said, "the other"), "%s", said);
    cr_assert_eq(ratchet_audit(r, &a), ERR_CONFLICT);
    ratchet_close(&r);
    fixture_rev(&f, "ratchet-log", after);
    cr_assert_str_eq(before, after);
    close(lease);
    fclose(say);
    cr_assert_eq(fixture_rows(&f), 3);
}

static void pull_and_read(struct fixture *fx)
{
    fixture_git(fx, "update-ref refs/heads/main refs/heads/theirs", NULL);
    cr_assert_eq(fixture_rows(fx), 2);
}

Test(logbranch, a_pull_and_a_reader_during_a_try_do_not_cost_its_verdict)
{
    struct strbuf tsv = {0};
    struct ratchet *r;

    f.during = pull_and_read;
    f.verdict = JUDGE_LOSS;
    fixture_write(&f, "kernel/kernel.c", "int ours;\n");
    cr_assert_eq(fixture_try(&f, "ours", NULL), 0, "%s", err_message());
    r = fixture_open(&f);
    cr_assert_eq(ledger_export(r->ledger, 0, &tsv), 0);
    cr_assert(strstr(tsv.data, "\tLOSS\tours\t"), "%s", tsv.data);
    cr_assert(strstr(r->doubt, "row 3 that HEAD's history joins is another one"), "%s", r->doubt);
    ratchet_close(&r);
    fixture_write(&f, "kernel/kernel.c", "int next;\n");
    cr_assert_eq(fixture_try(&f, "next", NULL), ERR_CONFLICT);
    cr_assert(fixture_file_is(&f, "kernel/kernel.c", "int next;\n"));
    strbuf_deinit(&tsv);
}

/* Whoever queued begins with what came meanwhile. */
Test(logbranch, a_writer_takes_over_once_it_has_the_lease)
{
    const struct lease_request ask = {.purpose = "the other"};
    struct ratchet *r = fixture_open(&f);
    int lease = lease_take(r->store, &ask);

    cr_assert_geq(lease, 0, "%s", err_message());
    ratchet_close(&r);
    fixture_git(&f, "merge -q --ff-only theirs", NULL);
    r = fixture_open(&f);
    cr_assert(r->behind);
    close(lease);
    cr_assert_eq(ratchet_begin(r), 0, "%s", err_message());
    cr_assert(!r->behind);
    cr_assert_eq(ledger_count(r->ledger), 3);
    ratchet_close(&r);
}
