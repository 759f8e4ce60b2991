/* SPDX-License-Identifier: Apache-2.0 */
#include "ratchet/agent/campaign.h"

#include "reference/base/err.h"
#include "reference/base/fileio.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char store[64];

static void prepare(void)
{
    snprintf(store, sizeof store, "/tmp/pawl-campaign-XXXXXX");
    cr_assert(mkdtemp(store));
}

static void clean(void)
{
    file_remove_tree(store);
}

TestSuite(campaign, .init = prepare, .fini = clean);

static void note(struct campaign *c, const char *event)
{
    cr_assert_eq(campaign_note(c, json_loads(event, 0, NULL)), 0, "%s", err_message());
}

static void begin(struct campaign *c)
{
    json_t *options =
        json_pack("{s:s, s:f, s:s}", "exec", "true", "attempts", 5.0, "focus", "gemm");

    cr_assert_eq(campaign_start(store, options, c), 0, "%s", err_message());
    json_decref(options);
}

static void go_on(struct campaign *c, const char *options)
{
    json_t *o = json_loads(options, 0, NULL);

    cr_assert_eq(campaign_resume(store, NULL, o, c), 0, "%s", err_message());
    json_decref(o);
}

static const char *const events[] = {
    "{\"event\":\"round\",\"round\":1}",
    "{\"event\":\"end\",\"round\":1,\"outcome\":\"crashed\",\"detail\":\"exit code 1\"}",
    "{\"event\":\"round\",\"round\":2}",
    "{\"event\":\"try\",\"round\":2,\"kernel\":\"k\",\"hypothesis\":\"h\",\"rows\":7}",
    "{\"event\":\"row\",\"experiment\":8}",
    "{\"event\":\"end\",\"round\":2,\"outcome\":\"tried\",\"detail\":\"\",\"experiment\":9,"
    "\"verdict\":\"WIN\",\"estimate\":0.1,\"score\":50,\"hypothesis\":\"h\"}",
    "{\"event\":\"round\",\"round\":3}",
    "{\"event\":\"end\",\"round\":3,\"outcome\":\"tried\",\"detail\":\"\",\"experiment\":10,"
    "\"verdict\":\"LOSS\",\"estimate\":-0.1,\"score\":45}",
    "{\"event\":\"round\",\"round\":4}",
    "{\"event\":\"try\",\"round\":4,\"kernel\":\"l\",\"hypothesis\":\"i\",\"rows\":10}",
};

static void expect_account(const struct campaign *c)
{
    cr_assert_eq(c->n_rounds, 4);
    cr_assert_eq(c->spent.attempts, 2);
    cr_assert_eq(c->spent.wins, 1);
    cr_assert_float_eq(c->spent.gain, 0.1, 1e-12, "losses take nothing away: they were undone");
    cr_assert_float_eq(c->spent.score, 50, 1e-12);
    cr_assert_eq(c->experiment, 10);
    cr_assert_eq(c->n_ended[OUTCOME_CRASHED], 1);
    cr_assert_eq(c->n_failures, 0);
    cr_assert_str_eq(json_string_value(json_object_get(c->pending, "hypothesis")), "i");
    cr_assert_eq(json_array_size(c->rows), 0);
}

Test(campaign, adds_up_to_the_same_when_its_journal_is_read_again)
{
    struct campaign c, again;
    double seconds;

    begin(&c);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        note(&c, events[i]);
    expect_account(&c);
    seconds = c.spent.seconds;
    campaign_close(&c);
    go_on(&again, "{\"attempts\": 9}");
    expect_account(&again);
    cr_assert_eq(again.allowance.attempts, 9, "what is given anew replaces what was");
    cr_assert_str_eq(again.focus, "gemm");
    cr_assert_geq(again.spent.seconds, seconds, "time goes on from where it stood");
    campaign_close(&again);
}

Test(campaign, drops_a_line_that_a_crash_cut_short_and_appends_after_it)
{
    struct strbuf path = {0};
    struct campaign c;
    FILE *f;

    begin(&c);
    note(&c, events[0]);
    strbuf_addf(&path, "%s/journal.jsonl", c.journal.folder.data);
    campaign_close(&c);
    f = fopen(path.data, "a");
    fputs("{\"event\":\"end\",\"round\":1,\"outc", f);
    fclose(f);
    go_on(&c, "{}");
    cr_assert_eq(c.n_rounds, 1);
    cr_assert_not_null(c.pending);
    note(&c, events[1]);
    campaign_close(&c);
    go_on(&c, "{}");
    cr_assert_eq(c.n_ended[OUTCOME_CRASHED], 1);
    campaign_close(&c);
    strbuf_deinit(&path);
}

Test(campaign, is_refused_while_it_runs_and_where_its_journal_is_damaged)
{
    json_t *none = json_object();
    struct strbuf path = {0};
    struct campaign c, other;
    FILE *f;

    begin(&c);
    cr_assert_eq(campaign_resume(store, c.journal.id, none, &other), ERR_CONFLICT);
    cr_assert(strstr(err_message(), "is running; --campaign ID"), "%s", err_message());
    campaign_close(&other);
    strbuf_addf(&path, "%s/journal.jsonl", c.journal.folder.data);
    campaign_close(&c);
    f = fopen(path.data, "a");
    fputs("no JSON\n", f);
    fclose(f);
    cr_assert_eq(campaign_resume(store, NULL, none, &other), ERR_FORMAT);
    cr_assert(strstr(err_message(), "line 2 is damaged"), "%s", err_message());
    campaign_close(&other);
    json_decref(none);
    strbuf_deinit(&path);
}

Test(campaign, counts_a_win_by_its_share_and_its_score_only_for_the_whole)
{
    struct campaign c;

    begin(&c);
    note(&c, events[5]);
    note(&c, "{\"event\":\"end\",\"outcome\":\"tried\",\"experiment\":11,\"verdict\":\"WIN\","
             "\"estimate\":0.5,\"score\":900,\"share\":0.02,\"detail\":\"\"}");
    cr_assert_eq(c.spent.wins, 2);
    cr_assert_float_eq(c.spent.gain, 0.1 + 0.01, 1e-12);
    cr_assert_float_eq(c.spent.score, 50, 1e-12);
    campaign_close(&c);
}

Test(campaign, without_a_verdict_comes_to_an_end)
{
    struct campaign c;

    begin(&c);
    cr_assert_eq(c.allowance.agent_minutes, CAMPAIGN_AGENT_MINUTES);
    for (int i = 1; i <= 2; i++) {
        note(&c, "{\"event\":\"end\",\"outcome\":\"tried\",\"experiment\":11,\"verdict\":"
                 "\"INCONCLUSIVE\",\"unable\":true,\"detail\":\"no compiler\"}");
        cr_assert_eq(c.n_failures, i);
    }
    cr_assert_str_eq(c.failure, "tried: no compiler");
    campaign_close(&c);
    go_on(&c, "{\"agent_minutes\": 0}");
    cr_assert_eq(c.allowance.agent_minutes, 0);
    campaign_close(&c);
}

static void set_time(const char *path, time_t t)
{
    const struct timespec both[2] = {{.tv_sec = t}, {.tv_sec = t}};

    cr_assert_eq(utimensat(AT_FDCWD, path, both, 0), 0);
}

Test(campaign, keeps_its_folder_wherever_the_next_session_looks_and_loses_it_in_the_end)
{
    struct strbuf journal = {0};
    char place[PATH_MAX];
    struct campaign c;

    setenv("XDG_CACHE_HOME", store, 1);
    begin(&c);
    snprintf(place, sizeof place, "%s", c.workspace);
    cr_assert_eq(strncmp(place, store, strlen(store)), 0, "%s", place);
    cr_assert_eq(file_make_dirs(place), 0);
    strbuf_addf(&journal, "%s/journal.jsonl", c.journal.folder.data);
    campaign_close(&c);
    setenv("XDG_CACHE_HOME", "/nowhere", 1);
    go_on(&c, "{}");
    cr_assert_str_eq(c.workspace, place);
    setenv("XDG_CACHE_HOME", store, 1);
    set_time(journal.data, time(NULL) - 8 * 24 * 3600);
    campaign_sweep(store);
    cr_assert_eq(access(place, F_OK), 0, "it is running");
    campaign_close(&c);
    set_time(journal.data, time(NULL) - 6 * 24 * 3600);
    campaign_sweep(store);
    cr_assert_eq(access(place, F_OK), 0, "it may be gone on with");
    set_time(journal.data, time(NULL) - 8 * 24 * 3600);
    campaign_sweep(store);
    cr_assert_neq(access(place, F_OK), 0);
    strbuf_deinit(&journal);
}

Test(campaign, that_never_began_hides_none_that_did)
{
    struct strbuf folder = {0};
    struct campaign c;
    char id[40];

    begin(&c);
    snprintf(id, sizeof id, "%s", c.journal.id);
    campaign_close(&c);
    strbuf_addf(&folder, "%s/agents/99990101-000000-0000", store);
    cr_assert_eq(file_make_dirs(folder.data), 0);
    strbuf_addf(&folder, "/journal.jsonl");
    cr_assert_eq(file_write_atomic(folder.data, "", 0), 0);
    go_on(&c, "{}");
    cr_assert_str_eq(c.journal.id, id);
    campaign_close(&c);
    strbuf_deinit(&folder);
}

Test(campaign, counts_failures_in_a_row_and_forgets_them_after_an_attempt)
{
    struct campaign c;

    begin(&c);
    note(&c, events[1]);
    note(&c, events[1]);
    cr_assert_eq(c.n_failures, 2);
    cr_assert_str_eq(c.failure, "crashed: exit code 1");
    note(&c, "{\"event\":\"end\",\"outcome\":\"interrupted\",\"detail\":\"\"}");
    cr_assert_eq(c.n_failures, 2, "a crash of ours is not the agent's");
    note(&c, events[7]);
    cr_assert_eq(c.n_failures, 0);
    note(&c, "{\"event\":\"end\",\"outcome\":\"tried\",\"experiment\":11,\"verdict\":"
             "\"UNFIT_MACHINE\",\"detail\":\"\"}");
    cr_assert_eq(c.n_failures, 1, "a machine that cannot judge ends the campaign in the end");
    note(&c, "{\"event\":\"end\",\"outcome\":\"tried\",\"experiment\":12,\"verdict\":\"WIN\","
             "\"estimate\":0.5,\"overtaken\":true,\"detail\":\"\"}");
    cr_assert_eq(c.spent.wins, 0, "nothing came of it");
    note(&c, "{\"event\":\"stop\",\"reason\":\"enough\"}");
    cr_assert_str_eq(c.stopped, "enough");
    campaign_close(&c);
    go_on(&c, "{}");
    cr_assert_str_eq(c.stopped, "");
    cr_assert_eq(c.n_failures, 0, "whoever goes on means it");
    campaign_close(&c);
}
